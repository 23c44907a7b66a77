/* server/http/connection_private.h -- what the files of this room share about a connection.
 *
 * Two structs, by lifetime: http_connection lasts as long as its stream, idle or not, and is small; http_work holds all
 * that a request needs, is taken from the server's pool when bytes come, and goes back when the connection is idle. */
#pragma once

#include "runtime/base/buffer.h"
#include "runtime/base/list.h"
#include "s3client/wire/chunked.h"
#include "server/http/connection.h"

enum {
    HTTP_STATUS_BAD_REQUEST = 400,
    HTTP_RECEIVE_BYTES = HTTP_HEAD_BYTES_MAX + (4 << 10), /* a head, and room for framing behind the longest one */
    HTTP_WORK_KEPT_MAX = 64,                              /* unused ones that a server keeps */
    HTTP_ANSWER_HEAD_BYTES_MAX = 64 << 10,
};

struct http_connection {
    struct http_server *server;
    struct stream *stream;
    struct list_link link; /* in server.connections */
    void (*ended)(void *context);
    void *ended_context;
    bool is_parked;
    struct fiber *handshake; /* the fiber of a TLS handshake; NULL: it is over */
};

enum answer_state {
    ANSWER_NONE,
    ANSWER_COLLECTING, /* fields */
    ANSWER_READY,      /* the head is complete and goes out with the first bytes of the body */
    ANSWER_SENDING,    /* some of the body */
    ANSWER_DONE,
    ANSWER_CUT, /* cannot be completed */
};

struct http_work {
    struct http_exchange exchange; /* first: work_of goes from it to the whole */
    struct http_connection *connection;
    struct http_work *next; /* in the pool */
    struct http_head head;
    struct arena arena;

    struct {
        uint64_t remaining; /* HTTP_BODY_LENGTH */
        struct chunked_reader chunked;
        bool is_continue_due; /* the client waits for "100 Continue" */
        bool has_ended;
        bool has_failed;
    } body;

    struct {
        enum answer_state state;
        bool is_chunked;
        uint64_t remaining; /* of the promised length */
        struct buffer head;
    } answer;

    /* What was received and not yet used lies in received[used .. filled); the head, whose spans point here, before
     * it. */
    size_t head_size;
    size_t used;
    size_t filled;
    uint8_t received[HTTP_RECEIVE_BYTES];
};

static inline struct http_work *work_of(struct http_exchange *exchange)
{
    return (struct http_work *)(void *)exchange;
}

struct http_server {
    struct http_settings settings;
    struct http_counters counters;
    struct list_link connections;
    unsigned connections_count;
    unsigned warm_count; /* connections that wait for their next request without being parked */
    bool is_stopping;

    struct http_work *unused;
    unsigned unused_count;

    uint64_t id_prefix; /* random, of this server */
    uint64_t id_next;
    char id_prefix_text[16];

    uint8_t discarded[16 << 10]; /* where drained bodies go, all at once: nobody reads it */

    int64_t date_second; /* whose date is in `date` */
    char date[64];       /* "Date: ...\r\nServer: Bale\r\n" */
    size_t date_size;
};

static inline const struct http_settings *settings_of(const struct http_work *work)
{
    return &work->connection->server->settings;
}

/* ---- server.c ---- */

struct http_work *http_work_take(struct http_server *server, struct http_connection *connection);
void http_work_give_back(struct http_server *server, struct http_work *work);
void http_server_next_id(struct http_server *server, char ret_id[33]);
/* Date and Server fields, as of this second. */
struct span http_server_date(struct http_server *server);

/* ---- secure.c ---- */

/* The handshake. False: there is nobody to serve, and the connection is to be closed. */
SUSPENDS bool http_connection_secure(struct http_connection *connection);

/* ---- body.c ---- */

/* The head is parsed: what kind of body follows it? */
void http_body_begin(struct http_work *work);
/* Bytes that are here without a system call. */
static inline struct span http_received(const struct http_work *work)
{
    return span_of(work->received + work->used, work->filled - work->used);
}
/* Could what is left of the body be read away within the bound, as far as one knows? */
bool http_body_can_drain(const struct http_work *work);
/* Reads the rest and throws it away. False: it is too long, too slow, or broken, and the connection must end. */
SUSPENDS bool http_body_drain(struct http_work *work);
