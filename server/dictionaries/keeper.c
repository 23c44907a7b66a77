/* server/dictionaries/keeper.c -- looks at the journal, makes rules of mappings, sends drift. */
#include "server/dictionaries/keeper.h"

#include "journal/dictionaries/publish.h"
#include "runtime/base/assert.h"
#include "runtime/log/log.h"
#include "s3client/wire/checksum.h"
#include "server/dictionaries/store.h"

#include <stdlib.h>
#include <string.h>

enum {
    LOOK_MS = 250,
    TURN_MS = 10,
    SEND_MS = 1000,
    RETRY_MS = 10000,
    LOOK_AFTER_MS = 60000,
    AVERAGE_OBJECTS = 1000,
    JUDGED_OBJECTS_LEAST = 100,
    WARN_MS = 3600 * 1000,
};
static const double SAVING_LEAST = 0.7; /* of what was expected */
static const double WINNING_LEAST = 0.5;

static uint64_t now_ns(const struct dictionary_keeper *keeper)
{
    return clock_monotonic_ns(keeper->environment->clock);
}

static const struct state *state_of(const struct dictionary_keeper *keeper)
{
    return keeper->journal == NULL ? NULL : journal_state(keeper->journal);
}

/* ---- mappings, copied out of the state: it changes while dictionaries are fetched ---- */

struct wish {
    struct dictionary_mapping mapping;
    uint8_t texts[DICTIONARY_PREFIX_BYTES_MAX + DICTIONARY_BUCKET_BYTES_MAX];
};

static struct span copy_text(uint8_t *to, struct span text)
{
    if (text.size > 0)
        memcpy(to, text.data, text.size);
    return span_of(to, text.size);
}

/* Freed by the caller. */
static struct wish *list_wishes(const struct state *state, size_t *ret_count)
{
    struct dictionary_mapping mapping;
    struct state_walk walk = {0};
    size_t count = 0;
    while (dictionary_mapping_next(state, &walk, &mapping))
        count++;
    struct wish *wishes = calloc(count + 1, sizeof *wishes);
    ASSERT(wishes != NULL);
    walk = (struct state_walk){0};
    for (size_t i = 0; i < count && dictionary_mapping_next(state, &walk, &mapping); i++) {
        wishes[i].mapping = mapping;
        wishes[i].mapping.prefix = copy_text(wishes[i].texts, mapping.prefix);
        wishes[i].mapping.bucket = copy_text(wishes[i].texts + DICTIONARY_PREFIX_BYTES_MAX, mapping.bucket);
    }
    *ret_count = count;
    return wishes;
}

/* ---- a rule for each ---- */

/* Of the same bucket and prefix, in force now; not held. */
static struct dictionary_rule *find_current(const struct dictionary_keeper *keeper,
                                            const struct dictionary_mapping *mapping)
{
    const struct dictionary_rules *rules = keeper->board.current;
    if (rules == NULL)
        return NULL;
    struct dictionary_rule *rule = dictionary_rules_find(rules, mapping->creation_id, mapping->prefix);
    return rule != NULL && rule->mapping.prefix.size == mapping->prefix.size ? rule : NULL;
}

/* The bucket of the mapping, and not another one of its name. */
SUSPENDS static bool is_there(const struct dictionary_keeper *keeper, const struct dictionary_mapping *mapping,
                              bool *ret_is_gone)
{
    struct bucket_info info;
    struct error error;
    bool is_found = bucket_find(keeper->store, mapping->bucket, &info, &error);
    *ret_is_gone = is_found ? info.creation_id != mapping->creation_id : error.kind == ERROR_NOT_FOUND;
    return is_found && !*ret_is_gone;
}

SUSPENDS static struct dictionary *fetch(const struct dictionary_keeper *keeper,
                                         const struct dictionary_mapping *mapping, struct error *error)
{
    char id[DICTIONARY_ID_BYTES];
    uint8_t digest[SHA256_BYTES];
    dictionary_id_format(mapping->digest, id);
    struct dictionary *dictionary = dictionary_table_find_to_write(keeper->table, keeper->store, mapping->bucket,
                                                                   span_from_string(id), keeper->level, error);
    if (dictionary == NULL)
        return NULL;
    sha256_of(dictionary_bytes(dictionary), digest);
    if (memcmp(digest, mapping->digest, sizeof digest) == 0)
        return dictionary;
    dictionary_drop(dictionary);
    (void)error_set(error, ERROR_DAMAGED, NULL, "the dictionary %s has another SHA-256 than the one that was published",
                    id);
    return NULL;
}

