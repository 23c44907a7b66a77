/* server/object/object_reader.c -- a body on its way out: found, read, decoded, verified, handed over piece by piece.
 *
 * Every stored form is read as a row of frames. A body without frames is one frame whose header comes from the object's
 * attributes; only stored bytes that are the original bytes go a way of their own, as any range of them can be read
 * directly. Which frames hold the first byte and the last the sidecar says, where there is one; else frames are walked
 * from the start, by their headers. The header of the next frame is read together with a payload, so that a frame costs
 * one read.
 */
#include "codec/codec.h"
#include "codec/decompressor.h"
#include "codec/format/crc.h"
#include "codec/format/frame.h"
#include "runtime/base/assert.h"
#include "s3client/wire/s3_error.h"
#include "server/dictionaries/table.h"
#include "server/object/codecs_private.h"
#include "server/object/forms/columns_frame.h"
#include "server/object/forms/frame_index.h"
#include "server/object/forms/frame_stream.h"
#include "server/object/forms/s4_source.h"
#include "server/object/forms/sealed_body.h"
#include "server/object/forms/stage.h"
#include "server/object/object.h"

#include <inttypes.h>
#include <stdlib.h>

enum {
    RAW_PIECE_BYTES = 512 << 10,
    RAW_VERIFIED_BYTES_MAX = FRAME_ORIGINAL_BYTES, /* unframed bodies up to here are verified as frames are */
    STREAM_PIECE_BYTES = 128 << 10,
    KEEPABLE_STORED_BYTES_MAX = 4 << 10,
};

struct object_reader {
    struct object_codecs *codecs;
    struct bucket_object *object;
    const struct object_name *name;
    bool may_keep;                 /* what is decoded, for the next one */
    struct dictionary *dictionary; /* that its frames refer to, held; NULL: none */
    struct store_source store;
    struct s4_source *s4;         /* of a body that S4 encrypted; else NULL */
    struct object_source *source; /* the first stage behind the frames */

    uint64_t position;                 /* original offset of the next byte to hand out */
    uint64_t end;                      /* behind the last one; UINT64_MAX: whatever there is */
    uint64_t frame_original;           /* original offset of the next frame */
    uint64_t frame_stored;             /* stored offset of its header */
    struct sidecar_entry entry;        /* what the sidecar says of it; stored_size 0: nothing */
    uint64_t stored_end;               /* behind the frame that holds the last byte, by the sidecar; else of all */
    uint8_t ahead[FRAME_HEADER_BYTES]; /* its first bytes, as far as they have been read */
    size_t ahead_size;

    struct sealed_body sealed;

    struct body_memory memory;   /* of the piece that was handed out */
    struct frame_stream *stream; /* of a frame that is not decoded at once */
    uint64_t stream_original;    /* original offset of what comes next from it */
    size_t stream_piece;         /* how much of `memory` it fills at once */

    bool is_raw_verified; /* an unframed body is read from its first byte to its last: its CRC is checked on the way */
    bool is_raw_part;     /* ... of which a part is wanted: all of it is read at once, as of a frame */
    uint32_t raw_crc32c;
};

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
           reader->position < reader->end &&
           (reader->position >= FRAME_ORIGINAL_BYTES ||
            (reader->end < attributes->original_size && bucket_wants_window(reader->object)));
}

static void say_window(const struct object_reader *reader)
{
    if (reader->s4 != NULL) /* which knows where its chunks lie */
        return;
    bool is_raw = reader->object->attributes.layout == LAYOUT_RAW && !reader->is_raw_part;
    uint64_t end = is_raw ? smaller(reader->end, reader->source->size) : reader->stored_end;
    uint64_t first = is_raw ? smaller(reader->position, end) : reader->frame_stored;
    bucket_read_window(reader->object, first, end);
}

