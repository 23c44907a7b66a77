/* s3client/http/http_client.c -- connections that are kept, and the memory of exchanges. */
#include "s3client/http/http_client.h"

#include "runtime/base/assert.h"
#include "runtime/fiber/loop.h"
#include "s3client/http/http_client_private.h"

#include <stdlib.h>

enum {
    UNUSED_MAX = 64, /* exchanges whose memory is kept */
    REQUEST_HEAD_BYTES_MAX = 64 << 10,
    DRAIN_MS_MAX = 2000,
    NANOSECONDS_PER_MS = 1000000,
};

/* An idle connection. */
struct kept {
    struct list_link link; /* in client.kept, the one used last first */
    struct http_client *client;
    struct stream *stream;
    char *host;
    uint64_t since_ns;
};

/* ---- life ---- */

struct http_client *http_client_create(const struct http_client_settings *settings)
{
    struct http_client *client = calloc(1, sizeof *client);
    ASSERT(client != NULL);
    client->settings = *settings;
    list_init(&client->kept);
    return client;
}

static void free_exchange(struct http_client_exchange *exchange)
{
    buffer_free(&exchange->request);
    free(exchange);
}

static void take_out(struct kept *kept)
{
    list_remove(&kept->link);
    kept->client->kept_count--;
    http_client_count_less(&kept->client->counters.connections_idle);
}

static void drop(struct kept *kept)
{
    http_client_count_less(&kept->client->counters.connections_open);
    stream_drop(kept->stream);
    free(kept->host);
    free(kept);
}

void http_client_destroy(struct http_client *client)
{
    if (client == NULL)
        return;
    client->settings.kept_max = 0;
    while (!list_is_empty(&client->kept)) {
        struct kept *kept = LIST_ELEMENT(client->kept.next, struct kept, link);
        take_out(kept);
        drop(kept);
    }
    while (client->unused != NULL) {
        struct http_client_exchange *exchange = client->unused;
        client->unused = exchange->next;
        free_exchange(exchange);
    }
    client->unused_count = 0;
    client->is_ending = true;
    if (client->exchanges == 0)
        free(client);
}

const struct http_client_counters *http_client_counters(const struct http_client *client)
{
    return &client->counters;
}

/* ---- memory of exchanges ---- */

struct http_client_exchange *http_client_begin(struct http_client *client)
{
    struct http_client_exchange *exchange = client->unused;
    if (exchange != NULL) {
        client->unused = exchange->next;
        client->unused_count--;
    } else {
        exchange = malloc(sizeof *exchange);
        ASSERT(exchange != NULL);
        buffer_init(&exchange->request, REQUEST_HEAD_BYTES_MAX);
    }
    buffer_clear(&exchange->request);
    exchange->head.fields_count = 0;
    exchange->head.names_present = 0;
    exchange->head.status = 0;
    exchange->was_reused = false;
    exchange->sent_bytes = 0;
    exchange->client = client;
    exchange->stream = NULL;
    exchange->host = NULL;
    exchange->is_request_whole = false;
    exchange->has_failed = false;
    exchange->has_ended = false;
    exchange->received = exchange->here;
    exchange->capacity = sizeof exchange->here;
    exchange->filled = 0;
    exchange->rest = SPAN_EMPTY;
    client->exchanges++;
    return exchange;
}

static void give_back(struct http_client_exchange *exchange)
{
    struct http_client *client = exchange->client;
    if (exchange->received != exchange->here)
        free(exchange->received);
    free(exchange->host);
    ASSERT(client->exchanges > 0);
    client->exchanges--;
    if (client->is_ending || client->unused_count == UNUSED_MAX) {
        free_exchange(exchange);
        if (client->is_ending && client->exchanges == 0)
            free(client);
        return;
    }
    exchange->next = client->unused;
    client->unused = exchange;
    client->unused_count++;
}

/* ---- kept connections ---- */

static void expire(void *argument)
{
    struct kept *kept = argument;
    take_out(kept);
    drop(kept);
}

static void keep(struct http_client *client, struct stream *stream, char *host)
{
    struct kept *kept = malloc(sizeof *kept);
    ASSERT(kept != NULL);
    if (client->kept_count == client->settings.kept_max) /* the one that has been idle longest */
        expire(LIST_ELEMENT(client->kept.previous, struct kept, link));
    *kept = (struct kept){.client = client, .stream = stream, .host = host, .since_ns = loop_now_ns()};
    list_prepend(&client->kept, &kept->link);
    client->kept_count++;
    metric_add(&client->counters.connections_idle, 1);
    stream_keep(stream, client->settings.kept_ms, expire, kept);
}

static struct kept *find_kept(const struct http_client *client, const char *host, uint64_t idle_ms_max)
{
    uint64_t now = loop_now_ns();
    for (struct list_link *link = client->kept.next; link != &client->kept; link = link->next) {
        struct kept *kept = LIST_ELEMENT(link, struct kept, link);
        if (now - kept->since_ns > idle_ms_max * NANOSECONDS_PER_MS)
            return NULL; /* those behind it have been idle longer */
        if (strcmp(kept->host, host) == 0)
            return kept;
    }
    return NULL;
}

