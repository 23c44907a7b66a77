/* store/remote/uploads/join.c -- stretches are copied by the backend, small ones are read and sent together. */
#include "store/remote/uploads/join.h"

#include "codec/format/frame.h"
#include "runtime/base/assert.h"
#include "runtime/fiber/loop.h"
#include "runtime/fiber/parallel.h"
#include "s3client/operations.h"
#include "s3client/wire/s3_error.h"
#include "store/remote/read/fetch.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

enum { STEPS_AT_ONCE = 8, MEMORY_WAIT_MS = 30000, RANGE_TEXT_BYTES = 64 };

/* Work of many fibers; each step has its own result. */
struct crew {
    const struct joining *joining;
    const struct backend_name *target;
    struct span upload_id;
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

/* Of one that is not straight, with its lead. */
static uint64_t piece_object_bytes(const struct piece *piece)
{
    return piece->facts.before.bytes + piece->facts.part.stored_size;
}

/* ---- copied ---- */

SUSPENDS static bool copy_step(const struct crew *crew, const struct join_step *step, struct s3_answer *ret_answer,
                               struct error *error)
{
    const struct joining *joining = crew->joining;
    char suffix[UPLOAD_KEY_BYTES];
    char key[UPLOAD_KEY_BYTES];
    const struct piece *piece = piece_of(joining, step->source);
    const struct s3_copy_source source = {
        .bucket = joining->place->backend_bucket,
        .key = upload_backend_key(joining->place, piece_body_suffix(piece, suffix), key),
        .has_range = step->size != piece_object_bytes(piece),
        .first = step->source_offset,
        .last = step->source_offset + step->size - 1,
    };
    const struct s3_call call = {.bucket = crew->target->bucket, .key = crew->target->key, .repeat = S3_REPEAT};
    struct s3_client *client = joining->place->shard->client;
    bool done = s3_client_copy_part(client, &call, crew->upload_id, step->number, &source, ret_answer, error);
    return remote_answered(joining->place->shard, S3_COPY_PART, ret_answer, done, error);
}

/* ---- read and sent ---- */

/* False: it is not, or not any more. */
static bool take_held(const struct joining *joining, unsigned index, uint64_t offset, uint64_t size, struct buffer *to)
{
    if (index < joining->held_first || joining->held->waiting_count == 0)
        return false;
    for (unsigned i = joining->held_first; i < index; i++)
        offset += piece_of(joining, i)->facts.part.stored_size;
    body_copy(&joining->held->waiting, offset, size, to);
    return true;
}

SUSPENDS static bool read_stretch(const struct joining *joining, unsigned index, uint64_t offset, uint64_t size,
                                  struct buffer *to, struct error *error)
{
    char suffix[UPLOAD_KEY_BYTES];
    char key[UPLOAD_KEY_BYTES];
    char range[RANGE_TEXT_BYTES];
    struct s3_answer answer;
    const struct piece *piece = piece_of(joining, index);
    uint64_t first = piece->facts.before.bytes + offset;
    int length = snprintf(range, sizeof range, "bytes=%" PRIu64 "-%" PRIu64, first, first + size - 1);
    const struct http_field header = {SPAN("range"), span_of(range, (size_t)length)};
    const struct s3_call call = {
        .kind = S3_GET_OBJECT,
        .bucket = joining->place->backend_bucket,
        .key = upload_backend_key(joining->place, piece_body_suffix(piece, suffix), key),
        .headers = &header,
        .headers_count = size == piece_object_bytes(piece) ? 0 : 1,
        .repeat = S3_REPEAT,
    };
    size_t before = to->size;
    bool done = s3_client_call_whole(joining->place->shard->client, &call, to, &answer, error);
    if (!remote_answered(joining->place->shard, S3_GET_OBJECT, &answer, done, error))
        return false;
    return to->size - before == size || remote_nonsense("GetObject: a part is not as long as its name says", error);
}

/* One frame that readers skip: to the end of this stored part, and over what it makes useless of the next. */
static void append_padding(const struct join_step *step, struct buffer *to)
{
    uint8_t head[FRAME_HEADER_BYTES];
    if (step->padding_bytes == 0)
        return;
    ASSERT(step->padding_bytes >= FRAME_PADDING_HEADER_BYTES);
    uint64_t filling = step->padding_bytes - FRAME_PADDING_HEADER_BYTES;
    const struct frame_header header = {.kind = FRAME_PADDING, .payload_size = filling + step->padded_over};
    frame_header_encode(&header, head);
    buffer_append(to, span_of(head, FRAME_PADDING_HEADER_BYTES));
    if (buffer_reserve(to, (size_t)filling)) {
        memset(to->data + to->size, 0, (size_t)filling);
        to->size += (size_t)filling;
    }
}

SUSPENDS static bool gather(const struct joining *joining, const struct join_step *step, struct buffer *to,
                            struct error *error)
{
    uint64_t left = step->size;
    uint64_t offset = step->offset;
    for (unsigned i = step->first; left > 0; i++) {
        uint64_t here = piece_of(joining, i)->facts.part.stored_size - offset;
        uint64_t taken = here < left ? here : left;
        if (taken > 0 && !take_held(joining, i, offset, taken, to) &&
            !read_stretch(joining, i, offset, taken, to, error))
            return false;
        left -= taken;
        offset = 0;
    }
    append_padding(step, to);
    if (step->is_last)
        buffer_append(to, joining->trailer);
    return true;
}

static size_t sent_bytes(const struct joining *joining, const struct join_step *step)
{
    return (size_t)(step->size + step->padding_bytes) + (step->is_last ? joining->trailer.size : 0);
}

SUSPENDS static bool send_step(const struct crew *crew, const struct join_step *step, struct s3_answer *ret_answer,
                               struct error *error)
{
    const struct joining *joining = crew->joining;
    struct s3_client *client = joining->place->shard->client;
    struct buffer bytes = {0};
    bool done = buffer_reserve(&bytes, sent_bytes(joining, step) + 1) && gather(joining, step, &bytes, error);
    if (done) {
        struct span body = buffer_span(&bytes);
        const struct s3_call call = {.bucket = crew->target->bucket,
                                     .key = crew->target->key,
                                     .body = &body,
                                     .body_count = body.size > 0 ? 1 : 0,
                                     .repeat = S3_REPEAT};
        done = s3_client_upload_part(client, &call, crew->upload_id, step->number, ret_answer, error);
        done = remote_answered(joining->place->shard, S3_UPLOAD_PART, ret_answer, done, error);
    }
    buffer_free(&bytes);
    return done;
}

/* ---- all steps ---- */

static void tell_etag(const struct crew *crew, const struct join_step *step, struct s3_answer *ret_answer)
{
    const struct part_facts *facts = &piece_of(crew->joining, step->first)->facts;
    (void)fetch_quote(span_from_string(facts->stored_etag), ret_answer->etag);
}

SUSPENDS static bool run_step(struct crew *crew, const struct join_step *step, struct s3_answer *ret_answer,
                              struct error *error)
{
    struct memory_budget *memory = &crew->joining->place->shard->memory;
    size_t bytes = sent_bytes(crew->joining, step);
    if (step->kind == STEP_THERE) {
        tell_etag(crew, step, ret_answer);
        return true;
    }
    if (step->kind == STEP_COPY)
        return copy_step(crew, step, ret_answer, error);
    if (!memory_budget_take(memory, bytes, deadline_after_ms(MEMORY_WAIT_MS), error))
        return error_set(error, ERROR_BUSY, S3_SlowDown, "There is no memory to complete a further upload.");
    bool done = send_step(crew, step, ret_answer, error);
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
    if (claim_holds(crew->joining->claim, &error) && run_step(crew, &crew->steps[index], &answer, &error)) {
        memcpy(crew->results[index].etag, answer.etag, S3_ETAG_BYTES);
    } else if (!crew->is_failed) {
        crew->is_failed = true;
        crew->error = error;
        if (error.code == S3_NoSuchKey) /* the piece has gone: somebody else has completed the upload, or given it up */
            (void)error_set(&crew->error, ERROR_INVALID, S3_InvalidPart, "A part has been replaced meanwhile.");
    }
}

SUSPENDS bool join_pieces(const struct joining *joining, const struct backend_name *target, struct large_body *large,
                          struct error *error)
{
    unsigned count = (unsigned)(joining->steps.size / sizeof(struct join_step));
    struct crew crew = {
        .joining = joining,
        .target = target,
        .upload_id = buffer_span(&large->upload_id),
        .steps = (const struct join_step *)(const void *)joining->steps.data,
        .results = calloc(count, sizeof *crew.results),
    };
    ASSERT(crew.results != NULL);
    parallel_run(count, STEPS_AT_ONCE, run_one, &crew);
    if (crew.is_failed)
        *error = crew.error;
    for (unsigned i = 0; !crew.is_failed && i < count; i++)
        large_add_part(large, crew.steps[i].number, span_from_string(crew.results[i].etag));
    free(crew.results);
    return !crew.is_failed;
}

/* ---- the plan ---- */

/* Their bytes. */
static uint64_t digest_pieces(const struct joining *joining, unsigned first, unsigned end, struct before_digest *digest)
{
    uint64_t size = 0;
    before_digest_begin(digest);
    for (unsigned i = first; i < end; i++) {
        const struct piece *piece = piece_of(joining, i);
        before_digest_add(digest, &piece->facts, piece->name, piece_frames(joining->list, piece));
        size += piece->facts.part.stored_size;
    }
    return size;
}

/* Which pieces wait in memory: the last ones, and just these, or none. */
static unsigned find_held(const struct joining *joining)
{
    struct before_digest digest;
    uint8_t bytes[BEFORE_DIGEST_BYTES];
    struct before_facts waiting;
    if (joining->held == NULL || joining->held->waiting_count > joining->count)
        return joining->count;
    followed_tell(joining->held, false, &waiting);
    unsigned first = joining->count - waiting.count;
    uint64_t size = digest_pieces(joining, first, joining->count, &digest);
    before_digest_end(&digest, false, bytes);
    return size == waiting.bytes && memcmp(bytes, waiting.digest, sizeof bytes) == 0 ? first : joining->count;
}

/* How many of the pieces just before one are those in front of it: all of them, or it is none. */
static unsigned count_before(const struct joining *joining, unsigned index)
{
    const struct part_facts *facts = &piece_of(joining, index)->facts;
    const struct before_facts *before = &facts->before;
    struct before_digest digest;
    uint8_t bytes[BEFORE_DIGEST_BYTES];
    if (before->count > index)
        return 0;
    for (unsigned i = index - before->count; i < index; i++) {
        const struct part_facts *other = &piece_of(joining, i)->facts;
        if (other->is_straight || other->part.number + index - i != facts->part.number)
            return 0;
    }
    uint64_t size = digest_pieces(joining, index - before->count, index, &digest);
    before_digest_end(&digest, facts->is_straight, bytes);
    bool is_it = (facts->is_straight ? size == before->bytes : size >= before->bytes) &&
                 memcmp(bytes, before->digest, sizeof bytes) == 0;
    return is_it ? before->count : 0;
}

/* True: one of them is there. */
static bool describe(const struct joining *joining, struct join_piece *pieces)
{
    bool is_any_there = false;
    for (unsigned i = 0; i < joining->count; i++) {
        const struct part_facts *facts = &piece_of(joining, i)->facts;
        pieces[i] = (struct join_piece){.number = facts->part.number,
                                        .is_there = facts->is_straight,
                                        .size = facts->part.stored_size,
                                        .before_bytes = facts->before.bytes,
                                        .before_count = count_before(joining, i)};
        is_any_there = is_any_there || facts->is_straight;
    }
    return is_any_there;
}

bool join_prepare(struct joining *joining, uint64_t *ret_size, bool *ret_is_padded, struct error *error)
{
    const struct remote *remote = joining->place->remote;
    bool may_differ = verdict_holds(&remote->verdicts, VERDICT_PARTS_OF_ANY_SIZE);
    struct join_piece *pieces = calloc(joining->count, sizeof *pieces);
    ASSERT(pieces != NULL);
    bool is_any_there = describe(joining, pieces);
    joining->held_first = find_held(joining);
    unsigned number_unused = piece_at(joining->list, piece_count(joining->list) - 1)->facts.part.number + 1;
    bool done = join_plan(pieces, joining->count, number_unused,
                          may_differ || is_any_there ? 0 : remote->settings.part_bytes, &joining->steps);
    free(pieces);
    *ret_size = 0;
    *ret_is_padded = false;
    for (size_t at = 0; done && at < joining->steps.size; at += sizeof(struct join_step)) {
        const struct join_step *step = (const struct join_step *)(const void *)(joining->steps.data + at);
        *ret_size += step->size + step->padding_bytes;
        *ret_is_padded = *ret_is_padded || step->padding_bytes > 0;
    }
    return done || error_set(error, ERROR_TOO_LARGE, S3_EntityTooLarge,
                             "The upload has so many parts that the backend cannot join them.");
}
