/* journal/replica/fold.c -- makes the next checkpoint of the live segments, and publishes it if nobody else did. */
#include "journal/replica/layer_parts.h"
#include "journal/replica/quarantine.h"
#include "journal/replica/rules.h"
#include "journal/replica/window.h"
#include "runtime/base/assert.h"

#include <stdlib.h>

enum { FOLD_BACKOFF_MAX = 4, /* doublings of the pause */ PUT_ATTEMPTS = 3 };

struct folding {
    struct head *head;      /* the next one */
    struct store_etag etag; /* of the one that it replaces */
    struct window_listing listed;
    struct window_listing
        early; /* listed before `listed` began; no pages: `listed` is one page, which needs no other */
    struct segment_key *chosen;
    size_t chosen_count;
    struct released_list released;
    bool has_held; /* generations must go on, with nothing in them, until it is forced: J33 */
    struct layer changes;
    struct buffer body;
};

/* ---- the input ---- */

/* One page is a snapshot: it shows what every segment in it was caused by. Several are not: a cause may come into a
 * page that was read already, its effect into one that was not. So they are listed twice. Whatever the first listing
 * showed, and all its causes, was stored when the second began: in that one nothing is missing in front of it (J10). */
static bool list_input(struct journal *journal, struct folding *folding)
{
    if (window_list(journal, journal->compactor.page, &folding->listed) != STORE_DONE)
        return false;
    if (rule_is_snapshot(folding->listed.pages))
        return true;
    folding->early = folding->listed;
    folding->listed = (struct window_listing){0};
    return window_list(journal, journal->compactor.page, &folding->listed) == STORE_DONE;
}

static void fetch_input(struct journal *journal, const struct folding *folding)
{
    struct segment_key *wanted = calloc(folding->listed.count + 1, sizeof *wanted);
    size_t count = 0;
    ASSERT(wanted != NULL);
    for (size_t i = 0; i < folding->listed.count; i++) {
        const struct segment_key *key = &folding->listed.keys[i];
        if (replica_is_settled(journal, key))
            continue;
        struct tail_segment *item = tail_add(journal, key);
        if (item->seen_round < journal->poller.round)
            item->seen_round = journal->poller.round;
        if (window_wants(item))
            wanted[count++] = *key;
    }
    (void)window_fetch(journal, &journal->shown.head->lineage, wanted, count, READS_FOR_FOLD);
    free(wanted);
}

/* Reads the head first, then lists: what the fold puts out of reach was not committed when the listing began (J27). */
static bool gather(struct journal *journal, struct folding *folding)
{
    buffer_clear(&folding->body);
    if (head_read(journal, folding->head, &folding->body, &folding->etag) != STORE_DONE || !journal->shown.has_head)
        return false;
    if (journal->shown.head->generation != folding->head->generation) {
        (void)tick(journal);
        return false;
    }
    if (rule_is_too_soon(journal))
        return false; /* a tick has come to it while it was read here */
    if (!list_input(journal, folding))
        return false;
    quarantine_read_released(journal, &folding->released);
    fetch_input(journal, folding);
    return !journal->is_stopping;
}

/* ---- the choice ---- */

static bool was_listed_early(const struct folding *folding, const struct segment_key *key)
{
    return folding->early.pages == 0 || window_lists(&folding->early, key);
}

enum choice { TAKE, PASS_BY, STOP_HERE, GIVE_UP };

/* A damaged segment is set aside. Where there is no room for it, nothing behind it is folded as long as it may count:
 * what is behind may have been caused by it (J26). With the generation that puts it out of reach it is given up. */
static enum choice set_aside(struct journal *journal, struct folding *folding, const struct segment_key *key,
                             bool is_forced)
{
    struct head *head = folding->head;
    if (head->quarantine_count < journal->options.quarantine_max) {
        head->quarantine[head->quarantine_count++] =
            (struct head_quarantine){*key, head->generation, QUARANTINE_DAMAGED};
        journal->counters.quarantined++;
        return PASS_BY;
    }
    folding->has_held |= !is_forced;
    if (!is_forced)
        return STOP_HERE;
    head_note_missing(head, key);
    journal->counters.given_up++;
    return PASS_BY;
}

