/* journal/dictionaries/records.c -- mappings and known dictionaries into ops, and out of a state. */
#include "journal/dictionaries/records.h"

#include "journal/format/cursor.h"
#include "runtime/base/assert.h"
#include "runtime/base/byteorder.h"

#define MAPPINGS SPAN("map")
#define KNOWN SPAN("known")
#define STAMP SPAN("stamp")
#define STAMP_KEY SPAN("all")

enum {
    BUCKET_KEY_BYTES = 8, /* the creation id, in front of every key */
    KNOWN_KEY_BYTES = BUCKET_KEY_BYTES + DICTIONARY_ID_DIGEST_BYTES,
    MAPPING_KEY_BYTES_MAX = BUCKET_KEY_BYTES + DICTIONARY_PREFIX_BYTES_MAX,
    RECORD_VERSION = 1,
    MAPPING_BYTES_MAX = 128,
    KNOWN_BYTES = 13,
};

/* ---- keys ---- */

static struct span mapping_key(uint64_t creation_id, struct span prefix, uint8_t ret_key[MAPPING_KEY_BYTES_MAX])
{
    ASSERT(prefix.size <= DICTIONARY_PREFIX_BYTES_MAX);
    store_u64_be(ret_key, creation_id);
    if (prefix.size > 0)
        memcpy(ret_key + BUCKET_KEY_BYTES, prefix.data, prefix.size);
    return span_of(ret_key, BUCKET_KEY_BYTES + prefix.size);
}

static struct span known_key(uint64_t creation_id, const uint8_t id[DICTIONARY_ID_DIGEST_BYTES],
                             uint8_t ret_key[KNOWN_KEY_BYTES])
{
    store_u64_be(ret_key, creation_id);
    memcpy(ret_key + BUCKET_KEY_BYTES, id, DICTIONARY_ID_DIGEST_BYTES);
    return span_of(ret_key, KNOWN_KEY_BYTES);
}

/* The entry's key begins with  u8 space, u8 type, u8 table bytes, table  (journal/format/state.h). */
static bool take_entry(const struct entry *entry, struct span table, struct span *ret_key)
{
    struct span key = entry_key(entry);
    if (key.size < 3 + table.size + BUCKET_KEY_BYTES || key.data[0] != SPACE_DICT || key.data[1] != TYPE_MAP ||
        key.data[2] != table.size || memcmp(key.data + 3, table.data, table.size) != 0)
        return false;
    *ret_key = span_skip(key, 3 + table.size);
    return true;
}

/* ---- values ---- */

static void encode_mapping(const struct dictionary_mapping *mapping, struct buffer *to)
{
    uint8_t head[1 + DICTIONARY_DIGEST_BYTES + 4 + 2 + 4 + 8 + 1 + DICTIONARY_ID_DIGEST_BYTES + 1];
    uint8_t *at = head;
    *at++ = RECORD_VERSION;
    memcpy(at, mapping->digest, DICTIONARY_DIGEST_BYTES);
    at += DICTIONARY_DIGEST_BYTES;
    store_u32_le(at, mapping->bytes);
    store_u16_le(at + 4, mapping->saving_permille);
    store_u32_le(at + 6, mapping->samples);
    store_u64_le(at + 10, (uint64_t)mapping->published_ms);
    at[18] = mapping->has_previous;
    memcpy(at + 19, mapping->previous, DICTIONARY_ID_DIGEST_BYTES);
    at[19 + DICTIONARY_ID_DIGEST_BYTES] = (uint8_t)mapping->bucket.size;
    buffer_append(to, span_of(head, sizeof head));
    buffer_append(to, mapping->bucket);
}

static bool decode_mapping(struct span key, struct span value, struct dictionary_mapping *ret_mapping)
{
    struct cursor from = cursor_of(value);
    bool is_known = cursor_u8(&from) == RECORD_VERSION;
    *ret_mapping = (struct dictionary_mapping){
        .creation_id = load_u64_be(key.data),
        .prefix = span_skip(key, BUCKET_KEY_BYTES),
    };
    cursor_copy(&from, ret_mapping->digest, DICTIONARY_DIGEST_BYTES);
    ret_mapping->bytes = cursor_u32(&from);
    ret_mapping->saving_permille = cursor_u16(&from);
    ret_mapping->samples = cursor_u32(&from);
    ret_mapping->published_ms = (int64_t)cursor_u64(&from);
    ret_mapping->has_previous = cursor_u8(&from) != 0;
    cursor_copy(&from, ret_mapping->previous, DICTIONARY_ID_DIGEST_BYTES);
    size_t name_bytes = cursor_u8(&from);
    ret_mapping->bucket = cursor_take(&from, name_bytes);
    return is_known && !from.failed && name_bytes > 0 && name_bytes <= DICTIONARY_BUCKET_BYTES_MAX &&
           ret_mapping->prefix.size <= DICTIONARY_PREFIX_BYTES_MAX;
}