/* Held; NULL: there is to be none. What cannot be had now leaves what was there. */
SUSPENDS static struct dictionary_rule *make_rule(struct dictionary_keeper *keeper,
                                                  const struct dictionary_mapping *mapping)
{
    struct dictionary_rule *current = find_current(keeper, mapping);
    bool is_gone;
    struct error error;
    if (current != NULL && memcmp(current->mapping.digest, mapping->digest, DICTIONARY_DIGEST_BYTES) == 0)
        return dictionary_rule_hold(current);
    if (!is_there(keeper, mapping, &is_gone)) {
        if (is_gone)
            (void)dictionaries_unmap(keeper->journal, keeper->environment, mapping->creation_id, mapping->prefix,
                                     &error);
        return NULL;
    }
    struct dictionary *dictionary = fetch(keeper, mapping, &error);
    if (dictionary != NULL)
        return dictionary_rule_create(mapping, dictionary, keeper->shards_count);
    metric_add(&keeper->counters.failures, 1);
    keeper->retry_ns = now_ns(keeper) + (uint64_t)RETRY_MS * 1000000;
    log_message(LOG_ERROR, "new objects under %.*s/%.*s are not compressed with their dictionary: %s",
                SPAN_FORMAT(mapping->bucket), SPAN_FORMAT(mapping->prefix), error.message);
    return current == NULL ? NULL : dictionary_rule_hold(current);
}

SUSPENDS static bool sleep_ms(struct dictionary_keeper *keeper, uint64_t milliseconds)
{
    struct journal_scheduler *scheduler = keeper->environment->scheduler;
    return scheduler->sleep_until(scheduler, now_ns(keeper) + milliseconds * 1000000);
}

SUSPENDS static void refresh(struct dictionary_keeper *keeper, const struct state *state)
{
    size_t count;
    size_t made = 0;
    keeper->stamp = dictionaries_stamp(state);
    keeper->has_looked = true;
    keeper->retry_ns = 0;
    struct wish *wishes = list_wishes(state, &count);
    struct dictionary_rule **rules = calloc(count + 1, sizeof(struct dictionary_rule *));
    ASSERT(rules != NULL);
    for (size_t i = 0; i < count && state_of(keeper) != NULL; i++) {
        rules[made] = make_rule(keeper, &wishes[i].mapping);
        made += rules[made] != NULL;
    }
    dictionary_board_publish(&keeper->board, dictionary_rules_create(rules, made));
    atomic_store_explicit(&keeper->counters.rules, made, memory_order_relaxed);
    free(rules);
    free(wishes);
}

SUSPENDS void dictionary_keeper_refresh(struct dictionary_keeper *keeper)
{
    while (keeper->is_refreshing) {
        if (!sleep_ms(keeper, TURN_MS))
            return;
    }
    const struct state *state = state_of(keeper);
    if (state == NULL)
        return;
    keeper->is_refreshing = true;
    refresh(keeper, state);
    keeper->is_refreshing = false;
}

/* ---- drift ---- */

static struct dictionary_drift subtract(const struct dictionary_drift *a, const struct dictionary_drift *b)
{
    return (struct dictionary_drift){
        .tried = a->tried - b->tried,
        .won = a->won - b->won,
        .original_bytes = a->original_bytes - b->original_bytes,
        .plain_bytes = a->plain_bytes - b->plain_bytes,
        .dictionary_bytes = a->dictionary_bytes - b->dictionary_bytes,
    };
}

SUSPENDS static void send_drift(struct dictionary_keeper *keeper)
{
    struct buffer ops;
    struct error error;
    buffer_init(&ops, BATCH_BYTES_MAX / 2);
    const struct dictionary_rules *rules = keeper->board.current;
    for (size_t i = 0; rules != NULL && i < rules->count; i++) {
        struct dictionary_rule *rule = rules->rules[i];
        struct dictionary_drift now = dictionary_rule_drift(rule);
        const struct dictionary_drift more = subtract(&now, &rule->sent);
        if (more.tried == 0 || ops.size > BATCH_BYTES_MAX / 4)
            continue;
        dictionaries_put_drift(&ops, rule->mapping.creation_id, rule->mapping.digest, rule->mapping.prefix, &more);
        rule->sent = now;
    }
    if (ops.size > 0) {
        const struct journal_batch batch = {.ops = buffer_span(&ops)};
        if (journal_submit(keeper->journal, &batch, &error).outcome != JOURNAL_COMMITTED)
            metric_add(&keeper->counters.drift_unsent, 1);
    }
    buffer_free(&ops);
}

/* Every object counts for a thousandth, and so do its forerunners ever less. */
static void average(double *average_of_late, double value, double weight)
{
    *average_of_late += weight * (value - *average_of_late);
}

static void follow_drift(const struct state *state, struct dictionary_rule *rule)
{
    const struct dictionary_mapping *mapping = &rule->mapping;
    struct dictionary_drift now = dictionary_drift_find(state, mapping->creation_id, mapping->digest, mapping->prefix);
    const struct dictionary_drift more = subtract(&now, &rule->seen);
    rule->seen = now;
    if (more.tried == 0 || more.plain_bytes == 0)
        return;
    double weight = rule->has_averages ? (double)more.tried / (double)(more.tried + AVERAGE_OBJECTS) : 1;
    average(&rule->saving, 1 - (double)more.dictionary_bytes / (double)more.plain_bytes, weight);
    average(&rule->winning, (double)more.won / (double)more.tried, weight);
    rule->has_averages = true;
}

