/* tests/fuzz/auth/signature_fuzz.c -- any bytes as a request head, whose claim is read and verified. The corpus is
 * signed rightly at 2013-05-24, so that mutations of it get far. */
#include "runtime/base/assert.h"
#include "s3client/wire/s3_error.h"
#include "s3client/wire/uri.h"
#include "server/auth/payload.h"
#include "server/auth/signature.h"

#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const int64_t now_ms = 1369353600000; /* 2013-05-24T00:00:00Z */

static struct signature_verifier *verifier(void)
{
    static struct signature_verifier *made;
    static struct accounts *accounts;
    struct error error;
    if (made != NULL)
        return made;
    accounts = accounts_single("AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", &error);
    ASSERT(accounts != NULL);
    struct signature_settings settings = {.accounts = accounts, .region = "us-east-1"};
    made = signature_verifier_create(&settings);
    return made;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct http_head head;
    static uint8_t path[HTTP_HEAD_BYTES_MAX];
    size_t head_size;
    size_t path_size;
    struct error error = {0};
    if (http_head_parse(span_of(data, size), &head, &head_size, &error) != HTTP_PARSE_DONE)
        return 0;
    if (!uri_decode(head.path, path, &path_size))
        return 0;
    struct arena arena;
    struct authentication authentication;
    struct error_details details = {0};
    arena_init(&arena, 1 << 20);
    bool good = signature_verify(verifier(), &head, span_of(path, path_size), now_ms, &arena, &authentication, &details,
                                 &error);
    ASSERT(details.count <= ERROR_DETAILS_MAX);
    struct payload_expectation expectation;
    if (good) {
        struct span claimed;
        ASSERT(authentication.account != NULL || !http_head_find(&head, "authorization", &claimed));
        (void)payload_expect(&head, &authentication, &expectation, &error);
    } else {
        ASSERT(s3_error_find(error.code) != NULL);
    }
    arena_free(&arena);
    return 0;
}
