/* tests/unit/embedded/versions_test.c -- versions of the embedded store against a list that does the same by hand:
 * whatever is written and removed, both have the same versions in the same order, page by page. */
#include "tests/unit/embedded/uploads.h"

#include <stdio.h>
#include <stdlib.h>

enum { KEYS = 5, VERSIONS_MAX = 4000, STEPS = 900, BODY_BYTES_MAX = 60000, ENTRIES_MAX = 1000 };

static const struct span bucket = SPAN("bucket");

/* ---- the list by hand ---- */

struct model_version {
    unsigned key;
    bool is_marker;
    bool is_null;
    char version[VERSION_TEXT_BYTES];
    uint64_t seed;
    size_t size;
    struct object_lock lock;
};

struct model {
    enum bucket_versioning versioning;
    struct model_version versions[VERSIONS_MAX]; /* as they were committed */
    unsigned count;
};

static struct model model;
static uint8_t body[BODY_BYTES_MAX];

static struct span key_of(unsigned key)
{
    static char long_key[700];
    static const char *const keys[KEYS] = {"a", "a/b", ".", "z"};
    if (key < KEYS - 1)
        return text(keys[key]);
    memset(long_key, 'k', sizeof long_key);
    return span_of(long_key, sizeof long_key);
}

static void model_remove(unsigned index)
{
    memmove(&model.versions[index], &model.versions[index + 1], (model.count - index - 1) * sizeof model.versions[0]);
    model.count--;
}

/* The current one is the last of its key. */
static int model_current(unsigned key)
{
    for (unsigned i = model.count; i-- > 0;) {
        if (model.versions[i].key == key)
            return (int)i;
    }
    return -1;
}

static void model_add(struct model_version added)
{
    added.is_null = model.versioning != VERSIONING_ENABLED;
    for (unsigned i = model.count; added.is_null && i-- > 0;) {
        if (model.versions[i].key == added.key && model.versions[i].is_null)
            model_remove(i);
    }
    ck_assert_uint_lt(model.count, VERSIONS_MAX);
    model.versions[model.count++] = added;
}

/* ---- steps ---- */

static void step_put(struct bucket_store *store, const struct random_source *random, unsigned key)
{
    struct model_version added = {.key = key, .seed = random_u64(random), .size = random_below(random, 3000)};
    if (random_below(random, 8) == 0)
        added.size = random_below(random, BODY_BYTES_MAX);
    fill_bytes(added.seed, body, added.size);
    struct write_intent intent = {.name = name_of(bucket, key_of(key))};
    struct bucket_writer *writer;
    struct error error;
    ck_assert(bucket_begin(store, &intent, &writer, &error));
    ck_assert(bucket_write(writer, span_of(body, added.size), &error));
    struct object_attributes attributes = {.original_size = added.size, .is_size_known = true};
    etag_of_body(span_of(body, added.size), attributes.etag);
    struct write_result result = {.attributes = &attributes};
    struct object_attributes stored;
    ck_assert(bucket_commit(writer, &result, &stored, &error));
    strcpy(added.version, stored.version);
    ck_assert_int_eq(strcmp(stored.version, "null") == 0, model.versioning != VERSIONING_ENABLED);
    model_add(added);
}

static void step_complete(struct bucket_store *store, const struct random_source *random, unsigned key)
{
    const struct test_part part = {1, random_u64(random), 100 + random_below(random, 9000)};
    struct object_attributes attributes;
    struct arena arena;
    struct error error;
    char id[UPLOAD_ID_BYTES];
    begin_upload(store, bucket, key_of(key), id);
    put_part(store, bucket, key_of(key), id, &part);
    complete(store, bucket, key_of(key), id, &part, 1);
    expect_parts(store, bucket, key_of(key), &part, 1);
    struct object_name name = name_of(bucket, key_of(key));
    arena_init(&arena, 1 << 16);
    ck_assert(bucket_head(store, &name, &arena, &attributes, &error));
    struct model_version added = {.key = key, .size = SIZE_MAX};
    strcpy(added.version, attributes.version);
    ck_assert(bucket_find_completed(store, &name, text(id), &attributes, &error)); /* 425 */
    ck_assert_str_eq(attributes.version, added.version);
    arena_free(&arena);
    model_add(added);
}

static struct delete_item delete_one(struct bucket_store *store, unsigned key, const char *version)
{
    struct error error;
    struct delete_item item = {.key = key_of(key), .version = text(version)};
    ck_assert(bucket_delete_objects(store, bucket, &item, 1, &error));
    return item;
}