/* A CRC-32C of the whole says nothing of a part: what is no larger than a frame is verified as a whole. */
static void begin_raw(struct object_reader *reader)
{
    const struct object_attributes *attributes = &reader->object->attributes;
    if (attributes->layout != LAYOUT_RAW || !attributes->has_crc32c || !attributes->is_size_known)
        return;
    bool is_whole = reader->position == 0 && reader->end == attributes->original_size;
    reader->is_raw_part = !is_whole && reader->position < reader->end && reader->source->size <= RAW_VERIFIED_BYTES_MAX;
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

/* Where S4 encrypted all of it, its frames are in what that holds. */
SUSPENDS static bool take_source(struct object_reader *reader, struct error *error)
{
    store_source_init(&reader->store, reader->object);
    reader->source = &reader->store.source;
    if (!reader->object->attributes.is_encrypted)
        return true;
    reader->s4 = s4_source_begin(reader->codecs, &reader->store.source, error);
    if (reader->s4 != NULL)
        reader->source = &reader->s4->source;
    return reader->s4 != NULL;
}

void object_reader_keep(struct object_reader *reader)
{
    reader->may_keep = !reader->sealed.is_customers; /* what is kept is handed out to whoever is let in */
}

SUSPENDS bool object_reader_begin(struct object_codecs *codecs, struct bucket_object *object,
                                  const struct object_name *name, const struct customer_key *customer, uint64_t first,
                                  uint64_t size, struct object_reader **ret_reader, struct error *error)
{
    const struct object_attributes *attributes = &object->attributes;
    ASSERT(!attributes->is_size_known ||
           (first <= attributes->original_size && size <= attributes->original_size - first));
    if (!refuse_unreadable(attributes, error))
        return false;
    struct object_reader *reader = malloc(sizeof *reader); /* calloc goes past the thread's cache of free chunks */
    if (reader == NULL)
        return error_set(error, ERROR_BUSY, S3_SlowDown, "There is no memory for a further download.");
    *reader = (struct object_reader){.codecs = codecs, .object = object, .name = name};
    if (!take_source(reader, error)) {
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
    if (!sealed_body_begin(&reader->sealed, codecs, name, customer, object, error) || !take_dictionary(reader, error) ||
        (is_sidecar_worth_it(reader) && !start_by_sidecar(reader, error))) {
        object_reader_end(reader);
        return false;
    }
    say_window(reader);
    *ret_reader = reader;
    return true;
}

void object_reader_end(struct object_reader *reader)
{
    if (reader->stream != NULL)
        frame_stream_end(reader->stream);
    dictionary_drop(reader->dictionary);
    body_memory_give(reader->codecs, &reader->memory);
    sealed_body_end(&reader->sealed);
    s4_source_end(reader->s4);
    free(reader);
}

/* ---- reading ---- */

SUSPENDS static bool read_stored(struct object_reader *reader, uint64_t offset, void *ret_bytes, size_t size,
                                 struct error *error)
{
    if (size == 0)
        return true;
    metric_add(&reader->codecs->counters.stored_bytes_out, size);
    return reader->source->read(reader->source, offset, ret_bytes, size, error);
}

/* Memory for the next piece: what was handed out before is given up, or used again when it fits and nobody waits. */
SUSPENDS static bool take_memory(struct object_reader *reader, size_t size, size_t beside, struct error *error)
{
    bool is_half_way = reader->memory.bytes != NULL;
    if (is_half_way && reader->memory.size == size && beside == 0 &&
        !memory_budget_has_waiters(&reader->codecs->memory))
        return true;
    body_memory_give(reader->codecs, &reader->memory);
    return body_memory_take(reader->codecs, size, beside, is_half_way, &reader->memory, error);
}

/* What of these original bytes the range wants next. */
static struct span clip(const struct object_reader *reader, uint64_t offset, struct span bytes)
{
    if (offset + bytes.size <= reader->position || offset >= reader->end)
        return SPAN_EMPTY;
    size_t skipped = offset < reader->position ? (size_t)(reader->position - offset) : 0;
    struct span wanted = span_skip(bytes, skipped);
    uint64_t left = reader->end - reader->position;
    return wanted.size > left ? span_take(wanted, (size_t)left) : wanted;
}

static bool refuse_cut_short(const struct object_reader *reader, struct error *error)
{
    return error_set(error, ERROR_DAMAGED, NULL, "The object is cut short: %" PRIu64 " bytes of it are missing.",
                     reader->end - reader->position);
}

/* ---- bodies that are stored as they are ---- */

static bool verify_raw(struct object_reader *reader, struct span piece, bool is_last, struct error *error)
{
    if (!reader->is_raw_verified)
        return true;
    reader->raw_crc32c = crc32c_update(reader->raw_crc32c, piece);
    if (!is_last || reader->raw_crc32c == reader->object->attributes.crc32c)
        return true;
    return error_set(error, ERROR_DAMAGED, NULL, "The stored bytes do not match their CRC-32C.");
}

SUSPENDS static bool next_raw(struct object_reader *reader, struct span *ret_piece, struct error *error)
{
    uint64_t stored_size = reader->source->size;
    if (reader->end > stored_size)
        return refuse_cut_short(reader, error);
    uint64_t from = reader->is_raw_part ? 0 : reader->position;
    uint64_t left = (reader->is_raw_part ? stored_size : reader->end) - from;
    size_t size = (size_t)(left <= RAW_VERIFIED_BYTES_MAX ? left : RAW_PIECE_BYTES);
    struct span read;
    if (reader->source->whole.size > 0) {
        read = span_take(span_skip(reader->source->whole, (size_t)from), size);
    } else {
        if (!take_memory(reader, size, 0, error) || !read_stored(reader, from, reader->memory.bytes, size, error))
            return false;
        read = span_of(reader->memory.bytes, size);
    }
    bool is_right = verify_raw(reader, read, size == left, error);
    *ret_piece = clip(reader, from, read);
    fiber_yield_if_due();
    return is_right;
}

/* ---- frames ---- */

static const struct object_attributes *attributes_of(const struct object_reader *reader)
{
    return &reader->object->attributes;
}

/* An unframed stream as the one frame that it is. */
static bool describe_unframed(const struct object_reader *reader, struct frame_header *ret_header, struct error *error)
{
    const struct object_attributes *attributes = attributes_of(reader);
    if (!attributes->is_size_known || attributes->original_size > FRAME_BYTES_MAX)
        return error_set(error, ERROR_DAMAGED, NULL, "The object is one stream of unknown or impossible size.");
    *ret_header = (struct frame_header){
        .kind = FRAME_DATA,
        .codec = attributes->codec,
        .original_size = attributes->original_size,
        .payload_size = reader->source->size,
        .crc32c = attributes->crc32c,
    };
    return true;
}

/* The index said where reading would end, and has not been proved there: it may go on. */
static void extend_window(struct object_reader *reader, uint64_t end)
{
    if (end <= reader->stored_end)
        return;
    reader->stored_end = reader->source->size;
    say_window(reader);
}

static bool goes_on_behind(const struct object_reader *reader, const struct frame_header *header)
{
    return reader->frame_original + header->original_size < reader->end;
}

/* The header at frame_stored, which lies before the end of the stored bytes. */
SUSPENDS static bool load_header(struct object_reader *reader, struct frame_header *ret_header, struct error *error)
{
    if (attributes_of(reader)->layout == LAYOUT_CODEC)
        return describe_unframed(reader, ret_header, error);
    uint64_t left = reader->source->size - reader->frame_stored;
    if (reader->source->whole.size > 0)
        return frame_header_decode(span_skip(reader->source->whole, (size_t)reader->frame_stored), left, ret_header,
                                   error);
    size_t want = (size_t)smaller(left, FRAME_HEADER_BYTES);
    if (reader->ahead_size < want) {
        extend_window(reader, reader->frame_stored + want);
        if (!read_stored(reader, reader->frame_stored + reader->ahead_size, reader->ahead + reader->ahead_size,
                         want - reader->ahead_size, error))
            return false;
        reader->ahead_size = want;
    }
    return frame_header_decode(span_of(reader->ahead, reader->ahead_size), left, ret_header, error);
}

/* What the sidecar said of the first frame must be true of it; else it is not used after all. */
static bool check_entry(struct object_reader *reader, bool is_loaded, const struct frame_header *header)
{
    const struct sidecar_entry *entry = &reader->entry;
    bool is_true = entry->stored_size == 0 ||
                   (is_loaded && header->kind == FRAME_DATA && header->original_size == entry->original_size &&
                    header->header_size + header->payload_size == entry->stored_size);
    reader->entry.stored_size = 0;
    if (is_true)
        return true;
    reader->frame_original = 0;
    reader->frame_stored = 0;
    reader->ahead_size = 0;
    reader->stored_end = reader->source->size;
    say_window(reader);
    return false;
}

static void step_over(struct object_reader *reader, const struct frame_header *header, struct span ahead)
{
    reader->frame_stored += header->header_size + header->payload_size;
    reader->frame_original += header->kind == FRAME_DATA ? header->original_size : 0;
    reader->ahead_size = ahead.size;
    if (ahead.size > 0)
        memcpy(reader->ahead, ahead.data, ahead.size);
}

static bool has_crc32c(const struct object_reader *reader)
{
    return attributes_of(reader)->layout == LAYOUT_FRAMED || attributes_of(reader)->has_crc32c;
}

static bool verify(const struct object_reader *reader, const struct frame_header *header, struct span original,
                   struct error *error)
{
    if (!has_crc32c(reader) || crc32c_update(0, original) == header->crc32c)
        return true;
    return error_set(error, ERROR_DAMAGED, NULL, "The decoded bytes do not match their CRC-32C.");
}

/* The payload, in place or read to `stored`; with it, when the range goes on, the header that follows it. */
SUSPENDS static bool load_payload(struct object_reader *reader, const struct frame_header *header, uint8_t *stored,
                                  struct span *ret_payload, struct span *ret_ahead, struct error *error)
{
    uint64_t from = reader->frame_stored + header->header_size;
    size_t size = (size_t)header->payload_size;
    *ret_ahead = SPAN_EMPTY;
    if (reader->source->whole.size > 0) {
        *ret_payload = span_take(span_skip(reader->source->whole, (size_t)from), size);
        return true;
    }
    size_t ahead =
        goes_on_behind(reader, header) ? (size_t)smaller(reader->source->size - from - size, FRAME_HEADER_BYTES) : 0;
    if (!read_stored(reader, from, stored, size + ahead, error))
        return false;
    *ret_payload = span_of(stored, size);
    *ret_ahead = span_of(stored + size, ahead);
    return true;
}

SUSPENDS static bool decode_payload(struct object_reader *reader, const struct frame_header *header,
                                    struct decode_slot *slot, struct span payload, struct error *error)
{
    if (header->codec == CODEC_COLUMNS)
        return columns_frame_decode(slot, header, payload, reader->memory.bytes, error);
    decompressor_set_dictionary(slot->decompressor, reader->dictionary);
    if (!decompressor_run_begin(slot->decompressor, header->codec, payload, reader->memory.bytes,
                                (size_t)header->original_size, error))
        return false;
    enum codec_step step;
    while ((step = decompressor_run_step(slot->decompressor, error)) == CODEC_MORE)
        fiber_yield_if_due();
    return step == CODEC_DONE;
}

/* An ordinary frame: read, decoded and verified in one go, into `memory`. */
SUSPENDS static bool decode_with(struct object_reader *reader, const struct frame_header *header,
                                 struct decode_slot *slot, struct error *error)
{
    struct span payload;
    struct span ahead;
    uint8_t *stored = slot->stored;
    if (header->codec == CODEC_COLUMNS && !columns_frame_prepare(slot, header, &stored, error))
        return false;
    if (!load_payload(reader, header, stored, &payload, &ahead, error) ||
        !decode_payload(reader, header, slot, payload, error) ||
        !verify(reader, header, span_of(reader->memory.bytes, (size_t)header->original_size), error))
        return false;
    step_over(reader, header, ahead);
    return true;
}

/* ---- frames that are sealed ---- */

/* What is mapped or kept elsewhere is copied first: a frame is opened where it lies. */
SUSPENDS static bool open_sealed(struct object_reader *reader, const struct frame_header *header, uint8_t *stored,
                                 struct frame_header *ret_inner, struct span *ret_payload, struct span *ret_ahead,
                                 struct error *error)
{
    struct span payload;
    if (!load_payload(reader, header, stored, &payload, ret_ahead, error))
        return false;
    if (payload.data != stored)
        memcpy(stored, payload.data, payload.size);
    bool opened =
        sealed_body_open(&reader->sealed, header, reader->frame_original, stored, ret_inner, ret_payload, error);
    fiber_yield_if_due();
    return opened;
}

SUSPENDS static bool decode_sealed_with(struct object_reader *reader, const struct frame_header *header,
                                        struct decode_slot *slot, struct error *error)
{
    struct frame_header inner;
    struct span payload;
    struct span ahead;
    uint8_t *ignored;
    if (!open_sealed(reader, header, slot->stored, &inner, &payload, &ahead, error))
        return false;
    bool is_columns = inner.codec == CODEC_COLUMNS;
    if (is_columns && (!columns_frame_check(&inner, attributes_of(reader)->codec, error) ||
                       !columns_frame_prepare(slot, &inner, &ignored, error)))
        return false;
    if (!decode_payload(reader, &inner, slot, payload, error) ||
        !verify(reader, &inner, span_of(reader->memory.bytes, (size_t)inner.original_size), error))
        return false;
    step_over(reader, header, ahead);
    return true;
}

SUSPENDS static bool decode_at_once(struct object_reader *reader, const struct frame_header *header,
                                    struct error *error)
{
    size_t beside = header->codec == CODEC_COLUMNS ? columns_frame_memory_beside(header) : 0;
    if (!take_memory(reader, (size_t)header->original_size, beside, error))
        return false;
    struct decode_slot *slot = slot_take(reader->codecs, reader->codecs->decode_slots, error);
    if (slot == NULL)
        return false;
    bool done = reader->sealed.is_sealed ? decode_sealed_with(reader, header, slot, error)
                                         : decode_with(reader, header, slot, error);
    decode_slot_give(reader->codecs->decode_slots, slot);
    fiber_yield_if_due();
    return done;
}

/* ---- frames that are streamed ---- */

SUSPENDS static bool begin_stream(struct object_reader *reader, const struct frame_header *header, struct error *error)
{
    struct frame_stream_source from = {
        .source = reader->source,
        .dictionary = reader->dictionary,
        .header = *header,
        .payload_offset = reader->frame_stored + header->header_size,
        .has_crc32c = has_crc32c(reader),
    };
    size_t window;
    if (!frame_stream_window(&from, &window, error))
        return false;
    /* Up to FRAME_VERIFIED_BYTES_MAX all of it is one piece, so that it is verified before it leaves. Else the second
     * half of the memory takes what is decoded only to be verified. */
    bool is_one_piece = header->original_size <= FRAME_VERIFIED_BYTES_MAX;
    size_t piece = is_one_piece ? (size_t)header->original_size : STREAM_PIECE_BYTES;
    size_t memory = is_one_piece ? piece : 2 * piece;
    if (!take_memory(reader, memory, window, error) ||
        !frame_stream_begin(reader->codecs, &from, &reader->stream, error))
        return false;
    reader->stream_original = reader->frame_original;
    reader->stream_piece = piece;
    step_over(reader, header, SPAN_EMPTY);
    return true;
}

/* The range ends inside the frame: its last bytes leave only when all of the frame has proved right. */
SUSPENDS static bool verify_rest(struct object_reader *reader, struct error *error)
{
    while (!frame_stream_has_ended(reader->stream)) {
        size_t size;
        if (!frame_stream_read(reader->stream, reader->memory.bytes + reader->stream_piece, reader->stream_piece, &size,
                               error))
            return false;
    }
    return true;
}

/* The next part of the frame that the range wants; empty when the frame ends without one. */
SUSPENDS static bool next_of_stream(struct object_reader *reader, struct span *ret_piece, struct error *error)
{
    while (ret_piece->size == 0 && !frame_stream_has_ended(reader->stream)) {
        size_t size;
        if (!frame_stream_read(reader->stream, reader->memory.bytes, reader->stream_piece, &size, error))
            return false;
        *ret_piece = clip(reader, reader->stream_original, span_of(reader->memory.bytes, size));
        reader->stream_original += size;
    }
    if (reader->stream_original >= reader->end && !verify_rest(reader, error))
        return false;
    if (frame_stream_has_ended(reader->stream)) {
        frame_stream_end(reader->stream);
        reader->stream = NULL;
    }
    return true;
}

/* ---- the next piece ---- */

static bool check_total(const struct object_reader *reader, const struct frame_header *header, struct error *error)
{
    const struct object_attributes *attributes = attributes_of(reader);
    if (!attributes->is_size_known || (reader->frame_original <= attributes->original_size &&
                                       header->original_size <= attributes->original_size - reader->frame_original))
        return true;
    return error_set(error, ERROR_DAMAGED, NULL, "The frames hold more than the %" PRIu64 " bytes of the object.",
                     attributes->original_size);
}

SUSPENDS static bool decode_piece(struct object_reader *reader, const struct frame_header *header,
                                  struct span *ret_piece, struct error *error)
{
    uint64_t offset = reader->frame_original;
    if (!decode_at_once(reader, header, error))
        return false;
    *ret_piece = clip(reader, offset, span_of(reader->memory.bytes, (size_t)header->original_size));
    return true;
}

/* A small object of one frame, which the store had at hand as a whole. */
static bool is_keepable(const struct object_reader *reader, const struct frame_header *header)
{
    return reader->source->whole.size > 0 && reader->source->whole.size <= KEEPABLE_STORED_BYTES_MAX &&
           reader->frame_stored == 0 && header->header_size + header->payload_size == reader->source->size &&
           header->original_size <= DECODED_CACHE_BYTES_MAX && has_crc32c(reader) && reader->may_keep &&
           attributes_of(reader)->stored_etag[0] != '\0';
}

/* For the next object_open. */
static void keep(struct object_reader *reader, const struct frame_header *header)
{
    decoded_cache_offer(reader->codecs->decoded, reader->name, span_from_string(attributes_of(reader)->stored_etag),
                        span_of(reader->memory.bytes, (size_t)header->original_size));
}

/* Decoded in slices: what is larger than Bale's own frames, and what a GPU wrote, which takes a CPU long. */
static bool is_streamed(const struct frame_header *header)
{
    return header->codec != CODEC_COLUMNS && header->codec != CODEC_SEALED &&
           (header->codec == CODEC_NVCOMP_ZSTD || header->codec == CODEC_NVCOMP_GDEFLATE ||
            header->original_size > FRAME_ORIGINAL_BYTES || header->payload_size > FRAME_ORIGINAL_BYTES);
}

/* One data frame that the range touches. *ret_piece stays empty when it is streamed from here on. */
SUSPENDS static bool begin_frame(struct object_reader *reader, const struct frame_header *header,
                                 struct span *ret_piece, struct error *error)
{
    uint64_t offset = reader->frame_original;
    uint64_t behind = reader->frame_stored + header->header_size + header->payload_size;
    extend_window(reader,
                  goes_on_behind(reader, header) ? smaller(behind + FRAME_HEADER_BYTES, reader->source->size) : behind);
    if (!sealed_body_check(&reader->sealed, header, error) ||
        (header->codec == CODEC_COLUMNS && !columns_frame_check(header, attributes_of(reader)->codec, error)))
        return false;
    if (is_streamed(header))
        return begin_stream(reader, header, error);
    if (header->codec == CODEC_PASSTHROUGH && reader->source->whole.size > 0 &&
        header->payload_size == header->original_size) {
        struct span original = span_take(
            span_skip(reader->source->whole, (size_t)reader->frame_stored + header->header_size), header->payload_size);
        *ret_piece = clip(reader, offset, original);
        step_over(reader, header, SPAN_EMPTY);
        return verify(reader, header, original, error);
    }
    bool is_kept = is_keepable(reader, header);
    if (!decode_piece(reader, header, ret_piece, error))
        return false;
    if (is_kept)
        keep(reader, header);
    return true;
}

SUSPENDS static bool next_framed(struct object_reader *reader, struct span *ret_piece, struct error *error)
{
    while (ret_piece->size == 0) {
        if (reader->stream != NULL) {
            if (!next_of_stream(reader, ret_piece, error))
                return false;
            continue;
        }
        if (reader->frame_stored == reader->source->size)
            return reader->end == UINT64_MAX || refuse_cut_short(reader, error);
        struct frame_header header;
        bool is_loaded = load_header(reader, &header, error);
        if (!check_entry(reader, is_loaded, &header))
            continue;
        if (!is_loaded || !check_total(reader, &header, error))
            return false;
        if (header.kind == FRAME_PADDING || reader->frame_original + header.original_size <= reader->position) {
            step_over(reader, &header, SPAN_EMPTY);
            fiber_yield_if_due();
        } else if (!begin_frame(reader, &header, ret_piece, error)) {
            return false;
        }
    }
    return true;
}

SUSPENDS bool object_reader_next(struct object_reader *reader, struct span *ret_piece, struct error *error)
{
    *ret_piece = SPAN_EMPTY;
    if (reader->position == reader->end)
        return true;
    bool done = true;
    if (reader->object->recalled != NULL)
        *ret_piece = clip(reader, 0, decoded_entry_bytes(reader->object->recalled));
    else if (attributes_of(reader)->layout == LAYOUT_RAW)
        done = next_raw(reader, ret_piece, error);
    else
        done = next_framed(reader, ret_piece, error);
    if (!done) {
        *ret_piece = SPAN_EMPTY;
        if (error->kind == ERROR_DAMAGED)
            metric_add(&reader->codecs->counters.frames_damaged, 1);
        if (error->code == NULL)
            error->code = error->kind == ERROR_UNSUPPORTED ? S3_NotImplemented : S3_InternalError;
        return false;
    }
    reader->position += ret_piece->size;
    metric_add(&reader->codecs->counters.original_bytes_out, ret_piece->size);
    return true;
}
