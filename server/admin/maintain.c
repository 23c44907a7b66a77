/* server/admin/maintain.c -- /maintain: jobs are begun, looked at, stopped. */
#include "server/admin/maintain.h"

#include "runtime/base/decimal.h"
#include "server/admin/document.h"
#include "server/maintenance/jobs.h"
#include "server/maintenance/report.h"

#include <stdlib.h>

enum { PIECE_BYTES = 16 << 10 };

static void add_job(struct json_object *document, const struct maintenance_jobs *jobs)
{
    admin_add_text(document, "job", span_from_string(jobs->job));
    admin_add_text(document, "policy", span_from_string(jobs->request->name));
    admin_add_number(document, "began_ms", (uint64_t)jobs->began_ms);
    if (jobs->ended_ms != 0)
        admin_add_number(document, "ended_ms", (uint64_t)jobs->ended_ms);
    admin_add_flag(document, "has_begun", jobs->maintenance->has_begun);
    admin_add_flag(document, "is_bucket", jobs->is_bucket);
    admin_add_number(document, "log_lost", jobs->log_lost);
    if (jobs->state == MAINTENANCE_STOPPED || jobs->state == MAINTENANCE_FAILED)
        admin_add_text(document, "error", span_from_string(jobs->error.message));
    json_object_object_add(document, "sums", maintenance_document(jobs->maintenance, jobs->state == MAINTENANCE_DONE));
}

SUSPENDS void admin_answer_maintain(struct http_exchange *exchange, const struct admin_view *view)
{
    const struct maintenance_jobs *jobs = view->maintenance;
    struct json_object *document = json_object_new_object();
    admin_add_text(document, "state", span_from_string(maintenance_state_name(jobs->state)));
    admin_add_flag(document, "may_change", admin_may_change(exchange, view));
    if (jobs->state != MAINTENANCE_NONE)
        add_job(document, jobs);
    admin_answer_document(exchange, 200, document);
}

/* ---- POST ---- */

SUSPENDS static bool read_body(struct http_exchange *exchange, struct buffer *ret_body, struct error *error)
{
    size_t size;
    buffer_init(ret_body, MAINTENANCE_REQUEST_BYTES_MAX);
    do {
        if (!buffer_reserve(ret_body, PIECE_BYTES))
            return error_set(error, ERROR_INVALID, NULL, "the request has more than %d bytes",
                             MAINTENANCE_REQUEST_BYTES_MAX - PIECE_BYTES);
        if (!http_body_read(exchange, ret_body->data + ret_body->size, PIECE_BYTES, &size, error))
            return false;
        ret_body->size += size;
    } while (size > 0);
    return true;
}

SUSPENDS static bool begin(struct http_exchange *exchange, struct maintenance_jobs *jobs, struct error *error)
{
    struct buffer body;
    struct maintenance_request *request = malloc(sizeof *request); /* large */
    if (request == NULL)
        return error_set(error, ERROR_BUSY, NULL, "no memory");
    bool done = read_body(exchange, &body, error) && maintenance_request_read(buffer_span(&body), request, error);
    buffer_free(&body);
    if (!done)
        free(request);
    return done && maintenance_jobs_begin(jobs, request, error);
}

SUSPENDS static void answer_log(struct http_exchange *exchange, struct maintenance_jobs *jobs)
{
    struct span job;
    struct span text;
    struct span lines;
    uint64_t from;
    if (!admin_find_parameter(exchange, "job", &job) || !admin_find_parameter(exchange, "from", &text) ||
        !decimal_parse(text, &from)) {
        admin_refuse(exchange, 400, "of which job, and from which byte? job=JOB&from=N");
        return;
    }
    if (!maintenance_jobs_read_log(jobs, job, from, &from, &lines)) {
        admin_refuse(exchange, 404, "it is not the last job of this process: what was left of its log has gone");
        return;
    }
    struct json_object *document = json_object_new_object();
    admin_add_number(document, "from", from);
    admin_add_text(document, "lines", lines);
    admin_answer_document(exchange, 200, document);
}

SUSPENDS static void answer_stop(struct http_exchange *exchange, const struct admin_view *view)
{
    struct span job;
    if (!admin_find_parameter(exchange, "job", &job))
        admin_refuse(exchange, 400, "which job? job=JOB");
    else if (!maintenance_jobs_ask_to_stop(view->maintenance, job))
        admin_refuse(exchange, 404, "no such job runs");
    else
        admin_answer_maintain(exchange, view);
}

SUSPENDS static void answer_begin(struct http_exchange *exchange, const struct admin_view *view)
{
    struct error error;
    if (begin(exchange, view->maintenance, &error))
        admin_answer_maintain(exchange, view);
    else
        admin_refuse_error(exchange, &error);
}

SUSPENDS bool admin_change_maintain(struct http_exchange *exchange, const struct admin_view *view)
{
    struct span path = exchange->head->path;
    bool begins = span_equal(path, SPAN("/maintain/begin"));
    bool stops = span_equal(path, SPAN("/maintain/stop"));
    if (!begins && !stops && !span_equal(path, SPAN("/maintain/log")))
        return false;
    if (!span_equal(exchange->head->method, SPAN("POST")))
        admin_refuse(exchange, 405, "this changes something: POST");
    else if (!admin_may_change(exchange, view))
        admin_refuse_stranger(exchange);
    else if (begins)
        answer_begin(exchange, view);
    else if (stops)
        answer_stop(exchange, view);
    else
        answer_log(exchange, view->maintenance);
    return true;
}