static void step_delete(struct bucket_store *store, unsigned key)
{
    struct delete_item item = delete_one(store, key, "");
    ck_assert(item.is_deleted);
    ck_assert_int_eq(item.is_marker, model.versioning != VERSIONING_NEVER);
    if (!item.is_marker) {
        int current = model_current(key);
        if (current >= 0)
            model_remove((unsigned)current);
        return;
    }
    struct model_version marker = {.key = key, .is_marker = true};
    strcpy(marker.version, item.marker_version);
    model_add(marker);
}

static void step_remove(struct bucket_store *store, const struct random_source *random)
{
    if (model.count == 0)
        return;
    unsigned index = (unsigned)random_below(random, model.count);
    const struct model_version gone = model.versions[index];
    struct delete_item item = delete_one(store, gone.key, gone.version);
    ck_assert(item.is_deleted);
    ck_assert_int_eq(item.is_marker, gone.is_marker);
    model_remove(index);
    ck_assert(delete_one(store, gone.key, gone.version).is_deleted); /* 412: again */
}

/* ---- comparing ---- */

static void expect_version(struct bucket_store *store, const struct model_version *version)
{
    struct bucket_object *object;
    struct error error;
    struct object_name name = name_of(bucket, key_of(version->key));
    name.version = text(version->version);
    bool opened = bucket_open(store, &name, NULL, &object, &error);
    if (version->is_marker) {
        ck_assert(!opened);
        ck_assert_str_eq(error.code, "MethodNotAllowed");
        return;
    }
    ck_assert_msg(opened, "%s: %s", version->version, opened ? "" : error.message);
    ck_assert_str_eq(object->attributes.version, version->version);
    if (version->size != SIZE_MAX) {
        static uint8_t expected[BODY_BYTES_MAX];
        fill_bytes(version->seed, expected, version->size);
        ck_assert_uint_eq(object->attributes.stored_size, version->size);
        ck_assert(version->size == 0 || bucket_read(object, 0, body, version->size, &error));
        ck_assert(span_equal(span_of(body, version->size), span_of(expected, version->size)));
    }
    bucket_close(object);
}

static void expect_current(struct bucket_store *store, unsigned key)
{
    struct object_attributes attributes;
    struct arena arena;
    struct error error;
    struct object_name name = name_of(bucket, key_of(key));
    int current = model_current(key);
    arena_init(&arena, 1 << 16);
    bool found = bucket_head(store, &name, &arena, &attributes, &error);
    if (current >= 0 && !model.versions[current].is_marker) {
        ck_assert(found);
        ck_assert_str_eq(attributes.version, model.versions[current].version);
        ck_assert_int_eq(attributes.superseded_ms, 0);
    } else {
        ck_assert(!found);
        ck_assert_str_eq(error.code, "NoSuchKey");
        ck_assert_int_eq(attributes.is_delete_marker, current >= 0);
        if (current >= 0)
            ck_assert_str_eq(attributes.version, model.versions[current].version);
    }
    arena_free(&arena);
}

static int by_key(const void *a, const void *b)
{
    return span_compare(key_of(*(const unsigned *)a), key_of(*(const unsigned *)b));
}

/* Entry by entry, over pages of a size. */
static void expect_list(struct bucket_store *store, unsigned page_entries)
{
    unsigned keys[KEYS];
    struct arena arena;
    struct error error;
    struct list_page page = {.is_truncated = true};
    unsigned at = 0;
    struct version_list_request request = {.bucket = bucket, .entries_max = page_entries};
    for (unsigned i = 0; i < KEYS; i++)
        keys[i] = i;
    qsort(keys, KEYS, sizeof keys[0], by_key);
    arena_init(&arena, 8 << 20);
    ck_assert(bucket_list_versions(store, &request, &arena, &page, &error));
    for (unsigned k = 0; k < KEYS; k++) {
        int latest = model_current(keys[k]);
        for (unsigned i = model.count; i-- > 0;) {
            const struct model_version *version = &model.versions[i];
            if (version->key != keys[k])
                continue;
            if (at == page.count) {
                ck_assert(page.is_truncated);
                request.after_key = page.entries[at - 1].key;
                request.after_version = text(page.entries[at - 1].version);
                ck_assert(bucket_list_versions(store, &request, &arena, &page, &error));
                at = 0;
            }
            ck_assert_uint_lt(at, page.count);
            const struct list_entry *entry = &page.entries[at++];
            ck_assert(span_equal(entry->key, key_of(keys[k])));
            ck_assert_str_eq(entry->version, version->version);
            ck_assert_int_eq(entry->is_delete_marker, version->is_marker);
            ck_assert_int_eq(entry->is_latest, (int)i == latest);
        }
    }
    ck_assert_uint_eq(at, page.count);
    ck_assert(!page.is_truncated);
    arena_free(&arena);
}

