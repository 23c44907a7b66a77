/* store/remote/format/trailer.c -- the trailer's bytes: written, and read with every bound checked. */
#include "store/remote/format/trailer.h"

#include "codec/format/crc.h"
#include "codec/format/frame.h"
#include "runtime/base/assert.h"
#include "runtime/base/byteorder.h"
#include "runtime/base/checked.h"
#include "store/remote/format/varint.h"

enum {
    SECTION_ATTRIBUTES = 1,
    SECTION_FRAMES = 2,
    SECTION_PARTS = 3,
    SECTION_METADATA = 4,
    SECTION_SEAL = 5,
    SECTION_HEADER_BYTES = 8,
    ARE_SEALED = 1 << 7, /* beside the algorithm of parts */

    AT_NONCE = 8, /* of the attributes */
    AT_DIGEST = 24,
    AT_PARTS = 40,
    AT_CRC32C = 44,
    AT_ALGORITHM = 48,
    AT_TYPE = 49,
    AT_CHECKSUM_BYTES = 50,
    AT_CHECKSUM_PARTS = 52,
    AT_CHECKSUM = 56,

    AT_STORED_SIZE = 8, /* of the footer */
    AT_SECTIONS_CRC32C = 16,
    AT_VERSION = 20,
    AT_MAGIC = 24,
    TRAILER_VERSION = 1,
};
static const char magic[8] = {'B', 'A', 'L', 'E', '-', 'E', 'N', 'D'};

/* ---- writing ---- */

void trailer_builder_init(struct trailer_builder *builder)
{
    *builder = (struct trailer_builder){0};
}

void trailer_builder_free(struct trailer_builder *builder)
{
    buffer_free(&builder->frames);
    buffer_free(&builder->parts);
}

void trailer_add_frame(struct trailer_builder *builder, uint64_t original_size, uint64_t stored_size)
{
    ASSERT(original_size > 0 && stored_size >= FRAME_HEADER_BYTES);
    varint_append(&builder->frames, original_size == FRAME_ORIGINAL_BYTES ? 0 : original_size);
    varint_append(&builder->frames, stored_size);
    builder->original_size += original_size;
    builder->body_size += stored_size;
}

void trailer_add_part(struct trailer_builder *builder, enum checksum_algorithm algorithm,
                      const struct object_part *part)
{
    ASSERT(part->number > builder->last_part);
    ASSERT(builder->last_part == 0 || builder->algorithm == algorithm);
    ASSERT(builder->last_part == 0 || builder->are_sealed == (part->seal.size > 0));
    ASSERT(algorithm == CHECKSUM_NONE || part->checksum.algorithm == algorithm);
    ASSERT(part->seal.size <= PART_SEAL_BYTES);
    builder->algorithm = algorithm;
    varint_append(&builder->parts, part->number - builder->last_part);
    varint_append(&builder->parts, part->original_size);
    if (algorithm != CHECKSUM_NONE)
        buffer_append(&builder->parts, span_of(part->checksum.bytes, checksum_size(algorithm)));
    builder->are_sealed = part->seal.size > 0;
    if (builder->are_sealed) {
        buffer_append_byte(&builder->parts, (uint8_t)part->seal.size);
        buffer_append(&builder->parts, part->seal);
    }
    builder->last_part = part->number;
}

static void put_section_header(struct buffer *to, uint8_t kind, size_t size)
{
    uint8_t header[SECTION_HEADER_BYTES] = {kind};
    ASSERT(size <= UINT32_MAX);
    store_u32_le(header + 4, (uint32_t)size);
    buffer_append(to, span_of(header, sizeof header));
}

static void put_section(struct buffer *to, uint8_t kind, struct span bytes)
{
    if (bytes.size == 0)
        return;
    put_section_header(to, kind, bytes.size);
    buffer_append(to, bytes);
}

static size_t checksum_bytes(const struct checksum_value *checksum)
{
    return checksum->algorithm == CHECKSUM_NONE ? 0 : checksum_size(checksum->algorithm);
}

