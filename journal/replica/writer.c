/* journal/replica/writer.c -- group commit: one segment in flight, acknowledged only when no fold can miss it. */
#include "journal/replica/rules.h"

#include "runtime/base/assert.h"

#include <stdlib.h>

enum stored { STORED_NOT_KNOWN, STORED_YES, STORED_FOREIGN };

/* One segment on its way. */
struct writing {
    struct segment_key key;
    struct buffer body;
    enum stored stored;
    bool is_refused;    /* the last attempt was not applied, and another would not be now ... */
    bool may_be_stored; /* ... but an earlier one may have been */
    bool is_rung;
    deadline_t put_deadline; /* (K-2) * G_min after b was fixed: later it would be too late anyway */
    deadline_t decide_deadline;
};

/* ---- the PUT ---- */

/* 412: my earlier attempt, or a clone of this process that wrote something else. */
static enum stored compare_stored(struct journal *journal, const struct writing *writing, const char *name)
{
    struct journal_store *store = journal->environment.store;
    struct buffer found;
    struct store_etag etag;
    buffer_init(&found, SEGMENT_BYTES_MAX);
    deadline_t deadline = replica_deadline_for(journal, writing->body.size);
    enum store_answer answer = store->get(store, name, NULL, &found, &etag, deadline);
    enum stored stored = STORED_NOT_KNOWN;
    if (answer == STORE_DONE && rule_is_mine(buffer_span(&found), buffer_span(&writing->body))) {
        stored = STORED_YES;
    } else if (answer == STORE_DONE) {
        struct span payload;
        struct error error;
        if (frame_open(buffer_span(&found), SEGMENT_MAGIC, &payload, &error) || error.kind == ERROR_UNSUPPORTED)
            stored = STORED_FOREIGN; /* sound and different; damage may have happened on the way */
    }
    buffer_free(&found);
    return stored;
}

static void put_once(struct journal *journal, struct writing *writing)
{
    struct journal_store *store = journal->environment.store;
    char name[JOURNAL_NAME_BYTES];
    segment_name_format(&writing->key, name);
    deadline_t deadline = replica_deadline_for(journal, writing->body.size);
    if (deadline > writing->put_deadline)
        deadline = writing->put_deadline;
    enum store_answer answer = store->create(store, name, buffer_span(&writing->body), deadline);
    if (rule_says_stored(answer))
        writing->stored = STORED_YES;
    else if (answer == STORE_CONDITION_FAILED)
        writing->stored = compare_stored(journal, writing, name);
    writing->is_refused = answer == STORE_REFUSED;
    writing->may_be_stored |= answer != STORE_REFUSED && answer != STORE_CONFLICT;
}

/* ---- the decision ---- */

/* A head whose GET begins now, after the PUT was answered, is young enough: the fold that must take the segment has
 * not listed yet. */
static bool head_is_young(struct journal *journal, const struct segment_key *key)
{
    struct head *head = malloc(sizeof *head);
    struct buffer body;
    struct store_etag etag;
    ASSERT(head != NULL);
    buffer_init(&body, HEAD_BYTES_MAX);
    bool is_read = head_read(journal, head, &body, &etag) == STORE_DONE && !standing_is_halted(&journal->standing);
    bool is_young = rule_may_acknowledge(journal, is_read, head, key);
    buffer_free(&body);
    free(head);
    return is_young;
}

/* What the state of a replica that has just ticked says. */
static bool decide_by_state(const struct journal *journal, const struct segment_key *key, enum journal_outcome *ret)
{
    const struct head *head = journal->shown.head;
    if (rule_folded_in(journal, key) != 0)
        *ret = JOURNAL_COMMITTED;
    else if (head_find_quarantined(head, key) != NULL)
        *ret = JOURNAL_DAMAGED;
    else if (rule_is_beyond_horizon(head, key))
        *ret = JOURNAL_UNKNOWN;
    else if (head->generation >= key->base + head->window)
        *ret = JOURNAL_REJECTED;
    else
        return false;
    return true;
}

/* Returns when readers see it. */
static void keep_own(struct journal *journal, struct writing *writing)
{
    if (!replica_is_settled(journal, &writing->key)) {
        struct tail_segment *item = tail_add(journal, &writing->key);
        item->is_own = true;
        if (item->seen_round < journal->poller.round)
            item->seen_round = journal->poller.round;
        if (item->state != BODY_GOOD) {
            struct error error;
            bool is_good = segment_decode(buffer_span(&writing->body), &item->segment, &error);
            ASSERT(is_good); /* we wrote it */
            item->body = writing->body;
            writing->body = (struct buffer){0};
            item->state = BODY_GOOD;
            journal->tail.live_bytes += item->body.size;
            tail_changed(journal, &item->key);
        }
    }
    replica_publish(journal);
}

