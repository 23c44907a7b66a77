/* journal/format/layer.c -- two tables of entries, and work on all of them in steps. */
#include "journal/format/layer.h"

#include "journal/format/op.h"

void layer_free(struct layer *layer)
{
    entries_free(&layer->data);
    entries_free(&layer->batches);
}

size_t layer_count(const struct layer *layer)
{
    return layer->data.count + layer->batches.count;
}

size_t layer_bytes(const struct layer *layer)
{
    return layer->data.bytes + layer->batches.bytes;
}

bool layer_expires(uint8_t type)
{
    return type == TYPE_BATCH || type == TYPE_RELEASE;
}

struct entries *layer_entries(struct layer *layer, struct span key)
{
    return key.size >= 2 && key.data[0] == SPACE_JOURNAL && layer_expires(key.data[1]) ? &layer->batches : &layer->data;
}

uint64_t layer_digest(const struct layer *layer)
{
    uint64_t digest = 0;
    struct layer_walk walk = {0};
    while (layer_digest_some(layer, &walk, SIZE_MAX, &digest))
        ;
    return digest;
}

/* ---- whole layers, step by step ---- */

static const struct entry *next_of(const struct layer *layer, struct layer_walk *walk)
{
    const struct entry *entry = entries_next(&layer->batches, &walk->batches);
    return entry != NULL ? entry : entries_next(&layer->data, &walk->data);
}

bool layer_digest_some(const struct layer *layer, struct layer_walk *walk, size_t most, uint64_t *digest)
{
    for (const struct entry *entry; most > 0 && (entry = next_of(layer, walk)) != NULL; most--)
        *digest += entry_digest(entry);
    return most == 0;
}

bool layer_absorb_some(struct layer *base, const struct layer *changes, struct layer_walk *walk, size_t most)
{
    for (const struct entry *entry; most > 0 && (entry = next_of(changes, walk)) != NULL; most--) {
        struct entries *entries = layer_entries(base, entry_key(entry));
        if (entry->is_deleted)
            entries_remove(entries, entry_key(entry), entry->hash);
        else
            (void)entries_put(entries, entry_key(entry), entry->hash, entry_value(entry));
    }
    return most == 0;
}

void layer_absorb(struct layer *base, struct layer *changes)
{
    struct layer_walk walk = {0};
    while (layer_absorb_some(base, changes, &walk, SIZE_MAX))
        ;
    layer_free(changes);
}

bool layer_free_some(struct layer *layer, struct layer_walk *walk, size_t most)
{
    return entries_free_some(&layer->batches, &walk->batches, most) ||
           entries_free_some(&layer->data, &walk->data, most);
}