/* Keys behind markers are not in it (430). */
static void expect_plain_list(struct bucket_store *store)
{
    struct arena arena;
    struct error error;
    struct list_page page;
    unsigned expected = 0;
    const struct list_request request = {.bucket = bucket, .entries_max = ENTRIES_MAX};
    arena_init(&arena, 1 << 20);
    ck_assert(bucket_list(store, &request, &arena, &page, &error));
    for (unsigned i = 0; i < KEYS; i++)
        expected += model_current(i) >= 0 && !model.versions[model_current(i)].is_marker;
    ck_assert_uint_eq(page.count, expected);
    for (unsigned i = 0; i < page.count; i++)
        ck_assert(page.entries[i].is_latest && !page.entries[i].is_delete_marker);
    arena_free(&arena);
}

static void expect_all(struct bucket_store *store)
{
    for (unsigned i = 0; i < model.count; i++)
        expect_version(store, &model.versions[i]);
    for (unsigned key = 0; key < KEYS; key++)
        expect_current(store, key);
    expect_list(store, ENTRIES_MAX);
    expect_list(store, 1);
    expect_list(store, 3);
    expect_plain_list(store);
}

/* ---- whatever happens ---- */

static void walk(struct bucket_store *store, const struct random_source *random, unsigned steps)
{
    struct error error;
    for (unsigned i = 0; i < steps; i++) {
        unsigned key = (unsigned)random_below(random, KEYS);
        switch (random_below(random, 16)) {
        case 0:
            if (i > 20) {
                model.versioning = random_below(random, 2) == 0 ? VERSIONING_ENABLED : VERSIONING_SUSPENDED;
                ck_assert(bucket_set_versioning(store, bucket, model.versioning, &error));
            }
            break;
        case 1:
            step_complete(store, random, key);
            break;
        case 2:
        case 3:
        case 4:
            step_delete(store, key);
            break;
        case 5:
        case 6:
        case 7:
        case 8:
        case 9:
            step_remove(store, random);
            break;
        default:
            step_put(store, random, key);
        }
        if (i % 50 == 0)
            expect_all(store);
    }
    expect_all(store);
}

static void make_and_walk(struct bucket_store *store, unsigned shard, void *argument)
{
    (void)shard;
    create_bucket(store, bucket);
    walk(store, argument, STEPS);
}

static void walk_on(struct bucket_store *store, unsigned shard, void *argument)
{
    (void)shard;
    struct bucket_info info;
    struct error error;
    ck_assert(bucket_find(store, bucket, &info, &error));
    ck_assert_int_eq(info.versioning, model.versioning);
    expect_all(store);
    walk(store, argument, STEPS / 3);
}

static void remove_everything(struct bucket_store *store, unsigned shard, void *argument)
{
    (void)shard, (void)argument;
    struct error error;
    while (model.count > 0) {
        ck_assert(!bucket_delete(store, bucket, &error)); /* 432 */
        ck_assert_str_eq(error.code, "BucketNotEmpty");
        ck_assert(
            delete_one(store, model.versions[model.count / 2].key, model.versions[model.count / 2].version).is_deleted);
        model_remove(model.count / 2);
    }
    ck_assert(bucket_delete(store, bucket, &error));
}

static void print_line(void *context, const char *line)
{
    (void)context;
    (void)fprintf(stderr, "%s\n", line);
}

static void expect_sound(const char *path, uint64_t versions)
{
    struct embedded_report report = {.line = print_line};
    struct error error;
    ck_assert(embedded_check(path, false, &report, &error));
    ck_assert_uint_eq(report.damaged, 0);
    ck_assert_uint_eq(report.objects + report.versions, versions);
}

static uint64_t model_objects(void)
{
    uint64_t objects = 0;
    for (unsigned i = 0; i < model.count; i++)
        objects += !model.versions[i].is_marker;
    return objects;
}

START_TEST(versions_are_what_a_list_by_hand_has)
{
    char path[64];
    struct random_seeded state;
    struct random_source random = random_seeded(&state, (uint64_t)_i + 1);
    model = (struct model){0};
    folder_make(path);
    with_store(path, make_and_walk, &random);
    expect_sound(path, model_objects());
    with_store(path, walk_on, &random);
    expect_sound(path, model_objects());
    with_store(path, remove_everything, NULL);
    expect_sound(path, 0);
    folder_remove(path);
}
END_TEST

