/* bench/micro_signature.c -- nanoseconds of CPU for one verified request: presigned GET, signed GET, and a refusal. */
#include "s3client/wire/uri.h"
#include "server/auth/signature.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

/* Signed by botocore with the keys below, at 2013-05-24T00:00:00Z. */
#define ACCESS_KEY "AKIAIOSFODNN7EXAMPLE"
#define SECRET_KEY "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
static const int64_t now_ms = 1369353600000;

static const char presigned_get[] =
    "GET /bucket/key?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F20130524%2Fus-east-1%2Fs3"
    "%2Faws4_request&X-Amz-Date=20130524T000000Z&X-Amz-Expires=3600&X-Amz-SignedHeaders=host&X-Amz-Signature="
    "38fe6ee96ef81b08a5fddd2833deb31928b5a05193c48d74d9765c6ffd0f9eb0 HTTP/1.1\r\n"
    "Host: 127.0.0.1:8014\r\nUser-Agent: curl/7.88.1\r\nAccept: */*\r\n\r\n";

static const char header_get[] =
    "GET /bucket/key HTTP/1.1\r\nHost: 127.0.0.1:8014\r\nX-Amz-Date: 20130524T000000Z\r\nX-Amz-Content-SHA256: "
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855\r\nAuthorization: AWS4-HMAC-SHA256 "
    "Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request, SignedHeaders=host;x-amz-content-sha256;"
    "x-amz-date, Signature=78358e1408c4d2788384fe3386e9ca3f355ffcb551bc7a0d09add170f37a1889\r\n"
    "Accept-Encoding: identity\r\nUser-Agent: Boto3/1.36.2\r\n\r\n";

static const char wrong_get[] =
    "GET /bucket/other HTTP/1.1\r\nHost: 127.0.0.1:8014\r\nX-Amz-Date: 20130524T000000Z\r\nX-Amz-Content-SHA256: "
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855\r\nAuthorization: AWS4-HMAC-SHA256 "
    "Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request, SignedHeaders=host;x-amz-content-sha256;"
    "x-amz-date, Signature=78358e1408c4d2788384fe3386e9ca3f355ffcb551bc7a0d09add170f37a1889\r\n\r\n";

/* Of this thread: others may keep the machine busy meanwhile. */
static uint64_t cpu_ns(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (uint64_t)now.tv_sec * 1000000000U + (uint64_t)now.tv_nsec;
}

static void measure(struct signature_verifier *verifier, const char *title, struct span text, bool is_right,
                    unsigned rounds)
{
    static struct http_head head;
    static uint8_t path[1024];
    struct authentication authentication;
    struct error_details details = {0};
    struct error error;
    struct arena arena;
    size_t size;
    unsigned verified = 0;
    if (http_head_parse(text, &head, &size, &error) != HTTP_PARSE_DONE || !uri_decode(head.path, path, &size))
        abort();
    arena_init(&arena, 1 << 20);
    uint64_t started = cpu_ns();
    for (unsigned i = 0; i < rounds; i++) {
        arena_reset(&arena);
        details.count = 0;
        verified +=
            signature_verify(verifier, &head, span_of(path, size), now_ms, &arena, &authentication, &details, &error);
    }
    uint64_t ended = cpu_ns();
    arena_free(&arena);
    if (verified != (is_right ? rounds : 0)) {
        (void)fprintf(stderr, "%s: %u of %u verified: %s\n", title, verified, rounds, error.message);
        exit(1);
    }
    printf("%-24s %7.1f ns\n", title, (double)(ended - started) / rounds);
}

int main(int argc, char **argv)
{
    unsigned rounds = argc > 1 ? (unsigned)strtoul(argv[1], NULL, 10) : 200000;
    struct error error;
    struct accounts *accounts = accounts_single(ACCESS_KEY, SECRET_KEY, &error);
    const struct signature_settings settings = {.accounts = accounts, .region = "us-east-1"};
    struct signature_verifier *verifier = signature_verifier_create(&settings);
    measure(verifier, "presigned GET", SPAN(presigned_get), true, rounds);
    measure(verifier, "GET with header", SPAN(header_get), true, rounds);
    measure(verifier, "refused, with details", SPAN(wrong_get), false, rounds / 10 + 1);
    signature_verifier_destroy(verifier);
    accounts_free(accounts);
    return 0;
}
