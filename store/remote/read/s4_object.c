/* store/remote/read/s4_object.c -- what S4 wrote: `<key>.s4index` beside it, and frames of any size and number. */
#include "store/remote/read/s4_object.h"

#include "codec/format/frame.h"
#include "codec/format/sidecar.h"
#include "s3client/wire/s3_error.h"
#include "store/remote/read/fetch.h"

enum { HOPS_MAX = 25000, GAP_BYTES_MAX = 1 << 20 };

static const struct span sidecar_suffix = SPAN(".s4index");

static bool is_s4_frames(const struct backend_object *object)
{
    return object->attributes.is_s4 && !object->is_stamped && object->attributes.layout == LAYOUT_FRAMED;
}

bool s4_object_may_have_sidecar(const struct remote_key *key)
{
    bool is_s4s = key->has_row && key->row.attributes.is_s4 && !key->row.is_stamped &&
                  key->row.attributes.layout == LAYOUT_FRAMED;
    bool is_ours =
        key->has_row && key->shard->remote->settings.writes_s4_sidecars && key->row.attributes.sidecar_size > 0;
    return is_s4s || is_ours;
}

/* ---- sidecars ---- */

static bool sidecar_key(const struct remote_key *key, char ret_text[OBJECT_KEY_BYTES_MAX], struct span *ret_key)
{
    struct span name = key->backend.key;
    if (name.size + sidecar_suffix.size > OBJECT_KEY_BYTES_MAX)
        return false;
    memcpy(ret_text, name.data, name.size);
    memcpy(ret_text + name.size, sidecar_suffix.data, sidecar_suffix.size);
    *ret_key = span_of(ret_text, name.size + sidecar_suffix.size);
    return true;
}

/* S4 believes a sidecar that is bound to nothing; here it must at least be of a body of this size. */
static bool is_bound(const struct sidecar *sidecar, const struct object_attributes *attributes)
{
    if (sidecar->is_encrypted || (sidecar->source_size != 0 && sidecar->source_size != attributes->stored_size))
        return false;
    if (sidecar->source_etag.size == 0)
        return sidecar->framed_total == attributes->stored_size;
    return span_equal(sidecar->source_etag, span_from_string(attributes->stored_etag));
}

SUSPENDS bool s4_object_read_sidecar(struct remote_key *key, const struct remote_state *state,
                                     struct buffer *ret_sidecar, struct error *error)
{
    char text[OBJECT_KEY_BYTES_MAX];
    struct span name;
    struct s3_answer answer;
    struct sidecar sidecar;
    size_t begin = ret_sidecar->size;
    if (!is_s4_frames(&state->object) || !sidecar_key(key, text, &name))
        return true;
    const struct s3_call call = {
        .kind = S3_GET_OBJECT, .bucket = key->backend.bucket, .key = name, .repeat = S3_REPEAT};
    bool done = s3_client_call_whole(key->shard->client, &call, ret_sidecar, &answer, error);
    if (!remote_answered(key->shard, S3_GET_OBJECT, &answer, done, error)) {
        ret_sidecar->size = begin;
        return error->kind == ERROR_NOT_FOUND || error->kind == ERROR_TOO_LARGE;
    }
    struct span bytes = span_skip(buffer_span(ret_sidecar), begin);
    if (!sidecar_decode(bytes, &sidecar, NULL) || !is_bound(&sidecar, &state->object.attributes))
        ret_sidecar->size = begin;
    return true;
}

SUSPENDS bool s4_object_write_sidecar(struct remote_key *key, struct span sidecar, struct error *error)
{
    char text[OBJECT_KEY_BYTES_MAX];
    struct span name;
    struct s3_answer answer;
    const struct http_field type = {SPAN("content-type"), SPAN("application/x-s4-index")};
    if (!sidecar_key(key, text, &name))
        return true;
    const struct s3_call call = {.kind = S3_PUT_OBJECT,
                                 .bucket = key->backend.bucket,
                                 .key = name,
                                 .headers = &type,
                                 .headers_count = 1,
                                 .body = &sidecar,
                                 .body_count = 1,
                                 .repeat = S3_REPEAT};
    if (!remote_call(key->shard, &call, &answer, error))
        return false;
    s3_answer_close(&answer);
    return true;
}

