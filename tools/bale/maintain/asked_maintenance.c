/* tools/bale/maintain/asked_maintenance.c -- begins a job, asks how far it is until it is over. */
#include "tools/bale/maintain/asked_maintenance.h"

#include "runtime/base/read_file.h"
#include "server/maintenance/jobs.h"
#include "server/maintenance/report.h"
#include "tools/bale/session/stopping.h"
#include "tools/bale/view/answer_view.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <time.h>

enum { LOOK_MS_FIRST = 50, LOOK_MS_MOST = 1000, REQUEST_BYTES = 128 };

bool asked_maintenance_find(const struct control_place *place, bool *ret_is_served, struct error *error)
{
    struct json_object *answer = control_call(place, "GET", SPAN("/maintain"), error);
    *ret_is_served = answer != NULL;
    if (answer == NULL) /* whoever names a socket means a server */
        return place->socket == NULL && (error->kind == ERROR_NOT_FOUND || error->kind == ERROR_CLOSED);
    bool may_change = answer_flag(answer, "may_change");
    json_object_put(answer);
    if (may_change)
        return true;
    /* the port is another server's by now: the file was left by one that is gone */
    *ret_is_served = false;
    return place->socket == NULL ||
           error_set(error, ERROR_DENIED, NULL, "%s: be the user of the server, or root", place->socket);
}

/* ---- beginning ---- */

static bool add_file(struct json_object *document, const char *name, const char *path, struct error *error)
{
    struct buffer bytes;
    if (!read_file(path, INI_FILE_BYTES_MAX, &bytes, error))
        return false;
    json_object_object_add(document, name, json_object_new_string_len((const char *)bytes.data, (int)bytes.size));
    buffer_free(&bytes);
    return true;
}

static bool describe(const struct asked_maintenance *asked, const struct maintenance_settings *settings,
                     struct json_object *document, struct error *error)
{
    static const char *const COLUMNS[] = {
        [CONFIG_COLUMNS_AUTO] = "auto", [CONFIG_COLUMNS_ON] = "on", [CONFIG_COLUMNS_OFF] = "off"};
    json_object_object_add(document, "policy_name", json_object_new_string(asked->policy));
    json_object_object_add(document, "execute", json_object_new_boolean(settings->executes));
    json_object_object_add(document, "force", json_object_new_boolean(settings->is_forced));
    json_object_object_add(document, "log", json_object_new_boolean(asked->log != NULL));
    json_object_object_add(document, "zstd_level", json_object_new_int(settings->level));
    if (settings->pace > 0)
        json_object_object_add(document, "pace", json_object_new_int64((int64_t)settings->pace));
    json_object_object_add(document, "columns", json_object_new_string(COLUMNS[settings->columns]));
    return add_file(document, "policy", asked->policy, error) &&
           (asked->prices == NULL || add_file(document, "prices", asked->prices, error));
}

static bool begin(const struct asked_maintenance *asked, const struct maintenance_settings *settings,
                  char ret_job[MAINTENANCE_JOB_BYTES], struct error *error)
{
    struct json_object *document = json_object_new_object();
    struct json_object *answer = NULL;
    if (describe(asked, settings, document, error))
        answer =
            control_send(&asked->place, SPAN("/maintain/begin"),
                         span_from_string(json_object_to_json_string_ext(document, JSON_C_TO_STRING_PLAIN)), error);
    json_object_put(document);
    if (answer == NULL)
        return false;
    int size = snprintf(ret_job, MAINTENANCE_JOB_BYTES, "%s", answer_text(answer, "job"));
    json_object_put(answer);
    return (size > 0 && size < MAINTENANCE_JOB_BYTES) ||
           error_set(error, ERROR_UNSUPPORTED, NULL, "the server does not say which job it has begun: is it older?");
}

/* ---- watching ---- */

static void ask_to_stop(const struct asked_maintenance *asked, const char *job)
{
    struct error ignored; /* it may be over by now */
    char request[REQUEST_BYTES];
    (void)snprintf(request, sizeof request, "/maintain/stop?job=%s", job);
    json_object_put(control_call(&asked->place, "POST", span_from_string(request), &ignored));
}

