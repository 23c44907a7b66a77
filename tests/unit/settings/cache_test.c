/* tests/unit/settings/cache_test.c -- what a shard keeps of settings: bounded, the longest unused go, nothing that is
 * held is freed. */
#include "server/settings/cache.h"
#include "tests/unit/run_suite.h"

enum { BYTES_MAX = 1 << 20 };

static const struct bucket_info BUCKET = {.name = "bucket"};
static const struct setting_kind KIND = {.name = "policy", .document_bytes_max = SETTING_DOCUMENT_BYTES_MAX};

static const struct bucket_settings *snapshot_of(size_t bytes)
{
    struct bucket_settings *snapshot = snapshot_create();
    uint8_t *document = calloc(1, bytes);
    ck_assert_ptr_nonnull(document);
    snapshot_add(snapshot, &BUCKET, &KIND, SETTING_POLICY, span_of(document, bytes));
    free(document);
    return snapshot;
}

START_TEST(it_is_bounded)
{
    struct settings_cache cache;
    cache_init(&cache, BYTES_MAX);
    for (uint64_t id = 1; id <= 200; id++) {
        cache_set(&cache, cache_take(&cache, id), snapshot_of(20 << 10), id, 1);
        ck_assert_uint_le(cache.bytes, BYTES_MAX);
        (void)cache_take(&cache, 1); /* used all the time */
    }
    ck_assert_uint_gt(cache.count, 20);
    ck_assert_ptr_nonnull(cache_find(&cache, 1));
    ck_assert_ptr_nonnull(cache_find(&cache, 200));
    ck_assert_ptr_null(cache_find(&cache, 2));
    cache_free(&cache);
}
END_TEST

START_TEST(without_settings_there_is_room_for_many)
{
    struct settings_cache cache;
    cache_init(&cache, BYTES_MAX);
    for (uint64_t id = 1; id <= 10000; id++)
        cache_set(&cache, cache_take(&cache, id), settings_none(), 0, 1);
    for (uint64_t id = 1; id <= 10000; id++)
        ck_assert(cache_find(&cache, id) != NULL && cache_find(&cache, id)->snapshot == settings_none());
    ck_assert_uint_eq(cache.count, 10000);
    ck_assert_uint_le(cache.bytes, BYTES_MAX);
    cache_free(&cache);
}
END_TEST

START_TEST(what_is_pinned_stays)
{
    struct settings_cache cache;
    cache_init(&cache, BYTES_MAX);
    struct cache_entry *entry = cache_take(&cache, 1);
    cache_set(&cache, entry, snapshot_of(1000), 5, 1);
    const struct bucket_settings *pinned = entry->snapshot;
    snapshot_hold(pinned);
    cache_set(&cache, entry, settings_none(), 0, 2);
    ck_assert_uint_eq(settings_document(pinned, SETTING_POLICY).size, 1000);
    ck_assert_uint_eq(settings_document(entry->snapshot, SETTING_POLICY).size, 0);
    cache_free(&cache);
    ck_assert_uint_eq(settings_document(pinned, SETTING_POLICY).size, 1000);
    snapshot_drop(pinned);
}
END_TEST

START_TEST(what_is_loading_stays)
{
    struct settings_cache cache;
    cache_init(&cache, BYTES_MAX);
    struct cache_entry *loading = cache_take(&cache, 1);
    loading->is_loading = true;
    for (uint64_t id = 2; id <= 200; id++)
        cache_set(&cache, cache_take(&cache, id), snapshot_of(20 << 10), id, 1);
    ck_assert_ptr_eq(cache_find(&cache, 1), loading);
    loading->is_loading = false;
    cache_free(&cache);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("settings-cache");
    TCase *all = tcase_create("all");
    tcase_add_test(all, it_is_bounded);
    tcase_add_test(all, without_settings_there_is_room_for_many);
    tcase_add_test(all, what_is_pinned_stays);
    tcase_add_test(all, what_is_loading_stays);
    suite_add_tcase(suite, all);
    return run_suite(suite);
}
