/* journal/part.c -- ledgers and layers of state, to bytes and back. */
#include "journal/part.h"

#include "journal/cursor.h"
#include "runtime/base/assert.h"

#include <stdlib.h>

enum {
    NAME_BYTES = 8 + JOURNAL_ID_BYTES,
    ENTRY_HEADER_BYTES = 8,
};

#define VALUE_DELETED UINT32_MAX

static void put_name(struct buffer *body, const struct part_name *name)
{
    frame_put_u64(body, name->generation);
    buffer_append(body, span_of(&name->nonce, sizeof name->nonce));
}

/* A part says in itself which one it is, so that a sound object under a wrong name is noticed. */
static bool take_name(struct cursor *cursor, const struct part_name *name, struct error *error)
{
    struct journal_id nonce;
    uint64_t generation = cursor_u64(cursor);
    cursor_copy(cursor, &nonce, sizeof nonce);
    if (cursor->failed || generation != name->generation || !journal_id_equal(&nonce, &name->nonce))
        return error_set(error, ERROR_DAMAGED, NULL, "the part is not the one that its name says");
    return true;
}

bool ledger_encode(const struct part_name *name, const struct segment_key *keys, uint32_t count,
                   struct buffer *ret_body, struct error *error)
{
    buffer_clear(ret_body);
    size_t begin = frame_begin(ret_body);
    put_name(ret_body, name);
    frame_put_u32(ret_body, count);
    for (uint32_t i = 0; i < count; i++) {
        uint8_t stored[SEGMENT_KEY_STORED_BYTES];
        segment_key_store(&keys[i], stored);
        buffer_append(ret_body, span_of(stored, sizeof stored));
    }
    return frame_end(ret_body, begin, LEDGER_MAGIC, error);
}

bool ledger_decode(struct span body, const struct part_name *name, struct segment_key **ret_keys, uint32_t *ret_count,
                   struct error *error)
{
    struct span payload;
    if (!frame_open(body, LEDGER_MAGIC, &payload, error))
        return false;
    struct cursor cursor = cursor_of(payload);
    if (!take_name(&cursor, name, error))
        return false;
    uint32_t count = cursor_count(&cursor, SEGMENT_KEY_STORED_BYTES);
    if (cursor.failed || cursor.rest.size != (size_t)count * SEGMENT_KEY_STORED_BYTES)
        return error_set(error, ERROR_DAMAGED, NULL, "the ledger's count is wrong");
    struct segment_key *keys = count == 0 ? NULL : calloc(count, sizeof *keys);
    ASSERT(count == 0 || keys != NULL);
    for (uint32_t i = 0; i < count; i++) {
        keys[i] = segment_key_load(cursor_take(&cursor, SEGMENT_KEY_STORED_BYTES).data);
        if (i > 0 && segment_key_compare(&keys[i - 1], &keys[i]) >= 0) {
            free(keys);
            return error_set(error, ERROR_DAMAGED, NULL, "the ledger is not in canonical order");
        }
    }
    *ret_keys = keys;
    *ret_count = count;
    return true;
}

/* ---- state ---- */

static uint32_t put_entries(struct buffer *body, const struct entries *entries, bool keep_deleted)
{
    const struct entry **sorted = entries_sorted(entries);
    uint32_t count = 0;
    for (size_t i = 0; i < entries->count; i++) {
        const struct entry *entry = sorted[i];
        if (entry->is_deleted && !keep_deleted)
            continue;
        frame_put_u32(body, entry->key_size);
        frame_put_u32(body, entry->is_deleted ? VALUE_DELETED : entry->value_size);
        buffer_append(body, entry_key(entry));
        buffer_append(body, entry_value(entry));
        count++;
    }
    free(sorted);
    return count;
}

bool state_part_encode(const struct part_name *name, const struct layer *layer, bool keep_deleted,
                       struct buffer *ret_body, struct error *error)
{
    buffer_clear(ret_body);
    size_t begin = frame_begin(ret_body);
    put_name(ret_body, name);
    size_t count_at = ret_body->size;
    frame_put_u32(ret_body, 0);
    /* batch ids have their own place in the order of keys: space 0, type 6 comes before all tables but spools */
    uint32_t count = put_entries(ret_body, &layer->batches, keep_deleted);
    count += put_entries(ret_body, &layer->data, keep_deleted);
    if (!ret_body->overflow)
        store_u32_le(ret_body->data + count_at, count);
    return frame_end(ret_body, begin, STATE_MAGIC, error);
}

/* The value of an entry of this key has the size that its type asks for. */
static bool entry_is_sound(struct span key, uint32_t value_size)
{
    if (key.size < 3 || key.size < 3U + key.data[2] || key.size - 3 - key.data[2] > OP_KEY_BYTES_MAX)
        return false;
    if (value_size == VALUE_DELETED)
        return true;
    switch (key.data[1]) {
    case TYPE_COUNTER:
    case TYPE_SPOOL:
    case TYPE_BATCH:
        return value_size == 8;
    case TYPE_SET:
    case TYPE_RELEASE:
        return value_size == 0;
    case TYPE_MAP:
    case TYPE_LIST:
        return value_size <= LIST_BYTES_MAX;
    default:
        return false;
    }
}

static bool take_entry(struct cursor *cursor, struct layer *layer)
{
    uint32_t key_size = cursor_u32(cursor);
    uint32_t value_size = cursor_u32(cursor);
    struct span key = cursor_take(cursor, key_size);
    if (cursor->failed || !entry_is_sound(key, value_size))
        return false;
    struct span value = value_size == VALUE_DELETED ? SPAN_EMPTY : cursor_take(cursor, value_size);
    if (cursor->failed)
        return false;
    struct entries *entries = layer_entries(layer, key);
    uint64_t hash = entries_hash(key);
    if (entries_find(entries, key, hash) != NULL)
        return true;
    if (value_size == VALUE_DELETED)
        entries_put_deleted(entries, key, hash);
    else
        (void)entries_put(entries, key, hash, value);
    return true;
}

bool state_part_decode(struct span body, const struct part_name *name, struct layer *layer, struct error *error)
{
    struct span payload;
    if (!frame_open(body, STATE_MAGIC, &payload, error))
        return false;
    struct cursor cursor = cursor_of(payload);
    if (!take_name(&cursor, name, error))
        return false;
    uint32_t count = cursor_count(&cursor, ENTRY_HEADER_BYTES);
    for (uint32_t i = 0; i < count; i++) {
        if (!take_entry(&cursor, layer))
            return error_set(error, ERROR_DAMAGED, NULL, "entry %u of the state part is damaged", i + 1);
    }
    if (!cursor_is_done(&cursor))
        return error_set(error, ERROR_DAMAGED, NULL, "the state part's count is wrong");
    return true;
}
