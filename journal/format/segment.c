/* journal/format/segment.c -- segments to bytes and back. */
#include "journal/format/segment.h"

#include "codec/format/crc.h"
#include "journal/mutation.h"

enum {
    BATCHES_COUNT_AT = FRAME_HEADER_BYTES + JOURNAL_ID_BYTES + SEGMENT_KEY_STORED_BYTES + 1 + SEGMENT_KEY_STORED_BYTES
};

static void put_key(struct buffer *body, const struct segment_key *key)
{
    uint8_t stored[SEGMENT_KEY_STORED_BYTES];
    segment_key_store(key, stored);
    buffer_append(body, span_of(stored, sizeof stored));
}

void segment_begin(struct buffer *ret_body, const struct segment *segment)
{
    static const struct segment_key none;
    buffer_clear(ret_body);
    (void)frame_begin(ret_body);
    buffer_append(ret_body, span_of(&segment->lineage, sizeof segment->lineage));
    put_key(ret_body, &segment->key);
    buffer_append_byte(ret_body, segment->has_predecessor);
    put_key(ret_body, segment->has_predecessor ? &segment->predecessor : &none);
    frame_put_u32(ret_body, 0); /* counted as they come */
}

void segment_add_batch(struct buffer *body, const struct batch *batch)
{
    buffer_append(body, span_of(&batch->id, sizeof batch->id));
    frame_put_u32(body, batch->ops_count);
    frame_put_u32(body, (uint32_t)batch->ops.size);
    buffer_append(body, batch->ops);
    if (!body->overflow)
        store_u32_le(body->data + BATCHES_COUNT_AT, load_u32_le(body->data + BATCHES_COUNT_AT) + 1);
}

bool segment_end(struct buffer *body, struct error *error)
{
    return frame_end(body, 0, SEGMENT_MAGIC, error);
}

static struct segment_key take_key(struct cursor *cursor)
{
    uint8_t stored[SEGMENT_KEY_STORED_BYTES];
    cursor_copy(cursor, stored, sizeof stored);
    return segment_key_load(stored);
}

static bool take_batch(struct cursor *cursor, struct batch *ret_batch)
{
    cursor_copy(cursor, &ret_batch->id, sizeof ret_batch->id);
    ret_batch->ops_count = cursor_u32(cursor);
    ret_batch->ops = cursor_take(cursor, cursor_u32(cursor));
    return !cursor->failed;
}

/* Unknown ops do not end the walk: a damaged one behind them is damage first. */
static bool check_batch(const struct batch *batch, bool *has_unknown)
{
    struct cursor cursor = cursor_of(batch->ops);
    struct op op;
    uint32_t count = 0;
    enum op_read_result result;
    while ((result = op_read(&cursor, &op)) == OP_READ || result == OP_UNKNOWN) {
        *has_unknown |= result == OP_UNKNOWN;
        count++;
    }
    return result == OP_END && count == batch->ops_count && batch->ops.size <= BATCH_BYTES_MAX;
}

bool segment_decode(struct span body, struct segment *ret_segment, struct error *error)
{
    struct span payload;
    if (!frame_open(body, SEGMENT_MAGIC, &payload, error))
        return false;
    struct cursor cursor = cursor_of(payload);
    cursor_copy(&cursor, &ret_segment->lineage, sizeof ret_segment->lineage);
    ret_segment->key = take_key(&cursor);
    uint8_t has_predecessor = cursor_u8(&cursor);
    ret_segment->has_predecessor = has_predecessor == 1;
    ret_segment->predecessor = take_key(&cursor);
    ret_segment->batches_count = cursor_count(&cursor, BATCH_HEADER_BYTES);
    static const struct segment_key none;
    if (cursor.failed || has_predecessor > 1 ||
        (!has_predecessor && !segment_key_equal(&ret_segment->predecessor, &none)))
        return error_set(error, ERROR_DAMAGED, NULL, "the segment's first fields make no sense");
    if (has_predecessor && segment_key_compare(&ret_segment->predecessor, &ret_segment->key) >= 0)
        return error_set(error, ERROR_DAMAGED, NULL, "the segment names a predecessor that sorts behind it");
    ret_segment->batches = cursor.rest;
    bool has_unknown = false;
    for (uint32_t i = 0; i < ret_segment->batches_count; i++) {
        struct batch batch;
        if (!take_batch(&cursor, &batch) || !check_batch(&batch, &has_unknown))
            return error_set(error, ERROR_DAMAGED, NULL, "batch %u of the segment is damaged", i + 1);
    }
    if (!cursor_is_done(&cursor))
        return error_set(error, ERROR_DAMAGED, NULL, "bytes follow the last batch of the segment");
    if (has_unknown)
        return error_set(error, ERROR_UNSUPPORTED, NULL, "the segment holds an op of a later version");
    return true;
}

uint32_t segment_checksum(struct span body)
{
    struct span payload = span_skip(body, FRAME_HEADER_BYTES);
    uint32_t lineage = crc32c_update(0, span_take(payload, JOURNAL_ID_BYTES));
    uint32_t checksum = crc32c_update(lineage, span_skip(payload, JOURNAL_ID_BYTES + SEGMENT_KEY_STORED_BYTES));
    return RULE(blind_412, 0, checksum); /* then one key may have two bodies */
}

bool segment_decode_named(struct span body, const struct segment_key *key, struct segment *ret_segment,
                          struct error *error)
{
    if (!segment_decode(body, ret_segment, error))
        return false;
    if (!segment_key_equal(&ret_segment->key, key))
        return error_set(error, ERROR_DAMAGED, NULL, "it holds a segment of another name");
    if ((uint32_t)key->sequence != segment_checksum(body))
        return error_set(error, ERROR_DAMAGED, NULL, "its name says that other bytes were written");
    return true;
}

bool segment_next_batch(struct cursor *cursor, struct batch *ret_batch)
{
    return cursor->rest.size > 0 && take_batch(cursor, ret_batch);
}
