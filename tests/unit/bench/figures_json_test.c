/* tests/unit/bench/figures_json_test.c -- what is written is read again, and odd files are refused or bounded. */
#include "bench/report/figures_json.h"
#include "tests/unit/run_suite.h"

#include <check.h>

START_TEST(what_is_written_is_read_again)
{
    struct line_figures operations[2] = {{"get", 10, 1, 4096, 12.5, {[FIGURES_P99] = 17.25}},
                                         {"put", 20, 0, 8192, 3, {0}}};
    struct line_figures endpoints[1] = {{"http://a", 30, 1, 12288, 7, {0}}};
    struct point_figures points[2] = {{1, 20, 1, 100, 1, 2, 3, 4}, {1.5, 10, 0, 50, 5, 6, 7, 8}};
    struct job_figures job = {.name = "mix",
                              .is_open = true,
                              .rate = 500,
                              .connections = 16,
                              .seconds = 1.5,
                              .not_begun = 4,
                              .failure = "a \"quoted\" \\ \n one",
                              .all = {"all", 30, 1, 12288, 7, {[FIGURES_LONGEST] = 99}},
                              .operations = operations,
                              .operations_count = 2,
                              .endpoints = endpoints,
                              .endpoints_count = 1,
                              .points = points,
                              .points_count = 2,
                              .server_cpu_us = 3.5,
                              .client_share = 0.25};
    const struct run_figures run = {.started_ms = 1796006426229, .jobs = &job, .jobs_count = 1};
    struct run_figures again;
    struct buffer text;
    struct error error;
    buffer_init(&text, 0);
    figures_json_write(&run, &text);
    ck_assert_msg(figures_json_read(buffer_span(&text), &again, &error), "%s", error.message);
    ck_assert_int_eq(again.started_ms, run.started_ms);
    ck_assert_uint_eq(again.jobs_count, 1);
    ck_assert_str_eq(again.jobs[0].failure, job.failure);
    ck_assert(again.jobs[0].is_open);
    ck_assert_uint_eq(again.jobs[0].connections, 16);
    ck_assert_uint_eq(again.jobs[0].not_begun, 4);
    ck_assert_double_eq(again.jobs[0].seconds, 1.5);
    ck_assert_double_eq(again.jobs[0].server_cpu_us, 3.5);
    ck_assert_double_eq(again.jobs[0].client_share, 0.25);
    ck_assert_mem_eq(&again.jobs[0].all, &job.all, sizeof job.all);
    ck_assert_mem_eq(again.jobs[0].operations, operations, sizeof operations);
    ck_assert_mem_eq(again.jobs[0].endpoints, endpoints, sizeof endpoints);
    ck_assert_mem_eq(again.jobs[0].points, points, sizeof points);
    run_figures_free(&again);
    buffer_free(&text);
}
END_TEST

START_TEST(other_files_are_refused)
{
    static const char *const wrong[] = {"",
                                        "{",
                                        "[]",
                                        "3",
                                        "{}",
                                        "{\"format\": \"bale-bench 2\", \"jobs\": []}",
                                        "{\"format\": \"bale-bench 1\"}",
                                        "{\"format\": \"bale-bench 1\", \"jobs\": 1}"};
    struct run_figures figures;
    struct error error;
    for (unsigned i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        ck_assert_msg(!figures_json_read(span_from_string(wrong[i]), &figures, &error), "accepted: %s", wrong[i]);
        ck_assert_ptr_null(figures.jobs);
    }
}
END_TEST

START_TEST(numbers_that_no_run_has_are_0)
{
    struct run_figures figures;
    struct error error;
    ck_assert(figures_json_read(SPAN("{\"format\": \"bale-bench 1\", \"jobs\": [{\"seconds\": 1e400, \"rate\": -3, "
                                     "\"all\": {\"count\": 1e300, \"bytes\": \"7\"}}, null]}"),
                                &figures, &error));
    ck_assert_uint_eq(figures.jobs_count, 2);
    ck_assert_double_eq(figures.jobs[0].seconds, 0);
    ck_assert_double_eq(figures.jobs[0].rate, 0);
    ck_assert_uint_eq(figures.jobs[0].all.count, 0);
    ck_assert_uint_eq(figures.jobs[0].all.bytes, 0);
    run_figures_free(&figures);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("figures json");
    TCase *tests = tcase_create("figures json");
    tcase_add_test(tests, what_is_written_is_read_again);
    tcase_add_test(tests, other_files_are_refused);
    tcase_add_test(tests, numbers_that_no_run_has_are_0);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
