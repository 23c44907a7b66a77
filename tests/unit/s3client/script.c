/* tests/unit/s3client/script.c -- the scripted server and the client's fixture. */
#include "tests/unit/s3client/script.h"

#include "runtime/io/io.h"
#include "runtime/stream/listener.h"
#include "tests/unit/runtime/certificates.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { STEPS_MAX = 64, TEXTS_MAX = 128, WAIT_MS = 5000, PATIENCE_MS = 30000 };

struct seen script_seen[SEEN_MAX];
unsigned script_seen_count;
unsigned script_connections;
uint64_t script_sent_bytes;
struct s3_client *client;
struct s3_endpoint *endpoint;
struct s3_answer answer;
struct error error;
struct arena arena;
struct s3_endpoint_settings endpoint_settings;
struct s3_client_settings client_settings;
const struct s3_client_settings short_times = {.connect_ms = PATIENCE_MS,
                                               .first_byte_ms = 1500,
                                               .first_byte_slow_ms = 3000,
                                               .progress_ms = 1500,
                                               .queue_ms = 1500};

static struct step steps[STEPS_MAX];
static unsigned steps_count;
static unsigned next_step;
static struct listener *listener;
static struct tls_server *tls;
static uint16_t port;
static char *texts[TEXTS_MAX];
static unsigned texts_count;

void play(const struct step *given, unsigned count)
{
    ck_assert_uint_le(steps_count + count, STEPS_MAX);
    memcpy(steps + steps_count, given, count * sizeof *given);
    steps_count += count;
}

void expect_played(void)
{
    ck_assert_uint_eq(next_step, steps_count);
}

/* ---- one connection ---- */

struct connection {
    struct stream *stream;
    unsigned number;
    uint8_t bytes[64 << 10];
    size_t filled;
};

static bool receive(struct connection *connection)
{
    struct error mine;
    size_t size;
    if (!stream_receive(connection->stream, connection->bytes + connection->filled,
                        sizeof connection->bytes - connection->filled, WAIT_MS, &size, &mine))
        return false;
    connection->filled += size;
    return size > 0;
}

/* NULL: the connection has ended. */
static struct seen *read_head(struct connection *connection, size_t *ret_head_bytes)
{
    const uint8_t *end;
    while ((end = memmem(connection->bytes, connection->filled, "\r\n\r\n", 4)) == NULL) {
        if (!receive(connection))
            return NULL;
    }
    ck_assert_uint_lt(script_seen_count, SEEN_MAX);
    struct seen *seen = &script_seen[script_seen_count++];
    *ret_head_bytes = (size_t)(end - connection->bytes) + 4;
    ck_assert_uint_lt(*ret_head_bytes, sizeof seen->head);
    memset(seen, 0, sizeof *seen);
    memcpy(seen->head, connection->bytes, *ret_head_bytes);
    seen->connection = connection->number;
    return seen;
}

static void consume(struct connection *connection, size_t size)
{
    connection->filled -= size;
    memmove(connection->bytes, connection->bytes + size, connection->filled);
}

static bool read_body(struct connection *connection, struct seen *seen)
{
    const char *length = strstr(seen->head, "Content-Length: ");
    size_t size = length == NULL ? 0 : strtoul(length + 16, NULL, 10);
    while (seen->body_bytes < size) {
        if (connection->filled == 0 && !receive(connection))
            return false;
        size_t take = size - seen->body_bytes < connection->filled ? size - seen->body_bytes : connection->filled;
        for (size_t i = 0; i < take && seen->body_bytes + i < sizeof seen->body - 1; i++)
            seen->body[seen->body_bytes + i] = (char)connection->bytes[i];
        seen->body_bytes += take;
        consume(connection, take);
    }
    return true;
}

static bool say(struct connection *connection, const char *text, size_t size, unsigned piece_bytes)
{
    struct error mine;
    size_t step = piece_bytes == 0 ? 1 << 20 : piece_bytes;
    for (size_t at = 0; at < size; at += step) {
        struct span piece = span_take(span_of(text + at, size - at), step);
        if (!stream_send(connection->stream, &piece, 1, WAIT_MS, &mine))
            return false;
        script_sent_bytes += piece.size;
        if (piece_bytes > 0)
            (void)io_sleep_until(deadline_after_ms(1));
    }
    return true;
}

/* False: the connection is over. */
static bool take_step(struct connection *connection)
{
    size_t head_bytes;
    struct seen *seen = read_head(connection, &head_bytes);
    if (seen == NULL)
        return false;
    ck_assert_msg(next_step < steps_count, "nobody expected: %s", seen->head);
    const struct step *step = &steps[next_step++];
    consume(connection, head_bytes);
    if (step->reads == READ_WHOLE && !read_body(connection, seen))
        return false;
    if (step->delay_ms > 0)
        (void)io_sleep_until(deadline_after_ms(step->delay_ms));
    size_t size = step->size > 0 || step->answer == NULL ? step->size : strlen(step->answer);
    if (size > 0 && !say(connection, step->answer, size, step->piece_bytes))
        return false;
    if (step->then == THEN_READ_REST)
        return read_body(connection, seen) && say(connection, step->last_answer, strlen(step->last_answer), 0);
    while (step->then == THEN_STAY && script_seen_count > 0) {
        (void)io_sleep_until(deadline_after_ms(5));
        if (client == NULL)
            return false;
    }
    if (step->then == THEN_RESET) {
        stream_abort(connection->stream);
        connection->stream = NULL;
    }
    return step->then == THEN_KEEP;
}