/* ---- locks ---- */

static void expect_locked(struct bucket_store *store, const char *version, bool may_bypass, bool is_locked)
{
    struct error error;
    struct delete_item item = {.key = text("k"), .version = text(version), .may_bypass_governance = may_bypass};
    ck_assert(bucket_delete_objects(store, bucket, &item, 1, &error));
    ck_assert_int_eq(item.is_deleted, !is_locked);
    if (is_locked)
        ck_assert_str_eq(item.error.code, "AccessDenied");
}

static void put_version(struct bucket_store *store, struct object_lock lock, struct object_attributes *ret_stored)
{
    struct write_intent intent = {.name = name_of(bucket, text("k")), .lock = lock};
    struct object_attributes attributes = {.is_size_known = true, .lock = lock, .owner = text("bob"), .acl = text("!")};
    struct write_result result = {.attributes = &attributes};
    struct bucket_writer *writer;
    struct arena arena;
    struct error error;
    ck_assert(bucket_begin(store, &intent, &writer, &error));
    ck_assert(bucket_commit(writer, &result, ret_stored, &error));
    struct object_name name = intent.name;
    char version[VERSION_TEXT_BYTES];
    strcpy(version, ret_stored->version);
    name.version = text(version);
    arena_init(&arena, 1 << 16);
    ck_assert(bucket_head(store, &name, &arena, ret_stored, &error));
    ck_assert(span_equal(ret_stored->owner, text("bob")));
    ck_assert(span_equal(ret_stored->acl, text("!")));
    ret_stored->owner = ret_stored->acl = SPAN_EMPTY;
    arena_free(&arena);
}

/* Statements 439, 444, 445, 447, 449, 451, 452. */
static void locks(struct bucket_store *store, unsigned shard, void *argument)
{
    (void)shard, (void)argument;
    struct error error;
    struct object_attributes first;
    struct object_attributes second;
    struct object_attributes third;
    int64_t now_ms = clock_wall_ms(clock_system());
    const struct default_retention a_year = {.mode = LOCK_GOVERNANCE, .years = 1};
    create_bucket(store, bucket);
    ck_assert(!bucket_set_lock(store, bucket, &a_year, &error));
    ck_assert_str_eq(error.code, "InvalidBucketState");
    ck_assert(bucket_set_versioning(store, bucket, VERSIONING_ENABLED, &error));
    put_version(store, (struct object_lock){0}, &first);
    ck_assert(bucket_set_lock(store, bucket, &a_year, &error));
    ck_assert(!bucket_set_versioning(store, bucket, VERSIONING_SUSPENDED, &error));
    ck_assert_str_eq(error.code, "InvalidBucketState");
    put_version(store, (struct object_lock){0}, &second);
    ck_assert_int_eq(first.lock.mode, LOCK_NONE);
    ck_assert_int_eq(second.lock.mode, LOCK_GOVERNANCE);
    ck_assert_int_gt(second.lock.retain_until_ms, now_ms + INT64_C(364) * 86400000);
    ck_assert_int_lt(second.lock.retain_until_ms, now_ms + INT64_C(367) * 86400000);
    put_version(store, (struct object_lock){LOCK_COMPLIANCE, now_ms + 3600000, HOLD_UNSET}, &third);
    ck_assert_int_eq(third.lock.mode, LOCK_COMPLIANCE);
    ck_assert_int_eq(third.lock.retain_until_ms, now_ms + 3600000);

    struct object_name name = name_of(bucket, text("k"));
    name.version = text(third.version);
    struct retention_change shorter = {LOCK_COMPLIANCE, now_ms + 1800000, true};
    ck_assert(!bucket_write_retention(store, &name, &shorter, NULL, &error));
    ck_assert_str_eq(error.code, "AccessDenied");
    shorter.retain_until_ms = now_ms + 7200000;
    ck_assert(bucket_write_retention(store, &name, &shorter, NULL, &error));
    expect_locked(store, third.version, true, true);

    name.version = text(second.version);
    struct retention_change none = {.mode = LOCK_NONE};
    ck_assert(!bucket_write_retention(store, &name, &none, NULL, &error));
    ck_assert(bucket_write_legal_hold(store, &name, HOLD_ON, NULL, &error));
    expect_locked(store, second.version, false, true);
    expect_locked(store, second.version, true, true);
    ck_assert(bucket_write_legal_hold(store, &name, HOLD_OFF, NULL, &error));
    expect_locked(store, second.version, false, true);

    struct delete_item marker = {.key = text("k")};
    ck_assert(bucket_delete_objects(store, bucket, &marker, 1, &error));
    ck_assert(marker.is_deleted && marker.is_marker);
    expect_locked(store, marker.marker_version, false, false);
    expect_locked(store, second.version, true, false);
    expect_locked(store, first.version, false, false);
    name.version = text(first.version);
    ck_assert(!bucket_write_legal_hold(store, &name, HOLD_ON, NULL, &error));
    ck_assert_str_eq(error.code, "NoSuchVersion");
}

