/* store/remote/read/read.c -- stored bytes of an open object: from memory, from the stream that is open, or from a new
 * one.
 *
 * A tier, where there is one, is asked before the backend (store/remote/read/tiered.h). Bytes come from there only when
 * they are asked for, so that a slow client holds nothing but its connection. A stream that breaks is opened again
 * where it stood, pinned to the same revision. */
#include "runtime/base/assert.h"
#include "s3client/wire/s3_error.h"
#include "store/remote/read/object.h"
#include "store/remote/read/s4_object.h"
#include "store/remote/read/tiered.h"

enum {
    GAP_BYTES_MAX = 1 << 20, /* what lies between is read over; beyond, a new request is cheaper */
    RESUMES_MAX = 3,         /* in a row, without a byte between */
};

static struct remote_object *object_of(struct bucket_object *base)
{
    return (struct remote_object *)base;
}

void remote_read_window(struct bucket_object *base, uint64_t first, uint64_t end)
{
    (void)first;
    object_of(base)->window_end = end;
}

size_t remote_take_kept(const struct remote_object *object, uint64_t offset, uint8_t *ret_bytes, size_t size)
{
    if (offset < object->kept_first || offset >= object->kept_first + object->kept.size)
        return 0;
    size_t at = (size_t)(offset - object->kept_first);
    size_t taken = object->kept.size - at < size ? object->kept.size - at : size;
    memcpy(ret_bytes, object->kept.data + at, taken);
    return taken;
}

/* How far a new stream goes: what the reader has announced, less what is here. */
uint64_t remote_stream_end(const struct remote_object *object, uint64_t offset, size_t size)
{
    uint64_t end = offset + size;
    if (object->window_end > end)
        end = object->window_end;
    if (tiered_is_on(object)) {
        uint64_t shortened = tiered_stream_end(object, offset, end);
        end = shortened > offset + size ? shortened : offset + size;
    }
    if (object->kept.size > 0 && object->kept_first > offset && object->kept_first < end)
        end = object->kept_first > offset + size ? object->kept_first : offset + size;
    return end < object->base.attributes.stored_size ? end : object->base.attributes.stored_size;
}

static bool is_near(const struct fetch *stream, uint64_t offset, size_t size)
{
    return stream->is_open && offset >= stream->position && offset - stream->position <= GAP_BYTES_MAX &&
           offset + size <= stream->end;
}

SUSPENDS static bool open_stream(struct remote_object *object, uint64_t offset, size_t size, struct error *error)
{
    fetch_close(&object->stream);
    tiered_note_stream(object);
    return fetch_open(&object->key, remote_object_etag(object), offset, remote_stream_end(object, offset, size),
                      &object->stream, error);
}

static bool is_broken(const struct error *error)
{
    return error->kind == ERROR_CLOSED || error->kind == ERROR_TIMED_OUT || error->kind == ERROR_DAMAGED;
}

SUSPENDS static bool read_stream(struct remote_object *object, uint64_t offset, uint8_t *ret_bytes, size_t size,
                                 struct error *error)
{
    struct fetch *stream = &object->stream;
    if (!is_near(stream, offset, size) && !open_stream(object, offset, size, error))
        return false;
    return (stream->position == offset || fetch_read(stream, NULL, (size_t)(offset - stream->position), error)) &&
           fetch_read(stream, ret_bytes, size, error);
}

SUSPENDS bool remote_read_backend(struct remote_object *object, uint64_t offset, uint8_t *ret_bytes, size_t size,
                                  struct error *error)
{
    struct remote_counters *counters = &object->key.shard->counters;
    while (size > 0) {
        if (read_stream(object, offset, ret_bytes, size, error)) {
            object->resumed = 0;
            return true;
        }
        if (error->kind == ERROR_CHANGED)
            metric_add(&counters->reads_changed, 1);
        if (!is_broken(error))
            return false;
        uint64_t arrived = object->stream.position > offset ? object->stream.position - offset : 0;
        ASSERT(arrived <= size);
        object->resumed = arrived > 0 ? 0 : object->resumed + 1;
        if (object->resumed > RESUMES_MAX)
            return error_set(error, ERROR_BUSY, S3_SlowDown, "The backend breaks off again and again.");
        metric_add(&counters->reads_resumed, 1);
        offset += arrived;
        ret_bytes += arrived;
        size -= (size_t)arrived;
    }
    return true;
}

