/* server/kms/key_request.h -- what a key service is asked, and what it gives. */
#pragma once

#include "codec/seal/aes.h"
#include "runtime/base/error.h"
#include "server/keys/kms_grant.h"
#include "server/keys/kms_service.h"

/* Of all services: how long a request and its attempts may take. */
enum { KEY_REQUEST_MS = 2000, KEY_REQUEST_ATTEMPTS = 3, KEY_REQUEST_ALL_MS = 6000 };

/* For what a key is: services bind it to that, and give it out again for nothing else. */
struct kms_context {
    uint8_t hash[KMS_CONTEXT_BYTES]; /* kms_context_hash of the rest */
    struct span bucket;
    struct span client; /* JSON of an object of strings, decoded; empty: none */
};

/* Is that text what a client may send as its context: a JSON object of strings, none of them aws:s3:arn, which is the
 * server's to tell a service? Asked of what an object keeps, too: nothing has vouched for that when a service is
 * asked. */
bool kms_client_context_is_good(struct span text);

struct key_request {
    const struct kms_service *service;
    struct span key; /* which of the service's, as it is to be named to the service; not empty */
    const struct kms_context *context;
    struct span blob; /* to be opened; empty: a new key is wanted */
};

/* The kind of a ServiceUnavailable that is one key's: the service answers, and others of its keys may be asked for. Of
 * any other kind it is the service's. */
#define KEY_REQUEST_TROUBLE_OF_KEY ERROR_UNSUPPORTED

/* Where a service is, and why it is not to be had (the error's message), is for the log and not for clients:
 * ServiceUnavailable, of the same kind. */
bool key_request_refuse_unavailable(const struct kms_service *service, struct error *error);

/* To be wiped. */
struct kms_key {
    uint8_t bytes[AES_KEY_BYTES];
    uint8_t blob[KMS_BLOB_BYTES_MAX]; /* of a new key: as its service has wrapped it */
    size_t blob_size;
    char id[KMS_KEY_ID_BYTES_MAX + 1]; /* what the service calls the key that wraps it; "": it does not say */
};
