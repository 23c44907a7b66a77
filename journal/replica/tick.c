/* journal/replica/tick.c -- one pass of a replica: list, read the head, fetch, derive, publish. And the task that does
 * it. */
#include "journal/ground/ground.h"
#include "journal/replica/replica.h"

#include <stdio.h>
#include <stdlib.h>

/* Everything that may be live under the head that is known, marked with the number of this listing. */
static bool list_window(struct journal *journal)
{
    struct journal_store *store = journal->environment.store;
    char after[JOURNAL_NAME_BYTES];
    uint64_t begin = journal->has_head ? head_window_begin(journal->head) : 0;
    segment_name_format_before(begin + MUTATED(window_listed_short), after);
    uint64_t round = ++journal->round;
    struct store_page *page = journal->tick_page;
    do {
        if (store->list(store, SEGMENTS_PREFIX, after, page, replica_deadline(journal)) != STORE_DONE)
            return false;
        for (unsigned i = 0; i < page->count; i++) {
            struct segment_key key;
            if (!segment_name_parse(span_from_string(page->names[i]), &key))
                continue;
            tail_add(journal, &key)->seen_round = round;
            if (key.base > journal->newest_known)
                journal->newest_known = key.base;
        }
        if (page->count > 0)
            memcpy(after, page->names[page->count - 1], sizeof after);
    } while (page->is_truncated && page->count > 0);
    return true;
}

static bool read_and_adopt(struct journal *journal)
{
    struct buffer body;
    struct store_etag etag;
    struct head *head = malloc(sizeof *head);
    buffer_init(&body, HEAD_BYTES_MAX);
    bool is_good = head != NULL && head_read(journal, head, &body, &etag) == STORE_DONE &&
                   head_adopt(journal, head, buffer_span(&body), &etag);
    buffer_free(&body);
    free(head);
    return is_good;
}

/* Bodies of what may be live. A segment that is gone is either covered by a head that we have not read yet, or somebody
 * took it away: the second reading decides. */
static bool fetch_bodies(struct journal *journal, bool *ret_some_gone)
{
    bool all_read = true;
    for (size_t i = 0; i < journal->tail_count; i++) {
        struct segment_key key = journal->tail[i]->key;
        if (journal->tail[i]->state != BODY_ABSENT || replica_is_settled(journal, &key))
            continue;
        bool is_gone;
        if (!replica_fetch(journal, &key, &is_gone) && !is_gone)
            all_read = false; /* no answer, or not yet read often enough to be called damaged: not a good tick (J22) */
        *ret_some_gone |= is_gone;
        struct tail_segment *item = tail_find(journal, &key);
        if (is_gone && item != NULL && item->state == BODY_ABSENT)
            item->seen_round = 0;
    }
    return all_read;
}

/* What is settled need not be held any more; what a whole listing did not show is gone. */
static bool is_settled_or_gone(struct journal *journal, const struct tail_segment *item, uint64_t round)
{
    bool is_settled = replica_is_settled(journal, &item->key);
    bool has_vanished = item->seen_round < round || (item->is_own && MUTATED(own_write_evicted_early));
    if (!is_settled && has_vanished && !MUTATED(no_rejection_window))
        replica_alarm(journal, ALARM_SEGMENT_VANISHED);
    return is_settled || has_vanished;
}

/* A head that is older than a copy of one has been put back. What it covers again may have been deleted. */
static bool list_copies(struct journal *journal)
{
    struct journal_store *store = journal->environment.store;
    struct store_page *page = journal->tick_page;
    char after[JOURNAL_NAME_BYTES] = HEADS_PREFIX;
    do {
        if (store->list(store, HEADS_PREFIX, after, page, replica_deadline(journal)) != STORE_DONE)
            return false;
        for (unsigned i = 0; i < page->count; i++) {
            struct journal_id nonce;
            uint64_t generation;
            if (!head_copy_name_parse(span_from_string(page->names[i]), &generation, &nonce))
                continue;
            journal->copy_generation = generation; /* they come in order */
            journal->copy_nonce = nonce;
            if (generation > journal->newest_known)
                journal->newest_known = generation;
        }
        if (page->count > 0)
            memcpy(after, page->names[page->count - 1], sizeof after);
    } while (page->is_truncated && page->count > 0);
    return true;
}