static enum choice choose_one(struct journal *journal, struct folding *folding, const struct segment_key *key)
{
    /* folding->head is the next head already: its generation is g+1 */
    bool is_forced = rule_must_fold(folding->head, key);
    const struct tail_segment *item = tail_find(journal, key);
    if (replica_is_settled(journal, key))
        return PASS_BY;
    if (!is_forced && (folding->chosen_count >= journal->options.fold_segments_max || !was_listed_early(folding, key)))
        return STOP_HERE;
    if (key->base > journal->shown.head->generation) /* of ours: there was a later head, this one has been put back */
        return item != NULL && item->state == BODY_GOOD ? GIVE_UP : STOP_HERE;
    if (item != NULL && item->state == BODY_DAMAGED)
        return set_aside(journal, folding, key, is_forced);
    if (item != NULL && item->state == BODY_FOREIGN)
        return PASS_BY;
    if (item == NULL || item->state != BODY_GOOD)
        return is_forced ? GIVE_UP : STOP_HERE;
    const struct segment *segment = &item->segment;
    bool is_held = rule_has_predecessor(segment) && !replica_is_settled(journal, &segment->predecessor) &&
                   head_find_quarantined(folding->head, &segment->predecessor) == NULL &&
                   !segment_keys_have(folding->chosen, folding->chosen_count, &segment->predecessor);
    journal->counters.segments_forced += is_forced;
    if (!is_held)
        return TAKE;
    folding->has_held |= !is_forced;
    if (!is_forced)
        return STOP_HERE;
    replica_alarm_of_segment(journal, ALARM_SEGMENT_MISSING, &segment->predecessor);
    journal->counters.forced_while_held++;
    head_note_missing(folding->head, &segment->predecessor);
    return rule_takes_held() ? TAKE : PASS_BY;
}

static bool choose(struct journal *journal, struct folding *folding)
{
    folding->chosen = calloc(folding->listed.count + folding->released.count + 1, sizeof *folding->chosen);
    ASSERT(folding->chosen != NULL);
    for (size_t i = 0; i < folding->listed.count; i++) {
        switch (choose_one(journal, folding, &folding->listed.keys[i])) {
        case TAKE:
            folding->chosen[folding->chosen_count++] = folding->listed.keys[i];
            break;
        case PASS_BY:
            break;
        case STOP_HERE:
            return true;
        case GIVE_UP:
            return false;
        }
    }
    return true;
}

/* ---- the next checkpoint ---- */

static void begin_next_head(struct journal *journal, struct head *head)
{
    *head = *journal->shown.head;
    head->generation++;
    head->op_kind_last = rule_permitted_kinds(head);
    uint32_t kept = head->ancestors_count < head->horizon ? head->ancestors_count : head->horizon - 1;
    memmove(head->ancestors + 1, head->ancestors, kept * sizeof head->ancestors[0]);
    head->ancestors_count = kept + 1;
    head->ancestors[0] = (struct head_ancestor){.nonce = rule_new_nonce(journal)};
    uint32_t count = 0;
    for (uint32_t i = 0; i < head->dropped_count; i++) { /* for two generations cleanup leaves them alone */
        if (head->dropped[i].dropped + 2 > head->generation)
            head->dropped[count++] = head->dropped[i];
    }
    head->dropped_count = count;
}

/* Segments in quarantine that were released and are good now count in their place among the others. */
static void choose_released(struct folding *folding)
{
    for (size_t i = 0; i < folding->released.count; i++) {
        const struct released *released = &folding->released.items[i];
        if (!released->is_released || !released->is_good)
            continue;
        size_t at = folding->chosen_count++;
        for (; at > 0 && segment_key_compare(&folding->chosen[at - 1], &released->key) > 0; at--)
            folding->chosen[at] = folding->chosen[at - 1];
        folding->chosen[at] = released->key;
    }
}

static const struct segment *chosen_segment(struct journal *journal, const struct folding *folding, size_t at)
{
    const struct released *released = released_find(&folding->released, &folding->chosen[at]);
    return released != NULL ? &released->segment : &tail_find(journal, &folding->chosen[at])->segment;
}

