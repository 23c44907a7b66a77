/* tests/unit/runtime/tls_client_test.c -- whom a client believes, and what it says of those whom it does not. */
#include "runtime/io/io.h"
#include "runtime/stream/dial.h"
#include "runtime/stream/listener.h"
#include "runtime/stream/tls.h"
#include "tests/unit/runtime/certificates.h"
#include "tests/unit/runtime/fixture.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

static struct error error;
static char folder[] = "/tmp/bale-tls-client-XXXXXX";
static char certificate[64];
static char key[64];
static struct tls_server *server;
static struct listener *listener;
static struct dialer *dialer;
static uint16_t port;

/* ---- a server on the same loop ---- */

enum server_kind { ECHOES, PLAIN, SILENT, CLOSES };
static enum server_kind server_kind;

static void end_stream(struct stream *stream)
{
    stream_close(stream);
    listener_connection_ended(listener);
}

static void serve(void *argument)
{
    struct stream *stream = argument;
    struct error mine;
    char bytes[512];
    size_t size = 0;
    struct span sentence = SPAN("HTTP/1.1 400 Bad Request\r\n\r\n");
    if (server_kind == SILENT)
        (void)io_sleep_until(deadline_after_ms(5000));
    if (server_kind == PLAIN && stream_receive(stream, bytes, sizeof bytes, 1000, &size, &mine))
        (void)stream_send(stream, &sentence, 1, 1000, &mine);
    if (server_kind == ECHOES && stream_secure(stream, server, 1000, &mine)) {
        while (stream_receive(stream, bytes, sizeof bytes, 1000, &size, &mine) && size > 0) {
            struct span echo = span_of(bytes, size);
            (void)stream_send(stream, &echo, 1, 1000, &mine);
        }
    }
    end_stream(stream);
}

static void (*body_of_test)(void);

static void run_body(void *unused)
{
    (void)unused;
    int fd;
    ck_assert(listener_bind("127.0.0.1:0", 1, &fd, &port, &error));
    listener = listener_start(fd, 100, serve, &error);
    dialer = dialer_create(NULL);
    body_of_test();
    while (listener_connections(listener) > 0)
        (void)io_sleep_until(deadline_after_ms(2));
    listener_close(listener);
    dialer_destroy(dialer);
}

/* With a server whose certificate is for `names`. */
static void on_loop(const char *names, long valid_until, void (*body)(void))
{
    ck_assert_ptr_nonnull(mkdtemp(folder));
    (void)snprintf(certificate, sizeof certificate, "%s/cert.pem", folder);
    (void)snprintf(key, sizeof key, "%s/key.pem", folder);
    write_certificate(certificate, key, names, -60, valid_until);
    server = tls_server_create(certificate, key, &error);
    ck_assert_msg(server != NULL, "%s", error.message);
    body_of_test = body;
    run_on_loop(run_body, NULL);
    tls_server_destroy(server);
    (void)unlink(certificate);
    (void)unlink(key);
    (void)rmdir(folder);
}

/* ---- the client ---- */

static struct stream *reach(struct tls_client *client, const char *host, uint64_t ms)
{
    struct stream *stream = dialer_connect(dialer, "127.0.0.1", port, deadline_after_ms(30000), &error);
    ck_assert_msg(stream != NULL, "%s", error.message);
    if (stream_secure_to(stream, client, host, deadline_after_ms(ms), &error))
        return stream;
    stream_abort(stream);
    return NULL;
}

static bool echoes(struct stream *stream)
{
    char bytes[16];
    size_t size = 0;
    struct span question = SPAN("question");
    return stream_send(stream, &question, 1, 1000, &error) &&
           stream_receive(stream, bytes, sizeof bytes, 1000, &size, &error) &&
           span_equal(span_of(bytes, size), question);
}

static void expect_refusal(struct tls_client *client, const char *host, enum error_kind kind, const char *words)
{
    ck_assert_ptr_null(reach(client, host, 1000));
    ck_assert_msg(error.kind == kind && strstr(error.message, words) != NULL, "%d: %s", error.kind, error.message);
}

