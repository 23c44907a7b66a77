/* tests/unit/embedded/ledger_test.c -- the savings ledger is exact: whatever is done to objects, what their rows add up
 * to is what the journal's state and the spools say. */
#include "store/embedded/catalogue/catalogue.h"
#include "store/embedded/volumes/space.h"
#include "tests/unit/embedded/ledger_fixture.h"
#include "tests/unit/embedded/uploads.h"

#include <stdio.h>

/* ---- operations ---- */

static void writes_and_deletes(struct bucket_store *store, unsigned shard, void *argument)
{
    (void)shard, (void)argument;
    make_bucket(store);
    EXPECT(store, 0, 0, 0);
    write_thing(store, "a", &(struct thing){.original = 1000, .body = "0123456789"});
    EXPECT(store, 1, 1000, 10);
    write_thing(store, "b", &(struct thing){.original = 5000, .body = "01234", .sidecar = "sidecar"});
    EXPECT(store, 2, 6000, 22);
    write_thing(store, "b", &(struct thing){.original = 4000, .body = "0123"}); /* its sidecar goes */
    EXPECT(store, 2, 5000, 14);
    write_thing(store, "a", &(struct thing){.original = 1, .body = "", .sidecar = "side"});
    EXPECT(store, 2, 4001, 8);
    drop(store, "a");
    drop(store, "a"); /* there is nothing any more */
    drop(store, "never");
    EXPECT(store, 1, 4000, 4);

    copy_thing(store, "b", "c");
    EXPECT(store, 2, 8000, 8);
    copy_thing(store, "b", "b");
    EXPECT(store, 2, 8000, 8);

    struct object_name name = name_of(bucket, text("c"));
    struct error error;
    ck_assert(bucket_write_tags(store, &name, text("x=y"), 1, NULL, &error));
    EXPECT(store, 2, 8000, 8);
    drop(store, "b");
    drop(store, "c");
    EXPECT(store, 0, 0, 0);
    ck_assert_uint_eq(freeze(store), 0); /* all of it was taken back: nothing to send */
}

START_TEST(writes_overwrites_copies_and_deletes)
{
    with_new_store(writes_and_deletes, NULL);
}
END_TEST

static void conditions(struct bucket_store *store, unsigned shard, void *argument)
{
    (void)shard, (void)argument;
    struct error error;
    make_bucket(store);
    const struct write_condition absent = {.if_none_match = SPAN("*")};
    const struct write_condition other = {.if_match = SPAN("\"00112233445566778899aabbccddeeff\"")};
    const struct thing first = {.original = 100, .body = "abc", .condition = &absent};
    const struct thing wrong = {.original = 200, .body = "defgh", .condition = &other};
    write_thing(store, "a", &first);
    EXPECT(store, 1, 100, 3);
    ck_assert(!try_write(store, bucket, "a", &first, &error));
    ck_assert_str_eq(error.code, "PreconditionFailed");
    ck_assert(!try_write(store, bucket, "a", &wrong, &error));
    ck_assert(!try_write(store, bucket, "missing", &wrong, &error));
    ck_assert(!try_write(store, text("no-bucket"), "a", &first, &error));
    struct delete_item item = {.key = text("a"), .condition = &other};
    ck_assert(bucket_delete_objects(store, bucket, &item, 1, &error));
    ck_assert(!item.is_deleted);
    EXPECT(store, 1, 100, 3);

    /* a key that stands twice in one request goes once */
    write_thing(store, "b", &(struct thing){.original = 50, .body = "xy", .sidecar = "s"});
    struct delete_item items[] = {{.key = text("b")}, {.key = text("b")}, {.key = text("nothing")}, {.key = text("b")}};
    ck_assert(bucket_delete_objects(store, bucket, items, 4, &error));
    EXPECT(store, 1, 100, 3);
}

START_TEST(what_was_refused_counts_nothing)
{
    with_new_store(conditions, NULL);
}
END_TEST

