/* codec/format/sidecar.c -- reads, searches and writes the S4IX sidecar index. */
#include "codec/format/sidecar.h"

#include "runtime/base/assert.h"
#include "runtime/base/byteorder.h"
#include "runtime/base/checked.h"
#include "runtime/base/utf8.h"

#include <assert.h>

#define MAGIC UINT32_C(0x58493453) /* "S4IX" */

enum {
    HEAD_BYTES = 32,       /* of every version */
    BINDING_BYTES = 12,    /* versions 2 and 3: source size and the ETag's length */
    ENCRYPTION_BYTES = 30, /* version 3 */
    ETAG_BYTES_MAX = 4096,
    VERSION_WRITTEN = 2,
};

/* ---- reading ---- */

static bool refuse(const char **reason, const char *text)
{
    if (reason != NULL)
        *reason = text;
    return false;
}

/* Versions 2 and 3: takes the binding off the front of *rest. */
static bool decode_binding(struct span *rest, struct sidecar *sidecar, const char **reason)
{
    if (rest->size < BINDING_BYTES)
        return refuse(reason, "its binding is cut off");
    sidecar->source_size = load_u64_le(rest->data);
    uint32_t etag_size = load_u32_le(rest->data + 8);
    *rest = span_skip(*rest, BINDING_BYTES);
    if (etag_size > ETAG_BYTES_MAX || etag_size > rest->size)
        return refuse(reason, "its ETag is too long");
    struct span etag = span_take(*rest, etag_size);
    sidecar->source_etag = utf8_is_valid(etag) ? etag : SPAN_EMPTY;
    *rest = span_skip(*rest, etag_size);
    return true;
}

static bool decode_encryption(struct span *rest, struct sidecar *sidecar, const char **reason)
{
    if (rest->size < ENCRYPTION_BYTES)
        return refuse(reason, "its encryption binding is cut off");
    sidecar->is_encrypted = load_u32_le(rest->data) != 0 && load_u32_le(rest->data + 4) != 0;
    *rest = span_skip(*rest, ENCRYPTION_BYTES);
    return true;
}

static bool check_entries(struct sidecar *sidecar, const char **reason)
{
    uint64_t original_end = 0;
    uint64_t stored_end = 0;
    for (uint64_t i = 0; i < sidecar->entries_count; i++) {
        struct sidecar_entry entry;
        sidecar_entry_at(sidecar, i, &entry);
        if (entry.original_offset < original_end || entry.stored_offset < stored_end)
            return refuse(reason, "its entries are not in order");
        if (!checked_add(entry.original_offset, entry.original_size, &original_end) ||
            !checked_add(entry.stored_offset, entry.stored_size, &stored_end))
            return refuse(reason, "an entry's end overflows");
    }
    sidecar->original_total = original_end; /* the total in the head is not believed */
    return true;
}

bool sidecar_decode(struct span bytes, struct sidecar *ret_sidecar, const char **reason)
{
    if (bytes.size < HEAD_BYTES || load_u32_le(bytes.data) != MAGIC)
        return refuse(reason, "it does not begin with S4IX");
    struct sidecar sidecar = {
        .version = load_u32_le(bytes.data + 4),
        .entries_count = load_u64_le(bytes.data + 8),
        .framed_total = load_u64_le(bytes.data + 24),
    };
    if (sidecar.version < 1 || sidecar.version > 3)
        return refuse(reason, "its version is unknown");
    if (sidecar.entries_count > SIDECAR_ENTRIES_MAX)
        return refuse(reason, "it has too many entries");

    struct span rest = span_skip(bytes, HEAD_BYTES);
    if (sidecar.version >= 2 && !decode_binding(&rest, &sidecar, reason))
        return false;
    if (sidecar.version == 3 && !decode_encryption(&rest, &sidecar, reason))
        return false;
    if (rest.size != sidecar.entries_count * SIDECAR_ENTRY_BYTES)
        return refuse(reason, "its size does not fit its number of entries");
    sidecar.entries = rest;
    if (!check_entries(&sidecar, reason))
        return false;
    *ret_sidecar = sidecar;
    return true;
}

void sidecar_entry_decode(const uint8_t *bytes, struct sidecar_entry *ret_entry)
{
    *ret_entry = (struct sidecar_entry){
        .original_offset = load_u64_le(bytes),
        .original_size = load_u64_le(bytes + 8),
        .stored_offset = load_u64_le(bytes + 16),
        .stored_size = load_u64_le(bytes + 24),
    };
}

void sidecar_entry_at(const struct sidecar *sidecar, uint64_t index, struct sidecar_entry *ret_entry)
{
    ASSERT(index < sidecar->entries_count);
    sidecar_entry_decode(sidecar->entries.data + index * SIDECAR_ENTRY_BYTES, ret_entry);
}

