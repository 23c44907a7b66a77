/* journal/format/part.c -- rolls and layers of state, to bytes and back. */
#include "journal/format/part.h"

#include "journal/format/cursor.h"
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

bool roll_encode(const struct part_name *name, const struct segment_key *keys, uint32_t count, struct buffer *ret_body,
                 struct error *error)
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
    return frame_end(ret_body, begin, ROLL_MAGIC, error);
}

bool roll_decode(struct span body, const struct part_name *name, struct segment_key **ret_keys, uint32_t *ret_count,
                 struct error *error)
{
    struct span payload;
    if (!frame_open(body, ROLL_MAGIC, &payload, error))
        return false;
    struct cursor cursor = cursor_of(payload);
    if (!take_name(&cursor, name, error))
        return false;
    uint32_t count = cursor_count(&cursor, SEGMENT_KEY_STORED_BYTES);
    if (cursor.failed || cursor.rest.size != (size_t)count * SEGMENT_KEY_STORED_BYTES)
        return error_set(error, ERROR_DAMAGED, NULL, "the roll's count is wrong");
    struct segment_key *keys = count == 0 ? NULL : calloc(count, sizeof *keys);
    ASSERT(count == 0 || keys != NULL);
    for (uint32_t i = 0; i < count; i++) {
        keys[i] = segment_key_load(cursor_take(&cursor, SEGMENT_KEY_STORED_BYTES).data);
        if (i > 0 && segment_key_compare(&keys[i - 1], &keys[i]) >= 0) {
            free(keys);
            return error_set(error, ERROR_DAMAGED, NULL, "the roll is not in canonical order");
        }
    }
    *ret_keys = keys;
    *ret_count = count;
    return true;
}

/* ---- state ---- */

/* Batch ids and releases: what struct layer holds apart. */
static bool comes_first(struct span key)
{
    return key.size >= 2 && key.data[0] == SPACE_JOURNAL && (key.data[1] == TYPE_BATCH || key.data[1] == TYPE_RELEASE);
}

int state_part_order(struct span a, struct span b)
{
    if (comes_first(a) != comes_first(b))
        return comes_first(a) ? -1 : 1;
    return span_compare(a, b);
}

void state_part_begin(struct state_part_writer *writer, const struct part_name *name, struct buffer *ret_body)
{
    buffer_clear(ret_body);
    *writer = (struct state_part_writer){.body = ret_body, .begin = frame_begin(ret_body)};
    put_name(ret_body, name);
    writer->count_at = ret_body->size;
    frame_put_u32(ret_body, 0);
}

void state_part_put(struct state_part_writer *writer, const struct part_entry *entry)
{
    uint8_t header[ENTRY_HEADER_BYTES];
    store_u32_le(header, (uint32_t)entry->key.size);
    store_u32_le(header + 4, entry->is_deleted ? VALUE_DELETED : (uint32_t)entry->value.size);
    buffer_append(writer->body, span_of(header, sizeof header));
    buffer_append(writer->body, entry->key);
    if (!entry->is_deleted)
        buffer_append(writer->body, entry->value);
    writer->count++;
}

bool state_part_end(struct state_part_writer *writer, struct error *error)
{
    if (!writer->body->overflow)
        store_u32_le(writer->body->data + writer->count_at, writer->count);
    return frame_end(writer->body, writer->begin, STATE_MAGIC, error);
}

static void put_entries(struct state_part_writer *writer, const struct entries *entries, bool keep_deleted)
{
    const struct entry **sorted = entries_sorted(entries);
    for (size_t i = 0; i < entries->count; i++) {
        const struct entry *entry = sorted[i];
        if (!entry->is_deleted || keep_deleted)
            state_part_put(writer, &(struct part_entry){entry_key(entry), entry_value(entry), entry->is_deleted});
    }
    free(sorted);
}

bool state_part_encode(const struct part_name *name, const struct layer *layer, bool keep_deleted,
                       struct buffer *ret_body, struct error *error)
{
    struct state_part_writer writer;
    state_part_begin(&writer, name, ret_body);
    put_entries(&writer, &layer->batches, keep_deleted);
    put_entries(&writer, &layer->data, keep_deleted);
    return state_part_end(&writer, error);
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
    case TYPE_RELEASE:
        return value_size == 8;
    case TYPE_SET:
        return value_size == 0;
    case TYPE_MAP:
    case TYPE_LIST:
        return value_size <= LIST_BYTES_MAX;
    default:
        return false;
    }
}

static bool take_entry(struct state_part_reader *reader, struct part_entry *ret_entry)
{
    struct cursor *cursor = &reader->cursor;
    uint32_t key_size = cursor_u32(cursor);
    uint32_t value_size = cursor_u32(cursor);
    ret_entry->key = cursor_take(cursor, key_size);
    if (cursor->failed || !entry_is_sound(ret_entry->key, value_size))
        return false;
    ret_entry->is_deleted = value_size == VALUE_DELETED;
    ret_entry->value = ret_entry->is_deleted ? SPAN_EMPTY : cursor_take(cursor, value_size);
    bool is_in_order = reader->last_key.size == 0 || state_part_order(reader->last_key, ret_entry->key) < 0;
    reader->last_key = ret_entry->key;
    return !cursor->failed && is_in_order;
}

bool state_part_open(struct span body, const struct part_name *name, struct state_part_reader *reader,
                     struct error *error)
{
    struct span payload;
    if (!frame_open(body, STATE_MAGIC, &payload, error))
        return false;
    *reader = (struct state_part_reader){.cursor = cursor_of(payload)};
    if (!take_name(&reader->cursor, name, error))
        return false;
    reader->left = cursor_count(&reader->cursor, ENTRY_HEADER_BYTES);
    return !reader->cursor.failed || error_set(error, ERROR_DAMAGED, NULL, "the state part's count is wrong");
}

bool state_part_next(struct state_part_reader *reader, struct part_entry *ret_entry, struct error *error)
{
    error->kind = ERROR_NONE;
    *ret_entry = (struct part_entry){.is_deleted = false};
    if (reader->left == 0)
        return cursor_is_done(&reader->cursor)
                   ? false
                   : error_set(error, ERROR_DAMAGED, NULL, "the state part's count is wrong");
    reader->left--;
    return take_entry(reader, ret_entry) ||
           error_set(error, ERROR_DAMAGED, NULL, "an entry of the state part is damaged: %u follow it", reader->left);
}

static void add_entry(struct layer *layer, const struct part_entry *entry)
{
    struct entries *entries = layer_entries(layer, entry->key);
    uint64_t hash = entries_hash(entry->key);
    if (entries_find(entries, entry->key, hash) != NULL)
        return;
    if (entry->is_deleted)
        entries_put_deleted(entries, entry->key, hash);
    else
        (void)entries_put(entries, entry->key, hash, entry->value);
}

bool state_part_decode(struct span body, const struct part_name *name, struct layer *layer, struct error *error)
{
    struct state_part_reader reader;
    if (!state_part_open(body, name, &reader, error))
        return false;
    for (struct part_entry entry; state_part_next(&reader, &entry, error);)
        add_entry(layer, &entry);
    return error->kind == ERROR_NONE;
}