static bool find_head(struct journal *journal)
{
    if (!list_copies(journal))
        return false;
    if (read_and_adopt(journal)) { /* once more: an old head may have been put back in between */
        if (!list_copies(journal) || journal->newest_known > journal->head->generation ||
            head_is_denied(journal, journal->head))
            journal->has_head = false; /* it has been replaced since, or is an old one: the next tick tells */
        return journal->has_head;
    }
    seed(journal);
    return false; /* whoever made one: the next tick reads it */
}

/* Nothing is written under the first head of a lineage before there is a copy: a head that is lost later can always be
 * restored (J36). */
static bool copy_first_head(struct journal *journal)
{
    uint64_t generation;
    return journal->is_ready || journal->head->ancestors_count > 1 || !replica_may_write(journal) ||
           cleanup_copy_head(journal, &generation);
}

static bool pass(struct journal *journal)
{
    if (!journal->has_head && !find_head(journal))
        return false;
    if (MUTATED(head_before_list_on_read) && !read_and_adopt(journal))
        return false;
    bool some_gone = false;
    if (!list_window(journal))
        return false;
    uint64_t round = journal->round;
    if (!MUTATED(head_before_list_on_read) && !read_and_adopt(journal))
        return false;
    if (!fetch_bodies(journal, &some_gone))
        return false;
    if (some_gone && !read_and_adopt(journal))
        return false;
    if (!copy_first_head(journal))
        return false;
    tail_remove(journal, is_settled_or_gone, round);
    replica_publish(journal);
    return true;
}

bool tick(struct journal *journal)
{
    if (!replica_take_busy(journal))
        return false;
    uint64_t began = replica_now(journal);
    bool is_good = pass(journal);
    if (!is_good && MUTATED(bodies_dropped_on_error))
        tail_remove(journal, is_settled_or_gone, UINT64_MAX);
    replica_release_busy(journal);
    if (is_good) {
        journal->good_tick_ns = began;
        journal->counters.ticks++;
    } else {
        journal->counters.ticks_failed++;
    }
    return is_good;
}

/* Until it is settled; a store that is called untested or a copy may be tested or adopted meanwhile. */
static void look_at_ground(struct journal *journal)
{
    struct error error;
    enum journal_condition before = journal->ground;
    journal->ground = ground_check(&journal->environment, journal->options.request_ms, &error);
    journal->ground_is_final = journal->ground == JOURNAL_STORE_BROKEN && error.kind != ERROR_DENIED;
    journal->ground_detail[0] = '\0';
    if (journal->ground == JOURNAL_STORE_BROKEN)
        (void)snprintf(journal->ground_detail, sizeof journal->ground_detail, "%s", error.message);
    if (journal->ground != before && journal->ground != JOURNAL_RUNS && journal->ground != JOURNAL_NOT_READY)
        replica_alarm(journal, ALARM_GROUND);
}

/* Without jitter: staleness is at most the poll interval and a tick (J20). */
static bool sleep_calmly(struct journal *journal)
{
    struct journal_scheduler *scheduler = journal->environment.scheduler;
    deadline_t deadline = replica_now(journal) + journal->options.poll_ms * UINT64_C(1000000);
    return !journal->is_stopping && scheduler->sleep_until(scheduler, deadline) && !journal->is_stopping;
}

void poller_run(void *argument)
{
    struct journal *journal = argument;
    uint64_t wait_ms = 0;
    do {
        if (journal->ground != JOURNAL_RUNS && !journal->ground_is_final)
            look_at_ground(journal);
        uint64_t began = replica_now(journal);
        struct store_etag known = journal->bell_etag;
        if (journal->is_ready && !journal->is_halted && !bell_has_changed(journal)) {
            journal->good_tick_ns = began; /* nothing was written since the last tick that followed a bell */
            wait_ms = journal->options.poll_ms;
        } else if (tick(journal)) {
            wait_ms = journal->options.poll_ms;
        } else {
            journal->bell_etag = known; /* the change has not been looked at */
            wait_ms = wait_ms < 50                             ? 50
                      : wait_ms * 2 < journal->options.poll_ms ? wait_ms * 2
                                                               : journal->options.poll_ms;
        }
    } while (wait_ms == journal->options.poll_ms ? sleep_calmly(journal) : replica_sleep_ms(journal, wait_ms));
    journal->tasks--;
}