bool dictionary_rule_is_stale(const struct dictionary_rule *rule)
{
    return rule->has_averages && rule->seen.tried >= JUDGED_OBJECTS_LEAST &&
           (rule->saving < SAVING_LEAST * rule->mapping.saving_permille / 1000 || rule->winning < WINNING_LEAST);
}

static void judge(struct dictionary_rule *rule, int64_t wall_ms)
{
    if (!dictionary_rule_is_stale(rule)) {
        rule->stale_since_ms = 0;
        return;
    }
    if (rule->stale_since_ms == 0)
        rule->stale_since_ms = wall_ms;
    if (rule->warned_ms != 0 && wall_ms - rule->warned_ms < WARN_MS)
        return;
    rule->warned_ms = wall_ms;
    log_message(LOG_WARNING,
                "the dictionary %s of %.*s/%.*s saves %.0f %% where %.0f %% were expected: `bale dict train` makes a "
                "new one",
                rule->id, SPAN_FORMAT(rule->mapping.bucket), SPAN_FORMAT(rule->mapping.prefix), rule->saving * 100,
                rule->mapping.saving_permille / 10.0);
}

static void follow_all(struct dictionary_keeper *keeper)
{
    const struct state *state = state_of(keeper);
    const struct dictionary_rules *rules = keeper->board.current;
    uint64_t stale = 0;
    for (size_t i = 0; state != NULL && rules != NULL && i < rules->count; i++) {
        follow_drift(state, rules->rules[i]);
        judge(rules->rules[i], clock_wall_ms(keeper->environment->clock));
        stale += rules->rules[i]->stale_since_ms != 0;
    }
    atomic_store_explicit(&keeper->counters.rules_stale, stale, memory_order_relaxed);
}

/* ---- are they still there? ---- */

/* Whoever empties a bucket behind Bale takes dictionaries that it may still name in new objects. */
SUSPENDS static void look_after(struct dictionary_keeper *keeper, const struct dictionary_rule *rule)
{
    const struct dictionary_mapping *mapping = &rule->mapping;
    bool is_gone;
    struct error error;
    if (!is_there(keeper, mapping, &is_gone)) {
        keeper->has_looked &= !is_gone; /* its mapping goes with the next look */
        return;
    }
    if (dictionary_is_there(keeper->store, mapping->bucket, span_from_string(rule->id)))
        return;
    bool is_back = dictionary_put(keeper->store, mapping->bucket, dictionary_bytes(rule->dictionary), &error);
    log_message(LOG_ERROR, "the dictionary %s was missing in %.*s, and %s%s", rule->id, SPAN_FORMAT(mapping->bucket),
                is_back ? "is put back" : "cannot be put back: ", is_back ? "" : error.message);
}

SUSPENDS static void look_after_all(struct dictionary_keeper *keeper)
{
    struct dictionary_rules *rules = dictionary_board_take(&keeper->board);
    for (size_t i = 0; rules != NULL && i < rules->count && state_of(keeper) != NULL; i++)
        look_after(keeper, rules->rules[i]);
    dictionary_rules_drop(rules);
}

/* ---- the task ---- */

SUSPENDS static void look(struct dictionary_keeper *keeper)
{
    const struct state *state = state_of(keeper);
    if (state == NULL)
        return;
    bool is_new = !keeper->has_looked || dictionaries_stamp(state) != keeper->stamp;
    bool is_due = keeper->retry_ns != 0 && now_ns(keeper) >= keeper->retry_ns;
    if (is_new || is_due)
        dictionary_keeper_refresh(keeper);
    if (now_ns(keeper) >= keeper->looked_ns + (uint64_t)LOOK_AFTER_MS * 1000000) {
        keeper->looked_ns = now_ns(keeper);
        look_after_all(keeper);
    }
    if (state_of(keeper) == NULL || now_ns(keeper) < keeper->sent_ns + (uint64_t)SEND_MS * 1000000)
        return;
    keeper->sent_ns = now_ns(keeper);
    send_drift(keeper);
    follow_all(keeper);
}

SUSPENDS static void watch_run(void *argument)
{
    struct dictionary_keeper *keeper = argument;
    do
        look(keeper);
    while (sleep_ms(keeper, LOOK_MS));
}

void dictionary_keeper_init(struct dictionary_keeper *keeper, struct dictionary_table *table, unsigned shards_count,
                            int level)
{
    *keeper = (struct dictionary_keeper){.table = table, .shards_count = shards_count, .level = level};
    dictionary_board_init(&keeper->board);
}

void dictionary_keeper_free(struct dictionary_keeper *keeper)
{
    dictionary_board_free(&keeper->board);
}

void dictionary_keeper_start(struct dictionary_keeper *keeper, struct journal *journal,
                             const struct journal_environment *environment, struct bucket_store *store)
{
    keeper->journal = journal;
    keeper->environment = environment;
    keeper->store = store;
    if (!environment->scheduler->spawn(environment->scheduler, "dictionaries", watch_run, keeper))
        log_message(LOG_ERROR, "there is no fiber for dictionaries");
}

void dictionary_keeper_stop(struct dictionary_keeper *keeper)
{
    keeper->journal = NULL;
}
