/* s3client/http/http_client_private.h -- what the files of this room share. */
#pragma once

#include "runtime/base/list.h"
#include "s3client/http/http_client.h"

struct http_client {
    struct http_client_settings settings;
    struct http_client_counters counters;
    struct list_link kept;
    unsigned kept_count;
    unsigned exchanges; /* open, or being drained */
    bool is_ending;     /* the last of them takes the client along */
    struct http_client_exchange *unused;
    unsigned unused_count;
};

/* Of a gauge. */
static inline void http_client_count_less(metric_counter *gauge)
{
    metric_add(gauge, (uint64_t)-1);
}

/* An exchange without a connection; then the connection, fresh or made elsewhere. */
struct http_client_exchange *http_client_begin(struct http_client *client);
void http_client_adopt(struct http_client_exchange *exchange, struct stream *stream, const char *host);

/* Steps over what is left of a body as far as it is here already. */
void http_client_skip_received(struct http_client_exchange *exchange);
/* http_client_read with a time of its own. */
SUSPENDS bool http_client_read_within(struct http_client_exchange *exchange, void *ret_bytes, size_t capacity,
                                      uint64_t idle_ms, size_t *ret_size, struct error *error);
