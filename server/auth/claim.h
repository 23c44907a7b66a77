/* server/auth/claim.h -- what a request says about its own signature, in the Authorization header or in the query.
 *
 * Reads and refuses form only (statements 36-42, 47, 51, 52, 59-61, 63, 71, 74): nothing here knows keys or the clock.
 * Private to the room. */
#pragma once

#include "runtime/base/arena.h"
#include "runtime/base/error.h"
#include "s3client/wire/checksum.h"
#include "server/auth/error_details.h"
#include "server/auth/payload_kind.h"
#include "server/http/head.h"

#include <stdbool.h>
#include <stdint.h>

struct signature_claim {
    bool is_anonymous; /* nothing is claimed: of what follows only the payload counts */
    bool is_presigned;
    struct span access_key; /* of the credential, as what follows up to terminal */
    struct span scope;      /* "20130524/us-east-1/s3/aws4_request": all behind the access key */
    struct span day;        /* eight digits */
    struct span region;
    struct span service;
    struct span terminal;
    struct span signed_headers;
    struct span signature;
    char timestamp[17];
    int64_t time_ms;
    uint64_t expires_seconds; /* presigned */
    struct span expires;      /* the same as sent */
    struct span payload_hash; /* the text that was signed */
    enum payload_kind payload;
    uint8_t payload_sha256[SHA256_BYTES];
};

/* Spans point into the head or into the arena. */
bool claim_read(const struct http_head *head, struct arena *arena, struct signature_claim *ret_claim,
                struct error_details *ret_details, struct error *error);

/* The code of a claim whose credential is wrong: header and query have one each. */
const char *claim_malformed_code(const struct signature_claim *claim);
