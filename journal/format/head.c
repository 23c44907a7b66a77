/* journal/format/head.c -- the head to bytes and back. */
#include "journal/format/head.h"

#include "journal/format/op.h"
#include "journal/mutation.h"

enum {
    ANCESTOR_BYTES = JOURNAL_ID_BYTES + 4,
    LAYER_BYTES = 8 + JOURNAL_ID_BYTES + 8,
    DROPPED_BYTES = LAYER_BYTES + 8,
    QUARANTINE_BYTES = SEGMENT_KEY_STORED_BYTES + 9,
    MISSING_BYTES = SEGMENT_KEY_STORED_BYTES + 8,
};

_Static_assert(FRAME_HEADER_BYTES + 96 + HEAD_HORIZON_MAX * ANCESTOR_BYTES + HEAD_LAYERS_MAX * LAYER_BYTES +
                       HEAD_DROPPED_MAX * DROPPED_BYTES + HEAD_QUARANTINE_MAX * QUARANTINE_BYTES +
                       HEAD_MISSING_MAX * MISSING_BYTES <
                   HEAD_BYTES_MAX,
               "the fullest head fits");

const struct journal_id *head_nonce(const struct head *head)
{
    return &head->ancestors[0].nonce;
}

const struct head_ancestor *head_ancestor(const struct head *head, uint64_t generation)
{
    if (generation > head->generation || head->generation - generation >= head->ancestors_count)
        return NULL;
    return &head->ancestors[head->generation - generation];
}

const struct head_quarantine *head_find_quarantined(const struct head *head, const struct segment_key *key)
{
    for (uint32_t i = 0; i < head->quarantine_count; i++) {
        if (segment_key_equal(&head->quarantine[i].key, key))
            return &head->quarantine[i];
    }
    return NULL;
}

void head_note_missing(struct head *head, const struct segment_key *key)
{
    if (head->missing_count == HEAD_MISSING_MAX)
        memmove(head->missing, head->missing + 1, --head->missing_count * sizeof head->missing[0]);
    head->missing[head->missing_count++] = (struct head_missing){*key, head->generation};
}

/* ---- writing ---- */

static void put_id(struct buffer *body, const struct journal_id *id)
{
    buffer_append(body, span_of(id, sizeof *id));
}

static void put_key(struct buffer *body, const struct segment_key *key)
{
    uint8_t stored[SEGMENT_KEY_STORED_BYTES];
    segment_key_store(key, stored);
    buffer_append(body, span_of(stored, sizeof stored));
}

static void put_layer(struct buffer *body, const struct head_layer *layer)
{
    frame_put_u64(body, layer->generation);
    put_id(body, &layer->nonce);
    frame_put_u64(body, layer->bytes);
}

static void put_lists(struct buffer *body, const struct head *head)
{
    frame_put_u32(body, head->ancestors_count);
    for (uint32_t i = 0; i < head->ancestors_count; i++) {
        put_id(body, &head->ancestors[i].nonce);
        frame_put_u32(body, head->ancestors[i].folded_count);
    }
    frame_put_u32(body, head->layers_count);
    for (uint32_t i = 0; i < head->layers_count; i++)
        put_layer(body, &head->layers[i]);
    frame_put_u32(body, head->dropped_count);
    for (uint32_t i = 0; i < head->dropped_count; i++) {
        put_layer(body, &head->dropped[i].layer);
        frame_put_u64(body, head->dropped[i].dropped);
    }
    frame_put_u32(body, head->quarantine_count);
    for (uint32_t i = 0; i < head->quarantine_count; i++) {
        put_key(body, &head->quarantine[i].key);
        frame_put_u64(body, head->quarantine[i].generation);
        buffer_append_byte(body, head->quarantine[i].reason);
    }
    frame_put_u32(body, head->missing_count);
    for (uint32_t i = 0; i < head->missing_count; i++) {
        put_key(body, &head->missing[i].key);
        frame_put_u64(body, head->missing[i].generation);
    }
}

bool head_encode(const struct head *head, struct buffer *ret_body, struct error *error)
{
    buffer_clear(ret_body);
    size_t begin = frame_begin(ret_body);
    put_id(ret_body, &head->lineage);
    frame_put_u64(ret_body, head->generation);
    frame_put_u32(ret_body, head->op_kind_last);
    frame_put_u32(ret_body, head->window);
    frame_put_u32(ret_body, head->horizon);
    frame_put_u64(ret_body, head->digest);
    put_lists(ret_body, head);
    return frame_end(ret_body, begin, HEAD_MAGIC, error);
}

