/* journal/replica/replica.c -- the tail of live segments, and the view that readers see. */
#include "journal/replica/rules.h"

#include "runtime/base/assert.h"

#include <stdio.h>
#include <stdlib.h>

enum { WALK_STEP = 1024, ENTRY_COST_BYTES = 64, SLOWEST_BYTES_PER_SECOND = 4 << 20 };

void replica_alarm(struct journal *journal, enum journal_alarm alarm)
{
    journal->counters.alarms[alarm]++;
}

void replica_alarm_of(struct journal *journal, enum journal_alarm alarm, const char *name)
{
    (void)snprintf(journal->alarm_objects[alarm], JOURNAL_NAME_BYTES, "%s", name);
    replica_alarm(journal, alarm);
}

void replica_alarm_of_segment(struct journal *journal, enum journal_alarm alarm, const struct segment_key *key)
{
    char name[JOURNAL_NAME_BYTES];
    segment_name_format(key, name);
    replica_alarm_of(journal, alarm, name);
}

void replica_halt(struct journal *journal, enum journal_condition why, enum journal_alarm alarm)
{
    if (standing_halt(&journal->standing, why))
        replica_alarm(journal, alarm);
}

bool replica_may_write(const struct journal *journal)
{
    return standing_may_write(&journal->standing);
}

uint64_t replica_now(const struct journal *journal)
{
    return clock_monotonic_ns(journal->environment.clock);
}

deadline_t replica_deadline(const struct journal *journal)
{
    return replica_now(journal) + journal->options.request_ms * UINT64_C(1000000);
}

deadline_t replica_deadline_for(const struct journal *journal, uint64_t bytes)
{
    return replica_deadline(journal) + bytes * UINT64_C(1000000000) / SLOWEST_BYTES_PER_SECOND;
}

void replica_note_part(struct journal *journal, const struct part_name *part, enum store_answer answer, bool is_good)
{
    char name[JOURNAL_NAME_BYTES];
    part_name_format(part, name);
    if (answer == STORE_NOT_FOUND || answer == STORE_DAMAGED || (answer == STORE_DONE && !is_good))
        replica_alarm_of(journal, ALARM_PART_MISSING, name); /* counted; the head is read again anyway */
}

enum store_answer replica_list(struct journal *journal, const char *prefix, const char *after,
                               struct store_page *ret_page)
{
    struct journal_store *store = journal->environment.store;
    enum store_answer answer = store->list(store, prefix, after, ret_page, replica_deadline(journal));
    if (answer == STORE_DAMAGED)
        replica_alarm_of(journal, ALARM_LISTING_DAMAGED, prefix);
    for (unsigned i = 0; answer == STORE_DONE && i < ret_page->count; i++) {
        if (ret_page->is_damaged[i])
            replica_alarm_of(journal, ALARM_LISTING_DAMAGED, ret_page->names[i]);
    }
    return answer;
}

bool replica_sleep_ms(struct journal *journal, uint64_t milliseconds)
{
    struct journal_scheduler *scheduler = journal->environment.scheduler;
    uint64_t jitter = random_below(journal->environment.random, milliseconds / 4 + 1);
    return !journal->is_stopping &&
           scheduler->sleep_until(scheduler, replica_now(journal) + (milliseconds + jitter) * 1000000) &&
           !journal->is_stopping;
}

bool replica_take_busy(struct journal *journal)
{
    struct journal_scheduler *scheduler = journal->environment.scheduler;
    while (journal->locks.is_busy) {
        if (!scheduler->wait(scheduler, &journal->locks.idle, replica_deadline(journal)) || journal->is_stopping)
            return false;
    }
    journal->locks.is_busy = true;
    return true;
}

void replica_release_busy(struct journal *journal)
{
    journal->locks.is_busy = false;
    journal->environment.scheduler->wake_all(journal->environment.scheduler, &journal->locks.idle);
}

/* ---- several requests at once ---- */

struct several {
    struct journal *journal;
    size_t count, next;
    void (*each)(void *context, size_t index);
    void *context;
    unsigned helpers;
    struct wait_queue helped;
};

static void do_some(struct several *several)
{
    while (several->next < several->count && !several->journal->is_stopping)
        several->each(several->context, several->next++);
}

static void help(void *argument)
{
    struct several *several = argument;
    struct journal *journal = several->journal;
    do_some(several);
    several->helpers--;
    journal->tasks--;
    journal->environment.scheduler->wake_all(journal->environment.scheduler, &several->helped);
}

