/* tests/unit/lifecycle/evaluate_test.c -- what rules ask for, case by case; tests/lifecycle/run has them at random. */
#include "server/lifecycle/evaluate.h"
#include "server/lifecycle/transition.h"
#include "tests/unit/run_suite.h"

#include <stdio.h>

static const int64_t DAY = LIFECYCLE_DAY_MS;

static struct arena arena;
static struct lifecycle_bucket place;
static struct lifecycle_plan plan;
static struct lifecycle_verdict verdict;
static struct error error;

static void setup(void)
{
    arena_init(&arena, 1 << 20);
    place = (struct lifecycle_bucket){.day_ms = DAY, .has_classes = true};
}

static void teardown(void)
{
    arena_free(&arena);
}

static void plan_for(struct lifecycle_rule *rules, unsigned count)
{
    static struct lifecycle lifecycle;
    lifecycle = (struct lifecycle){.rules = rules, .rules_count = count};
    ck_assert(lifecycle_plan_make(&lifecycle, &place, &arena, &plan, &error));
}

static struct lifecycle_rule expire(const char *id, const char *prefix, int64_t days)
{
    return (struct lifecycle_rule){.id = span_from_string(id),
                                   .is_enabled = true,
                                   .filter = {.has_prefix = true, .prefix = span_from_string(prefix)},
                                   .has_expiration = true,
                                   .expiration = {.has_days = true, .days = days}};
}

static struct lifecycle_rule expire_noncurrent(const char *id, int64_t days, unsigned newer)
{
    return (struct lifecycle_rule){
        .id = span_from_string(id),
        .is_enabled = true,
        .has_noncurrent_expiration = true,
        .noncurrent_expiration = {.time = {.has_days = true, .days = days},
                                  .has_newer_versions = newer > 0,
                                  .newer_versions = newer},
    };
}

static struct lifecycle_version object(const char *key, int64_t modified_ms)
{
    return (struct lifecycle_version){
        .key = span_from_string(key), .is_current = true, .is_alone = true, .modified_ms = modified_ms};
}

static bool is_decided_by(const char *id)
{
    return verdict.rule != NULL && span_equal(verdict.rule->id, span_from_string(id));
}

START_TEST(falls_due_at_a_midnight)
{
    struct lifecycle_rule rules[] = {expire("one", "", 1)};
    plan_for(rules, 1);
    struct lifecycle_version version = object("k", 10 * DAY + 1);
    ck_assert(!lifecycle_judge(&plan, &version, 12 * DAY - 1, &verdict));
    ck_assert_int_eq(verdict.next_ms, 12 * DAY);
    ck_assert(lifecycle_judge(&plan, &version, 12 * DAY, &verdict));
    ck_assert_int_eq(verdict.action, LIFECYCLE_EXPIRE);
    version.modified_ms = 10 * DAY; /* a midnight is not rounded further */
    ck_assert(lifecycle_judge(&plan, &version, 11 * DAY, &verdict));
    ck_assert_int_eq(verdict.due_ms, 11 * DAY);
}
END_TEST

START_TEST(unites_all_rules_that_match)
{
    struct lifecycle_rule rules[] = {expire("late", "", 9),   expire("other", "a/c", 1), expire("inner", "a/b", 3),
                                     expire("outer", "a", 2), expire("same", "a/b/", 2), expire("off", "", 1)};
    rules[5].is_enabled = false;
    plan_for(rules, 6);
    const struct lifecycle_version version = object("a/b/k", 0);
    ck_assert(lifecycle_judge(&plan, &version, 20 * DAY, &verdict));
    ck_assert(is_decided_by("outer")); /* the earliest date; of equal ones, the first in the document */
    ck_assert_int_eq(verdict.due_ms, 2 * DAY);
    const struct lifecycle_version other = object("a", 0);
    ck_assert(lifecycle_judge(&plan, &other, 2 * DAY, &verdict) && is_decided_by("outer"));
    const struct lifecycle_version outside = object("b", 0);
    ck_assert(!lifecycle_judge(&plan, &outside, 8 * DAY, &verdict));
}
END_TEST