START_TEST(a_lock_binds)
{
    with_new_store(locks, NULL);
}
END_TEST

/* ---- a lost catalogue ---- */

enum { LARGE_VERSIONS = 6, LARGE_BYTES = 50000 };

static void put_large(struct bucket_store *store, unsigned shard, void *argument)
{
    (void)shard, (void)argument;
    struct error error;
    const struct default_retention a_day = {.mode = LOCK_GOVERNANCE, .days = 1};
    const struct bucket_intent intent = {
        .name = bucket, .owner = text("alice"), .versioning = VERSIONING_ENABLED, .has_lock = true};
    ck_assert(bucket_create(store, &intent, &error));
    ck_assert(bucket_set_lock(store, bucket, &a_day, &error));
    for (unsigned i = 0; i < LARGE_VERSIONS; i++) {
        fill_bytes(i, body, LARGE_BYTES);
        put(store, bucket, text("k"), span_of(body, LARGE_BYTES));
    }
}

/* As many versions as before, the newest first, each with the lock that its bucket gives, and none in a new one's way.
 */
static void expect_large(struct bucket_store *store, unsigned shard, void *argument)
{
    (void)shard, (void)argument;
    struct arena arena;
    struct error error;
    struct list_page page;
    struct bucket_info info;
    const struct version_list_request request = {.bucket = bucket, .entries_max = ENTRIES_MAX};
    arena_init(&arena, 1 << 20);
    ck_assert(bucket_find(store, bucket, &info, &error));
    ck_assert(info.has_lock && info.versioning == VERSIONING_ENABLED && info.retention.days == 1);
    ck_assert(bucket_list_versions(store, &request, &arena, &page, &error));
    ck_assert_uint_eq(page.count, LARGE_VERSIONS);
    for (unsigned i = 0; i < page.count; i++) {
        struct object_name name = name_of(bucket, text("k"));
        struct bucket_object *object;
        static uint8_t found[LARGE_BYTES];
        name.version = text(page.entries[i].version);
        ck_assert_int_eq(page.entries[i].is_latest, i == 0);
        ck_assert(i == 0 || strcmp(page.entries[i].version, page.entries[i - 1].version) < 0);
        ck_assert(bucket_open(store, &name, NULL, &object, &error));
        fill_bytes(LARGE_VERSIONS - 1 - i, body, LARGE_BYTES);
        ck_assert_uint_eq(object->attributes.stored_size, LARGE_BYTES);
        ck_assert(bucket_read(object, 0, found, LARGE_BYTES, &error));
        ck_assert_mem_eq(found, body, LARGE_BYTES);
        ck_assert_int_eq(object->attributes.lock.mode, LOCK_GOVERNANCE);
        bucket_close(object);
        struct delete_item item = {.key = text("k"), .version = name.version};
        ck_assert(bucket_delete_objects(store, bucket, &item, 1, &error) && !item.is_deleted);
    }
    arena_free(&arena);
    put(store, bucket, text("k"), text("newer"));
}

START_TEST(a_lost_catalogue_has_its_versions_again)
{
    char path[64];
    char file[160];
    struct embedded_report report = {.line = print_line};
    struct error error;
    folder_make(path);
    with_store(path, put_large, NULL);
    (void)snprintf(file, sizeof file, "%s/catalogue/data.mdb", path);
    ck_assert_int_eq(remove(file), 0);
    ck_assert(embedded_check(path, true, &report, &error));
    with_store(path, expect_large, NULL);
    expect_sound(path, LARGE_VERSIONS + 1);
    folder_remove(path);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("embedded versions");
    TCase *tests = tcase_create("versions");
    tcase_set_timeout(tests, 300);
    tcase_add_loop_test(tests, versions_are_what_a_list_by_hand_has, 0, 3);
    tcase_add_test(tests, a_lock_binds);
    tcase_add_test(tests, a_lost_catalogue_has_its_versions_again);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
