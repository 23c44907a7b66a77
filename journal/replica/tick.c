/* journal/replica/tick.c -- one pass of a replica: list, read the head, fetch, derive, publish. And the task that does
 * it. */
#include "journal/ground/ground.h"
#include "journal/replica/rules.h"
#include "journal/replica/window.h"
#include "runtime/base/assert.h"

#include <stdio.h>
#include <stdlib.h>

/* A store that cannot list for damage does not answer better later: an operator must know. */
static bool is_listed(struct journal *journal, enum store_answer answer)
{
    if (answer == STORE_DAMAGED)
        replica_halt(journal, JOURNAL_STORE_DAMAGED, ALARM_LISTING_DAMAGED);
    return answer == STORE_DONE;
}

/* Everything that may be live under the head that is known, marked with the number of this listing. */
static bool list_window(struct journal *journal)
{
    struct window_listing listing = {0};
    uint64_t round = ++journal->poller.round;
    enum store_answer answer = window_list(journal, journal->poller.page, &listing);
    for (size_t i = 0; i < listing.count; i++)
        tail_add(journal, &listing.keys[i])->seen_round = round;
    window_listing_free(&listing);
    return is_listed(journal, answer);
}

/* Of the tail, from a base to another, what the head does not settle and whose body is not here. */
static size_t gather_wanted(struct journal *journal, uint64_t first, uint64_t last, struct segment_key **ret_keys)
{
    size_t count = 0;
    *ret_keys = calloc(journal->tail.count + 1, sizeof **ret_keys);
    ASSERT(*ret_keys != NULL);
    for (size_t i = 0; i < journal->tail.count; i++) {
        const struct tail_segment *item = journal->tail.items[i];
        bool is_between = item->key.base >= first && item->key.base <= last;
        bool is_settled = journal->shown.has_head && replica_is_settled(journal, &item->key);
        if (is_between && !is_settled && window_wants(item))
            (*ret_keys)[count++] = item->key;
    }
    return count;
}

/* A segment of this lineage whose base is a later generation was written under a later head: an old one has been put
 * back. A name alone proves nothing, and what is of another lineage neither. False: it could not be read now. */
static bool look_for_later_heads(struct journal *journal, const struct head *head)
{
    struct segment_key *keys;
    size_t count = gather_wanted(journal, head->generation + 1, UINT64_MAX, &keys);
    bool all_read = count == 0 || window_fetch(journal, &head->lineage, keys, count, READS_FOR_TICK).all_read;
    free(keys);
    for (size_t i = journal->tail.count; i-- > 0 && journal->tail.items[i]->key.base > head->generation;) {
        const struct tail_segment *item = journal->tail.items[i];
        if (rule_proves_later_head(item) && item->key.base > journal->poller.newest_known)
            journal->poller.newest_known = item->key.base;
    }
    return all_read;
}

static bool read_and_adopt(struct journal *journal)
{
    struct buffer body;
    struct store_etag etag;
    struct head *head = malloc(sizeof *head);
    ASSERT(head != NULL);
    buffer_init(&body, HEAD_BYTES_MAX);
    bool is_good = head_read(journal, head, &body, &etag) == STORE_DONE && look_for_later_heads(journal, head) &&
                   head->generation >= journal->poller.newest_known &&
                   head_adopt(journal, head, buffer_span(&body), &etag);
    buffer_free(&body);
    free(head);
    return is_good;
}

/* Bodies of what may be live. A segment that is gone is either covered by a head that we have not read yet, or somebody
 * took it away: the second reading decides. False: no answer, or not yet read often enough to be called damaged: that
 * is not a good tick (J22). */
static bool fetch_bodies(struct journal *journal, bool *ret_some_gone)
{
    struct segment_key *keys;
    size_t count = gather_wanted(journal, 0, journal->shown.head->generation, &keys);
    struct window_fetched fetched = window_fetch(journal, &journal->shown.head->lineage, keys, count, READS_FOR_TICK);
    free(keys);
    *ret_some_gone |= fetched.some_gone;
    return fetched.all_read;
}

