/* tests/unit/bench/plan_test.c -- which requests a job makes: order, chance, mixes, sizes and keys. */
#include "bench/job/plan.h"
#include "tests/unit/run_suite.h"

#include <check.h>
#include <stdlib.h>

static struct job job;

/* A job that does one thing. */
static void begin(struct plan *plan, enum operation operation, uint64_t objects, const char *size)
{
    struct error error;
    job_init(&job, "test");
    job.rw = operation;
    job.objects = objects;
    free(job.size_text);
    job.size_text = strdup(size);
    ck_assert_msg(job_complete(&job, &error), "%s", error.message);
    plan_begin(plan, &job);
}

START_TEST(loops_take_each_object_in_order)
{
    struct plan plan;
    struct assignment assignment;
    begin(&plan, OPERATION_PUT, 10, "4K");
    job.loops = 2;
    for (unsigned i = 0; i < 20; i++) {
        ck_assert(plan_next(&plan, &assignment));
        ck_assert_uint_eq(assignment.object, i % 10);
        ck_assert_uint_eq(assignment.size, 4096);
    }
    ck_assert(!plan_next(&plan, &assignment));
    job_free(&job);
}
END_TEST

START_TEST(reads_are_spread_over_all_objects_and_end_with_requests)
{
    struct plan plan;
    struct assignment assignment;
    unsigned seen[16] = {0};
    begin(&plan, OPERATION_GET, 16, "1K-8K");
    job.requests = 16000;
    while (plan_next(&plan, &assignment)) {
        ck_assert_uint_lt(assignment.object, 16);
        ck_assert_uint_eq(assignment.size, job_size_of(&job, assignment.object));
        seen[assignment.object]++;
    }
    ck_assert_uint_eq(plan.begun, 16000);
    for (unsigned i = 0; i < 16; i++)
        ck_assert_msg(seen[i] > 850 && seen[i] < 1150, "object %u: %u of 16000", i, seen[i]);
    job_free(&job);
}
END_TEST

START_TEST(deletes_end_with_the_objects)
{
    struct plan plan;
    struct assignment assignment;
    begin(&plan, OPERATION_DELETE, 3, "4K");
    for (unsigned i = 0; i < 3; i++) {
        ck_assert(plan_next(&plan, &assignment));
        ck_assert_uint_eq(assignment.object, i);
    }
    ck_assert(!plan_next(&plan, &assignment));
    job_free(&job);
}
END_TEST

START_TEST(batches_cover_each_object_once)
{
    struct plan plan;
    struct assignment assignment;
    begin(&plan, OPERATION_DELETE_OBJECTS, 2500, "4K");
    for (uint64_t from = 0; from < 2500; from += assignment.count) {
        ck_assert(plan_next(&plan, &assignment));
        ck_assert_uint_eq(assignment.object, from);
        ck_assert_uint_eq(assignment.count, from < 2000 ? 1000 : 500);
    }
    ck_assert(!plan_next(&plan, &assignment));
    job.loops = 1;
    ck_assert_uint_eq(job_requests(&job), 3);
    job_free(&job);
}
END_TEST

START_TEST(ranges_lie_in_their_objects)
{
    struct plan plan;
    struct assignment assignment;
    begin(&plan, OPERATION_RANDRANGE, 20, "1K-300K");
    for (unsigned i = 0; i < 5000; i++) {
        ck_assert(plan_next(&plan, &assignment));
        ck_assert_uint_le(assignment.offset + assignment.size, job_size_of(&job, assignment.object));
        ck_assert(assignment.size == 64 << 10 || assignment.size == job_size_of(&job, assignment.object));
    }
    job_free(&job);
}
END_TEST

START_TEST(ranges_in_order_cover_each_object_once)
{
    struct plan plan;
    struct assignment assignment;
    begin(&plan, OPERATION_SEQRANGE, 5, "1K-300K");
    for (uint64_t round = 0; round < 2; round++)
        for (uint64_t object = 0; object < 5; object++)
            for (uint64_t offset = 0; offset < job_size_of(&job, object); offset += assignment.size) {
                ck_assert(plan_next(&plan, &assignment));
                ck_assert_uint_eq(assignment.object, object);
                ck_assert_uint_eq(assignment.offset, offset);
            }
    ck_assert_uint_eq(plan.range_object, 0);
    job_free(&job);
}
END_TEST

