/* tests/unit/runtime/tls_peers_test.c -- TLS streams against peers that are up to something: storms, renegotiation,
 * broken records and those that trickle, bursts. */
#include "tests/unit/runtime/tls_fixture.h"

#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { KEY_UPDATES = 3000 };

/* Key updates that ask for an answer, sent in bulk and without reading: they cost the server more than the client. The
 * connection still works, and another one is served while they are worked off. */
static void *storm_of_key_updates(void *unused)
{
    (void)unused;
    SSL_CTX *context = SSL_CTX_new(TLS_client_method());
    SSL *quiet = dial_secure(context, NULL);
    SSL *storm = dial_secure(context, NULL);
    if (storm == NULL || quiet == NULL || !echoes(storm, (const uint8_t *)"before", 6))
        return "connections";
    for (unsigned i = 0; i < KEY_UPDATES; i++) {
        if (SSL_key_update(storm, SSL_KEY_UPDATE_REQUESTED) != 1 || SSL_do_handshake(storm) != 1)
            return "key update";
    }
    if (!echoes(quiet, (const uint8_t *)"meanwhile", 9))
        return "the other connection starves";
    if (!echoes(storm, (const uint8_t *)"after", 5))
        return "the connection is lost";
    hang_up(storm);
    hang_up(quiet);
    SSL_CTX_free(context);
    return NULL;
}

START_TEST(bears_a_storm_of_key_updates)
{
    serve(storm_of_key_updates);
}
END_TEST

static void *renegotiation(void *unused)
{
    (void)unused;
    SSL_CTX *context = SSL_CTX_new(TLS_client_method());
    SSL_CTX_set_max_proto_version(context, TLS1_2_VERSION);
    SSL *ssl = dial_secure(context, NULL);
    if (ssl == NULL)
        return "connection";
    if (SSL_renegotiate(ssl) == 1 && SSL_do_handshake(ssl) == 1)
        return "it was renegotiated";
    close(SSL_get_fd(ssl));
    SSL_free(ssl);
    SSL_CTX_free(context);
    return NULL;
}

START_TEST(refuses_to_renegotiate)
{
    serve(renegotiation);
}
END_TEST

/* What SSL_write makes of the bytes is caught and sent by hand. */
static size_t encrypt(SSL *ssl, const void *bytes, size_t size, uint8_t *ret_record, size_t capacity)
{
    BIO *wire = SSL_get_wbio(ssl);
    BIO *caught = BIO_new(BIO_s_mem());
    BIO_up_ref(wire);
    SSL_set0_wbio(ssl, caught);
    (void)SSL_write(ssl, bytes, (int)size);
    int record_size = BIO_read(caught, ret_record, (int)capacity);
    SSL_set0_wbio(ssl, wire);
    return record_size > 0 ? (size_t)record_size : 0;
}

/* A record that comes byte by byte is answered when it is whole; one that never becomes whole ends the connection
 * although bytes arrive all the time (the next test). */
static void *record_byte_by_byte(void *unused)
{
    (void)unused;
    uint8_t record[256];
    char answer[8];
    SSL_CTX *context = SSL_CTX_new(TLS_client_method());
    SSL *ssl = dial_secure(context, NULL);
    if (ssl == NULL)
        return "connection";
    for (unsigned round = 0; round < 3; round++) {
        size_t size = encrypt(ssl, "hello", 5, record, sizeof record);
        for (size_t i = 0; i < size; i++) {
            if (write(SSL_get_fd(ssl), record + i, 1) != 1)
                return "write";
            (void)usleep(500);
        }
        size_t read = 0;
        while (read < 5) {
            int got = SSL_read(ssl, answer + read, (int)(5 - read));
            if (got <= 0)
                return "no answer";
            read += (size_t)got;
        }
        if (memcmp(answer, "hello", 5) != 0)
            return "wrong answer";
    }
    hang_up(ssl);
    SSL_CTX_free(context);
    return NULL;
}

START_TEST(takes_records_byte_by_byte)
{
    serve(record_byte_by_byte);
}
END_TEST

static void *endless_record(void *unused)
{
    (void)unused;
    SSL_CTX *context = SSL_CTX_new(TLS_client_method());
    SSL *ssl = dial_secure(context, NULL);
    if (ssl == NULL)
        return "connection";
    uint8_t header[] = {23, 3, 3, 0x40, 0}; /* 16 KiB are announced */
    if (write(SSL_get_fd(ssl), header, sizeof header) != sizeof header)
        return "write";
    for (unsigned ms = 0; ms < 12000; ms += 100) {
        if (send(SSL_get_fd(ssl), header, 1, MSG_NOSIGNAL) != 1) {
            SSL_free(ssl);
            SSL_CTX_free(context);
            return NULL;
        }
        (void)usleep(100 * 1000);
    }
    return "a record may trickle for ever";
}

START_TEST(ends_records_that_trickle)
{
    record_ms = 2000;
    serve(endless_record);
}
END_TEST

