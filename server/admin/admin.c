/* server/admin/admin.c -- the routes of the admin listener. */
#include "server/admin/admin.h"

#include "journal/report/report.h"
#include "runtime/base/assert.h"
#include "server/admin/dictionaries.h"
#include "server/admin/fleet.h"
#include "server/admin/lifecycle.h"
#include "server/admin/maintain.h"
#include "server/admin/tier.h"
#include "server/keys/keyring.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

enum { METRICS_BYTES_MAX = 4 << 20 };

static void answer(struct http_exchange *exchange, int status, const char *type, struct span body)
{
    struct error error;
    http_response_begin(exchange, status);
    http_response_field_string(exchange, "Content-Type", type);
    if (status == 405)
        http_response_field_string(exchange, "Allow", "GET, HEAD");
    (void)http_response_finish(exchange, body, &error); /* whoever asked has gone: nobody is left to be told */
}

static void answer_text(struct http_exchange *exchange, int status, const char *text)
{
    answer(exchange, status, "text/plain; charset=utf-8", span_from_string(text));
}

static void answer_metrics(struct http_exchange *exchange, const struct admin_view *view)
{
    struct buffer page;
    buffer_init(&page, METRICS_BYTES_MAX);
    admin_write_metrics(view, &page);
    answer(exchange, 200, "text/plain; version=0.0.4; charset=utf-8", buffer_span(&page));
    buffer_free(&page);
}

/* Without a keyring nobody knows of which key: that one is needed is seen by what was refused. */
static bool misses_keyring(const struct admin_view *view)
{
    uint64_t refused = 0;
    for (unsigned i = 0; i < view->shards_count && view->keyring == NULL; i++)
        refused += metric_read(&view->shards[i].object->seals_refused);
    return refused > 0;
}

/* What wants an operator, although requests are served: the sentence. */
static bool warns(const struct admin_view *view, struct error *reason)
{
    uint8_t missing[SEAL_KEY_ID_BYTES];
    char id[KEYRING_ID_TEXT_BYTES];
    const struct backend_operations *operations = view->backend->operations;
    if (operations->warns != NULL && operations->warns(view->backend, reason))
        return true;
    if (view->backend->misses_journal)
        return !error_set(reason, ERROR_UNSUPPORTED, NULL, "%s", view->backend->no_journal);
    if (view->journal != NULL && !journal_service_is_well(view->journal, reason))
        return true;
    if (misses_keyring(view))
        return !error_set(reason, ERROR_UNSUPPORTED, NULL, "objects are encrypted, and there is no --keyring");
    if (view->keyring == NULL || !keyring_missing(view->keyring, missing))
        return false;
    keyring_id_format(missing, id);
    return !error_set(reason, ERROR_UNSUPPORTED, NULL, "objects need the key %s, which the keyring does not have", id);
}

static void answer_ready(struct http_exchange *exchange, const struct admin_view *view)
{
    struct error reason;
    char text[ERROR_MESSAGE_BYTES + 16];
    if (!atomic_load_explicit(view->is_ready, memory_order_acquire)) {
        answer_text(exchange, 503, "draining\n");
    } else if (!view->backend->operations->is_ready(view->backend, &reason)) {
        (void)snprintf(text, sizeof text, "%s\n", reason.message);
        answer_text(exchange, 503, text);
    } else if (warns(view, &reason)) {
        (void)snprintf(text, sizeof text, "ready\n%s\n", reason.message);
        answer_text(exchange, 200, text);
    } else {
        answer_text(exchange, 200, "ready\n");
    }
}

/* Takes the text over. */
static void answer_json(struct http_exchange *exchange, struct buffer *json)
{
    answer(exchange, 200, "application/json", buffer_span(json));
    buffer_free(json);
}

/* There is none, and there will be none. */
static void answer_missing(struct http_exchange *exchange, const char *reason)
{
    char text[ERROR_MESSAGE_BYTES + 2];
    (void)snprintf(text, sizeof text, "%s\n", reason);
    answer_text(exchange, 404, text);
}

static void answer_unavailable(struct http_exchange *exchange, const char *reason)
{
    char text[ERROR_MESSAGE_BYTES + 2];
    (void)snprintf(text, sizeof text, "%s\n", reason);
    answer_text(exchange, 503, text);
}

SUSPENDS static void answer_savings(struct http_exchange *exchange, const struct admin_view *view)
{
    struct savings savings;
    struct error error;
    struct buffer json;
    if (view->journal == NULL || view->backend->spool == NULL) {
        answer_missing(exchange, view->journal == NULL ? view->backend->no_journal : "this backend has no ledger");
        return;
    }
    if (!journal_service_savings(view->journal, UINT_MAX, &savings, &error)) {
        answer_unavailable(exchange, error.message);
        return;
    }
    buffer_init(&json, 0);
    savings_put_json(&savings, &json);
    savings_free(&savings);
    answer_json(exchange, &json);
}

static void answer_journal(struct http_exchange *exchange, const struct admin_view *view)
{
    struct error reason;
    if (view->journal == NULL) {
        answer_missing(exchange, view->backend->no_journal);
        return;
    }
    if (view->journal->journal == NULL) {
        bool is_well = journal_service_is_well(view->journal, &reason);
        answer_unavailable(exchange, is_well ? "the journal has not been opened yet" : reason.message);
        return;
    }
    struct journal_report *report = calloc(1, sizeof *report); /* large: a head is in it */
    struct buffer json;
    ASSERT(report != NULL);
    buffer_init(&json, 0);
    report_of_journal(view->journal->journal, view->journal->spool, report);
    report_put_json(report, &json);
    report_free(report);
    free(report);
    answer_json(exchange, &json);
}

/* ---- routes ---- */