static void put_attributes(struct buffer *to, const struct trailer_facts *facts)
{
    uint8_t bytes[AT_CHECKSUM + CHECKSUM_BYTES_MAX] = {0};
    size_t size = checksum_bytes(&facts->checksum);
    store_u64_le(bytes, facts->original_size);
    memcpy(bytes + AT_NONCE, facts->nonce, TRAILER_NONCE_BYTES);
    memcpy(bytes + AT_DIGEST, facts->digest, MD5_BYTES);
    store_u32_le(bytes + AT_PARTS, facts->parts_count);
    store_u32_le(bytes + AT_CRC32C, facts->crc32c);
    bytes[AT_ALGORITHM] = (uint8_t)facts->checksum.algorithm;
    bytes[AT_TYPE] = (uint8_t)facts->checksum.type;
    store_u16_le(bytes + AT_CHECKSUM_BYTES, (uint16_t)size);
    store_u32_le(bytes + AT_CHECKSUM_PARTS, facts->checksum.parts_count);
    memcpy(bytes + AT_CHECKSUM, facts->checksum.bytes, size);
    put_section(to, SECTION_ATTRIBUTES, span_of(bytes, AT_CHECKSUM + size));
}

static void put_parts(struct buffer *to, const struct trailer_builder *builder)
{
    if (builder->parts.size == 0)
        return;
    put_section_header(to, SECTION_PARTS, builder->parts.size + 1);
    buffer_append_byte(to, (uint8_t)((unsigned)builder->algorithm | (builder->are_sealed ? ARE_SEALED : 0)));
    buffer_append(to, buffer_span(&builder->parts));
}

void trailer_encode(const struct trailer_builder *builder, const struct trailer_facts *facts, struct span metadata,
                    struct span seal, uint64_t body_size, struct buffer *ret_trailer)
{
    ASSERT(builder->frames.size == 0 ||
           (builder->body_size == body_size && builder->original_size == facts->original_size));
    size_t begin = ret_trailer->size;
    uint8_t padding[FRAME_PADDING_HEADER_BYTES] = {0};
    buffer_append(ret_trailer, span_of(padding, sizeof padding));
    put_attributes(ret_trailer, facts);
    put_section(ret_trailer, SECTION_FRAMES, buffer_span(&builder->frames));
    put_parts(ret_trailer, builder);
    put_section(ret_trailer, SECTION_METADATA, metadata);
    put_section(ret_trailer, SECTION_SEAL, seal);

    struct span sections = span_skip(buffer_span(ret_trailer), begin + sizeof padding);
    uint64_t size = sections.size + TRAILER_FOOTER_BYTES;
    uint8_t footer[TRAILER_FOOTER_BYTES] = {0};
    store_u64_le(footer, size);
    store_u64_le(footer + AT_STORED_SIZE, body_size + sizeof padding + size);
    store_u32_le(footer + AT_SECTIONS_CRC32C, crc32c_update(0, sections));
    store_u16_le(footer + AT_VERSION, TRAILER_VERSION);
    memcpy(footer + AT_MAGIC, magic, sizeof magic);
    buffer_append(ret_trailer, span_of(footer, sizeof footer));

    const struct frame_header header = {.kind = FRAME_PADDING, .payload_size = size};
    uint8_t encoded[FRAME_HEADER_BYTES];
    frame_header_encode(&header, encoded);
    if (!ret_trailer->overflow)
        memcpy(ret_trailer->data + begin, encoded, sizeof padding);
}

/* ---- reading ---- */

bool trailer_locate(struct span tail, uint64_t stored_size, uint64_t *ret_bytes)
{
    if (tail.size < TRAILER_FOOTER_BYTES || stored_size < TRAILER_BYTES_LEAST)
        return false;
    const uint8_t *footer = tail.data + tail.size - TRAILER_FOOTER_BYTES;
    uint64_t size = load_u64_le(footer);
    if (memcmp(footer + AT_MAGIC, magic, sizeof magic) != 0 || load_u16_le(footer + AT_VERSION) != TRAILER_VERSION ||
        load_u16_le(footer + AT_VERSION + 2) != 0 || load_u64_le(footer + AT_STORED_SIZE) != stored_size)
        return false;
    if (size < TRAILER_FOOTER_BYTES || size > TRAILER_BYTES_MAX - FRAME_PADDING_HEADER_BYTES ||
        size > stored_size - FRAME_PADDING_HEADER_BYTES)
        return false;
    *ret_bytes = size + FRAME_PADDING_HEADER_BYTES;
    return true;
}

