/* s3client/http/http_client.h -- HTTP/1.1 as a client, on fibers over runtime/stream: one shard's connections to an
 * origin, and one exchange after the other on each of them. Knows nothing of S3.
 *
 * An exchange goes open -> perform -> read ... -> close. It never sends anything twice; whoever repeats asks
 * `sent_bytes` first: with 0 the other side cannot have seen the request. A kept connection that the other side has
 * closed is noticed before anything is sent, unless it closes at that very moment.
 *
 * Back-pressure: the body is received only when it is read, past the first 16 KiB straight into the caller's memory.
 * Memory of an exchange: 29 KiB, more only while a head is larger; of a kept connection: its stream. */
#pragma once

#include "runtime/base/buffer.h"
#include "runtime/metrics.h"
#include "runtime/stream/dial.h"
#include "runtime/stream/stream.h"
#include "runtime/stream/tls.h"
#include "s3client/http/answer_head.h"
#include "s3client/wire/chunked.h"

#include <stdbool.h>
#include <stdint.h>

enum {
    HTTP_CLIENT_RECEIVED_BYTES = 16 << 10, /* what is received at once, head and beginning of the body */
    HTTP_CLIENT_FRAMING_BYTES = 4 << 10,
    HTTP_CLIENT_DRAIN_BYTES_MAX = 64 << 10, /* of a body that nobody wants, for the connection's sake */
};

struct http_client_settings {
    struct dialer *dialer;
    struct tls_client *tls; /* NULL: plain */
    uint16_t port;
    unsigned kept_max;    /* idle connections */
    uint64_t kept_ms;     /* how long they are kept */
    uint64_t connect_ms;  /* name, connection and TLS handshake together */
    uint64_t progress_ms; /* a body that does not move */
};

/* Written by the shard, read by anybody. */
struct http_client_counters {
    metric_counter connections; /* opened */
    metric_counter connections_failed;
    metric_counter connections_reused;
    metric_counter connections_found_closed; /* before anything was sent */
    metric_counter connections_open;         /* a gauge */
    metric_counter connections_idle;         /* a gauge */
    metric_counter handshakes_resumed;
    metric_counter bytes_sent;     /* of bodies */
    metric_counter bytes_received; /* of bodies */
};

struct http_client;

/* On the shard's thread, as everything below. */
struct http_client *http_client_create(const struct http_client_settings *settings);
/* No exchange may be open; those that are being drained go on to their end. */
void http_client_destroy(struct http_client *client);
const struct http_client_counters *http_client_counters(const struct http_client *client);

struct http_client_exchange {
    struct buffer request; /* the head of the request: filled in by the caller between open and perform */
    struct http_answer_head head;
    bool was_reused;     /* the connection had served another exchange before */
    uint64_t sent_bytes; /* of head and body, by the last perform */
    uint64_t sent_ns;    /* when sending began */

    /* private to http_client.c and exchange.c: */
    struct http_client *client;
    struct http_client_exchange *next; /* in the pool */
    struct stream *stream;
    char *host;
    bool is_request_whole;
    bool has_failed;    /* the connection cannot be kept */
    bool has_ended;     /* the body */
    uint64_t remaining; /* HTTP_ANSWER_LENGTH */
    struct chunked_reader chunked;
    struct span rest; /* received and not yet used */
    /* The head, into which its fields point, and what came with it. */
    uint8_t *received;
    size_t capacity;
    size_t filled;
    uint8_t here[HTTP_CLIENT_RECEIVED_BYTES];   /* where `received` points, unless the head is larger */
    uint8_t framing[HTTP_CLIENT_FRAMING_BYTES]; /* of a chunked body, and what data comes with it */
};

/* Which kept connection will do. */
struct http_client_reuse {
    uint64_t idle_ms_max;   /* idle for longer, it is not taken; 0: a new one is wanted */
    uint64_t unseen_ms_max; /* idle for less, it is taken without a look at whether the other side has closed it */
};

/* A connection to `host`: of those that will do the one that was used last. NULL: the errors of dialer_connect and
 * stream_secure_to. */
SUSPENDS struct http_client_exchange *http_client_open(struct http_client *client, const char *host,
                                                       const struct http_client_reuse *reuse, deadline_t deadline,
                                                       struct error *error);

struct http_client_body {
    const struct span *pieces;
    unsigned count;
};

struct http_client_limits {
    bool is_to_head;        /* the verb is HEAD: the answer has no body whatever it says */
    uint64_t first_byte_ms; /* from the last byte sent to the end of the answer's head */
    deadline_t deadline;    /* of the whole, up to there */
};

/* Sends exchange->request and the body, and receives the head of the final answer into exchange->head; interim answers
 * (1xx) are skipped. A final answer that comes before the body is sent ends the sending; the connection will not be
 * kept. False: ERROR_CLOSED (no answer, or half of one), ERROR_TIMED_OUT, ERROR_CANCELLED, ERROR_DAMAGED (no HTTP). */
SUSPENDS bool http_client_perform(struct http_client_exchange *exchange, const struct http_client_body *body,
                                  const struct http_client_limits *limits, struct error *error);

/* The next bytes of the body, at least one; 0 at its end. Errors as above; after one nothing more can be read. */
SUSPENDS bool http_client_read(struct http_client_exchange *exchange, void *ret_bytes, size_t capacity,
                               size_t *ret_size, struct error *error);

/* Does not wait. The connection is kept when everything was sent and received in order; what little is left of a body
 * is read away by a fiber of its own. */
void http_client_close(struct http_client_exchange *exchange);
