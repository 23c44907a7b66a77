/* server/settings/keeper.c -- answers shards from the journal's state, makes their changes, keeps the epoch, sweeps. */
#include "server/settings/keeper.h"

#include "journal/settings/change.h"
#include "runtime/base/assert.h"
#include "runtime/log/log.h"

#include <stdlib.h>

enum {
    LOOK_MS = 50, /* what others changed is seen so much later than the journal sees it */
    FIRST_SWEEP_MS = 30000,
    IDLE_SWEEPS = 144, /* without litter that is known a sweep in so many turns: a crash may have left some */
    ANSWER_MS = 120000,
    FORGET_MS = 60000,
};

/* ---- the epoch ---- */

static bool is_known(const struct settings_keeper *keeper)
{
    return keeper->journal != NULL && journal_state(keeper->journal) != NULL &&
           journal_age_ns(keeper->journal) <= keeper->grace_ms * UINT64_C(1000000);
}

static void begin_epoch(struct settings_keeper *keeper)
{
    atomic_fetch_add_explicit(&keeper->epoch, 1, memory_order_release);
}

/* Is anything other than it was? */
static void look(struct settings_keeper *keeper)
{
    bool is_known_now = is_known(keeper);
    uint64_t stamp = is_known_now ? settings_stamp(journal_state(keeper->journal)) : keeper->stamp;
    if (is_known_now == keeper->was_known && stamp == keeper->stamp)
        return;
    if (keeper->was_known && !is_known_now) {
        metric_add(&keeper->counters.lapses, 1);
        log_message(LOG_ERROR,
                    "the journal has not been read for %llu s: requests to buckets that have settings are "
                    "refused until it is",
                    (unsigned long long)keeper->grace_ms / 1000);
    }
    keeper->was_known = is_known_now;
    keeper->stamp = stamp;
    begin_epoch(keeper);
}

/* ---- questions of shards ---- */

enum question_kind { QUESTION_FIND, QUESTION_CHANGE, QUESTION_FORGET };

/* A question, there and back. It belongs to who asks; one who has gone away, or did not wait, leaves it to its answer.
 */
struct question {
    struct loop_message message;
    enum question_kind kind;
    struct settings_keeper *keeper;
    struct loop *asker;
    uint64_t creation_id;
    struct setting_change changes[SETTINGS_COUNT];
    unsigned count;
    deadline_t deadline;

    struct keeper_records records;
    bool is_done; /* the change was made */
    struct error error;

    bool is_answered;
    bool is_abandoned;
    struct wait_queue answered;
};

static void deliver_answer(struct loop_message *message)
{
    struct question *question = LIST_ELEMENT(message, struct question, message);
    question->is_answered = true;
    if (question->is_abandoned)
        free(question);
    else
        wait_wake_all(&question->answered);
}

static void answer(struct question *question)
{
    question->message.deliver = deliver_answer;
    loop_post(question->asker, &question->message);
}

/* Does what is wrong with the journal keep it from being read? What is wrong with its ground alone does not. */
static bool is_halted(const struct journal *journal)
{
    switch (journal_condition(journal)) {
    case JOURNAL_HEAD_MISSING:
    case JOURNAL_HEAD_DAMAGED:
    case JOURNAL_HEAD_NEWER:
    case JOURNAL_WENT_BACK:
    case JOURNAL_OTHER_LINEAGE:
    case JOURNAL_CHECKPOINT_LOST:
    case JOURNAL_STORE_DAMAGED:
        return true;
    default:
        return false;
    }
}

static enum keeper_verdict verdict_without_journal(const struct settings_keeper *keeper)
{
    return atomic_load_explicit(&keeper->has_no_journal, memory_order_acquire) ? KEEPER_HALTED : KEEPER_NOT_READY;
}

static enum keeper_verdict verdict_of(const struct settings_keeper *keeper)
{
    if (keeper->journal == NULL)
        return verdict_without_journal(keeper);
    if (journal_state(keeper->journal) == NULL)
        return is_halted(keeper->journal) ? KEEPER_HALTED : KEEPER_NOT_READY;
    return keeper->was_known ? KEEPER_KNOWS : KEEPER_LAPSED;
}

static void find(struct settings_keeper *keeper, uint64_t creation_id, struct keeper_records *ret)
{
    look(keeper);
    *ret = (struct keeper_records){.epoch = keeper_epoch(keeper), .verdict = verdict_of(keeper)};
    metric_add(&keeper->counters.lookups, 1);
    if (ret->verdict == KEEPER_NOT_READY || ret->verdict == KEEPER_HALTED)
        return;
    for (unsigned setting = 0; setting < SETTINGS_COUNT; setting++) {
        if (setting_record_find(journal_state(keeper->journal), creation_id, (uint8_t)setting, &ret->records[setting]))
            ret->set |= 1U << setting;
    }
}

