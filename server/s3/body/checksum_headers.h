/* server/s3/body/checksum_headers.h -- what a client says that its body hashes to, and whether it did (section E).
 *
 * Content-MD5, x-amz-checksum-<algorithm> as header or trailer, x-amz-sdk-checksum-algorithm. Checksums that a
 * presigned URL carries as parameters are not looked at: signers put there the checksum of no body at all. */
#pragma once

#include "server/auth/payload.h"
#include "server/s3/request/request.h"

struct checksum_claim {
    bool has_md5;
    uint8_t md5[MD5_BYTES];
    bool has_value;                    /* as a header */
    struct checksum_value value;       /* of `algorithm` */
    enum checksum_algorithm trailer;   /* announced to come behind the body; NONE: none */
    enum checksum_algorithm algorithm; /* that of value or trailer; NONE: the client says nothing */
};

/* `trailer`: what x-amz-trailer announces (payload_expect), or NONE. InvalidDigest, InvalidRequest. */
bool checksum_claim_parse(struct s3_request *request, enum checksum_algorithm trailer, struct checksum_claim *ret_claim,
                          struct error *error);

/* Content-MD5 alone, where the other headers are about something else than the body. */
bool checksum_claim_parse_md5(struct s3_request *request, struct checksum_claim *ret_claim, struct error *error);

/* After the whole body was read: BadDigest when it hashed to anything else. `decoder` has the trailer's value. */
bool checksum_claim_verify(const struct checksum_claim *claim, const struct payload_decoder *decoder,
                           const uint8_t md5[MD5_BYTES], const struct checksum_value *computed, struct error *error);
