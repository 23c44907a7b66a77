/* server/s3/settings/logging.h -- BucketLoggingStatus: where the access logs of a bucket go.
 *
 * Statements 601 to 603. Without LoggingEnabled nothing is logged, and nothing is stored. */
#pragma once

#include "server/access/acl.h"
#include "server/s3/settings/document.h"

enum { LOGGING_DOCUMENT_BYTES_MAX = 64 << 10, LOGGING_PREFIX_BYTES_MAX = 700 };

/* How the keys of logs are made behind the prefix. */
enum logging_keys {
    LOGGING_KEYS_PLAIN,       /* time and something unique; nothing was said */
    LOGGING_KEYS_SIMPLE,      /* the same, said */
    LOGGING_KEYS_BY_EVENT,    /* in front of them account, region, bucket and day: of the first line */
    LOGGING_KEYS_BY_DELIVERY, /* ... of the delivery */
};

struct logging {
    struct span target_bucket;
    struct span target_prefix;
    enum logging_keys keys;
    struct acl *grants; /* READ, WRITE, FULL_CONTROL; NULL: none are given */
};

/* *ret_logging NULL: it is off. `accounts`: who may be named, and whose addresses these are; NULL: the document was
 * stored, and names ids alone. MalformedXML, and what acl_add_... say of a grantee. */
bool logging_parse(const struct xml_element *root, const struct accounts *accounts, struct arena *arena,
                   struct logging **ret_logging, struct error *error);
void logging_render(const struct logging *logging, const struct accounts *accounts, struct buffer *to);
/* A const struct logging. */
bool logging_compile(const struct bucket_info *bucket, struct span document, struct arena *arena,
                     const void **ret_logging, struct error *error);