/* ---- changes: those of one bucket one after another ---- */

SUSPENDS bool keeper_take_turn(struct settings_keeper *keeper, uint64_t creation_id, deadline_t deadline)
{
    struct journal_scheduler *scheduler = keeper->environment->scheduler;
    bool *is_taken = &keeper->is_taken[creation_id % KEEPER_TURNS];
    while (*is_taken) {
        if (!scheduler->wait(scheduler, &keeper->turn, deadline) ||
            clock_monotonic_ns(keeper->environment->clock) >= deadline)
            return false;
    }
    *is_taken = true;
    return true;
}

void keeper_give_turn(struct settings_keeper *keeper, uint64_t creation_id)
{
    struct journal_scheduler *scheduler = keeper->environment->scheduler;
    keeper->is_taken[creation_id % KEEPER_TURNS] = false;
    scheduler->wake_all(scheduler, &keeper->turn);
}

SUSPENDS static bool commit(struct settings_keeper *keeper, struct question *question)
{
    if (question->kind == QUESTION_FORGET)
        return settings_remove_bucket(keeper->journal, keeper->environment, question->creation_id, question->deadline,
                                      &question->error);
    return settings_change(keeper->journal, keeper->environment, question->creation_id, question->changes,
                           question->count, question->deadline, &question->error);
}

SUSPENDS static bool change(struct settings_keeper *keeper, struct question *question)
{
    if (!keeper_take_turn(keeper, question->creation_id, question->deadline))
        return error_set(&question->error, ERROR_BUSY, NULL, "too many changes of settings wait for their turn");
    bool done = commit(keeper, question);
    keeper_give_turn(keeper, question->creation_id);
    keeper->has_litter = true; /* what it replaced; or its own document, if it failed */
    look(keeper);
    return done;
}

SUSPENDS static void change_run(void *argument)
{
    struct question *question = argument;
    struct settings_keeper *keeper = question->keeper;
    question->is_done = change(keeper, question);
    metric_add(question->is_done ? &keeper->counters.changes : &keeper->counters.changes_failed, 1);
    answer(question);
}

/* Most buckets never had a setting: there is nothing to forget. */
static bool has_work(const struct question *question)
{
    const struct journal *journal = question->keeper->journal;
    if (question->kind == QUESTION_FORGET)
        return journal != NULL && journal_state(journal) != NULL &&
               settings_are_known(journal_state(journal), question->creation_id);
    return question->kind == QUESTION_CHANGE;
}

static void deliver_question(struct loop_message *message)
{
    struct question *question = LIST_ELEMENT(message, struct question, message);
    struct settings_keeper *keeper = question->keeper;
    if (question->kind == QUESTION_FIND)
        find(keeper, question->creation_id, &question->records);
    if (!has_work(question)) {
        answer(question);
        return;
    }
    struct journal_scheduler *scheduler = keeper->journal == NULL ? NULL : keeper->environment->scheduler;
    if (scheduler != NULL && scheduler->spawn(scheduler, "settings-change", change_run, question))
        return;
    (void)error_set(&question->error, ERROR_BUSY, NULL,
                    scheduler == NULL ? "the journal is not open" : "too many changes of settings are under way");
    answer(question);
}

/* ---- as shards see it ---- */

/* False: nobody is there, and the question is gone. */
static bool send(struct settings_keeper *keeper, struct question *question)
{
    struct loop *loop = atomic_load_explicit(&keeper->loop, memory_order_acquire);
    if (loop == NULL) {
        free(question);
        return false;
    }
    question->keeper = keeper;
    question->asker = loop_current();
    question->message.deliver = deliver_question;
    wait_queue_init(&question->answered);
    loop_post(loop, &question->message);
    return true;
}

/* True: it is answered, and the caller's. */
SUSPENDS static bool ask(struct settings_keeper *keeper, struct question *question, struct error *error)
{
    deadline_t deadline = deadline_after_ms(ANSWER_MS);
    if (!send(keeper, question))
        return error_set(error, ERROR_BUSY, NULL, "the journal is not open");
    while (!question->is_answered && wait_for(&question->answered, deadline, error))
        ;
    question->is_abandoned = !question->is_answered;
    return question->is_answered;
}

static struct question *question_new(enum question_kind kind, uint64_t creation_id)
{
    struct question *question = calloc(1, sizeof *question);
    ASSERT(question != NULL);
    question->kind = kind;
    question->creation_id = creation_id;
    return question;
}

