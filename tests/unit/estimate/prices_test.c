/* tests/unit/estimate/prices_test.c -- the list, what a file changes of it, and what is reckoned from it. */
#include "tools/bale/estimate/money.h"

#include "tests/unit/run_suite.h"

#include <stdio.h>
#include <unistd.h>

static bool load(const char *text, struct prices *ret_prices, struct error *error)
{
    char path[] = "/tmp/bale-prices-XXXXXX";
    int fd = mkstemp(path);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq((int)write(fd, text, strlen(text)), (int)strlen(text));
    (void)close(fd);
    bool done = prices_load(path, ret_prices, error);
    (void)unlink(path);
    return done;
}

START_TEST(a_file_changes_what_it_names)
{
    struct prices prices;
    struct error error;
    ck_assert(
        load("currency = EUR\ncore-hour = 0.1\negress = 0.09\n[STANDARD]\nmonth = 0.02\n[COLD]\nleast-size = 4096\n",
             &prices, &error));
    ck_assert_str_eq(prices.currency, "EUR");
    ck_assert_double_eq(prices.core_hour, 0.1);
    ck_assert_double_eq(prices.egress, 0.09);
    ck_assert_double_eq(prices_find(&prices, "STANDARD")->month, 0.02);
    ck_assert_double_eq(prices_find(&prices, "COLD")->month, 0.02); /* as STANDARD */
    ck_assert_double_eq(prices_find(&prices, "COLD")->least_size, 4096);
    ck_assert_double_eq(prices_find(&prices, "GLACIER_IR")->month, 0.004);
    ck_assert_ptr_eq(prices_find(&prices, "UNHEARD_OF"), &prices.classes[0]);
}
END_TEST

START_TEST(what_is_wrong_is_refused_with_its_line)
{
    static const struct {
        const char *text;
        const char *expected;
    } wrong[] = {
        {"core-hour = -1\n", ":1: core-hour is a number"},
        {"core-hour = nan\n", ":1: core-hour is a number"},
        {"\nspeed = 1\n", ":2: there is no speed"},
        {"[STANDARD]\nmonth = cheap\n", ":2: month is a number"},
        {"[STANDARD]\nweek = 1\n", ":2: there is no week"},
        {"currency = a very long name of one\n", ":1: a currency has"},
        {"currency = \"$\"\n", ":1: a currency has"},
        {"egress = free\n", ":1: egress is a number"},
    };
    for (unsigned i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        struct prices prices;
        struct error error;
        ck_assert(!load(wrong[i].text, &prices, &error));
        ck_assert_msg(strstr(error.message, wrong[i].expected) != NULL, "%s", error.message);
    }
}
END_TEST

/* 100,000 bytes packed to a half: a GiB of them in STANDARD; in GLACIER_IR each is billed as 131,072 before and after.
 */
START_TEST(a_class_bills_a_least_size)
{
    static struct population population;
    static const struct estimate_sums sums = {.ns_for_byte = {[2] = 3.6}};
    struct prices prices;
    struct money money;
    struct error error;
    ck_assert(prices_load(NULL, &prices, &error));
    population_init(&population);
    population_add(&population, SPAN("a.x"), 100000, 100000, SPAN_EMPTY, false);
    population_add(&population, SPAN("b.x"), 100000, 100000, SPAN("GLACIER_IR"), false);
    population_settle(&population);
    ck_assert_uint_eq(population.strata[2].bytes, 200000);
    stratum_add_drawn(&population.strata[2], 0.5);
    money_reckon(&population, &sums, &prices, true, &money);
    ck_assert_double_eq_tol(money.saved_a_month, 50000 * 0.023 / (1 << 30), 1e-15);
    ck_assert_double_eq_tol(money.core_hours, 200000 * 3.6 / 3.6e12, 1e-12);
    double requests = (0.0004 + 0.005 + 0.01 + 0.02 + 0.005) / 1000 + 0.03 * 100000 / (1 << 30);
    ck_assert_double_eq_tol(money.requests, requests, 1e-12);
    ck_assert_double_eq_tol(money.once, requests + money.core_hours * 0.04, 1e-12);
    prices.egress = 1;
    money_reckon(&population, &sums, &prices, true, &money);
    ck_assert_double_eq_tol(money.requests, requests + 200000.0 / (1 << 30), 1e-12);
    money_reckon(&population, &sums, &prices, false, &money);
    ck_assert_double_eq(money.requests, 0);
    population_free(&population);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("prices");
    TCase *tests = tcase_create("prices");
    tcase_add_test(tests, a_file_changes_what_it_names);
    tcase_add_test(tests, what_is_wrong_is_refused_with_its_line);
    tcase_add_test(tests, a_class_bills_a_least_size);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
