/* server/object/object_reader.c -- a body on its way out: found, begun where the range begins, handed over piece by
 * piece.
 *
 * Every stored form is read as a row of frames (object_reader_frame.c); only stored bytes that are the original bytes
 * go a way of their own, as any range of them can be read directly. */
#include "server/object/object_reader_private.h"

#include "codec/codec.h"
#include "codec/format/crc.h"
#include "codec/format/frame.h"
#include "runtime/base/assert.h"
#include "s3client/wire/s3_error.h"
#include "server/dictionaries/table.h"
#include "server/object/forms/frame_index.h"

#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>

enum { RAW_PIECE_BYTES = 512 << 10 };
static_assert((int)RAW_VERIFIED_BYTES_MAX == (int)FRAME_ORIGINAL_BYTES, "unframed bodies are verified as frames are");

static uint64_t smaller(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

/* ---- beginning ---- */

static bool refuse_unreadable(const struct object_attributes *attributes, struct error *error)
{
    if (attributes->seal.size > 0 && (attributes->layout != LAYOUT_FRAMED || !attributes->is_size_known))
        return error_set(error, ERROR_DAMAGED, S3_InternalError, "The object is encrypted, and not in frames.");
    const struct codec *codec = codec_find(attributes->codec);
    if (codec != NULL && (attributes->layout != LAYOUT_CODEC || codec->can_decompress))
        return true;
    (void)codec_refuse(attributes->codec, error);
    error->code = S3_NotImplemented;
    return false;
}

static void start_at_entry(struct object_reader *reader, struct span encoded)
{
    struct frame_range range;
    if (!frame_index_find(encoded, reader->object, reader->position, reader->end, &range))
        return;
    reader->frame_original = range.first.original_offset;
    reader->frame_stored = range.first.stored_offset;
    reader->entry = range.first;
    reader->stored_end = smaller(reader->stored_end, range.stored_end);
}

SUSPENDS static bool start_by_sidecar(struct object_reader *reader, struct error *error)
{
    uint64_t size = reader->object->attributes.sidecar_size;
    if (size > SIDECAR_BYTES_MAX)
        return true;
    struct body_memory share; /* the buffer's bytes are counted, so that many lookups at once stay bounded */
    if (!body_memory_take(reader->codecs, 0, (size_t)size, false, &share, error))
        return false;
    struct buffer encoded;
    struct error ignored;
    buffer_init(&encoded, (size_t)SIDECAR_BYTES_MAX);
    if (bucket_read_sidecar(reader->object, &encoded, &ignored) && !encoded.overflow)
        start_at_entry(reader, buffer_span(&encoded));
    metric_add(&reader->codecs->counters.stored_bytes_out, encoded.size);
    buffer_free(&encoded);
    body_memory_give(reader->codecs, &share);
    return true;
}

/* Walking to the first byte costs more than looking it up; or the store shall not fetch what is behind the last. A
 * sidecar of what S4 encrypted speaks of other offsets. */
static bool is_sidecar_worth_it(const struct object_reader *reader)
{
    const struct object_attributes *attributes = &reader->object->attributes;
    return attributes->layout == LAYOUT_FRAMED && attributes->sidecar_size > 0 && reader->s4 == NULL &&
           reader->position < reader->end && reader->object->recalled == NULL &&
           (reader->position >= FRAME_ORIGINAL_BYTES ||
            (reader->end < attributes->original_size && bucket_wants_window(reader->object)));
}

/* Stored bytes that are the original ones, at the same offsets. */
static bool is_read_directly(const struct object_reader *reader)
{
    return reader->object->attributes.layout == LAYOUT_RAW && !reader->is_raw_part;
}

/* What S4 encrypted has no sidecar that could be used. */
static void start_at_landmark(struct object_reader *reader)
{
    struct frame_range range;
    if (reader->object->attributes.layout != LAYOUT_FRAMED ||
        !s4_source_find_frames(reader->s4, reader->position, reader->end, &range))
        return;
    reader->frame_original = range.first.original_offset;
    reader->frame_stored = range.first.stored_offset;
    reader->stored_end = smaller(reader->stored_end, range.stored_end);
}

void object_reader_say_window(const struct object_reader *reader)
{
    bool is_raw = is_read_directly(reader);
    uint64_t end = is_raw ? smaller(reader->end, reader->source->size) : reader->stored_end;
    uint64_t first = is_raw ? smaller(reader->position, end) : reader->frame_stored;
    if (reader->s4 != NULL)
        s4_source_say_window(reader->s4, first, end);
    else
        bucket_read_window(reader->object, first, end);
}

static void begin_raw(struct object_reader *reader)
{
    const struct object_attributes *attributes = &reader->object->attributes;
    if (attributes->layout != LAYOUT_RAW || !attributes->has_crc32c || !attributes->is_size_known)
        return;
    bool is_whole = reader->position == 0 && reader->end == attributes->original_size;
    reader->is_raw_part = !is_whole && reader->position < reader->end && attributes_are_verified_whole(attributes);
    reader->is_raw_verified = is_whole || reader->is_raw_part;
}

/* What was decoded before needs no dictionary any more. */
SUSPENDS static bool take_dictionary(struct object_reader *reader, struct error *error)
{
    const struct object_attributes *attributes = &reader->object->attributes;
    const struct object_settings *settings = &reader->codecs->settings;
    bool may_refer = attributes->codec == CODEC_ZSTD_DICTIONARY || attributes->codec == CODEC_DICTIONARY_BLOCK;
    if (attributes->dictionary[0] == '\0' || !may_refer || reader->object->recalled != NULL)
        return true;
    if (settings->dictionaries == NULL)
        return error_set(error, ERROR_UNSUPPORTED, S3_NotImplemented,
                         "The object was compressed with a dictionary, and there are none here.");
    reader->dictionary = dictionary_table_find(settings->dictionaries, settings->store, reader->name->bucket,
                                               span_from_string(attributes->dictionary), error);
    if (reader->dictionary == NULL && error->code == NULL)
        error->code = error->kind == ERROR_BUSY ? S3_SlowDown : S3_InternalError;
    return reader->dictionary != NULL;
}

/* What the object was opened with holds the range that was announced; it may be another one now. */
static bool check_recalled(const struct bucket_object *object, uint64_t first, uint64_t size, struct error *error)
{
    if (object->recalled == NULL || size == 0)
        return true;
    uint64_t offset = frame_entry_offset(object->recalled);
    size_t held = frame_entry_bytes(object->recalled).size;
    return (first >= offset && first - offset <= held && size <= held - (first - offset)) ||
           error_set(error, ERROR_CHANGED, S3_SlowDown,
                     "Other bytes are wanted than were announced. Please try again.");
}

/* Where S4 encrypted all of it, its frames are in what that holds. */
SUSPENDS static bool take_source(struct object_reader *reader, const struct customer_key *customer, struct error *error)
{
    store_source_init(&reader->store, reader->object);
    reader->source = &reader->store.source;
    if (!reader->object->attributes.is_encrypted)
        return true;
    reader->s4 = s4_source_begin(reader->codecs, &reader->store, customer, error);
    if (reader->s4 != NULL)
        reader->source = &reader->s4->source;
    return reader->s4 != NULL;
}

void object_reader_keep(struct object_reader *reader)
{
    bool is_customers = reader->sealed.is_customers || (reader->s4 != NULL && reader->s4->envelope.kind == S4E3);
    reader->may_keep = !is_customers; /* what is kept is handed out to whoever is let in */
}

SUSPENDS bool object_reader_begin(struct object_codecs *codecs, struct bucket_object *object,
                                  const struct object_name *name, const struct customer_key *customer, uint64_t first,
                                  uint64_t size, struct object_reader **ret_reader, struct error *error)
{
    return object_reader_begin_proved(codecs, object, name, customer, NULL, first, size, ret_reader, error);
}

SUSPENDS bool object_reader_begin_proved(struct object_codecs *codecs, struct bucket_object *object,
                                         const struct object_name *name, const struct customer_key *customer,
                                         const struct object_secret *proof, uint64_t first, uint64_t size,
                                         struct object_reader **ret_reader, struct error *error)
{
    const struct object_attributes *attributes = &object->attributes;
    ASSERT(!attributes->is_size_known ||
           (first <= attributes->original_size && size <= attributes->original_size - first));
    if (!refuse_unreadable(attributes, error) || !check_recalled(object, first, size, error))
        return false;
    struct object_reader *reader = malloc(sizeof *reader); /* calloc goes past the thread's cache of free chunks */
    if (reader == NULL)
        return error_set(error, ERROR_BUSY, S3_SlowDown, "There is no memory for a further download.");
    *reader = (struct object_reader){.codecs = codecs, .object = object, .name = name};
    if (!take_source(reader, customer, error)) {
        free(reader);
        return false;
    }
    reader->stored_end = reader->source->size;
    reader->position = first;
    reader->end = size > UINT64_MAX - first ? UINT64_MAX : first + size;
    if (attributes->layout == LAYOUT_RAW && !attributes->is_size_known)
        reader->end = smaller(reader->end, reader->source->size);
    metric_add(&codecs->counters.stored_bytes_out, object->whole_body.size);
    begin_raw(reader);
    if (!sealed_body_begin(&reader->sealed, codecs, name, customer, proof, object, error) ||
        !take_dictionary(reader, error) || (is_sidecar_worth_it(reader) && !start_by_sidecar(reader, error))) {
        object_reader_end(reader);
        return false;
    }
    if (reader->s4 != NULL)
        start_at_landmark(reader);
    object_reader_say_window(reader);
    reader->first_stored = is_read_directly(reader) ? reader->position : reader->frame_stored;
    *ret_reader = reader;
    return true;
}

bool object_reader_stored_range(const struct object_reader *reader, uint64_t *ret_first, uint64_t *ret_end)
{
    bool is_whole = reader->is_raw_part || object_reader_attributes(reader)->layout == LAYOUT_CODEC;
    *ret_first = is_whole ? 0 : reader->first_stored;
    *ret_end = is_whole ? reader->source->size : is_read_directly(reader) ? reader->position : reader->frame_stored;
    return reader->s4 == NULL && reader->object->recalled == NULL && *ret_first < *ret_end;
}

void object_reader_end(struct object_reader *reader)
{
    if (reader->stream != NULL)
        frame_stream_end(reader->stream);
    dictionary_drop(reader->dictionary);
    object_reader_give_back(reader);
    free(reader->loan);
    body_memory_give(reader->codecs, &reader->memory);
    frame_entry_give(reader->kept);
    sealed_body_end(&reader->sealed);
    s4_source_end(reader->s4);
    free(reader);
}

/* ---- reading ---- */

SUSPENDS bool object_reader_read_stored(struct object_reader *reader, uint64_t offset, void *ret_bytes, size_t size,
                                        struct error *error)
{
    if (size == 0)
        return true;
    metric_add(&reader->codecs->counters.stored_bytes_out, size);
    return reader->source->read(reader->source, offset, ret_bytes, size, error);
}

/* Memory for the next piece: what was handed out before is given up, or used again when it fits and nobody waits. */
SUSPENDS bool object_reader_take_memory(struct object_reader *reader, size_t size, size_t beside, struct error *error)
{
    if (reader->memory.bytes != NULL && reader->memory.size == size && beside == 0 &&
        !memory_budget_has_waiters(&reader->codecs->memory))
        return true;
    body_memory_give(reader->codecs, &reader->memory);
    return body_memory_take(reader->codecs, size, beside, reader->is_half_way, &reader->memory, error);
}

/* What of these original bytes the range wants next. */
struct span object_reader_clip(const struct object_reader *reader, uint64_t offset, struct span bytes)
{
    if (offset + bytes.size <= reader->position || offset >= reader->end)
        return SPAN_EMPTY;
    size_t skipped = offset < reader->position ? (size_t)(reader->position - offset) : 0;
    struct span wanted = span_skip(bytes, skipped);
    uint64_t left = reader->end - (offset + skipped);
    return wanted.size > left ? span_take(wanted, (size_t)left) : wanted;
}

bool object_reader_refuse_cut_short(const struct object_reader *reader, struct error *error)
{
    return error_set(error, ERROR_DAMAGED, NULL, "The object is cut short: %" PRIu64 " bytes of it are missing.",
                     reader->end - reader->position);
}

/* ---- bodies that are stored as they are ---- */

static bool verify_raw(struct object_reader *reader, const struct object_piece *piece, bool is_last,
                       struct error *error)
{
    if (!reader->is_raw_verified)
        return true;
    reader->raw_crc32c = piece_crc32c(reader->raw_crc32c, piece);
    if (!is_last || reader->raw_crc32c == reader->object->attributes.crc32c)
        return true;
    return error_set(error, ERROR_DAMAGED, NULL, "The stored bytes do not match their CRC-32C.");
}

SUSPENDS static bool next_raw(struct object_reader *reader, struct object_piece *ret_piece, struct error *error)
{
    uint64_t stored_size = reader->source->size;
    if (reader->end > stored_size)
        return object_reader_refuse_cut_short(reader, error);
    uint64_t from = reader->is_raw_part ? 0 : reader->position;
    uint64_t left = (reader->is_raw_part ? stored_size : reader->end) - from;
    size_t size = (size_t)(left <= RAW_VERIFIED_BYTES_MAX ? left : RAW_PIECE_BYTES);
    struct span ignored;
    if (reader->source->whole.size > 0)
        piece_set(ret_piece, span_take(span_skip(reader->source->whole, (size_t)from), size));
    else if (!object_reader_load(reader, from, size, 0, ret_piece, &ignored, error))
        return false;
    bool is_right = verify_raw(reader, ret_piece, size == left, error);
    object_reader_clip_piece(reader, from, ret_piece);
    fiber_yield_if_due();
    return is_right;
}

/* ---- the next piece ---- */

SUSPENDS static bool next_piece(struct object_reader *reader, struct object_piece *ret_piece, struct error *error)
{
    const struct frame_entry *recalled = reader->object->recalled;
    if (recalled == NULL && object_reader_attributes(reader)->layout == LAYOUT_RAW)
        return next_raw(reader, ret_piece, error);
    if (recalled == NULL)
        return object_reader_next_framed(reader, ret_piece, error);
    piece_set(ret_piece, object_reader_clip(reader, frame_entry_offset(recalled), frame_entry_bytes(recalled)));
    return true;
}

static void refuse(const struct object_reader *reader, struct error *error)
{
    if (error->kind == ERROR_DAMAGED)
        metric_add(&reader->codecs->counters.frames_damaged, 1);
    if (error->code == NULL)
        error->code = error->kind == ERROR_UNSUPPORTED ? S3_NotImplemented : S3_InternalError;
}

SUSPENDS static bool hand_out(struct object_reader *reader, bool may_borrow, struct object_piece *ret_piece,
                              struct error *error)
{
    piece_set(ret_piece, SPAN_EMPTY);
    frame_entry_give(reader->kept);
    reader->kept = NULL;
    object_reader_give_back(reader);
    if (reader->position == reader->end)
        return true;
    reader->may_borrow = may_borrow;
    if (!next_piece(reader, ret_piece, error)) {
        piece_set(ret_piece, SPAN_EMPTY);
        refuse(reader, error);
        return false;
    }
    reader->is_half_way = true;
    reader->position += ret_piece->size;
    metric_add(&reader->codecs->counters.original_bytes_out, ret_piece->size);
    return true;
}

SUSPENDS bool object_reader_next_piece(struct object_reader *reader, struct object_piece *ret_piece,
                                       struct error *error)
{
    return hand_out(reader, true, ret_piece, error);
}

SUSPENDS bool object_reader_next(struct object_reader *reader, struct span *ret_piece, struct error *error)
{
    struct object_piece piece;
    bool done = hand_out(reader, false, &piece, error);
    *ret_piece = piece.count > 0 ? piece.spans[0] : SPAN_EMPTY;
    return done;
}
