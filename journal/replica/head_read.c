/* journal/replica/head_read.c -- reads the head, judges it, and brings the replica to its generation. */
#include "journal/replica/layer_parts.h"
#include "journal/replica/rules.h"
#include "runtime/base/assert.h"

#include <stdlib.h>

/* The segments that the generations between two heads folded, in order. */
struct folded {
    struct covered_generation generations[HEAD_HORIZON_MAX];
    size_t count;
};

static void head_is_unreadable(struct journal *journal, const struct error *error)
{
    if (error->kind == ERROR_UNSUPPORTED) {
        replica_halt(journal, JOURNAL_HEAD_NEWER, ALARM_HEAD_DAMAGED);
        return;
    }
    if (++journal->poller.head_damaged_reads < FAILED_READS_ARE_DAMAGE)
        replica_alarm_of(journal, ALARM_HEAD_DAMAGED, HEAD_NAME); /* it may have been the way here that damaged it */
    else
        replica_halt(journal, JOURNAL_HEAD_DAMAGED, ALARM_HEAD_DAMAGED);
}

/* The creation of a first head that was under way for long may land when the true one has been lost. Its generation is
 * no older than the first copy's, but the copy is not of it. */
bool head_is_denied(const struct journal *journal, const struct head *head)
{
    const struct head_ancestor *then = head_ancestor(head, journal->poller.copy_generation);
    return journal->poller.copy_generation > 0 && then != NULL &&
           !journal_id_equal(&then->nonce, &journal->poller.copy_nonce);
}

enum store_answer head_read(struct journal *journal, struct head *ret_head, struct buffer *ret_body,
                            struct store_etag *ret_etag)
{
    struct journal_store *store = journal->environment.store;
    struct error error;
    uint64_t known = journal->poller.newest_known;
    if (journal->shown.has_head && journal->shown.head->generation > known)
        known = journal->shown.head->generation;
    buffer_clear(ret_body);
    enum store_answer answer = store->get(store, HEAD_NAME, NULL, ret_body, ret_etag, replica_deadline(journal));
    if (answer == STORE_NOT_FOUND && journal->shown.has_head)
        replica_halt(journal, JOURNAL_HEAD_MISSING, ALARM_HEAD_MISSING);
    if (answer != STORE_DONE && answer != STORE_DAMAGED)
        return answer;
    if (!head_decode(buffer_span(ret_body), ret_head, &error)) {
        head_is_unreadable(journal, &error);
        return STORE_UNKNOWN;
    }
    journal->poller.head_damaged_reads = 0;
    bool is_denied = !journal->shown.has_head && head_is_denied(journal, ret_head);
    if (rule_went_back(ret_head, known, is_denied)) {
        replica_halt(journal, JOURNAL_WENT_BACK, ALARM_GENERATION_WENT_BACK);
        return STORE_UNKNOWN;
    }
    if (journal->shown.has_head && !rule_is_successor(ret_head, journal->shown.head)) {
        replica_halt(journal, JOURNAL_OTHER_LINEAGE, ALARM_LINEAGE);
        return STORE_UNKNOWN;
    }
    standing_note(&journal->standing, STANDING_HEAD_READ);
    return STORE_DONE;
}

/* ---- rolls ---- */

static void folded_free(struct folded *folded)
{
    for (size_t i = 0; i < folded->count; i++)
        free(folded->generations[i].keys);
    free(folded);
}

struct reading {
    struct journal *journal;
    const struct head *head;
    struct folded *folded; /* generation and count are filled in, keys not yet */
    bool all_read;
};

static void read_roll(void *context, size_t index)
{
    struct reading *reading = context;
    struct journal *journal = reading->journal;
    struct covered_generation *into = &reading->folded->generations[index];
    const struct head_ancestor *ancestor = head_ancestor(reading->head, into->generation);
    struct part_name part = rule_part_name(into->generation, &ancestor->nonce, PART_ROLL);
    char name[JOURNAL_NAME_BYTES];
    struct buffer body;
    struct store_etag etag;
    struct error error;
    uint32_t count = 0;
    part_name_format(&part, name);
    buffer_init(&body, PART_BYTES_MAX);
    struct journal_store *store = journal->environment.store;
    deadline_t deadline = replica_deadline_for(journal, into->count * (uint64_t)SEGMENT_KEY_STORED_BYTES);
    enum store_answer answer = store->get(store, name, NULL, &body, &etag, deadline);
    bool is_good = answer == STORE_DONE && roll_decode(buffer_span(&body), &part, &into->keys, &count, &error) &&
                   count == into->count;
    buffer_free(&body);
    replica_note_part(journal, &part, answer, is_good);
    reading->all_read &= is_good;
}

/* Of the generations behind `after`, as far as the head remembers; all at once: one after the other they would take
 * longer, on a slow store, than the parts of a head are kept (J45). */