bool sidecar_find(const struct sidecar *sidecar, uint64_t original_offset, uint64_t *ret_index)
{
    /* The first entry that ends behind the offset; entries of size 0 hold nothing and are passed over. */
    uint64_t low = 0;
    uint64_t high = sidecar->entries_count;
    struct sidecar_entry entry;
    while (low < high) {
        uint64_t middle = low + (high - low) / 2;
        sidecar_entry_at(sidecar, middle, &entry);
        if (entry.original_offset + entry.original_size > original_offset)
            high = middle;
        else
            low = middle + 1;
    }
    if (low == sidecar->entries_count)
        return false;
    sidecar_entry_at(sidecar, low, &entry);
    if (entry.original_offset > original_offset)
        return false;
    *ret_index = low;
    return true;
}

/* ---- writing ---- */

void sidecar_builder_init(struct sidecar_builder *builder)
{
    *builder = (struct sidecar_builder){0};
    buffer_init(&builder->entries, (size_t)SIDECAR_ENTRIES_MAX * SIDECAR_ENTRY_BYTES);
}

void sidecar_builder_free(struct sidecar_builder *builder)
{
    buffer_free(&builder->entries);
}

void sidecar_append_entry(struct buffer *entries, const struct sidecar_entry *entry)
{
    uint8_t bytes[SIDECAR_ENTRY_BYTES];
    store_u64_le(bytes, entry->original_offset);
    store_u64_le(bytes + 8, entry->original_size);
    store_u64_le(bytes + 16, entry->stored_offset);
    store_u64_le(bytes + 24, entry->stored_size);
    buffer_append(entries, span_of(bytes, sizeof bytes));
}

void sidecar_builder_add(struct sidecar_builder *builder, uint64_t original_size, uint64_t stored_size, uint64_t gap)
{
    builder->framed_total += gap;
    const struct sidecar_entry entry = {
        .original_offset = builder->original_total,
        .original_size = original_size,
        .stored_offset = builder->framed_total,
        .stored_size = stored_size,
    };
    sidecar_append_entry(&builder->entries, &entry);
    builder->original_total += original_size;
    builder->framed_total += stored_size;
}

/* What a sidecar of version 2 says before its entries. */
struct totals {
    uint64_t entries_count;
    uint64_t original;
    uint64_t framed;
};

static void append_head(const struct totals *totals, struct span source_etag, uint64_t source_size,
                        struct buffer *ret_sidecar)
{
    ASSERT(source_etag.size <= ETAG_BYTES_MAX);
    uint8_t head[HEAD_BYTES + BINDING_BYTES];
    store_u32_le(head, MAGIC);
    store_u32_le(head + 4, VERSION_WRITTEN);
    store_u64_le(head + 8, totals->entries_count);
    store_u64_le(head + 16, totals->original);
    store_u64_le(head + 24, totals->framed);
    store_u64_le(head + 32, source_etag.size > 0 ? source_size : 0);
    store_u32_le(head + 40, (uint32_t)source_etag.size);
    buffer_append(ret_sidecar, span_of(head, sizeof head));
    buffer_append(ret_sidecar, source_etag);
}

static void encode(struct span entries, uint64_t original_total, uint64_t framed_total, struct span source_etag,
                   uint64_t source_size, struct buffer *ret_sidecar)
{
    const struct totals totals = {entries.size / SIDECAR_ENTRY_BYTES, original_total, framed_total};
    append_head(&totals, source_etag, source_size, ret_sidecar);
    buffer_append(ret_sidecar, entries);
}

void sidecar_append_head(struct buffer *sidecar, uint64_t entries_count, uint64_t original_total, uint64_t framed_total)
{
    static_assert(SIDECAR_HEAD_BYTES == HEAD_BYTES + BINDING_BYTES, "a head without ETag");
    append_head(&(struct totals){entries_count, original_total, framed_total}, SPAN_EMPTY, 0, sidecar);
}

void sidecar_builder_encode(const struct sidecar_builder *builder, struct span source_etag, uint64_t source_size,
                            struct buffer *ret_sidecar)
{
    encode(buffer_span(&builder->entries), builder->original_total, builder->framed_total, source_etag, source_size,
           ret_sidecar);
}

bool sidecar_rebind(struct span sidecar, struct span source_etag, uint64_t source_size, struct buffer *ret_sidecar)
{
    struct sidecar decoded;
    if (!sidecar_decode(sidecar, &decoded, NULL))
        return false;
    encode(decoded.entries, decoded.original_total, decoded.framed_total, source_etag, source_size, ret_sidecar);
    return true;
}
