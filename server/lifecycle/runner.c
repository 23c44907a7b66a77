/* server/lifecycle/runner.c -- looks whether it is midnight, and goes through the buckets. */
#include "server/lifecycle/runner.h"

#include "runtime/fiber/loop.h"
#include "runtime/log/log.h"
#include "server/lifecycle/sweep.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    LOOK_MS = 250,    /* how soon after a midnight, or a change of rules, it begins */
    AGAIN_MS = 10000, /* what was interrupted is tried again after this, then after twice the time ... */
    AGAIN_MAX_MS = 15 * 60 * 1000,
    LOOKS_AT_CLAIMS = 8, /* in the time after which a sweep that stands still is taken over */
    SWEEPS_MAX = 3,      /* of one bucket, before others have their turn */
    BUCKETS_PAGE = 100,
    RECORDS_REMOVED_MAX = 10000,
    BUCKETS_ARENA_BYTES = 1 << 20,
};

static const int64_t BELIEF_MS = INT64_C(3600) * 1000; /* the journal learns the time so often */

static int64_t now_ms(const struct lifecycle_runner *runner)
{
    return clock_wall_ms(runner->present);
}

/* ---- may anything be done? ---- */

static bool has_journal(const struct lifecycle_runner *runner)
{
    return runner->journal != NULL && journal_state(runner->journal) != NULL &&
           journal_condition(runner->journal) == JOURNAL_RUNS;
}

static enum clock_trouble look_at_clock(struct lifecycle_runner *runner)
{
    enum clock_trouble before = runner->clock.trouble;
    if (!runner->clock.has_looked)
        runner->believed_ms = sweep_clock_find(journal_state(runner->journal));
    enum clock_trouble trouble = clock_watch_look(&runner->clock, now_ms(runner),
                                                  clock_monotonic_ns(runner->environment->clock), runner->believed_ms);
    if (trouble != before && trouble != CLOCK_IS_RIGHT)
        log_message(LOG_ERROR,
                    "lifecycle rules are not carried out: %s. They are when it has gone steadily for 24 hours, or "
                    "after bale lifecycle --confirm-clock",
                    clock_trouble_text(trouble));
    atomic_store_explicit(&runner->counters.is_held, trouble != CLOCK_IS_RIGHT, memory_order_relaxed);
    return trouble;
}

enum lifecycle_halt lifecycle_halt_of(struct lifecycle_runner *runner)
{
    if (!has_journal(runner))
        return LIFECYCLE_HAS_NO_JOURNAL;
    if (look_at_clock(runner) != CLOCK_IS_RIGHT)
        return LIFECYCLE_HAS_NO_CLOCK;
    return runner->pace == 0 ? LIFECYCLE_IS_PAUSED : LIFECYCLE_RUNS;
}

const char *lifecycle_halt_text(struct lifecycle_runner *runner)
{
    switch (lifecycle_halt_of(runner)) {
    case LIFECYCLE_IS_PAUSED:
        return "--lifecycle-pace is 0";
    case LIFECYCLE_HAS_NO_CLOCK:
        return clock_trouble_text(runner->clock.trouble);
    case LIFECYCLE_HAS_NO_JOURNAL:
        return "the journal does not run: see /journal";
    default:
        return "";
    }
}

void lifecycle_confirm_clock(struct lifecycle_runner *runner)
{
    clock_watch_confirm(&runner->clock);
    if (has_journal(runner))
        (void)look_at_clock(runner);
}

/* A start that is much later than this makes one wonder. */
SUSPENDS static void keep_time(struct lifecycle_runner *runner)
{
    struct error error;
    int64_t time_ms = now_ms(runner);
    int64_t away_ms = time_ms - runner->believed_ms;
    if (away_ms > -BELIEF_MS && away_ms < BELIEF_MS)
        return;
    if (sweep_clock_put(runner->journal, time_ms, &error))
        runner->believed_ms = time_ms;
}

