/* journal/format/op.c -- ops to bytes and back. */
#include "journal/format/op.h"

#include "journal/mutation.h"

#include "journal/format/frame.h"

const char *op_kind_name(unsigned kind)
{
    switch (kind) {
#define OP(name, number, text) \
    case number:               \
        return text;
#include "journal/format/op.def"
#undef OP
    default:
        return "unknown";
    }
}

/* ---- writing ---- */

static void put_header(struct buffer *ops, const struct op *op, size_t value_size)
{
    uint8_t header[OP_HEADER_BYTES] = {(uint8_t)op->kind, op->space, (uint8_t)op->table.size, 0};
    if (op->table.size > OP_TABLE_BYTES_MAX || op->key.size > OP_KEY_BYTES_MAX || value_size > BATCH_BYTES_MAX)
        ops->overflow = true; /* ops_check's caller and the encoder's both look at it */
    store_u32_le(header + 4, (uint32_t)op->key.size);
    store_u32_le(header + 8, (uint32_t)value_size);
    buffer_append(ops, span_of(header, sizeof header));
    buffer_append(ops, op->table);
    buffer_append(ops, op->key);
}

void op_put(struct buffer *ops, const struct op *op)
{
    put_header(ops, op, op->value.size);
    buffer_append(ops, op->value);
}

void op_put_counter_add(struct buffer *ops, uint8_t space, struct span table, struct span key, int64_t amount)
{
    op_put(ops, &(struct op){OP_COUNTER_ADD, space, table, key, span_of(&amount, sizeof amount)});
}

static void put_optional(struct buffer *ops, bool is_there, struct span value)
{
    buffer_append_byte(ops, is_there);
    frame_put_u32(ops, is_there ? (uint32_t)value.size : 0);
    if (is_there)
        buffer_append(ops, value);
}

void op_put_map_put_if(struct buffer *ops, uint8_t space, struct span table, struct span key,
                       const struct op_condition *condition)
{
    size_t expected_size = condition->is_expected ? condition->expected.size : 0;
    size_t value_size = condition->has_value ? condition->value.size : 0;
    put_header(ops, &(struct op){OP_MAP_PUT_IF, space, table, key, SPAN_EMPTY}, 10 + expected_size + value_size);
    put_optional(ops, condition->is_expected, condition->expected);
    put_optional(ops, condition->has_value, condition->value);
}

static void put_spool(struct buffer *ops, enum op_kind kind, const struct journal_id *spool)
{
    op_put(ops, &(struct op){kind, SPACE_JOURNAL, SPAN_EMPTY, span_of(spool, sizeof *spool), SPAN_EMPTY});
}

void op_put_release(struct buffer *ops, const struct segment_key *key)
{
    uint8_t stored[SEGMENT_KEY_STORED_BYTES];
    segment_key_store(key, stored);
    op_put(ops, &(struct op){OP_RELEASE, SPACE_JOURNAL, SPAN_EMPTY, span_of(stored, sizeof stored), SPAN_EMPTY});
}

void op_put_spool_open(struct buffer *ops, const struct journal_id *spool)
{
    put_spool(ops, OP_SPOOL_OPEN, spool);
}

void op_put_spool_close(struct buffer *ops, const struct journal_id *spool)
{
    put_spool(ops, OP_SPOOL_CLOSE, spool);
}

void op_put_spool_record(struct buffer *ops, const struct journal_id *spool, uint64_t n, struct span inner)
{
    struct op op = {OP_SPOOL_RECORD, SPACE_JOURNAL, SPAN_EMPTY, span_of(spool, sizeof *spool), SPAN_EMPTY};
    put_header(ops, &op, 8 + inner.size);
    frame_put_u64(ops, n);
    buffer_append(ops, inner);
}

/* ---- reading ---- */

static bool take_optional(struct cursor *cursor, bool *ret_is_there, struct span *ret_value)
{
    uint8_t flag = cursor_u8(cursor);
    *ret_value = cursor_take(cursor, cursor_u32(cursor));
    *ret_is_there = flag == 1;
    return !cursor->failed && (flag == 1 || (flag == 0 && ret_value->size == 0));
}

bool op_read_condition(struct span value, struct op_condition *ret_condition)
{
    struct cursor cursor = cursor_of(value);
    return take_optional(&cursor, &ret_condition->is_expected, &ret_condition->expected) &&
           take_optional(&cursor, &ret_condition->has_value, &ret_condition->value) && cursor_is_done(&cursor);
}

