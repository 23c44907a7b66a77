/* tools/bale/session/s3_session.h -- one piece of work with an S3 server, whichever it is, by a client of it. */
#pragma once

#include "s3client/s3client.h"
#include "tools/bale/session/s3_place.h"

#include <stdbool.h>

enum { S3_KEY_BYTES_MAX = 1024 };

/* "s3://BUCKET/REST", both as spans of it. REST may be empty, or all keys of a prefix. */
bool s3_session_name(const char *text, struct span *ret_bucket, struct span *ret_rest, struct error *error);

struct s3_session {
    struct s3_client *client;
    struct offload *threads; /* for what blocks; one works beside the one that resolves names */
};

/* Runs on a fiber, which may block: what else runs there belongs to the same work. */
typedef SUSPENDS bool s3_work(const struct s3_session *session, void *context, struct error *error);

/* Opens a client for `connections` requests at once, works, closes. */
bool s3_session_run(const struct s3_place *place, unsigned connections, s3_work *work, void *context,
                    struct error *error);
