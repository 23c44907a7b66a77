/* journal/replica.c -- the tail of live segments, and the view that readers see. */
#include "journal/replica.h"

#include "runtime/base/assert.h"

#include <stdlib.h>

void replica_alarm(struct journal *journal, enum journal_alarm alarm)
{
    journal->counters.alarms[alarm]++;
}

void replica_halt(struct journal *journal, enum journal_condition why, enum journal_alarm alarm)
{
    if (!journal->is_halted || journal->halt != why)
        replica_alarm(journal, alarm);
    journal->is_halted = true;
    journal->halt = why;
}

bool replica_may_write(const struct journal *journal)
{
    return !journal->is_halted && journal->ground == JOURNAL_RUNS;
}

uint64_t replica_now(const struct journal *journal)
{
    return clock_monotonic_ns(journal->environment.clock);
}

deadline_t replica_deadline(const struct journal *journal)
{
    return replica_now(journal) + journal->options.request_ms * UINT64_C(1000000);
}

bool replica_sleep_ms(struct journal *journal, uint64_t milliseconds)
{
    struct journal_scheduler *scheduler = journal->environment.scheduler;
    uint64_t jitter = random_below(journal->environment.random, milliseconds / 4 + 1);
    return !journal->is_stopping &&
           scheduler->sleep_until(scheduler, replica_now(journal) + (milliseconds + jitter) * 1000000) &&
           !journal->is_stopping;
}

/* ---- the tail ---- */

