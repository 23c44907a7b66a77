/* tests/unit/embedded/grounds_test.c -- deletions that were decided by a listing: whatever changed between that and the
 * commit, nothing goes. */
#include "s3client/wire/s3_error.h"
#include "tests/unit/embedded/uploads.h"

#include <stdio.h>

enum { ENTRIES_MAX = 16 };

static const struct span bucket = SPAN("bucket");
static const struct span key = SPAN("key");

static struct arena arena;
static struct list_page seen;

/* ---- a listing, and what is decided by it ---- */

static uint64_t creation_id(struct bucket_store *store)
{
    struct bucket_info info;
    struct error error;
    ck_assert(bucket_find(store, bucket, &info, &error));
    return info.creation_id;
}

static void look(struct bucket_store *store)
{
    const struct version_list_request request = {
        .bucket = bucket, .prefix = key, .entries_max = ENTRIES_MAX, .wants_grounds = true};
    struct error error;
    arena_reset(&arena);
    ck_assert(bucket_list_versions(store, &request, &arena, &seen, &error));
}

static struct deletion_grounds grounds_of(struct bucket_store *store, unsigned index)
{
    ck_assert_uint_lt(index, seen.count);
    const struct list_entry *entry = &seen.entries[index];
    return (struct deletion_grounds){.creation_id = creation_id(store),
                                     .version = entry->version,
                                     .modified_ms = entry->modified_ms,
                                     .original_size = entry->original_size,
                                     .etag = entry->etag,
                                     .superseded_ms = entry->superseded_ms,
                                     .tags = entry->tags};
}

/* The current version: by no version; else by its own. */
static struct delete_item carry_out(struct bucket_store *store, const struct deletion_grounds *grounds, bool by_version)
{
    struct delete_item item = {
        .key = key, .version = by_version ? text(grounds->version) : SPAN_EMPTY, .grounds = grounds};
    struct error error;
    ck_assert(bucket_delete_objects(store, bucket, &item, 1, &error));
    return item;
}

static void expect_refused(struct bucket_store *store, const struct deletion_grounds *grounds, bool by_version)
{
    const struct delete_item item = carry_out(store, grounds, by_version);
    ck_assert(!item.is_deleted);
    ck_assert_int_eq(item.error.kind, ERROR_CHANGED);
}

static void expect_done(struct bucket_store *store, const struct deletion_grounds *grounds, bool by_version)
{
    const struct delete_item item = carry_out(store, grounds, by_version);
    ck_assert_msg(item.is_deleted, "%s", item.error.message);
}

static void set_versioning(struct bucket_store *store, enum bucket_versioning versioning)
{
    struct error error;
    ck_assert(bucket_set_versioning(store, bucket, versioning, &error));
}

static struct delete_item delete_version(struct bucket_store *store, const char *version)
{
    struct delete_item item = {.key = key, .version = text(version)};
    struct error error;
    ck_assert(bucket_delete_objects(store, bucket, &item, 1, &error) && item.is_deleted);
    return item;
}

static void set_tags(struct bucket_store *store, const char *packed, size_t size)
{
    const struct object_name name = name_of(bucket, key);
    struct error error;
    ck_assert(bucket_write_tags(store, &name, span_of(packed, size), size > 0, NULL, &error));
}

/* ---- what may happen in between ---- */

static void change_object(struct bucket_store *store, unsigned shard, void *argument)
{
    (void)shard;
    (void)argument;
    create_bucket(store, bucket);
    put(store, bucket, key, text("one"));
    look(store);
    struct deletion_grounds grounds = grounds_of(store, 0);
    const struct deletion_grounds first = grounds;
    put(store, bucket, key, text("two"));
    expect_refused(store, &first, false);
    expect_body(store, bucket, key, text("two"));

    look(store);
    grounds = grounds_of(store, 0);
    set_tags(store, "\1\0\1\0ab", 6);
    expect_refused(store, &grounds, false);
    look(store);
    grounds = grounds_of(store, 0);
    ck_assert_uint_eq(grounds.tags.size, 6);
    grounds.modified_ms++;
    expect_refused(store, &grounds, false);
    grounds.modified_ms--;
    grounds.creation_id++;
    expect_refused(store, &grounds, false);
    grounds.creation_id--;
    expect_done(store, &grounds, false);
    expect_missing(store, bucket, key);
    expect_refused(store, &grounds, false); /* there is nothing that was judged */
}

static void change_current(struct bucket_store *store, unsigned shard, void *argument)
{
    (void)shard;
    (void)argument;
    create_bucket(store, bucket);
    put(store, bucket, key, text("null"));
    set_versioning(store, VERSIONING_ENABLED);
    put(store, bucket, key, text("one"));
    look(store);
    struct deletion_grounds current = grounds_of(store, 0);
    const struct deletion_grounds former = grounds_of(store, 1);
    ck_assert_str_eq(former.version, "null");
    expect_refused(store, &former, false); /* it is not the current one */
    put(store, bucket, key, text("two"));
    expect_refused(store, &current, false); /* no marker comes over what is newer */
    expect_body(store, bucket, key, text("two"));
    look(store);
    ck_assert_uint_eq(seen.count, 3);
    current = grounds_of(store, 0);
    expect_done(store, &current, false);
    look(store);
    ck_assert_uint_eq(seen.count, 4);
    ck_assert(seen.entries[0].is_delete_marker && seen.entries[0].is_latest);
}