/* ---- reading ---- */

static struct segment_key take_key(struct cursor *cursor)
{
    uint8_t stored[SEGMENT_KEY_STORED_BYTES];
    cursor_copy(cursor, stored, sizeof stored);
    return segment_key_load(stored);
}

static void take_layer(struct cursor *cursor, struct head_layer *ret_layer)
{
    ret_layer->generation = cursor_u64(cursor);
    cursor_copy(cursor, &ret_layer->nonce, sizeof ret_layer->nonce);
    ret_layer->bytes = cursor_u64(cursor);
}

static uint32_t take_count(struct cursor *cursor, size_t element_bytes, uint32_t most)
{
    uint32_t count = cursor_count(cursor, element_bytes);
    if (count > most)
        cursor->failed = true;
    return cursor->failed ? 0 : count;
}

static void take_lists(struct cursor *cursor, struct head *head)
{
    head->ancestors_count = take_count(cursor, ANCESTOR_BYTES, HEAD_HORIZON_MAX);
    for (uint32_t i = 0; i < head->ancestors_count; i++) {
        cursor_copy(cursor, &head->ancestors[i].nonce, sizeof head->ancestors[i].nonce);
        head->ancestors[i].folded_count = cursor_u32(cursor);
    }
    head->layers_count = take_count(cursor, LAYER_BYTES, HEAD_LAYERS_MAX);
    for (uint32_t i = 0; i < head->layers_count; i++)
        take_layer(cursor, &head->layers[i]);
    head->dropped_count = take_count(cursor, DROPPED_BYTES, HEAD_DROPPED_MAX);
    for (uint32_t i = 0; i < head->dropped_count; i++) {
        take_layer(cursor, &head->dropped[i].layer);
        head->dropped[i].dropped = cursor_u64(cursor);
    }
    head->quarantine_count = take_count(cursor, QUARANTINE_BYTES, HEAD_QUARANTINE_MAX);
    for (uint32_t i = 0; i < head->quarantine_count; i++) {
        head->quarantine[i].key = take_key(cursor);
        head->quarantine[i].generation = cursor_u64(cursor);
        head->quarantine[i].reason = cursor_u8(cursor);
    }
    head->missing_count = take_count(cursor, MISSING_BYTES, HEAD_MISSING_MAX);
    for (uint32_t i = 0; i < head->missing_count; i++) {
        head->missing[i].key = take_key(cursor);
        head->missing[i].generation = cursor_u64(cursor);
    }
}

static bool numbers_make_sense(const struct head *head)
{
    return head->generation >= 1 && head->generation <= JOURNAL_GENERATION_MAX && head->window >= 3 &&
           head->horizon > head->window && head->horizon <= HEAD_HORIZON_MAX && head->ancestors_count >= 1 &&
           head->ancestors_count <= head->horizon && head->ancestors_count <= head->generation;
}

bool head_decode(struct span body, struct head *ret_head, struct error *error)
{
    struct span payload;
    if (!frame_open(body, HEAD_MAGIC, &payload, error))
        return false;
    struct cursor cursor = cursor_of(payload);
    memset(ret_head, 0, sizeof *ret_head);
    cursor_copy(&cursor, &ret_head->lineage, sizeof ret_head->lineage);
    ret_head->generation = cursor_u64(&cursor);
    ret_head->op_kind_last = cursor_u32(&cursor);
    ret_head->window = cursor_u32(&cursor);
    ret_head->horizon = cursor_u32(&cursor);
    ret_head->digest = cursor_u64(&cursor);
    take_lists(&cursor, ret_head);
    if (!cursor_is_done(&cursor) || !numbers_make_sense(ret_head))
        return error_set(error, ERROR_DAMAGED, NULL, "the head's fields make no sense");
    if (!RULE(newer_head_accepted, true, ret_head->op_kind_last <= HEAD_KIND_LAST_KNOWN))
        return error_set(error, ERROR_UNSUPPORTED, NULL, "the head permits ops of a later version");
    return true;
}
