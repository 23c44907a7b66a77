/* s3client/client.c -- one shard's client: its settings, its parts, their life. */
#include "runtime/base/assert.h"
#include "s3client/client_private.h"

#include <stdlib.h>

enum {
    KEPT_MS = 20 * 1000, /* no backend is known to close earlier, but some do */
    PATH_BYTES_MAX = 8 << 10,
    QUERY_BYTES_MAX = 16 << 10,
    TOKENS_AT_START = 100, /* ten repetitions */
};

static uint64_t or_default(uint64_t value, uint64_t usual)
{
    return value == 0 ? usual : value;
}

static void fill_in(struct s3_client_settings *settings)
{
    settings->requests_max = (unsigned)or_default(settings->requests_max, 256);
    settings->connections_kept_max = (unsigned)or_default(settings->connections_kept_max, 64);
    settings->connect_ms = or_default(settings->connect_ms, 3000);
    settings->first_byte_ms = or_default(settings->first_byte_ms, 10 * 1000);
    settings->first_byte_slow_ms = or_default(settings->first_byte_slow_ms, 600 * 1000);
    settings->progress_ms = or_default(settings->progress_ms, 30 * 1000);
    settings->queue_ms = or_default(settings->queue_ms, 30 * 1000);
    if (settings->random == NULL)
        settings->random = random_system();
}

struct s3_client *s3_client_create(struct s3_endpoint *endpoint, const struct s3_client_settings *settings)
{
    struct s3_client *client = calloc(1, sizeof *client);
    ASSERT(client != NULL);
    client->endpoint = endpoint;
    client->settings = *settings;
    fill_in(&client->settings);
    client->http = http_client_create(&(struct http_client_settings){
        .dialer = endpoint->dialer,
        .tls = endpoint->tls,
        .port = endpoint->port,
        .kept_max = client->settings.connections_kept_max,
        .kept_ms = KEPT_MS,
        .connect_ms = client->settings.connect_ms,
        .progress_ms = client->settings.progress_ms,
    });
    s3_window_init(&client->window, client->settings.requests_max, &client->counters);
    s3_signer_init(&client->signer, endpoint);
    buffer_init(&client->scratch.path, PATH_BYTES_MAX);
    buffer_init(&client->scratch.query, QUERY_BYTES_MAX);
    buffer_init(&client->scratch.signed_headers, S3_REQUEST_HEAD_BYTES_MAX);
    client->tokens = TOKENS_AT_START;
    return client;
}

void s3_client_destroy(struct s3_client *client)
{
    if (client == NULL)
        return;
    ASSERT(client->window.under_way == 0);
    http_client_destroy(client->http);
    s3_signer_free(&client->signer);
    buffer_free(&client->scratch.path);
    buffer_free(&client->scratch.query);
    buffer_free(&client->scratch.signed_headers);
    free(client);
}

struct s3_endpoint *s3_client_endpoint(const struct s3_client *client)
{
    return client->endpoint;
}

const struct s3_client_counters *s3_client_counters(const struct s3_client *client)
{
    return &client->counters;
}

const struct http_client_counters *s3_client_connection_counters(const struct s3_client *client)
{
    return http_client_counters(client->http);
}
