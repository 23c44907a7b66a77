/* codec/format/frame.c -- encodes and decodes the headers of frames and padding. */
#include "codec/format/frame.h"

#include "runtime/base/byteorder.h"

#include <inttypes.h>

#define MAGIC_DATA UINT32_C(0x32463453)    /* "S4F2" */
#define MAGIC_PADDING UINT32_C(0x31503453) /* "S4P1" */

enum { MAGIC_BYTES = 4 };

void frame_header_encode(const struct frame_header *header, uint8_t ret_bytes[FRAME_HEADER_BYTES])
{
    if (header->kind == FRAME_PADDING) {
        store_u32_le(ret_bytes, MAGIC_PADDING);
        store_u64_le(ret_bytes + 4, header->payload_size);
        return;
    }
    store_u32_le(ret_bytes, MAGIC_DATA);
    store_u32_le(ret_bytes + 4, header->codec);
    store_u64_le(ret_bytes + 8, header->original_size);
    store_u64_le(ret_bytes + 16, header->payload_size);
    store_u32_le(ret_bytes + 24, header->crc32c);
}

static bool decode_data(const uint8_t *bytes, struct frame_header *ret_header, struct error *error)
{
    *ret_header = (struct frame_header){
        .kind = FRAME_DATA,
        .codec = load_u32_le(bytes + 4),
        .original_size = load_u64_le(bytes + 8),
        .payload_size = load_u64_le(bytes + 16),
        .crc32c = load_u32_le(bytes + 24),
        .header_size = FRAME_HEADER_BYTES,
    };
    if (ret_header->original_size > FRAME_BYTES_MAX)
        return error_set(error, ERROR_DAMAGED, NULL,
                         "A frame says it holds %" PRIu64 " bytes; more than 5 GiB are not accepted.",
                         ret_header->original_size);
    return true;
}

static void decode_padding(const uint8_t *bytes, struct frame_header *ret_header)
{
    *ret_header = (struct frame_header){
        .kind = FRAME_PADDING,
        .payload_size = load_u64_le(bytes + 4),
        .header_size = FRAME_PADDING_HEADER_BYTES,
    };
}

bool frame_header_decode(struct span bytes, uint64_t stored_left, struct frame_header *ret_header, struct error *error)
{
    if (bytes.size > stored_left)
        bytes.size = (size_t)stored_left;
    if (bytes.size < MAGIC_BYTES)
        return error_set(error, ERROR_DAMAGED, NULL, "A frame header is cut off.");

    uint32_t magic = load_u32_le(bytes.data);
    if (magic != MAGIC_DATA && magic != MAGIC_PADDING)
        return error_set(error, ERROR_DAMAGED, NULL, "There is no frame where one should begin (found %08" PRIx32 ").",
                         __builtin_bswap32(magic));
    size_t header_size = magic == MAGIC_DATA ? FRAME_HEADER_BYTES : FRAME_PADDING_HEADER_BYTES;
    if (bytes.size < header_size)
        return error_set(error, ERROR_DAMAGED, NULL, "A frame header is cut off.");

    struct frame_header header;
    if (magic == MAGIC_PADDING)
        decode_padding(bytes.data, &header);
    else if (!decode_data(bytes.data, &header, error))
        return false;
    if (header.payload_size > stored_left - header_size ||
        (header.kind == FRAME_DATA && header.payload_size > FRAME_BYTES_MAX))
        return error_set(error, ERROR_DAMAGED, NULL,
                         "A frame says that %" PRIu64 " bytes follow it, where %" PRIu64 " are left.",
                         header.payload_size, stored_left - header_size);
    *ret_header = header;
    return true;
}

uint64_t frame_padding_size(uint64_t size, uint64_t target)
{
    if (size >= target)
        return 0;
    uint64_t need = target - size;
    return need > FRAME_PADDING_HEADER_BYTES ? need : FRAME_PADDING_HEADER_BYTES;
}
