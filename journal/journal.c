/* journal/journal.c -- opens a journal, starts its tasks, answers what readers ask. */
#include "journal/journal.h"

#include "journal/ground/ground.h"
#include "journal/replica/replica.h"
#include "runtime/base/assert.h"

#include <stdlib.h>

enum { LOAD_ATTEMPTS = 3 };

#ifdef JOURNAL_MUTATIONS
enum journal_mutation journal_mutation;
unsigned journal_op_kind_last = OP_KIND_LAST;
unsigned journal_head_kind_last = OP_KIND_LAST;
#endif

static void set_default(unsigned *option, unsigned value)
{
    if (*option == 0)
        *option = value;
}

static void fill_options(struct journal_options *options)
{
    set_default(&options->window, HEAD_WINDOW_DEFAULT);
    set_default(&options->horizon, HEAD_HORIZON_DEFAULT);
    set_default(&options->fold_gap_ms, 1000);
    set_default(&options->poll_ms, 2000);
    set_default(&options->linger_ms, 5);
    set_default(&options->request_ms, 2000);
    set_default(&options->decide_ms, 30000);
    set_default(&options->queue_ms, 5000);
    set_default(&options->fold_age_ms, 5000);
    set_default(&options->fold_segments, 500);
    set_default(&options->fold_segments_max, 10000);
    set_default(&options->quarantine_max, HEAD_QUARANTINE_MAX);
    if (options->live_bytes_max == 0)
        options->live_bytes_max = 64 << 20;
    if (options->segment_bytes_max == 0)
        options->segment_bytes_max = 4 << 20;
    if (options->slice_bytes == 0)
        options->slice_bytes = 128 << 10;
    ASSERT(options->window >= 3 && options->horizon > options->window && options->horizon <= HEAD_HORIZON_MAX);
    ASSERT(options->quarantine_max <= HEAD_QUARANTINE_MAX);
}

static struct journal *allocate(const struct journal_environment *environment, const struct journal_options *options)
{
    struct journal *journal = calloc(1, sizeof *journal);
    ASSERT(journal != NULL);
    journal->environment = *environment;
    journal->options = *options;
    journal->standing = (struct standing){.ground = options->trusts_store ? JOURNAL_RUNS : JOURNAL_NOT_READY};
    fill_options(&journal->options);
    journal->shown.head = calloc(1, sizeof *journal->shown.head);
    journal->poller.page = malloc(sizeof *journal->poller.page);
    journal->compactor.page = malloc(sizeof *journal->compactor.page);
    ASSERT(journal->shown.head != NULL && journal->poller.page != NULL && journal->compactor.page != NULL);
    buffer_init(&journal->shown.body, HEAD_BYTES_MAX);
    wait_queue_init(&journal->locks.idle);
    wait_queue_init(&journal->writer.grew);
    list_init(&journal->writer.queue);
    return journal;
}

struct journal *journal_open(const struct journal_environment *environment, const struct journal_options *options)
{
    struct journal *journal = allocate(environment, options);
    random_fill(environment->random, &journal->writer.id, sizeof journal->writer.id);
    static void (*const tasks[])(void *) = {poller_run, compactor_run, writer_run};
    static const char *const names[] = {"journal-poller", "journal-compactor", "journal-writer"};
    for (unsigned i = 0; i < 3; i++)
        journal->tasks += environment->scheduler->spawn(environment->scheduler, names[i], tasks[i], journal);
    return journal;
}

/* ---- without tasks ---- */

static bool explain_unreadable(struct journal *journal, struct error *error)
{
    struct journal_store *store = journal->environment.store;
    struct buffer body;
    struct store_etag etag;
    buffer_init(&body, HEAD_BYTES_MAX);
    enum store_answer answer = store->get(store, HEAD_NAME, NULL, &body, &etag, replica_deadline(journal));
    buffer_free(&body);
    if (answer == STORE_NOT_FOUND) {
        bool is_empty;
        if (!ground_is_empty(&journal->environment, journal->options.request_ms, &is_empty))
            return error_set(error, ERROR_BUSY, NULL, "the journal could not be listed");
        if (is_empty)
            return error_set(error, ERROR_NOT_FOUND, NULL, "there is no journal yet");
        return error_set(error, ERROR_DAMAGED, NULL, "the journal's head is missing, other objects of it are there");
    }
    if (standing_is_halted(&journal->standing))
        return error_set(error, ERROR_DAMAGED, NULL, "%s", journal_condition_advice(journal->standing.head));
    if (journal->counters.alarms[ALARM_HEAD_DAMAGED] > 0)
        return error_set(error, ERROR_DAMAGED, NULL, "the journal's head is damaged");
    if (journal->counters.alarms[ALARM_PART_MISSING] > 0 || journal->counters.alarms[ALARM_DIGEST] > 0)
        return error_set(error, ERROR_DAMAGED, NULL, "a part of the journal's checkpoint is missing or damaged");
    return error_set(error, ERROR_BUSY, NULL, "the journal could not be read");
}

