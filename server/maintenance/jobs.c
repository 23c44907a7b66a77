/* server/maintenance/jobs.c -- a fiber, and what others see of it. */
#include "server/maintenance/jobs.h"

#include "runtime/base/assert.h"
#include "runtime/base/random.h"
#include "runtime/fiber/loop.h"
#include "runtime/log/log.h"
#include "server/keys/keyring.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { JOB_RANDOM_BITS = 48 };

const char *maintenance_state_name(enum maintenance_state state)
{
    static const char *const NAMES[] = {[MAINTENANCE_NONE] = "none",
                                        [MAINTENANCE_RUNS] = "runs",
                                        [MAINTENANCE_DONE] = "done",
                                        [MAINTENANCE_STOPPED] = "stopped",
                                        [MAINTENANCE_FAILED] = "failed"};
    return NAMES[state];
}

static bool is_shared(const struct maintenance_jobs *jobs)
{
    return jobs->store->capabilities.is_shared;
}

/* ---- what the walk asks ---- */

SUSPENDS static bool go_on(void *context, uint64_t objects, struct error *error)
{
    struct maintenance_jobs *jobs = context;
    (void)objects;
    fiber_yield_if_due();
    if (is_shared(jobs) && !maintenance_claim_holds(&jobs->claimant, error))
        return false;
    return (!jobs->is_ending && !jobs->is_asked_to_stop) ||
           error_set(error, ERROR_CANCELLED, NULL, jobs->is_ending ? "the server ends" : "it was asked to stop");
}

static bool has_room(const struct maintenance_jobs *jobs, struct span line)
{
    return jobs->log.size + line.size + 1 <= MAINTENANCE_LOG_BYTES_MAX;
}

/* Waits for the reader, if there is one. */
SUSPENDS static bool note(void *context, struct span line, struct error *error)
{
    struct maintenance_jobs *jobs = context;
    struct error ignored;
    while (!has_room(jobs, line) && !jobs->is_ending && !jobs->is_asked_to_stop && loop_now_ns() < jobs->log_until_ns) {
        if (!wait_for(&jobs->log_read, jobs->log_until_ns, &ignored) && ignored.kind == ERROR_CANCELLED)
            return error_set(error, ERROR_CANCELLED, NULL, "the server ends");
    }
    if (!has_room(jobs, line)) {
        jobs->log_lost++;
        return true;
    }
    buffer_append(&jobs->log, line);
    buffer_append_byte(&jobs->log, '\n');
    return true;
}

/* ---- its life ---- */

static void end(struct maintenance_jobs *jobs, bool done, const struct error *error)
{
    if (done)
        jobs->state = MAINTENANCE_DONE;
    else if (error->kind == ERROR_CANCELLED)
        jobs->state = MAINTENANCE_STOPPED;
    else
        jobs->state = MAINTENANCE_FAILED;
    if (!done)
        jobs->error = *error;
    jobs->ended_ms = loop_wall_ms();
    jobs->former.ended[jobs->state]++;
    log_message(done ? LOG_INFO : LOG_WARNING, "maintain: job %s (%s) is over after %" PRIu64 " objects%s%s", jobs->job,
                jobs->request->name, jobs->maintenance->objects, done ? "" : ": ", done ? "" : error->message);
    jobs->fiber = NULL;
    wait_wake_all(&jobs->ended);
}

SUSPENDS static void run(void *argument)
{
    struct maintenance_jobs *jobs = argument;
    struct error error = {0};
    jobs->fiber = fiber_current();
    bool done = maintenance_run(jobs->store, jobs->maintenance, &error);
    if (is_shared(jobs))
        maintenance_claim_give_back(&jobs->claimant);
    end(jobs, done, &error);
}

