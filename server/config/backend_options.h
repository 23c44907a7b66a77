/* server/config/backend_options.h -- the options that say where a bucket of an S3 server is and how it is asked: rows
 * of the tables (server/config/option.h) of baled and of those commands of bale that work on a bucket. `at` is the
 * offset of a member of struct config in the struct that the table fills. */
#pragma once

#include "server/config/option.h"

/* clang-format off */

/* Which server, and who asks it. */
#define BACKEND_PLACE_OPTIONS(at) \
    {"endpoint", OPTION_TEXT, at(endpoint), "", "URL", \
     .help = "of s3: the server, http[s]://HOST[:PORT]; without it AWS of --backend-region"}, \
    {"backend-region", OPTION_REGION, at(backend_region), "us-east-1", "NAME", \
     .help = "of s3: the region that requests to the backend are signed for"}, \
    {"backend-addressing", OPTION_CHOICE, at(backend_addressing), "path", "NAME", .allowed = "path|virtual", \
     .help = "of s3: HOST/BUCKET/KEY, or BUCKET.HOST/KEY"}, \
    {"backend-credentials", OPTION_TEXT, at(backend_credentials), "", "FILE", \
     .help = "of s3: an INI file with aws_access_key_id and aws_secret_access_key; without it the environment, the " \
             "shared files, containers and instances are asked, as AWS SDKs do"}, \
    {"profile", OPTION_TEXT, at(profile), "", "NAME", .help = "of s3: the profile of the shared credentials files"}, \
    {"ca-file", OPTION_TEXT, at(ca_file), "", "FILE", \
     .help = "of s3: PEM of the authorities that are believed instead of the system's; towards http:// it is of no " \
             "use, which the log says"}

/* Which of its buckets, and what clients call them. */
#define BACKEND_BUCKET_OPTIONS(at) \
    {"all-buckets", OPTION_FLAG, at(all_buckets), "no", "", \
     .help = "of s3: serve every bucket of the backend; the one that --backend names is the home of what is shared"}, \
    {"bucket-name", OPTION_TEXT, at(bucket_name), "", "NAME", \
     .help = "of s3: what clients call the bucket; without it as the backend does"}, \
    {"store-name", OPTION_TEXT, at(store_name), "", "NAME", \
     .help = "of s3: with the bucket's name, what tells its journal from that of a copy of the bucket"}

/* What requests say beside that. */
#define BACKEND_HEADER_OPTIONS(at) \
    {"backend-sse", OPTION_TEXT, at(backend_sse), "", "NAME", \
     .help = "of s3: x-amz-server-side-encryption of what is written (AES256, aws:kms)"}, \
    {"storage-class", OPTION_TEXT, at(storage_class), "", "NAME", \
     .help = "of s3: x-amz-storage-class of what clients write without one"}, \
    {"request-payer", OPTION_FLAG, at(request_payer), "no", "", \
     .help = "of s3: pay for requests to a bucket of somebody else"}

/* clang-format on */
