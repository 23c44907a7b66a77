/* server/lifecycle/record.c -- records of sweeps into ops, and out of a state. */
#include "server/lifecycle/record.h"

#include "codec/format/crc.h"
#include "journal/format/cursor.h"
#include "runtime/base/assert.h"
#include "runtime/base/byteorder.h"
#include "server/lifecycle/claimed_value.h"

#include <stdlib.h>
#include <string.h>

#define SWEEPS SPAN("sweep")
#define CLOCK SPAN("clock")
#define CLOCK_KEY SPAN("all")

enum { RECORD_VERSION = 3, CLOCK_VERSION = 1, KEY_BYTES = 8, CLOCK_BYTES = 9 };

/* ---- bytes ---- */

static void put_u16(struct buffer *to, uint16_t number)
{
    uint8_t bytes[2];
    store_u16_le(bytes, number);
    buffer_append(to, span_of(bytes, sizeof bytes));
}

static void put_u64(struct buffer *to, uint64_t number)
{
    uint8_t bytes[8];
    store_u64_le(bytes, number);
    buffer_append(to, span_of(bytes, sizeof bytes));
}

static void put_text(struct buffer *to, struct span text)
{
    put_u16(to, (uint16_t)text.size);
    buffer_append(to, text);
}

static void encode(const struct sweep_record *record, struct buffer *to)
{
    const struct sweep_totals *totals = &record->totals;
    buffer_append_byte(to, RECORD_VERSION);
    buffer_append_byte(to, (uint8_t)record->state);
    put_u64(to, record->number);
    put_u64(to, record->claim);
    buffer_append(to, span_of(record->holder, sizeof record->holder));
    put_u64(to, record->nonce);
    put_u64(to, record->rules);
    put_u64(to, (uint64_t)record->midnight_ms);
    put_u64(to, (uint64_t)record->began_ms);
    put_u64(to, (uint64_t)record->ended_ms);
    put_u64(to, (uint64_t)record->next_ms);
    put_u64(to, totals->judged);
    for (unsigned action = LIFECYCLE_KEEP + 1; action < LIFECYCLE_ACTIONS; action++)
        put_u64(to, totals->done[action]);
    put_u64(to, totals->aborted);
    put_u64(to, totals->changed);
    put_u64(to, totals->locked);
    put_u64(to, totals->unsafe);
    put_u64(to, totals->failed);
    put_text(to, span_of(record->cursor.key, record->cursor.key_size));
    put_text(to, span_from_string(record->cursor.version));
    put_u64(to, (uint64_t)record->cursor.modified_ms);
    put_u16(to, (uint16_t)record->cursor.newer_kept);
    put_u16(to, (uint16_t)record->rules_count);
    for (unsigned i = 0; i < record->rules_count; i++) {
        put_u16(to, record->rules_acted[i].place);
        put_u64(to, record->rules_acted[i].acted);
    }
}

static struct span take_text(struct cursor *from, size_t most)
{
    size_t size = cursor_u16(from);
    if (size > most)
        from->failed = true;
    return cursor_take(from, size);
}

/* Nothing, where it failed. */
static size_t copy_text(struct span text, void *to)
{
    if (text.size > 0)
        memcpy(to, text.data, text.size);
    return text.size;
}

static void decode_walk(struct cursor *from, struct sweep_record *record)
{
    struct lifecycle_cursor *cursor = &record->cursor;
    struct span key = take_text(from, sizeof cursor->key);
    struct span version = take_text(from, sizeof cursor->version - 1);
    cursor->key_size = copy_text(key, cursor->key);
    (void)copy_text(version, cursor->version);
    cursor->modified_ms = (int64_t)cursor_u64(from);
    cursor->newer_kept = cursor_u16(from);
    record->rules_count = cursor_u16(from);
    if (record->rules_count > SWEEP_RULES_COUNTED_MAX)
        from->failed = true;
    for (unsigned i = 0; i < record->rules_count && !from->failed; i++) {
        record->rules_acted[i].place = cursor_u16(from);
        record->rules_acted[i].acted = cursor_u64(from);
    }
}

static bool decode(struct span value, struct sweep_record *record)
{
    struct cursor from = cursor_of(value);
    struct sweep_totals *totals = &record->totals;
    *record = (struct sweep_record){0};
    if (cursor_u8(&from) != RECORD_VERSION)
        return false;
    uint8_t state = cursor_u8(&from);
    from.failed = from.failed || state > SWEEP_IS_DONE;
    record->state = state;
    record->number = cursor_u64(&from);
    record->claim = cursor_u64(&from);
    cursor_copy(&from, record->holder, sizeof record->holder);
    record->nonce = cursor_u64(&from);
    record->rules = cursor_u64(&from);
    record->midnight_ms = (int64_t)cursor_u64(&from);
    record->began_ms = (int64_t)cursor_u64(&from);
    record->ended_ms = (int64_t)cursor_u64(&from);
    record->next_ms = (int64_t)cursor_u64(&from);
    totals->judged = cursor_u64(&from);
    for (unsigned action = LIFECYCLE_KEEP + 1; action < LIFECYCLE_ACTIONS; action++)
        totals->done[action] = cursor_u64(&from);
    totals->aborted = cursor_u64(&from);
    totals->changed = cursor_u64(&from);
    totals->locked = cursor_u64(&from);
    totals->unsafe = cursor_u64(&from);
    totals->failed = cursor_u64(&from);
    decode_walk(&from, record);
    return cursor_is_done(&from) && record->nonce != 0;
}

