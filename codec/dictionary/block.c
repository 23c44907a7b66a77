/* codec/dictionary/block.c -- nine bytes taken off, and put back. */
#include "codec/dictionary/block.h"

#include "runtime/base/assert.h"
#include "runtime/base/byteorder.h"

#include <zstd.h>

enum {
    AT_DESCRIPTOR = 4,
    AT_WINDOW = 5,
    AT_BLOCK = 6,
    WINDOW_128_KIB = 7 << 3, /* 2 to the power of 10 + 7: an object fits, whatever window it was written with */
    BLOCK_IS_LAST = 1,
    BLOCK_COMPRESSED = 2 << 1,
    BLOCK_SIZE_SHIFT = 3,
};

static uint32_t block_header(size_t block_size)
{
    return (uint32_t)block_size << BLOCK_SIZE_SHIFT | BLOCK_COMPRESSED | BLOCK_IS_LAST;
}

bool dictionary_block_take(struct span frame, struct span *ret_block)
{
    if (frame.size <= DICTIONARY_BLOCK_HEAD_BYTES)
        return false;
    struct span block = span_skip(frame, DICTIONARY_BLOCK_HEAD_BYTES);
    const uint8_t *head = frame.data;
    uint32_t header = load_u16_le(head + AT_BLOCK) | (uint32_t)head[AT_BLOCK + 2] << 16;
    *ret_block = block;
    return load_u32_le(head) == ZSTD_MAGICNUMBER && head[AT_DESCRIPTOR] == 0 && head[AT_WINDOW] <= WINDOW_128_KIB &&
           block.size <= DICTIONARY_BLOCK_BYTES_MAX && header == block_header(block.size);
}

void dictionary_block_head(size_t block_size, uint8_t ret_head[DICTIONARY_BLOCK_HEAD_BYTES])
{
    ASSERT(block_size <= DICTIONARY_BLOCK_BYTES_MAX);
    uint32_t header = block_header(block_size);
    store_u32_le(ret_head, ZSTD_MAGICNUMBER);
    ret_head[AT_DESCRIPTOR] = 0;
    ret_head[AT_WINDOW] = WINDOW_128_KIB;
    store_u16_le(ret_head + AT_BLOCK, (uint16_t)header);
    ret_head[AT_BLOCK + 2] = (uint8_t)(header >> 16);
}
