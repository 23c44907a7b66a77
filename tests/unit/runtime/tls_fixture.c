/* tests/unit/runtime/tls_fixture.c -- a TLS server that echoes, and OpenSSL's own client. */
#include "tests/unit/runtime/tls_fixture.h"

#include "runtime/io/io.h"
#include "runtime/stream/listener.h"
#include "tests/unit/runtime/fixture.h"

#include <arpa/inet.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

char folder[] = "/tmp/bale-tls-XXXXXX";
char certificate_path[64];
char key_path[64];

/* ---- certificates ---- */

void make_folder(void)
{
    ck_assert_ptr_nonnull(mkdtemp(folder));
    (void)snprintf(certificate_path, sizeof certificate_path, "%s/cert.pem", folder);
    (void)snprintf(key_path, sizeof key_path, "%s/key.pem", folder);
    write_certificate(certificate_path, key_path, NULL, -60, DAY_SECONDS);
}

void remove_folder(void)
{
    (void)unlink(certificate_path);
    (void)unlink(key_path);
    (void)rmdir(folder);
    memcpy(folder + sizeof folder - 7, "XXXXXX", 6);
}

/* ---- the server: greets plain speakers, echoes, parks between lines ---- */

enum { HANG_MS = 60000 };

struct tls_server *server;
static struct listener *listener;
static uint16_t port;
struct loop *serving;
unsigned parked;
uint64_t handshake_ms = HANG_MS;
uint64_t record_ms = HANG_MS;

static void end_stream(void *argument)
{
    stream_close(argument);
    listener_connection_ended(listener);
}

static void echo_some(void *argument)
{
    struct stream *stream = argument;
    static uint8_t bytes[100000];
    struct error error;
    size_t size = 0;
    bool received = stream_receive(stream, bytes, sizeof bytes, record_ms, &size, &error);
    if (!received || size == 0) {
        end_stream(stream);
        return;
    }
    struct span pieces[2] = {span_of(bytes, 1), span_of(bytes + 1, size - 1)};
    if (!stream_send(stream, pieces, 2, HANG_MS, &error)) {
        end_stream(stream);
        return;
    }
    parked++;
    stream_park(stream, HANG_MS, echo_some, end_stream, stream);
}

static void accept_stream(void *argument)
{
    struct stream *stream = argument;
    struct error error;
    if (!stream_secure(stream, server, handshake_ms, &error)) {
        struct span sentence = SPAN("speak TLS");
        if (error.kind == ERROR_INVALID)
            (void)stream_send(stream, &sentence, 1, 1000, &error);
        end_stream(stream);
        return;
    }
    ck_assert(stream_is_secure(stream));
    echo_some(stream);
}

/* Runs the client on its thread while the loop serves. */
struct client {
    void *(*run)(void *unused);
    int done[2];
};

static void serve_one_client(void *argument)
{
    struct client *client = argument;
    struct error error;
    int fd;
    ck_assert(listener_bind("127.0.0.1:0", 1, &fd, &port, &error));
    listener = listener_start(fd, 100, accept_stream, &error);
    serving = loop_current();
    pthread_t thread;
    ck_assert_int_eq(pthread_create(&thread, NULL, client->run, NULL), 0);
    void *result;
    while (pthread_tryjoin_np(thread, &result) != 0)
        (void)io_sleep_until(deadline_after_ms(2));
    while (listener_connections(listener) > 0)
        (void)io_sleep_until(deadline_after_ms(2));
    listener_close(listener);
    ck_assert_msg(result == NULL, "%s", (const char *)result);
}

void serve(void *(*run)(void *unused))
{
    struct error error;
    make_folder();
    server = tls_server_create(certificate_path, key_path, &error);
    ck_assert_msg(server != NULL, "%s", error.message);
    struct client client = {.run = run};
    run_on_loop(serve_one_client, &client);
    tls_server_destroy(server);
    remove_folder();
}

/* ---- the client; each returns NULL or what went wrong ---- */

int dial(void)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    return connect(fd, (struct sockaddr *)&address, sizeof address) == 0 ? fd : -1;
}

/* Takes the session over. */
SSL *dial_secure(SSL_CTX *context, SSL_SESSION *session)
{
    SSL *ssl = SSL_new(context);
    SSL_set_fd(ssl, dial());
    if (session != NULL)
        SSL_set_session(ssl, session);
    SSL_SESSION_free(session);
    if (SSL_connect(ssl) == 1)
        return ssl;
    close(SSL_get_fd(ssl));
    SSL_free(ssl);
    return NULL;
}

void hang_up(SSL *ssl)
{
    int fd = SSL_get_fd(ssl);
    SSL_shutdown(ssl);
    SSL_free(ssl);
    close(fd);
}

bool echoes(SSL *ssl, const uint8_t *bytes, size_t size)
{
    uint8_t *answer = malloc(size);
    size_t wrote = 0;
    size_t read = 0;
    bool works = true;
    while (works && read < size) { /* at most 64 KiB ahead, so that neither side waits for the other for ever */
        size_t ahead = size - wrote < 65536 ? size - wrote : 65536;
        if (ahead > 0)
            works = SSL_write(ssl, bytes + wrote, (int)ahead) == (int)ahead;
        wrote += ahead;
        while (works && read < wrote) {
            int got = SSL_read(ssl, answer + read, (int)(wrote - read));
            works = got > 0;
            read += works ? (size_t)got : 0;
        }
    }
    works = works && memcmp(answer, bytes, size) == 0;
    free(answer);
    return works;
}