SUSPENDS bool remote_read(struct bucket_object *base, uint64_t offset, void *ret_bytes, size_t size,
                          struct error *error)
{
    struct remote_object *object = object_of(base);
    if (tiered_is_on(object))
        return tiered_read(object, offset, ret_bytes, size, error);
    size_t taken = remote_take_kept(object, offset, ret_bytes, size);
    return taken == size ||
           remote_read_backend(object, offset + taken, (uint8_t *)ret_bytes + taken, size - taken, error);
}

bool remote_borrow(struct bucket_object *base, uint64_t offset, size_t size, struct bucket_loan *ret_loan)
{
    struct remote_object *object = object_of(base);
    return tiered_is_on(object) && tiered_borrow(object, offset, size, ret_loan);
}

void remote_give_back(struct bucket_loan *loan)
{
    tier_give_back(loan);
}

/* ---- what lies beside the body ---- */

SUSPENDS static bool need_trailer(struct remote_object *object, struct error *error)
{
    struct remote_state *state = &object->state;
    if (state->trailer != NULL || !state->is_there || !state->object.is_stamped ||
        state->object.stamp.trailer == STAMP_NO_TRAILER)
        return true;
    struct buffer end = {0};
    tiered_load_end(object, &end);
    bool done = remote_read_trailer(&object->key, state, buffer_span(&end), error);
    buffer_free(&end);
    return done;
}

SUSPENDS bool remote_ask_trailer(struct bucket_object *base, enum remote_trailer *ret_trailer, struct error *error)
{
    struct remote_object *object = object_of(base);
    const struct object_stamp *stamp = &object->state.object.stamp;
    if (!need_trailer(object, error))
        return false;
    bool is_announced = object->state.object.is_stamped && stamp->trailer != STAMP_NO_TRAILER;
    if (!is_announced || object->state.trailer != NULL)
        *ret_trailer = REMOTE_TRAILER_RIGHT;
    else
        *ret_trailer = stamp->is_metadata_in_trailer ? REMOTE_TRAILER_WRONG_WITH_METADATA : REMOTE_TRAILER_WRONG;
    return true;
}

SUSPENDS bool remote_read_sidecar(struct bucket_object *base, struct buffer *ret_sidecar, struct error *error)
{
    struct remote_object *object = object_of(base);
    if (!need_trailer(object, error))
        return false;
    if (object->state.trailer != NULL)
        trailer_to_sidecar(&object->state.trailer->trailer, ret_sidecar);
    else if (!s4_object_read_sidecar(&object->key, &object->state, ret_sidecar, error))
        return false;
    return !ret_sidecar->overflow || error_set(error, ERROR_TOO_LARGE, NULL, "The index is larger than was allowed.");
}

SUSPENDS bool remote_read_parts(struct bucket_object *base, unsigned after, unsigned parts_max, struct arena *arena,
                                struct object_part **ret_parts, unsigned *ret_count, bool *ret_truncated,
                                struct error *error)
{
    struct remote_object *object = object_of(base);
    *ret_count = 0;
    *ret_truncated = false;
    if (!need_trailer(object, error))
        return false;
    struct object_part *parts = arena_allocate(arena, (parts_max + 1) * sizeof *parts);
    if (parts == NULL)
        return error_set(error, ERROR_BUSY, S3_SlowDown, "The request's memory is used up.");
    *ret_parts = parts;
    struct object_part part = {0};
    size_t position = 0;
    while (object->state.trailer != NULL && trailer_next_part(&object->state.trailer->trailer, &position, &part)) {
        if (part.number <= after)
            continue;
        if (*ret_count == parts_max) {
            *ret_truncated = true;
            break;
        }
        parts[*ret_count] = part;
        parts[*ret_count].seal = arena_copy(arena, part.seal);
        if (parts[(*ret_count)++].seal.data == NULL)
            return error_set(error, ERROR_BUSY, S3_SlowDown, "The request's memory is used up.");
    }
    return true;
}
