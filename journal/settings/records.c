/* journal/settings/records.c -- records of settings into ops, and out of a state. */
#include "journal/settings/records.h"

#include "journal/settings/rules.h"
#include "runtime/base/byteorder.h"

#define RECORDS SPAN("settings")
#define STAMP SPAN("stamp")
#define STAMP_KEY SPAN("all")

enum {
    KEY_BYTES = 9,
    RECORD_VERSION = 2,
    UNSET_BYTES = 9,
    SET_BYTES = 29,
    FORMER_VERSION = 1,
    FORMER_BYTES = 21, /* and up to eight numbers of documents, which mean nothing any more */
    FORMER_BYTES_MAX = FORMER_BYTES + 8 * 8,
};

/* What stands under a key. */
struct stored {
    bool is_readable;
    bool is_set;
    uint64_t revision;
    struct setting_record record;
};

static struct span make_key(uint64_t creation_id, uint8_t setting, uint8_t ret_key[KEY_BYTES])
{
    store_u64_be(ret_key, creation_id);
    ret_key[8] = setting;
    return span_of(ret_key, KEY_BYTES);
}

/* ---- values ---- */

static struct span encode(uint64_t revision, const struct setting_change *change, uint8_t ret_bytes[SET_BYTES])
{
    ret_bytes[0] = RECORD_VERSION;
    store_u64_be(ret_bytes + 1, revision);
    if (!change->is_set)
        return span_of(ret_bytes, UNSET_BYTES);
    store_u64_be(ret_bytes + 9, change->record.crc64);
    store_u64_be(ret_bytes + 17, change->record.document);
    store_u32_be(ret_bytes + 25, change->record.bytes);
    return span_of(ret_bytes, SET_BYTES);
}

/* Its first byte makes it less than all that are written now. */
static struct stored decode_former(struct span value)
{
    if (value.size < FORMER_BYTES || value.size > FORMER_BYTES_MAX || (value.size - FORMER_BYTES) % 8 != 0)
        return (struct stored){0};
    return (struct stored){
        .is_readable = true,
        .is_set = true,
        .record = {load_u64_le(value.data + 1), load_u64_le(value.data + 9), load_u32_le(value.data + 17)},
    };
}

static struct stored decode(struct span value)
{
    if (value.size > 0 && value.data[0] == FORMER_VERSION)
        return decode_former(value);
    if ((value.size != UNSET_BYTES && value.size != SET_BYTES) || value.data[0] != RECORD_VERSION)
        return (struct stored){0};
    struct stored stored = {
        .is_readable = true, .is_set = value.size == SET_BYTES, .revision = load_u64_be(value.data + 1)};
    if (stored.is_set)
        stored.record = (struct setting_record){load_u64_be(value.data + 17), load_u64_be(value.data + 9),
                                                load_u32_be(value.data + 25)};
    return stored;
}

bool setting_record_equal(const struct setting_record *a, const struct setting_record *b)
{
    return a->document == b->document && a->crc64 == b->crc64 && a->bytes == b->bytes;
}

/* ---- out of a state ---- */

static bool find(const struct state *state, uint64_t creation_id, uint8_t setting, struct span *ret_value)
{
    uint8_t key[KEY_BYTES];
    return state_map_get(state, SPACE_BUCKET, RECORDS, make_key(creation_id, setting, key), ret_value);
}

bool setting_record_find(const struct state *state, uint64_t creation_id, uint8_t setting,
                         struct setting_record *ret_record)
{
    struct span value;
    if (!find(state, creation_id, setting, &value))
        return false;
    struct stored stored = decode(value);
    *ret_record = stored.record;
    return stored.is_set || !stored.is_readable;
}

bool settings_are_known(const struct state *state, uint64_t creation_id)
{
    struct span value;
    for (unsigned setting = 0; setting < SETTING_NUMBERS; setting++) {
        if (find(state, creation_id, (uint8_t)setting, &value))
            return true;
    }
    return false;
}

/* The entry's key begins with  u8 space, u8 type, u8 table bytes, table  (journal/format/state.h). */
static bool is_record(const struct entry *entry, uint64_t *ret_creation_id)
{
    struct span table = RECORDS;
    struct span key = entry_key(entry);
    if (key.size != 3 + table.size + KEY_BYTES || key.data[0] != SPACE_BUCKET || key.data[1] != TYPE_MAP ||
        key.data[2] != table.size || memcmp(key.data + 3, table.data, table.size) != 0)
        return false;
    *ret_creation_id = load_u64_be(key.data + 3 + table.size);
    return true;
}

bool settings_list_buckets(const struct state *state, struct state_walk *walk, size_t entries,
                           struct buffer *ret_creation_ids)
{
    const struct entry *entry = NULL;
    uint64_t creation_id;
    for (; entries > 0 && (entry = state_next(state, walk)) != NULL; entries--) {
        if (is_record(entry, &creation_id))
            buffer_append(ret_creation_ids, span_of(&creation_id, sizeof creation_id));
    }
    return entry != NULL;
}

uint64_t settings_stamp(const struct state *state)
{
    return (uint64_t)state_counter(state, SPACE_BUCKET, STAMP, STAMP_KEY);
}

/* ---- into ops ---- */

static void put_stamp(struct buffer *ops, uint64_t stamp)
{
    op_put_counter_add(ops, SPACE_BUCKET, STAMP, STAMP_KEY, (int64_t)stamp);
}

/* What cannot be read, or has the last revision that there is, may be greater than any value that is written. */
static bool can_be_followed(const struct stored *stored)
{
    return stored->is_readable && stored->revision < UINT64_MAX;
}

static void put_change(struct buffer *ops, const struct state *state, uint64_t creation_id,
                       const struct setting_change *change)
{
    uint8_t key[KEY_BYTES], bytes[SET_BYTES];
    struct span old;
    bool is_there = find(state, creation_id, change->setting, &old);
    struct stored stored = is_there ? decode(old) : (struct stored){.is_readable = true};
    uint64_t revision = can_be_followed(&stored) ? rule_revision_after(stored.revision) : 1;
    struct span at = make_key(creation_id, change->setting, key);
    struct span value = encode(revision, change, bytes);
    if (!is_there && !change->is_set)
        return;
    if (!can_be_followed(
            &stored)) { /* then it goes first; of two who see it, one comes behind the other all the same */
        const struct op_condition condition = {true, old, true, value};
        op_put_map_put_if(ops, SPACE_BUCKET, RECORDS, at, &condition);
    }
    op_put(ops, &(struct op){OP_MAP_PUT_GREATER, SPACE_BUCKET, RECORDS, at, value});
}

void settings_put_changes(struct buffer *ops, const struct state *state, uint64_t creation_id,
                          const struct setting_change *changes, unsigned count, uint64_t stamp)
{
    size_t before = ops->size;
    for (unsigned i = 0; i < count; i++)
        put_change(ops, state, creation_id, &changes[i]);
    if (ops->size > before)
        put_stamp(ops, stamp);
}

void settings_put_removal(struct buffer *ops, const struct state *state, uint64_t creation_id, uint64_t stamp)
{
    uint8_t key[KEY_BYTES];
    struct span value;
    size_t before = ops->size;
    for (unsigned setting = 0; setting < SETTING_NUMBERS; setting++) {
        struct span at = make_key(creation_id, (uint8_t)setting, key);
        if (find(state, creation_id, (uint8_t)setting, &value))
            op_put(ops, &(struct op){OP_MAP_DELETE, SPACE_BUCKET, RECORDS, at, SPAN_EMPTY});
    }
    if (ops->size > before)
        put_stamp(ops, stamp);
}