/* Lines that have come since. */
static bool fetch_log(struct asked_maintenance *asked, const char *job, uint64_t *position, struct error *error)
{
    struct json_object *lines;
    char request[REQUEST_BYTES];
    if (asked->log == NULL)
        return true;
    (void)snprintf(request, sizeof request, "/maintain/log?job=%s&from=%" PRIu64, job, *position);
    struct json_object *answer = control_call(&asked->place, "POST", span_from_string(request), error);
    if (answer == NULL)
        return false;
    bool done = true;
    if (json_object_object_get_ex(answer, "lines", &lines)) {
        size_t size = (size_t)json_object_get_string_len(lines);
        done = fwrite(json_object_get_string(lines), 1, size, asked->log) == size && fflush(asked->log) == 0;
        *position = (uint64_t)answer_number(answer, "from") + size;
    }
    json_object_put(answer);
    return done || error_set_errno(error, errno, "the log");
}

static bool has_ended(struct json_object *answer)
{
    return strcmp(answer_text(answer, "state"), "runs") != 0;
}

/* What came of it. */
static bool conclude(struct maintenance *maintenance, struct json_object *answer, struct error *error)
{
    const char *state = answer_text(answer, "state");
    if (answer_number(answer, "log_lost") > 0)
        (void)fprintf(stderr, "bale maintain: the log lacks %" PRId64 " lines\n", answer_number(answer, "log_lost"));
    maintenance->has_begun = answer_flag(answer, "has_begun");
    maintenance->settings.is_bucket = answer_flag(answer, "is_bucket"); /* whatever --backend was given here */
    if (strcmp(state, "done") == 0)
        return true;
    return error_set(error, strcmp(state, "stopped") == 0 ? ERROR_CANCELLED : ERROR_IO, NULL, "%s",
                     answer_text(answer, "error"));
}

/* One look. *ret_ended: it is over, and *ret_done is how. */
static bool look(struct asked_maintenance *asked, struct maintenance *maintenance, const char *job,
                 uint64_t *log_position, bool *ret_ended, bool *ret_done, struct error *error)
{
    struct json_object *answer = control_call(&asked->place, "GET", SPAN("/maintain"), error);
    if (answer == NULL)
        return error->kind == ERROR_CLOSED
                   ? error_set(error, ERROR_CANCELLED, NULL,
                               "the server has gone: what was done stands, and the next run goes on")
                   : false;
    if (strcmp(answer_text(answer, "job"), job) != 0) {
        json_object_put(answer);
        return error_set(
            error, ERROR_CANCELLED, NULL,
            "the server was started anew, or does another job by now: what was done stands, and the next run "
            "goes on");
    }
    *ret_ended = has_ended(answer);
    maintenance_take_document(maintenance, answer_member(answer, "sums"));
    progress_show(&asked->progress, maintenance->objects);
    bool done = fetch_log(asked, job, log_position, error);
    if (done && *ret_ended)
        *ret_done = conclude(maintenance, answer, error);
    json_object_put(answer);
    return done;
}

static bool watch(struct asked_maintenance *asked, struct maintenance *maintenance, const char *job,
                  struct error *error)
{
    uint64_t log_position = 0;
    uint64_t pause_ms = LOOK_MS_FIRST;
    bool has_ended = false;
    bool is_stopped = false;
    bool done = false;
    while (!has_ended) {
        if (!is_stopped && !stopping_wait(pause_ms)) {
            is_stopped = true;
            ask_to_stop(asked, job);
        } else if (is_stopped) {
            const struct timespec pause = {.tv_nsec = (long)LOOK_MS_FIRST * 1000000};
            (void)nanosleep(&pause, NULL);
        }
        if (!look(asked, maintenance, job, &log_position, &has_ended, &done, error))
            return false;
        pause_ms = 2 * pause_ms < LOOK_MS_MOST ? 2 * pause_ms : LOOK_MS_MOST;
    }
    return done;
}

bool asked_maintenance_run(struct asked_maintenance *asked, struct maintenance *maintenance, struct error *error)
{
    char job[MAINTENANCE_JOB_BYTES];
    if (!begin(asked, &maintenance->settings, job, error))
        return false;
    maintenance->has_begun = true;
    progress_begin(&asked->progress, "objects", 0);
    bool done = watch(asked, maintenance, job, error);
    progress_end(&asked->progress);
    return done;
}
