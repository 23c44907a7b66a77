/* server/object/object_reader_frame.c -- frames on their way out: walked, read, opened, decoded, verified.
 *
 * A body without frames is one frame whose header comes from the object's attributes. Which frames hold the first byte
 * and the last the sidecar says, where there is one; else frames are walked from the start, by their headers. The
 * header of the next frame is read together with a payload, so that a frame costs one read. */
#include "server/object/object_reader_private.h"

#include "codec/codec.h"
#include "codec/decompressor.h"
#include "codec/format/frame.h"
#include "runtime/base/assert.h"
#include "s3client/wire/s3_error.h"
#include "server/dictionaries/table.h"
#include "server/object/forms/columns_frame.h"
#include "server/object/forms/frame_index.h"

#include <inttypes.h>

enum {
    STREAM_PIECE_BYTES = 128 << 10,
};

static uint64_t smaller(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

/* ---- headers ---- */

/* An unframed stream as the one frame that it is. */
static bool describe_unframed(const struct object_reader *reader, struct frame_header *ret_header, struct error *error)
{
    const struct object_attributes *attributes = object_reader_attributes(reader);
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
    object_reader_say_window(reader);
}

static bool goes_on_behind(const struct object_reader *reader, const struct frame_header *header)
{
    return reader->frame_original + header->original_size < reader->end;
}

/* The header at frame_stored, which lies before the end of the stored bytes. */
SUSPENDS static bool load_header(struct object_reader *reader, struct frame_header *ret_header, struct error *error)
{
    if (object_reader_attributes(reader)->layout == LAYOUT_CODEC)
        return describe_unframed(reader, ret_header, error);
    uint64_t left = reader->source->size - reader->frame_stored;
    if (reader->source->whole.size > 0)
        return frame_header_decode(span_skip(reader->source->whole, (size_t)reader->frame_stored), left, ret_header,
                                   error);
    size_t want = (size_t)smaller(left, FRAME_HEADER_BYTES);
    if (reader->ahead_size < want) {
        extend_window(reader, reader->frame_stored + want);
        if (!object_reader_read_stored(reader, reader->frame_stored + reader->ahead_size,
                                       reader->ahead + reader->ahead_size, want - reader->ahead_size, error))
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
    reader->frame_stored = reader->first_stored = 0;
    reader->ahead_size = 0;
    reader->stored_end = reader->source->size;
    object_reader_say_window(reader);
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
    return object_reader_attributes(reader)->layout == LAYOUT_FRAMED || object_reader_attributes(reader)->has_crc32c;
}

static bool verify(const struct object_reader *reader, const struct frame_header *header,
                   const struct object_piece *original, struct error *error)
{
    if (!has_crc32c(reader) || piece_crc32c(0, original) == header->crc32c)
        return true;
    return error_set(error, ERROR_DAMAGED, NULL, "The decoded bytes do not match their CRC-32C.");
}

/* What of the header that follows is read together with the payload. */
static size_t bytes_ahead(const struct object_reader *reader, const struct frame_header *header)
{
    uint64_t behind = reader->frame_stored + header->header_size + header->payload_size;
    return goes_on_behind(reader, header) ? (size_t)smaller(reader->source->size - behind, FRAME_HEADER_BYTES) : 0;
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
    size_t ahead = bytes_ahead(reader, header);
    if (!object_reader_read_stored(reader, from, stored, size + ahead, error))
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

struct decoding {
    struct object_reader *reader;
    const struct frame_header *header;
    struct decode_slot *slot;
    struct span payload;
    const struct object_piece *original; /* what is not decoded, only verified */
    struct error *error;
    bool is_right;
};

SUSPENDS static void decode_and_verify(void *argument)
{
    struct decoding *decoding = argument;
    struct object_piece original;
    piece_set(&original, span_of(decoding->reader->memory.bytes, (size_t)decoding->header->original_size));
    decoding->is_right =
        decode_payload(decoding->reader, decoding->header, decoding->slot, decoding->payload, decoding->error) &&
        verify(decoding->reader, decoding->header, &original, decoding->error);
}

static void verify_loaded(void *argument)
{
    struct decoding *decoding = argument;
    decoding->is_right = verify(decoding->reader, decoding->header, decoding->original, decoding->error);
}

SUSPENDS static bool decode_verified(struct object_reader *reader, const struct frame_header *header,
                                     struct decode_slot *slot, struct span payload, struct error *error)
{
    struct decoding decoding = {.reader = reader, .header = header, .slot = slot, .payload = payload, .error = error};
    return codecs_compute(reader->codecs, decode_and_verify, &decoding, error) && decoding.is_right;
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
        !decode_verified(reader, header, slot, payload, error))
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
    if (is_columns && (!columns_frame_check(&inner, object_reader_attributes(reader)->codec, error) ||
                       !columns_frame_prepare(slot, &inner, &ignored, error)))
        return false;
    if (!decode_verified(reader, &inner, slot, payload, error))
        return false;
    step_over(reader, header, ahead);
    return true;
}

SUSPENDS static bool decode_at_once(struct object_reader *reader, const struct frame_header *header,
                                    struct error *error)
{
    size_t beside = header->codec == CODEC_COLUMNS ? columns_frame_memory_beside(header) : 0;
    if (!object_reader_take_memory(reader, (size_t)header->original_size, beside, error))
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
    if (!object_reader_take_memory(reader, memory, window, error) ||
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
SUSPENDS static bool next_of_stream(struct object_reader *reader, struct object_piece *ret_piece, struct error *error)
{
    while (ret_piece->size == 0 && !frame_stream_has_ended(reader->stream)) {
        size_t size;
        if (!frame_stream_read(reader->stream, reader->memory.bytes, reader->stream_piece, &size, error))
            return false;
        piece_set(ret_piece, object_reader_clip(reader, reader->stream_original, span_of(reader->memory.bytes, size)));
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

/* ---- the next frame ---- */

static bool check_total(const struct object_reader *reader, const struct frame_header *header, struct error *error)
{
    const struct object_attributes *attributes = object_reader_attributes(reader);
    if (!attributes->is_size_known || (reader->frame_original <= attributes->original_size &&
                                       header->original_size <= attributes->original_size - reader->frame_original))
        return true;
    return error_set(error, ERROR_DAMAGED, NULL, "The frames hold more than the %" PRIu64 " bytes of the object.",
                     attributes->original_size);
}

/* Its payload is what it holds, nothing else. */
static bool is_as_it_is(const struct object_reader *reader, const struct frame_header *header)
{
    return header->codec == CODEC_PASSTHROUGH && header->payload_size == header->original_size &&
           !reader->sealed.is_sealed;
}

SUSPENDS static bool load_as_it_is(struct object_reader *reader, const struct frame_header *header,
                                   struct object_piece *ret_piece, struct error *error)
{
    uint64_t from = reader->frame_stored + header->header_size;
    size_t size = (size_t)header->original_size;
    struct decoding verifying = {.reader = reader, .header = header, .original = ret_piece, .error = error};
    struct span ahead = SPAN_EMPTY;
    if (reader->source->whole.size > 0)
        piece_set(ret_piece, span_take(span_skip(reader->source->whole, (size_t)from), size));
    else if (!object_reader_load(reader, from, size, bytes_ahead(reader, header), ret_piece, &ahead, error))
        return false;
    if (!codecs_compute(reader->codecs, verify_loaded, &verifying, error) || !verifying.is_right)
        return false;
    step_over(reader, header, ahead);
    fiber_yield_if_due();
    return true;
}

SUSPENDS static bool decode_piece(struct object_reader *reader, const struct frame_header *header,
                                  struct object_piece *ret_piece, struct error *error)
{
    uint64_t offset = reader->frame_original;
    if (is_as_it_is(reader, header)) {
        if (!load_as_it_is(reader, header, ret_piece, error))
            return false;
    } else {
        if (!decode_at_once(reader, header, error))
            return false;
        piece_set(ret_piece, span_of(reader->memory.bytes, (size_t)header->original_size));
    }
    object_reader_clip_piece(reader, offset, ret_piece);
    return true;
}

/* ---- frames that are kept ---- */

/* Where labels slip, a frame may be another revision's than its label says; what S4 encrypted is opened as a whole. */
static bool is_keepable(const struct object_reader *reader)
{
    return reader->may_keep && reader->s4 == NULL && has_crc32c(reader) &&
           object_reader_attributes(reader)->is_size_known && !reader->object->store->capabilities.labels_slip;
}

/* For the next one who wants a piece of it. */
static void offer(struct object_reader *reader, uint64_t offset, bool is_part_wanted)
{
    const struct decoded_frame frame = {
        .name = reader->name,
        .attributes = object_reader_attributes(reader),
        .offset = offset,
        .bytes = reader->memory.bytes,
        .size = reader->memory.size,
        .is_part_wanted = is_part_wanted,
        .is_secret = reader->sealed.is_sealed,
    };
    reader->kept = frame_cache_offer(reader->codecs->frames, &frame);
    if (reader->kept != NULL)
        body_memory_hand_over(reader->codecs, &reader->memory);
}

/* The frame that begins here was decoded before. A store that is far away has its bytes under way already. */
static bool take_kept(struct object_reader *reader, const struct frame_header *header, struct object_piece *ret_piece)
{
    uint64_t offset = reader->frame_original;
    if (!is_keepable(reader) || bucket_wants_window(reader->object))
        return false;
    reader->kept = frame_cache_find(reader->codecs->frames, reader->name, object_reader_attributes(reader), offset,
                                    offset + header->original_size);
    if (reader->kept == NULL)
        return false;
    struct span original = span_take(frame_entry_bytes(reader->kept), (size_t)header->original_size);
    piece_set(ret_piece, object_reader_clip(reader, offset, original));
    step_over(reader, header, SPAN_EMPTY);
    fiber_yield_if_due();
    return true;
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
                                 struct object_piece *ret_piece, struct error *error)
{
    uint64_t offset = reader->frame_original;
    uint64_t behind = reader->frame_stored + header->header_size + header->payload_size;
    extend_window(reader,
                  goes_on_behind(reader, header) ? smaller(behind + FRAME_HEADER_BYTES, reader->source->size) : behind);
    if (!sealed_body_check(&reader->sealed, header, error) ||
        (header->codec == CODEC_COLUMNS &&
         !columns_frame_check(header, object_reader_attributes(reader)->codec, error)))
        return false;
    if (is_streamed(header))
        return begin_stream(reader, header, error);
    bool is_at_hand = is_as_it_is(reader, header) && reader->source->whole.size > 0;
    if (!is_at_hand && take_kept(reader, header, ret_piece))
        return true;
    if (!decode_piece(reader, header, ret_piece, error))
        return false;
    bool is_in_memory = !is_at_hand && reader->memory.bytes != NULL; /* the reader's own, not lent */
    if (is_in_memory && is_keepable(reader))
        offer(reader, offset, ret_piece->size < header->original_size);
    return true;
}

SUSPENDS bool object_reader_next_framed(struct object_reader *reader, struct object_piece *ret_piece,
                                        struct error *error)
{
    while (ret_piece->size == 0) {
        if (reader->stream != NULL) {
            if (!next_of_stream(reader, ret_piece, error))
                return false;
            continue;
        }
        if (reader->frame_stored == reader->source->size)
            return reader->end == UINT64_MAX || object_reader_refuse_cut_short(reader, error);
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