bool keeper_find(struct settings_keeper *keeper, uint64_t creation_id, struct keeper_records *ret_records,
                 struct error *error)
{
    struct loop *loop = atomic_load_explicit(&keeper->loop, memory_order_acquire);
    if (loop == NULL) {
        *ret_records =
            (struct keeper_records){.verdict = verdict_without_journal(keeper), .epoch = keeper_epoch(keeper)};
        return true;
    }
    if (loop == loop_current()) {
        find(keeper, creation_id, ret_records);
        return true;
    }
    struct question *question = question_new(QUESTION_FIND, creation_id);
    if (!ask(keeper, question, error))
        return false;
    *ret_records = question->records;
    free(question);
    return true;
}

bool keeper_change(struct settings_keeper *keeper, uint64_t creation_id, const struct setting_change *changes,
                   unsigned count, deadline_t deadline, struct error *error)
{
    ASSERT(count > 0 && count <= SETTINGS_COUNT);
    struct question *question = question_new(QUESTION_CHANGE, creation_id);
    question->count = count;
    question->deadline = deadline;
    memcpy(question->changes, changes, count * sizeof *changes);
    if (!ask(keeper, question, error))
        return false;
    bool is_done = question->is_done;
    if (!is_done)
        *error = question->error;
    free(question);
    return is_done;
}

void keeper_forget(struct settings_keeper *keeper, uint64_t creation_id)
{
    struct question *question = question_new(QUESTION_FORGET, creation_id);
    question->is_abandoned = true;
    question->deadline = deadline_after_ms(FORGET_MS);
    (void)send(keeper, question);
}

/* ---- tasks ---- */

SUSPENDS static bool pause_ms(struct settings_keeper *keeper, uint64_t milliseconds)
{
    struct journal_scheduler *scheduler = keeper->environment->scheduler;
    return scheduler->sleep_until(scheduler, clock_monotonic_ns(keeper->environment->clock) + milliseconds * 1000000);
}

SUSPENDS static void watch_run(void *argument)
{
    struct settings_keeper *keeper = argument;
    do
        look(keeper);
    while (pause_ms(keeper, LOOK_MS));
}

SUSPENDS static void sweep(struct settings_keeper *keeper)
{
    struct error error;
    bool had_litter = keeper->has_litter;
    uint64_t documents = keeper->sweep.documents_removed;
    uint64_t buckets = keeper->sweep.buckets_removed;
    keeper->has_litter = false; /* what comes meanwhile is litter again */
    bool done = settings_sweep(&keeper->sweep, keeper->journal, keeper->environment,
                               journal_bucket_store(keeper->documents), keeper->store, &error);
    keeper->has_litter |= done ? keeper->sweep.noted_count > 0 : had_litter;
    metric_add(&keeper->counters.swept_documents, keeper->sweep.documents_removed - documents);
    metric_add(&keeper->counters.swept_buckets, keeper->sweep.buckets_removed - buckets);
    if (!done)
        log_message(LOG_INFO, "settings that nobody needs are not swept yet: %s", error.message);
}

SUSPENDS static void sweep_run(void *argument)
{
    struct settings_keeper *keeper = argument;
    uint64_t wait_ms = keeper->sweep_ms < FIRST_SWEEP_MS ? keeper->sweep_ms : FIRST_SWEEP_MS;
    unsigned idle = IDLE_SWEEPS;
    while (pause_ms(keeper, wait_ms)) {
        wait_ms = keeper->sweep_ms;
        if (!keeper->was_known || (!keeper->has_litter && ++idle < IDLE_SWEEPS))
            continue;
        idle = 0;
        sweep(keeper);
    }
}

/* ---- life ---- */

void keeper_start(struct settings_keeper *keeper, struct journal *journal,
                  const struct journal_environment *environment, struct bucket_store *store,
                  const struct journal_home *home, uint64_t grace_ms, uint64_t sweep_ms)
{
    keeper->journal = journal;
    keeper->environment = environment;
    keeper->store = store;
    keeper->documents = journal_room_open(home, ROOM_SETTINGS);
    keeper->grace_ms = grace_ms;
    keeper->sweep_ms = sweep_ms;
    keeper->was_known = false;
    wait_queue_init(&keeper->turn);
    atomic_store_explicit(&keeper->loop, loop_current(), memory_order_release);
    begin_epoch(keeper);
    struct journal_scheduler *scheduler = environment->scheduler;
    bool is_watched = scheduler->spawn(scheduler, "settings", watch_run, keeper);
    bool is_swept = scheduler->spawn(scheduler, "settings-sweep", sweep_run, keeper);
    if (!is_watched || !is_swept)
        log_message(LOG_ERROR, "there is no fiber for settings of buckets");
}

void keeper_stop(struct settings_keeper *keeper)
{
    if (keeper->journal == NULL)
        return;
    keeper->journal = NULL;
    keeper->was_known = false;
    begin_epoch(keeper);
    journal_bucket_close(keeper->documents);
    settings_sweep_free(&keeper->sweep);
}