/* Judged while it was noncurrent; then what was newer went. */
static void become_current(struct bucket_store *store, unsigned shard, void *argument)
{
    (void)shard;
    (void)argument;
    create_bucket(store, bucket);
    set_versioning(store, VERSIONING_ENABLED);
    put(store, bucket, key, text("old"));
    put(store, bucket, key, text("new"));
    look(store);
    struct deletion_grounds former = grounds_of(store, 1);
    (void)delete_version(store, seen.entries[0].version);
    expect_refused(store, &former, true);
    expect_body(store, bucket, key, text("old"));
    put(store, bucket, key, text("newer")); /* noncurrent again, but not for as long as was judged */
    former.superseded_ms--;
    expect_refused(store, &former, true);
    look(store);
    former = grounds_of(store, 1);
    expect_done(store, &former, true);
    expect_body(store, bucket, key, text("newer"));
}

static void keep_newer(struct bucket_store *store, unsigned shard, void *argument)
{
    (void)shard;
    (void)argument;
    create_bucket(store, bucket);
    set_versioning(store, VERSIONING_ENABLED);
    for (unsigned i = 0; i < 4; i++)
        put(store, bucket, key, text("body"));
    (void)delete_version(store, ""); /* a marker is the current one, and counts for nothing */
    look(store);
    ck_assert_uint_eq(seen.count, 5);
    struct deletion_grounds oldest = grounds_of(store, 4);
    oldest.newer_least = 4;
    expect_refused(store, &oldest, true);
    oldest.newer_least = 3;
    char version[VERSION_TEXT_BYTES];
    strcpy(version, seen.entries[2].version);
    (void)delete_version(store, version);
    expect_refused(store, &oldest, true);
    oldest.newer_least = 2;
    expect_done(store, &oldest, true);
}

static void stand_alone(struct bucket_store *store, unsigned shard, void *argument)
{
    (void)shard;
    (void)argument;
    create_bucket(store, bucket);
    set_versioning(store, VERSIONING_ENABLED);
    put(store, bucket, key, text("body"));
    (void)delete_version(store, "");
    look(store);
    struct deletion_grounds marker = grounds_of(store, 0);
    marker.is_alone = true;
    expect_refused(store, &marker, true); /* there is a version below */
    (void)delete_version(store, seen.entries[1].version);
    put(store, bucket, key, text("above"));
    expect_refused(store, &marker, true); /* it is not the current one any more */
    look(store);
    (void)delete_version(store, seen.entries[0].version);
    look(store);
    marker = grounds_of(store, 0);
    marker.is_alone = true;
    ck_assert_uint_eq(seen.count, 1);
    expect_done(store, &marker, true);
    look(store);
    ck_assert_uint_eq(seen.count, 0);
}

static void obey_locks(struct bucket_store *store, unsigned shard, void *argument)
{
    (void)shard;
    (void)argument;
    struct error error;
    const struct default_retention retention = {LOCK_GOVERNANCE, 1, 0};
    create_bucket(store, bucket);
    set_versioning(store, VERSIONING_ENABLED);
    ck_assert(bucket_set_lock(store, bucket, &retention, &error));
    put(store, bucket, key, text("locked"));
    put(store, bucket, key, text("newer"));
    look(store);
    ck_assert_int_eq(seen.entries[1].lock.mode, LOCK_GOVERNANCE);
    const struct deletion_grounds former = grounds_of(store, 1);
    const struct delete_item item = carry_out(store, &former, true);
    ck_assert(!item.is_deleted);
    ck_assert_str_eq(item.error.code, S3_AccessDenied);
    const struct deletion_grounds current = grounds_of(store, 0);
    expect_done(store, &current, false); /* a marker may come over it */
}

#define STORE_TEST(name, body)       \
    START_TEST(name)                 \
    {                                \
        arena_init(&arena, 1 << 20); \
        with_new_store(body, NULL);  \
        arena_free(&arena);          \
    }                                \
    END_TEST

STORE_TEST(an_object_that_changed_stays, change_object)
STORE_TEST(no_marker_comes_over_what_is_newer, change_current)
STORE_TEST(a_version_that_became_current_stays, become_current)
STORE_TEST(so_many_newer_ones_stay, keep_newer)
STORE_TEST(a_marker_goes_only_when_it_is_alone, stand_alone)
STORE_TEST(locks_bind, obey_locks)

int main(void)
{
    Suite *suite = suite_create("embedded grounds");
    TCase *tests = tcase_create("grounds");
    tcase_add_test(tests, an_object_that_changed_stays);
    tcase_add_test(tests, no_marker_comes_over_what_is_newer);
    tcase_add_test(tests, a_version_that_became_current_stays);
    tcase_add_test(tests, so_many_newer_ones_stay);
    tcase_add_test(tests, a_marker_goes_only_when_it_is_alone);
    tcase_add_test(tests, locks_bind);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
