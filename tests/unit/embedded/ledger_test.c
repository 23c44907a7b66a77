/* tests/unit/embedded/ledger_test.c -- the savings ledger is exact: whatever is done to objects, what their rows add up
 * to is what the journal's state and the spools say. */
#include "codec/crc.h"
#include "journal/recount.h"
#include "tests/unit/embedded/fixture.h"
#include "tests/unit/embedded/uploads.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

static const struct span bucket = SPAN("bucket");

/* ---- a journal of one replica that never fails: what was sent is in its state ---- */

static struct state state;

static void send_record(const struct journal_id *id, uint64_t record, struct span amounts)
{
    struct error error;
    struct buffer ops;
    uint32_t count;
    buffer_init(&ops, 0);
    uint64_t last;
    if (!state_spool_last(&state, id, &last))
        op_put_spool_open(&ops, id);
    ck_assert(ledger_put_record(&ops, id, record, amounts, &error));
    bool is_sound = ops_check(buffer_span(&ops), &count, &error);
    ck_assert_msg(is_sound, "%s", is_sound ? "" : error.message);
    const struct journal_id none = {{0}};
    ck_assert(state_apply_batch(&state, &none, 1, buffer_span(&ops)));
    buffer_free(&ops);
}

/* Sends what is frozen, everything twice; with `trim` it leaves the spool. */
static void send_all(struct bucket_store *store, bool trim)
{
    struct error error;
    struct spool *spool = embedded_spool(store);
    struct buffer infos;
    struct buffer amounts;
    buffer_init(&infos, 0);
    buffer_init(&amounts, 0);
    ck_assert(spool_list(spool, &infos, &error));
    const struct spool_info *info = (const struct spool_info *)(const void *)infos.data;
    for (size_t i = 0; i < infos.size / sizeof *info; i++) {
        struct journal_id id;
        memcpy(id.bytes, info[i].id, sizeof id.bytes);
        for (uint64_t record = info[i].first; record != 0 && record <= info[i].last_frozen; record++) {
            buffer_clear(&amounts);
            ck_assert(spool_read(spool, info[i].id, record, &amounts, &error));
            send_record(&id, record, buffer_span(&amounts));
            send_record(&id, record, buffer_span(&amounts));
        }
        if (trim && info[i].last_frozen > 0)
            ck_assert(spool_trim(spool, info[i].id, info[i].last_frozen, &error));
        if (trim && !info[i].is_own && !info[i].has_open)
            ck_assert(spool_remove(spool, info[i].id, &error));
    }
    buffer_free(&infos);
    buffer_free(&amounts);
}

static uint64_t freeze(struct bucket_store *store)
{
    struct error error;
    uint64_t last;
    ck_assert(spool_freeze(embedded_spool(store), &last, &error));
    return last;
}

/* ---- what is expected ---- */

static void fail_on_difference(void *context, const struct ledger_difference *difference)
{
    (void)context;
    const struct ledger_amounts *rows = &difference->rows;
    const struct ledger_amounts *ledger = &difference->ledger;
    ck_abort_msg("bucket %.*s: the rows have %lld, %lld, %lld, the ledger %lld, %lld, %lld",
                 SPAN_FORMAT(difference->bucket), (long long)rows->objects, (long long)rows->original_bytes,
                 (long long)rows->stored_bytes, (long long)ledger->objects, (long long)ledger->original_bytes,
                 (long long)ledger->stored_bytes);
}

static void expect_agreement_in(struct bucket_store *snapshot)
{
    struct error error;
    struct buffer amounts;
    buffer_init(&amounts, 0);
    bool done = ledger_compare(snapshot, &state, fail_on_difference, NULL, &amounts, &error);
    ck_assert_msg(done, "%s", done ? "" : error.message);
    ck_assert_uint_eq(amounts.size, 0);
    buffer_free(&amounts);
}

/* Rows = state + spools, in one transaction. */
static void expect_agreement(struct bucket_store *store)
{
    struct error error;
    struct bucket_store *snapshot = embedded_snapshot(store, &error);
    ck_assert_ptr_nonnull(snapshot);
    expect_agreement_in(snapshot);
    embedded_close(snapshot);
}