static enum journal_outcome decide(struct journal *journal, struct writing *writing)
{
    enum journal_outcome outcome = JOURNAL_UNKNOWN;
    uint64_t pause_ms = 10;
    for (;;) {
        if (writing->stored == STORED_NOT_KNOWN && replica_now(journal) < writing->put_deadline)
            put_once(journal, writing);
        if (writing->stored == STORED_FOREIGN)
            return JOURNAL_REJECTED;
        if (writing->is_refused && !writing->may_be_stored)
            return JOURNAL_UNKNOWN; /* at once: J47. But what was sent may be executed once more, and not be refused */
        if (writing->stored == STORED_YES && !writing->is_rung)
            writing->is_rung = bell_ring(journal);
        if (writing->stored == STORED_YES && writing->is_rung && head_is_young(journal, &writing->key)) {
            outcome = JOURNAL_COMMITTED;
            break;
        }
        if (tick(journal) && decide_by_state(journal, &writing->key, &outcome)) {
            if (outcome != JOURNAL_COMMITTED || writing->is_rung)
                break;
            writing->is_rung = bell_ring(journal); /* who folded it may not have rung yet */
            if (writing->is_rung)
                break;
            outcome = JOURNAL_UNKNOWN;
        }
        if (journal->is_stopping || replica_now(journal) > writing->decide_deadline)
            break;
        if (replica_now(journal) >= writing->put_deadline)
            journal->compactor.must_drive = true; /* generations decide it: J33 */
        if (!replica_sleep_ms(journal, pause_ms))
            break;
        pause_ms = pause_ms * 2 < 1000 ? pause_ms * 2 : 1000;
    }
    if (outcome == JOURNAL_COMMITTED) {
        keep_own(journal, writing);
        journal->writer.has_committed = true;
        journal->writer.last_committed = writing->key;
    }
    return outcome;
}

struct journal_answer journal_resolve(struct journal *journal, const struct segment_key *key)
{
    struct journal_answer answer = {JOURNAL_UNKNOWN, true, *key};
    deadline_t deadline = replica_now(journal) + journal->options.decide_ms * UINT64_C(1000000);
    do {
        if (tick(journal) && decide_by_state(journal, key, &answer.outcome))
            break;
        journal->compactor.must_drive = true;
    } while (replica_now(journal) < deadline && replica_sleep_ms(journal, 200));
    if (answer.outcome == JOURNAL_COMMITTED)
        replica_publish(journal); /* who is told so also sees it */
    return answer;
}

/* ---- the segment ---- */

static struct segment_key next_key(struct journal *journal)
{
    uint64_t wall = (uint64_t)clock_wall_ms(journal->environment.clock);
    uint64_t clock = journal->writer.clock;
    if ((int64_t)wall > 0 && wall > clock)
        clock = wall;
    journal->writer.clock = clock + 1;
    return (struct segment_key){rule_base(journal), journal->writer.clock, journal->writer.id,
                                ++journal->writer.sequence << 32};
}

static void renew_writer(struct journal *journal)
{
    random_fill(journal->environment.random, &journal->writer.id, sizeof journal->writer.id);
    journal->writer.sequence = 0;
}

static bool is_beyond_horizon(const struct journal *journal, const struct journal_batch *batch, uint64_t base)
{
    uint64_t reach = journal->shown.head->horizon - journal->shown.head->window - 1;
    return batch->first_base != 0 && base > batch->first_base + reach;
}

static bool encode_once(struct journal *journal, struct writing *writing, struct list_link *group)
{
    struct segment segment = {.lineage = journal->shown.head->lineage,
                              .key = writing->key,
                              .has_predecessor = journal->writer.has_committed,
                              .predecessor = journal->writer.last_committed};
    struct error error;
    if (journal->writer.has_committed && segment_key_compare(&segment.predecessor, &segment.key) >= 0)
        return false;
    segment_begin(&writing->body, &segment);
    for (struct list_link *link = group->next; link != group; link = link->next) {
        const struct pending_batch *pending = LIST_ELEMENT(link, struct pending_batch, link);
        segment_add_batch(&writing->body, &(struct batch){pending->batch->id, pending->ops_count, pending->batch->ops});
    }
    return segment_end(&writing->body, &error);
}

/* The key holds a checksum of what is written under it (journal/format/segment.h): so a key in a roll always means
 * these bytes. */
