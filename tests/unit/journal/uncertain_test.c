/* tests/unit/journal/uncertain_test.c -- uncertain changes among the sums of a ledger are no objects, and stand beside
 * their bucket. */
#include "journal/savings/uncertain.h"

#include "tests/unit/run_suite.h"

static void add(struct ledger_sums *sums, struct span bucket, uint64_t creation_id, int64_t objects)
{
    const struct spool_amounts amounts = {bucket, creation_id, {.objects = objects, .original_bytes = 10 * objects}};
    ledger_sums_add(sums, &amounts);
}

START_TEST(each_stands_beside_its_bucket)
{
    struct ledger_sums sums = {0};
    struct savings savings = {0};
    struct spool_amounts amounts;
    add(&sums, SPAN("photos"), 7, 3);
    add(&sums, SPAN("logs"), 8, 2);
    add(&sums, SPAN("logs"), LEDGER_UNCERTAIN_ID, 4);
    add(&sums, SPAN("photos"), LEDGER_UNCERTAIN_ID, 0);
    add(&sums, SPAN("gone"), LEDGER_UNCERTAIN_ID, 1);
    for (size_t at = 0; ledger_sums_next(&sums, &at, &amounts);) {
        if (!ledger_is_uncertain(&amounts))
            savings_add(&savings, amounts.bucket, &amounts.amounts);
    }
    savings_finish(&savings);
    savings_add_uncertain(&savings, &sums);
    ck_assert_uint_eq(savings.count, 2);
    ck_assert_str_eq(savings.rows[0].bucket, "logs");
    ck_assert_uint_eq(savings.rows[0].uncertain, 4);
    ck_assert_int_eq(savings.rows[0].amounts.objects, 2);
    ck_assert_uint_eq(savings.rows[1].uncertain, 0);
    ck_assert_uint_eq(savings.total.uncertain, 4);
    ck_assert_int_eq(savings.total.amounts.objects, 5);
    savings_free(&savings);
    ledger_sums_free(&sums);
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("uncertain");
    tcase_add_test(tests, each_stands_beside_its_bucket);
    Suite *suite = suite_create("uncertain");
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
