/* tests/unit/dictionaries/reservoir_test.c -- what is kept to learn from: of the prefixes that get most, and bounded.
 */
#include "server/dictionaries/reservoir.h"
#include "tests/unit/run_suite.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>

static struct reservoirs *reservoirs;
static struct reservoir_place place;
static struct buffer samples;
static size_t sizes[RESERVOIR_SAMPLES];
static unsigned count;

static void set_up(void)
{
    reservoirs = reservoirs_create();
    buffer_init(&samples, 0);
}

static void tear_down(void)
{
    reservoirs_destroy(reservoirs);
    buffer_free(&samples);
}

static void offer(uint64_t bucket, const char *key, size_t size)
{
    static uint8_t bytes[64 << 10];
    const struct object_name name = {.bucket = SPAN("bucket"), .key = span_from_string(key)};
    memset(bytes, (int)bucket, size);
    reservoirs_offer(reservoirs, &name, bucket, span_of(bytes, size));
}

static bool take(int64_t now_ms)
{
    buffer_clear(&samples);
    return reservoirs_take(reservoirs, now_ms, now_ms - 1000, &place, &samples, sizes, &count);
}

static bool is_prefix(const char *prefix)
{
    return span_equal(span_of(place.prefix, place.prefix_size), span_from_string(prefix));
}

START_TEST(each_prefix_has_its_turn)
{
    char key[64];
    for (unsigned i = 0; i < 500; i++) {
        (void)snprintf(key, sizeof key, "logs/2026/11/29/%u", i);
        offer(7, key, 1000);
        offer(7, "other", 20); /* too small to learn from */
    }
    static const char *const prefixes[] = {"", "logs/", "logs/2026/"};
    unsigned seen = 0;
    for (int64_t turn = 0; turn < 3; turn++) {
        ck_assert(take(5000));
        ck_assert_uint_eq(place.creation_id, 7);
        ck_assert_str_eq(place.bucket, "bucket");
        ck_assert(count >= RESERVOIR_READY_SAMPLES && count <= 500);
        ck_assert_uint_eq(samples.size, count * 1000);
        for (unsigned i = 0; i < 3; i++)
            seen |= is_prefix(prefixes[i]) ? 1U << i : 0;
    }
    ck_assert_uint_eq(seen, 7);
    ck_assert(!take(5500)); /* all had it */
    ck_assert(take(7000));
}
END_TEST

START_TEST(too_little_is_not_ready)
{
    for (unsigned i = 0; i < RESERVOIR_READY_SAMPLES; i++)
        offer(7, "a/b", 100);
    ck_assert(!take(5000));
    for (unsigned i = 0; i < 5000; i++)
        offer(7, "a/b", 200);
    ck_assert(take(5000));
    ck_assert_uint_eq(count, RESERVOIR_SAMPLES);
}
END_TEST

/* However many prefixes and however large the objects, and the heavy ones are among those that are known. */
START_TEST(bounded)
{
    char key[64];
    size_t bytes = 0;
    unsigned full = 0;
    bool has_heavy = false;
    for (unsigned i = 0; i < 40000; i++) {
        (void)snprintf(key, sizeof key, "%u/%u", i % 997, i);
        offer(1 + i % 3, key, 60 << 10);
        if (i % 4 == 0)
            offer(9, "heavy/x", 3000);
    }
    for (unsigned i = 0; i < RESERVOIR_PREFIXES; i++) {
        const struct reservoir *reservoir = &reservoirs->all[i];
        ck_assert_uint_le(reservoir->count, RESERVOIR_SAMPLES);
        ck_assert_uint_le(reservoir->bytes, RESERVOIR_BYTES);
        bytes += reservoir->bytes;
        full += reservoir->samples != NULL;
        has_heavy |=
            reservoir->creation_id == 9 && reservoir->prefix_size == strlen("heavy/") && reservoir->count > 100;
        for (unsigned at = 0; at < reservoir->count; at++)
            ck_assert(reservoir->sizes[at] <= RESERVOIR_SAMPLE_BYTES &&
                      reservoir->samples[at][0] == (uint8_t)reservoir->creation_id);
    }
    ck_assert_uint_le(full, RESERVOIRS_FULL_MAX);
    ck_assert_uint_eq(full, reservoirs->full);
    ck_assert_uint_le(bytes, RESERVOIRS_FULL_MAX * RESERVOIR_BYTES);
    ck_assert(has_heavy);
    (void)snprintf(key, sizeof key, "%0*d/x", 40, 0);
    offer(1, key, 100);
}
END_TEST

/* What is kept is mostly new. */
START_TEST(the_old_goes)
{
    for (unsigned i = 0; i < 3000; i++)
        offer(7, "x", 100 + (i >= 1500));
    unsigned old = 0;
    for (unsigned i = 0; i < reservoirs->all[0].count; i++)
        old += reservoirs->all[0].sizes[i] == 100;
    ck_assert_uint_lt(old, RESERVOIR_SAMPLES / 3);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("reservoirs");
    TCase *tests = tcase_create("reservoirs");
    tcase_set_timeout(tests, 60);
    tcase_add_checked_fixture(tests, set_up, tear_down);
    tcase_add_test(tests, each_prefix_has_its_turn);
    tcase_add_test(tests, too_little_is_not_ready);
    tcase_add_test(tests, bounded);
    tcase_add_test(tests, the_old_goes);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
