/* tests/unit/runtime/asking_test.c -- streams of the side that asks: keeping them, taking them back, and answers that
 * come before the question is out. Each plain and over TLS. */
#include "runtime/io/io.h"
#include "runtime/stream/dial.h"
#include "runtime/stream/listener.h"
#include "runtime/stream/tls.h"
#include "tests/unit/runtime/certificates.h"
#include "tests/unit/runtime/fixture.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { BULK_BYTES = 32 << 20 };

static struct error error;
static struct tls_server *server;
static struct tls_client *client;
static struct listener *listener;
static struct dialer *dialer;
static uint16_t port;
static struct stream *theirs; /* the accepted end of the newest connection */

static void accept_one(void *argument)
{
    struct stream *stream = argument;
    struct error mine;
    if (server == NULL || stream_secure(stream, server, 1000, &mine))
        theirs = stream;
}

static struct stream *reach(void)
{
    theirs = NULL;
    struct stream *stream = dialer_connect(dialer, "127.0.0.1", port, deadline_after_ms(30000), &error);
    ck_assert_msg(stream != NULL, "%s", error.message);
    if (server != NULL)
        ck_assert_msg(stream_secure_to(stream, client, "127.0.0.1", deadline_after_ms(30000), &error), "%s",
                      error.message);
    while (theirs == NULL)
        (void)io_sleep_until(deadline_after_ms(1));
    return stream;
}

static void they_end(void)
{
    stream_drop(theirs);
    listener_connection_ended(listener);
}

static void they_say(const char *text)
{
    struct span said = span_from_string(text);
    ck_assert(stream_send(theirs, &said, 1, 1000, &error));
}

static void (*body_of_test)(void);

static void run_body(void *unused)
{
    (void)unused;
    int fd;
    ck_assert(listener_bind("127.0.0.1:0", 1, &fd, &port, &error));
    listener = listener_start(fd, 100, accept_one, &error);
    dialer = dialer_create(NULL);
    body_of_test();
    listener_close(listener);
    dialer_destroy(dialer);
}

static void plain_and_secure(void (*body)(void))
{
    char folder[] = "/tmp/bale-asking-XXXXXX";
    char certificate[64];
    char key[64];
    body_of_test = body;
    run_on_loop(run_body, NULL);
    ck_assert_ptr_nonnull(mkdtemp(folder));
    (void)snprintf(certificate, sizeof certificate, "%s/cert.pem", folder);
    (void)snprintf(key, sizeof key, "%s/key.pem", folder);
    write_certificate(certificate, key, "IP:127.0.0.1", -60, DAY_SECONDS);
    server = tls_server_create(certificate, key, &error);
    client = tls_client_create(certificate, &error);
    ck_assert_msg(server != NULL && client != NULL, "%s", error.message);
    run_on_loop(run_body, NULL);
    tls_client_destroy(client);
    tls_server_destroy(server);
    (void)unlink(certificate);
    (void)unlink(key);
    (void)rmdir(folder);
}

/* ---- keeping ---- */

static unsigned expired_count;

static void drop(void *stream)
{
    ck_assert_ptr_null(fiber_current());
    expired_count++;
    stream_drop(stream);
}

static void keeping(void)
{
    char byte;
    size_t size;
    expired_count = 0;
    struct stream *stream = reach();
    stream_keep(stream, 10000, drop, stream); /* over TLS, a ticket is waiting to be read */
    (void)io_sleep_until(deadline_after_ms(20));
    ck_assert(stream_reuse(stream, true));
    they_say("x");
    ck_assert(stream_receive(stream, &byte, 1, 1000, &size, &error) && size == 1 && byte == 'x');
    stream_keep(stream, 10000, drop, stream);
    ck_assert(stream_reuse(stream, true));
    stream_keep(stream, 10000, drop, stream);
    they_say("unasked");
    (void)io_sleep_until(deadline_after_ms(20));
    ck_assert(!stream_reuse(stream, true));
    stream_drop(stream);
    they_end();

    stream = reach();
    stream_keep(stream, 10000, drop, stream);
    they_end();
    (void)io_sleep_until(deadline_after_ms(20));
    ck_assert(!stream_reuse(stream, true));
    stream_drop(stream);

    stream = reach();
    stream_keep(stream, 30, drop, stream);
    ck_assert(stream_receive(theirs, &byte, 1, 1000, &size, &error));
    ck_assert_uint_eq(size, 0); /* closed in order */
    ck_assert_uint_eq(expired_count, 1);
    they_end();
    stream = reach();
    stream_keep(stream, 10000, drop, stream);
    they_end();
    loop_stop(loop_current(), deadline_after_ms(2000)); /* the kept one expires at once */
    while (expired_count < 2)
        (void)io_sleep_until(deadline_after_ms(1));
}

