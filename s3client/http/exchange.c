/* s3client/http/exchange.c -- one request and its answer: sending, the head of the final answer, and the body. */
#include "runtime/base/assert.h"
#include "runtime/fiber/loop.h"
#include "s3client/http/http_client_private.h"

#include <stdlib.h>

enum {
    PIECES_PER_SEND = 8,
    INTERIM_ANSWERS_MAX = 16,
    NANOSECONDS_PER_MS = 1000000,
};

static bool fail(struct http_client_exchange *exchange)
{
    exchange->has_failed = true;
    return false;
}

/* ---- sending ---- */

static uint64_t ms_until(deadline_t deadline, uint64_t most_ms)
{
    uint64_t now = loop_now_ns();
    if (deadline == DEADLINE_NONE)
        return most_ms;
    uint64_t left_ms = deadline <= now ? 0 : (deadline - now) / NANOSECONDS_PER_MS + 1;
    return left_ms < most_ms ? left_ms : most_ms;
}

/* Where the sending of head and body has come to. */
struct sending {
    const struct http_client_body *body;
    struct span head; /* what is left of it */
    unsigned next;    /* piece of the body */
    size_t skip;      /* bytes of that piece that have gone */
};

static unsigned gather(const struct sending *sending, struct span pieces[PIECES_PER_SEND])
{
    unsigned count = 0;
    if (sending->head.size > 0)
        pieces[count++] = sending->head;
    for (unsigned i = sending->next; i < sending->body->count && count < PIECES_PER_SEND; i++) {
        pieces[count++] = span_skip(sending->body->pieces[i], i == sending->next ? sending->skip : 0);
    }
    return count;
}

static void advance(struct sending *sending, size_t sent)
{
    size_t of_head = sent < sending->head.size ? sent : sending->head.size;
    sending->head = span_skip(sending->head, of_head);
    sent -= of_head;
    while (sending->next < sending->body->count && sent >= sending->body->pieces[sending->next].size - sending->skip) {
        sent -= sending->body->pieces[sending->next].size - sending->skip;
        sending->next++;
        sending->skip = 0;
    }
    sending->skip += sent;
}

/* Until everything has gone, or the other side has begun to answer. */
SUSPENDS static bool send_rest(struct http_client_exchange *exchange, struct sending *sending, deadline_t deadline,
                               struct error *error)
{
    struct http_client *client = exchange->client;
    while (!exchange->is_request_whole) {
        struct span pieces[PIECES_PER_SEND];
        size_t sent = 0;
        bool is_answered;
        unsigned count = gather(sending, pieces);
        size_t head_before = sending->head.size;
        bool ok = stream_send_watching(exchange->stream, pieces, count,
                                       ms_until(deadline, client->settings.progress_ms), &sent, &is_answered, error);
        exchange->sent_bytes += sent;
        metric_add(&client->counters.bytes_sent, sent > head_before ? sent - head_before : 0);
        advance(sending, sent);
        if (!ok)
            return false;
        if (is_answered)
            return true;
        exchange->is_request_whole = sending->head.size == 0 && sending->next == sending->body->count;
        if (loop_now_ns() >= deadline && !exchange->is_request_whole)
            return error_set(error, ERROR_TIMED_OUT, NULL, "the deadline passed while the body was sent");
    }
    return true;
}

/* ---- the head of the answer ---- */

/* The head is larger than what is received at once: it moves to larger memory, where it is parsed anew. */
static void grow(struct http_client_exchange *exchange)
{
    ASSERT(exchange->capacity >= sizeof exchange->here && exchange->capacity < HTTP_ANSWER_HEAD_BYTES_MAX);
    size_t capacity = exchange->capacity * 2;
    uint8_t *larger = malloc(capacity);
    ASSERT(larger != NULL);
    memcpy(larger, exchange->received, exchange->filled);
    if (exchange->received != exchange->here)
        free(exchange->received);
    exchange->received = larger;
    exchange->capacity = capacity;
}

/* Parsing begins anew each time, so it waits for a line's end. */
SUSPENDS static bool receive_more(struct http_client_exchange *exchange, deadline_t deadline, struct error *error)
{
    size_t received;
    bool has_line;
    do {
        if (exchange->filled == exchange->capacity)
            grow(exchange);
        uint8_t *at = exchange->received + exchange->filled;
        if (!stream_receive(exchange->stream, at, exchange->capacity - exchange->filled, ms_until(deadline, UINT64_MAX),
                            &received, error)) {
            if (error->kind == ERROR_TIMED_OUT)
                (void)error_set(error, ERROR_TIMED_OUT, NULL, "no answer within the time allowed");
            return false;
        }
        if (received == 0)
            return error_set(error, ERROR_CLOSED, NULL, "the connection was closed without an answer");
        exchange->filled += received;
        has_line = memchr(at, '\n', received) != NULL;
    } while (!has_line && exchange->filled < HTTP_ANSWER_HEAD_BYTES_MAX);
    return true;
}