struct lifecycle_bucket lifecycle_bucket_of(const struct lifecycle_runner *runner, const struct bucket_info *bucket)
{
    const struct bucket_capabilities *capabilities = &runner->store->capabilities;
    bool is_rewritten = !capabilities->is_shared || bucket->versioning == VERSIONING_NEVER;
    return (struct lifecycle_bucket){.day_ms = runner->day_ms,
                                     .versioning = bucket->versioning,
                                     .has_classes = capabilities->rewrites && is_rewritten};
}

/* ---- all buckets ---- */

static void look_at_claims_later(struct lifecycle_runner *runner)
{
    uint64_t wait_ms = runner->takeover_ms / LOOKS_AT_CLAIMS;
    runner->claims_ns = deadline_after_ms(wait_ms > LOOK_MS ? wait_ms : LOOK_MS);
}

/* If it is due; and once more when other rules, or a later midnight, have come while a sweep was under way or cut off.
 * False: it is to be tried again, but not at once. */
SUSPENDS static bool sweep_one(struct lifecycle_runner *runner, const struct bucket_info *bucket)
{
    struct error error;
    enum sweep_need need = sweep_need_of(runner, bucket, now_ms(runner));
    for (unsigned sweeps = 0; sweeps < SWEEPS_MAX && !runner->is_ending && need == SWEEP_IS_DUE; sweeps++) {
        bool done = sweep_bucket(runner, bucket, &error);
        need = sweep_need_of(runner, bucket, now_ms(runner));
        if (done)
            continue;
        if (error.kind == ERROR_NOT_FOUND)
            return true;
        if (error.kind == ERROR_CONFLICT)
            need = SWEEP_IS_ANOTHERS;
        if (need == SWEEP_IS_ANOTHERS)
            break;
        metric_add(&runner->counters.interrupted, 1);
        if (error.kind == ERROR_CHANGED)
            continue;
        (void)snprintf(runner->last_error, sizeof runner->last_error, "%s: %s", bucket->name, error.message);
        if (error.kind != ERROR_CANCELLED)
            log_message(LOG_WARNING, "lifecycle: the sweep of %s is interrupted: %s", bucket->name, error.message);
        return false;
    }
    if (need == SWEEP_IS_ANOTHERS)
        look_at_claims_later(runner);
    return !runner->is_ending;
}

/* `known`: creation ids of buckets that are there. */
SUSPENDS static bool sweep_page(struct lifecycle_runner *runner, const struct bucket_info *buckets, unsigned count,
                                struct buffer *known)
{
    bool done = true;
    for (unsigned i = 0; i < count && !runner->is_ending; i++) {
        buffer_append(known, span_of(&buckets[i].creation_id, sizeof buckets[i].creation_id));
        if (buckets[i].name[0] != '.') /* the server's own */
            done = sweep_one(runner, &buckets[i]) && done;
    }
    return done && !runner->is_ending;
}

SUSPENDS static bool sweep_all(struct lifecycle_runner *runner, struct arena *arena, struct buffer *known)
{
    char after[BUCKET_NAME_BYTES_MAX + 1] = "";
    struct bucket_info *buckets;
    unsigned count = 1;
    bool is_truncated = true;
    bool done = true;
    struct error error;
    while (is_truncated && count > 0 && !runner->is_ending) {
        arena_reset(arena);
        if (!bucket_list_buckets(runner->store, SPAN_EMPTY, SPAN_EMPTY, span_from_string(after), BUCKETS_PAGE, arena,
                                 &buckets, &count, &is_truncated, &error)) {
            log_message(LOG_WARNING, "lifecycle: buckets cannot be listed: %s", error.message);
            return false;
        }
        if (count > 0)
            memcpy(after, buckets[count - 1].name, sizeof after);
        done = sweep_page(runner, buckets, count, known) && done;
    }
    return done && !runner->is_ending;
}

static int compare_ids(const void *a, const void *b)
{
    uint64_t one = *(const uint64_t *)a;
    uint64_t other = *(const uint64_t *)b;
    return (one > other) - (one < other);
}

