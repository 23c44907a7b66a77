/* tests/unit/bench/bars_test.c -- bars: which line they mean, units, and that nothing is held by accident. */
#include "bench/report/bars.h"
#include "tests/unit/run_suite.h"

#include <check.h>

static struct line_figures lines[2] = {{.name = "get", .count = 1000, .bytes = 1000 << 20, .mean_us = 2000},
                                       {.name = "put", .count = 500, .failures = 3}};
static struct job_figures job = {
    .name = "mix", .seconds = 10, .operations = lines, .operations_count = 2, .server_cpu_us = 12.5};
static const struct run_figures run = {.jobs = &job, .jobs_count = 1};

static void set_up(void)
{
    lines[0].percentile_us[FIGURES_P99] = 4999;
    lines[0].percentile_us[FIGURES_P999] = 9000;
    lines[1].percentile_us[FIGURES_P99] = 100;
    job.all = (struct line_figures){.name = "all", .count = 1500, .failures = 3};
}

static bool is_held_by(const char *text, const struct run_figures *base)
{
    struct bar bar;
    struct error error;
    struct buffer to;
    buffer_init(&to, 0);
    ck_assert_msg(bar_parse(span_from_string(text), &bar, &error), "%s", error.message);
    bool is_held = bar_holds(&bar, &run, base, &to);
    ck_assert(memmem(to.data, to.size, is_held ? "held" : "MISSED", is_held ? 4 : 6) != NULL);
    buffer_free(&to);
    return is_held;
}

static bool is_held(const char *text)
{
    return is_held_by(text, &run);
}

START_TEST(figures_and_their_units)
{
    ck_assert(is_held("get.p99<5ms"));
    ck_assert(!is_held("get.p99<4.9ms"));
    ck_assert(is_held("get.p99<5000us"));
    ck_assert(is_held("get.p99.9>=0.009s"));
    ck_assert(!is_held("get.p99.9>0.009s"));
    ck_assert(is_held("get.rate>=100"));
    ck_assert(!is_held("get.rate>100"));
    ck_assert(is_held("get.mib<=100"));
    ck_assert(is_held("mix.failures<4"));
    ck_assert(!is_held("put.failures<=2"));
    ck_assert(is_held("mix.cpu<12.6"));
    ck_assert(is_held("get.mean<=2ms"));
}
END_TEST

START_TEST(names_are_jobs_then_kinds)
{
    ck_assert(is_held("mix.rate>=150"));
    ck_assert(is_held("mix/put.rate<=50"));
    ck_assert(!is_held("mix/head.rate>=0"));
    ck_assert(!is_held("other/get.rate>0"));
    ck_assert(!is_held("other.rate>=0"));
}
END_TEST

START_TEST(a_line_without_an_answer_has_no_latency)
{
    lines[1].count = 0;
    ck_assert(!is_held("put.p99<5ms"));
    ck_assert(!is_held("put.p99>0us"));
    ck_assert(is_held("put.rate<=0"));
    lines[1].count = 500;
}
END_TEST

START_TEST(times_the_first_run)
{
    static struct line_figures base_lines[1] = {{.name = "get", .count = 2000}};
    static struct job_figures base_job = {
        .name = "mix", .seconds = 10, .operations = base_lines, .operations_count = 1};
    static const struct run_figures base = {.jobs = &base_job, .jobs_count = 1};
    ck_assert(is_held_by("get.rate>=0.5x", &base));
    ck_assert(!is_held_by("get.rate>0.5x", &base));
    ck_assert(!is_held_by("put.rate>0x", &base)); /* which has none */
}
END_TEST

START_TEST(what_is_no_bar_is_refused)
{
    static const char *const wrong[] = {"",          "get",          "get.p99",      ".p99<1ms",       "get.p98<1ms",
                                        "get.p99<1", "get.rate>1ms", "get.p99<-1ms", "get.p99<ms",     "get.p99=1ms",
                                        "get<1ms",   "get.p99<1m",   "get.p99<infs", "get.rate>1e999x"};
    struct bar bar;
    struct error error;
    for (unsigned i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
        ck_assert_msg(!bar_parse(span_from_string(wrong[i]), &bar, &error), "accepted: %s", wrong[i]);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("bars");
    TCase *tests = tcase_create("bars");
    tcase_add_checked_fixture(tests, set_up, NULL);
    tcase_add_test(tests, figures_and_their_units);
    tcase_add_test(tests, names_are_jobs_then_kinds);
    tcase_add_test(tests, a_line_without_an_answer_has_no_latency);
    tcase_add_test(tests, times_the_first_run);
    tcase_add_test(tests, what_is_no_bar_is_refused);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