SUSPENDS static bool receive_head(struct http_client_exchange *exchange, bool is_to_head, deadline_t deadline,
                                  struct error *error)
{
    for (;;) {
        size_t size;
        switch (http_answer_head_parse(exchange->rest, is_to_head, &exchange->head, &size, error)) {
        case HTTP_PARSE_DONE:
            exchange->rest = span_skip(exchange->rest, size);
            return true;
        case HTTP_PARSE_FAILED:
            return false;
        case HTTP_PARSE_MORE:
            break;
        }
        /* To the front: an interim answer before it is no longer needed. */
        if (exchange->rest.size < exchange->filled && exchange->rest.size > 0)
            memmove(exchange->received, exchange->rest.data, exchange->rest.size);
        exchange->filled = exchange->rest.size;
        if (!receive_more(exchange, deadline, error))
            return false;
        exchange->rest = span_of(exchange->received, exchange->filled);
    }
}

static void begin_body(struct http_client_exchange *exchange)
{
    exchange->has_ended = exchange->head.body_kind == HTTP_ANSWER_NO_BODY;
    exchange->remaining = exchange->head.body_kind == HTTP_ANSWER_LENGTH ? exchange->head.content_length : 0;
    chunked_reader_init(&exchange->chunked);
}

static deadline_t earlier(deadline_t a, deadline_t b)
{
    return a < b ? a : b;
}

SUSPENDS bool http_client_perform(struct http_client_exchange *exchange, const struct http_client_body *body,
                                  const struct http_client_limits *limits, struct error *error)
{
    struct sending sending = {.body = body, .head = buffer_span(&exchange->request)};
    exchange->sent_bytes = 0;
    exchange->sent_ns = loop_now_ns();
    exchange->is_request_whole = false;
    for (unsigned i = 0; i < INTERIM_ANSWERS_MAX; i++) {
        struct error sending_error;
        bool was_sent = send_rest(exchange, &sending, limits->deadline, &sending_error);
        if (!was_sent && (exchange->sent_bytes == 0 || sending_error.kind != ERROR_CLOSED)) {
            *error = sending_error;
            return fail(exchange);
        }
        /* When the other side has cut the connection in mid-body, its answer may have come before that. */
        deadline_t first_byte = deadline_after_ms(limits->first_byte_ms);
        if (!receive_head(exchange, limits->is_to_head, earlier(first_byte, limits->deadline), error))
            return fail(exchange);
        if (exchange->head.status >= 200) {
            begin_body(exchange);
            return true;
        }
    }
    (void)error_set(error, ERROR_DAMAGED, NULL, "the answer is no HTTP: too many interim answers");
    return fail(exchange);
}

/* ---- the body ---- */

/* At least one byte, straight from the stream; 0 at its end only where the body ends so. */
SUSPENDS static bool receive(struct http_client_exchange *exchange, void *ret_bytes, size_t capacity, uint64_t idle_ms,
                             size_t *ret_size, struct error *error)
{
    if (!stream_receive(exchange->stream, ret_bytes, capacity, idle_ms, ret_size, error)) {
        if (error->kind == ERROR_TIMED_OUT)
            (void)error_set(error, ERROR_TIMED_OUT, NULL, "the answer's body stands still");
        return false;
    }
    if (*ret_size == 0 && exchange->head.body_kind != HTTP_ANSWER_UNTIL_CLOSE)
        return error_set(error, ERROR_CLOSED, NULL, "the connection was closed before the end of the answer's body");
    return true;
}

/* What has come already, or the stream's next bytes, at most `most` of them. */
SUSPENDS static bool read_plain(struct http_client_exchange *exchange, void *ret_bytes, size_t most, uint64_t idle_ms,
                                size_t *ret_size, struct error *error)
{
    struct span here = span_take(exchange->rest, most);
    if (here.size == 0)
        return receive(exchange, ret_bytes, most, idle_ms, ret_size, error);
    memcpy(ret_bytes, here.data, here.size);
    exchange->rest = span_skip(exchange->rest, here.size);
    *ret_size = here.size;
    return true;
}

SUSPENDS static bool read_length(struct http_client_exchange *exchange, void *ret_bytes, size_t capacity,
                                 uint64_t idle_ms, size_t *ret_size, struct error *error)
{
    size_t most = capacity < exchange->remaining ? capacity : (size_t)exchange->remaining;
    if (!read_plain(exchange, ret_bytes, most, idle_ms, ret_size, error))
        return false;
    exchange->remaining -= *ret_size;
    exchange->has_ended = exchange->remaining == 0;
    return true;
}

