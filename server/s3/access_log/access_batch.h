/* server/s3/access_log/access_batch.h -- lines that will become one object. Private to server/s3/access_log/. */
#pragma once

#include "runtime/base/list.h"
#include "server/s3/access_log/access_log.h"

/* Of one bucket, one setting and one day. */
struct access_batch {
    struct list_link link;
    struct bucket_info source;
    struct buffer document; /* the setting that the lines were written under */
    struct buffer text;
    uint64_t lines;
    int64_t first_ms;  /* wall clock of its first line */
    deadline_t due;    /* to be written, at the latest */
    unsigned tries;    /* that did not work */
    struct buffer key; /* of the object, once a try was made: a repetition writes no second one */
};

enum batch_fate {
    BATCH_WRITTEN,
    BATCH_NOT_YET,  /* worth another try */
    BATCH_HOPELESS, /* there is no such target any more, or it takes no logs */
};

/* Writes it as an object. *error: why not. */
SUSPENDS enum batch_fate access_batch_write(const struct access_log_options *options, struct access_batch *batch,
                                            struct error *error);