void maintenance_jobs_sum_up(const struct maintenance_jobs *jobs, struct maintenance_totals *ret_totals)
{
    const struct maintenance *last = jobs->maintenance;
    *ret_totals = jobs->former;
    if (last == NULL)
        return;
    ret_totals->objects += last->objects;
    for (unsigned i = 0; last->settings.executes && i < last->policy->count; i++) {
        ret_totals->before += last->sums[i].before;
        ret_totals->after += last->sums[i].after;
    }
    for (unsigned outcome = 0; last->settings.executes && outcome < OUTCOMES; outcome++)
        ret_totals->outcomes[outcome] += maintenance_count(last, outcome);
}

static void forget_last(struct maintenance_jobs *jobs)
{
    struct maintenance_totals totals;
    maintenance_jobs_sum_up(jobs, &totals);
    jobs->former = totals;
    free(jobs->maintenance);
    jobs->maintenance = NULL;
    if (jobs->request != NULL)
        maintenance_request_free(jobs->request);
    free(jobs->request);
    jobs->request = NULL;
    buffer_clear(&jobs->log);
    jobs->log_first = 0;
    jobs->log_lost = 0;
}

static struct maintenance *prepare(struct maintenance_jobs *jobs)
{
    struct maintenance *maintenance = calloc(1, sizeof *maintenance); /* too large for a fiber's stack */
    const struct maintenance_request *request = jobs->request;
    ASSERT(maintenance != NULL);
    maintenance->settings = (struct maintenance_settings){.executes = request->executes,
                                                          .is_forced = request->is_forced,
                                                          .is_bucket = jobs->is_bucket,
                                                          .level = request->level,
                                                          .pace = request->pace,
                                                          .columns = request->columns,
                                                          .keyring = jobs->keyring};
    maintenance->policy = &request->policy;
    maintenance->prices = &request->prices;
    maintenance->watcher =
        (struct maintenance_watcher){.go_on = go_on, .note = request->is_logged ? note : NULL, .context = jobs};
    return maintenance;
}

void maintenance_jobs_init(struct maintenance_jobs *jobs)
{
    wait_queue_init(&jobs->ended);
    wait_queue_init(&jobs->log_read);
    buffer_init(&jobs->log, 0);
}

static bool may_begin(const struct maintenance_jobs *jobs, const struct policy *policy, struct error *error)
{
    bool has_keys = jobs->keyring != NULL && keyring_active(jobs->keyring) != NULL;
    if (jobs->refusal != NULL)
        return error_set(error, ERROR_UNSUPPORTED, NULL, "%s", jobs->refusal);
    if (jobs->is_ending)
        return error_set(error, ERROR_BUSY, NULL, "the server ends");
    if (jobs->is_beginning)
        return error_set(error, ERROR_CONFLICT, NULL, "another job is about to begin: one at a time");
    if (policy_encrypts(policy) && !has_keys)
        return error_set(error, ERROR_INVALID, NULL, "encrypt needs a server with a --keyring that has an active key");
    return jobs->state != MAINTENANCE_RUNS ||
           error_set(error, ERROR_CONFLICT, NULL, "job %s runs already, by the policy %s: one at a time", jobs->job,
                     jobs->request->name);
}

/* By the time at which it began, and what nobody else has drawn. */
static void name_job(struct maintenance_jobs *jobs)
{
    struct tm parts;
    char moment[sizeof "20261130T194512Z"];
    time_t seconds = (time_t)(jobs->began_ms / 1000);
    if (gmtime_r(&seconds, &parts) == NULL || strftime(moment, sizeof moment, "%Y%m%dT%H%M%SZ", &parts) == 0)
        moment[0] = '\0';
    (void)snprintf(jobs->job, sizeof jobs->job, "%s-%012" PRIx64, moment,
                   random_u64(random_system()) >> (64 - JOB_RANDOM_BITS));
}

/* In the place of the last one. */
static bool launch(struct maintenance_jobs *jobs, struct maintenance_request *request, struct error *error)
{
    forget_last(jobs);
    jobs->request = request;
    jobs->maintenance = prepare(jobs);
    jobs->began_ms = loop_wall_ms();
    jobs->ended_ms = 0;
    jobs->is_asked_to_stop = false;
    jobs->log_until_ns = deadline_after_ms(MAINTENANCE_LOG_WAIT_MS);
    jobs->state = MAINTENANCE_RUNS;
    name_job(jobs);
    log_message(LOG_INFO, "maintain: job %s begins, by the policy %s%s", jobs->job, request->name,
                request->executes ? "" : ", and writes nothing");
    if (fiber_spawn("maintain", run, jobs, error))
        return true;
    end(jobs, false, error);
    return false;
}