static void serve(void *stream)
{
    struct error mine;
    struct connection *connection = calloc(1, sizeof *connection);
    connection->stream = stream;
    if (tls == NULL || stream_secure(stream, tls, 1000, &mine)) {
        connection->number = script_connections++;
        while (take_step(connection))
            ;
    }
    if (connection->stream != NULL)
        stream_drop(connection->stream);
    free(connection);
    listener_connection_ended(listener);
}

/* ---- around each test ---- */

static void (*body_of_test)(void);

static void run_body(void *unused)
{
    (void)unused;
    int fd;
    char url[64];
    ck_assert(listener_bind("127.0.0.1:0", 1, &fd, &port, &error));
    listener = listener_start(fd, 100, serve, &error);
    (void)snprintf(url, sizeof url, "%s://127.0.0.1:%u", tls == NULL ? "http" : "https", port);
    endpoint_settings.url = url;
    endpoint = s3_endpoint_create(&endpoint_settings, &error);
    ck_assert_msg(endpoint != NULL, "%s", error.message);
    client = s3_client_create(endpoint, &client_settings);
    arena_init(&arena, 16 << 20);
    body_of_test();
    arena_free(&arena);
    s3_client_destroy(client);
    client = NULL;
    while (listener_connections(listener) > 0)
        (void)io_sleep_until(deadline_after_ms(2));
    listener_close(listener);
    s3_endpoint_destroy(endpoint);
}

static void forget(void)
{
    memset(steps, 0, sizeof steps);
    steps_count = next_step = script_seen_count = script_connections = 0;
    script_sent_bytes = 0;
    while (texts_count > 0)
        free(texts[--texts_count]);
}

void on_script(bool is_secure, void (*body)(void))
{
    char folder[] = "/tmp/bale-script-XXXXXX";
    char certificate[64];
    char key[64];
    struct random_seeded state;
    struct random_source random = random_seeded(&state, 42);
    struct s3_credential_source *fixed = s3_credentials_create_static(SPAN("AKID"), SPAN("secret"), SPAN_EMPTY, &error);
    bool has_own = endpoint_settings.credentials != NULL;
    if (!has_own)
        endpoint_settings.credentials = fixed;
    if (client_settings.connect_ms == 0)
        client_settings = (struct s3_client_settings){.connect_ms = PATIENCE_MS,
                                                      .first_byte_ms = PATIENCE_MS,
                                                      .first_byte_slow_ms = PATIENCE_MS,
                                                      .progress_ms = PATIENCE_MS,
                                                      .queue_ms = PATIENCE_MS};
    client_settings.random = &random;
    body_of_test = body;
    if (is_secure) {
        ck_assert_ptr_nonnull(mkdtemp(folder));
        (void)snprintf(certificate, sizeof certificate, "%s/cert.pem", folder);
        (void)snprintf(key, sizeof key, "%s/key.pem", folder);
        write_certificate(certificate, key, "IP:127.0.0.1", -60, DAY_SECONDS);
        tls = tls_server_create(certificate, key, &error);
        endpoint_settings.ca_file = certificate;
    }
    run_on_loop(run_body, NULL);
    if (is_secure) {
        tls_server_destroy(tls);
        tls = NULL;
        endpoint_settings.ca_file = NULL;
        (void)unlink(certificate);
        (void)unlink(key);
        (void)rmdir(folder);
    }
    if (!has_own)
        endpoint_settings.credentials = NULL;
    s3_credentials_destroy(fixed);
    forget();
}

/* ---- texts ---- */

const char *http_text(int status, const char *fields, const char *body)
{
    ck_assert_uint_lt(texts_count, TEXTS_MAX);
    ck_assert_int_gt(asprintf(&texts[texts_count], "HTTP/1.1 %d Word\r\n%sContent-Length: %zu\r\n\r\n%s", status,
                              fields, strlen(body), body),
                     0);
    return texts[texts_count++];
}

const char *error_text(int status, const char *code)
{
    char body[256];
    (void)snprintf(body, sizeof body,
                   "<?xml version=\"1.0\"?>\n<Error><Code>%s</Code><Message>It is so.</Message></Error>", code);
    return http_text(status, "x-amz-request-id: 4711\r\n", body);
}

struct s3_call call_of(enum s3_kind kind, const char *key)
{
    return (struct s3_call){.kind = kind, .bucket = SPAN("box"), .key = span_from_string(key)};
}

bool get(const char *key, char *ret_text, size_t capacity)
{
    struct s3_call call = call_of(S3_GET_OBJECT, key);
    struct buffer body;
    buffer_init(&body, capacity - 1);
    bool ok = s3_client_call_whole(client, &call, &body, &answer, &error);
    if (ok) {
        memcpy(ret_text, body.data, body.size);
        ret_text[body.size] = '\0';
    }
    buffer_free(&body);
    return ok;
}