/* From the base and the chosen bodies. Under `busy`: neither changes. */
static bool build_alone(struct journal *journal, struct folding *folding)
{
    const struct head *current = journal->shown.head;
    if (!journal->shown.is_ready || folding->head->generation != current->generation ||
        !journal_id_equal(head_nonce(folding->head), head_nonce(current)))
        return false; /* a tick has moved on meanwhile */
    begin_next_head(journal, folding->head);
    if (!choose(journal, folding))
        return false;
    struct state state;
    state_init(&state, &journal->shown.base, current->digest);
    quarantine_mark_released(&folding->released, &state);
    choose_released(folding);
    for (size_t i = 0; i < folding->chosen_count; i++) {
        const struct segment *segment = chosen_segment(journal, folding, i);
        apply_segment(&state, segment, folding->head->generation);
        replica_breathe(journal, segment->batches.size);
    }
    replica_expire(journal, &state, current, folding->head->generation);
    quarantine_settle(&folding->released, folding->head);
    folding->head->digest = state.digest;
    folding->head->ancestors[0].folded_count = (uint32_t)folding->chosen_count;
    folding->changes = state.changes; /* the fold's own from here on */
    return true;
}

static bool build(struct journal *journal, struct folding *folding)
{
    if (!replica_take_busy(journal))
        return false;
    bool is_built = build_alone(journal, folding);
    replica_release_busy(journal);
    return is_built;
}

/* ---- the parts ---- */

static bool put_part(struct journal *journal, const struct part_name *part, struct span body)
{
    struct journal_store *store = journal->environment.store;
    char name[JOURNAL_NAME_BYTES];
    part_name_format(part, name);
    for (unsigned attempt = 0; attempt < PUT_ATTEMPTS && !journal->is_stopping; attempt++) {
        enum store_answer answer = store->create(store, name, body, replica_deadline_for(journal, body.size));
        if (answer == STORE_DONE || answer == STORE_CONDITION_FAILED)
            return true; /* the name holds a fresh nonce: what is there is ours */
    }
    return false;
}

static bool write_parts(struct journal *journal, struct folding *folding)
{
    struct head *head = folding->head;
    struct part_name part = rule_part_name(head->generation, head_nonce(head), PART_ROLL);
    struct error error;
    folding->body.limit = PART_BYTES_MAX;
    if (folding->chosen_count > 0 &&
        !(roll_encode(&part, folding->chosen, (uint32_t)folding->chosen_count, &folding->body, &error) &&
          put_part(journal, &part, buffer_span(&folding->body))))
        return false;
    if (layer_count(&folding->changes) == 0)
        return true;
    part.kind = PART_STATE;
    if (!layers_encode(journal, &part, &folding->changes, head, &folding->body) ||
        !put_part(journal, &part, buffer_span(&folding->body)))
        return false;
    memmove(head->layers + 1, head->layers, head->layers_count * sizeof head->layers[0]);
    head->layers[0] = (struct head_layer){head->generation, *head_nonce(head), folding->body.size};
    head->layers_count++;
    return true;
}

/* ---- publishing ---- */

enum published { PUBLISHED, LOST, NOT_KNOWN };

/* What the head that is there now says about ours. */
static enum published ask_head(struct journal *journal, const struct head *mine)
{
    struct head *there = malloc(sizeof *there);
    struct buffer body;
    struct store_etag etag;
    ASSERT(there != NULL);
    buffer_init(&body, HEAD_BYTES_MAX);
    enum published published = NOT_KNOWN;
    if (head_read(journal, there, &body, &etag) == STORE_DONE && there->generation >= mine->generation) {
        const struct head_ancestor *ancestor = head_ancestor(there, mine->generation);
        published = ancestor != NULL && journal_id_equal(&ancestor->nonce, head_nonce(mine)) ? PUBLISHED : LOST;
    }
    buffer_free(&body);
    free(there);
    return published;
}