bool replica_each(struct journal *journal, size_t count, void (*each)(void *context, size_t index), void *context)
{
    struct journal_scheduler *scheduler = journal->environment.scheduler;
    struct several several = {.journal = journal, .count = count, .each = each, .context = context};
    wait_queue_init(&several.helped);
    for (unsigned i = 1; i < REQUESTS_AT_ONCE && i < count; i++) {
        if (!scheduler->spawn(scheduler, "journal-helper", help, &several))
            break; /* then fewer at once */
        several.helpers++;
        journal->tasks++;
    }
    do_some(&several);
    while (several.helpers > 0) /* each ends with its request, also when the journal stops */
        (void)scheduler->wait(scheduler, &several.helped, replica_deadline(journal));
    return several.next >= count;
}

/* ---- long computations ---- */

void replica_breathe(struct journal *journal, size_t bytes)
{
    if (bytes < journal->slice_bytes) {
        journal->slice_bytes -= bytes;
        return;
    }
    journal->slice_bytes = journal->options.slice_bytes;
    struct journal_scheduler *scheduler = journal->environment.scheduler;
    (void)scheduler->sleep_until(scheduler, replica_now(journal)); /* whoever stops lets this come to its end */
}

void replica_free_layer(struct journal *journal, struct layer *layer)
{
    struct layer mine = *layer;
    *layer = (struct layer){0};
    struct layer_walk walk = {0};
    while (layer_free_some(&mine, &walk, WALK_STEP))
        replica_breathe(journal, WALK_STEP * ENTRY_COST_BYTES);
}

/* ---- the tail ---- */