static bool decode_known(struct span key, struct span value, struct dictionary_known *ret_known)
{
    struct cursor from = cursor_of(value);
    if (key.size != KNOWN_KEY_BYTES || cursor_u8(&from) != RECORD_VERSION)
        return false;
    *ret_known = (struct dictionary_known){.creation_id = load_u64_be(key.data)};
    memcpy(ret_known->id, key.data + BUCKET_KEY_BYTES, DICTIONARY_ID_DIGEST_BYTES);
    ret_known->bytes = cursor_u32(&from);
    ret_known->published_ms = (int64_t)cursor_u64(&from);
    return !from.failed;
}

/* ---- reading ---- */

bool dictionary_mapping_find(const struct state *state, uint64_t creation_id, struct span prefix,
                             struct dictionary_mapping *ret_mapping)
{
    uint8_t bytes[MAPPING_KEY_BYTES_MAX];
    struct span key = mapping_key(creation_id, prefix, bytes);
    struct span value;
    if (!state_map_get(state, SPACE_DICT, MAPPINGS, key, &value) || !decode_mapping(key, value, ret_mapping))
        return false;
    ret_mapping->prefix = prefix;
    return true;
}

bool dictionary_known_find(const struct state *state, uint64_t creation_id,
                           const uint8_t id[DICTIONARY_ID_DIGEST_BYTES], struct dictionary_known *ret_known)
{
    uint8_t bytes[KNOWN_KEY_BYTES];
    struct span key = known_key(creation_id, id, bytes);
    struct span value;
    return state_map_get(state, SPACE_DICT, KNOWN, key, &value) && decode_known(key, value, ret_known);
}

bool dictionary_mapping_next(const struct state *state, struct state_walk *walk, struct dictionary_mapping *ret_mapping)
{
    struct span key;
    for (const struct entry *entry; (entry = state_next(state, walk)) != NULL;) {
        if (take_entry(entry, MAPPINGS, &key) && decode_mapping(key, entry_value(entry), ret_mapping))
            return true;
    }
    return false;
}

bool dictionary_known_next(const struct state *state, struct state_walk *walk, struct dictionary_known *ret_known)
{
    struct span key;
    for (const struct entry *entry; (entry = state_next(state, walk)) != NULL;) {
        if (take_entry(entry, KNOWN, &key) && decode_known(key, entry_value(entry), ret_known))
            return true;
    }
    return false;
}

uint64_t dictionaries_stamp(const struct state *state)
{
    return (uint64_t)state_counter(state, SPACE_DICT, STAMP, STAMP_KEY);
}

/* ---- changing ---- */

static void put_stamp(struct buffer *ops, uint64_t stamp)
{
    op_put_counter_add(ops, SPACE_DICT, STAMP, STAMP_KEY, (int64_t)stamp);
}

/* `value` empty: the mapping goes. */
static void put_mapping_if(struct buffer *ops, const struct state *state, struct span key, struct span value)
{
    struct op_condition condition = {.has_value = value.size > 0, .value = value};
    condition.is_expected = state_map_get(state, SPACE_DICT, MAPPINGS, key, &condition.expected);
    op_put_map_put_if(ops, SPACE_DICT, MAPPINGS, key, &condition);
}

void dictionaries_put_mapping(struct buffer *ops, const struct state *state, const struct dictionary_mapping *mapping,
                              uint64_t stamp)
{
    uint8_t key[MAPPING_KEY_BYTES_MAX];
    uint8_t known[KNOWN_KEY_BYTES];
    uint8_t record[KNOWN_BYTES] = {RECORD_VERSION};
    struct buffer value;
    ASSERT(mapping->bucket.size > 0 && mapping->bucket.size <= DICTIONARY_BUCKET_BYTES_MAX);
    buffer_init(&value, MAPPING_BYTES_MAX);
    encode_mapping(mapping, &value);
    put_mapping_if(ops, state, mapping_key(mapping->creation_id, mapping->prefix, key), buffer_span(&value));
    buffer_free(&value);

    store_u32_le(record + 1, mapping->bytes);
    store_u64_le(record + 5, (uint64_t)mapping->published_ms);
    const struct op_condition first = {.has_value = true, .value = span_of(record, sizeof record)};
    op_put_map_put_if(ops, SPACE_DICT, KNOWN, known_key(mapping->creation_id, mapping->digest, known), &first);
    put_stamp(ops, stamp);
}

void dictionaries_put_unmap(struct buffer *ops, const struct state *state, uint64_t creation_id, struct span prefix,
                            uint64_t stamp)
{
    uint8_t key[MAPPING_KEY_BYTES_MAX];
    put_mapping_if(ops, state, mapping_key(creation_id, prefix, key), SPAN_EMPTY);
    put_stamp(ops, stamp);
}

void dictionaries_put_forget(struct buffer *ops, uint64_t creation_id, const uint8_t id[DICTIONARY_ID_DIGEST_BYTES],
                             uint64_t stamp)
{
    uint8_t key[KNOWN_KEY_BYTES];
    op_put(ops,
           &(struct op){
               .kind = OP_MAP_DELETE, .space = SPACE_DICT, .table = KNOWN, .key = known_key(creation_id, id, key)});
    put_stamp(ops, stamp);
}