START_TEST(kept_streams_come_back_expire_or_turn_out_closed)
{
    plain_and_secure(keeping);
}
END_TEST

/* ---- sending, with an eye on what comes back ---- */

static uint8_t *bulk;
static size_t they_received;

static void they_read_all(void *unused)
{
    (void)unused;
    static uint8_t bytes[70000];
    struct error mine;
    size_t size;
    while (they_received < BULK_BYTES && stream_receive(theirs, bytes, sizeof bytes, 1000, &size, &mine) && size > 0) {
        ck_assert_mem_eq(bytes, bulk + they_received, size);
        they_received += size;
    }
}

static void whole(void)
{
    size_t sent;
    bool answered;
    struct stream *stream = reach();
    struct span pieces[3] = {span_of(bulk, 10), span_of(bulk + 10, BULK_BYTES / 2), SPAN_EMPTY};
    pieces[2] = span_of(bulk + 10 + BULK_BYTES / 2, BULK_BYTES / 2 - 10);
    they_received = 0;
    spawn("read", they_read_all, NULL);
    ck_assert_msg(stream_send_watching(stream, pieces, 3, 1000, &sent, &answered, &error), "%s", error.message);
    ck_assert(sent == BULK_BYTES && !answered);
    while (they_received < BULK_BYTES)
        (void)io_sleep_until(deadline_after_ms(1));
    stream_drop(stream);
    they_end();
}

START_TEST(sends_everything_when_nobody_interrupts)
{
    plain_and_secure(whole);
}
END_TEST

static void they_answer_soon(void *unused)
{
    (void)unused;
    (void)io_sleep_until(deadline_after_ms(30));
    they_say("enough");
}

static void interrupted(void)
{
    char answer[16];
    size_t size;
    size_t sent;
    bool answered;
    struct stream *stream = reach();
    struct span piece = span_of(bulk, BULK_BYTES);
    spawn("answer", they_answer_soon, NULL);
    ck_assert_msg(stream_send_watching(stream, &piece, 1, 1000, &sent, &answered, &error), "%s", error.message);
    ck_assert(sent > 0 && sent < BULK_BYTES && answered);
    ck_assert(stream_receive(stream, answer, sizeof answer, 1000, &size, &error));
    ck_assert_uint_eq(size, 6);

    /* The sending can go on. */
    they_received = 0;
    spawn("read", they_read_all, NULL);
    for (size_t total = sent; total < BULK_BYTES || answered; total += sent) {
        piece = span_of(bulk + total, BULK_BYTES - total);
        ck_assert_msg(stream_send_watching(stream, &piece, 1, 1000, &sent, &answered, &error), "%s", error.message);
    }
    while (they_received < BULK_BYTES)
        (void)io_sleep_until(deadline_after_ms(1));
    stream_abort(stream);
    they_end();
}

START_TEST(an_answer_ends_the_sending)
{
    plain_and_secure(interrupted);
}
END_TEST

static void stuck(void)
{
    size_t sent;
    bool answered;
    struct stream *stream = reach();
    struct span piece = span_of(bulk, BULK_BYTES);
    ck_assert(!stream_send_watching(stream, &piece, 1, 100, &sent, &answered, &error));
    ck_assert_int_eq(error.kind, ERROR_TIMED_OUT);
    ck_assert_uint_lt(sent, BULK_BYTES);
    stream_abort(stream);
    they_end();

    stream = reach();
    stream_abort(theirs);
    listener_connection_ended(listener);
    (void)io_sleep_until(deadline_after_ms(20));
    ck_assert(!stream_send_watching(stream, &piece, 1, 100, &sent, &answered, &error));
    ck_assert_int_eq(error.kind, ERROR_CLOSED);
    ck_assert_uint_eq(sent, 0); /* the peer cannot have seen any of it */
    stream_abort(stream);
}

START_TEST(a_peer_that_does_not_read_or_is_gone_is_an_error)
{
    plain_and_secure(stuck);
}
END_TEST

int main(void)
{
    bulk = malloc(BULK_BYTES);
    for (size_t i = 0; i < BULK_BYTES; i++)
        bulk[i] = (uint8_t)(i * 2654435761U >> 13);
    Suite *suite = suite_create("asking");
    TCase *cases = tcase_create("streams");
    tcase_set_timeout(cases, 60);
    tcase_add_test(cases, kept_streams_come_back_expire_or_turn_out_closed);
    tcase_add_test(cases, sends_everything_when_nobody_interrupts);
    tcase_add_test(cases, an_answer_ends_the_sending);
    tcase_add_test(cases, a_peer_that_does_not_read_or_is_gone_is_an_error);
    suite_add_tcase(suite, cases);
    int status = run_suite(suite);
    free(bulk);
    return status;
}