/* One step over bytes that are here; *ret_size stays 0 while they are framing. */
static bool take_chunked(struct http_client_exchange *exchange, void *ret_bytes, size_t capacity, size_t *ret_size,
                         struct error *error)
{
    struct span input = span_take(exchange->rest, capacity); /* so that the data fits */
    struct span data;
    size_t size = input.size;
    if (!chunked_reader_feed(&exchange->chunked, &input, &data, error))
        return error_set(error, ERROR_DAMAGED, NULL, "the chunked coding of the answer's body is broken");
    exchange->rest = span_skip(exchange->rest, size - input.size);
    *ret_size = data.size;
    if (data.size > 0)
        memcpy(ret_bytes, data.data, data.size);
    return true;
}

/* Framing is read into memory of the exchange; what is data for certain goes straight to where it is wanted. */
SUSPENDS static bool read_chunked(struct http_client_exchange *exchange, void *ret_bytes, size_t capacity,
                                  uint64_t idle_ms, size_t *ret_size, struct error *error)
{
    struct chunked_reader *reader = &exchange->chunked;
    while (*ret_size == 0 && !chunked_reader_is_done(reader)) {
        uint64_t ahead = chunked_reader_data_ahead(reader);
        if (exchange->rest.size > 0) {
            if (!take_chunked(exchange, ret_bytes, capacity, ret_size, error))
                return false;
        } else if (ahead > 0) {
            size_t most = capacity < ahead ? capacity : (size_t)ahead;
            if (!receive(exchange, ret_bytes, most, idle_ms, ret_size, error))
                return false;
            chunked_reader_skip(reader, *ret_size);
        } else {
            size_t size;
            if (!receive(exchange, exchange->framing, sizeof exchange->framing, idle_ms, &size, error))
                return false;
            exchange->rest = span_of(exchange->framing, size);
        }
    }
    exchange->has_ended = *ret_size == 0;
    return true;
}

void http_client_skip_received(struct http_client_exchange *exchange)
{
    uint8_t discarded[512];
    struct error ignored;
    size_t size;
    if (exchange->has_failed || exchange->has_ended)
        return;
    if (exchange->head.body_kind == HTTP_ANSWER_LENGTH) {
        struct span here = span_take(exchange->rest, exchange->remaining);
        exchange->rest = span_skip(exchange->rest, here.size);
        exchange->remaining -= here.size;
        exchange->has_ended = exchange->remaining == 0;
    }
    while (exchange->head.body_kind == HTTP_ANSWER_CHUNKED && exchange->rest.size > 0 && !exchange->has_ended) {
        exchange->has_failed = !take_chunked(exchange, discarded, sizeof discarded, &size, &ignored);
        exchange->has_ended = exchange->has_failed || chunked_reader_is_done(&exchange->chunked);
    }
}

SUSPENDS static bool read_until_close(struct http_client_exchange *exchange, void *ret_bytes, size_t capacity,
                                      uint64_t idle_ms, size_t *ret_size, struct error *error)
{
    if (!read_plain(exchange, ret_bytes, capacity, idle_ms, ret_size, error))
        return false;
    exchange->has_ended = *ret_size == 0;
    return true;
}

SUSPENDS bool http_client_read_within(struct http_client_exchange *exchange, void *ret_bytes, size_t capacity,
                                      uint64_t idle_ms, size_t *ret_size, struct error *error)
{
    ASSERT(capacity > 0);
    *ret_size = 0;
    if (exchange->has_failed)
        return error_set(error, ERROR_CLOSED, NULL, "the answer's body could not be read to its end");
    if (exchange->has_ended)
        return true;
    bool ok = false;
    switch (exchange->head.body_kind) {
    case HTTP_ANSWER_LENGTH:
        ok = read_length(exchange, ret_bytes, capacity, idle_ms, ret_size, error);
        break;
    case HTTP_ANSWER_CHUNKED:
        ok = read_chunked(exchange, ret_bytes, capacity, idle_ms, ret_size, error);
        break;
    case HTTP_ANSWER_UNTIL_CLOSE:
        ok = read_until_close(exchange, ret_bytes, capacity, idle_ms, ret_size, error);
        break;
    case HTTP_ANSWER_NO_BODY:
        UNREACHABLE();
    }
    if (ok)
        metric_add(&exchange->client->counters.bytes_received, *ret_size);
    return ok || fail(exchange);
}

SUSPENDS bool http_client_read(struct http_client_exchange *exchange, void *ret_bytes, size_t capacity,
                               size_t *ret_size, struct error *error)
{
    return http_client_read_within(exchange, ret_bytes, capacity, exchange->client->settings.progress_ms, ret_size,
                                   error);
}