static void uploads(struct bucket_store *store, unsigned shard, void *argument)
{
    (void)shard, (void)argument;
    struct error error;
    char id[UPLOAD_ID_BYTES];
    const struct test_part parts[] = {{1, 7, 6000}, {2, 8, 5000}, {5, 9, 10}};
    make_bucket(store);
    write_thing(store, "big", &(struct thing){.original = 100, .body = "abc", .sidecar = "0123456789"});
    begin_upload(store, bucket, text("big"), id);
    for (unsigned i = 0; i < 3; i++)
        put_part(store, bucket, text("big"), id, &parts[i]);
    EXPECT(store, 1, 100, 13); /* parts are no objects */
    const struct write_condition absent = {.if_none_match = SPAN("*")};
    ck_assert(!try_complete(store, bucket, text("big"), id, parts, 3, &absent, &error));
    EXPECT(store, 1, 100, 13);
    complete(store, bucket, text("big"), id, parts, 2); /* with a sidecar of 9 bytes; part 5 is left out */
    EXPECT(store, 1, 11000, 11009);
    begin_upload(store, bucket, text("big"), id);
    put_part(store, bucket, text("big"), id, &parts[2]);
    complete(store, bucket, text("big"), id, &parts[2], 1);
    EXPECT(store, 1, 10, 10);
    begin_upload(store, bucket, text("aborted"), id);
    put_part(store, bucket, text("aborted"), id, &parts[0]);
    struct object_name name = name_of(bucket, text("aborted"));
    ck_assert(bucket_abort_upload(store, &name, text(id), &error));
    drop(store, "big");
    EXPECT(store, 0, 0, 0);
}

START_TEST(completed_uploads_count_all_their_pieces)
{
    with_new_store(uploads, NULL);
}
END_TEST

static void uncounted(struct bucket_store *store, unsigned shard, void *argument)
{
    (void)shard, (void)argument;
    struct error error;
    const struct thing imported = {.original = 700, .body = "imported", .sidecar = "side", .is_uncounted = true};
    make_bucket(store);
    write_thing(store, "a", &imported);
    write_thing(store, "b", &imported);
    write_thing(store, "c", &imported);
    EXPECT(store, 0, 0, 0);
    struct object_name name = name_of(bucket, text("c"));
    ck_assert(bucket_write_tags(store, &name, text("x=y"), 1, NULL, &error)); /* it stays uncounted */
    drop(store, "a");
    drop(store, "c");
    EXPECT(store, 0, 0, 0);
    copy_thing(store, "b", "copy"); /* a copy does not inherit it */
    EXPECT(store, 1, 700, 12);
    write_thing(store, "b", &(struct thing){.original = 30, .body = "new"});
    EXPECT(store, 2, 730, 15);
    write_thing(store, "copy", &imported);
    EXPECT(store, 1, 30, 3);

    ck_assert(bucket_create(store, &(struct bucket_intent){.name = text(".bale"), .owner = text("")}, &error));
    ck_assert(try_write(store, text(".bale"), "journal/head", &(struct thing){.original = 9, .body = "head"}, &error));
    EXPECT(store, 1, 30, 3);
    ck_assert_int_eq(figure_of(store, text(".bale")).objects, 0);
}

START_TEST(imported_and_system_objects_are_not_counted)
{
    with_new_store(uncounted, NULL);
}
END_TEST

static void successor(struct bucket_store *store, unsigned shard, void *argument)
{
    (void)shard, (void)argument;
    struct error error;
    make_bucket(store);
    write_thing(store, "a", &(struct thing){.original = 100, .body = "abc"});
    freeze(store);
    send_all(store, true);
    drop(store, "a");
    ck_assert(bucket_delete(store, bucket, &error));
    make_bucket(store);
    EXPECT(store, 0, 0, 0); /* the earlier bucket's last amounts are on their way */
    write_thing(store, "b", &(struct thing){.original = 10, .body = "ab"});
    EXPECT(store, 1, 10, 2);
    freeze(store);
    send_all(store, true);
    EXPECT(store, 1, 10, 2);
}

START_TEST(a_bucket_does_not_inherit_from_one_of_its_name)
{
    with_new_store(successor, NULL);
}
END_TEST

enum { MANY_BUCKETS = SPOOL_RECORD_BUCKETS_MAX + 50, MANY_FIBERS = 200 };

static void fill_buckets(unsigned index, void *argument)
{
    struct bucket_store *store = argument;
    struct error error;
    char name[32];
    for (unsigned i = index; i < MANY_BUCKETS; i += MANY_FIBERS) {
        (void)snprintf(name, sizeof name, "bucket-%u", i);
        create_bucket(store, text(name));
        ck_assert(try_write(store, text(name), "a", &(struct thing){.original = i + 1, .body = "body"}, &error));
    }
}

