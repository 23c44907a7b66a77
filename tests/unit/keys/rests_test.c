/* tests/unit/keys/rests_test.c -- which keys of a service are left alone, and when all of it is. */
#include "server/kms/rests.h"
#include "tests/unit/run_suite.h"

static struct rests rests;
static const uint64_t second_ns = 1000000000;

static void set_up(void)
{
    rests = (struct rests){.service.until_ns = 0};
}

static struct error trouble_of(const char *message)
{
    struct error trouble;
    (void)error_set(&trouble, ERROR_IO, "Code", "%s", message);
    return trouble;
}

static bool is_resting(const char *key, uint64_t now_ns, const char *message)
{
    const struct error *trouble = rests_find(&rests, span_from_string(key), now_ns);
    ck_assert(trouble == NULL || strcmp(trouble->message, message) == 0);
    return trouble != NULL;
}

START_TEST(a_key_rests_alone)
{
    const struct error trouble = trouble_of("of one");
    rests_add_key(&rests, SPAN("one"), 5, &trouble);
    ck_assert(is_resting("one", 5, "of one") && is_resting("one", 4 + second_ns, "of one"));
    ck_assert(!is_resting("one", 5 + second_ns, "") && !is_resting("other", 5, "") && !is_resting("", 5, ""));
}
END_TEST

START_TEST(a_service_rests_with_all_its_keys)
{
    const struct error of_key = trouble_of("of one");
    const struct error of_all = trouble_of("of all");
    rests_add_key(&rests, SPAN("one"), 5, &of_key);
    rests_add_service(&rests, 1, &of_all);
    ck_assert(is_resting("one", second_ns, "of all") && is_resting("other", second_ns, "of all"));
    ck_assert(is_resting("one", 1 + second_ns, "of one") && !is_resting("other", 1 + second_ns, ""));
}
END_TEST

/* Whoever names many keys that are broken keeps those alone that he named last. */
START_TEST(the_one_that_ends_first_gives_way)
{
    for (unsigned i = 0; i <= RESTING_KEYS_MAX; i++) {
        const char key[] = {(char)('a' + i), '\0'};
        const struct error trouble = trouble_of(key);
        rests_add_key(&rests, span_from_string(key), i, &trouble);
    }
    ck_assert(!is_resting("a", 20, ""));
    for (unsigned i = 1; i <= RESTING_KEYS_MAX; i++) {
        const char key[] = {(char)('a' + i), '\0'};
        ck_assert(is_resting(key, 20, key));
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("rests");
    TCase *tcase = tcase_create("rests");
    suite_add_tcase(suite, tcase);
    tcase_add_checked_fixture(tcase, set_up, NULL);
    tcase_add_test(tcase, a_key_rests_alone);
    tcase_add_test(tcase, a_service_rests_with_all_its_keys);
    tcase_add_test(tcase, the_one_that_ends_first_gives_way);
    return run_suite(suite);
}
