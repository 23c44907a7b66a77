/* bench/job/operation.h -- what one request of a job can be, and the mix of them that a job draws from. */
#pragma once

#include "runtime/base/error.h"

#include <stdint.h>

/* The words of `rw`, in this order; `mixed` is behind them. */
#define OPERATION_WORDS "get|put|head|delete|list|randrange|seqrange|multipart|copy|delete-objects"

enum operation {
    OPERATION_GET,
    OPERATION_PUT,
    OPERATION_HEAD,
    OPERATION_DELETE,
    OPERATION_LIST,
    OPERATION_RANDRANGE,
    OPERATION_SEQRANGE,
    OPERATION_MULTIPART,
    OPERATION_COPY,
    OPERATION_DELETE_OBJECTS,
    OPERATIONS,
};

const char *operation_name(enum operation operation);

enum { MIX_WEIGHT_MAX = 1000000 };

struct operation_mix {
    uint64_t weights[OPERATIONS];
    uint64_t total; /* at least 1 */
};

/* A mix of one. */
void operation_mix_only(struct operation_mix *ret_mix, enum operation operation);
/* "get:45,put:15,head:30,delete:10". ERROR_INVALID: a word that is none, one that stands twice, a weight that is no
 * number from 1 to MIX_WEIGHT_MAX; also more DELETEs than PUTs, since a DELETE takes what a PUT of the job has made,
 * and DeleteObjects, which would need as many PUTs as it has keys. */
bool operation_mix_parse(const char *text, struct operation_mix *ret_mix, struct error *error);
/* By weight; `random` is any number, uniform. */
enum operation operation_mix_draw(const struct operation_mix *mix, uint64_t random);
