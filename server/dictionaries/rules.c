/* server/dictionaries/rules.c -- rules in order, the board, and each shard's chooser. */
#include "server/dictionaries/rules.h"

#include "runtime/base/assert.h"
#include "runtime/base/hex.h"

#include <stdlib.h>
#include <string.h>

enum { WINS_PERCENT_LEAST = 95 };

/* ---- one rule ---- */

static struct span keep(struct span bytes)
{
    uint8_t *copy = malloc(bytes.size + 1);
    ASSERT(copy != NULL);
    if (bytes.size > 0)
        memcpy(copy, bytes.data, bytes.size);
    return span_of(copy, bytes.size);
}

struct dictionary_rule *dictionary_rule_create(const struct dictionary_mapping *mapping, struct dictionary *dictionary,
                                               unsigned shards_count)
{
    struct dictionary_rule *rule = calloc(1, sizeof *rule);
    ASSERT(rule != NULL);
    atomic_init(&rule->holders, 1);
    rule->mapping = *mapping;
    rule->mapping.prefix = keep(mapping->prefix);
    rule->mapping.bucket = keep(mapping->bucket);
    hex_encode(span_of(mapping->digest, DICTIONARY_ID_DIGEST_BYTES), rule->id);
    rule->dictionary = dictionary;
    rule->shards_count = shards_count;
    rule->uses = aligned_alloc(_Alignof(struct dictionary_use), shards_count * sizeof *rule->uses);
    ASSERT(rule->uses != NULL);
    memset(rule->uses, 0, shards_count * sizeof *rule->uses);
    return rule;
}

struct dictionary_rule *dictionary_rule_hold(struct dictionary_rule *rule)
{
    (void)atomic_fetch_add_explicit(&rule->holders, 1, memory_order_relaxed);
    return rule;
}

void dictionary_rule_drop(struct dictionary_rule *rule)
{
    if (rule == NULL || atomic_fetch_sub_explicit(&rule->holders, 1, memory_order_acq_rel) != 1)
        return;
    free((void *)(uintptr_t)rule->mapping.prefix.data);
    free((void *)(uintptr_t)rule->mapping.bucket.data);
    dictionary_drop(rule->dictionary);
    free(rule->uses);
    free(rule);
}

uint64_t dictionary_rule_sum(const struct dictionary_rule *rule, size_t offset_in_use)
{
    uint64_t sum = 0;
    for (unsigned i = 0; i < rule->shards_count; i++)
        sum += metric_read((const metric_counter *)(const void *)((const char *)&rule->uses[i] + offset_in_use));
    return sum;
}

struct dictionary_drift dictionary_rule_drift(const struct dictionary_rule *rule)
{
    return (struct dictionary_drift){
        .tried = dictionary_rule_sum(rule, offsetof(struct dictionary_use, tried)),
        .won = dictionary_rule_sum(rule, offsetof(struct dictionary_use, won)),
        .original_bytes = dictionary_rule_sum(rule, offsetof(struct dictionary_use, tried_original_bytes)),
        .plain_bytes = dictionary_rule_sum(rule, offsetof(struct dictionary_use, tried_plain_bytes)),
        .dictionary_bytes = dictionary_rule_sum(rule, offsetof(struct dictionary_use, tried_dictionary_bytes)),
    };
}

/* ---- sets ---- */

static int compare_spans(struct span a, struct span b)
{
    size_t common = a.size < b.size ? a.size : b.size;
    int order = common == 0 ? 0 : memcmp(a.data, b.data, common);
    return order != 0 ? order : (a.size > b.size) - (a.size < b.size);
}

static int compare_with(const struct dictionary_rule *rule, uint64_t creation_id, struct span key)
{
    const struct dictionary_mapping *mapping = &rule->mapping;
    if (mapping->creation_id != creation_id)
        return mapping->creation_id < creation_id ? -1 : 1;
    return compare_spans(mapping->prefix, key);
}

static int compare_rules(const void *left, const void *right)
{
    const struct dictionary_rule *const *a = left;
    const struct dictionary_rule *const *b = right;
    return compare_with(*a, (*b)->mapping.creation_id, (*b)->mapping.prefix);
}

static bool is_for(const struct dictionary_rule *rule, uint64_t creation_id, struct span key)
{
    return rule->mapping.creation_id == creation_id && span_starts_with(key, rule->mapping.prefix);
}

/* Of the rules from `index` on along ever shorter prefixes the first that is for the key; `count`: none. */
static size_t follow(const struct dictionary_rules *rules, size_t index, uint64_t creation_id, struct span key)
{
    while (!is_for(rules->rules[index], creation_id, key)) {
        if (rules->shorter[index] == index)
            return rules->count;
        index = rules->shorter[index];
    }
    return index;
}

struct dictionary_rules *dictionary_rules_create(struct dictionary_rule **list, size_t count)
{
    struct dictionary_rules *rules = calloc(1, sizeof *rules);
    ASSERT(rules != NULL);
    atomic_init(&rules->holders, 1);
    rules->count = count;
    rules->rules = calloc(count + 1, sizeof(struct dictionary_rule *));
    rules->shorter = calloc(count + 1, sizeof *rules->shorter);
    ASSERT(rules->rules != NULL && rules->shorter != NULL);
    if (count > 0) {
        memcpy(rules->rules, list, count * sizeof(struct dictionary_rule *));
        qsort(rules->rules, count, sizeof(struct dictionary_rule *), compare_rules);
    }
    for (size_t i = 1; i < count; i++) {
        const struct dictionary_mapping *mapping = &rules->rules[i]->mapping;
        size_t shorter = follow(rules, i - 1, mapping->creation_id, mapping->prefix);
        rules->shorter[i] = shorter == count ? i : shorter;
    }
    return rules;
}

