/* s3client/credentials/signed_headers.h -- the header lines with which a POST to a service of AWS other than S3 is
 * signed (Signature Version 4), for s3client/credentials/fetch.h. Blocks nothing. */
#pragma once

#include "s3client/credential_source.h"
#include "s3client/credentials/fetch.h"

/* What is signed; it need not outlast the call. */
struct signed_request {
    const struct fetch_url *url;
    const char *service; /* "sts", "kms" */
    const char *region;
    const char *content_type;
    const char *target; /* X-Amz-Target; NULL: none is sent */
    struct span body;
    struct span access_key_id;
    struct span secret_key;
    struct span session_token; /* empty: none */
};

/* Each as "Name: value". Content-Type is the caller's to send, as it was signed. Holds a session token: to be wiped. */
struct signed_headers {
    char date[64];
    char authorization[640];
    char token[S3_SESSION_TOKEN_BYTES_MAX + 32]; /* "": none */
    char target[96];                             /* "": none */
};

void signed_headers_make(const struct signed_request *request, struct signed_headers *ret_headers);
/* Behind the `count` headers that a request has already. */
void signed_headers_add(const struct signed_headers *headers, unsigned count, struct fetch_request *request);