static bool take_kept(struct http_client_exchange *exchange, const char *host, const struct http_client_reuse *reuse)
{
    struct http_client *client = exchange->client;
    struct kept *kept;
    while (reuse->idle_ms_max > 0 && (kept = find_kept(client, host, reuse->idle_ms_max)) != NULL) {
        take_out(kept);
        bool is_looked_at = loop_now_ns() - kept->since_ns >= reuse->unseen_ms_max * NANOSECONDS_PER_MS;
        if (!stream_reuse(kept->stream, is_looked_at)) {
            metric_add(&client->counters.connections_found_closed, 1);
            drop(kept);
            continue;
        }
        metric_add(&client->counters.connections_reused, 1);
        exchange->was_reused = true;
        exchange->stream = kept->stream;
        exchange->host = kept->host;
        free(kept);
        return true;
    }
    return false;
}

/* ---- opening and closing ---- */

SUSPENDS static struct stream *secure(struct http_client *client, struct stream *stream, const char *host,
                                      deadline_t deadline, struct error *error)
{
    if (client->settings.tls == NULL)
        return stream;
    if (stream_secure_to(stream, client->settings.tls, host, deadline, error)) {
        if (stream_is_resumed(stream))
            metric_add(&client->counters.handshakes_resumed, 1);
        return stream;
    }
    (void)error_prepend(error, "%s:%u", host, client->settings.port);
    stream_abort(stream);
    return NULL;
}

void http_client_adopt(struct http_client_exchange *exchange, struct stream *stream, const char *host)
{
    metric_add(&exchange->client->counters.connections, 1);
    metric_add(&exchange->client->counters.connections_open, 1);
    exchange->stream = stream;
    exchange->host = strdup(host);
    ASSERT(exchange->host != NULL);
}

SUSPENDS static bool connect_anew(struct http_client_exchange *exchange, const char *host, deadline_t deadline,
                                  struct error *error)
{
    struct http_client *client = exchange->client;
    deadline_t limit = deadline_after_ms(client->settings.connect_ms);
    if (deadline < limit)
        limit = deadline;
    struct stream *stream = dialer_connect(client->settings.dialer, host, client->settings.port, limit, error);
    if (stream != NULL)
        stream = secure(client, stream, host, limit, error);
    if (stream == NULL) {
        metric_add(&client->counters.connections_failed, 1);
        return false;
    }
    http_client_adopt(exchange, stream, host);
    return true;
}

SUSPENDS struct http_client_exchange *http_client_open(struct http_client *client, const char *host,
                                                       const struct http_client_reuse *reuse, deadline_t deadline,
                                                       struct error *error)
{
    struct http_client_exchange *exchange = http_client_begin(client);
    if (take_kept(exchange, host, reuse) || connect_anew(exchange, host, deadline, error))
        return exchange;
    give_back(exchange);
    return NULL;
}

static bool can_keep(const struct http_client_exchange *exchange)
{
    return exchange->client->settings.kept_max > 0 && exchange->has_ended && !exchange->has_failed &&
           exchange->is_request_whole && exchange->head.keep_alive &&
           exchange->rest.size == 0; /* what follows the answer was not asked for */
}

/* Cut, so that the other side stops sending what nobody wants; or, where it waits for nothing, closed. */
static void end_connection(struct http_client_exchange *exchange)
{
    http_client_count_less(&exchange->client->counters.connections_open);
    if (exchange->has_ended && !exchange->has_failed && exchange->is_request_whole)
        stream_drop(exchange->stream);
    else
        stream_abort(exchange->stream);
}

static void finish(struct http_client_exchange *exchange)
{
    if (can_keep(exchange)) {
        keep(exchange->client, exchange->stream, exchange->host);
        exchange->host = NULL;
    } else {
        end_connection(exchange);
    }
    give_back(exchange);
}

SUSPENDS static void drain(void *argument)
{
    struct http_client_exchange *exchange = argument;
    deadline_t deadline = deadline_after_ms(DRAIN_MS_MAX);
    uint8_t discarded[2048];
    uint64_t total = 0;
    size_t size = 1;
    struct error error;
    while (size > 0 && total <= HTTP_CLIENT_DRAIN_BYTES_MAX && loop_now_ns() < deadline &&
           http_client_read_within(exchange, discarded, sizeof discarded, DRAIN_MS_MAX, &size, &error))
        total += size;
    finish(exchange);
}

static bool is_worth_draining(const struct http_client_exchange *exchange)
{
    if (exchange->has_ended || exchange->has_failed || !exchange->is_request_whole || !exchange->head.keep_alive)
        return false;
    return exchange->head.body_kind == HTTP_ANSWER_CHUNKED || exchange->remaining <= HTTP_CLIENT_DRAIN_BYTES_MAX;
}

void http_client_close(struct http_client_exchange *exchange)
{
    struct error error;
    http_client_skip_received(exchange);
    if (is_worth_draining(exchange) && !fiber_is_cancelled() && fiber_spawn("drain", drain, exchange, &error))
        return;
    finish(exchange);
}