static enum published publish(struct journal *journal, struct folding *folding)
{
    struct journal_store *store = journal->environment.store;
    struct error error;
    struct store_etag etag;
    folding->body.limit = HEAD_BYTES_MAX;
    if (!head_encode(folding->head, &folding->body, &error))
        return LOST;
    enum published published = NOT_KNOWN;
    for (unsigned attempt = 0; attempt < PUT_ATTEMPTS && published == NOT_KNOWN && !journal->is_stopping; attempt++) {
        enum store_answer answer = store->replace(store, HEAD_NAME, &folding->etag, buffer_span(&folding->body), &etag,
                                                  replica_deadline(journal));
        published = answer == STORE_DONE ? PUBLISHED : ask_head(journal, folding->head);
    }
    if (published == NOT_KNOWN) {
        journal->counters.folds_ambiguous++;
        rule_leave_parts(journal, folding->head);
    }
    return published;
}

static bool fold_once(struct journal *journal, struct folding *folding, bool take_nothing_too)
{
    if (!copies_write_first(journal) || !gather(journal, folding) || !build(journal, folding))
        return false;
    if (folding->chosen_count == 0 && folding->head->quarantine_count == journal->shown.head->quarantine_count &&
        !rule_may_be_empty(take_nothing_too) && !folding->has_held)
        return false;
    if (!write_parts(journal, folding))
        return false;
    enum published published = publish(journal, folding);
    journal->counters.folds_published += published == PUBLISHED;
    journal->counters.folds_lost += published == LOST;
    if (published == PUBLISHED)
        journal->counters.segments_folded += folding->chosen_count;
    return published == PUBLISHED;
}

bool fold(struct journal *journal, bool take_nothing_too)
{
    struct folding folding = {.head = calloc(1, sizeof *folding.head)};
    ASSERT(folding.head != NULL);
    buffer_init(&folding.body, PART_BYTES_MAX);
    bool is_published = fold_once(journal, &folding, take_nothing_too);
    free(folding.head);
    window_listing_free(&folding.listed);
    window_listing_free(&folding.early);
    free(folding.chosen);
    released_list_free(&folding.released);
    replica_free_layer(journal, &folding.changes);
    buffer_free(&folding.body);
    if (is_published) {
        (void)bell_ring(journal);
        if (tick(journal)) /* reads the head back: only then may anything be deleted */
            cleanup(journal);
    }
    return is_published;
}

/* ---- when ---- */

static bool has_reason(const struct journal *journal)
{
    size_t live = 0;
    uint64_t oldest = UINT64_MAX;
    for (size_t i = 0; i < journal->tail.count; i++) {
        const struct tail_segment *item = journal->tail.items[i];
        if (item->state == BODY_FOREIGN || item->key.base > journal->shown.head->generation)
            continue; /* no fold takes it: it would only be looked at again and again */
        live++;
        if (item->first_seen_ns < oldest)
            oldest = item->first_seen_ns;
    }
    return live >= journal->options.fold_segments || journal->tail.live_bytes >= journal->options.live_bytes_max / 2 ||
           (live > 0 && replica_now(journal) - oldest >= journal->options.fold_age_ms * UINT64_C(1000000));
}

/* The head is of an older version: the next one permits more kinds of ops, though it may fold nothing. */
static bool wants_upgrade(const struct journal *journal)
{
    const struct head *head = journal->shown.head;
    return rule_permitted_kinds(head) != head->op_kind_last;
}

/* What did not get through is tried again ever more seldom (J47). */
void compactor_run(void *argument)
{
    struct journal *journal = argument;
    unsigned failed = 0;
    while (replica_sleep_ms(journal, (journal->options.fold_gap_ms / 4 + 1) << failed)) {
        if (!journal->shown.is_ready || !journal->shown.has_head || !replica_may_write(journal) ||
            rule_is_too_soon(journal))
            continue;
        bool must_drive = journal->compactor.must_drive || quarantine_has_work(journal) || wants_upgrade(journal);
        if (!must_drive && !has_reason(journal))
            continue;
        journal->compactor.must_drive = false;
        uint64_t generation = journal->shown.head->generation;
        if (fold(journal, must_drive) || journal->shown.head->generation != generation)
            failed = 0; /* whoever made it */
        else if (failed < FOLD_BACKOFF_MAX)
            failed++;
    }
    journal->tasks--;
}
