/* server/s3/headers/kms_key.h -- the headers beside `x-amz-server-side-encryption: aws:kms`, and keys of
 * key services for what a request writes and reads (SSE-KMS, docs/encryption.md). */
#pragma once

#include "server/keys/kms_grant.h"
#include "server/s3/request/request.h"

/* What a request asks for, or the default of its bucket. */
struct kms_asked {
    bool is_meant;       /* it is to be encrypted so */
    bool is_declared;    /* ... and the request says so, or the beginning of its upload */
    struct span name;    /* of the service's key; empty: the server chooses */
    struct span context; /* JSON, decoded; empty: none */
    bool has_bucket_key;
};

/* One of these headers? */
bool kms_key_is_named(struct span name);

/* InvalidArgument: a key is named and aws:kms is not declared, also where the bucket's default is that (AWS S3 answers
 * so); a context is there, and it is not meant; a context that is no base64 of a JSON object of texts, or is too long,
 * or has what the server puts into it; a flag that is neither true nor false. Without a flag has_bucket_key stays. */
bool kms_key_take(struct s3_request *request, struct kms_asked *asked, struct error *error);

/* Of a request for an upload that was begun with `kms` (empty: not with aws:kms): a key or a context that it names is
 * that one. As kms_key_take; InvalidRequest. */
bool kms_key_check_upload(struct s3_request *request, struct span kms, struct error *error);

/* A key for what the request writes into *ret_key, in memory of the request. As kms_make_key. */
SUSPENDS bool kms_key_make(struct s3_request *request, const struct kms_asked *asked, struct customer_key **ret_key,
                           struct error *error);
/* Before what is there is read, or a part is written: its key, by its bucket and what its seal keeps of it
 * (object_encryption.kms), where the keyring does not give it. One that was asked for before is not asked for again;
 * one of something else is wiped. As kms_open_key. */
SUSPENDS bool kms_key_open(struct s3_request *request, struct span bucket, struct span kms, struct customer_key **key,
                           struct error *error);

/* What answers tell of it. */
void kms_key_answer(struct s3_request *request, struct span kms);