/* Where the key is, or would be. */
static size_t tail_position(const struct journal *journal, const struct segment_key *key)
{
    size_t low = 0;
    size_t high = journal->tail_count;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (segment_key_compare(&journal->tail[middle]->key, key) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

struct tail_segment *tail_find(struct journal *journal, const struct segment_key *key)
{
    size_t at = tail_position(journal, key);
    return at < journal->tail_count && segment_key_equal(&journal->tail[at]->key, key) ? journal->tail[at] : NULL;
}

struct tail_segment *tail_add(struct journal *journal, const struct segment_key *key)
{
    size_t at = tail_position(journal, key);
    if (at < journal->tail_count && segment_key_equal(&journal->tail[at]->key, key))
        return journal->tail[at];
    if (journal->tail_count == journal->tail_capacity) {
        journal->tail_capacity = journal->tail_capacity == 0 ? 64 : 2 * journal->tail_capacity;
        journal->tail = realloc(journal->tail, journal->tail_capacity * sizeof(struct tail_segment *));
        ASSERT(journal->tail != NULL);
    }
    memmove(journal->tail + at + 1, journal->tail + at, (journal->tail_count - at) * sizeof(struct tail_segment *));
    struct tail_segment *added = calloc(1, sizeof *added);
    ASSERT(added != NULL);
    added->key = *key;
    added->first_seen_ns = replica_now(journal);
    buffer_init(&added->body, SEGMENT_BYTES_MAX);
    journal->tail[at] = added;
    journal->tail_count++;
    return added;
}

void tail_remove(struct journal *journal, size_t index)
{
    struct tail_segment *removed = journal->tail[index];
    journal->live_bytes -= removed->body.size;
    buffer_free(&removed->body);
    free(removed);
    journal->tail_count--;
    memmove(journal->tail + index, journal->tail + index + 1,
            (journal->tail_count - index) * sizeof(struct tail_segment *));
}

uint64_t ledger_generation(const struct journal *journal, const struct segment_key *key)
{
    uint8_t stored[SEGMENT_KEY_STORED_BYTES];
    segment_key_store(key, stored);
    struct span span = span_of(stored, sizeof stored);
    const struct entry *entry = entries_find(&journal->ledger, span, entries_hash(span));
    return entry == NULL || MUTATED(no_ledger) ? 0 : load_u64_le(entry_value(entry).data);
}

/* Covered, rejected, given up or in quarantine: whatever comes behind it need not wait for it. */
bool replica_is_settled(const struct journal *journal, const struct segment_key *key)
{
    return key->base < head_window_begin(journal->head) || ledger_generation(journal, key) != 0 ||
           head_find_quarantined(journal->head, key) != NULL;
}

/* ---- the view ---- */

void apply_segment(struct state *state, const struct segment *segment, uint64_t generation)
{
    static const struct journal_id none;
    struct cursor cursor = cursor_of(segment->batches);
    for (struct batch batch; segment_next_batch(&cursor, &batch);)
        (void)state_apply_batch(state, MUTATED(no_batch_ids) ? &none : &batch.id, generation, batch.ops);
}

static bool predecessor_is_resolved(struct journal *journal, const struct segment *segment)
{
    if (!segment->has_predecessor || MUTATED(no_predecessor_rule) || replica_is_settled(journal, &segment->predecessor))
        return true;
    const struct tail_segment *predecessor = tail_find(journal, &segment->predecessor);
    bool is_resolved = predecessor != NULL && predecessor->is_live;
    journal->counters.found_held += !is_resolved;
    return is_resolved;
}

static bool is_live(struct journal *journal, const struct tail_segment *item)
{
    if (item->state != BODY_GOOD || ledger_generation(journal, &item->key) != 0)
        return false;
    /* A fold may list what was written under a head that this replica has not adopted yet. Who sees it now would write
     * with an older base, and so count before what was seen: J10. */
    if (item->key.base > journal->head->generation)
        return false;
    if (item->key.base < head_window_begin(journal->head) && !MUTATED(no_rejection_window))
        return false;
    if (!journal_id_equal(&item->segment.lineage, &journal->head->lineage) && !MUTATED(lineage_ignored))
        return false;
    return head_find_quarantined(journal->head, &item->key) == NULL && predecessor_is_resolved(journal, &item->segment);
}

static void remember_applied(struct journal *journal, const struct segment_key *key)
{
    if (journal->applied_count == journal->applied_capacity) {
        journal->applied_capacity = journal->applied_capacity == 0 ? 64 : 2 * journal->applied_capacity;
        journal->applied = realloc(journal->applied, journal->applied_capacity * sizeof *journal->applied);
        ASSERT(journal->applied != NULL);
    }
    journal->applied[journal->applied_count++] = *key;
}

/* The view was made of the first live segments, and nothing came in between. */
static bool view_is_a_beginning(const struct journal *journal)
{
    size_t at = 0;
    for (size_t i = 0; i < journal->tail_count && at < journal->applied_count; i++) {
        if (!journal->tail[i]->is_live)
            continue;
        if (!segment_key_equal(&journal->tail[i]->key, &journal->applied[at++]))
            return false;
    }
    return at == journal->applied_count;
}

void replica_publish(struct journal *journal)
{
    for (size_t i = 0; i < journal->tail_count; i++) { /* in order: predecessors come first */
        struct tail_segment *item = journal->tail[i];
        item->is_live = is_live(journal, item);
        if (item->is_live && !MUTATED(clock_not_merged) && item->key.clock > journal->clock)
            journal->clock = item->key.clock;
    }
    bool can_extend =
        journal->view.base == &journal->base && (MUTATED(unordered_apply) || view_is_a_beginning(journal));
    if (!can_extend) {
        state_free(&journal->view);
        state_init(&journal->view, &journal->base, journal->head->digest);
        journal->applied_count = 0;
    }
    size_t skip = journal->applied_count;
    for (size_t i = 0; i < journal->tail_count; i++) {
        struct tail_segment *item = journal->tail[i];
        if (!item->is_live || skip > 0) {
            skip -= item->is_live;
            continue;
        }
        apply_segment(&journal->view, &item->segment, journal->head->generation + 1);
        remember_applied(journal, &item->key);
    }
    journal->is_ready = true;
}

/* ---- bodies ---- */

static void take_body(struct journal *journal, struct tail_segment *item, struct buffer *body)
{
    struct error error;
    struct segment segment;
    bool is_good = segment_decode(buffer_span(body), &segment, &error);
    if (is_good && !segment_key_equal(&segment.key, &item->key)) {
        is_good = false;
        error.kind = ERROR_DAMAGED; /* a sound body under another's name */
    }
    if (!is_good && error.kind == ERROR_DAMAGED && ++item->failed_reads < FAILED_READS_ARE_DAMAGE)
        return; /* it may have been the way here that damaged it */
    item->state = is_good ? BODY_GOOD : error.kind == ERROR_UNSUPPORTED ? BODY_NEWER : BODY_DAMAGED;
    if (item->state == BODY_DAMAGED)
        replica_alarm(journal, ALARM_SEGMENT_DAMAGED);
    if (!is_good)
        return;
    item->body = *body;
    *body = (struct buffer){.limit = body->limit};
    item->segment = segment;
    journal->live_bytes += item->body.size;
}

bool replica_fetch(struct journal *journal, const struct segment_key *key, bool *ret_is_gone)
{
    struct tail_segment *item = tail_find(journal, key);
    *ret_is_gone = false;
    if (item == NULL || item->state != BODY_ABSENT)
        return true;
    char name[JOURNAL_NAME_BYTES];
    struct buffer body;
    struct store_etag etag;
    segment_name_format(key, name);
    buffer_init(&body, SEGMENT_BYTES_MAX);
    struct journal_store *store = journal->environment.store;
    enum store_answer answer = store->get(store, name, NULL, &body, &etag, replica_deadline(journal));
    item = tail_find(journal, key); /* it may be gone, or here, by now */
    if (answer == STORE_DONE && item != NULL && item->state == BODY_ABSENT)
        take_body(journal, item, &body);
    buffer_free(&body);
    *ret_is_gone = answer == STORE_NOT_FOUND;
    return answer == STORE_DONE && (item == NULL || item->state != BODY_ABSENT);
}
