/* store/remote/uploads/join.c -- stretches are copied by the backend, small ones are read and sent together. */
#include "store/remote/uploads/join.h"

#include "runtime/base/assert.h"
#include "runtime/fiber/loop.h"
#include "s3client/operations.h"
#include "s3client/wire/s3_error.h"
#include "store/remote/parallel.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

enum { STEPS_AT_ONCE = 8, MEMORY_WAIT_MS = 30000, RANGE_TEXT_BYTES = 64 };

/* Work of many fibers; each step has its own result. */
struct crew {
    const struct joining *joining;
    const struct join_step *steps;
    struct step_result {
        char etag[S3_ETAG_BYTES];
    } * results;
    bool is_failed;
    struct error error;
};

static const struct piece *piece_of(const struct joining *joining, unsigned index)
{
    return piece_at(joining->list, joining->chosen[index]);
}

/* ---- copied ---- */

SUSPENDS static bool copy_step(const struct joining *joining, const struct join_step *step, unsigned number,
                               struct s3_answer *ret_answer, struct error *error)
{
    char suffix[UPLOAD_KEY_BYTES];
    char key[UPLOAD_KEY_BYTES];
    const struct piece *piece = piece_of(joining, step->first);
    const struct s3_copy_source source = {
        .bucket = joining->place->backend_bucket,
        .key = upload_backend_key(joining->place, piece_body_suffix(piece, suffix), key),
        .has_range = step->size != piece->facts.part.stored_size,
        .first = step->offset,
        .last = step->offset + step->size - 1,
    };
    const struct s3_call call = {.bucket = joining->target.bucket, .key = joining->target.key, .repeat = S3_REPEAT};
    struct s3_client *client = joining->place->shard->client;
    bool done = s3_client_copy_part(client, &call, joining->upload_id, number, &source, ret_answer, error);
    return remote_answered(joining->place->shard, S3_COPY_PART, ret_answer, done, error);
}

/* ---- read and sent ---- */

SUSPENDS static bool read_stretch(const struct joining *joining, unsigned index, uint64_t offset, uint64_t size,
                                  struct buffer *to, struct error *error)
{
    char suffix[UPLOAD_KEY_BYTES];
    char key[UPLOAD_KEY_BYTES];
    char range[RANGE_TEXT_BYTES];
    struct s3_answer answer;
    const struct piece *piece = piece_of(joining, index);
    int length = snprintf(range, sizeof range, "bytes=%" PRIu64 "-%" PRIu64, offset, offset + size - 1);
    const struct http_field header = {SPAN("range"), span_of(range, (size_t)length)};
    const struct s3_call call = {
        .kind = S3_GET_OBJECT,
        .bucket = joining->place->backend_bucket,
        .key = upload_backend_key(joining->place, piece_body_suffix(piece, suffix), key),
        .headers = &header,
        .headers_count = size == piece->facts.part.stored_size ? 0 : 1,
        .repeat = S3_REPEAT,
    };
    size_t before = to->size;
    bool done = s3_client_call_whole(joining->place->shard->client, &call, to, &answer, error);
    if (!remote_answered(joining->place->shard, S3_GET_OBJECT, &answer, done, error))
        return false;
    return to->size - before == size || remote_nonsense("GetObject: a part is not as long as its name says", error);
}

SUSPENDS static bool gather(const struct joining *joining, const struct join_step *step, struct buffer *to,
                            struct error *error)
{
    uint64_t left = step->size;
    uint64_t offset = step->offset;
    for (unsigned i = step->first; left > 0; i++) {
        uint64_t here = piece_of(joining, i)->facts.part.stored_size - offset;
        uint64_t taken = here < left ? here : left;
        if (taken > 0 && !read_stretch(joining, i, offset, taken, to, error))
            return false;
        left -= taken;
        offset = 0;
    }
    if (step->is_last)
        buffer_append(to, joining->trailer);
    return true;
}