static bool encode(struct journal *journal, struct writing *writing, struct list_link *group)
{
    if (!encode_once(journal, writing, group))
        return false;
    writing->key.sequence |= segment_checksum(buffer_span(&writing->body));
    return encode_once(journal, writing, group);
}

/* What it may add to the live bytes: it may be alone in its segment. */
static size_t live_bytes_of(const struct journal_batch *batch)
{
    return SEGMENT_HEADER_BYTES + BATCH_HEADER_BYTES + batch->ops.size;
}

static void answer_batch(struct journal *journal, struct pending_batch *pending, struct journal_answer answer)
{
    struct journal_scheduler *scheduler = journal->environment.scheduler;
    journal->writer.queued_bytes -= live_bytes_of(pending->batch);
    pending->answer = answer;
    pending->is_done = true;
    journal->counters.batches_committed += answer.outcome == JOURNAL_COMMITTED;
    journal->counters.batches_rejected += answer.outcome == JOURNAL_REJECTED;
    journal->counters.batches_unknown += answer.outcome == JOURNAL_UNKNOWN;
    scheduler->wake_all(scheduler, &pending->done);
}

/* A batch whose id may be forgotten by then (J17) is refused alone: it must not harm the others (J5). */
static void refuse_old(struct journal *journal, struct list_link *group)
{
    for (struct list_link *link = group->next, *next; link != group; link = next) {
        struct pending_batch *pending = LIST_ELEMENT(link, struct pending_batch, link);
        next = link->next;
        if (!is_beyond_horizon(journal, pending->batch, journal->shown.head->generation))
            continue;
        list_remove(link);
        answer_batch(journal, pending, (struct journal_answer){.outcome = JOURNAL_REFUSED});
    }
}

/* Somebody else's is under our key: ours never was, so another key is no repetition. */
static void meet_foreign_body(struct journal *journal, const struct segment_key *key)
{
    replica_alarm_of_segment(journal, ALARM_FOREIGN_BODY, key);
    journal->counters.foreign_bodies++;
    renew_writer(journal);
}

/* Asked once more behind the copy, which takes a request. */
static bool may_begin(struct journal *journal)
{
    return journal->shown.has_head && replica_may_write(journal) && copies_write_first(journal) &&
           journal->shown.has_head && replica_may_write(journal) && !journal->is_stopping;
}

static enum journal_outcome write_group(struct journal *journal, struct list_link *group, struct segment_key *ret_key)
{
    enum journal_outcome outcome;
    for (unsigned attempt = 0;; attempt++) {
        uint64_t gap_ns = journal->options.fold_gap_ms * UINT64_C(1000000);
        if (replica_now(journal) - journal->shown.read_ns > gap_ns)
            (void)tick(journal); /* J52: b should be young; how it went shows below */
        if (!may_begin(journal))
            return JOURNAL_REFUSED;
        refuse_old(journal, group);
        if (list_is_empty(group))
            return JOURNAL_REFUSED;
        struct writing writing = {.key = next_key(journal)};
        buffer_init(&writing.body, SEGMENT_BYTES_MAX);
        writing.put_deadline = replica_now(journal) + (journal->options.window - 2) * gap_ns;
        writing.decide_deadline = replica_now(journal) + journal->options.decide_ms * UINT64_C(1000000);
        bool is_encoded = encode(journal, &writing, group);
        *ret_key = writing.key;
        outcome = is_encoded ? decide(journal, &writing) : JOURNAL_REFUSED;
        buffer_free(&writing.body);
        if (writing.stored == STORED_FOREIGN)
            meet_foreign_body(journal, &writing.key);
        if (!rule_wants_another_key(writing.stored == STORED_FOREIGN, outcome, attempt))
            break;
    }
    return outcome;
}

/* ---- the queue ---- */

static void take_group(struct journal *journal, struct list_link *group)
{
    size_t bytes = 0;
    while (!list_is_empty(&journal->writer.queue)) {
        struct pending_batch *pending = LIST_ELEMENT(journal->writer.queue.next, struct pending_batch, link);
        size_t size = BATCH_HEADER_BYTES + pending->batch->ops.size;
        if (bytes > 0 && bytes + size > journal->options.segment_bytes_max)
            break;
        bytes += size;
        pending->is_taken = true;
        list_remove(&pending->link);
        list_append(group, &pending->link);
    }
}

static void answer_group(struct journal *journal, struct list_link *group, struct journal_answer answer)
{
    for (struct list_link *link; (link = list_take_first(group)) != NULL;)
        answer_batch(journal, LIST_ELEMENT(link, struct pending_batch, link), answer);
}