/* Records of buckets that are gone. Nobody but this fiber makes any, so what is not `known` will not be again. */
SUSPENDS static void remove_litter(struct lifecycle_runner *runner, const struct buffer *known)
{
    struct buffer gone;
    struct error error;
    struct state_walk walk = {0};
    uint64_t id;
    size_t count = known->size / sizeof id;
    buffer_init(&gone, RECORDS_REMOVED_MAX * sizeof id); /* and the rest at the next midnight */
    if (count > 0)
        qsort(known->data, count, sizeof id, compare_ids);
    while (!gone.overflow && sweep_record_next(journal_state(runner->journal), &walk, &id)) {
        if (count == 0 || bsearch(&id, known->data, count, sizeof id, compare_ids) == NULL)
            buffer_append(&gone, span_of(&id, sizeof id));
    }
    if (gone.size > 0 && !sweep_records_remove(runner->journal, buffer_span(&gone), &error))
        log_message(LOG_INFO, "lifecycle: records of buckets that are gone stay: %s", error.message);
    buffer_free(&gone);
}

static void settle_next_try(struct lifecycle_runner *runner, bool done)
{
    uint64_t again_ms = runner->again_ms == 0 ? AGAIN_MS : 2 * runner->again_ms;
    runner->again_ms = done ? 0 : again_ms < AGAIN_MAX_MS ? again_ms : AGAIN_MAX_MS;
    runner->again_ns = done ? 0 : deadline_after_ms(runner->again_ms);
    if (done)
        runner->last_error[0] = '\0';
}

/* 0: there is none. */
static bool is_past(deadline_t deadline)
{
    return deadline != 0 && loop_now_ns() >= deadline;
}

SUSPENDS static void sweep_if_due(struct lifecycle_runner *runner)
{
    int64_t midnight_ms = now_ms(runner) / runner->day_ms * runner->day_ms;
    uint64_t stamp = settings_stamp(journal_state(runner->journal));
    bool is_new = midnight_ms != runner->midnight_ms || stamp != runner->stamp;
    if (!is_new && !is_past(runner->again_ns) && !is_past(runner->claims_ns))
        return;
    runner->claims_ns = 0;
    struct arena arena;
    struct buffer known;
    arena_init(&arena, BUCKETS_ARENA_BYTES);
    buffer_init(&known, 0);
    bool done = sweep_all(runner, &arena, &known);
    if (done && midnight_ms != runner->midnight_ms)
        remove_litter(runner, &known);
    buffer_free(&known);
    arena_free(&arena);
    runner->midnight_ms = midnight_ms;
    runner->stamp = stamp;
    settle_next_try(runner, done);
}

/* ---- life ---- */

SUSPENDS static void run(void *argument)
{
    struct lifecycle_runner *runner = argument;
    struct journal_scheduler *scheduler = runner->environment->scheduler;
    while (!runner->is_ending && scheduler->wait(scheduler, &runner->wake, deadline_after_ms(LOOK_MS))) {
        if (lifecycle_halt_of(runner) != LIFECYCLE_RUNS)
            continue;
        keep_time(runner);
        sweep_if_due(runner);
    }
    runner->is_inside = false;
    wait_wake_all(&runner->ended);
}

void lifecycle_start(struct lifecycle_runner *runner, struct journal *journal,
                     const struct journal_environment *environment)
{
    runner->journal = journal;
    runner->environment = environment;
    random_fill(environment->random, runner->holder, sizeof runner->holder);
    pace_init(&runner->spent, runner->pace);
    wait_queue_init(&runner->wake);
    wait_queue_init(&runner->ended);
    runner->is_inside = environment->scheduler->spawn(environment->scheduler, "lifecycle", run, runner);
    if (!runner->is_inside)
        log_message(LOG_ERROR, "there is no fiber for lifecycle rules: they are not carried out");
}

void lifecycle_stop(struct lifecycle_runner *runner, deadline_t deadline)
{
    struct error error;
    runner->is_ending = true;
    if (runner->is_inside)
        wait_wake_all(&runner->wake);
    while (runner->is_inside && wait_for(&runner->ended, deadline, &error))
        ;
}
