/* tests/unit/runtime/tls_test.c -- TLS streams against OpenSSL's own client, over real sockets.
 *
 * The client is blocking and runs on a thread of its own; certificates are made here, so that nothing expires. */
#include "tests/unit/runtime/fixture.h"

#include "runtime/io.h"
#include "runtime/listener.h"
#include "runtime/tls.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { DAY_SECONDS = 24 * 3600, BULK_BYTES = 3 << 20, KEY_UPDATES = 3000 };

static char folder[] = "/tmp/bale-tls-XXXXXX";
static char certificate_path[64];
static char key_path[64];

/* ---- certificates ---- */

static EVP_PKEY *write_pair(const char *certificate_file, const char *key_file, long valid_from, long valid_until)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *certificate = X509_new();
    ck_assert(key != NULL && certificate != NULL);
    X509_gmtime_adj(X509_getm_notBefore(certificate), valid_from);
    X509_gmtime_adj(X509_getm_notAfter(certificate), valid_until);
    X509_set_pubkey(certificate, key);
    X509_NAME_add_entry_by_txt(X509_get_subject_name(certificate), "CN", MBSTRING_ASC, (const uint8_t *)"localhost", -1,
                               -1, 0);
    X509_set_issuer_name(certificate, X509_get_subject_name(certificate));
    ck_assert_int_gt(X509_sign(certificate, key, EVP_sha256()), 0);
    FILE *file = fopen(certificate_file, "w");
    ck_assert_int_eq(PEM_write_X509(file, certificate), 1);
    fclose(file);
    file = fopen(key_file, "w");
    ck_assert_int_eq(PEM_write_PrivateKey(file, key, NULL, NULL, 0, NULL, NULL), 1);
    fclose(file);
    X509_free(certificate);
    return key;
}

static void make_folder(void)
{
    ck_assert_ptr_nonnull(mkdtemp(folder));
    (void)snprintf(certificate_path, sizeof certificate_path, "%s/cert.pem", folder);
    (void)snprintf(key_path, sizeof key_path, "%s/key.pem", folder);
    EVP_PKEY_free(write_pair(certificate_path, key_path, -60, DAY_SECONDS));
}

static void remove_folder(void)
{
    (void)unlink(certificate_path);
    (void)unlink(key_path);
    (void)rmdir(folder);
    memcpy(folder + sizeof folder - 7, "XXXXXX", 6);
}

/* ---- the server: greets plain speakers, echoes, parks between lines ---- */

static struct tls_server *server;
static struct listener *listener;
static uint16_t port;
static struct loop *serving;
static unsigned parked;

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
    bool received = stream_receive(stream, bytes, sizeof bytes, 2000, &size, &error);
    if (!received || size == 0) {
        end_stream(stream);
        return;
    }
    struct span pieces[2] = {span_of(bytes, 1), span_of(bytes + 1, size - 1)};
    if (!stream_send(stream, pieces, 2, 2000, &error)) {
        end_stream(stream);
        return;
    }
    parked++;
    stream_park(stream, 5000, echo_some, end_stream, stream);
}