void writer_run(void *argument)
{
    struct journal *journal = argument;
    struct journal_scheduler *scheduler = journal->environment.scheduler;
    struct list_link group;
    list_init(&group);
    bool goes_on = true;
    while (goes_on && !journal->is_stopping) {
        if (list_is_empty(&journal->writer.queue)) {
            goes_on = scheduler->wait(scheduler, &journal->writer.grew, DEADLINE_NONE);
            continue;
        }
        goes_on = replica_sleep_ms(journal, journal->options.linger_ms);
        take_group(journal, &group);
        struct journal_answer answer = {.outcome = JOURNAL_REFUSED};
        journal->writer.writing_since_ns = replica_now(journal);
        if (goes_on) {
            answer.outcome = write_group(journal, &group, &answer.key);
            answer.has_key = answer.outcome != JOURNAL_REFUSED;
            journal->counters.segments_written += answer.has_key;
        }
        journal->writer.writing_since_ns = 0;
        answer_group(journal, &group, answer);
    }
    journal->is_stopping = true; /* nobody is left who would answer */
    answer_group(journal, &journal->writer.queue, (struct journal_answer){.outcome = JOURNAL_REFUSED});
    journal->tasks--;
}

static uint64_t queue_ns(const struct journal *journal)
{
    return journal->options.queue_ms * UINT64_C(1000000);
}

/* A segment has been on its way for so long that whatever comes now would wait too long for its turn (J47). */
static bool is_stuck(const struct journal *journal)
{
    return journal->writer.writing_since_ns != 0 &&
           replica_now(journal) - journal->writer.writing_since_ns > queue_ns(journal);
}

/* What is still in the queue then has not been written, and never will be. */
static void wait_for_outcome(struct journal *journal, struct pending_batch *pending, size_t size)
{
    struct journal_scheduler *scheduler = journal->environment.scheduler;
    deadline_t turn = replica_now(journal) + queue_ns(journal);
    while (!pending->is_done) {
        (void)scheduler->wait(scheduler, &pending->done, pending->is_taken ? DEADLINE_NONE : turn);
        if (pending->is_done || pending->is_taken || replica_now(journal) < turn)
            continue;
        list_remove(&pending->link);
        journal->writer.queued_bytes -= size;
        pending->answer = (struct journal_answer){.outcome = JOURNAL_REFUSED};
        pending->is_done = true;
    }
}

struct journal_answer journal_submit(struct journal *journal, const struct journal_batch *batch, struct error *error)
{
    struct journal_answer refused = {.outcome = JOURNAL_REFUSED};
    struct pending_batch pending = {.batch = batch};
    size_t size = live_bytes_of(batch);
    if (!ops_check(batch->ops, &pending.ops_count, error))
        return refused;
    if (journal->is_stopping || !replica_may_write(journal) || !rule_may_admit(journal)) {
        (void)error_set(error, ERROR_BUSY, NULL, "the journal does not write: %s",
                        journal->is_stopping ? "it is stopping" : journal_condition_advice(journal_condition(journal)));
        return refused;
    }
    if (journal->shown.is_ready && !rule_may_use(journal->shown.head, batch->ops)) {
        (void)error_set(error, ERROR_UNSUPPORTED, NULL, "the journal does not permit this kind of op yet");
        return refused;
    }
    if (journal->tail.live_bytes + journal->writer.queued_bytes + size > journal->options.live_bytes_max) {
        (void)error_set(error, ERROR_BUSY, NULL, "the journal waits for a fold");
        return refused;
    }
    if (is_stuck(journal)) {
        (void)error_set(error, ERROR_BUSY, NULL, "the store of the journal does not answer");
        return refused;
    }
    if (batch->first_base != 0 && is_beyond_horizon(journal, batch, journal->shown.head->generation)) {
        (void)error_set(error, ERROR_INVALID, NULL, "the first try of the batch lies beyond the horizon");
        return refused;
    }
    struct journal_scheduler *scheduler = journal->environment.scheduler;
    wait_queue_init(&pending.done);
    list_append(&journal->writer.queue, &pending.link);
    journal->writer.queued_bytes += size;
    scheduler->wake_all(scheduler, &journal->writer.grew);
    wait_for_outcome(journal, &pending, size);
    if (pending.answer.outcome == JOURNAL_REFUSED)
        (void)error_set(error, ERROR_BUSY, NULL, "the journal is stopping, or cannot write at the moment");
    return pending.answer;
}
