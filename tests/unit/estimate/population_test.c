/* tests/unit/estimate/population_test.c -- endings, classes of size, and which frame a byte lies in. */
#include "tools/bale/estimate/population.h"

#include "codec/format/frame.h"
#include "tests/unit/run_suite.h"

#include <stdio.h>

static struct population population;

static void setup(void)
{
    population_init(&population);
}

static void teardown(void)
{
    population_free(&population);
}

static void add(const char *name, uint64_t size)
{
    population_add(&population, span_from_string(name), size, size, SPAN_EMPTY, false);
}

START_TEST(endings_are_what_stands_behind_the_last_dot)
{
    add("a/b.json", 600);
    add("a/B.JSON", 600); /* letters count as small ones */
    add("log.1", 100);    /* rotated */
    add(".bashrc", 100);
    add("a.d/.profile", 100);
    add("a.d/file", 100);
    add("x.verylongending0123", 100);
    add("x.we-ird", 100);
    add("x.gz", 50);
    add("empty.txt", 0);
    population_settle(&population);
    ck_assert_uint_eq(population.endings_count, 3);
    ck_assert_str_eq(population_ending_name(&population, 0), ".json");
    ck_assert_str_eq(population_ending_name(&population, 1), "(none)");
    ck_assert_uint_eq(population.endings[1].bytes, 600);
    ck_assert_str_eq(population_ending_name(&population, 2), ".gz");
    ck_assert_str_eq(population_ending_name(&population, 3), "others");
    ck_assert_uint_eq(population.strata[0].bytes, 1200);
    ck_assert_uint_eq(population.first[POPULATION_STRATA], 9); /* of the empty one there is nothing to draw */
}
END_TEST

START_TEST(the_smallest_endings_share_their_strata)
{
    char name[32];
    for (unsigned i = 0; i < 100; i++) {
        (void)snprintf(name, sizeof name, "file.e%u", i);
        add(name, 100 + i);
    }
    population_settle(&population);
    ck_assert_uint_eq(population.endings_count, POPULATION_ENDINGS);
    ck_assert_str_eq(population_ending_name(&population, 0), ".e99");
    unsigned others = POPULATION_ENDINGS * POPULATION_SIZES;
    ck_assert_uint_eq(population.first[others + 1] - population.first[others], 100 - POPULATION_ENDINGS);
}
END_TEST

START_TEST(sizes_have_strata)
{
    static const uint64_t sizes[] = {1, 4 << 10, (4 << 10) + 1, 64 << 10, 1 << 20, (1 << 20) + 1};
    static const unsigned expected[] = {0, 0, 1, 1, 2, 3};
    for (unsigned i = 0; i < 6; i++)
        add("x.bin", sizes[i]);
    population_add(&population, SPAN("y.bin"), 5000, 5000, SPAN("GLACIER"), true);
    population_settle(&population);
    for (unsigned i = 0; i < 6; i++)
        ck_assert_uint_eq(population.objects[i].stratum, expected[i]);
    ck_assert_uint_eq(population.unreadable_count, 1);
    ck_assert_uint_eq(population.first[POPULATION_STRATA], 6);
    ck_assert_str_eq(population.classes[population.objects[6].class_at], "GLACIER");
    ck_assert_uint_eq(population.strata[3].frames, 2);
}
END_TEST

/* Every byte of a stratum belongs to one frame, at its place. */
START_TEST(every_byte_has_its_frame)
{
    static const uint64_t sizes[] = {FRAME_ORIGINAL_BYTES + 1, 3 * FRAME_ORIGINAL_BYTES, 2 * FRAME_ORIGINAL_BYTES - 1};
    unsigned stratum = 3;
    uint64_t position = 0;
    unsigned frames = 0;
    for (unsigned i = 0; i < 3; i++)
        add("x.bin", sizes[i]);
    population_settle(&population);
    for (unsigned i = 0; i < 3; i++)
        for (uint64_t offset = 0; offset < sizes[i]; frames++) {
            struct population_frame first = population_find_frame(&population, stratum, position);
            struct population_frame last = population_find_frame(&population, stratum, position + first.size - 1);
            ck_assert_ptr_eq(first.object, &population.objects[i]);
            ck_assert_uint_eq(first.offset, offset);
            ck_assert(last.object == first.object && last.offset == first.offset && last.size == first.size);
            position += first.size;
            offset += first.size;
            ck_assert_uint_le(offset, sizes[i]);
        }
    ck_assert_uint_eq(position, population.strata[stratum].bytes);
    ck_assert_uint_eq(frames, population.strata[stratum].frames);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("population");
    TCase *tests = tcase_create("population");
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_test(tests, endings_are_what_stands_behind_the_last_dot);
    tcase_add_test(tests, the_smallest_endings_share_their_strata);
    tcase_add_test(tests, sizes_have_strata);
    tcase_add_test(tests, every_byte_has_its_frame);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