static struct ledger_amounts figure_of(struct bucket_store *store, struct span name)
{
    struct error error;
    struct bucket_info info;
    struct ledger_sums sums = {0};
    ck_assert(bucket_find(store, name, &info, &error));
    ledger_sums_add_state(&sums, &state);
    ck_assert(ledger_sums_add_spool(&sums, &state, embedded_spool(store), &error));
    struct ledger_amounts amounts = ledger_sums_find(&sums, name, info.creation_id);
    ledger_sums_free(&sums);
    return amounts;
}

#define EXPECT(store, objects_, original_, stored_)             \
    do {                                                        \
        struct ledger_amounts found = figure_of(store, bucket); \
        ck_assert_int_eq(found.objects, objects_);              \
        ck_assert_int_eq(found.original_bytes, original_);      \
        ck_assert_int_eq(found.stored_bytes, stored_);          \
        expect_agreement(store);                                \
    } while (0)

struct thing {
    uint64_t original;
    const char *body;
    const char *sidecar;
    bool is_uncounted;
    const struct write_condition *condition;
};

static bool try_write(struct bucket_store *store, struct span name, const char *key, const struct thing *thing,
                      struct error *error)
{
    struct write_intent intent = {.name = name_of(name, text(key))};
    struct bucket_writer *writer;
    if (!bucket_begin(store, &intent, &writer, error))
        return false;
    ck_assert(bucket_write(writer, text(thing->body), error));
    struct object_attributes attributes = {.original_size = thing->original, .is_size_known = true};
    etag_of_body(text(thing->body), attributes.etag);
    struct write_result result = {.attributes = &attributes,
                                  .sidecar = thing->sidecar == NULL ? SPAN_EMPTY : text(thing->sidecar),
                                  .condition = thing->condition,
                                  .is_uncounted = thing->is_uncounted};
    struct object_attributes stored;
    return bucket_commit(writer, &result, &stored, error);
}

static void write_thing(struct bucket_store *store, const char *key, const struct thing *thing)
{
    struct error error;
    bool done = try_write(store, bucket, key, thing, &error);
    ck_assert_msg(done, "%s", done ? "" : error.message);
}

static void copy_thing(struct bucket_store *store, const char *from, const char *to)
{
    struct error error;
    struct object_name source = name_of(bucket, text(from));
    struct object_name target = name_of(bucket, text(to));
    struct bucket_object *object;
    ck_assert(bucket_open(store, &source, &object, &error));
    struct object_attributes attributes = object->attributes;
    struct object_attributes stored;
    ck_assert(bucket_copy(object, &target, &(struct write_result){.attributes = &attributes}, &stored, &error));
    bucket_close(object);
}

static void drop(struct bucket_store *store, const char *key)
{
    struct error error;
    ck_assert(try_delete(store, bucket, text(key), &error));
}

static void make_bucket(struct bucket_store *store)
{
    struct error error;
    ck_assert(bucket_create(store, bucket, text("alice"), &error));
}

static void begin_test(void)
{
    state_free(&state);
    state_init(&state, NULL, 0);
}

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
    ck_assert(bucket_write_tags(store, &name, text("x=y"), 1, &error));
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
    ck_assert(bucket_write_tags(store, &name, text("x=y"), 1, &error)); /* it stays uncounted */
    drop(store, "a");
    drop(store, "c");
    EXPECT(store, 0, 0, 0);
    copy_thing(store, "b", "copy"); /* a copy does not inherit it */
    EXPECT(store, 1, 700, 12);
    write_thing(store, "b", &(struct thing){.original = 30, .body = "new"});
    EXPECT(store, 2, 730, 15);
    write_thing(store, "copy", &imported);
    EXPECT(store, 1, 30, 3);

    ck_assert(bucket_create(store, text(".bale"), text(""), &error));
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
        ck_assert(bucket_create(store, text(name), text("alice"), &error));
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

