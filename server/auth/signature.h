/* server/auth/signature.h -- is the request what its signer meant? SigV4 in the header and in the query, and streamed
 * bodies.
 *
 * Sections B, C and D of the S3 behaviours. Signing keys are derived once a day per account and kept per shard. Extra
 * XML children of a refusal (StringToSign, Region, ServerTime ...) are put into `ret_details`. */
#pragma once

#include "runtime/base/arena.h"
#include "runtime/base/error.h"
#include "s3client/wire/checksum.h"
#include "server/auth/error_details.h"
#include "server/auth/identity.h"
#include "server/auth/payload_kind.h"
#include "server/http/head.h"

#include <stdbool.h>
#include <stdint.h>

/* What was verified, and what the body still has to be verified against. */
struct authentication {
    const struct account *account; /* NULL: anonymous (nothing was claimed, so nothing but the payload is known) */
    bool is_presigned;
    int64_t signed_ms; /* the time that the signer gave */
    enum payload_kind payload;
    uint8_t payload_sha256[SHA256_BYTES]; /* PAYLOAD_SHA256 */
    uint8_t signing_key[SHA256_BYTES];    /* for chunk signatures */
    char seed_signature[64];
    char timestamp[17]; /* "20130524T000000Z" */
    char scope[96];
};

struct signature_settings {
    const struct accounts *accounts;
    const char *region;
};

/* A shard's verifier: settings and the day's signing keys. */
struct signature_verifier;
struct signature_verifier *signature_verifier_create(const struct signature_settings *settings);
void signature_verifier_destroy(struct signature_verifier *verifier);

/* `path` is the decoded path as the signer saw it (virtual-host style: without the bucket). */
bool signature_verify(struct signature_verifier *verifier, const struct http_head *head, struct span path,
                      int64_t now_ms, struct arena *arena, struct authentication *ret_authentication,
                      struct error_details *ret_details, struct error *error);
