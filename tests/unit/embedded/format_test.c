/* tests/unit/embedded/format_test.c -- a folder of every format that Bale ever wrote opens, reads, checks and can be
 * written.
 *
 * tests/vectors/store-vN were made by this program, as it was at the time: BALE_MAKE_STORE=FOLDER format_test. They are
 * never made again; a new format adds a folder. */
#include "tests/unit/embedded/fixture.h"
#include "tests/unit/embedded/uploads.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static const struct span bucket = SPAN("bucket");
static const size_t sizes[] = {0, 5, 2000, 2001, 20000};

static void long_key(size_t size, char ret_key[1025])
{
    memset(ret_key, 'k', size);
    ret_key[size] = '\0';
}

static void make_store(struct bucket_store *store, unsigned shard, void *argument)
{
    (void)shard, (void)argument;
    struct error error;
    char key[1025];
    static uint8_t body[20000];
    create_bucket(store, bucket);
    ck_assert(bucket_create(store, &(struct bucket_intent){.name = text("gone"), .owner = text("bob")}, &error));
    ck_assert(bucket_delete(store, text("gone"), &error));
    for (unsigned i = 0; i < 5; i++) {
        (void)snprintf(key, sizeof key, "object-%u", i);
        fill_bytes(i, body, sizes[i]);
        put(store, bucket, text(key), span_of(body, sizes[i]));
    }
    static const size_t key_sizes[] = {505, 506, 1011, 1024};
    for (unsigned i = 0; i < 4; i++) {
        long_key(key_sizes[i], key);
        put(store, bucket, text(key), text("long"));
    }
    put(store, bucket, text("deleted"), text("x"));
    ck_assert(try_delete(store, bucket, text("deleted"), &error));

    struct buffer metadata;
    buffer_init(&metadata, 0);
    ck_assert(metadata_append(&metadata, text("content-type"), text("text/plain")));
    struct object_attributes attributes = {.original_size = 1000,
                                           .is_size_known = true,
                                           .is_s4 = true,
                                           .is_multipart = true,
                                           .layout = LAYOUT_FRAMED,
                                           .codec = 1,
                                           .etag = "00112233445566778899aabbccddeeff-2",
                                           .dictionary = "8899aabbccddeeff",
                                           .parts_count = 2,
                                           .checksum = {.algorithm = CHECKSUM_CRC64NVME, .bytes = {1, 2, 3}},
                                           .metadata = buffer_span(&metadata)};
    struct write_intent intent = {.name = name_of(bucket, text("attributes"))};
    struct bucket_writer *writer;
    struct object_attributes stored;
    struct write_result result = {.attributes = &attributes, .sidecar = text("sidecar")};
    ck_assert(bucket_begin(store, &intent, &writer, &error));
    ck_assert(bucket_write(writer, text("frames"), &error));
    ck_assert(bucket_commit(writer, &result, &stored, &error));
    buffer_free(&metadata);
}

static void expect_attributes(struct bucket_store *store)
{
    struct error error;
    struct object_name name = name_of(bucket, text("attributes"));
    struct bucket_object *object;
    ck_assert(bucket_open(store, &name, NULL, &object, &error));
    const struct object_attributes *found = &object->attributes;
    ck_assert_str_eq(found->etag, "00112233445566778899aabbccddeeff-2");
    ck_assert_str_eq(found->dictionary, "8899aabbccddeeff");
    ck_assert_uint_eq(found->parts_count, 2);
    ck_assert_uint_eq(found->original_size, 1000);
    ck_assert_int_eq(found->layout, LAYOUT_FRAMED);
    ck_assert_int_eq(found->checksum.algorithm, CHECKSUM_CRC64NVME);
    ck_assert_uint_eq(found->checksum.bytes[2], 3);
    struct span value;
    ck_assert(metadata_find(found->metadata, text("content-type"), &value) && span_equal(value, text("text/plain")));
    struct buffer sidecar;
    buffer_init(&sidecar, 0);
    ck_assert(bucket_read_sidecar(object, &sidecar, &error));
    ck_assert(span_equal(buffer_span(&sidecar), text("sidecar")));
    buffer_free(&sidecar);
    bucket_close(object);
}