/* What is settled need not be held any more; what a whole listing did not show is gone. */
static bool is_settled_or_gone(struct journal *journal, const struct tail_segment *item, uint64_t round)
{
    bool is_settled = replica_is_settled(journal, &item->key);
    bool has_vanished = rule_has_vanished(item, round);
    if (!is_settled && has_vanished)
        replica_alarm_of_segment(journal, ALARM_SEGMENT_VANISHED, &item->key);
    return is_settled || has_vanished;
}

static bool find_head(struct journal *journal)
{
    if (!is_listed(journal, copies_look(journal)))
        return false;
    if (read_and_adopt(journal)) { /* once more: an old head may have been put back in between */
        if (!is_listed(journal, copies_look(journal)) ||
            journal->poller.newest_known > journal->shown.head->generation ||
            head_is_denied(journal, journal->shown.head))
            journal->shown.has_head = false; /* it has been replaced since, or is an old one: the next tick tells */
        return journal->shown.has_head;
    }
    seed(journal);
    return false; /* whoever made one: the next tick reads it */
}

static bool something_vanished(const struct journal *journal, uint64_t round)
{
    for (size_t i = 0; i < journal->tail.count; i++) {
        const struct tail_segment *item = journal->tail.items[i];
        if (rule_has_vanished(item, round) && !replica_is_settled(journal, &item->key))
            return true;
    }
    return false;
}

/* Something is gone that this head has not folded: somebody took it away, or a later head folded it, and this is an old
 * one that was put back, new to a replica that lags behind. Copies tell, before what was seen goes away (J19, J38). */
static bool head_is_newest(struct journal *journal, uint64_t round)
{
    if (!something_vanished(journal, round))
        return true;
    return is_listed(journal, copies_look(journal)) && journal->poller.newest_known <= journal->shown.head->generation;
}

static bool pass(struct journal *journal)
{
    if (!journal->shown.has_head && !find_head(journal))
        return false;
    bool some_gone = false;
    if (!list_window(journal))
        return false;
    uint64_t round = journal->poller.round;
    if (!read_and_adopt(journal))
        return false;
    if (!fetch_bodies(journal, &some_gone))
        return false;
    if (some_gone && !read_and_adopt(journal))
        return false;
    if (!head_is_newest(journal, round))
        return false;
    if (replica_may_write(journal) && !copies_write_first(journal))
        return false;
    standing_note(&journal->standing, STANDING_LISTED);
    replica_publish_without(journal, is_settled_or_gone, round);
    return true;
}

bool tick(struct journal *journal)
{
    if (!replica_take_busy(journal))
        return false;
    uint64_t began = replica_now(journal);
    bool is_good = pass(journal);
    if (rule_drops_bodies(is_good))
        tail_remove(journal, is_settled_or_gone, UINT64_MAX);
    replica_release_busy(journal);
    if (is_good) {
        journal->poller.good_tick_ns = began;
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
    enum journal_condition ground = ground_check(&journal->environment, journal->options.request_ms, &error);
    if (standing_take_ground(&journal->standing, ground, &error))
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
        if (standing_wants_ground(&journal->standing))
            look_at_ground(journal);
        uint64_t began = replica_now(journal);
        struct store_etag known = journal->poller.bell;
        if (journal->shown.is_ready && !standing_is_halted(&journal->standing) && !bell_has_changed(journal)) {
            journal->poller.good_tick_ns = began; /* nothing was written since the last tick that followed a bell */
            wait_ms = journal->options.poll_ms;
        } else if (tick(journal)) {
            wait_ms = journal->options.poll_ms;
        } else {
            journal->poller.bell = known; /* the change has not been looked at */
            wait_ms = wait_ms < 50                             ? 50
                      : wait_ms * 2 < journal->options.poll_ms ? wait_ms * 2
                                                               : journal->options.poll_ms;
        }
    } while (wait_ms == journal->options.poll_ms ? sleep_calmly(journal) : replica_sleep_ms(journal, wait_ms));
    journal->tasks--;
}
