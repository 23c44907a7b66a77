/* bench/drive/call.h -- one request of HTTP and its answer, checked as it comes; nothing is kept but what is asked for.
 */
#pragma once

#include "bench/drive/target.h"
#include "bench/job/content.h"
#include "runtime/base/buffer.h"

enum {
    CALL_ANSWER_BYTES_MAX = 64 << 10,
    CALL_ETAG_BYTES = 80,
    CALL_ANY_SIZE = -1,
};

struct call {
    struct target *target;
    const char *name; /* for messages: "get" */
    const char *key;
    struct span head;
    const struct span *pieces; /* the body */
    unsigned pieces_count;
    bool is_head;                  /* the verb */
    int status;                    /* that the answer must have */
    int64_t answer_bytes;          /* that it must have, or CALL_ANY_SIZE; of HEAD, its Content-Length */
    const struct content *content; /* NULL: the bytes are not compared */
    uint64_t object;               /* whose bytes they must be */
    uint64_t offset;
    uint8_t *memory; /* where the answer is received */
    size_t memory_size;
    struct buffer *keep; /* of an answer as it should be; NULL: not kept */
};

struct call_answer {
    uint64_t bytes;
    char etag[CALL_ETAG_BYTES];
};

/* A connection that is kept, or a new one where there is none; a kept one that turns out to be closed before a byte was
 * sent is replaced. False: a sentence with the key, and what came: a status that is not the one that should come with
 * S3's code, fewer or more bytes, others. */
SUSPENDS bool call_perform(const struct call *call, struct call_answer *ret_answer, struct error *error);