static void believed(void)
{
    struct tls_client *client = tls_client_create(certificate, &error);
    ck_assert_msg(client != NULL, "%s", error.message);
    static const char *const hosts[] = {"bale.test", "127.0.0.1", "any.wild.test"};
    for (unsigned i = 0; i < 3; i++) {
        struct stream *stream = reach(client, hosts[i], 1000);
        ck_assert_msg(stream != NULL, "%s: %s", hosts[i], error.message);
        ck_assert(stream_is_secure(stream) && !stream_is_resumed(stream));
        ck_assert_msg(echoes(stream), "%s", error.message);
        stream_close(stream);
    }
    for (unsigned i = 0; i < 3; i++) { /* each has left a session */
        struct stream *stream = reach(client, hosts[i], 1000);
        ck_assert_msg(stream != NULL, "%s", error.message);
        ck_assert(stream_is_resumed(stream));
        ck_assert(echoes(stream));
        stream_close(stream);
    }
    expect_refusal(client, "other.test", ERROR_DENIED, "another host");
    expect_refusal(client, "a.b.wild.test", ERROR_DENIED, "another host");
    expect_refusal(client, "127.0.0.2", ERROR_DENIED, "another host");
    tls_client_destroy(client);
}

START_TEST(believes_the_right_name_and_takes_sessions_up)
{
    on_loop("DNS:bale.test,DNS:*.wild.test,IP:127.0.0.1", DAY_SECONDS, believed);
}
END_TEST

static void unknown(void)
{
    struct tls_client *client = tls_client_create(NULL, &error);
    ck_assert_msg(client != NULL, "%s", error.message);
    expect_refusal(client, "bale.test", ERROR_DENIED, "self-signed");
    tls_client_destroy(client);
}

START_TEST(does_not_believe_strangers)
{
    on_loop("DNS:bale.test", DAY_SECONDS, unknown);
}
END_TEST

static void expired(void)
{
    struct tls_client *client = tls_client_create(certificate, &error);
    (void)io_sleep_until(deadline_after_ms(2100));
    expect_refusal(client, "bale.test", ERROR_DENIED, "expired");
    tls_client_destroy(client);
}

START_TEST(does_not_believe_what_has_expired)
{
    on_loop("DNS:bale.test", 1, expired);
}
END_TEST

static void no_tls(void)
{
    struct tls_client *client = tls_client_create(certificate, &error);
    server_kind = PLAIN;
    expect_refusal(client, "bale.test", ERROR_INVALID, "does not speak TLS");
    server_kind = CLOSES;
    expect_refusal(client, "bale.test", ERROR_CLOSED, "");
    server_kind = SILENT;
    uint64_t before = loop_now_ns();
    ck_assert_ptr_null(reach(client, "bale.test", 60));
    ck_assert_int_eq(error.kind, ERROR_TIMED_OUT);
    ck_assert_uint_lt(loop_now_ns() - before, 4500 * 1000000ULL);
    tls_client_destroy(client);
}

START_TEST(says_what_is_no_tls)
{
    on_loop("DNS:bale.test", DAY_SECONDS, no_tls);
}
END_TEST

START_TEST(refuses_files_without_authorities)
{
    char path[] = "/tmp/bale-tls-authorities-XXXXXX";
    int fd = mkstemp(path);
    ck_assert_int_eq(write(fd, "no PEM\n", 7), 7);
    (void)close(fd);
    ck_assert_ptr_null(tls_client_create(path, &error));
    ck_assert_ptr_nonnull(strstr(error.message, path));
    (void)unlink(path);
    ck_assert_ptr_null(tls_client_create(path, &error));
    ck_assert_ptr_nonnull(strstr(error.message, "No such file"));
    (void)setenv("SSL_CERT_FILE", path, 1);
    (void)setenv("SSL_CERT_DIR", path, 1);
    ck_assert_ptr_null(tls_client_create(NULL, &error));
    ck_assert_ptr_nonnull(strstr(error.message, "ca-certificates"));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("tls-client");
    TCase *cases = tcase_create("client");
    tcase_set_timeout(cases, 30);
    tcase_add_test(cases, believes_the_right_name_and_takes_sessions_up);
    tcase_add_test(cases, does_not_believe_strangers);
    tcase_add_test(cases, does_not_believe_what_has_expired);
    tcase_add_test(cases, says_what_is_no_tls);
    tcase_add_test(cases, refuses_files_without_authorities);
    suite_add_tcase(suite, cases);
    return run_suite(suite);
}