void dictionary_rules_drop(struct dictionary_rules *rules)
{
    if (rules == NULL || atomic_fetch_sub_explicit(&rules->holders, 1, memory_order_acq_rel) != 1)
        return;
    for (size_t i = 0; i < rules->count; i++)
        dictionary_rule_drop(rules->rules[i]);
    free(rules->rules);
    free(rules->shorter);
    free(rules);
}

/* The last rule that does not stand behind the key is that of its longest prefix, or has begun as the key does, and
 * then one of its own prefixes is. */
struct dictionary_rule *dictionary_rules_find(const struct dictionary_rules *rules, uint64_t creation_id,
                                              struct span key)
{
    size_t low = 0;
    for (size_t high = rules->count; low < high;) {
        size_t middle = low + (high - low) / 2;
        if (compare_with(rules->rules[middle], creation_id, key) <= 0)
            low = middle + 1;
        else
            high = middle;
    }
    size_t found = low == 0 ? rules->count : follow(rules, low - 1, creation_id, key);
    return found == rules->count ? NULL : rules->rules[found];
}

/* ---- the board ---- */

void dictionary_board_init(struct dictionary_board *board)
{
    *board = (struct dictionary_board){0};
    ASSERT(pthread_mutex_init(&board->lock, NULL) == 0);
}

void dictionary_board_free(struct dictionary_board *board)
{
    dictionary_rules_drop(board->current);
    (void)pthread_mutex_destroy(&board->lock);
}

void dictionary_board_publish(struct dictionary_board *board, struct dictionary_rules *rules)
{
    pthread_mutex_lock(&board->lock);
    struct dictionary_rules *before = board->current;
    board->current = rules;
    (void)atomic_fetch_add_explicit(&board->edition, 1, memory_order_release);
    pthread_mutex_unlock(&board->lock);
    dictionary_rules_drop(before);
}

struct dictionary_rules *dictionary_board_take(struct dictionary_board *board)
{
    pthread_mutex_lock(&board->lock);
    struct dictionary_rules *rules = board->current;
    if (rules != NULL)
        (void)atomic_fetch_add_explicit(&rules->holders, 1, memory_order_relaxed);
    pthread_mutex_unlock(&board->lock);
    return rules;
}

/* ---- a shard's choice ---- */

void dictionary_chooser_free(struct dictionary_chooser *chooser)
{
    dictionary_rules_drop(chooser->rules);
    chooser->rules = NULL;
}

struct dictionary_rule *dictionary_choose(struct dictionary_chooser *chooser, uint64_t creation_id, struct span key)
{
    if (chooser->board == NULL)
        return NULL;
    uint64_t edition = atomic_load_explicit(&chooser->board->edition, memory_order_acquire);
    if (edition != chooser->edition) {
        dictionary_rules_drop(chooser->rules);
        chooser->rules = dictionary_board_take(chooser->board);
        chooser->edition = edition; /* what has come since is taken with the next object */
    }
    struct dictionary_rule *rule =
        chooser->rules == NULL ? NULL : dictionary_rules_find(chooser->rules, creation_id, key);
    return rule == NULL ? NULL : dictionary_rule_hold(rule);
}

/* ---- one way, or both ---- */

static unsigned wins(const struct dictionary_use *use)
{
    unsigned count = 0;
    for (unsigned i = 0; i < DICTIONARY_OUTCOMES / 64; i++)
        count += (unsigned)__builtin_popcountll(use->outcomes[i]);
    return count;
}

bool dictionary_use_tries_both(struct dictionary_use *use)
{
    bool is_proved = use->outcomes_count >= DICTIONARY_OUTCOMES &&
                     wins(use) * 100 >= (unsigned)DICTIONARY_OUTCOMES * WINS_PERCENT_LEAST;
    return !is_proved || ++use->turn % DICTIONARY_TRY_EACH == 0;
}

static void note_outcome(struct dictionary_use *use, bool has_won)
{
    unsigned at = use->outcomes_count % DICTIONARY_OUTCOMES;
    uint64_t bit = UINT64_C(1) << at % 64;
    use->outcomes[at / 64] = has_won ? use->outcomes[at / 64] | bit : use->outcomes[at / 64] & ~bit;
    use->outcomes_count =
        use->outcomes_count + 1 < 2 * DICTIONARY_OUTCOMES ? use->outcomes_count + 1 : DICTIONARY_OUTCOMES;
}

void dictionary_use_count(struct dictionary_use *use, const struct dictionary_outcome *outcome)
{
    note_outcome(use, outcome->has_won);
    metric_add(outcome->has_won ? &use->puts : &use->lost, 1);
    if (outcome->has_won) {
        metric_add(&use->original_bytes, outcome->original_size);
        metric_add(&use->stored_bytes, outcome->dictionary_size);
    }
    if (outcome->plain_size == 0)
        return;
    metric_add(&use->tried, 1);
    metric_add(&use->won, outcome->has_won ? 1 : 0);
    metric_add(&use->tried_original_bytes, outcome->original_size);
    metric_add(&use->tried_plain_bytes, outcome->plain_size);
    metric_add(&use->tried_dictionary_bytes, outcome->dictionary_size);
}