/* An object that cannot be deleted, because the list of its pieces is damaged: it breaks every batch that it is in,
 * whose other changes are then made one by one. */
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

/* The checksum of the part's bytes stands in the list of pieces. */
static void damage_pieces(const char *path)
{
    static uint8_t body[6000];
    char file[160];
    fill_bytes(damaged_part.seed, body, sizeof body);
    uint32_t crc = crc32c_update(0, span_of(body, sizeof body));
    (void)snprintf(file, sizeof file, "%s/catalogue/data.mdb", path);
    int fd = open(file, O_RDWR);
    off_t size = lseek(fd, 0, SEEK_END);
    uint8_t *bytes = mmap(NULL, (size_t)size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    ck_assert(fd >= 0 && bytes != MAP_FAILED);
    unsigned found = 0;
    for (off_t at = 0; at + 4 <= size; at++) {
        if (memcmp(bytes + at, &crc, 4) == 0) {
            bytes[at] ^= 1;
            found++;
        }
    }
    ck_assert_uint_gt(found, 0);
    ck_assert_int_eq(munmap(bytes, (size_t)size), 0);
    close(fd);
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
    damage_pieces(path);
    with_store(path, broken_batches, NULL);
    folder_remove(path);
}
END_TEST

/* ---- spools over restarts ---- */

static unsigned count_spools(struct bucket_store *store)
{
    struct error error;
    struct buffer infos;
    buffer_init(&infos, 0);
    ck_assert(spool_list(embedded_spool(store), &infos, &error));
    unsigned count = (unsigned)(infos.size / sizeof(struct spool_info));
    buffer_free(&infos);
    return count;
}

static void expect_no_spool(struct bucket_store *store, unsigned shard, void *argument)
{
    (void)shard, (void)argument;
    ck_assert_uint_eq(count_spools(store), 0);
    ck_assert_uint_eq(freeze(store), 0);
    ck_assert_uint_eq(count_spools(store), 0);
}

START_TEST(a_process_that_adds_nothing_leaves_nothing)
{
    char path[64];
    folder_make(path);
    for (unsigned i = 0; i < 100; i++)
        with_store(path, expect_no_spool, NULL);
    folder_remove(path);
}
END_TEST

static void make_first(struct bucket_store *store, unsigned shard, void *argument)
{
    (void)shard, (void)argument;
    make_bucket(store);
}

static void write_one_more(struct bucket_store *store, unsigned shard, void *argument)
{
    (void)shard;
    unsigned *round = argument;
    char key[32];
    (void)snprintf(key, sizeof key, "key-%u", *round);
    ck_assert_uint_eq(count_spools(store), *round);
    write_thing(store, key, &(struct thing){.original = 1000, .body = "0123456789"});
    ck_assert_uint_eq(count_spools(store), *round + 1);
    EXPECT(store, *round + 1, 1000 * (*round + 1), 10 * (*round + 1));
}

static void drain(struct bucket_store *store, unsigned shard, void *argument)
{
    (void)shard, (void)argument;
    send_all(store, false); /* and all of it again, after an answer that was lost */
    EXPECT(store, 20, 20000, 200);
    send_all(store, true);
    ck_assert_uint_eq(count_spools(store), 0);
    EXPECT(store, 20, 20000, 200);
}

START_TEST(found_spools_are_drained_under_their_own_ids)
{
    char path[64];
    folder_make(path);
    with_store(path, make_first, NULL);
    for (unsigned round = 0; round < 20; round++)
        with_store(path, write_one_more, &round);
    with_store(path, drain, NULL);
    folder_remove(path);
}
END_TEST

static void misuse(struct bucket_store *store, unsigned shard, void *argument)
{
    (void)shard, (void)argument;
    struct error error;
    struct spool *spool = embedded_spool(store);
    make_bucket(store);
    write_thing(store, "a", &(struct thing){.original = 100, .body = "abc"});
    struct buffer infos;
    buffer_init(&infos, 0);
    ck_assert(spool_list(spool, &infos, &error));
    struct spool_info info;
    memcpy(&info, infos.data, sizeof info);
    ck_assert(info.is_own && info.has_open && info.last_frozen == 0 && info.first == 1);
    ck_assert(!spool_trim(spool, info.id, 1, &error)); /* it is open */
    ck_assert(!spool_remove(spool, info.id, &error));
    ck_assert(!spool_read(spool, info.id, 2, &infos, &error));
    ck_assert_int_eq(error.kind, ERROR_NOT_FOUND);
    ck_assert_uint_eq(freeze(store), 1);
    ck_assert_uint_eq(freeze(store), 1); /* nothing new */
    write_thing(store, "b", &(struct thing){.original = 100, .body = "abc"});
    struct buffer before;
    struct buffer after;
    buffer_init(&before, 0);
    buffer_init(&after, 0);
    ck_assert(spool_read(spool, info.id, 1, &before, &error));
    write_thing(store, "c", &(struct thing){.original = 100, .body = "abc"});
    ck_assert(spool_read(spool, info.id, 1, &after, &error)); /* frozen is frozen */
    ck_assert(span_equal(buffer_span(&before), buffer_span(&after)));
    ck_assert(!spool_trim(spool, info.id, 2, &error));
    ck_assert_uint_eq(freeze(store), 2);
    ck_assert(spool_trim(spool, info.id, 1, &error));
    ck_assert(!spool_read(spool, info.id, 1, &infos, &error));
    ck_assert(spool_trim(spool, info.id, 1, &error)); /* again: nothing to do */
    buffer_clear(&after);
    ck_assert(spool_read(spool, info.id, 2, &after, &error)); /* those behind stay */
    write_thing(store, "d", &(struct thing){.original = 100, .body = "abc"});
    ck_assert(spool_trim(spool, info.id, 2, &error));
    ck_assert(!spool_read(spool, info.id, 2, &infos, &error));
    ck_assert(spool_read(spool, info.id, 3, &after, &error)); /* the open one, too */
    uint8_t unknown[SPOOL_ID_BYTES] = {1};
    ck_assert(spool_trim(spool, unknown, 5, &error));
    ck_assert(spool_remove(spool, unknown, &error));
    buffer_free(&before);
    buffer_free(&after);
    buffer_free(&infos);
}

START_TEST(only_frozen_records_leave)
{
    with_new_store(misuse, NULL);
}
END_TEST

/* ---- an earlier Bale's folder ---- */

static void expect_counted(struct bucket_store *store, unsigned shard, void *argument)
{
    (void)shard, (void)argument;
    EXPECT(store, 10, 25022,
           24035); /* what format_test put there: 10 objects, one of 1000 bytes in 6 and a sidecar of 7 */
    ck_assert_uint_eq(count_spools(store), 1);
}

static void copy_vectors(char path[64])
{
    char command[512];
    folder_make(path);
    (void)snprintf(command, sizeof command, "cp -R '%s'/store-v1/. '%s'", BALE_VECTORS, path);
    ck_assert_int_eq(system(command), 0);
}

START_TEST(an_earlier_folder_is_counted_once)
{
    char path[64];
    struct error error;
    copy_vectors(path);
    ck_assert_ptr_null(embedded_open_snapshot(path, &error)); /* it makes no tables */
    ck_assert_int_eq(error.kind, ERROR_UNSUPPORTED);
    with_store(path, expect_counted, NULL);
    with_store(path, expect_counted, NULL);
    with_store(path, expect_counted, NULL);
    char command[128];
    (void)snprintf(command, sizeof command, "grep -q '^bale store 2$' '%s/FORMAT'", path);
    ck_assert_int_eq(system(command), 0); /* an earlier Bale would write without counting */
    folder_remove(path);
}
END_TEST

/* ---- counting anew ---- */

static void put_wrong(struct bucket_store *store, int64_t objects, uint64_t recounts, bool expected)
{
    struct error error;
    struct bucket_info info;
    struct buffer amounts;
    ck_assert(bucket_find(store, bucket, &info, &error));
    buffer_init(&amounts, 0);
    spool_put_amounts(&amounts, &(struct spool_amounts){bucket, info.creation_id, {objects, 5, -7}});
    const struct embedded_correction correction = {.amounts = buffer_span(&amounts), .recounts = recounts};
    bool done = embedded_correct(store, &correction, &error);
    ck_assert(done == expected);
    if (!done)
        ck_assert_int_eq(error.kind, ERROR_CONFLICT);
    buffer_free(&amounts);
}

static void count_difference(void *context, const struct ledger_difference *difference)
{
    unsigned *count = context;
    ck_assert(span_equal(difference->bucket, bucket));
    ++*count;
}

static unsigned recount(struct bucket_store *store)
{
    unsigned differences = 0;
    struct error error;
    bool done = ledger_recount(store, &state, count_difference, &differences, &error);
    ck_assert_msg(done, "%s", done ? "" : error.message);
    return differences;
}

/* What ledger_recount does, and clients that go on between its steps. */
static void correct_while_written(struct bucket_store *store)
{
    struct error error;
    struct embedded_ledger ledger;
    struct buffer bytes;
    buffer_init(&bytes, 0);
    struct bucket_store *snapshot = embedded_snapshot(store, &error);
    ck_assert(embedded_ledger(snapshot, &ledger, &error) && ledger.is_counted && !ledger.is_in_doubt);
    write_thing(store, "late", &(struct thing){.original = 9, .body = "1"}); /* not in the snapshot */
    drop(store, "a");
    freeze(store);
    ck_assert(ledger_compare(snapshot, &state, NULL, NULL, &bytes, &error));
    embedded_close(snapshot);
    send_all(store, true);
    const struct embedded_correction correction = {.amounts = buffer_span(&bytes), .recounts = ledger.recounts};
    ck_assert(embedded_correct(store, &correction, &error));
    ck_assert(!embedded_correct(store, &correction, &error)); /* never twice */
    buffer_free(&bytes);
}

static void make_wrong(struct bucket_store *store, unsigned shard, void *argument)
{
    (void)shard, (void)argument;
    make_bucket(store);
    write_thing(store, "a", &(struct thing){.original = 100, .body = "abc"});
    write_thing(store, "b", &(struct thing){.original = 100, .body = "abc"});
    freeze(store);
    send_all(store, true);
    put_wrong(store, 3, 1, false);
    put_wrong(store, -30, 0, true);
    freeze(store);
    send_all(store, false);
    ck_assert_int_eq(figure_of(store, bucket).objects, -28); /* never clamped */
    correct_while_written(store);
    EXPECT(store, 2, 109, 4);
    put_wrong(store, 7, 2, true);
    ck_assert_uint_eq(recount(store), 1);
    EXPECT(store, 2, 109, 4);
    ck_assert_uint_eq(recount(store), 0);
    EXPECT(store, 2, 109, 4);
}

START_TEST(a_recount_holds_whatever_is_written_meanwhile)
{
    with_new_store(make_wrong, NULL);
}
END_TEST

static void send_three(struct bucket_store *store, unsigned shard, void *argument)
{
    (void)shard, (void)argument;
    static const char *const keys[] = {"a", "b", "c"};
    make_bucket(store);
    for (unsigned i = 0; i < 3; i++) {
        write_thing(store, keys[i], &(struct thing){.original = 100, .body = "abc"});
        freeze(store);
        send_all(store, true);
    }
    write_thing(store, "d", &(struct thing){.original = 1000, .body = "abcd"});
    freeze(store);
}

static void after_restore(struct bucket_store *store, unsigned shard, void *argument)
{
    (void)shard, (void)argument;
    state_free(&state); /* the journal has lost what it had */
    state_init(&state, NULL, 0);
    ck_assert_int_eq(figure_of(store, bucket).objects, 1);
    ck_assert_uint_eq(count_spools(store), 1);
    ck_assert_uint_eq(recount(store), 1);
    EXPECT(store, 4, 1300, 13);
    freeze(store);
    send_all(store, true); /* and nothing waits for records that never come */
    EXPECT(store, 4, 1300, 13);
    ck_assert_int_eq(ledger_in_state(&state, bucket, 1).objects, 4);
    ck_assert_uint_eq(count_spools(store), 1); /* the own one */
}

START_TEST(a_journal_that_was_restored_gets_the_ledger_back)
{
    char path[64];
    folder_make(path);
    with_store(path, send_three, NULL);
    with_store(path, after_restore, NULL);
    folder_remove(path);
}
END_TEST

static void put_to_damage(struct bucket_store *store, unsigned shard, void *argument)
{
    (void)shard;
    make_bucket(store);
    write_thing(store, "good", &(struct thing){.original = 100, .body = "abc"});
    put(store, bucket, text("bad"), span_of(argument, 5000));
}

static void after_repair(struct bucket_store *store, unsigned shard, void *argument)
{
    (void)shard, (void)argument;
    struct error error;
    struct embedded_ledger ledger;
    ck_assert(embedded_ledger(store, &ledger, &error) && ledger.is_in_doubt);
    expect_missing(store, bucket, text("bad"));
    ck_assert_int_eq(figure_of(store, bucket).objects, 2);
    ck_assert_uint_eq(recount(store), 1);
    EXPECT(store, 1, 100, 3);
    ck_assert(embedded_ledger(store, &ledger, &error) && !ledger.is_in_doubt);
}

START_TEST(repair_leaves_the_ledger_in_doubt_until_a_recount)
{
    char path[64];
    char file[160];
    static uint8_t body[5000];
    struct error error;
    struct embedded_report report = {0};
    folder_make(path);
    fill_bytes(5, body, sizeof body);
    with_store(path, put_to_damage, body);
    (void)snprintf(file, sizeof file, "%s/volumes/00000001", path);
    FILE *volume = fopen(file, "r+b");
    ck_assert_ptr_nonnull(volume);
    ck_assert_int_eq(fputc(body[0] ^ 1, volume), body[0] ^ 1); /* the first body lies at the start */
    ck_assert_int_eq(fclose(volume), 0);
    ck_assert(!embedded_check(path, false, &report, &error));
    ck_assert(embedded_check(path, true, &report, &error));
    with_store(path, after_repair, NULL);
    folder_remove(path);
}
END_TEST

/* ---- snapshots and crashes: a child writes on two shards and is killed ---- */

enum { SHARDS = 2, CHILD_FIBERS = 16 };

struct child {
    struct bucket_store *store;
    unsigned shard;
    uint64_t seed;
};

static void write_one(struct bucket_store *store, struct random_source *random, const char *key)
{
    static const char text_of[] = "some bytes that are stored, more or fewer of them";
    struct error error;
    struct thing thing = {.original = random_below(random, 100000),
                          .body = text_of + random_below(random, sizeof text_of),
                          .sidecar = random_below(random, 3) == 0 ? "sidecar" : NULL,
                          .is_uncounted = random_below(random, 5) == 0};
    if (!try_write(store, bucket, key, &thing, &error))
        _exit(3);
}

static void upload_one(struct bucket_store *store, struct random_source *random, const char *key)
{
    struct error error;
    char id[UPLOAD_ID_BYTES];
    const struct test_part parts[] = {{1, 7, 6000}, {2, 8, 1 + (size_t)random_below(random, 5000)}};
    begin_upload(store, bucket, text(key), id);
    put_part(store, bucket, text(key), id, &parts[0]);
    put_part(store, bucket, text(key), id, &parts[1]);
    if (!try_complete(store, bucket, text(key), id, parts, 1 + (unsigned)random_below(random, 2), NULL, &error))
        _exit(4);
}

static void copy_one(struct bucket_store *store, const char *from, const char *to)
{
    struct error error;
    struct object_name source = name_of(bucket, text(from));
    struct object_name target = name_of(bucket, text(to));
    struct bucket_object *object;
    if (!bucket_open(store, &source, &object, &error))
        return;
    struct object_attributes attributes = object->attributes;
    struct object_attributes stored;
    if (!bucket_copy(object, &target, &(struct write_result){.attributes = &attributes}, &stored, &error))
        _exit(5);
    bucket_close(object);
}

static void delete_some(struct bucket_store *store, struct random_source *random)
{
    struct error error;
    char keys[6][16];
    struct delete_item items[6] = {0};
    for (unsigned i = 0; i < 6; i++) {
        (void)snprintf(keys[i], sizeof keys[i], "key-%u", (unsigned)random_below(random, 10));
        items[i].key = text(keys[i]);
    }
    if (!bucket_delete_objects(store, bucket, items, 6, &error))
        _exit(6);
}

/* A bucket that comes, is filled and emptied, and goes. */
static void pass_through(struct bucket_store *store, unsigned number)
{
    struct error error;
    char name[32];
    (void)snprintf(name, sizeof name, "passing-%u", number);
    (void)bucket_create(store, text(name), text("alice"), &error);
    (void)try_put(store, text(name), text("k"), text("body"), NULL, &error);
    (void)try_delete(store, text(name), text("k"), &error);
    (void)bucket_delete(store, text(name), &error);
}

static void change_one(struct child *child, unsigned index, struct random_source *random)
{
    static uint8_t body[60000];
    struct bucket_store *store = child->store;
    struct error error;
    uint64_t last;
    char key[16];
    char other[16];
    (void)snprintf(key, sizeof key, "key-%u", (unsigned)random_below(random, 40));
    (void)snprintf(other, sizeof other, "key-%u", (unsigned)random_below(random, 40));
    switch (random_below(random, 10)) {
    case 0:
        if (index == 0 && !spool_freeze(embedded_spool(store), &last, &error))
            _exit(7);
        pass_through(store, child->shard * CHILD_FIBERS + index);
        break;
    case 1:
        (void)try_delete(store, bucket, text(key), &error);
        break;
    case 2:
        delete_some(store, random);
        break;
    case 3:
        upload_one(store, random, key);
        break;
    case 4:
        copy_one(store, key, other);
        break;
    case 5:
        if (!try_put(store, bucket, text(key), span_of(body, (size_t)random_below(random, sizeof body)), NULL, &error))
            _exit(8);
        break;
    default:
        write_one(store, random, key);
    }
}

static void change_forever(unsigned index, void *argument)
{
    struct child *child = argument;
    struct random_seeded seeded;
    struct random_source random = random_seeded(&seeded, child->seed * 1000 + child->shard * 100 + index);
    for (;;)
        change_one(child, index, &random);
}

static void child_body(struct bucket_store *store, unsigned shard, void *argument)
{
    struct child child = *(struct child *)argument;
    child.store = store;
    child.shard = shard;
    run_fibers(CHILD_FIBERS, change_forever, &child);
}

static pid_t start_child(const char *path, uint64_t seed)
{
    pid_t pid = fork();
    ck_assert_int_ge(pid, 0);
    if (pid != 0)
        return pid;
    struct child child = {.seed = seed};
    struct bucket_store *store = open_store(path, &(struct embedded_options){.shards = SHARDS});
    run_shards(store, SHARDS, child_body, &child);
    _exit(0);
}

static void kill_child(pid_t pid)
{
    int status;
    ck_assert_int_eq(kill(pid, SIGKILL), 0);
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    ck_assert_msg(WIFSIGNALED(status), "the child ended by itself: %d", WEXITSTATUS(status));
}

/* Sends, trims or not, and dies in between as the child does. */
static void after_crash(struct bucket_store *store, unsigned shard, void *argument)
{
    (void)shard;
    unsigned round = *(unsigned *)argument;
    expect_agreement(store);
    if (round % 3 > 0)
        send_all(store, round % 3 == 2);
    expect_agreement(store);
}

START_TEST(a_kill_neither_loses_nor_doubles)
{
    char path[64];
    folder_make(path);
    with_store(path, make_first, NULL);
    for (unsigned round = 0; round < 24; round++) {
        pid_t pid = start_child(path, round + 1);
        usleep(20000 + round % 5 * 17000);
        kill_child(pid);
        with_store(path, after_crash, &round);
    }
    folder_remove(path);
}
END_TEST

static void read_snapshot(void *argument)
{
    struct bucket_store *snapshot = argument;
    struct error error;
    struct arena arena;
    struct list_page page;
    arena_init(&arena, 1 << 20);
    struct list_request request = {.bucket = bucket, .entries_max = 1000};
    ck_assert(bucket_list(snapshot, &request, &arena, &page, &error));
    struct buffer bytes;
    buffer_init(&bytes, 0);
    ck_assert(embedded_count(snapshot, &bytes, &error));
    struct ledger_sums rows = {0};
    struct bucket_info info;
    ck_assert(ledger_sums_add_record(&rows, buffer_span(&bytes), &error));
    ck_assert(bucket_find(snapshot, bucket, &info, &error));
    /* one moment: some of what is listed is not counted */
    ck_assert_int_le(ledger_sums_find(&rows, bucket, info.creation_id).objects, page.count);
    for (unsigned i = 0; i < page.count; i++) {
        struct object_name name = name_of(bucket, page.entries[i].key);
        struct bucket_object *object;
        if (bucket_open(snapshot, &name, &object, &error)) { /* else its blocks were written over meanwhile */
            ck_assert_uint_eq(object->attributes.original_size, page.entries[i].original_size);
            bucket_close(object);
        } else {
            ck_assert_str_ne(error.code, "NoSuchKey");
        }
    }
    uint64_t last;
    ck_assert(!spool_freeze(embedded_spool(snapshot), &last, &error));
    expect_agreement_in(snapshot);
    ledger_sums_free(&rows);
    buffer_free(&bytes);
    arena_free(&arena);
    loop_stop(loop_current(), DEADLINE_NONE);
}

static void look_at(const char *path)
{
    struct error error;
    struct bucket_store *snapshot = embedded_open_snapshot(path, &error);
    ck_assert_msg(snapshot != NULL, "%s", snapshot == NULL ? error.message : "");
    struct loop *loop = loop_create(&(struct loop_options){.ring_entries = 64}, &error);
    ck_assert_ptr_nonnull(loop);
    ck_assert(fiber_spawn("reader", read_snapshot, snapshot, &error));
    loop_run(loop);
    loop_destroy(loop);
    embedded_close(snapshot);
}

START_TEST(a_snapshot_is_one_moment_of_a_folder_in_use)
{
    char path[64];
    folder_make(path);
    with_store(path, make_first, NULL);
    pid_t pid = start_child(path, 4711);
    usleep(100000);
    for (unsigned i = 0; i < 50; i++)
        look_at(path);
    kill_child(pid);
    look_at(path); /* and of one that nobody has open: nothing is made sound, nothing is made */
    folder_remove(path);
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
    tcase_add_test(operations, completed_uploads_count_all_their_pieces);
    tcase_add_test(operations, imported_and_system_objects_are_not_counted);
    tcase_add_test(operations, a_bucket_does_not_inherit_from_one_of_its_name);
    tcase_add_test(operations, a_record_is_bounded);
    tcase_add_test(operations, a_full_catalogue_counts_what_it_holds);
    tcase_add_test(operations, what_is_tried_again_one_by_one_counts_once);
    tcase_add_test(operations, a_process_that_adds_nothing_leaves_nothing);
    tcase_add_test(operations, found_spools_are_drained_under_their_own_ids);
    tcase_add_test(operations, only_frozen_records_leave);
    tcase_add_test(operations, an_earlier_folder_is_counted_once);
    tcase_add_test(operations, a_recount_holds_whatever_is_written_meanwhile);
    tcase_add_test(operations, a_journal_that_was_restored_gets_the_ledger_back);
    tcase_add_test(operations, repair_leaves_the_ledger_in_doubt_until_a_recount);
    tcase_add_test(operations, a_kill_neither_loses_nor_doubles);
    tcase_add_test(operations, a_snapshot_is_one_moment_of_a_folder_in_use);
    suite_add_tcase(suite, operations);
    return run_suite(suite);
}