/* Of a fleet's one. The process may come to its end meanwhile. */
SUSPENDS static bool take_claim(struct maintenance_jobs *jobs, const struct maintenance_request *request,
                                struct error *error)
{
    if (!is_shared(jobs))
        return true;
    jobs->is_beginning = true;
    bool done = maintenance_claim_take(&jobs->claimant, request->name, error);
    if (done && jobs->is_ending) {
        maintenance_claim_give_back(&jobs->claimant);
        done = may_begin(jobs, &request->policy, error);
    }
    jobs->is_beginning = false;
    wait_wake_all(&jobs->ended);
    return done;
}

/* No fiber was free for the job. The claim is one thing: nobody takes it anew while it is given back, and the process
 * does not end. */
SUSPENDS static void give_up_claim(struct maintenance_jobs *jobs)
{
    if (!is_shared(jobs))
        return;
    jobs->is_beginning = true;
    maintenance_claim_give_back(&jobs->claimant);
    jobs->is_beginning = false;
    wait_wake_all(&jobs->ended);
}

SUSPENDS bool maintenance_jobs_begin(struct maintenance_jobs *jobs, struct maintenance_request *request,
                                     struct error *error)
{
    if (!may_begin(jobs, &request->policy, error) || !take_claim(jobs, request, error)) {
        maintenance_request_free(request);
        free(request);
        return false;
    }
    if (launch(jobs, request, error))
        return true;
    give_up_claim(jobs);
    return false;
}

static bool is_job(const struct maintenance_jobs *jobs, struct span job)
{
    return span_equal(job, span_from_string(jobs->job));
}

bool maintenance_jobs_ask_to_stop(struct maintenance_jobs *jobs, struct span job)
{
    if (jobs->state != MAINTENANCE_RUNS || !is_job(jobs, job))
        return false;
    jobs->is_asked_to_stop = true;
    wait_wake_all(&jobs->log_read);
    return true;
}

bool maintenance_jobs_read_log(struct maintenance_jobs *jobs, struct span job, uint64_t from, uint64_t *ret_from,
                               struct span *ret_lines)
{
    if (jobs->state == MAINTENANCE_NONE || !is_job(jobs, job))
        return false;
    uint64_t read = from > jobs->log_first ? from - jobs->log_first : 0;
    read = read < jobs->log.size ? read : jobs->log.size;
    if (read > 0) {
        memmove(jobs->log.data, jobs->log.data + read, jobs->log.size - read);
        jobs->log.size -= read;
        jobs->log_first += read;
    }
    jobs->log_until_ns = deadline_after_ms(MAINTENANCE_LOG_WAIT_MS);
    wait_wake_all(&jobs->log_read);
    *ret_from = jobs->log_first;
    *ret_lines = buffer_span(&jobs->log);
    return true;
}

static bool is_busy(const struct maintenance_jobs *jobs)
{
    return jobs->is_beginning || jobs->state == MAINTENANCE_RUNS;
}

SUSPENDS void maintenance_jobs_stop(struct maintenance_jobs *jobs, deadline_t deadline)
{
    struct error ignored;
    jobs->is_ending = true;
    wait_wake_all(&jobs->log_read);
    while (is_busy(jobs) && wait_for(&jobs->ended, deadline, &ignored))
        ;
    if (jobs->fiber != NULL)
        fiber_cancel(jobs->fiber);
    while (is_busy(jobs)) {
        if (!wait_for(&jobs->ended, DEADLINE_NONE, &ignored))
            fiber_yield(); /* it is cancelled, and must wait all the same */
    }
}

void maintenance_jobs_free(struct maintenance_jobs *jobs)
{
    forget_last(jobs);
    buffer_free(&jobs->log);
}