SUSPENDS static bool send_step(const struct joining *joining, const struct join_step *step, unsigned number,
                               struct s3_answer *ret_answer, struct error *error)
{
    struct buffer bytes = {0};
    struct span body = SPAN_EMPTY;
    size_t most = (size_t)step->size + (step->is_last ? joining->trailer.size : 0);
    bool done = buffer_reserve(&bytes, most + 1) && gather(joining, step, &bytes, error);
    if (done) {
        body = buffer_span(&bytes);
        const struct s3_call call = {.bucket = joining->target.bucket,
                                     .key = joining->target.key,
                                     .body = &body,
                                     .body_count = body.size > 0 ? 1 : 0,
                                     .repeat = S3_REPEAT};
        done =
            s3_client_upload_part(joining->place->shard->client, &call, joining->upload_id, number, ret_answer, error);
        done = remote_answered(joining->place->shard, S3_UPLOAD_PART, ret_answer, done, error);
    }
    buffer_free(&bytes);
    return done;
}

/* ---- all steps ---- */

SUSPENDS static bool run_step(struct crew *crew, unsigned index, struct s3_answer *ret_answer, struct error *error)
{
    const struct joining *joining = crew->joining;
    const struct join_step *step = &crew->steps[index];
    struct memory_budget *memory = &joining->place->shard->memory;
    size_t bytes = (size_t)step->size;
    if (step->is_copy)
        return copy_step(joining, step, index + 1, ret_answer, error);
    if (!memory_budget_take(memory, bytes, deadline_after_ms(MEMORY_WAIT_MS), error))
        return error_set(error, ERROR_BUSY, S3_SlowDown, "There is no memory to complete a further upload.");
    bool done = send_step(joining, step, index + 1, ret_answer, error);
    memory_budget_give(memory, bytes);
    return done;
}

static void run_one(void *context, unsigned index)
{
    struct crew *crew = context;
    struct s3_answer answer;
    struct error error;
    if (crew->is_failed)
        return;
    if (run_step(crew, index, &answer, &error)) {
        memcpy(crew->results[index].etag, answer.etag, S3_ETAG_BYTES);
    } else if (!crew->is_failed) {
        crew->is_failed = true;
        crew->error = error;
        if (error.code == S3_NoSuchKey) /* the piece has gone: somebody else has completed the upload, or given it up */
            (void)error_set(&crew->error, ERROR_INVALID, S3_InvalidPart, "A part has been replaced meanwhile.");
    }
}

static void list_etags(const struct crew *crew, unsigned count, struct buffer *ret_etags)
{
    for (unsigned i = 0; i < count; i++) {
        struct span etag = span_from_string(crew->results[i].etag);
        buffer_append_byte(ret_etags, (uint8_t)etag.size);
        buffer_append(ret_etags, etag);
    }
}

static bool make_plan(const struct joining *joining, struct buffer *ret_steps, struct error *error)
{
    const struct remote *remote = joining->place->remote;
    bool may_differ = verdict_holds(&remote->verdicts, VERDICT_PARTS_OF_ANY_SIZE);
    uint64_t *sizes = calloc(joining->count, sizeof *sizes);
    ASSERT(sizes != NULL);
    for (unsigned i = 0; i < joining->count; i++)
        sizes[i] = piece_of(joining, i)->facts.part.stored_size;
    bool done = join_plan(sizes, joining->count, may_differ ? 0 : remote->settings.part_bytes, ret_steps);
    free(sizes);
    return done || error_set(error, ERROR_TOO_LARGE, S3_EntityTooLarge,
                             "The upload has so many parts that the backend cannot join them.");
}

SUSPENDS bool join_pieces(const struct joining *joining, struct buffer *ret_etags, unsigned *ret_count,
                          struct error *error)
{
    struct buffer steps = {0};
    if (!make_plan(joining, &steps, error)) {
        buffer_free(&steps);
        return false;
    }
    unsigned count = (unsigned)(steps.size / sizeof(struct join_step));
    struct crew crew = {.joining = joining, .steps = (const struct join_step *)(const void *)steps.data};
    crew.results = calloc(count, sizeof *crew.results);
    ASSERT(crew.results != NULL);
    parallel_run(count, STEPS_AT_ONCE, run_one, &crew);
    if (crew.is_failed)
        *error = crew.error;
    else
        list_etags(&crew, count, ret_etags);
    *ret_count = count;
    free(crew.results);
    buffer_free(&steps);
    return !crew.is_failed;
}
