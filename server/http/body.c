/* server/http/body.c -- the body of a request: first what came with the head, then what the stream brings. */
#include "runtime/base/assert.h"
#include "runtime/fiber/loop.h"
#include "server/http/connection_private.h"

void http_body_begin(struct http_work *work)
{
    const struct http_head *head = &work->head;
    work->body.remaining = head->body_kind == HTTP_BODY_LENGTH ? head->content_length : 0;
    work->body.has_ended =
        head->body_kind == HTTP_BODY_NONE || (head->body_kind == HTTP_BODY_LENGTH && head->content_length == 0);
    work->body.has_failed = false;
    /* An announced body of no bytes counts: botocore, having seen a final answer where it waited for an interim one,
     * misreads the next answer on the connection and hangs. It gets its "100 Continue", or the connection is closed. */
    work->body.is_continue_due = head->expects_continue && head->body_kind != HTTP_BODY_NONE;
    chunked_reader_init(&work->body.chunked);
}

bool http_body_expected(const struct http_exchange *exchange)
{
    const struct http_head *head = exchange->head;
    return head->body_kind == HTTP_BODY_CHUNKED || (head->body_kind == HTTP_BODY_LENGTH && head->content_length > 0);
}

/* At least one byte, straight from the stream. */
SUSPENDS static bool receive(struct http_work *work, void *ret_bytes, size_t capacity, size_t *ret_size,
                             struct error *error)
{
    if (!stream_receive(work->exchange.stream, ret_bytes, capacity, settings_of(work)->progress_ms, ret_size, error)) {
        if (error->kind == ERROR_TIMED_OUT)
            error->code = HTTP_REQUEST_TIMEOUT;
        return false;
    }
    if (*ret_size == 0)
        return error_set(error, ERROR_INVALID, HTTP_INCOMPLETE_BODY,
                         "The connection was closed before the body's end.");
    return true;
}

/* Behind the head, which must stay where it is. Only when nothing is left there. */
SUSPENDS static bool refill(struct http_work *work, struct error *error)
{
    ASSERT(work->used == work->filled);
    work->used = work->filled = work->head_size;
    size_t received;
    if (!receive(work, work->received + work->filled, sizeof work->received - work->filled, &received, error))
        return false;
    work->filled += received;
    return true;
}

SUSPENDS static bool read_length(struct http_work *work, void *ret_bytes, size_t capacity, size_t *ret_size,
                                 struct error *error)
{
    size_t most = capacity < work->body.remaining ? capacity : (size_t)work->body.remaining;
    struct span here = span_take(http_received(work), most);
    if (here.size > 0) {
        memcpy(ret_bytes, here.data, here.size);
        work->used += here.size;
        *ret_size = here.size;
    } else if (!receive(work, ret_bytes, most, ret_size, error)) {
        return false;
    }
    work->body.remaining -= *ret_size;
    work->body.has_ended = work->body.remaining == 0;
    work->exchange.bytes_in += *ret_size;
    return true;
}

/* One step over bytes that are here; *ret_size stays 0 while they are framing. */
static bool take_chunked(struct http_work *work, void *ret_bytes, size_t capacity, size_t *ret_size,
                         struct error *error)
{
    struct span input = span_take(http_received(work), capacity); /* so that the data fits */
    struct span data;
    size_t size = input.size;
    if (!chunked_reader_feed(&work->body.chunked, &input, &data, error))
        return false;
    work->used += size - input.size;
    work->exchange.bytes_in += size - input.size;
    *ret_size = data.size;
    if (data.size > 0)
        memcpy(ret_bytes, data.data, data.size);
    return true;
}

/* Framing is read into the work's memory; what is data for certain goes straight to where it is wanted. */
SUSPENDS static bool read_chunked(struct http_work *work, void *ret_bytes, size_t capacity, size_t *ret_size,
                                  struct error *error)
{
    struct chunked_reader *reader = &work->body.chunked;
    while (*ret_size == 0 && !chunked_reader_is_done(reader)) {
        uint64_t ahead = chunked_reader_data_ahead(reader);
        if (work->used < work->filled) {
            if (!take_chunked(work, ret_bytes, capacity, ret_size, error))
                return false;
        } else if (ahead > 0) {
            if (!receive(work, ret_bytes, capacity < ahead ? capacity : (size_t)ahead, ret_size, error))
                return false;
            chunked_reader_skip(reader, *ret_size);
            work->exchange.bytes_in += *ret_size;
        } else if (!refill(work, error)) {
            return false;
        }
    }
    work->body.has_ended = *ret_size == 0;
    return true;
}

/* Not to a client that has begun to send already (RFC 9110, section 10.1.1). */
SUSPENDS static bool send_continue(struct http_work *work, struct error *error)
{
    if (!work->body.is_continue_due)
        return true;
    work->body.is_continue_due = false;
    if (work->used < work->filled || work->answer.state > ANSWER_COLLECTING)
        return true;
    const struct span interim = SPAN("HTTP/1.1 100 Continue\r\n\r\n");
    return stream_send(work->exchange.stream, &interim, 1, settings_of(work)->progress_ms, error);
}

SUSPENDS bool http_body_read(struct http_exchange *exchange, void *ret_bytes, size_t capacity, size_t *ret_size,
                             struct error *error)
{
    struct http_work *work = work_of(exchange);
    ASSERT(capacity > 0);
    *ret_size = 0;
    if (work->body.has_failed)
        return error_set(error, ERROR_INVALID, HTTP_INCOMPLETE_BODY, "The body could not be read to its end.");
    bool ok = send_continue(work, error);
    if (ok && work->body.has_ended)
        return true;
    if (ok && work->head.body_kind == HTTP_BODY_CHUNKED)
        ok = read_chunked(work, ret_bytes, capacity, ret_size, error);
    else if (ok)
        ok = read_length(work, ret_bytes, capacity, ret_size, error);
    if (!ok) {
        *ret_size = 0;
        work->body.has_failed = true;
        exchange->must_close = true;
    } else if (*ret_size > 0) {
        exchange->received_ns = clock_monotonic_ns(loop_clock());
    }
    return ok;
}

bool http_body_can_drain(const struct http_work *work)
{
    if (work->body.has_failed)
        return false;
    /* A client that still waits for "100 Continue" may send its body or not: what comes next cannot be told apart. */
    if (work->body.is_continue_due && work->used == work->filled)
        return false;
    if (work->body.has_ended)
        return true;
    return work->head.body_kind == HTTP_BODY_CHUNKED || work->body.remaining <= settings_of(work)->drain_bytes_max;
}

SUSPENDS bool http_body_drain(struct http_work *work)
{
    struct http_server *server = work->connection->server;
    struct error error;
    deadline_t deadline = deadline_after_ms(server->settings.progress_ms);
    uint64_t most = work->exchange.bytes_in + server->settings.drain_bytes_max;
    if (!http_body_can_drain(work))
        return false;
    work->body.is_continue_due = false;
    while (!work->body.has_ended) {
        size_t size;
        if (!http_body_read(&work->exchange, server->discarded, sizeof server->discarded, &size, &error))
            return false;
        if (work->exchange.bytes_in > most || loop_now_ns() > deadline)
            return false;
    }
    return true;
}