static enum op_read_result read_op(struct cursor *ops, struct op *ret_op, bool is_inner);

/* What stands behind a record's number. Only its end is a good end. */
static enum op_read_result read_inner_ops(struct span value)
{
    struct cursor cursor = cursor_of(value);
    (void)cursor_u64(&cursor);
    struct op op;
    enum op_read_result result;
    while ((result = read_op(&cursor, &op, true)) == OP_READ)
        ;
    return result;
}

static bool shape_is_sound(const struct op *op)
{
    bool is_own = op->space == SPACE_JOURNAL && op->table.size == 0; /* the journal's own ops name no table */
    bool is_spool = is_own && op->key.size == JOURNAL_ID_BYTES;
    struct op_condition condition;
    switch (op->kind) {
    case OP_COUNTER_ADD:
        return op->space != SPACE_JOURNAL && op->value.size == 8;
    case OP_MAP_PUT:
    case OP_MAP_PUT_GREATER:
    case OP_LIST_APPEND:
        return op->space != SPACE_JOURNAL && op->value.size <= OP_VALUE_BYTES_MAX;
    case OP_MAP_PUT_IF:
        return op->space != SPACE_JOURNAL && op_read_condition(op->value, &condition) &&
               condition.value.size <= OP_VALUE_BYTES_MAX;
    case OP_MAP_DELETE:
    case OP_SET_ADD:
    case OP_SET_REMOVE:
        return op->space != SPACE_JOURNAL && op->value.size == 0;
    case OP_SPOOL_OPEN:
    case OP_SPOOL_CLOSE:
        return is_spool && op->value.size == 0;
    case OP_SPOOL_RECORD:
        return is_spool && op->value.size >= 8; /* what is inside is looked at by read_op, which knows the depth */
    case OP_RELEASE:
        return is_own && op->key.size == SEGMENT_KEY_STORED_BYTES && op->value.size == 0;
    }
    return false;
}

static enum op_read_result read_op(struct cursor *ops, struct op *ret_op, bool is_inner)
{
    if (!ops->failed && ops->rest.size == 0)
        return OP_END;
    uint8_t kind = cursor_u8(ops);
    uint8_t space = cursor_u8(ops);
    uint8_t table_size = cursor_u8(ops);
    uint8_t zero = cursor_u8(ops);
    uint32_t key_size = cursor_u32(ops);
    uint32_t value_size = cursor_u32(ops);
    *ret_op = (struct op){.kind = kind, .space = space};
    ret_op->table = cursor_take(ops, table_size);
    ret_op->key = cursor_take(ops, key_size);
    ret_op->value = cursor_take(ops, value_size);
    if (ops->failed || kind == 0)
        return OP_DAMAGED;
    if (kind > OP_KIND_LAST_KNOWN)
        return OP_UNKNOWN;
    if (zero != 0 || key_size > OP_KEY_BYTES_MAX || !shape_is_sound(ret_op) || (is_inner && kind >= OP_SPOOL_OPEN))
        return OP_DAMAGED;
    if (kind != OP_SPOOL_RECORD)
        return OP_READ;
    enum op_read_result inner = read_inner_ops(ret_op->value);
    return inner == OP_END ? OP_READ : inner;
}

enum op_read_result op_read(struct cursor *ops, struct op *ret_op)
{
    return read_op(ops, ret_op, false);
}

bool ops_are_permitted(struct span ops, uint32_t kind_last)
{
    struct cursor cursor = cursor_of(ops);
    struct op op;
    while (kind_last < OP_KIND_LAST_KNOWN &&
           op_read(&cursor, &op) == OP_READ) { /* inner ones are earlier than records */
        if ((uint32_t)op.kind > kind_last)
            return false;
    }
    return true;
}

bool ops_check(struct span ops, uint32_t *ret_count, struct error *error)
{
    if (ops.size > BATCH_BYTES_MAX)
        return error_set(error, ERROR_TOO_LARGE, NULL, "a batch of %zu bytes is larger than %d", ops.size,
                         BATCH_BYTES_MAX);
    struct cursor cursor = cursor_of(ops);
    struct op op;
    enum op_read_result result;
    *ret_count = 0;
    while ((result = op_read(&cursor, &op)) == OP_READ)
        ++*ret_count;
    if (result != OP_END || *ret_count == 0)
        return error_set(error, ERROR_INVALID, NULL, "op %u of the batch is not one that this program can write",
                         *ret_count + 1);
    return true;
}
