/* tests/unit/dictionaries/rules_test.c -- which rule an object gets, and when both ways are tried. */
#include "server/dictionaries/rules.h"
#include "tests/unit/run_suite.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>

enum { BUCKETS = 3, DRAWS = 20000 };

static struct dictionary_rule *make_rule(uint64_t creation_id, const char *prefix)
{
    struct error error;
    const struct dictionary_mapping mapping = {
        .creation_id = creation_id, .prefix = span_from_string(prefix), .bucket = SPAN("bucket")};
    return dictionary_rule_create(&mapping, dictionary_create(SPAN("what they have in common"), &error), 2);
}

static uint64_t random_state = 11;

static unsigned draw(unsigned below)
{
    random_state = random_state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (unsigned)(random_state >> 33) % below;
}

/* Of two letters, so that prefixes of each other are common. */
static const char *draw_text(char text[16], unsigned size_max)
{
    unsigned size = draw(size_max + 1);
    for (unsigned i = 0; i < size; i++)
        text[i] = "ab/\xff"[draw(4)];
    text[size] = '\0';
    return text;
}

/* One after the other, as anybody would look. */
static struct dictionary_rule *search(const struct dictionary_rules *rules, uint64_t creation_id, struct span key)
{
    struct dictionary_rule *best = NULL;
    for (size_t i = 0; i < rules->count; i++) {
        struct dictionary_rule *rule = rules->rules[i];
        if (rule->mapping.creation_id == creation_id && span_starts_with(key, rule->mapping.prefix) &&
            (best == NULL || rule->mapping.prefix.size > best->mapping.prefix.size))
            best = rule;
    }
    return best;
}

static bool has(struct dictionary_rule *const *rules, size_t count, uint64_t creation_id, const char *prefix)
{
    for (size_t i = 0; i < count; i++) {
        if (rules[i]->mapping.creation_id == creation_id &&
            span_equal(rules[i]->mapping.prefix, span_from_string(prefix)))
            return true;
    }
    return false;
}

START_TEST(the_longest_prefix)
{
    enum { RULES = 60 };
    char text[16];
    struct dictionary_rule *list[RULES];
    for (unsigned size = 0; size <= RULES; size += 4) {
        size_t count = 0;
        for (unsigned i = 0; i < size; i++) {
            uint64_t bucket = 1 + draw(BUCKETS);
            if (!has(list, count, bucket, draw_text(text, 5)))
                list[count++] = make_rule(bucket, text);
        }
        struct dictionary_rules *rules = dictionary_rules_create(list, count);
        for (unsigned i = 0; i < DRAWS / RULES; i++) {
            uint64_t bucket = draw(BUCKETS + 2);
            struct span key = span_from_string(draw_text(text, 8));
            ck_assert_ptr_eq(dictionary_rules_find(rules, bucket, key), search(rules, bucket, key));
        }
        dictionary_rules_drop(rules);
    }
}
END_TEST

/* A rule that was chosen lives on when the set that had it has gone. */
START_TEST(a_shard_sees_what_is_published)
{
    struct dictionary_board board;
    struct dictionary_chooser none = {0};
    dictionary_board_init(&board);
    struct dictionary_chooser chooser = {.board = &board, .shard = 1};
    ck_assert_ptr_null(dictionary_choose(&none, 7, SPAN("logs/1")));
    ck_assert_ptr_null(dictionary_choose(&chooser, 7, SPAN("logs/1")));
    struct dictionary_rule *first = make_rule(7, "logs/");
    dictionary_board_publish(&board, dictionary_rules_create(&first, 1));
    struct dictionary_rule *chosen = dictionary_choose(&chooser, 7, SPAN("logs/1"));
    ck_assert_ptr_eq(chosen, first);
    ck_assert_ptr_null(dictionary_choose(&chooser, 8, SPAN("logs/1"))); /* another bucket of that name */
    dictionary_board_publish(&board, dictionary_rules_create(NULL, 0));
    ck_assert_ptr_null(dictionary_choose(&chooser, 7, SPAN("logs/1")));
    ck_assert(span_equal(chosen->mapping.prefix, SPAN("logs/")));
    ck_assert(span_equal(dictionary_bytes(chosen->dictionary), SPAN("what they have in common")));
    dictionary_rule_drop(chosen);
    dictionary_chooser_free(&chooser);
    dictionary_board_free(&board);
}
END_TEST

static unsigned tries(struct dictionary_use *use, unsigned objects, unsigned losses_percent)
{
    unsigned both = 0;
    for (unsigned i = 0; i < objects; i++) {
        bool is_both = dictionary_use_tries_both(use);
        bool has_won = i % 100 >= losses_percent;
        both += is_both;
        dictionary_use_count(use, &(struct dictionary_outcome){1000, has_won ? 100 : 1000, is_both ? 300 : 0, has_won});
    }
    return both;
}

START_TEST(both_ways_until_it_is_proved)
{
    struct dictionary_rule *rule = make_rule(1, "");
    struct dictionary_use *use = &rule->uses[1];
    ck_assert_uint_eq(tries(use, DICTIONARY_OUTCOMES, 0), DICTIONARY_OUTCOMES);
    ck_assert_uint_eq(tries(use, 1600, 0), 100);
    ck_assert_uint_eq(tries(use, 16000, 4), 1000);
    (void)tries(use, 300, 10);
    ck_assert_uint_eq(tries(use, 1000, 10), 1000);
    struct dictionary_drift drift = dictionary_rule_drift(rule);
    ck_assert_uint_ge(drift.tried, DICTIONARY_OUTCOMES + 2100);
    ck_assert_uint_lt(drift.won, drift.tried);
    ck_assert_uint_eq(drift.original_bytes, drift.tried * 1000);
    ck_assert_uint_eq(drift.plain_bytes, drift.tried * 300);
    ck_assert_uint_eq(drift.dictionary_bytes, drift.won * 100 + (drift.tried - drift.won) * 1000);
    ck_assert_uint_eq(dictionary_rule_sum(rule, offsetof(struct dictionary_use, puts)) +
                          dictionary_rule_sum(rule, offsetof(struct dictionary_use, lost)),
                      DICTIONARY_OUTCOMES + 1600 + 16000 + 300 + 1000);
    dictionary_rule_drop(rule);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("rules of dictionaries");
    TCase *tests = tcase_create("rules");
    tcase_add_test(tests, the_longest_prefix);
    tcase_add_test(tests, a_shard_sees_what_is_published);
    tcase_add_test(tests, both_ways_until_it_is_proved);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
