/* tools/bale/session/s3_place.h -- which S3 server a command speaks with, and as whom: what its options fill in. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/* Texts may be NULL: not given. */
struct s3_place {
    char *endpoint;      /* else AWS_ENDPOINT_URL_S3, AWS_ENDPOINT_URL, else AWS of the region */
    char *region;        /* else AWS_REGION, AWS_DEFAULT_REGION, else us-east-1 */
    uint64_t addressing; /* enum s3_addressing */
    char *credentials;   /* a file; else where the SDKs look (s3client/credentials/credentials.h) */
    char *profile;
    char *ca_file;
    bool is_anonymous; /* nothing is signed, and no credentials are looked for */
};