START_TEST(finds_prefixes_that_enclose_each_other)
{
    struct lifecycle_rule rules[] = {expire("1", "a/b", 1), expire("2", "a", 1), expire("3", "a/bc/", 1),
                                     expire("4", "b", 1)};
    plan_for(rules, 4);
    static const struct {
        const char *key;
        const char *prefix;
    } cases[] = {{"a", "a"},      {"a/a", "a"}, {"a/b", "a/b"}, {"a/bc", "a/b"}, {"a/bc/d", "a/bc/"},
                 {"a/bd", "a/b"}, {"az", "a"},  {"bz", "b"},    {"c", NULL},     {"A", NULL}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const struct lifecycle_group *group = lifecycle_plan_find(&plan, span_from_string(cases[i].key));
        ck_assert_msg((group == NULL) == (cases[i].prefix == NULL), "%s", cases[i].key);
        ck_assert_msg(group == NULL || span_equal(group->prefix, span_from_string(cases[i].prefix)), "%s",
                      cases[i].key);
    }
}
END_TEST

START_TEST(counts_newer_versions_that_stay)
{
    struct lifecycle_rule rules[] = {expire_noncurrent("two", 1, 2)};
    plan_for(rules, 1);
    struct lifecycle_version version = {.key = SPAN("k"), .superseded_ms = 1, .newer_kept = 1};
    ck_assert(!lifecycle_judge(&plan, &version, 9 * DAY, &verdict));
    ck_assert_int_eq(verdict.next_ms, 2 * DAY); /* it may go any day: others may come before it */
    version.newer_kept = 2;
    ck_assert(lifecycle_judge(&plan, &version, 9 * DAY, &verdict));
    ck_assert_int_eq(verdict.action, LIFECYCLE_REMOVE_VERSION);
    ck_assert_uint_eq(verdict.newer_least, 2);
    version.is_marker = true; /* a noncurrent marker goes like a version */
    ck_assert(lifecycle_judge(&plan, &version, 9 * DAY, &verdict));
    version.superseded_ms = 0; /* since when is not known */
    ck_assert(!lifecycle_judge(&plan, &version, 9 * DAY, &verdict));
    version.superseded_ms = 9 * DAY - 1;
    ck_assert(!lifecycle_judge(&plan, &version, 9 * DAY, &verdict));
}
END_TEST

START_TEST(removes_a_marker_that_is_alone)
{
    struct lifecycle_rule rules[] = {expire("days", "d", 3), expire("marker", "m", 0)};
    rules[1].expiration = (struct lifecycle_time){0};
    rules[1].has_marker_expiration = rules[1].expires_markers = true;
    plan_for(rules, 2);
    struct lifecycle_version marker = object("m", 5 * DAY);
    marker.is_marker = true;
    ck_assert(lifecycle_judge(&plan, &marker, 5 * DAY, &verdict)); /* at once */
    ck_assert_int_eq(verdict.action, LIFECYCLE_REMOVE_MARKER);
    marker.is_alone = false;
    ck_assert(!lifecycle_judge(&plan, &marker, 9 * DAY, &verdict));
    marker.is_alone = true;
    marker.key = SPAN("d"); /* Days, when it is old enough */
    ck_assert(!lifecycle_judge(&plan, &marker, 8 * DAY - 1, &verdict));
    ck_assert(lifecycle_judge(&plan, &marker, 8 * DAY, &verdict));
    rules[0].filter.has_greater_than = true; /* a marker has no size */
    ck_assert(!lifecycle_judge(&plan, &marker, 8 * DAY, &verdict));
    const struct lifecycle_version object_there = object("m", 0);
    ck_assert(!lifecycle_judge(&plan, &object_there, 9 * DAY, &verdict)); /* it is no marker */
}
END_TEST

START_TEST(knows_until_when_nothing_can_fall_due)
{
    struct lifecycle_rule rules[] = {expire("days", "", 5), expire_noncurrent("old", 3, 0), expire("date", "", 0)};
    rules[2].expiration = (struct lifecycle_time){.has_date = true, .date_ms = 20 * DAY};
    plan_for(rules, 1);
    ck_assert_int_eq(lifecycle_plan_soonest_ms(&plan, 10 * DAY + 1), 16 * DAY);
    plan_for(rules, 2);
    ck_assert_int_eq(lifecycle_plan_soonest_ms(&plan, 10 * DAY + 1), 14 * DAY);
    plan_for(rules, 3);
    ck_assert_int_eq(lifecycle_plan_soonest_ms(&plan, 30 * DAY), 20 * DAY); /* from then on every day */
    plan_for(rules, 0);
    ck_assert_int_eq(lifecycle_plan_soonest_ms(&plan, 30 * DAY), INT64_MAX);
}
END_TEST

