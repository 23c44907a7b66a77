/* server/http/response.c -- the answer: fields are collected, and leave together with the first bytes of the body. */
#include "runtime/base/assert.h"
#include "runtime/base/decimal.h"
#include "runtime/fiber/loop.h"
#include "server/http/connection_private.h"

#include <assert.h>

enum { HEAD_FIRST_BYTES = 1024, CHUNK_LINE_BYTES = 18 }; /* 16 digits and CRLF */
static_assert((int)HTTP_SPANS_MAX + 3 <= (int)STREAM_PIECES_MAX,
              "spans leave with the head, and with what makes a chunk of them");

static const char *reason_of(int status)
{
    switch (status) {
    case 200:
        return "OK";
    case 201:
        return "Created";
    case 204:
        return "No Content";
    case 206:
        return "Partial Content";
    case 303:
        return "See Other";
    case 304:
        return "Not Modified";
    case 307:
        return "Temporary Redirect";
    case 400:
        return "Bad Request";
    case 403:
        return "Forbidden";
    case 404:
        return "Not Found";
    case 405:
        return "Method Not Allowed";
    case 409:
        return "Conflict";
    case 411:
        return "Length Required";
    case 412:
        return "Precondition Failed";
    case 413:
        return "Content Too Large";
    case 416:
        return "Range Not Satisfiable";
    case 500:
        return "Internal Server Error";
    case 501:
        return "Not Implemented";
    case 503:
        return "Service Unavailable";
    case 507:
        return "Insufficient Storage";
    default:
        return status < 300 ? "Success" : status < 400 ? "Redirection" : status < 500 ? "Client Error" : "Server Error";
    }
}

static bool is_bodiless(const struct http_work *work)
{
    int status = work->exchange.status;
    return status == 204 || status == 304 || span_equal(work->head.method, SPAN("HEAD"));
}

/* ---- the head ---- */

static void append_status_line(struct buffer *head, int status)
{
    char digits[] = {(char)('0' + status / 100), (char)('0' + status / 10 % 10), (char)('0' + status % 10), ' '};
    buffer_append(head, SPAN("HTTP/1.1 "));
    buffer_append(head, span_of(digits, sizeof digits));
    buffer_append_string(head, reason_of(status));
    buffer_append(head, SPAN("\r\n"));
}

void http_response_begin(struct http_exchange *exchange, int status)
{
    struct http_work *work = work_of(exchange);
    struct buffer *head = &work->answer.head;
    ASSERT(!http_response_is_started(exchange) && status >= 200 && status <= 599);
    exchange->status = status;
    exchange->answered_ns = clock_monotonic_ns(loop_clock());
    work->answer.state = ANSWER_COLLECTING;
    work->answer.remaining = 0;
    work->answer.is_chunked = false;
    buffer_clear(head);
    (void)buffer_reserve(head, HEAD_FIRST_BYTES);
    append_status_line(head, status);
    buffer_append(head, http_server_date(work->connection->server));
}

/* In place, so that the compiler makes vectors of it. */
static void blank_controls(uint8_t *text, size_t size)
{
    for (size_t i = 0; i < size; i++)
        text[i] = (text[i] < ' ' && text[i] != '\t') || text[i] == 0x7f ? ' ' : text[i];
}

void http_response_field_of(struct http_exchange *exchange, struct span name, struct span value)
{
    struct http_work *work = work_of(exchange);
    struct buffer *head = &work->answer.head;
    ASSERT(work->answer.state == ANSWER_COLLECTING);
    if (!buffer_reserve(head, name.size + value.size + sizeof ": \r\n" - 1))
        return;
    uint8_t *at = head->data + head->size;
    memcpy(at, name.data, name.size);
    at += name.size;
    *at++ = ':';
    *at++ = ' ';
    if (value.size > 0)
        memcpy(at, value.data, value.size);
    blank_controls(at, value.size);
    at += value.size;
    *at++ = '\r';
    *at++ = '\n';
    head->size = (size_t)(at - head->data);
}

void http_response_field_decimal(struct http_exchange *exchange, const char *name, uint64_t value)
{
    char digits[DECIMAL_BYTES_MAX];
    http_response_field(exchange, name, span_of(digits, decimal_format(value, digits)));
}

/* The last fields: how the connection goes on. */
static bool complete_head(struct http_work *work, struct error *error)
{
    struct http_exchange *exchange = &work->exchange;
    struct buffer *head = &work->answer.head;
    exchange->must_close |=
        !work->head.keep_alive || work->connection->server->is_stopping || !http_body_can_drain(work);
    if (exchange->must_close)
        buffer_append(head, SPAN("Connection: close\r\n"));
    else if (work->head.minor_version == 0)
        buffer_append(head, SPAN("Connection: keep-alive\r\n"));
    buffer_append(head, SPAN("\r\n"));
    if (!head->overflow)
        return true;
    http_response_cut(exchange);
    return error_set(error, ERROR_TOO_LARGE, NULL, "the head of the answer exceeds %d bytes",
                     HTTP_ANSWER_HEAD_BYTES_MAX);
}

/* ---- sending ---- */

/* Head first, unless it has gone already. */
SUSPENDS static bool send_pieces(struct http_work *work, const struct span *pieces, unsigned count,
                                 enum answer_state next, struct error *error)
{
    struct span all[STREAM_PIECES_MAX];
    unsigned all_count = 0;
    ASSERT(count < STREAM_PIECES_MAX);
    if (work->answer.state < ANSWER_SENDING)
        all[all_count++] = buffer_span(&work->answer.head);
    for (unsigned i = 0; i < count; i++)
        all[all_count++] = pieces[i];
    work->answer.state = next; /* at once: from here on nothing can be taken back */
    if (stream_send(work->exchange.stream, all, all_count, settings_of(work)->progress_ms, error))
        return true;
    http_response_cut(&work->exchange);
    return false;
}

