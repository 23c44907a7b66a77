/* server/admin/admin.c -- the routes of the admin listener. */
#include "server/admin/admin.h"

#include "s3client/embedded/embedded.h"

#include <stdio.h>

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

static void answer_ready(struct http_exchange *exchange, const struct admin_view *view)
{
    struct error reason;
    char text[ERROR_MESSAGE_BYTES + 2];
    if (!atomic_load_explicit(view->is_ready, memory_order_acquire)) {
        answer_text(exchange, 503, "draining\n");
    } else if (!embedded_is_ready(view->store, &reason)) {
        (void)snprintf(text, sizeof text, "%s\n", reason.message);
        answer_text(exchange, 503, text);
    } else {
        answer_text(exchange, 200, "ready\n");
    }
}

void admin_handle(struct http_exchange *exchange, void *context)
{
    const struct admin_view *view = context;
    struct span method = exchange->head->method;
    struct span path = exchange->head->path;
    bool is_read = span_equal(method, SPAN("GET")) || span_equal(method, SPAN("HEAD"));
    bool is_health = span_equal(path, SPAN("/health"));
    bool is_ready = span_equal(path, SPAN("/ready"));
    bool is_metrics = span_equal(path, SPAN("/metrics"));

    if (!is_health && !is_ready && !is_metrics)
        answer_text(exchange, 404, "there are /health, /ready and /metrics\n");
    else if (!is_read)
        answer_text(exchange, 405, "this can only be read\n");
    else if (is_health)
        answer_text(exchange, 200, "alive\n");
    else if (is_metrics)
        answer_metrics(exchange, view);
    else
        answer_ready(exchange, view);
}
