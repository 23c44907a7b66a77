/* bench/drive/worker.h -- one connection's worth of a job: performs what it is assigned, one request at a time. */
#pragma once

#include "bench/drive/call.h"
#include "bench/drive/streamed_body.h"
#include "bench/job/plan.h"

struct worker {
    const struct job *job;
    const struct content *content;
    struct target *target;
    struct buffer head;   /* of the request */
    struct buffer answer; /* of documents that are read */
    struct span *pieces;  /* of bodies; NULL until there is one */
    struct streamed_body streamed;
    uint8_t *memory; /* where answers are received */
    size_t memory_size;
    bool owns_memory;
};

/* `shared` is memory that all workers may receive into whose bytes nobody looks at; who compares has memory of its own.
 * Everything that is given outlives the worker. */
void worker_begin(struct worker *worker, const struct job *job, const struct content *content, struct target *target,
                  struct span shared);
void worker_end(struct worker *worker);

/* One operation, which of a multipart upload is several requests. *ret_bytes: of the object or of the answer, whatever
 * the operation is about. */
SUSPENDS bool worker_perform(struct worker *worker, const struct assignment *assignment, uint64_t *ret_bytes,
                             struct error *error);

/* Makes the job's bucket; one that is there, and ours, will do. */
SUSPENDS bool worker_create_bucket(struct worker *worker, struct error *error);