/* Its objects are null versions from the day on that versions are kept. */
static void keep_versions(struct bucket_store *store, struct span key, struct span old_body)
{
    struct object_name name = name_of(bucket, key);
    struct object_attributes attributes;
    struct arena arena;
    struct error error;
    arena_init(&arena, 1 << 16);
    ck_assert(bucket_set_versioning(store, bucket, VERSIONING_ENABLED, &error));
    put(store, bucket, key, text("newer"));
    ck_assert(bucket_head(store, &name, &arena, &attributes, &error));
    struct delete_item newer = {.key = key, .version = text(attributes.version)};
    ck_assert_str_ne(attributes.version, "null");
    ck_assert(try_delete(store, bucket, key, &error));
    expect_missing(store, bucket, key);
    name.version = text("null");
    ck_assert(bucket_head(store, &name, &arena, &attributes, &error));
    ck_assert_uint_eq(attributes.original_size, old_body.size);
    ck_assert(bucket_set_versioning(store, bucket, VERSIONING_SUSPENDED, &error));
    ck_assert(bucket_delete_objects(store, bucket, &newer, 1, &error) && newer.is_deleted);
    put(store, bucket, key, old_body); /* in place of the null version and of no other */
    expect_body(store, bucket, key, old_body);
    arena_free(&arena);
}

static void expect_store(struct bucket_store *store, unsigned shard, void *argument)
{
    (void)shard, (void)argument;
    char key[1025];
    static uint8_t body[20000];
    struct error error;
    struct bucket_info info;
    ck_assert(bucket_find(store, bucket, &info, &error));
    ck_assert_str_eq(info.owner, "alice");
    for (unsigned i = 0; i < 5; i++) {
        (void)snprintf(key, sizeof key, "object-%u", i);
        fill_bytes(i, body, sizes[i]);
        expect_body(store, bucket, text(key), span_of(body, sizes[i]));
    }
    long_key(1024, key);
    expect_body(store, bucket, text(key), text("long"));
    expect_missing(store, bucket, text("deleted"));
    expect_attributes(store);
    put(store, bucket, text("new"), span_of(body, sizeof body));
    expect_body(store, bucket, text("new"), span_of(body, sizeof body));
    fill_bytes(3, body, sizes[3]);
    keep_versions(store, text("object-3"), span_of(body, sizes[3]));
}

static void copy_store(const char *name, char ret_path[64])
{
    char command[512];
    folder_make(ret_path);
    (void)snprintf(command, sizeof command, "cp -R '%s'/%s/. '%s'", BALE_VECTORS, name, ret_path);
    ck_assert_int_eq(system(command), 0);
}

static void check_and_use(const char *path, unsigned objects, shard_body *body)
{
    struct embedded_report report = {0};
    struct error error;
    bool is_sound = embedded_check(path, false, &report, &error);
    ck_assert_msg(is_sound, "%s", is_sound ? "" : error.message);
    ck_assert_uint_eq(report.objects, objects);
    with_store(path, body, NULL);
    ck_assert(embedded_check(path, false, &report, &error));
}

START_TEST(format_1_opens)
{
    char path[64];
    copy_store("store-v1", path);
    check_and_use(path, 10, expect_store);
    folder_remove(path);
}
END_TEST

/* ---- format 2: uploads, and the ledger ---- */

static const struct test_part parts[] = {{1, 11, 5000}, {3, 13, 300}};

static void put_imported(struct bucket_store *store)
{
    struct error error;
    struct write_intent intent = {.name = name_of(bucket, text("imported"))};
    struct bucket_writer *writer;
    struct object_attributes stored;
    struct object_attributes attributes = {.original_size = 77, .is_size_known = true};
    struct write_result result = {.attributes = &attributes, .is_uncounted = true};
    ck_assert(bucket_begin(store, &intent, &writer, &error));
    ck_assert(bucket_write(writer, text("not ours"), &error));
    ck_assert(bucket_commit(writer, &result, &stored, &error));
}

static void make_store_2(struct bucket_store *store, unsigned shard, void *argument)
{
    struct error error;
    uint64_t last;
    char id[UPLOAD_ID_BYTES];
    make_store(store, shard, argument);
    ck_assert(spool_freeze(embedded_spool(store), &last, &error));
    put_imported(store);
    for (unsigned i = 0; i < 2; i++) {
        begin_upload(store, bucket, text("upload"), id); /* the second one stays open */
        put_part(store, bucket, text("upload"), id, &parts[0]);
        put_part(store, bucket, text("upload"), id, &parts[1]);
        if (i == 0)
            complete(store, bucket, text("upload"), id, parts, 2);
    }
    ck_assert(bucket_create(store, &(struct bucket_intent){.name = text(".bale")}, &error));
    put(store, text(".bale"), text("head"), text("of a journal"));
}