/* Garbage behind a good handshake, and a FIN in the middle of a record. */
static void *broken_records(void *unused)
{
    (void)unused;
    SSL_CTX *context = SSL_CTX_new(TLS_client_method());
    static const uint8_t garbage[] = {23, 3, 3, 0, 32, 1, 2, 3, 4, 5, 6, 7, 8, 9, 0, 1, 2, 3, 4,
                                      5,  6, 7, 8, 9,  0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 0, 1, 2};
    for (size_t size = 1; size <= sizeof garbage; size += 6) {
        SSL *ssl = dial_secure(context, NULL);
        char answer[256];
        if (ssl == NULL)
            return "connection";
        if (write(SSL_get_fd(ssl), garbage, size) != (ssize_t)size || shutdown(SSL_get_fd(ssl), SHUT_WR) != 0)
            return "write";
        while (read(SSL_get_fd(ssl), answer, sizeof answer) > 0) {
        }
        close(SSL_get_fd(ssl));
        SSL_free(ssl);
    }
    SSL_CTX_free(context);
    return NULL;
}

START_TEST(ends_broken_records)
{
    serve(broken_records);
}
END_TEST

/* The peer says close_notify and still wants its answer. */
static void *half_close(void *unused)
{
    (void)unused;
    char answer[16];
    SSL_CTX *context = SSL_CTX_new(TLS_client_method());
    SSL *ssl = dial_secure(context, NULL);
    if (ssl == NULL || SSL_write(ssl, "question", 8) != 8 || SSL_shutdown(ssl) < 0)
        return "connection";
    size_t read = 0;
    int got;
    while (read < 8 && (got = SSL_read(ssl, answer + read, (int)(8 - read))) > 0)
        read += (size_t)got;
    bool is_whole = read == 8 && memcmp(answer, "question", 8) == 0;
    close(SSL_get_fd(ssl));
    SSL_free(ssl);
    SSL_CTX_free(context);
    return is_whole ? NULL : "the answer did not come behind close_notify";
}

START_TEST(answers_behind_close_notify)
{
    serve(half_close);
}
END_TEST

/* First a byte of every ClientHello, then the rest of all: no turn of the loop may take more than its share. */
enum { BURST = 64 };

static void *burst_of_handshakes(void *unused)
{
    (void)unused;
    SSL_CTX *context = SSL_CTX_new(TLS_client_method());
    static uint8_t hello[BURST][1024];
    SSL *sessions[BURST];
    int sizes[BURST];
    for (unsigned i = 0; i < BURST; i++) {
        sessions[i] = SSL_new(context);
        BIO *caught = BIO_new(BIO_s_mem());
        SSL_set_bio(sessions[i], BIO_new_socket(dial(), BIO_CLOSE), caught);
        SSL_set_connect_state(sessions[i]);
        (void)fcntl((int)SSL_get_rfd(sessions[i]), F_SETFL, O_NONBLOCK);
        (void)SSL_do_handshake(sessions[i]);
        sizes[i] = BIO_read(caught, hello[i], sizeof hello[i]);
        (void)fcntl((int)SSL_get_rfd(sessions[i]), F_SETFL, 0);
        if (sizes[i] <= 1 || write(SSL_get_rfd(sessions[i]), hello[i], 1) != 1)
            return "hello";
        SSL_set0_wbio(sessions[i], BIO_new_socket(SSL_get_rfd(sessions[i]), BIO_NOCLOSE));
    }
    (void)usleep(20 * 1000);
    uint64_t before = atomic_load(&loop_counters(serving)->turns);
    for (unsigned i = 0; i < BURST; i++) {
        if (write(SSL_get_rfd(sessions[i]), hello[i] + 1, (size_t)sizes[i] - 1) != sizes[i] - 1)
            return "rest of hello";
    }
    for (unsigned i = 0; i < BURST; i++) {
        if (SSL_connect(sessions[i]) != 1 || !echoes(sessions[i], (const uint8_t *)"hi", 2))
            return "handshake";
    }
    uint64_t turns = atomic_load(&loop_counters(serving)->turns) - before;
    for (unsigned i = 0; i < BURST; i++)
        SSL_free(sessions[i]);
    SSL_CTX_free(context);
    return turns >= BURST / 4 ? NULL : "too many handshakes in a turn";
}

START_TEST(shares_turns_among_handshakes)
{
    serve(burst_of_handshakes);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("runtime-tls-peers");
    TCase *cases = tcase_create("tls peers");
    tcase_set_timeout(cases, 30);
    tcase_add_test(cases, bears_a_storm_of_key_updates);
    tcase_add_test(cases, refuses_to_renegotiate);
    tcase_add_test(cases, takes_records_byte_by_byte);
    tcase_add_test(cases, ends_records_that_trickle);
    tcase_add_test(cases, ends_broken_records);
    tcase_add_test(cases, answers_behind_close_notify);
    tcase_add_test(cases, shares_turns_among_handshakes);
    suite_add_tcase(suite, cases);
    return run_suite(suite);
}
