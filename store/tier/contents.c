/* store/tier/contents.c -- tables of blocks, written and read. */
#include "store/tier/contents.h"

#include "codec/format/crc.h"
#include "runtime/base/assert.h"
#include "runtime/base/byteorder.h"

enum { ENTRY_BYTES = 28, FOOTER_BYTES = 32 };

/* Places in an entry, and in the last bytes. */
enum { AT_NUMBER = 16, AT_UNIT = 24, AT_UNITS = 26 };
enum { AT_COUNT = 4, AT_CRC = 8, AT_SEQUENCE = 16, AT_SECOND = 24 };

static const uint8_t magic[4] = {'B', 'T', 'C', '1'};

uint64_t contents_bytes(uint64_t count)
{
    uint64_t bytes = count * ENTRY_BYTES + FOOTER_BYTES;
    return (bytes + BLOCK_UNIT_BYTES - 1) / BLOCK_UNIT_BYTES * BLOCK_UNIT_BYTES;
}

static uint32_t crc_of(const uint8_t *bytes, uint32_t count, const uint8_t *footer)
{
    uint8_t copy[FOOTER_BYTES];
    memcpy(copy, footer, sizeof copy);
    store_u32_le(copy + AT_CRC, 0);
    return crc32c_update(crc32c_update(0, span_of(bytes, (size_t)count * ENTRY_BYTES)), span_of(copy, sizeof copy));
}

void contents_write(const struct contents_entry *entries, uint32_t count, uint64_t sequence, uint64_t second,
                    uint8_t *ret_bytes)
{
    uint64_t size = contents_bytes(count);
    uint8_t *footer = ret_bytes + size - FOOTER_BYTES;
    memset(ret_bytes, 0, size);
    for (uint32_t i = 0; i < count; i++) {
        uint8_t *to = ret_bytes + (size_t)i * ENTRY_BYTES;
        memcpy(to, entries[i].revision, REVISION_BYTES);
        store_u64_le(to + AT_NUMBER, entries[i].number);
        store_u16_le(to + AT_UNIT, entries[i].unit);
        store_u16_le(to + AT_UNITS, entries[i].units);
    }
    memcpy(footer, magic, sizeof magic);
    store_u32_le(footer + AT_COUNT, count);
    store_u64_le(footer + AT_SEQUENCE, sequence);
    store_u64_le(footer + AT_SECOND, second);
    store_u32_le(footer + AT_CRC, crc_of(ret_bytes, count, footer));
}

bool contents_find(struct span tail, uint64_t sequence, uint64_t slab_bytes, uint32_t *ret_count, uint64_t *ret_second)
{
    ASSERT(tail.size >= BLOCK_UNIT_BYTES);
    const uint8_t *footer = tail.data + tail.size - FOOTER_BYTES;
    *ret_count = load_u32_le(footer + AT_COUNT);
    *ret_second = load_u64_le(footer + AT_SECOND);
    return memcmp(footer, magic, sizeof magic) == 0 && load_u64_le(footer + AT_SEQUENCE) == sequence &&
           *ret_count <= slab_bytes / BLOCK_UNIT_BYTES && contents_bytes(*ret_count) <= slab_bytes;
}

bool contents_check(struct span bytes, uint32_t count)
{
    ASSERT(bytes.size == contents_bytes(count));
    const uint8_t *footer = bytes.data + bytes.size - FOOTER_BYTES;
    return load_u32_le(footer + AT_CRC) == crc_of(bytes.data, count, footer);
}

bool contents_entry(struct span bytes, uint32_t index, uint64_t slab_bytes, struct contents_entry *ret_entry)
{
    ASSERT((uint64_t)(index + 1) * ENTRY_BYTES <= bytes.size);
    const uint8_t *from = bytes.data + (size_t)index * ENTRY_BYTES;
    memcpy(ret_entry->revision, from, REVISION_BYTES);
    ret_entry->number = load_u64_le(from + AT_NUMBER);
    ret_entry->unit = load_u16_le(from + AT_UNIT);
    ret_entry->units = load_u16_le(from + AT_UNITS);
    return ret_entry->units >= 1 && ret_entry->units <= BLOCK_UNITS &&
           (uint64_t)ret_entry->unit + ret_entry->units <= (slab_bytes - bytes.size) / BLOCK_UNIT_BYTES;
}