SUSPENDS void s4_object_remove_sidecar(struct remote_key *key)
{
    char text[OBJECT_KEY_BYTES_MAX];
    struct span name;
    struct s3_answer answer;
    struct error ignored;
    if (!sidecar_key(key, text, &name))
        return;
    const struct s3_call call = {
        .kind = S3_DELETE_OBJECT, .bucket = key->backend.bucket, .key = name, .repeat = S3_REPEAT};
    if (remote_call(key->shard, &call, &answer, &ignored))
        s3_answer_close(&answer);
}

/* ---- sizes ---- */

SUSPENDS static bool size_by_sidecar(struct remote_key *key, struct remote_state *state, struct error *error)
{
    struct buffer bytes;
    struct sidecar sidecar;
    struct object_attributes *attributes = &state->object.attributes;
    buffer_init(&bytes, (size_t)SIDECAR_BYTES_MAX);
    bool done = s4_object_read_sidecar(key, state, &bytes, error);
    if (done && bytes.size > 0 && sidecar_decode(buffer_span(&bytes), &sidecar, NULL)) {
        attributes->original_size = sidecar.original_total;
        attributes->is_size_known = true;
        attributes->sidecar_size = bytes.size;
    }
    buffer_free(&bytes);
    return done;
}

/* Reads on in the stream over what is near, and asks anew for what is far. */
SUSPENDS static bool hop(struct remote_key *key, const struct object_attributes *attributes, struct fetch *stream,
                         uint64_t position, uint8_t *ret_bytes, size_t size, struct error *error)
{
    bool is_near = stream->is_open && position - stream->position <= GAP_BYTES_MAX;
    if (!is_near) {
        fetch_close(stream);
        if (!fetch_open(key, span_from_string(attributes->stored_etag), position, attributes->stored_size, stream,
                        error))
            return false;
    }
    return (position == stream->position || fetch_read(stream, NULL, (size_t)(position - stream->position), error)) &&
           fetch_read(stream, ret_bytes, size, error);
}

SUSPENDS static bool size_by_walk(struct remote_key *key, struct remote_state *state, struct error *error)
{
    struct object_attributes *attributes = &state->object.attributes;
    struct fetch stream = {0};
    uint64_t position = 0;
    uint64_t original = 0;
    bool done = true;
    unsigned hops = 0;
    for (; done && position < attributes->stored_size && hops < HOPS_MAX; hops++) {
        uint8_t bytes[FRAME_HEADER_BYTES];
        struct frame_header header;
        struct error ignored;
        uint64_t left = attributes->stored_size - position;
        size_t size = left < sizeof bytes ? (size_t)left : sizeof bytes;
        done = hop(key, attributes, &stream, position, bytes, size, error);
        if (!done || !frame_header_decode(span_of(bytes, size), left, &header, &ignored))
            break; /* no row of frames: its size stays unknown, and reading it will say what is wrong */
        position += header.header_size + header.payload_size;
        original += header.kind == FRAME_DATA ? header.original_size : 0;
    }
    fetch_close(&stream);
    if (done && position == attributes->stored_size) {
        attributes->original_size = original;
        attributes->is_size_known = true;
    }
    return done;
}

/* Where it may have a sidecar, readers ask for it by this. */
static void expect_sidecar(struct object_attributes *attributes)
{
    if (attributes->sidecar_size == 0 && attributes->original_size > FRAME_ORIGINAL_BYTES)
        attributes->sidecar_size =
            SIDECAR_HEAD_BYTES + (attributes->original_size / FRAME_ORIGINAL_BYTES + 2) * SIDECAR_ENTRY_BYTES;
}

SUSPENDS bool s4_object_complete(struct remote_key *key, struct remote_state *state, struct error *error)
{
    struct object_attributes *attributes = &state->object.attributes;
    if (!is_s4_frames(&state->object) || attributes->is_encrypted)
        return true;
    if (!attributes->is_size_known && !size_by_sidecar(key, state, error))
        return false;
    if (!attributes->is_size_known && !size_by_walk(key, state, error))
        return false;
    expect_sidecar(attributes);
    return true;
}
