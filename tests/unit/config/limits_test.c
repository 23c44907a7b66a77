/* tests/unit/config/limits_test.c -- who gets the descriptors, and what caches may take. */
#include "server/process/file_limits.h"
#include "server/process/memory_limits.h"
#include "tests/unit/run_suite.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

static uint64_t connections_of(uint64_t files, uint64_t volume_files)
{
    struct file_limits limits = {files, 2};
    uint64_t connections = 0;
    struct error error;
    bool done = limits_connections(&limits, volume_files, 0, &connections, &error);
    ck_assert_msg(done, "%s", done ? "" : error.message);
    return connections;
}

START_TEST(volumes_come_before_connections)
{
    struct file_limits limits = {4096, 2};
    ck_assert_uint_ge(limits_volume_files_max(&limits), 3900); /* all may become volumes, but a few connections */
    uint64_t with_none = connections_of(4096, 0);
    uint64_t with_many = connections_of(4096, 2000);
    ck_assert_uint_eq(with_none - with_many, 2000);
    ck_assert_uint_le(with_none + 512 + 64 + 16, 4096); /* a share for new volumes, and what the server itself needs */
    ck_assert_uint_ge(with_many, 1400);
    for (uint64_t volumes = 0; volumes <= limits_volume_files_max(&limits); volumes++)
        ck_assert_uint_ge(connections_of(4096, volumes), 16);
}
END_TEST

START_TEST(plenty_is_shared_generously)
{
    ck_assert_uint_ge(connections_of(1 << 20, 4000), 1000000);
    ck_assert_uint_ge(connections_of(1 << 16, 4000), 50000);
}
END_TEST

static void expect_refusal(uint64_t files, uint64_t volume_files, uint64_t asked, const char *sentence)
{
    struct file_limits limits = {files, 2};
    uint64_t connections;
    struct error error;
    ck_assert(!limits_connections(&limits, volume_files, asked, &connections, &error));
    ck_assert_msg(strstr(error.message, sentence) != NULL, "%s", error.message);
}

START_TEST(too_low_a_limit_is_told)
{
    expect_refusal(64, 0, 0, "too low: it is 64 (ulimit -Hn)");
    expect_refusal(1024, 1000, 0, "its volumes 1000");
    expect_refusal(1024, 0, 5000, "--connections-max: 5000 is not allowed; the limit of open files (1024, ulimit -Hn)");
    struct file_limits limits = {10, 2};
    ck_assert_uint_ge(limits_volume_files_max(&limits), 1); /* 0 would mean: no bound */
}
END_TEST

START_TEST(a_frame_cache_fits_into_memory)
{
    const uint64_t gib = 1 << 30;
    struct error error;
    ck_assert(limits_frame_cache(8 * gib, 4, 0, &error) && limits_frame_cache(8 * gib, 4, 2 * gib, &error));
    ck_assert(!limits_frame_cache(8 * gib, 4, 2 * gib + 1, &error));
    ck_assert(!limits_frame_cache(8 * gib, UINT32_MAX, UINT64_MAX, &error)); /* nothing overflows */
    ck_assert(!limits_frame_cache(8 * gib, 16, gib, &error));
    ck_assert_str_eq(error.message, "--frame-cache: 1024 MiB for each of 16 shards are more than this machine's memory "
                                    "(8192 MiB); each may have up to 512 MiB");
    ck_assert(limits_frame_cache(gib, 256, FRAME_CACHE_ALWAYS_BYTES, &error)); /* no default stops a start */
    ck_assert_uint_gt(memory_of_machine(), 64 << 20);
}
END_TEST

START_TEST(a_cache_of_all_shards_fits_into_memory)
{
    const uint64_t gib = 1 << 30;
    struct error error;
    ck_assert(limits_shared_cache(gib, "tier-memory", 0, &error));
    ck_assert(limits_shared_cache(gib, "tier-memory", gib, &error));
    ck_assert(!limits_shared_cache(gib, "tier-memory", gib + 1, &error));
    ck_assert_int_eq(error.kind, ERROR_INVALID);
    ck_assert(!limits_shared_cache(gib, "dict-memory", 3 * gib, &error));
    ck_assert_str_eq(error.message, "--dict-memory: 3072 MiB are more than this machine's memory (1024 MiB)");
    ck_assert(limits_shared_cache(1, "tier-memory", SHARED_CACHE_ALWAYS_BYTES, &error)); /* no default stops a start */
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("limits");
    TCase *tests = tcase_create("limits");
    tcase_add_test(tests, volumes_come_before_connections);
    tcase_add_test(tests, plenty_is_shared_generously);
    tcase_add_test(tests, too_low_a_limit_is_told);
    tcase_add_test(tests, a_frame_cache_fits_into_memory);
    tcase_add_test(tests, a_cache_of_all_shards_fits_into_memory);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