static struct ledger_amounts sum_spools(struct bucket_store *store, unsigned *ret_records)
{
    struct error error;
    struct spool *spool = embedded_spool(store);
    struct ledger_amounts sum = {0};
    struct buffer infos;
    struct buffer amounts;
    buffer_init(&infos, 0);
    buffer_init(&amounts, 0);
    *ret_records = 0;
    ck_assert(spool_list(spool, &infos, &error));
    const struct spool_info *info = (const struct spool_info *)(const void *)infos.data;
    for (size_t i = 0; i < infos.size / sizeof *info; i++) {
        for (uint64_t record = info[i].first; record <= info[i].last_frozen + info[i].has_open;
             record++, ++*ret_records)
            ck_assert(spool_read(spool, info[i].id, record, &amounts, &error));
    }
    struct span rest = buffer_span(&amounts);
    struct spool_amounts one;
    bool is_damaged;
    while (spool_take_amounts(&rest, &one, &is_damaged))
        ledger_amounts_add(&sum, &one.amounts);
    ck_assert(!is_damaged);
    buffer_free(&infos);
    buffer_free(&amounts);
    return sum;
}

static void expect_store_2(struct bucket_store *store, unsigned shard, void *argument)
{
    unsigned records;
    struct ledger_amounts sum = sum_spools(store, &records);
    ck_assert_uint_eq(records, 2);
    ck_assert_int_eq(sum.objects, 11);
    ck_assert_int_eq(sum.original_bytes, 25022 + 5300);
    ck_assert_int_eq(sum.stored_bytes, 24035 + 5300 + 9);
    expect_parts(store, bucket, text("upload"), parts, 2);
    struct error error;
    ck_assert(try_delete(store, bucket, text("imported"), &error));
    ck_assert(try_delete(store, bucket, text("upload"), &error));
    expect_store(store, shard, argument);
    sum = sum_spools(store, &records);
    ck_assert_uint_eq(records, 3);
    ck_assert_int_eq(sum.objects, 11); /* `new` came, `upload` went, `imported` never counted */
    ck_assert_int_eq(sum.original_bytes, 25022 + 20000);
}

START_TEST(format_2_opens)
{
    char path[64];
    copy_store("store-v2", path);
    check_and_use(path, 12, expect_store_2);
    folder_remove(path);
}
END_TEST

/* ---- format 3: versions, locks, owners and ACLs ---- */

#define FOR_EVER_MS INT64_C(253370764800000) /* 9999-01-01 */

static const struct span plain = SPAN("plain-first"); /* versioned, then suspended */
static const struct span locked = SPAN("locked");

/* A null version from before, two with ids, a marker, and a null marker in place of the null version. */
static void make_versions(struct bucket_store *store)
{
    struct error error;
    create_bucket(store, plain);
    put(store, plain, text("key"), text("before"));
    put(store, plain, text("other"), text("before"));
    ck_assert(bucket_set_versioning(store, plain, VERSIONING_ENABLED, &error));
    put(store, plain, text("key"), text("first"));
    static uint8_t body[5000]; /* in a volume */
    fill_bytes(31, body, sizeof body);
    put(store, plain, text("key"), span_of(body, sizeof body));
    ck_assert(try_delete(store, plain, text("other"), &error));
    ck_assert(bucket_set_versioning(store, plain, VERSIONING_SUSPENDED, &error));
    ck_assert(try_delete(store, plain, text("key"), &error));
}

static void put_bobs(struct bucket_store *store)
{
    struct error error;
    struct buffer tags;
    buffer_init(&tags, 0);
    ck_assert(metadata_append(&tags, text("colour"), text("green")));
    const struct write_intent intent = {.name = name_of(locked, text("key"))};
    const struct object_attributes attributes = {
        .original_size = 6,
        .is_size_known = true,
        .etag = "900150983cd24fb0d6963f7d28e17f72",
        .tags_count = 1,
        .owner = text("bob"),
        .acl = text("as the server packs it"),
        .lock = {.mode = LOCK_COMPLIANCE, .retain_until_ms = FOR_EVER_MS, .hold = HOLD_ON},
    };
    const struct write_result result = {.attributes = &attributes, .tags = buffer_span(&tags)};
    struct bucket_writer *writer;
    struct object_attributes stored;
    ck_assert(bucket_begin(store, &intent, &writer, &error) && bucket_write(writer, text("locked"), &error) &&
              bucket_commit(writer, &result, &stored, &error));
    buffer_free(&tags);
}

static void make_locked(struct bucket_store *store)
{
    struct error error;
    const struct default_retention retention = {.mode = LOCK_GOVERNANCE, .days = 36500};
    const struct bucket_intent intent = {
        .name = locked, .owner = text("alice"), .versioning = VERSIONING_ENABLED, .has_lock = true};
    ck_assert(bucket_create(store, &intent, &error) && bucket_set_lock(store, locked, &retention, &error));
    put_bobs(store);
    put(store, locked, text("key"), text("governed"));
}