static bool read_attributes(struct span bytes, struct trailer_facts *ret_facts)
{
    if (bytes.size < AT_CHECKSUM)
        return false;
    uint8_t algorithm = bytes.data[AT_ALGORITHM];
    uint8_t type = bytes.data[AT_TYPE];
    size_t size = load_u16_le(bytes.data + AT_CHECKSUM_BYTES);
    if (algorithm >= CHECKSUM_ALGORITHMS || type > CHECKSUM_COMPOSITE || bytes.size != AT_CHECKSUM + size)
        return false;
    *ret_facts = (struct trailer_facts){
        .original_size = load_u64_le(bytes.data),
        .parts_count = load_u32_le(bytes.data + AT_PARTS),
        .crc32c = load_u32_le(bytes.data + AT_CRC32C),
        .checksum = {.algorithm = (enum checksum_algorithm)algorithm,
                     .type = (enum checksum_type)type,
                     .parts_count = load_u32_le(bytes.data + AT_CHECKSUM_PARTS)},
    };
    if (size != checksum_bytes(&ret_facts->checksum) || ret_facts->parts_count > PART_NUMBER_MAX ||
        ret_facts->checksum.parts_count > PART_NUMBER_MAX)
        return false;
    memcpy(ret_facts->nonce, bytes.data + AT_NONCE, TRAILER_NONCE_BYTES);
    memcpy(ret_facts->digest, bytes.data + AT_DIGEST, MD5_BYTES);
    memcpy(ret_facts->checksum.bytes, bytes.data + AT_CHECKSUM, size);
    return true;
}

static bool read_metadata(struct span bytes)
{
    size_t position = 0;
    struct span name;
    struct span value;
    while (metadata_next(bytes, &position, &name, &value))
        continue;
    return position == bytes.size;
}

static bool read_section(uint8_t kind, struct span bytes, struct trailer *trailer)
{
    switch (kind) {
    case SECTION_ATTRIBUTES:
        return read_attributes(bytes, &trailer->facts);
    case SECTION_FRAMES:
        trailer->frames = bytes;
        return true;
    case SECTION_PARTS:
        if (bytes.size == 0 || (bytes.data[0] & ~ARE_SEALED) >= CHECKSUM_ALGORITHMS)
            return false;
        trailer->are_parts_sealed = (bytes.data[0] & ARE_SEALED) != 0;
        trailer->parts_algorithm = (enum checksum_algorithm)(bytes.data[0] & ~ARE_SEALED);
        trailer->parts = span_skip(bytes, 1);
        return true;
    case SECTION_METADATA:
        trailer->metadata = bytes;
        return read_metadata(bytes);
    case SECTION_SEAL:
        trailer->seal = bytes;
        return bytes.size > 0 && bytes.size <= OBJECT_SEAL_BYTES_MAX;
    default: /* of a later version, which added what need not be understood */
        return true;
    }
}

static bool read_sections(struct span sections, struct trailer *trailer)
{
    uint8_t last = 0;
    bool has_attributes = false;
    while (sections.size > 0) {
        if (sections.size < SECTION_HEADER_BYTES)
            return false;
        uint8_t kind = sections.data[0];
        size_t size = load_u32_le(sections.data + 4);
        struct span rest = span_skip(sections, SECTION_HEADER_BYTES);
        if (kind <= last || size > rest.size || !read_section(kind, span_take(rest, size), trailer))
            return false;
        has_attributes = has_attributes || kind == SECTION_ATTRIBUTES;
        last = kind;
        sections = span_skip(rest, size);
    }
    return has_attributes;
}

/* Frames lie seamless in the body and add up to the object: else a range would be cut out of the wrong place. */
static bool check_frames(struct trailer *trailer)
{
    struct trailer_cursor cursor = {0};
    uint64_t original = 0;
    uint64_t stored = 0;
    if (trailer->frames.size == 0)
        return true;
    while (trailer_next_frame(trailer, &cursor)) {
        trailer->frames_count++;
        original = cursor.entry.original_offset + cursor.entry.original_size;
        stored = cursor.entry.stored_offset + cursor.entry.stored_size;
    }
    return cursor.position == trailer->frames.size && original == trailer->facts.original_size &&
           stored == trailer->body_size;
}

static bool check_parts(const struct trailer *trailer)
{
    size_t position = 0;
    struct object_part part = {0};
    uint64_t original = 0;
    uint32_t count = 0;
    while (trailer_next_part(trailer, &position, &part)) {
        count++;
        if (!checked_add(original, part.original_size, &original))
            return false;
    }
    return position == trailer->parts.size &&
           (count == 0 || (count == trailer->facts.parts_count && original == trailer->facts.original_size));
}

static bool refuse(const char **reason, const char *text)
{
    if (reason != NULL)
        *reason = text;
    return false;
}

