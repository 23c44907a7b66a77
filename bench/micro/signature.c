/* bench/micro/signature.c -- one verified request: presigned GET, signed GET, and a refusal. */
#include "server/auth/signature.h"
#include "bench/micro/micro.h"
#include "s3client/wire/uri.h"

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

struct verifying {
    struct signature_verifier *verifier;
    struct http_head *head;
    struct span path;
    struct arena arena;
    bool is_right;
};

static bool verify(void *state)
{
    struct verifying *verifying = state;
    struct authentication authentication;
    struct error_details details = {0};
    struct error error;
    arena_reset(&verifying->arena);
    return signature_verify(verifying->verifier, verifying->head, verifying->path, now_ms, &verifying->arena,
                            &authentication, &details, &error) == verifying->is_right;
}

static void measure(struct micro *micro, struct signature_verifier *verifier, const char *name, struct span text,
                    bool is_right)
{
    static struct http_head head;
    static uint8_t path[1024];
    struct error error;
    size_t size;
    if (http_head_parse(text, &head, &size, &error) != HTTP_PARSE_DONE || !uri_decode(head.path, path, &size))
        micro_fail(name, "the head is not understood");
    struct verifying verifying = {verifier, &head, span_of(path, size), .is_right = is_right};
    arena_init(&verifying.arena, 1 << 20);
    micro_measure(micro, &(struct micro_case){name, 0, verify, &verifying});
    arena_free(&verifying.arena);
}

void micro_signature(struct micro *micro)
{
    struct error error;
    struct accounts *accounts = accounts_single(ACCESS_KEY, SECRET_KEY, &error);
    const struct signature_settings settings = {.accounts = accounts, .region = "us-east-1"};
    struct signature_verifier *verifier = signature_verifier_create(&settings);
    measure(micro, verifier, "signature/presigned-get", SPAN(presigned_get), true);
    measure(micro, verifier, "signature/get-with-header", SPAN(header_get), true);
    measure(micro, verifier, "signature/refused", SPAN(wrong_get), false);
    signature_verifier_destroy(verifier);
    accounts_free(accounts);
}