struct journal *journal_load(const struct journal_environment *environment, const struct journal_options *options,
                             struct error *error)
{
    struct journal *journal = allocate(environment, options);
    journal->options.may_seed = false;
    journal->standing.ground = JOURNAL_NOT_READY; /* reads only */
    bool is_loaded = false;
    for (unsigned attempt = 0; attempt < LOAD_ATTEMPTS && !is_loaded; attempt++)
        is_loaded = tick(journal); /* generations may pass meanwhile */
    journal->is_stopping = true;
    if (is_loaded)
        return journal;
    (void)explain_unreadable(journal, error);
    journal_free(journal);
    return NULL;
}

void journal_stop(struct journal *journal)
{
    journal->is_stopping = true;
    journal->environment.scheduler->wake_all(journal->environment.scheduler, &journal->writer.grew);
    journal->environment.scheduler->wake_all(journal->environment.scheduler, &journal->locks.idle);
}

bool journal_is_idle(const struct journal *journal)
{
    return journal->is_stopping && journal->tasks == 0 && !journal->locks.is_busy;
}

static bool any(struct journal *journal, const struct tail_segment *item, uint64_t round)
{
    (void)journal;
    (void)item;
    (void)round;
    return true;
}

void journal_free(struct journal *journal)
{
    ASSERT(journal_is_idle(journal));
    tail_remove(journal, any, 0);
    free(journal->tail.items);
    state_free(&journal->shown.view);
    layer_free(&journal->shown.recent);
    layer_free(&journal->shown.base);
    covered_free(&journal->shown.covered);
    buffer_free(&journal->shown.body);
    free(journal->shown.head);
    free(journal->poller.page);
    free(journal->compactor.page);
    free(journal);
}

bool journal_flush(struct journal *journal, struct error *error)
{
    if (tick(journal)) /* its listing begins after this call */
        return true;
    return error_set(error, ERROR_BUSY, NULL, "the journal could not be read");
}

const struct state *journal_state(const struct journal *journal)
{
    return journal->shown.is_ready ? &journal->shown.view : NULL;
}

const struct head *journal_head(const struct journal *journal)
{
    return journal->shown.has_head ? journal->shown.head : NULL;
}

bool journal_has_unread(const struct journal *journal)
{
    if (journal->shown.has_head && journal->shown.head->quarantine_count > 0)
        return true;
    for (size_t i = 0; i < journal->tail.count; i++) {
        enum body_state state = journal->tail.items[i]->state;
        if (state != BODY_GOOD && state != BODY_FOREIGN)
            return true;
    }
    return false;
}

uint64_t journal_age_ns(const struct journal *journal)
{
    return replica_now(journal) - journal->poller.good_tick_ns;
}

const struct journal_counters *journal_counters(const struct journal *journal)
{
    return &journal->counters;
}

void journal_gauges(const struct journal *journal, struct journal_gauges *ret_gauges)
{
    *ret_gauges =
        (struct journal_gauges){.live_bytes = journal->tail.live_bytes, .queued_bytes = journal->writer.queued_bytes};
    for (size_t i = 0; i < journal->tail.count; i++)
        ret_gauges->live_segments += journal->tail.items[i]->is_live;
}

const char *journal_alarm_object(const struct journal *journal, enum journal_alarm alarm)
{
    return journal->alarm_objects[alarm];
}

enum journal_condition journal_condition(const struct journal *journal)
{
    return standing_condition(&journal->standing, journal->shown.is_ready);
}

const char *journal_condition_detail(const struct journal *journal)
{
    return journal->standing.detail;
}
