/* tests/unit/service/fleet_versions_test.c -- which versions come first, and which cards count. */
#include "server/fleet/versions.h"
#include "tests/unit/run_suite.h"

#include <stdio.h>

START_TEST(versions_are_compared_by_number)
{
    static const char *const since[] = {"0.2.0", "0.2.1", "0.10.0", "1.0.0", "0.2.0-rc1", "0.3.0+local", "999999.0.0"};
    static const char *const before[] = {"0.1.0", "0.1.99", "0.0.0", "0.1.0-rc2"};
    static const char *const none[] = {"", "0", "0.2", "0.2.", "v0.2.0", "0..2", "-1.2.0", "0.2 .0", "1234567.0.0"};
    for (unsigned i = 0; i < sizeof since / sizeof since[0]; i++)
        ck_assert_msg(version_is_since(since[i], "0.2.0"), "%s", since[i]);
    for (unsigned i = 0; i < sizeof before / sizeof before[0]; i++)
        ck_assert_msg(!version_is_since(before[i], "0.2.0"), "%s", before[i]);
    for (unsigned i = 0; i < sizeof none / sizeof none[0]; i++)
        ck_assert_msg(!version_is_since(none[i], "0.0.0"), "%s", none[i]);
}
END_TEST

START_TEST(this_one_reads_all_that_it_writes)
{
    ck_assert(version_is_since(BALE_VERSION, VERSION_OF_LEADS));
}
END_TEST

/* One that wrote its card so many milliseconds ago, and does each second. */
static struct seen_card card_of(const char *version, uint64_t age_ms)
{
    struct seen_card seen = {.card = {.every_ms = 1000}, .age_ms = age_ms};
    (void)snprintf(seen.card.version, sizeof seen.card.version, "%s", version);
    return seen;
}

START_TEST(those_count_that_run)
{
    struct seen_card cards[] = {card_of("0.2.0", 0), card_of("0.1.0", 60000), card_of("0.1.0", 0), card_of("", 60000)};
    const struct card_list list = {.cards = cards, .count = 4};
    ck_assert(fleet_has_older(&list, "0.2.0"));
    cards[2].card.is_stopped = true;
    ck_assert(!fleet_has_older(&list, "0.2.0"));
    cards[3].age_ms = 0; /* it says no version */
    ck_assert(fleet_has_older(&list, "0.2.0"));
    ck_assert(!fleet_has_older(&(struct card_list){0}, "0.2.0"));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("fleet versions");
    TCase *tests = tcase_create("versions");
    tcase_add_test(tests, versions_are_compared_by_number);
    tcase_add_test(tests, this_one_reads_all_that_it_writes);
    tcase_add_test(tests, those_count_that_run);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
