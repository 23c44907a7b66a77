/* bench/drive/worker_private.h -- what worker.c and the files of single operations share. */
#pragma once

#include "bench/drive/worker.h"

enum { WORKER_PATH_BYTES = KEY_BYTES + 80 };

/* "/bucket/key" */
struct worker_path {
    char text[WORKER_PATH_BYTES];
};
void worker_path(const struct worker *worker, uint64_t object, struct worker_path *ret_path);
/* "/bucket" */
void worker_bucket_path(const struct worker *worker, struct worker_path *ret_path);

struct worker_request {
    struct request_line line;
    const struct span *pieces;
    unsigned pieces_count;
    uint64_t body_bytes;
    bool is_object; /* the body is of an object: worker_body has set it */
};

/* The body: `size` bytes of the object from `offset` on. One at a time. */
void worker_body(struct worker *worker, uint64_t object, uint64_t offset, uint64_t size,
                 struct worker_request *request);
/* Signs and performs. Of *call the caller fills in what the answer must be. */
SUSPENDS bool worker_call(struct worker *worker, const struct worker_request *request, struct call *call,
                          struct call_answer *ret_answer, struct error *error);
/* Of a document that was kept in worker->answer: S3 may say behind a status 200 that something failed. False: what. */
bool worker_check_answer(const struct worker *worker, const struct call *call, struct error *error);

/* delete_objects.c: one document for all of a batch. */
SUSPENDS bool worker_perform_delete_objects(struct worker *worker, const struct assignment *assignment,
                                            struct error *error);
/* multipart.c: create, all parts, complete. */
SUSPENDS bool worker_perform_multipart(struct worker *worker, const struct assignment *assignment, struct error *error);
