/* store/remote/format/blocks.c -- blocks behind a magic and a checksum. */
#include "store/remote/format/blocks.h"

#include "codec/format/crc.h"
#include "runtime/base/byteorder.h"
#include "runtime/base/decimal.h"

enum { HEAD_BYTES = BLOCKS_MAGIC_BYTES + 4, BLOCK_HEAD_BYTES = 5 };

void blocks_begin(const char *magic, struct buffer *to)
{
    uint8_t head[HEAD_BYTES] = {0};
    memcpy(head, magic, BLOCKS_MAGIC_BYTES);
    buffer_append(to, span_of(head, sizeof head));
}

void blocks_put(struct buffer *to, char name, struct span bytes)
{
    uint8_t head[BLOCK_HEAD_BYTES] = {(uint8_t)name};
    store_u32_le(head + 1, (uint32_t)bytes.size);
    buffer_append(to, span_of(head, sizeof head));
    buffer_append(to, bytes);
}

void blocks_put_number(struct buffer *to, char name, uint64_t value)
{
    char digits[DECIMAL_BYTES_MAX];
    blocks_put(to, name, span_of(digits, decimal_format(value, digits)));
}

void blocks_seal(struct buffer *to)
{
    store_u32_le(to->data + BLOCKS_MAGIC_BYTES, crc32c_update(0, span_skip(buffer_span(to), HEAD_BYTES)));
}

bool blocks_open(const char *magic, struct span bytes, size_t bytes_max, struct span *ret_blocks)
{
    if (bytes.size < HEAD_BYTES || bytes.size > bytes_max || memcmp(bytes.data, magic, BLOCKS_MAGIC_BYTES) != 0)
        return false;
    *ret_blocks = span_skip(bytes, HEAD_BYTES);
    return load_u32_le(bytes.data + BLOCKS_MAGIC_BYTES) == crc32c_update(0, *ret_blocks);
}

bool blocks_find(struct span blocks, char name, struct span *ret_bytes)
{
    while (blocks.size >= BLOCK_HEAD_BYTES) {
        size_t size = load_u32_le(blocks.data + 1);
        bool is_it = blocks.data[0] == (uint8_t)name;
        blocks = span_skip(blocks, BLOCK_HEAD_BYTES);
        if (size > blocks.size)
            return false;
        if (is_it) {
            *ret_bytes = span_take(blocks, size);
            return true;
        }
        blocks = span_skip(blocks, size);
    }
    return false;
}

bool blocks_find_number(struct span blocks, char name, uint64_t most, uint64_t *ret_value)
{
    struct span digits;
    return blocks_find(blocks, name, &digits) && decimal_parse_range(digits, 0, most, ret_value);
}
