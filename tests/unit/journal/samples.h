/* tests/unit/journal/samples.h -- one object of each kind, filled so that every field shows. */
#pragma once

#include "journal/format/head.h"
#include "journal/format/part.h"
#include "journal/format/segment.h"
#include "journal/ground/ground.h"

static inline struct journal_id sample_id(uint8_t first)
{
    struct journal_id id;
    for (unsigned i = 0; i < JOURNAL_ID_BYTES; i++)
        id.bytes[i] = (uint8_t)(first + i);
    return id;
}

static inline struct segment_key sample_key(uint64_t base)
{
    return (struct segment_key){base, 0x1122334455667788, sample_id(0x20), base + 1};
}

/* Two batches: one with an id, one without; every kind of op. */
static inline bool sample_segment(struct buffer *ret_body, struct error *error)
{
    struct segment segment = {sample_id(0x10), sample_key(9), true, sample_key(8)};
    struct journal_id spool = sample_id(0x40);
    struct op_condition condition = {true, SPAN("old"), true, SPAN("new")};
    uint8_t released[SEGMENT_KEY_STORED_BYTES];
    struct segment_key gone = sample_key(4);
    segment_key_store(&gone, released);
    struct buffer ops = {0};
    op_put_counter_add(&ops, SPACE_LEDGER, SPAN("objects"), SPAN("photos"), -3);
    op_put(&ops, &(struct op){OP_MAP_PUT, SPACE_BUCKET, SPAN("cors"), SPAN("photos"), SPAN("a\0b\xff")});
    op_put(&ops, &(struct op){OP_MAP_DELETE, SPACE_BUCKET, SPAN("cors"), SPAN("old"), SPAN_EMPTY});
    op_put_map_put_if(&ops, SPACE_DICT, SPAN("prefix"), SPAN("logs/"), &condition);
    op_put(&ops, &(struct op){OP_SET_ADD, SPACE_LIFECYCLE, SPAN("rules"), SPAN("r1"), SPAN_EMPTY});
    op_put(&ops, &(struct op){OP_SET_REMOVE, SPACE_LIFECYCLE, SPAN("rules"), SPAN("r0"), SPAN_EMPTY});
    struct batch first = {sample_id(0x30), 6, buffer_span(&ops)};
    segment_begin(ret_body, &segment);
    segment_add_batch(ret_body, &first);
    buffer_clear(&ops);
    struct buffer inner = {0};
    op_put_counter_add(&inner, SPACE_LEDGER, SPAN("objects"), SPAN("photos"), 1);
    op_put(&ops, &(struct op){OP_LIST_APPEND, SPACE_TEST, SPAN("order"), SPAN("all"), SPAN("element")});
    op_put_spool_open(&ops, &spool);
    op_put_spool_record(&ops, &spool, 1, buffer_span(&inner));
    op_put_spool_close(&ops, &spool);
    op_put(&ops, &(struct op){.kind = OP_RELEASE, .key = span_of(released, sizeof released)});
    op_put(&ops, &(struct op){OP_MAP_PUT_GREATER, SPACE_BUCKET, SPAN("cors"), SPAN("photos"), SPAN("b")});
    segment_add_batch(ret_body, &(struct batch){.ops_count = 6, .ops = buffer_span(&ops)});
    buffer_free(&inner);
    buffer_free(&ops);
    return segment_end(ret_body, error);
}

static inline void sample_head(struct head *ret_head)
{
    *ret_head = (struct head){.lineage = sample_id(0x10),
                              .generation = 12,
                              .op_kind_last = OP_KIND_LAST,
                              .window = 4,
                              .horizon = 16,
                              .digest = 0x0123456789abcdef,
                              .ancestors_count = 2,
                              .ancestors = {{sample_id(0x50), 3}, {sample_id(0x60), 0}},
                              .layers_count = 2,
                              .layers = {{12, sample_id(0x50), 100}, {7, sample_id(0x70), 1 << 20}},
                              .dropped_count = 1,
                              .dropped = {{{10, sample_id(0x80), 50}, 12}},
                              .quarantine_count = 1,
                              .quarantine = {{sample_key(5), 9, QUARANTINE_DAMAGED}},
                              .missing_count = 1,
                              .missing = {{sample_key(6), 10}}};
}

static inline bool sample_ground(struct buffer *ret_body, struct error *error)
{
    const struct ground ground = {STORE_TEST_VERSION, STORE_CONTENDERS, sample_id(0x90), 0x0123456789ab};
    return ground_encode(&ground, ret_body, error);
}

static inline struct part_name sample_part(enum part_kind kind)
{
    return (struct part_name){12, sample_id(0x50), kind};
}

static inline bool sample_roll(struct buffer *ret_body, struct error *error)
{
    struct part_name name = sample_part(PART_ROLL);
    struct segment_key keys[] = {sample_key(7), sample_key(8), sample_key(9)};
    return roll_encode(&name, keys, 3, ret_body, error);
}

/* What the segment's batches make of a base that holds one map entry, which is deleted. */
static inline bool sample_state_part(struct buffer *ret_body, uint64_t *ret_digest, struct error *error)
{
    struct part_name name = sample_part(PART_STATE);
    struct layer base = {0};
    struct state state;
    struct buffer ops = {0};
    static const struct journal_id none;
    state_init(&state, NULL, 0);
    op_put(&ops, &(struct op){OP_MAP_PUT, SPACE_BUCKET, SPAN("cors"), SPAN("old"), SPAN("gone")});
    (void)state_apply_batch(&state, &none, 11, buffer_span(&ops));
    layer_absorb(&base, &state.changes);
    state_init(&state, &base, layer_digest(&base));
    struct buffer body = {0};
    struct segment segment;
    bool is_good = sample_segment(&body, error) && segment_decode(buffer_span(&body), &segment, error);
    struct cursor cursor = cursor_of(segment.batches);
    for (struct batch batch; is_good && segment_next_batch(&cursor, &batch);)
        (void)state_apply_batch(&state, &batch.id, 12, batch.ops);
    is_good = is_good && state_part_encode(&name, &state.changes, true, ret_body, error);
    *ret_digest = layer_digest(&state.changes);
    state_free(&state);
    layer_free(&base);
    buffer_free(&body);
    buffer_free(&ops);
    return is_good;
}