SUSPENDS bool http_response_finish(struct http_exchange *exchange, struct span body, struct error *error)
{
    struct http_work *work = work_of(exchange);
    bool bodiless = is_bodiless(work);
    if (exchange->status != 204 && exchange->status != 304)
        http_response_field_decimal(exchange, "Content-Length", body.size);
    if (!complete_head(work, error))
        return false;
    if (!bodiless)
        exchange->bytes_out += body.size;
    return send_pieces(work, &body, bodiless ? 0 : 1, ANSWER_DONE, error);
}

SUSPENDS bool http_response_start_body(struct http_exchange *exchange, uint64_t content_length, struct error *error)
{
    struct http_work *work = work_of(exchange);
    http_response_field_decimal(exchange, "Content-Length", content_length);
    if (!complete_head(work, error))
        return false;
    work->answer.remaining = content_length;
    work->answer.state = ANSWER_READY;
    if (content_length > 0 && !is_bodiless(work))
        return true;
    return send_pieces(work, NULL, 0, ANSWER_DONE, error);
}

SUSPENDS bool http_response_start_chunked(struct http_exchange *exchange, struct error *error)
{
    struct http_work *work = work_of(exchange);
    work->answer.is_chunked = work->head.minor_version == 1;
    if (work->answer.is_chunked)
        http_response_field_string(exchange, "Transfer-Encoding", "chunked");
    else
        exchange->must_close = true; /* the end of the connection is the end of the body */
    if (!complete_head(work, error))
        return false;
    work->answer.remaining = UINT64_MAX;
    work->answer.state = ANSWER_READY;
    return is_bodiless(work) ? send_pieces(work, NULL, 0, ANSWER_DONE, error) : true;
}

/* Hexadecimal, with CRLF; returns how long it is. */
static size_t format_chunk_line(uint64_t size, char ret_line[CHUNK_LINE_BYTES])
{
    size_t digits = (size_t)(64 - __builtin_clzll(size) + 3) / 4;
    for (size_t i = 0; i < digits; i++)
        ret_line[i] = "0123456789abcdef"[size >> (4 * (digits - 1 - i)) & 15];
    ret_line[digits] = '\r';
    ret_line[digits + 1] = '\n';
    return digits + 2;
}

/* A chunk's line before them, and its end behind. */
SUSPENDS static bool send_chunk(struct http_work *work, const struct span *spans, unsigned count, size_t size,
                                struct error *error)
{
    char line[CHUNK_LINE_BYTES];
    struct span pieces[HTTP_SPANS_MAX + 2];
    unsigned pieces_count = 0;
    pieces[pieces_count++] = span_of(line, format_chunk_line(size, line));
    for (unsigned i = 0; i < count; i++)
        pieces[pieces_count++] = spans[i];
    pieces[pieces_count++] = SPAN("\r\n");
    return send_pieces(work, pieces, pieces_count, ANSWER_SENDING, error);
}

SUSPENDS bool http_response_send_spans(struct http_exchange *exchange, const struct span *spans, unsigned count,
                                       struct error *error)
{
    struct http_work *work = work_of(exchange);
    size_t size = 0;
    ASSERT(count <= HTTP_SPANS_MAX);
    for (unsigned i = 0; i < count; i++)
        size += spans[i].size;
    if (work->answer.state == ANSWER_CUT)
        return error_set(error, ERROR_CLOSED, NULL, "the answer was cut");
    if (size == 0 || is_bodiless(work))
        return true;
    ASSERT(work->answer.state == ANSWER_READY || work->answer.state == ANSWER_SENDING);
    ASSERT(size <= work->answer.remaining);
    exchange->bytes_out += size;
    if (work->answer.is_chunked)
        return send_chunk(work, spans, count, size, error);
    if (work->answer.remaining != UINT64_MAX)
        work->answer.remaining -= size;
    return send_pieces(work, spans, count, work->answer.remaining == 0 ? ANSWER_DONE : ANSWER_SENDING, error);
}

SUSPENDS bool http_response_send(struct http_exchange *exchange, struct span piece, struct error *error)
{
    return http_response_send_spans(exchange, &piece, 1, error);
}

SUSPENDS bool http_response_end_chunked(struct http_exchange *exchange, struct error *error)
{
    struct http_work *work = work_of(exchange);
    if (work->answer.state == ANSWER_DONE)
        return true;
    if (work->answer.state == ANSWER_CUT)
        return error_set(error, ERROR_CLOSED, NULL, "the answer was cut");
    ASSERT(work->answer.state == ANSWER_READY || work->answer.state == ANSWER_SENDING);
    const struct span last = SPAN("0\r\n\r\n");
    if (work->answer.is_chunked || work->answer.state == ANSWER_READY)
        return send_pieces(work, &last, work->answer.is_chunked ? 1 : 0, ANSWER_DONE, error);
    work->answer.state = ANSWER_DONE;
    return true;
}

void http_response_cut(struct http_exchange *exchange)
{
    work_of(exchange)->answer.state = ANSWER_CUT;
    exchange->must_close = true;
}

bool http_response_is_started(const struct http_exchange *exchange)
{
    return ((const struct http_work *)(const void *)exchange)->answer.state >= ANSWER_SENDING;
}