static bool read_rolls(struct journal *journal, const struct head *head, uint64_t after, struct folded *folded)
{
    struct reading reading = {journal, head, folded, true};
    uint64_t oldest = head->generation - head->ancestors_count + 1;
    for (uint64_t generation = after + 1 > oldest ? after + 1 : oldest; generation <= head->generation; generation++) {
        uint32_t count = head_ancestor(head, generation)->folded_count;
        if (count > 0)
            folded->generations[folded->count++] = (struct covered_generation){generation, NULL, count};
    }
    bool all_tried = replica_each(journal, folded->count, read_roll, &reading);
    return all_tried && reading.all_read;
}

/* ---- the checkpoint ---- */

static bool bodies_are_here(struct journal *journal, const struct folded *folded)
{
    for (size_t i = 0; i < folded->count; i++) {
        for (uint32_t k = 0; k < folded->generations[i].count; k++) {
            const struct tail_segment *item = tail_find(journal, &folded->generations[i].keys[k]);
            if (item == NULL || item->state != BODY_GOOD)
                return false;
        }
    }
    return true;
}

/* Repeats what the folds did, over the base, as fold.c does it: the segments of a generation, then what expires. In
 * fewer generations than L nothing expires that came in with them. */
static bool repeat_folds(struct journal *journal, const struct head *head, const struct folded *folded,
                         struct layer *ret_changes)
{
    struct state state;
    state_init(&state, &journal->shown.base, journal->shown.head->digest);
    size_t next = 0;
    for (uint64_t generation = journal->shown.head->generation + 1; generation <= head->generation; generation++) {
        if (next < folded->count && folded->generations[next].generation == generation) {
            const struct covered_generation *here = &folded->generations[next++];
            for (uint32_t i = 0; i < here->count; i++) {
                const struct tail_segment *item = tail_find(journal, &here->keys[i]);
                apply_segment(&state, &item->segment, generation);
                replica_breathe(journal, item->body.size);
            }
        }
        replica_expire(journal, &state, head, generation);
    }
    *ret_changes = state.changes;
    if (state.digest == head->digest)
        return true;
    replica_alarm(journal, ALARM_DIGEST); /* J24: warm is not cold */
    replica_free_layer(journal, ret_changes);
    return false;
}

static bool switch_to(struct journal *journal, struct next_head *next, struct folded *folded)
{
    next->folded = folded->generations;
    next->folded_count = folded->count;
    bool is_switched = replica_switch(journal, next);
    folded->count = 0; /* they have gone over */
    return is_switched;
}

static bool come_to(struct journal *journal, struct next_head *next, struct folded *folded, bool is_near)
{
    struct layer recent = {0};
    struct layer loaded = {0};
    bool is_there = false;
    next->recent = &recent;
    if (is_near && bodies_are_here(journal, folded) && repeat_folds(journal, next->head, folded, &recent)) {
        is_there = switch_to(journal, next, folded);
    } else {
        journal->counters.cold_loads++;
        if (layers_load(journal, next->head, &loaded)) {
            next->base = &loaded;
            is_there = switch_to(journal, next, folded);
        }
    }
    next->recent = NULL; /* what they held has gone over to the replica */
    next->base = NULL;
    return is_there;
}

static bool adopt(struct journal *journal, const struct head *head, struct span body, const struct store_etag *etag)
{
    struct folded *folded = calloc(1, sizeof *folded);
    ASSERT(folded != NULL);
    struct next_head next = {.head = head, .body = body, .etag = etag};
    uint64_t known = journal->shown.has_head ? journal->shown.head->generation : 0;
    bool is_near = journal->shown.has_head && head_ancestor(head, known) != NULL && head->generation > known;
    bool is_adopted =
        read_rolls(journal, head, is_near ? known : 0, folded) && come_to(journal, &next, folded, is_near);
    folded_free(folded);
    return is_adopted;
}

/* A part that is not there belongs to a head that has been replaced meanwhile; or, when the head stays, is lost. */
static void note_failure(struct journal *journal, const struct head *head, uint64_t alarms)
{
    if (alarms == journal->counters.alarms[ALARM_PART_MISSING] + journal->counters.alarms[ALARM_DIGEST])
        return;
    if (journal->poller.lost_generation != head->generation)
        journal->poller.lost_loads = 0;
    journal->poller.lost_generation = head->generation;
    if (++journal->poller.lost_loads >= FAILED_READS_ARE_DAMAGE)
        replica_halt(journal, JOURNAL_CHECKPOINT_LOST, ALARM_PART_MISSING);
}

bool head_adopt(struct journal *journal, const struct head *head, struct span body, const struct store_etag *etag)
{
    journal->shown.read_ns = replica_now(journal);
    if (journal->shown.has_head && head->generation == journal->shown.head->generation)
        return true;
    uint64_t alarms = journal->counters.alarms[ALARM_PART_MISSING] + journal->counters.alarms[ALARM_DIGEST];
    if (!adopt(journal, head, body, etag)) {
        note_failure(journal, head, alarms);
        return false;
    }
    journal->poller.lost_loads = 0;
    standing_note(&journal->standing, STANDING_CHECKPOINT_LOADED);
    return true;
}
