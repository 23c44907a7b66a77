/* tests/unit/lifecycle/native_rules_test.c -- which rules the backend can have, and under which prefix. */
#include "server/lifecycle/native_rules.h"
#include "tests/unit/run_suite.h"

#include <string.h>

static struct arena arena;
static struct native_rules made;

static void setup(void)
{
    arena_init(&arena, 1 << 16);
}

static void teardown(void)
{
    arena_free(&arena);
}

static struct lifecycle_rule rule_of(const char *prefix)
{
    return (struct lifecycle_rule){.id = SPAN("one"),
                                   .is_enabled = true,
                                   .filter = {.has_prefix = true, .prefix = span_from_string(prefix)},
                                   .has_expiration = true,
                                   .expiration = {.has_days = true, .days = 3}};
}

static void make(struct lifecycle_rule *rule, const char *prefix)
{
    struct error error;
    const struct lifecycle lifecycle = {.rules = rule, .rules_count = 1};
    ck_assert(native_rules_make(&lifecycle, span_from_string(prefix), &arena, &made, &error));
}

START_TEST(a_rule_gets_the_prefix_of_the_bucket)
{
    struct lifecycle_rule rule = rule_of("logs/");
    rule.is_old_form = true;
    make(&rule, "data/");
    ck_assert_uint_eq(made.lifecycle.rules_count, 1);
    ck_assert_uint_eq(made.omissions_count, 0);
    const struct lifecycle_rule *native = &made.lifecycle.rules[0];
    ck_assert(span_equal(native->filter.prefix, SPAN("data/logs/")));
    ck_assert(!native->is_old_form && !native->has_and && native->has_expiration);
    ck_assert_int_eq(native->expiration.days, 3);
}
END_TEST

START_TEST(what_reaches_the_servers_own_is_left_out)
{
    static const char *const reaching[] = {"", ".", ".bale/", ".bale/journal/", ".s4"};
    for (unsigned i = 0; i < sizeof reaching / sizeof reaching[0]; i++) {
        struct lifecycle_rule rule = rule_of(reaching[i]);
        make(&rule, "data/");
        ck_assert_uint_eq(made.lifecycle.rules_count, 0);
        ck_assert_uint_eq(made.omissions_count, 1);
    }
    struct lifecycle_rule rule = rule_of(".balearics/");
    make(&rule, "");
    ck_assert_uint_eq(made.lifecycle.rules_count, 1);
}
END_TEST

START_TEST(tags_keep_it_from_the_servers_own)
{
    struct lifecycle_tag tag = {SPAN("temp"), SPAN("yes")};
    struct lifecycle_rule rule = rule_of("");
    rule.filter = (struct lifecycle_filter){.tags = &tag, .tags_count = 1};
    make(&rule, "");
    ck_assert_uint_eq(made.lifecycle.rules_count, 1);
    ck_assert(!made.lifecycle.rules[0].filter.has_prefix && !made.lifecycle.rules[0].has_and);
    make(&rule, "data/");
    ck_assert(made.lifecycle.rules[0].filter.has_prefix && made.lifecycle.rules[0].has_and);
}
END_TEST

START_TEST(former_versions_may_go_everywhere)
{
    struct lifecycle_transition move = {.time = {.has_days = true, .days = 1}, .storage_class = SPAN("GLACIER")};
    struct lifecycle_rule rule = rule_of("");
    rule.transitions = &move;
    rule.transitions_count = 1;
    rule.has_noncurrent_expiration = true;
    rule.noncurrent_expiration = (struct lifecycle_transition){.time = {.has_days = true, .days = 9}};
    make(&rule, "");
    ck_assert_uint_eq(made.omissions_count, 1);
    ck_assert_uint_eq(made.lifecycle.rules_count, 1);
    ck_assert(!made.lifecycle.rules[0].has_expiration && made.lifecycle.rules[0].has_noncurrent_expiration);
    ck_assert_uint_eq(made.lifecycle.rules[0].transitions_count, 0);
    ck_assert(made.lifecycle.rules[0].filter.has_prefix);
}
END_TEST

START_TEST(sizes_are_others_there)
{
    struct lifecycle_rule rule = rule_of("logs/");
    rule.filter.has_greater_than = true;
    rule.filter.greater_than = 100;
    make(&rule, "");
    ck_assert_uint_eq(made.lifecycle.rules_count, 0);
    ck_assert_uint_eq(made.omissions_count, 1);
    ck_assert(span_equal(made.omissions[0].rule, SPAN("one")));
}
END_TEST

START_TEST(what_is_disabled_is_left_out)
{
    struct lifecycle_rule rule = rule_of("logs/");
    rule.is_enabled = false;
    make(&rule, "");
    ck_assert_uint_eq(made.lifecycle.rules_count, 0);
    ck_assert_uint_eq(made.omissions_count, 1);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("native rules");
    TCase *rules = tcase_create("rules");
    tcase_add_checked_fixture(rules, setup, teardown);
    tcase_add_test(rules, a_rule_gets_the_prefix_of_the_bucket);
    tcase_add_test(rules, what_reaches_the_servers_own_is_left_out);
    tcase_add_test(rules, tags_keep_it_from_the_servers_own);
    tcase_add_test(rules, former_versions_may_go_everywhere);
    tcase_add_test(rules, sizes_are_others_there);
    tcase_add_test(rules, what_is_disabled_is_left_out);
    suite_add_tcase(suite, rules);
    return run_suite(suite);
}
