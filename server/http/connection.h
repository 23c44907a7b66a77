/* server/http/connection.h -- one HTTP/1.1 connection: requests one after the other, each with its body and its answer.
 *
 * Knows nothing of S3. The server gives a handler; the connection's fiber reads a head, calls the handler, drains what
 * the handler left of the body (within a bound, else it closes), and reads the next head or parks the stream. Memory:
 * an idle connection holds this struct and its stream; head buffer and stack have been given back. */
#pragma once

#include "runtime/base/arena.h"
#include "runtime/metrics.h"
#include "runtime/stream/stream.h"
#include "runtime/stream/tls.h"
#include "server/http/head.h"

#include <stdbool.h>
#include <stdint.h>

struct http_exchange;

typedef SUSPENDS void http_handler(struct http_exchange *exchange, void *context);
/* Answers a request whose head could not be read: `exchange->head` holds what was recognized, the error's code says why
 * (head.h). The connection is closed after it. */
typedef SUSPENDS void http_refusal_handler(struct http_exchange *exchange, const struct error *error, void *context);

struct http_settings {
    uint64_t idle_ms;         /* between requests */
    uint64_t head_ms;         /* from a head's first byte to its last */
    uint64_t progress_ms;     /* a body or an answer that does not move */
    uint64_t drain_bytes_max; /* of an unread body before the connection is closed instead */
    size_t arena_bytes_max;
    http_handler *handler;
    http_refusal_handler *refuse; /* NULL: status 400 without a body */
    struct tls_server *tls;       /* NULL: plain HTTP. The handshake has head_ms */
    void *context;
};

/* One request and its answer. Lives on the connection's fiber; pointers into it are valid until the handler returns. */
struct http_exchange {
    const struct http_head *head;
    struct arena *arena; /* reset after each request */
    struct stream *stream;
    uint64_t started_ns; /* when the head was complete */
    char request_id[33]; /* 32 hex characters; unique */
    /* filled in while it goes on, for log and metrics: */
    uint64_t received_ns; /* when a piece of the body was read last; 0: none was */
    uint64_t answered_ns; /* when the answer began; 0: it has not */
    int status;           /* 0: nothing was answered */
    uint64_t bytes_in;    /* body bytes read, on the wire */
    uint64_t bytes_out;   /* body bytes sent */
    bool must_close;      /* the connection ends after this answer */
};

/* ---- the request's body: server/http/body.c ---- */

/* The next piece of the body as it arrives, transfer coding removed, at most `capacity` bytes; *ret_size 0 at its end.
 * Sends "100 Continue" first when the client waits for it. Errors: IncompleteBody, RequestTimeout (S3 codes),
 * ERROR_CLOSED. */
SUSPENDS bool http_body_read(struct http_exchange *exchange, void *ret_bytes, size_t capacity, size_t *ret_size,
                             struct error *error);
/* Is there a body at all (not of length 0)? */
bool http_body_expected(const struct http_exchange *exchange);

/* ---- the answer: server/http/response.c ---- */

/* Fields are collected, then sent with the first body bytes; until then the answer may be begun anew. Control bytes in
 * values (CR and LF above all) become spaces. Content-Length, Transfer-Encoding, Connection, Date and Server are added
 * here. */
void http_response_begin(struct http_exchange *exchange, int status);
void http_response_field_of(struct http_exchange *exchange, struct span name, struct span value);
static inline void http_response_field(struct http_exchange *exchange, const char *name, struct span value)
{
    http_response_field_of(exchange, span_from_string(name), value);
}
static inline void http_response_field_string(struct http_exchange *exchange, const char *name, const char *value)
{
    http_response_field_of(exchange, span_from_string(name), span_from_string(value));
}
void http_response_field_decimal(struct http_exchange *exchange, const char *name, uint64_t value);
/* The whole answer in one send. For HEAD, 204 and 304 the body is left out (Content-Length stays for HEAD). */
SUSPENDS bool http_response_finish(struct http_exchange *exchange, struct span body, struct error *error);
/* A body of known length in pieces: start, then send until all of it has gone. */
SUSPENDS bool http_response_start_body(struct http_exchange *exchange, uint64_t content_length, struct error *error);
SUSPENDS bool http_response_send(struct http_exchange *exchange, struct span piece, struct error *error);
/* The same, of several spans that follow one another, up to HTTP_SPANS_MAX. */
enum { HTTP_SPANS_MAX = 20 };
SUSPENDS bool http_response_send_spans(struct http_exchange *exchange, const struct span *spans, unsigned count,
                                       struct error *error);
/* A body of unknown length (chunked for HTTP/1.1). */
SUSPENDS bool http_response_start_chunked(struct http_exchange *exchange, struct error *error);
SUSPENDS bool http_response_end_chunked(struct http_exchange *exchange, struct error *error);
/* What was promised cannot be kept: the connection is cut when the handler returns. */
void http_response_cut(struct http_exchange *exchange);
/* Bytes have been sent: it is too late to answer something else. */
bool http_response_is_started(const struct http_exchange *exchange);

/* ---- the connection ---- */

struct http_server; /* one shard's connections: settings, counters, the list of what is open */

struct http_server *http_server_create(const struct http_settings *settings, struct error *error);
/* Takes the stream over; runs on the calling fiber until the connection parks or ends. `ended(context)` is called once.
 */
SUSPENDS void http_connection_serve(struct http_server *server, struct stream *stream, void (*ended)(void *context),
                                    void *context);
/* Stop: parked connections are closed, the others after their current answer. */
void http_server_stop(struct http_server *server);
unsigned http_server_connections(const struct http_server *server);

/* Written by the shard, read by anybody. */
struct http_counters {
    metric_counter connections;      /* taken over since the start */
    metric_counter connections_open; /* a gauge */
    metric_counter connections_cut;  /* reset because an answer could not be kept */
    metric_counter requests;         /* whose head was read */
    metric_counter bad_heads;        /* refused before there was a request */
    metric_counter head_timeouts;
    metric_counter handshakes;        /* of TLS, that succeeded */
    metric_counter handshakes_failed; /* or were never begun: plain HTTP, silence, scanners */
};
const struct http_counters *http_server_counters(const struct http_server *server);
void http_server_destroy(struct http_server *server);
