/* journal/format/op.h -- ops: one deterministic change of the state each, in typed tables; and batches of them.
 *
 * A table is named by (space, type, table name). The type belongs to the name: a counter and a map of the same name are
 * two tables, so an op can never meet a value of another type. Applying is total: every op has one documented result
 * for every state, whatever was stored before (O1, O2).
 *
 * - counter-add: counter += value, 64 bits two's complement, wraps, never clamped. 0 and absent are the same
 * - map-put: map[key] = value
 * - map-delete: map[key] is absent; no effect if it was
 * - map-put-if: if map[key] is as expected (absent, or these bytes) it becomes the new value or absent; else no effect
 * - map-put-greater: if map[key] is absent, or less as bytes are compared (a beginning is less than the whole), it
 *   becomes the new value; else no effect. In whatever order several of them come, the greatest value stays
 * - set-add, set-remove: key is, is not a member
 * - list-append: value becomes the last element; a list that holds LIST_BYTES_MAX takes no more
 * - spool-open: opens spool `key` with last = 0; no effect if it is open
 * - spool-record: if the spool is open and n == last + 1: last = n and the ops inside are applied; else no effect
 * - spool-close: the spool is gone with its number; no effect if it is not open. A closed id is never opened again
 * - release: a segment in quarantine (key: its stored key) is folded if it is good now, else given up (quarantine.h)
 *
 * Encoding, also inside a spool-record (whose ops are of the kinds before spool-open):
 *   u8 kind, u8 space, u8 table bytes, u8 zero, u32 key bytes, u32 value bytes, table, key, value */
#pragma once

#include "journal/format/cursor.h"
#include "journal/format/name.h"
#include "runtime/base/buffer.h"
#include "runtime/base/error.h"

/* Name spaces. Adding one: a line here and the file that gives its tables names. */
enum journal_space {
    SPACE_JOURNAL = 0, /* what the journal keeps for itself: batch ids, spools, releases */
    SPACE_LEDGER = 1,
    SPACE_DICT = 2,
    SPACE_LIFECYCLE = 3,
    SPACE_BUCKET = 4,
    SPACE_TEST = 255,
};

enum op_kind {
#define OP(name, number, text) name = number,
#include "journal/format/op.def"
#undef OP
    OP_KIND_LAST = OP_MAP_PUT_GREATER,
};

enum {
    OP_HEADER_BYTES = 12,
    OP_TABLE_BYTES_MAX = 255,
    OP_KEY_BYTES_MAX = 2048,
    OP_VALUE_BYTES_MAX = 1 << 20,
    LIST_BYTES_MAX = 1 << 20,
    BATCH_BYTES_MAX = 4 << 20,
};

struct op {
    enum op_kind kind;
    uint8_t space;
    struct span table;
    struct span key;
    struct span value; /* as stored; op_* below make the ones with an inner shape */
};

/* What a map-put-if's value says. */
struct op_condition {
    bool is_expected; /* false: the key must be absent */
    struct span expected;
    bool has_value; /* false: the key becomes absent */
    struct span value;
};

/* "counter-add", or "unknown". */
const char *op_kind_name(unsigned kind);

/* Appends the op. */
void op_put(struct buffer *ops, const struct op *op);
void op_put_counter_add(struct buffer *ops, uint8_t space, struct span table, struct span key, int64_t amount);
void op_put_map_put_if(struct buffer *ops, uint8_t space, struct span table, struct span key,
                       const struct op_condition *condition);
void op_put_spool_open(struct buffer *ops, const struct journal_id *spool);
/* `inner` holds encoded ops. */
void op_put_spool_record(struct buffer *ops, const struct journal_id *spool, uint64_t n, struct span inner);
void op_put_release(struct buffer *ops, const struct segment_key *key);
void op_put_spool_close(struct buffer *ops, const struct journal_id *spool);

enum op_read_result {
    OP_READ,
    OP_END,
    OP_UNKNOWN, /* a kind of a later version; ret_op's kind and spans are set, the cursor stands behind it */
    OP_DAMAGED,
};
/* The next op of encoded ones; its value has the shape that its kind asks for. */
enum op_read_result op_read(struct cursor *ops, struct op *ret_op);
bool op_read_condition(struct span value, struct op_condition *ret_condition);

/* None of these sound ops is of a later kind than the head permits: other replicas may not know it yet (J40). */
bool ops_are_permitted(struct span ops, uint32_t kind_last);
/* Every op is known, sound and within the limits: what is asked before a batch is admitted (J5). */
bool ops_check(struct span ops, uint32_t *ret_count, struct error *error);
