/* journal/settings/records.c -- records of settings into ops, and out of a state. */
#include "journal/settings/records.h"

#include "runtime/base/byteorder.h"

#define RECORDS SPAN("settings")
#define STAMP SPAN("stamp")
#define STAMP_KEY SPAN("all")

enum {
    KEY_BYTES = 9,
    RECORD_BYTES = 21, /* and the documents that were replaced */
    RECORD_VERSION = 1,
    REPLACED_MAX = 8,
    RECORD_BYTES_MAX = RECORD_BYTES + REPLACED_MAX * 8,
};

static struct span make_key(uint64_t creation_id, uint8_t setting, uint8_t ret_key[KEY_BYTES])
{
    store_u64_be(ret_key, creation_id);
    ret_key[8] = setting;
    return span_of(ret_key, KEY_BYTES);
}

static bool is_sound(struct span value)
{
    return value.size >= RECORD_BYTES && value.size <= RECORD_BYTES_MAX && (value.size - RECORD_BYTES) % 8 == 0 &&
           value.data[0] == RECORD_VERSION;
}

/* `replaced` is the value that stood there; empty: none. */
static struct span encode(const struct setting_record *record, struct span replaced,
                          uint8_t ret_bytes[RECORD_BYTES_MAX])
{
    size_t size = RECORD_BYTES;
    ret_bytes[0] = RECORD_VERSION;
    store_u64_le(ret_bytes + 1, record->document);
    store_u64_le(ret_bytes + 9, record->crc64);
    store_u32_le(ret_bytes + 17, record->bytes);
    if (!is_sound(replaced))
        return span_of(ret_bytes, size);
    memcpy(ret_bytes + size, replaced.data + 1, 8);
    size += 8;
    struct span older = span_take(span_skip(replaced, RECORD_BYTES), (REPLACED_MAX - 1) * 8);
    if (older.size > 0)
        memcpy(ret_bytes + size, older.data, older.size);
    return span_of(ret_bytes, size + older.size);
}

static struct setting_record decode(struct span value)
{
    if (!is_sound(value))
        return (struct setting_record){0};
    return (struct setting_record){load_u64_le(value.data + 1), load_u64_le(value.data + 9),
                                   load_u32_le(value.data + 17)};
}

static bool has_replaced(struct span value, uint64_t document)
{
    for (size_t at = RECORD_BYTES; is_sound(value) && at < value.size; at += 8) {
        if (load_u64_le(value.data + at) == document)
            return true;
    }
    return false;
}

bool setting_record_equal(const struct setting_record *a, const struct setting_record *b)
{
    return a->document == b->document && a->crc64 == b->crc64 && a->bytes == b->bytes;
}

bool setting_record_find(const struct state *state, uint64_t creation_id, uint8_t setting,
                         struct setting_record *ret_record)
{
    uint8_t key[KEY_BYTES];
    struct span value;
    if (!state_map_get(state, SPACE_BUCKET, RECORDS, make_key(creation_id, setting, key), &value))
        return false;
    *ret_record = decode(value);
    return true;
}

uint64_t settings_stamp(const struct state *state)
{
    return (uint64_t)state_counter(state, SPACE_BUCKET, STAMP, STAMP_KEY);
}

/* The entry's key begins with  u8 space, u8 type, u8 table bytes, table  (journal/format/state.h). */
static bool take_entry(const struct entry *entry, uint64_t *ret_creation_id, uint8_t *ret_setting)
{
    struct span table = RECORDS;
    struct span key = entry_key(entry);
    if (key.size != 3 + table.size + KEY_BYTES || key.data[0] != SPACE_BUCKET || key.data[1] != TYPE_MAP ||
        key.data[2] != table.size || memcmp(key.data + 3, table.data, table.size) != 0)
        return false;
    key = span_skip(key, 3 + table.size);
    *ret_creation_id = load_u64_be(key.data);
    *ret_setting = key.data[8];
    return true;
}

bool setting_record_next(const struct state *state, struct state_walk *walk, uint64_t *ret_creation_id,
                         uint8_t *ret_setting, struct setting_record *ret_record)
{
    for (const struct entry *entry; (entry = state_next(state, walk)) != NULL;) {
        if (!take_entry(entry, ret_creation_id, ret_setting))
            continue;
        *ret_record = decode(entry_value(entry));
        return true;
    }
    return false;
}

bool settings_are(const struct state *state, uint64_t creation_id, const struct setting_change *changes, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        struct setting_record now;
        bool is_set = setting_record_find(state, creation_id, changes[i].setting, &now);
        if (is_set != changes[i].is_set || (is_set && !setting_record_equal(&now, &changes[i].record)))
            return false;
    }
    return true;
}

bool settings_were(const struct state *state, uint64_t creation_id, const struct setting_change *changes,
                   unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        uint8_t key[KEY_BYTES];
        struct span value;
        struct span at = make_key(creation_id, changes[i].setting, key);
        if (!settings_are(state, creation_id, &changes[i], 1) &&
            !(changes[i].is_set && state_map_get(state, SPACE_BUCKET, RECORDS, at, &value) &&
              has_replaced(value, changes[i].record.document)))
            return false;
    }
    return true;
}

static void put_change(struct buffer *ops, const struct state *state, uint64_t creation_id,
                       const struct setting_change *change)
{
    uint8_t key[KEY_BYTES], value[RECORD_BYTES_MAX];
    struct op_condition condition = {.has_value = change->is_set};
    struct span at = make_key(creation_id, change->setting, key);
    condition.is_expected = state_map_get(state, SPACE_BUCKET, RECORDS, at, &condition.expected);
    condition.value = encode(&change->record, condition.is_expected ? condition.expected : SPAN_EMPTY, value);
    op_put_map_put_if(ops, SPACE_BUCKET, RECORDS, at, &condition);
}

void settings_put_changes(struct buffer *ops, const struct state *state, uint64_t creation_id,
                          const struct setting_change *changes, unsigned count, uint64_t stamp)
{
    for (unsigned i = 0; i < count; i++)
        put_change(ops, state, creation_id, &changes[i]);
    op_put_counter_add(ops, SPACE_BUCKET, STAMP, STAMP_KEY, (int64_t)stamp);
}