static void answer_health(struct http_exchange *exchange, const struct admin_view *view)
{
    (void)view;
    answer_text(exchange, 200, "alive\n");
}

static void answer_index(struct http_exchange *exchange, const struct admin_view *view);

static const struct admin_route {
    const char *path;
    void (*answer)(struct http_exchange *exchange, const struct admin_view *view);
    const char *purpose;
} ROUTES[] = {
    {"/", answer_index, "this page"},
    {"/health", answer_health, "200 as long as the process turns its loop: for whoever restarts it"},
    {"/ready", answer_ready,
     "200 while requests are taken, 503 and the reason when not: for a load balancer. A second line says what is wrong "
     "with the journal, which stops no request"},
    {"/metrics", answer_metrics, "counters and gauges for Prometheus"},
    {"/savings", answer_savings,
     "what every bucket holds, and what is stored of it, as of now: JSON, as `bale savings --json` prints it"},
    {"/journal", answer_journal,
     "how the journal stands on which the savings are kept: JSON, as `bale journal --json` prints it"},
    {"/fleet", admin_answer_fleet,
     "who serves this bucket beside this process, and how each does: JSON, as `bale fleet --json` prints it, or a "
     "table "
     "for whoever accepts text/plain"},
    {"/dict", admin_answer_dictionaries,
     "which dictionaries new objects are compressed with, and how they fare: JSON, as `bale dict list --json` prints "
     "it"},
    {"/lifecycle", admin_answer_lifecycle,
     "what the lifecycle rules of buckets have done, and will: JSON, as `bale lifecycle --json` prints it"},
    {"/tier", admin_answer_tier,
     "what the tier before the bucket holds, and what came from there: JSON, as `bale tier --json` prints it"},
    {"/maintain", admin_answer_maintain,
     "what the run of `bale maintain` in this process does, or has done: JSON, with its sums as --format json prints "
     "them"},
    {"/lifecycle/explain", admin_answer_lifecycle_explain,
     "why they leave an object alone, or not: JSON, of bucket=NAME, key=TEXT and perhaps version=ID in the query"},
    {"/lifecycle/native", admin_answer_lifecycle_native,
     "the rules of a bucket as the backend's own bucket could have them: JSON, of bucket=NAME in the query"},
};
enum { ROUTES_COUNT = sizeof ROUTES / sizeof ROUTES[0] };

/* ---- the page that leads to the others: text for curl, HTML for browsers ---- */

/* Of the two forms, is HTML named first? Whoever names neither gets text. */
static bool wants_html(const struct http_head *head)
{
    struct span rest = SPAN_EMPTY;
    (void)http_head_find(head, "accept", &rest);
    while (rest.size > 0) {
        size_t end = span_find(rest, ',');
        struct span range = span_take(rest, end);
        struct span type = span_trim(span_take(range, span_find(range, ';')));
        if (span_equal_ignore_case(type, SPAN("text/html")))
            return true;
        if (span_equal_ignore_case(type, SPAN("text/plain")))
            return false;
        rest = end == SIZE_MAX ? SPAN_EMPTY : span_skip(rest, end + 1);
    }
    return false;
}

static void write_text(struct buffer *page)
{
    buffer_append_string(page, "baled " BALE_VERSION ", the admin listener. Reading these changes nothing.\n\n");
    for (unsigned i = 0; i < ROUTES_COUNT; i++)
        buffer_append_format(page, "%-18s %s\n", ROUTES[i].path, ROUTES[i].purpose);
}

static void write_html(struct buffer *page)
{
    buffer_append_string(page,
                         "<!DOCTYPE html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n<title>baled</title>\n"
                         "<style>body { font: 1em/1.5 sans-serif; max-width: 50em; margin: 2em auto; padding: 0 1em } "
                         "dd { margin: 0 0 .7em 2em }</style>\n"
                         "<h1>baled " BALE_VERSION "</h1>\n<p>The admin listener. Reading these changes nothing.</p>\n"
                         "<dl>\n");
    for (unsigned i = 0; i < ROUTES_COUNT; i++)
        buffer_append_format(page, "<dt><a href=\"%s\">%s</a></dt>\n<dd>%s</dd>\n", ROUTES[i].path, ROUTES[i].path,
                             ROUTES[i].purpose);
    buffer_append_string(page, "</dl>\n</html>\n");
}

static void answer_index(struct http_exchange *exchange, const struct admin_view *view)
{
    (void)view;
    struct error error;
    struct buffer page;
    bool is_html = wants_html(exchange->head);
    buffer_init(&page, 0);
    if (is_html)
        write_html(&page);
    else
        write_text(&page);
    http_response_begin(exchange, 200);
    http_response_field_string(exchange, "Content-Type",
                               is_html ? "text/html; charset=utf-8" : "text/plain; charset=utf-8");
    http_response_field_string(exchange, "Vary", "Accept");
    (void)http_response_finish(exchange, buffer_span(&page), &error); /* as above */
    buffer_free(&page);
}

void admin_handle(struct http_exchange *exchange, void *context)
{
    const struct admin_view *view = context;
    struct span method = exchange->head->method;
    bool is_read = span_equal(method, SPAN("GET")) || span_equal(method, SPAN("HEAD"));
    for (unsigned i = 0; i < ROUTES_COUNT; i++) {
        if (!span_equal(exchange->head->path, span_from_string(ROUTES[i].path)))
            continue;
        if (is_read)
            ROUTES[i].answer(exchange, view);
        else
            answer_text(exchange, 405, "this can only be read\n");
        return;
    }
    if (!admin_change_dictionaries(exchange, view) && !admin_change_lifecycle(exchange, view) &&
        !admin_change_tier(exchange, view) && !admin_change_maintain(exchange, view))
        answer_text(exchange, 404, "there is no such page; / lists those that are here\n");
}