static void many_buckets(struct bucket_store *store, unsigned shard, void *argument)
{
    (void)shard, (void)argument;
    run_fibers(MANY_FIBERS, fill_buckets, store);
    expect_agreement(store);
    struct error error;
    struct buffer infos;
    buffer_init(&infos, 0);
    ck_assert(spool_list(embedded_spool(store), &infos, &error));
    ck_assert_uint_eq(infos.size, sizeof(struct spool_info));
    const struct spool_info *info = (const struct spool_info *)(const void *)infos.data;
    ck_assert_uint_eq(info->first, 1);
    ck_assert_uint_eq(info->last_frozen, 1); /* it was full */
    ck_assert(info->has_open);
    buffer_free(&infos);
    ck_assert_uint_eq(freeze(store), 2);
    send_all(store, true);
    expect_agreement(store);
    ck_assert_int_eq(figure_of(store, text("bucket-4099")).original_bytes, 4100);
}

START_TEST(a_record_is_bounded)
{
    with_new_store(many_buckets, NULL);
}
END_TEST

/* ---- batches that fail ---- */

struct flood {
    struct bucket_store *store;
    unsigned next;
    unsigned refused;
};

static void flood(unsigned index, void *argument)
{
    struct flood *run = argument;
    static char body[1900];
    (void)index;
    while (run->refused < 300) {
        char key[32];
        struct error error;
        unsigned number = run->next++;
        (void)snprintf(key, sizeof key, "%08x", number * 2654435761U);
        memset(body, 'x', sizeof body - 1);
        if (!try_write(run->store, bucket, key, &(struct thing){.original = number, .body = body}, &error))
            run->refused++;
        if (number % 5 == 0)
            (void)try_delete(run->store, bucket, text(key), &error);
    }
}

static void fill_up(struct bucket_store *store, unsigned shard, void *argument)
{
    (void)shard, (void)argument;
    struct flood run = {.store = store};
    make_bucket(store);
    run_fibers(32, flood, &run);
    expect_agreement(store);
    ck_assert_int_gt(figure_of(store, bucket).objects, 100);
}

START_TEST(a_full_catalogue_counts_what_it_holds)
{
    char path[64];
    folder_make(path);
    struct bucket_store *store =
        open_store(path, &(struct embedded_options){.shards = 1, .catalogue_max_bytes = 8 << 20});
    run_shards(store, 1, fill_up, NULL);
    embedded_close(store);
    folder_remove(path);
}
END_TEST

/* An object that cannot be deleted, because the table of free space says that its blocks are free: it breaks every
 * batch that it is in, whose other changes are then made one by one. */
static const struct test_part damaged_part = {1, 4242, 6000};

static void put_damaged(struct bucket_store *store, unsigned shard, void *argument)
{
    (void)shard, (void)argument;
    char id[UPLOAD_ID_BYTES];
    make_bucket(store);
    begin_upload(store, bucket, text("damaged"), id);
    put_part(store, bucket, text("damaged"), id, &damaged_part);
    complete(store, bucket, text("damaged"), id, &damaged_part, 1);
}

static void free_all_blocks(const char *path)
{
    struct folder folder;
    struct catalogue catalogue;
    struct error error;
    MDB_txn *txn;
    static const uint64_t nothing_taken[SPACE_PART_BLOCKS / 64];
    ck_assert(folder_open(path, false, random_system(), &folder, &error));
    ck_assert(catalogue_open(path, 1 << 30, folder.uuid, false, &catalogue, &error));
    ck_assert_int_eq(mdb_txn_begin(catalogue.env, NULL, 0, &txn), 0);
    ck_assert(space_store(txn, &catalogue, 1, SPACE_PART_BLOCKS, nothing_taken, &error));
    ck_assert_int_eq(mdb_txn_commit(txn), 0);
    catalogue_close(&catalogue);
    folder_close(&folder);
}

static void break_batches(unsigned index, void *argument)
{
    struct bucket_store *store = argument;
    struct error error;
    char key[32];
    (void)snprintf(key, sizeof key, "key-%u", index);
    for (unsigned round = 0; round < 10; round++) {
        if (index == 0) {
            ck_assert(!try_delete(store, bucket, text("damaged"), &error));
        } else if (index == 1) {
            struct delete_item items[] = {{.key = text("key-5")}, {.key = text("damaged")}, {.key = text("key-6")}};
            ck_assert(bucket_delete_objects(store, bucket, items, 3, &error));
            ck_assert(items[0].is_deleted && !items[1].is_deleted && items[2].is_deleted);
        } else {
            write_thing(store, key, &(struct thing){.original = 100 + round, .body = "abc", .sidecar = "s"});
            if (index % 3 == 0)
                drop(store, key);
        }
    }
}