/* ---- out of a state ---- */

static struct span make_key(uint64_t creation_id, uint8_t ret_key[KEY_BYTES])
{
    store_u64_be(ret_key, creation_id);
    return span_of(ret_key, KEY_BYTES);
}

static bool find(const struct state *state, uint64_t creation_id, struct span *ret_value)
{
    uint8_t key[KEY_BYTES];
    return state_map_get(state, SPACE_LIFECYCLE, SWEEPS, make_key(creation_id, key), ret_value);
}

bool sweep_record_find(const struct state *state, uint64_t creation_id, struct sweep_record *ret_record)
{
    struct span value;
    return find(state, creation_id, &value) && decode(value, ret_record);
}

bool sweep_record_stands(const struct state *state, uint64_t creation_id, uint64_t nonce)
{
    struct span value;
    struct sweep_record *record = malloc(sizeof *record); /* too large for a fiber's stack */
    ASSERT(record != NULL);
    bool stands = find(state, creation_id, &value) && decode(value, record) && record->nonce == nonce;
    free(record);
    return stands;
}

bool sweep_record_mark(const struct state *state, uint64_t creation_id, uint64_t *ret_mark)
{
    struct span value;
    bool is_there = find(state, creation_id, &value);
    *ret_mark = is_there ? crc64nvme_update(0, value) : 0;
    return is_there;
}

/* The entry's key begins with  u8 space, u8 type, u8 table bytes, table  (journal/format/state.h). */
static bool is_record(const struct entry *entry, uint64_t *ret_creation_id)
{
    struct span table = SWEEPS;
    struct span key = entry_key(entry);
    if (key.size != 3 + table.size + KEY_BYTES || key.data[0] != SPACE_LIFECYCLE || key.data[1] != TYPE_MAP ||
        key.data[2] != table.size || memcmp(key.data + 3, table.data, table.size) != 0)
        return false;
    *ret_creation_id = load_u64_be(key.data + 3 + table.size);
    return true;
}

bool sweep_record_next(const struct state *state, struct state_walk *walk, uint64_t *ret_creation_id)
{
    const struct entry *entry;
    while ((entry = state_next(state, walk)) != NULL) {
        if (is_record(entry, ret_creation_id))
            return true;
    }
    return false;
}

int64_t sweep_clock_find(const struct state *state)
{
    struct span value;
    if (!state_map_get(state, SPACE_LIFECYCLE, CLOCK, CLOCK_KEY, &value) || value.size != CLOCK_BYTES ||
        value.data[0] != CLOCK_VERSION)
        return 0;
    return (int64_t)load_u64_le(value.data + 1);
}

/* ---- into ops ---- */

static bool has_conflict(struct error *error)
{
    return error_set(error, ERROR_CONFLICT, NULL, "another process sweeps the bucket");
}

SUSPENDS bool sweep_record_put(struct journal *journal, const struct journal_environment *environment,
                               uint64_t creation_id, struct sweep_record *record, struct error *error)
{
    uint8_t key[KEY_BYTES];
    struct span before;
    struct sweep_record *now = malloc(sizeof *now); /* too large for a fiber's stack */
    ASSERT(now != NULL);
    bool is_there = find(journal_state(journal), creation_id, &before);
    bool is_expected = record->nonce == (is_there && decode(before, now) ? now->nonce : 0);
    if (!is_expected) {
        free(now);
        return has_conflict(error);
    }
    struct buffer value;
    buffer_init(&value, 0);
    do
        record->nonce = random_u64(environment->random);
    while (record->nonce == 0);
    encode(record, &value);
    const struct claimed_value claimed = {SWEEPS, make_key(creation_id, key), is_there, before};
    bool done = claimed_value_put(journal, environment, &claimed, buffer_span(&value), error);
    buffer_free(&value);
    bool is_ours = done && sweep_record_find(journal_state(journal), creation_id, now) && now->nonce == record->nonce;
    free(now);
    return is_ours || (done ? has_conflict(error) : false);
}

SUSPENDS bool sweep_records_remove(struct journal *journal, struct span creation_ids, struct error *error)
{
    struct buffer ops;
    buffer_init(&ops, 0);
    for (size_t at = 0; at < creation_ids.size; at += sizeof(uint64_t)) {
        uint8_t key[KEY_BYTES];
        uint64_t creation_id;
        memcpy(&creation_id, creation_ids.data + at, sizeof creation_id);
        op_put(&ops, &(struct op){OP_MAP_DELETE, SPACE_LIFECYCLE, SWEEPS, make_key(creation_id, key), SPAN_EMPTY});
    }
    bool done = claimed_value_submit(journal, &ops, error);
    buffer_free(&ops);
    return done;
}

SUSPENDS bool sweep_clock_put(struct journal *journal, int64_t wall_ms, struct error *error)
{
    uint8_t value[CLOCK_BYTES] = {CLOCK_VERSION};
    struct buffer ops;
    store_u64_le(value + 1, (uint64_t)wall_ms);
    buffer_init(&ops, 0);
    op_put(&ops, &(struct op){OP_MAP_PUT, SPACE_LIFECYCLE, CLOCK, CLOCK_KEY, span_of(value, sizeof value)});
    bool done = claimed_value_submit(journal, &ops, error);
    buffer_free(&ops);
    return done;
}