static const char *answer_to(const struct lifecycle_version *version, int64_t now_ms)
{
    static char text[128];
    struct buffer told;
    int64_t due_ms = 0;
    enum lifecycle_answer answer = lifecycle_ask_rule(&plan, &plan.lifecycle->rules[0], version, now_ms, &due_ms);
    buffer_init(&told, 0);
    lifecycle_answer_tell(answer, due_ms, &told);
    (void)snprintf(text, sizeof text, "%.*s", (int)told.size, (const char *)told.data);
    buffer_free(&told);
    return text;
}

START_TEST(says_why)
{
    struct lifecycle_tag tag = {SPAN("color"), SPAN("red")};
    struct lifecycle_rule rules[] = {expire("days", "a", 1)};
    rules[0].filter.tags = &tag;
    rules[0].filter.tags_count = 1;
    rules[0].filter.has_less_than = true;
    rules[0].filter.less_than = 10;
    plan_for(rules, 1);
    struct lifecycle_version version = object("b", 0);
    ck_assert_str_eq(answer_to(&version, DAY), "is for another prefix");
    version.key = SPAN("a");
    version.is_current = false;
    ck_assert_str_eq(answer_to(&version, DAY), "has no action for such a version");
    version.is_current = true;
    version.size = 10;
    ck_assert_str_eq(answer_to(&version, DAY), "is for another size");
    version.size = 9;
    ck_assert_str_eq(answer_to(&version, DAY - 1), "is not due before 1970-01-02T00:00:00.000Z");
    ck_assert_str_eq(answer_to(&version, DAY), "is for other tags; it would have been due at 1970-01-02T00:00:00.000Z");
    ck_assert(!lifecycle_judge(&plan, &version, DAY, &verdict) && verdict.next_ms == DAY); /* tags may change */
    static const uint8_t red[] = "\5\0\3\0colorred";
    version.tags = span_of(red, sizeof red - 1);
    ck_assert_str_eq(answer_to(&version, DAY), "has been due since 1970-01-02T00:00:00.000Z");
    rules[0].is_enabled = false;
    ck_assert_str_eq(answer_to(&version, DAY), "is disabled");
}
END_TEST

START_TEST(gives_uploads_up)
{
    struct lifecycle_rule rules[] = {expire("a", "", 1), expire("b", "u", 1)};
    for (unsigned i = 0; i < 2; i++) {
        rules[i].has_expiration = false;
        rules[i].has_abort = true;
        rules[i].abort_days = 4 - i;
    }
    plan_for(rules, 2);
    const struct lifecycle_rule *rule;
    int64_t due_ms;
    ck_assert(plan.aborts_uploads && !plan.acts_on_versions);
    ck_assert(lifecycle_judge_upload(&plan, SPAN("u/x"), 1, &rule, &due_ms));
    ck_assert(rule == &rules[1] && due_ms == 4 * DAY);
    ck_assert(lifecycle_judge_upload(&plan, SPAN("x"), 1, &rule, &due_ms));
    ck_assert(rule == &rules[0] && due_ms == 5 * DAY);
}
END_TEST

/* ---- transitions ---- */

enum { LARGE = 128 << 10 };

static struct lifecycle_transition to_class(const char *class, int64_t days)
{
    return (struct lifecycle_transition){.time = {.has_days = true, .days = days},
                                         .storage_class = span_from_string(class)};
}

static struct lifecycle_rule move(struct lifecycle_transition *transitions, unsigned count)
{
    return (struct lifecycle_rule){
        .id = span_from_string("move"), .is_enabled = true, .transitions = transitions, .transitions_count = count};
}

static bool moves_to(const struct lifecycle_version *version, const char *class)
{
    return lifecycle_judge(&plan, version, 20 * DAY, &verdict) && verdict.action == LIFECYCLE_MOVE &&
           span_equal(verdict.storage_class, span_from_string(class));
}