/* Where the key is, or would be. */
static size_t tail_position(const struct journal *journal, const struct segment_key *key)
{
    size_t low = 0;
    size_t high = journal->tail.count;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (segment_key_compare(&journal->tail.items[middle]->key, key) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

struct tail_segment *tail_find(struct journal *journal, const struct segment_key *key)
{
    size_t at = tail_position(journal, key);
    return at < journal->tail.count && segment_key_equal(&journal->tail.items[at]->key, key) ? journal->tail.items[at]
                                                                                             : NULL;
}

struct tail_segment *tail_add(struct journal *journal, const struct segment_key *key)
{
    size_t at = tail_position(journal, key);
    if (at < journal->tail.count && segment_key_equal(&journal->tail.items[at]->key, key))
        return journal->tail.items[at];
    if (journal->tail.count == journal->tail.capacity) {
        journal->tail.capacity = journal->tail.capacity == 0 ? 64 : 2 * journal->tail.capacity;
        journal->tail.items = realloc(journal->tail.items, journal->tail.capacity * sizeof(struct tail_segment *));
        ASSERT(journal->tail.items != NULL);
    }
    memmove(journal->tail.items + at + 1, journal->tail.items + at,
            (journal->tail.count - at) * sizeof(struct tail_segment *));
    struct tail_segment *added = calloc(1, sizeof *added);
    ASSERT(added != NULL);
    added->key = *key;
    added->first_seen_ns = replica_now(journal);
    buffer_init(&added->body, SEGMENT_BYTES_MAX);
    journal->tail.items[at] = added;
    journal->tail.count++;
    if (at < journal->tail.judged_count)
        journal->tail.judged_count = at;
    return added;
}

void tail_changed(struct journal *journal, const struct segment_key *key)
{
    size_t at = tail_position(journal, key);
    if (at < journal->tail.judged_count)
        journal->tail.judged_count = at;
}

void tail_remove(struct journal *journal, tail_judge *goes, uint64_t round)
{
    size_t kept = 0;
    size_t judged = 0;
    for (size_t i = 0; i < journal->tail.count; i++) {
        struct tail_segment *item = journal->tail.items[i];
        if (!goes(journal, item, round)) {
            judged += i < journal->tail.judged_count;
            journal->tail.items[kept++] = item;
            continue;
        }
        journal->tail.must_derive |= item->is_applied;
        journal->tail.live_bytes -= item->body.size;
        buffer_free(&item->body);
        free(item);
    }
    journal->tail.count = kept;
    journal->tail.judged_count = judged;
}

static bool is_settled_under(const struct journal *journal, const struct head *head, const struct segment_key *key)
{
    return key->base < head_window_begin(head) || rule_folded_in(journal, key) != 0 ||
           head_find_quarantined(head, key) != NULL;
}

/* Covered, rejected, given up or in quarantine: whatever comes behind it need not wait for it. */
bool replica_is_settled(const struct journal *journal, const struct segment_key *key)
{
    return is_settled_under(journal, journal->shown.head, key);
}

/* ---- the view ---- */

void apply_segment(struct state *state, const struct segment *segment, uint64_t generation)
{
    struct cursor cursor = cursor_of(segment->batches);
    for (struct batch batch; segment_next_batch(&cursor, &batch);)
        (void)state_apply_batch(state, rule_batch_id(&batch), generation, batch.ops);
}

static bool predecessor_is_resolved(struct journal *journal, const struct head *head, const struct segment *segment)
{
    if (!rule_has_predecessor(segment) || is_settled_under(journal, head, &segment->predecessor))
        return true;
    const struct tail_segment *predecessor = tail_find(journal, &segment->predecessor);
    bool is_resolved = predecessor != NULL && predecessor->is_live;
    journal->counters.found_held += !is_resolved;
    return is_resolved;
}

static bool is_live(struct journal *journal, const struct head *head, const struct tail_segment *item)
{
    if (item->state != BODY_GOOD || rule_folded_in(journal, &item->key) != 0)
        return false;
    /* A fold may list what was written under a head that this replica has not adopted yet. Who sees it now would write
     * with an older base, and so count before what was seen: J10. */
    if (item->key.base > head->generation)
        return false;
    if (rule_is_before_window(head, &item->key) || !rule_is_of_lineage(&item->segment.lineage, &head->lineage))
        return false;
    return head_find_quarantined(head, &item->key) == NULL && predecessor_is_resolved(journal, head, &item->segment);
}

/* Judges the next segment of the tail and applies it if it is live. False: the view cannot be made from what it is by
 * that, because a segment left it or came in front of others. */
static bool take_next(struct journal *journal, const struct head *head, struct state *view)
{
    struct tail_segment *item = journal->tail.items[journal->tail.judged_count];
    item->is_live = is_live(journal, head, item); /* in order: predecessors come first */
    if (item->is_live)
        journal->writer.clock = rule_clock_after(journal, &item->key);
    if (item->is_applied && !item->is_live)
        return false;
    if (item->is_live && !item->is_applied) {
        if (rule_comes_before_others(journal, &item->key))
            return false;
        apply_segment(view, &item->segment, head->generation + 1);
        item->is_applied = true;
        journal->tail.last_applied = item->key;
        journal->tail.applied_count++;
    }
    journal->tail.judged_count++;
    return true;
}

/* What has not been judged yet. It does not suspend after the last one. */
static bool extend(struct journal *journal, const struct head *head, struct state *view)
{
    while (journal->tail.judged_count < journal->tail.count) {
        size_t applied = journal->tail.applied_count;
        size_t size = journal->tail.items[journal->tail.judged_count]->body.size;
        if (!take_next(journal, head, view))
            return false;
        replica_breathe(journal, journal->tail.applied_count > applied ? size : ENTRY_COST_BYTES);
    }
    return true;
}

static void forget_applied(struct journal *journal)
{
    for (size_t i = 0; i < journal->tail.count; i++)
        journal->tail.items[i]->is_applied = false;
    journal->tail.judged_count = 0;
    journal->tail.applied_count = 0;
}

/* A view from its beginning. What comes in meanwhile in front of what was applied makes it begin again. */
static struct state derive(struct journal *journal, const struct head *head, const struct layer *base,
                           const struct layer *recent)
{
    struct state view;
    for (;;) {
        journal->tail.must_derive = false;
        state_init(&view, base, head->digest);
        view.recent = recent;
        forget_applied(journal);
        if (extend(journal, head, &view))
            return view;
        replica_free_layer(journal, &view.changes);
    }
}

static bool take_deriving(struct journal *journal)
{
    struct journal_scheduler *scheduler = journal->environment.scheduler;
    while (journal->locks.is_deriving) {
        if (!scheduler->wait(scheduler, &journal->locks.idle, replica_deadline(journal)) && journal->is_stopping)
            return false;
    }
    journal->locks.is_deriving = true;
    return true;
}

static void release_deriving(struct journal *journal)
{
    journal->locks.is_deriving = false;
    journal->environment.scheduler->wake_all(journal->environment.scheduler, &journal->locks.idle);
}

/* Under `deriving`, which is given back. */
static void bring_up_to_date(struct journal *journal)
{
    if (!journal->tail.must_derive && extend(journal, journal->shown.head, &journal->shown.view)) {
        journal->shown.is_ready = true;
        release_deriving(journal);
        return;
    }
    struct state old = journal->shown.view;
    struct state view = derive(journal, journal->shown.head, &journal->shown.base, &journal->shown.recent);
    journal->shown.view = view;
    journal->shown.is_ready = true;
    release_deriving(journal);
    replica_free_layer(journal, &old.changes);
}

void replica_publish(struct journal *journal)
{
    if (take_deriving(journal)) /* or nobody reads any more */
        bring_up_to_date(journal);
}

void replica_publish_without(struct journal *journal, tail_judge *goes, uint64_t round)
{
    if (rule_removes_early())
        tail_remove(journal, goes, round);
    if (!take_deriving(journal))
        return;
    tail_remove(journal, goes, round);
    bring_up_to_date(journal);
}

/* ---- another head ---- */

/* Readers find the same in both places meanwhile. */
static void absorb_recent(struct journal *journal)
{
    struct layer_walk walk = {0};
    while (layer_absorb_some(&journal->shown.base, &journal->shown.recent, &walk, WALK_STEP))
        replica_breathe(journal, WALK_STEP * ENTRY_COST_BYTES);
    replica_free_layer(journal, &journal->shown.recent);
}

/* What every replica says, also those that have not met it themselves: again and again while something is in quarantine
 * (J39), once of a segment that was not there when it had to be folded (J38). */
static void alarm_of(struct journal *journal, const struct head *head)
{
    uint64_t known = journal->shown.has_head ? journal->shown.head->generation : 0;
    if (head->quarantine_count > 0)
        replica_alarm_of_segment(journal, ALARM_SEGMENT_DAMAGED, &head->quarantine[head->quarantine_count - 1].key);
    if (head->missing_count > 0 && head->missing[head->missing_count - 1].generation > known)
        replica_alarm_of_segment(journal, ALARM_SEGMENT_MISSING, &head->missing[head->missing_count - 1].key);
}

static void install(struct journal *journal, struct next_head *next, const struct state *view)
{
    alarm_of(journal, next->head);
    *journal->shown.head = *next->head;
    journal->shown.has_head = true;
    journal->shown.etag = *next->etag;
    buffer_clear(&journal->shown.body);
    buffer_append(&journal->shown.body, next->body);
    journal->shown.first_read_ns = replica_now(journal);
    if (next->base != NULL)
        journal->shown.base = *next->base;
    journal->shown.recent = *next->recent;
    journal->shown.view = *view;
    journal->shown.view.base = &journal->shown.base;
    journal->shown.view.recent = &journal->shown.recent;
}

static void remember_folded(struct journal *journal, const struct next_head *next)
{
    for (size_t i = 0; i < next->folded_count; i++) {
        struct covered_generation *folded = &next->folded[i];
        covered_add(&journal->shown.covered, folded->generation, folded->keys, folded->count);
        folded->keys = NULL;
    }
    uint64_t horizon = rule_rolls_kept(next->head);
    if (next->head->generation > horizon)
        covered_forget(&journal->shown.covered, next->head->generation - horizon + 1);
}

bool replica_switch(struct journal *journal, struct next_head *next)
{
    if (!take_deriving(journal)) {
        layer_free(next->recent);
        if (next->base != NULL)
            layer_free(next->base);
        return false;
    }
    remember_folded(journal, next);
    const struct layer *base = next->base == NULL ? &journal->shown.base : next->base;
    struct state view = derive(journal, next->head, base, next->recent);
    struct layer old_base = next->base == NULL ? (struct layer){0} : journal->shown.base;
    struct layer old_changes = journal->shown.view.changes;
    install(journal, next, &view);
    release_deriving(journal);
    replica_free_layer(journal, &old_changes);
    replica_free_layer(journal, &old_base);
    absorb_recent(journal);
    return true;
}

void replica_expire(struct journal *journal, struct state *state, const struct head *head, uint64_t generation)
{
    if (generation <= head->horizon)
        return;
    size_t at = 0;
    while (state_expire_some(state, generation - head->horizon, &at, WALK_STEP))
        replica_breathe(journal, WALK_STEP * ENTRY_COST_BYTES);
}