static void broken_batches(struct bucket_store *store, unsigned shard, void *argument)
{
    (void)shard, (void)argument;
    run_fibers(24, break_batches, store);
    expect_agreement(store);
    ck_assert_int_eq(figure_of(store, bucket).stored_bytes % 4, 6000 % 4); /* whole objects of four bytes each */
}

START_TEST(what_is_tried_again_one_by_one_counts_once)
{
    char path[64];
    folder_make(path);
    with_store(path, put_damaged, NULL);
    free_all_blocks(path);
    with_store(path, broken_batches, NULL);
    folder_remove(path);
}
END_TEST

#define EXPECT_FORMER(store, versions_, original_, stored_)       \
    do {                                                          \
        struct ledger_amounts found = figure_of(store, bucket);   \
        ck_assert_int_eq(found.former_versions, versions_);       \
        ck_assert_int_eq(found.former_original_bytes, original_); \
        ck_assert_int_eq(found.former_stored_bytes, stored_);     \
    } while (0)

/* Former versions are stored, and count apart; markers are nothing. Keys of every length, and some without a current
 * object. */
static void versions(struct bucket_store *store, unsigned shard, void *argument)
{
    (void)shard, (void)argument;
    static char long_key[1000];
    const struct thing first = {.original = 100, .body = "first"};
    const struct thing second = {.original = 200, .body = "second one"};
    const char *const keys[] = {"short", long_key};
    struct error error;
    memset(long_key, 'l', sizeof long_key - 1);
    make_bucket(store);
    write_thing(store, "short", &first);
    ck_assert(bucket_set_versioning(store, bucket, VERSIONING_ENABLED, &error));
    for (unsigned i = 0; i < 2; i++) {
        write_thing(store, keys[i], &second);
        write_thing(store, keys[i], &first);
    }
    EXPECT(store, 2, 2 * 100, 2 * 5);
    EXPECT_FORMER(store, 3, 100 + 2 * 200, 5 + 2 * 10);
    struct delete_item marker = {.key = text("short")};
    ck_assert(bucket_delete_objects(store, bucket, &marker, 1, &error) && marker.is_marker);
    drop(store, keys[1]);
    drop(store, keys[1]);
    EXPECT(store, 0, 0, 0);
    EXPECT_FORMER(store, 5, 3 * 100 + 2 * 200, 3 * 5 + 2 * 10);
    struct delete_item null_version = {.key = text("short"), .version = text("null")};
    ck_assert(bucket_delete_objects(store, bucket, &null_version, 1, &error) && null_version.is_deleted);
    EXPECT_FORMER(store, 4, 2 * 100 + 2 * 200, 2 * 5 + 2 * 10);
    marker.version = text(marker.marker_version); /* what is beneath it is current again */
    struct delete_item gone = {.key = marker.key, .version = marker.version};
    ck_assert(bucket_delete_objects(store, bucket, &gone, 1, &error) && gone.is_marker);
    EXPECT(store, 1, 100, 5);
    EXPECT_FORMER(store, 3, 100 + 2 * 200, 5 + 2 * 10);
    ck_assert(bucket_set_versioning(store, bucket, VERSIONING_SUSPENDED, &error));
    write_thing(store, long_key, &second);
    write_thing(store, long_key, &first); /* in its place */
    EXPECT(store, 2, 2 * 100, 2 * 5);
    EXPECT_FORMER(store, 3, 100 + 2 * 200, 5 + 2 * 10);
}

START_TEST(former_versions_count)
{
    with_new_store(versions, NULL);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("embedded ledger");
    TCase *operations = tcase_create("ledger");
    tcase_set_timeout(operations, 120);
    tcase_add_checked_fixture(operations, begin_test, NULL);
    tcase_add_test(operations, writes_overwrites_copies_and_deletes);
    tcase_add_test(operations, what_was_refused_counts_nothing);
    tcase_add_test(operations, former_versions_count);
    tcase_add_test(operations, completed_uploads_count_all_their_pieces);
    tcase_add_test(operations, imported_and_system_objects_are_not_counted);
    tcase_add_test(operations, a_bucket_does_not_inherit_from_one_of_its_name);
    tcase_add_test(operations, a_record_is_bounded);
    tcase_add_test(operations, a_full_catalogue_counts_what_it_holds);
    tcase_add_test(operations, what_is_tried_again_one_by_one_counts_once);
    suite_add_tcase(suite, operations);
    return run_suite(suite);
}