static void accept_stream(void *argument)
{
    struct stream *stream = argument;
    struct error error;
    if (!stream_secure(stream, server, 1000, &error)) {
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

static void serve(void *(*run)(void *unused))
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

static int dial(void)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    return connect(fd, (struct sockaddr *)&address, sizeof address) == 0 ? fd : -1;
}

/* Takes the session over. */
static SSL *dial_secure(SSL_CTX *context, SSL_SESSION *session)
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

static void hang_up(SSL *ssl)
{
    int fd = SSL_get_fd(ssl);
    SSL_shutdown(ssl);
    SSL_free(ssl);
    close(fd);
}

static bool echoes(SSL *ssl, const uint8_t *bytes, size_t size)
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

static char *echo_in_bulk(int version)
{
    SSL_CTX *context = SSL_CTX_new(TLS_client_method());
    SSL_CTX_set_max_proto_version(context, version);
    SSL *ssl = dial_secure(context, NULL);
    if (ssl == NULL)
        return "handshake";
    if (SSL_version(ssl) != version)
        return "version";
    uint8_t *bytes = malloc(BULK_BYTES);
    for (size_t i = 0; i < BULK_BYTES; i++)
        bytes[i] = (uint8_t)(i * 2654435761U >> 13);
    bool works = echoes(ssl, bytes, BULK_BYTES) && echoes(ssl, (const uint8_t *)"hello", 5);
    free(bytes);
    hang_up(ssl);
    SSL_CTX_free(context);
    return works ? NULL : "echo";
}

static void *bulk_over_1_3(void *unused)
{
    (void)unused;
    return echo_in_bulk(TLS1_3_VERSION);
}

static void *bulk_over_1_2(void *unused)
{
    (void)unused;
    return echo_in_bulk(TLS1_2_VERSION);
}

START_TEST(echoes_bulk_over_tls_1_3)
{
    serve(bulk_over_1_3);
    ck_assert_uint_gt(parked, 0);
}
END_TEST

START_TEST(echoes_bulk_over_tls_1_2)
{
    serve(bulk_over_1_2);
}
END_TEST

static void *old_version(void *unused)
{
    (void)unused;
    SSL_CTX *context = SSL_CTX_new(TLS_client_method());
    SSL_CTX_set_security_level(context, 0);
    SSL_CTX_set_min_proto_version(context, TLS1_VERSION);
    SSL_CTX_set_max_proto_version(context, TLS1_1_VERSION);
    SSL *ssl = dial_secure(context, NULL);
    SSL_CTX_free(context);
    return ssl == NULL ? NULL : "TLS 1.1 was accepted";
}

START_TEST(refuses_tls_1_1)
{
    serve(old_version);
}
END_TEST

static void *plain_text(void *unused)
{
    (void)unused;
    int fd = dial();
    char answer[64];
    static const char request[] = "GET / HTTP/1.1\r\nHost: here\r\n\r\n";
    if (write(fd, request, sizeof request - 1) < 0)
        return "write";
    ssize_t size = read(fd, answer, sizeof answer);
    close(fd);
    return size == 9 && memcmp(answer, "speak TLS", 9) == 0 ? NULL : "no plain sentence";
}

START_TEST(tells_plain_speakers)
{
    serve(plain_text);
}
END_TEST

static void *silence_and_garbage(void *unused)
{
    (void)unused;
    int silent = dial();
    int garbage = dial();
    static const uint8_t bytes[] = {0x16, 3, 1, 0, 5, 1, 2, 3, 4, 5};
    if (write(garbage, bytes, sizeof bytes) < 0)
        return "write";
    char answer[64];
    while (read(garbage, answer, sizeof answer) > 0) {
    }
    ssize_t size = read(silent, answer, sizeof answer); /* cut when handshake_ms have passed */
    close(silent);
    close(garbage);
    return size <= 0 ? NULL : "an answer to silence";
}

START_TEST(ends_handshakes_that_do_not_come)
{
    serve(silence_and_garbage);
}
END_TEST

static void *resume_after_reload(void *unused)
{
    (void)unused;
    SSL_CTX *context = SSL_CTX_new(TLS_client_method());
    SSL *first = dial_secure(context, NULL);
    if (first == NULL || !echoes(first, (const uint8_t *)"first", 5))
        return "first connection";
    EVP_PKEY_free(write_pair(certificate_path, key_path, -60, DAY_SECONDS));
    struct error error;
    if (!tls_server_load(server, &error))
        return "reload";
    if (!echoes(first, (const uint8_t *)"still here", 10))
        return "the old connection was dropped";
    SSL *resumed = dial_secure(context, SSL_get1_session(first));
    if (resumed == NULL || !SSL_session_reused(resumed) || !echoes(resumed, (const uint8_t *)"again", 5))
        return "the ticket was not honoured";
    SSL *fresh = dial_secure(context, NULL);
    if (fresh == NULL)
        return "a new connection";
    X509 *before = SSL_get1_peer_certificate(first);
    X509 *after = SSL_get1_peer_certificate(fresh);
    bool is_new = X509_cmp(before, after) != 0;
    X509_free(before);
    X509_free(after);
    hang_up(first);
    hang_up(resumed);
    hang_up(fresh);
    SSL_CTX_free(context);
    return is_new ? NULL : "the old certificate is still served";
}

START_TEST(reloads_without_dropping_a_connection)
{
    serve(resume_after_reload);
}
END_TEST

static void *resume_over_1_2(void *unused)
{
    (void)unused;
    SSL_CTX *context = SSL_CTX_new(TLS_client_method());
    SSL_CTX_set_max_proto_version(context, TLS1_2_VERSION);
    SSL *first = dial_secure(context, NULL);
    if (first == NULL || !echoes(first, (const uint8_t *)"first", 5))
        return "first connection";
    SSL *resumed = dial_secure(context, SSL_get1_session(first));
    bool is_reused = resumed != NULL && SSL_session_reused(resumed) && echoes(resumed, (const uint8_t *)"again", 5);
    hang_up(first);
    hang_up(resumed);
    SSL_CTX_free(context);
    return is_reused ? NULL : "the ticket was not honoured";
}

START_TEST(resumes_over_tls_1_2)
{
    serve(resume_over_1_2);
}
END_TEST

/* ---- peers that are up to something ---- */

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

/* ---- refusals at start ---- */

static void refuse(const char *certificate_file, const char *key_file, const char *named, const char *why)
{
    struct error error;
    ck_assert_ptr_null(tls_server_create(certificate_file, key_file, &error));
    ck_assert_msg(strstr(error.message, named) != NULL && strstr(error.message, why) != NULL, "%s", error.message);
}

START_TEST(names_the_file_that_is_wrong)
{
    make_folder();
    refuse("/nowhere/cert.pem", key_path, "/nowhere/cert.pem", "No such file");
    refuse(certificate_path, "/nowhere/key.pem", "/nowhere/key.pem", "No such file");
    refuse(key_path, key_path, key_path, "no usable PEM certificate");
    refuse(certificate_path, certificate_path, "TLS key", "no usable PEM key");
    char other_certificate[80];
    char other_key[80];
    (void)snprintf(other_certificate, sizeof other_certificate, "%s/other.pem", folder);
    (void)snprintf(other_key, sizeof other_key, "%s/other.key", folder);
    EVP_PKEY_free(write_pair(other_certificate, other_key, -2 * DAY_SECONDS, -DAY_SECONDS));
    refuse(other_certificate, other_key, other_certificate, "expired");
    EVP_PKEY_free(write_pair(other_certificate, other_key, DAY_SECONDS, 2 * DAY_SECONDS));
    refuse(other_certificate, other_key, other_certificate, "not valid yet");
    refuse(certificate_path, other_key, other_key, "does not belong to the certificate");
    (void)unlink(other_certificate);
    (void)unlink(other_key);
    remove_folder();
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("runtime-tls");
    TCase *cases = tcase_create("tls");
    tcase_set_timeout(cases, 30);
    tcase_add_test(cases, echoes_bulk_over_tls_1_3);
    tcase_add_test(cases, echoes_bulk_over_tls_1_2);
    tcase_add_test(cases, refuses_tls_1_1);
    tcase_add_test(cases, tells_plain_speakers);
    tcase_add_test(cases, ends_handshakes_that_do_not_come);
    tcase_add_test(cases, reloads_without_dropping_a_connection);
    tcase_add_test(cases, resumes_over_tls_1_2);
    tcase_add_test(cases, bears_a_storm_of_key_updates);
    tcase_add_test(cases, refuses_to_renegotiate);
    tcase_add_test(cases, takes_records_byte_by_byte);
    tcase_add_test(cases, ends_records_that_trickle);
    tcase_add_test(cases, ends_broken_records);
    tcase_add_test(cases, answers_behind_close_notify);
    tcase_add_test(cases, shares_turns_among_handshakes);
    tcase_add_test(cases, names_the_file_that_is_wrong);
    suite_add_tcase(suite, cases);
    return run_suite(suite);
}