/* Every delete takes an object that a put has made before it, and each only once. */
START_TEST(a_mix_has_its_weights_and_deletes_what_it_made)
{
    struct plan plan;
    struct assignment assignment;
    struct error error;
    unsigned counts[OPERATIONS] = {0};
    uint64_t made = 0;
    uint64_t deleted = 0;
    job_init(&job, "test");
    job.rw = OPERATIONS;
    job.rwmix = strdup("get:45,put:15,head:30,delete:10");
    ck_assert_msg(job_complete(&job, &error), "%s", error.message);
    plan_begin(&plan, &job);
    for (unsigned i = 0; i < 20000; i++) {
        ck_assert(plan_next(&plan, &assignment));
        counts[assignment.operation]++;
        if (assignment.operation == OPERATION_PUT)
            ck_assert_uint_eq(assignment.object, job.objects + made++);
        else if (assignment.operation == OPERATION_DELETE)
            ck_assert_uint_eq(assignment.object, job.objects + deleted++);
        else
            ck_assert_uint_lt(assignment.object, job.objects);
        ck_assert_uint_le(deleted, made);
        plan_note_done(&plan, &assignment);
    }
    ck_assert_uint_gt(counts[OPERATION_GET], 8700);
    ck_assert_uint_lt(counts[OPERATION_GET], 9300);
    ck_assert_uint_gt(counts[OPERATION_DELETE], 1800);
    ck_assert_uint_lt(counts[OPERATION_DELETE], 2200);
    ck_assert_uint_eq(counts[OPERATION_LIST] + counts[OPERATION_COPY] + counts[OPERATION_MULTIPART], 0);
    job_free(&job);
}
END_TEST

START_TEST(sizes_have_their_weights)
{
    struct size_spread spread;
    struct error error;
    unsigned small = 0;
    unsigned large = 0;
    ck_assert(size_spread_parse("4K:80,1M-2M:19,64M:1", &spread, &error));
    ck_assert_uint_eq(spread.least, 4096);
    ck_assert_uint_eq(spread.largest, 64 << 20);
    for (unsigned i = 0; i < 20000; i++) {
        uint64_t size = size_spread_draw(&spread, i * 0x9e3779b97f4a7c15);
        ck_assert_uint_eq(size, size_spread_draw(&spread, i * 0x9e3779b97f4a7c15));
        ck_assert(size == 4096 || size == 64 << 20 || (size >= 1 << 20 && size <= 2 << 20));
        small += size == 4096;
        large += size == 64 << 20;
    }
    ck_assert_uint_gt(small, 15700);
    ck_assert_uint_lt(small, 16300);
    ck_assert_uint_gt(large, 120);
    ck_assert_uint_lt(large, 280);
    size_spread_free(&spread);
}
END_TEST

START_TEST(what_is_no_size_is_refused)
{
    static const char *const wrong[] = {"",     "K",    "4k", "4K,", "8K-4K",     "6G",
                                        "4K:0", "4K:x", "-1", "1-",  "@/nowhere", "99999999999999999999G"};
    struct size_spread spread;
    struct error error;
    for (unsigned i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
        ck_assert_msg(!size_spread_parse(wrong[i], &spread, &error), "%s", wrong[i]);
    ck_assert(size_spread_parse_lines("sizes", SPAN("# a comment\n100\n\n5K\n"), &spread, &error));
    ck_assert_uint_eq(spread.count, 2);
    ck_assert_uint_eq(spread.largest, 5120);
    size_spread_free(&spread);
    ck_assert(!size_spread_parse_lines("sizes", SPAN("100\nten\n"), &spread, &error));
    ck_assert_str_eq(error.message, "sizes:2: this is no size of up to 5G");
}
END_TEST

START_TEST(keys_have_their_shapes)
{
    char key[KEY_BYTES];
    key_format(KEY_FLAT, "a/", 42, key);
    ck_assert_str_eq(key, "a/00000042");
    key_format(KEY_DATED, "", 28 * 24 * 1000 + 25 * 1000 + 7, key);
    ck_assert_str_eq(key, "2026/02/02/01/00697007.log");
    key_format(KEY_DEEP, "", 42, key);
    ck_assert_uint_eq(strlen(key), 16);
    ck_assert(key[1] == '/' && key[7] == '/');
    key_format(KEY_HASHED, "", 42, key);
    ck_assert_uint_eq(strlen(key), 17);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("plan");
    TCase *tests = tcase_create("plan");
    tcase_add_test(tests, loops_take_each_object_in_order);
    tcase_add_test(tests, reads_are_spread_over_all_objects_and_end_with_requests);
    tcase_add_test(tests, deletes_end_with_the_objects);
    tcase_add_test(tests, batches_cover_each_object_once);
    tcase_add_test(tests, ranges_lie_in_their_objects);
    tcase_add_test(tests, ranges_in_order_cover_each_object_once);
    tcase_add_test(tests, a_mix_has_its_weights_and_deletes_what_it_made);
    tcase_add_test(tests, sizes_have_their_weights);
    tcase_add_test(tests, what_is_no_size_is_refused);
    tcase_add_test(tests, keys_have_their_shapes);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