static void make_store_3(struct bucket_store *store, unsigned shard, void *argument)
{
    make_store_2(store, shard, argument);
    make_versions(store);
    make_locked(store);
}

/* "key:size" of each version in the order of the list, and what else it is. */
static void expect_versions(struct bucket_store *store, struct span of, const char *expected)
{
    struct arena arena;
    struct list_page page;
    struct error error;
    char found[256] = "";
    const struct version_list_request request = {.bucket = of, .entries_max = 100};
    arena_init(&arena, 1 << 20);
    ck_assert(bucket_list_versions(store, &request, &arena, &page, &error));
    for (unsigned i = 0; i < page.count; i++) {
        const struct list_entry *entry = &page.entries[i];
        char size[24];
        (void)snprintf(size, sizeof size, "%llu", (unsigned long long)entry->original_size);
        (void)snprintf(found + strlen(found), sizeof found - strlen(found), "%s%.*s:%s%s%s", i > 0 ? " " : "",
                       SPAN_FORMAT(entry->key), entry->is_delete_marker ? "marker" : size,
                       strcmp(entry->version, "null") == 0 ? ",null" : "", entry->is_latest ? ",latest" : "");
    }
    ck_assert_str_eq(found, expected);
    arena_free(&arena);
}

/* The last version of the key in a page of all: the oldest. */
static struct object_attributes oldest(struct bucket_store *store, struct span of, struct span key, struct arena *arena)
{
    struct list_page page;
    struct error error;
    struct object_attributes attributes;
    const struct version_list_request request = {.bucket = of, .prefix = key, .entries_max = 100};
    ck_assert(bucket_list_versions(store, &request, arena, &page, &error) && page.count > 0);
    struct object_name name = name_of(of, key);
    name.version = text(page.entries[page.count - 1].version);
    ck_assert(bucket_head(store, &name, arena, &attributes, &error));
    return attributes;
}

static void expect_locked(struct bucket_store *store)
{
    struct arena arena;
    struct error error;
    struct bucket_info info;
    arena_init(&arena, 1 << 20);
    ck_assert(bucket_find(store, locked, &info, &error));
    ck_assert(info.has_lock && info.versioning == VERSIONING_ENABLED && info.retention.mode == LOCK_GOVERNANCE &&
              info.retention.days == 36500);
    struct object_attributes bobs = oldest(store, locked, text("key"), &arena);
    ck_assert(bobs.lock.mode == LOCK_COMPLIANCE && bobs.lock.retain_until_ms == FOR_EVER_MS &&
              bobs.lock.hold == HOLD_ON);
    ck_assert(span_equal(bobs.owner, text("bob")) && span_equal(bobs.acl, text("as the server packs it")));
    ck_assert_uint_eq(bobs.tags_count, 1);
    struct delete_item item = {.key = text("key"), .version = text(bobs.version), .may_bypass_governance = true};
    ck_assert(bucket_delete_objects(store, locked, &item, 1, &error));
    ck_assert(!item.is_deleted);
    expect_body(store, locked, text("key"), text("governed"));
    arena_free(&arena);
}

static void expect_store_3(struct bucket_store *store, unsigned shard, void *argument)
{
    (void)shard, (void)argument;
    struct error error;
    expect_versions(store, plain, "key:marker,null,latest key:5000 key:5 other:marker,latest other:6,null");
    expect_versions(store, locked, "key:8,latest key:6");
    expect_parts(store, bucket, text("upload"), parts, 2);
    expect_attributes(store);
    expect_locked(store);
    ck_assert(bucket_set_versioning(store, plain, VERSIONING_ENABLED, &error)); /* and it goes on */
    put(store, plain, text("key"), text("new"));
    expect_versions(store, plain, "key:3,latest key:marker,null key:5000 key:5 other:marker,latest other:6,null");
}

START_TEST(format_3_opens)
{
    char path[64];
    copy_store("store-v3", path);
    check_and_use(path, 13, expect_store_3);
    folder_remove(path);
}
END_TEST

START_TEST(make_folder)
{
    struct embedded_options options = {
        .shards = 1, .volume_max_bytes = 64 << 10, .is_unfilled = true}; /* small: it is committed */
    struct bucket_store *store = open_store(getenv("BALE_MAKE_STORE"), &options);
    run_shards(store, 1, make_store_3, NULL);
    embedded_close(store);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("embedded format");
    TCase *tests = tcase_create("format");
    if (getenv("BALE_MAKE_STORE") != NULL) {
        tcase_add_test(tests, make_folder);
    } else {
        tcase_add_test(tests, format_1_opens);
        tcase_add_test(tests, format_2_opens);
        tcase_add_test(tests, format_3_opens);
    }
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
