/* tests/unit/runtime/tls_test.c -- TLS streams echo, resume, reload their certificates, and refuse what is no TLS. */
#include "tests/unit/runtime/tls_fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { BULK_BYTES = 3 << 20 };

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
    handshake_ms = 1000;
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
    write_certificate(certificate_path, key_path, NULL, -60, DAY_SECONDS);
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
    write_certificate(other_certificate, other_key, NULL, -2 * DAY_SECONDS, -DAY_SECONDS);
    refuse(other_certificate, other_key, other_certificate, "expired");
    write_certificate(other_certificate, other_key, NULL, DAY_SECONDS, 2 * DAY_SECONDS);
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
    tcase_add_test(cases, names_the_file_that_is_wrong);
    suite_add_tcase(suite, cases);
    return run_suite(suite);
}