START_TEST(small_objects_stay_in_their_class)
{
    struct lifecycle_transition glacier = to_class("GLACIER", 1);
    struct lifecycle_rule rules[] = {move(&glacier, 1)};
    static struct lifecycle varies;
    struct lifecycle_version version = object("k", 10 * DAY);
    plan_for(rules, 1);
    version.size = LARGE - 1;
    ck_assert(!lifecycle_judge(&plan, &version, 20 * DAY, &verdict));
    version.size = LARGE;
    ck_assert(moves_to(&version, "GLACIER"));
    version.size = LARGE - 1; /* a size in the rule, or the bucket's mode */
    rules[0].filter.has_greater_than = true;
    ck_assert(moves_to(&version, "GLACIER"));
    rules[0].filter.has_greater_than = false;
    varies = (struct lifecycle){.rules = rules, .rules_count = 1, .smallest = SPAN("varies_by_storage_class")};
    ck_assert(lifecycle_plan_make(&varies, &place, &arena, &plan, &error));
    ck_assert(moves_to(&version, "GLACIER"));
    glacier.storage_class = SPAN("GLACIER_IR");
    ck_assert(!lifecycle_judge(&plan, &version, 20 * DAY, &verdict));
}
END_TEST

START_TEST(objects_only_get_colder)
{
    struct lifecycle_transition both[] = {to_class("STANDARD_IA", 1), to_class("GLACIER_IR", 2)};
    struct lifecycle_rule rules[] = {move(both, 2)};
    struct lifecycle_version version = object("k", 10 * DAY);
    version.size = LARGE;
    plan_for(rules, 1);
    ck_assert(moves_to(&version, "GLACIER_IR"));
    ck_assert(!lifecycle_judge(&plan, &version, 11 * DAY - 1, &verdict));
    ck_assert_int_eq(verdict.next_ms, 11 * DAY);
    version.storage_class = SPAN("GLACIER_IR");
    ck_assert(!lifecycle_judge(&plan, &version, 20 * DAY, &verdict));
    ck_assert(verdict.next_ms == INT64_MAX);
    version.storage_class = SPAN("ONEZONE_IA");
    ck_assert(!lifecycle_judge(&plan, &version, 20 * DAY, &verdict));
    place.has_classes = false; /* nobody carries them out */
    version.storage_class = SPAN_EMPTY;
    plan_for(rules, 1);
    ck_assert(!lifecycle_judge(&plan, &version, 20 * DAY, &verdict));
    ck_assert(!plan.acts_on_versions);
    int64_t due_ms;
    ck_assert_int_eq(transition_ask(&plan, &rules[0], both, &version, 20 * DAY, &due_ms), RULE_CANNOT_MOVE);
}
END_TEST

START_TEST(what_is_expired_moves_only_if_it_is_left)
{
    struct lifecycle_transition glacier = to_class("GLACIER", 1);
    struct lifecycle_rule rules[] = {move(&glacier, 1), expire("expire", "", 1)};
    struct lifecycle_version version = object("k", 10 * DAY);
    version.size = LARGE;
    plan_for(rules, 2);
    ck_assert(lifecycle_judge(&plan, &version, 20 * DAY, &verdict));
    ck_assert_int_eq(verdict.action, LIFECYCLE_EXPIRE);
    place.versioning = VERSIONING_SUSPENDED;
    version.is_null = true;
    plan_for(rules, 2);
    ck_assert(lifecycle_judge(&plan, &version, 20 * DAY, &verdict));
    ck_assert_int_eq(verdict.action, LIFECYCLE_EXPIRE);
    version.is_null = false;
    ck_assert(moves_to(&version, "GLACIER"));
    place.versioning = VERSIONING_ENABLED;
    plan_for(rules, 2);
    ck_assert(moves_to(&version, "GLACIER"));
    version.storage_class = SPAN("GLACIER"); /* then its marker */
    ck_assert(lifecycle_judge(&plan, &version, 20 * DAY, &verdict));
    ck_assert_int_eq(verdict.action, LIFECYCLE_EXPIRE);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("evaluate");
    TCase *all = tcase_create("rules");
    tcase_add_checked_fixture(all, setup, teardown);
    tcase_add_test(all, falls_due_at_a_midnight);
    tcase_add_test(all, unites_all_rules_that_match);
    tcase_add_test(all, finds_prefixes_that_enclose_each_other);
    tcase_add_test(all, counts_newer_versions_that_stay);
    tcase_add_test(all, removes_a_marker_that_is_alone);
    tcase_add_test(all, knows_until_when_nothing_can_fall_due);
    tcase_add_test(all, says_why);
    tcase_add_test(all, gives_uploads_up);
    tcase_add_test(all, small_objects_stay_in_their_class);
    tcase_add_test(all, objects_only_get_colder);
    tcase_add_test(all, what_is_expired_moves_only_if_it_is_left);
    suite_add_tcase(suite, all);
    return run_suite(suite);
}
