/* tests/unit/codec/trial_test.c -- every way over bodies of every length: sums, and that gzip and frames come back. */
#include "bench/data/data_sets.h"
#include "codec/trial.h"
#include "tests/unit/run_suite.h"

enum { BODY_BYTES = 3 << 20 };
static uint8_t body[BODY_BYTES];

static struct trial_result result_of(enum trial_way way, const char *name, size_t size)
{
    struct error error;
    struct trial_result result;
    const struct trial_settings settings = {.way = way, .level = 1, .clock = clock_system()};
    data_set_fill(data_set_find(name), body, size);
    bool done = trial_run(&settings, span_of(body, size), &result, &error);
    ck_assert_msg(done, "%s", done ? "" : error.message);
    ck_assert_uint_eq(result.original_bytes, size);
    ck_assert_uint_eq(result.frames, (size + FRAME_ORIGINAL_BYTES - 1) / FRAME_ORIGINAL_BYTES);
    return result;
}

START_TEST(every_way_and_length)
{
    static const size_t sizes[] = {1, 100, 5000, FRAME_ORIGINAL_BYTES, FRAME_ORIGINAL_BYTES + 1, BODY_BYTES};
    static const char *const names[] = {"gaps", "json", "noise"};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++)
        for (unsigned k = 0; k < 3; k++) {
            ck_assert_uint_eq(result_of(TRIAL_RAW, names[k], sizes[i]).stored_bytes, sizes[i]);
            ck_assert_uint_le(result_of(TRIAL_GZIP, names[k], sizes[i]).stored_bytes, sizes[i]);
            struct trial_result zstd = result_of(TRIAL_ZSTD, names[k], sizes[i]);
            ck_assert_uint_le(zstd.payload_bytes, sizes[i]);
            ck_assert_uint_eq(zstd.frames_in_columns, 0);
            ck_assert_uint_le(result_of(TRIAL_COLUMNS, names[k], sizes[i]).stored_bytes, zstd.stored_bytes);
        }
}
END_TEST

START_TEST(ways_differ_as_they_should)
{
    ck_assert_uint_gt(result_of(TRIAL_ZSTD, "gaps", BODY_BYTES).stored_bytes, BODY_BYTES / 2);
    struct trial_result columns = result_of(TRIAL_COLUMNS, "gaps", BODY_BYTES);
    ck_assert_uint_lt(columns.stored_bytes, BODY_BYTES / 14);
    ck_assert_uint_eq(columns.frames_in_columns, 3);
    ck_assert_uint_eq(columns.stored_bytes - columns.payload_bytes, 3 * 28 + 44 + 3 * 32);
    ck_assert_uint_eq(result_of(TRIAL_COLUMNS, "noise", BODY_BYTES).frames_raw, 3);
    ck_assert_uint_lt(result_of(TRIAL_GZIP, "json", BODY_BYTES).stored_bytes, BODY_BYTES / 4);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("trial");
    TCase *tests = tcase_create("trial");
    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, every_way_and_length);
    tcase_add_test(tests, ways_differ_as_they_should);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
