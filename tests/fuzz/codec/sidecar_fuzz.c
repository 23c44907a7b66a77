/* tests/fuzz/codec/sidecar_fuzz.c -- any bytes as a sidecar: what is accepted can be searched, and survives rebinding.
 */
#include "codec/format/sidecar.h"
#include "runtime/base/assert.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void search(const struct sidecar *sidecar, uint64_t offset)
{
    uint64_t index;
    if (!sidecar_find(sidecar, offset, &index))
        return;
    struct sidecar_entry entry;
    sidecar_entry_at(sidecar, index, &entry);
    ASSERT(entry.original_offset <= offset && offset - entry.original_offset < entry.original_size);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct sidecar sidecar;
    if (!sidecar_decode(span_of(data, size), &sidecar, NULL))
        return 0;
    search(&sidecar, 0);
    search(&sidecar, UINT64_MAX);
    for (uint64_t i = 0; i < sidecar.entries_count; i++) {
        struct sidecar_entry entry;
        sidecar_entry_at(&sidecar, i, &entry);
        search(&sidecar, entry.original_offset);
        search(&sidecar, entry.original_offset + entry.original_size);
    }

    struct buffer rebound = {0};
    struct sidecar again;
    ASSERT(sidecar_rebind(span_of(data, size), SPAN("etag"), 7, &rebound));
    ASSERT(sidecar_decode(buffer_span(&rebound), &again, NULL));
    ASSERT(span_equal(again.entries, sidecar.entries) && span_equal(again.source_etag, SPAN("etag")));
    ASSERT(again.source_size == 7 && again.original_total == sidecar.original_total && again.version == 2);
    buffer_free(&rebound);
    return 0;
}