bool trailer_decode(struct span frame, uint64_t stored_size, struct trailer *ret_trailer, const char **reason)
{
    struct frame_header header;
    struct error ignored;
    uint64_t size;
    if (!trailer_locate(frame, stored_size, &size) || size != frame.size)
        return refuse(reason, "its footer does not fit the object");
    if (!frame_header_decode(frame, frame.size, &header, &ignored) || header.kind != FRAME_PADDING ||
        header.payload_size != frame.size - FRAME_PADDING_HEADER_BYTES)
        return refuse(reason, "it is no padding frame of the size that its footer says");
    const uint8_t *footer = frame.data + frame.size - TRAILER_FOOTER_BYTES;
    struct span sections = span_of(frame.data + FRAME_PADDING_HEADER_BYTES,
                                   frame.size - FRAME_PADDING_HEADER_BYTES - TRAILER_FOOTER_BYTES);
    if (crc32c_update(0, sections) != load_u32_le(footer + AT_SECTIONS_CRC32C))
        return refuse(reason, "its checksum is wrong");
    *ret_trailer = (struct trailer){.body_size = stored_size - frame.size};
    if (!read_sections(sections, ret_trailer))
        return refuse(reason, "a section is malformed");
    if (!check_frames(ret_trailer))
        return refuse(reason, "its frames do not add up to the object");
    if (!check_parts(ret_trailer))
        return refuse(reason, "its parts do not add up to the object");
    return true;
}

/* ---- frames ---- */

bool trailer_next_frame(const struct trailer *trailer, struct trailer_cursor *cursor)
{
    struct sidecar_entry *entry = &cursor->entry;
    size_t position = cursor->position;
    uint64_t original;
    uint64_t stored;
    uint64_t original_offset;
    uint64_t stored_offset;
    if (!varint_take(trailer->frames, &position, &original) || !varint_take(trailer->frames, &position, &stored))
        return false;
    if (original == 0)
        original = FRAME_ORIGINAL_BYTES;
    if (original > FRAME_BYTES_MAX || stored < FRAME_HEADER_BYTES || stored > FRAME_BYTES_MAX ||
        !checked_add(entry->original_offset, entry->original_size, &original_offset) ||
        !checked_add(entry->stored_offset, entry->stored_size, &stored_offset) ||
        original_offset > UINT64_MAX - original || stored_offset > UINT64_MAX - stored)
        return false;
    *entry = (struct sidecar_entry){original_offset, original, stored_offset, stored};
    cursor->position = position;
    return true;
}

bool trailer_find_frame(const struct trailer *trailer, uint64_t original_offset, struct sidecar_entry *ret_entry)
{
    struct trailer_cursor cursor = {0};
    while (trailer_next_frame(trailer, &cursor)) {
        if (original_offset - cursor.entry.original_offset < cursor.entry.original_size) {
            *ret_entry = cursor.entry;
            return true;
        }
    }
    return false;
}

void trailer_to_sidecar(const struct trailer *trailer, struct buffer *ret_sidecar)
{
    struct trailer_cursor cursor = {0};
    if (trailer->frames_count == 0)
        return;
    (void)buffer_reserve(ret_sidecar, SIDECAR_HEAD_BYTES + (size_t)trailer->frames_count * SIDECAR_ENTRY_BYTES);
    sidecar_append_head(ret_sidecar, trailer->frames_count, trailer->facts.original_size, trailer->body_size);
    while (trailer_next_frame(trailer, &cursor))
        sidecar_append_entry(ret_sidecar, &cursor.entry);
}

/* ---- parts ---- */

static bool take_seal(const struct trailer *trailer, size_t *position, struct span *ret_seal)
{
    struct span rest = span_skip(trailer->parts, *position);
    if (rest.size == 0 || rest.data[0] == 0 || rest.data[0] > PART_SEAL_BYTES || rest.data[0] >= rest.size)
        return false;
    *ret_seal = span_of(rest.data + 1, rest.data[0]);
    *position += 1 + ret_seal->size;
    return true;
}

bool trailer_next_part(const struct trailer *trailer, size_t *position, struct object_part *ret_part)
{
    uint64_t step;
    uint64_t original;
    size_t at = *position;
    size_t checksum_size_bytes =
        trailer->parts_algorithm == CHECKSUM_NONE ? 0 : checksum_size(trailer->parts_algorithm);
    if (!varint_take(trailer->parts, &at, &step) || !varint_take(trailer->parts, &at, &original) || step == 0 ||
        step > PART_NUMBER_MAX || ret_part->number + step > PART_NUMBER_MAX ||
        trailer->parts.size - at < checksum_size_bytes)
        return false;
    ret_part->number += (unsigned)step;
    ret_part->original_size = original;
    ret_part->checksum = (struct checksum_value){.algorithm = trailer->parts_algorithm};
    memcpy(ret_part->checksum.bytes, trailer->parts.data + at, checksum_size_bytes);
    *position = at + checksum_size_bytes;
    return !trailer->are_parts_sealed || take_seal(trailer, position, &ret_part->seal);
}
