/* journal/format/name.c -- names of objects, to text and back. */
#include "journal/format/name.h"

#include "runtime/base/byteorder.h"
#include "runtime/base/hex.h"

enum { NUMBER_DIGITS = 16, ID_DIGITS = 2 * JOURNAL_ID_BYTES };

bool journal_id_is_zero(const struct journal_id *id)
{
    static const struct journal_id zero;
    return memcmp(id, &zero, sizeof zero) == 0;
}

bool journal_id_equal(const struct journal_id *a, const struct journal_id *b)
{
    return memcmp(a, b, sizeof *a) == 0;
}

static int compare_u64(uint64_t a, uint64_t b)
{
    return a < b ? -1 : a > b;
}

int segment_key_compare(const struct segment_key *a, const struct segment_key *b)
{
    int order = compare_u64(a->base, b->base);
    if (order == 0)
        order = compare_u64(a->clock, b->clock);
    if (order == 0)
        order = memcmp(&a->writer, &b->writer, sizeof a->writer);
    return order != 0 ? order : compare_u64(a->sequence, b->sequence);
}

bool segment_key_equal(const struct segment_key *a, const struct segment_key *b)
{
    return segment_key_compare(a, b) == 0;
}

bool segment_keys_have(const struct segment_key *keys, size_t count, const struct segment_key *key)
{
    size_t low = 0;
    while (low < count) {
        size_t middle = (low + count) / 2;
        int order = segment_key_compare(&keys[middle], key);
        if (order == 0)
            return true;
        if (order < 0)
            low = middle + 1;
        else
            count = middle;
    }
    return false;
}

void segment_key_store(const struct segment_key *key, uint8_t ret_bytes[SEGMENT_KEY_STORED_BYTES])
{
    store_u64_le(ret_bytes, key->base);
    store_u64_le(ret_bytes + 8, key->clock);
    memcpy(ret_bytes + 16, &key->writer, JOURNAL_ID_BYTES);
    store_u64_le(ret_bytes + 32, key->sequence);
}

struct segment_key segment_key_load(const uint8_t bytes[SEGMENT_KEY_STORED_BYTES])
{
    struct segment_key key = {
        .base = load_u64_le(bytes), .clock = load_u64_le(bytes + 8), .sequence = load_u64_le(bytes + 32)};
    memcpy(&key.writer, bytes + 16, JOURNAL_ID_BYTES);
    return key;
}

/* ---- writing ---- */

static char *put_text(char *at, const char *text)
{
    size_t size = strlen(text);
    memcpy(at, text, size);
    return at + size;
}

static char *put_number(char *at, uint64_t number)
{
    uint64_t big_endian = __builtin_bswap64(number);
    hex_encode(span_of(&big_endian, sizeof big_endian), at);
    return at + NUMBER_DIGITS;
}

static char *put_id(char *at, const struct journal_id *id)
{
    hex_encode(span_of(id, sizeof *id), at);
    return at + ID_DIGITS;
}

void segment_name_format(const struct segment_key *key, char ret_name[JOURNAL_NAME_BYTES])
{
    char *at = put_number(put_text(ret_name, SEGMENTS_PREFIX), key->base);
    at = put_number(put_text(at, "-"), key->clock);
    at = put_id(put_text(at, "-"), &key->writer);
    *put_number(put_text(at, "-"), key->sequence) = '\0';
}

void segment_name_format_before(uint64_t base, char ret_name[JOURNAL_NAME_BYTES])
{
    *put_number(put_text(ret_name, SEGMENTS_PREFIX), base) = '\0';
}

void part_name_format(const struct part_name *part, char ret_name[JOURNAL_NAME_BYTES])
{
    char *at = put_number(put_text(ret_name, PARTS_PREFIX), part->generation);
    at = put_id(put_text(at, "-"), &part->nonce);
    *put_text(at, part->kind == PART_ROLL ? "-ledger" : "-state") = '\0';
}

void head_copy_name_format(uint64_t generation, const struct journal_id *nonce, char ret_name[JOURNAL_NAME_BYTES])
{
    char *at = put_number(put_text(ret_name, HEADS_PREFIX), generation);
    *put_id(put_text(at, "-"), nonce) = '\0';
}

/* ---- reading ---- */

static bool skip_text(struct span *name, const char *text)
{
    if (!span_starts_with(*name, span_from_string(text)))
        return false;
    *name = span_skip(*name, strlen(text));
    return true;
}

static bool take_hex(struct span *name, uint8_t *ret_bytes, size_t size)
{
    if (name->size < 2 * size || !hex_decode(span_take(*name, 2 * size), ret_bytes, size))
        return false;
    for (size_t i = 0; i < 2 * size; i++) {
        if (name->data[i] >= 'A' && name->data[i] <= 'F')
            return false; /* one key, one name */
    }
    *name = span_skip(*name, 2 * size);
    return true;
}

static bool take_number(struct span *name, uint64_t *ret_number)
{
    uint8_t bytes[8];
    if (!take_hex(name, bytes, sizeof bytes))
        return false;
    *ret_number = load_u64_be(bytes);
    return true;
}

static bool take_generation(struct span *name, uint64_t *ret_generation)
{
    return take_number(name, ret_generation) && *ret_generation <= JOURNAL_GENERATION_MAX;
}

bool segment_name_parse(struct span name, struct segment_key *ret_key)
{
    return skip_text(&name, SEGMENTS_PREFIX) && take_generation(&name, &ret_key->base) && skip_text(&name, "-") &&
           take_number(&name, &ret_key->clock) && skip_text(&name, "-") &&
           take_hex(&name, ret_key->writer.bytes, JOURNAL_ID_BYTES) && skip_text(&name, "-") &&
           take_number(&name, &ret_key->sequence) && name.size == 0;
}

bool part_name_parse(struct span name, struct part_name *ret_part)
{
    if (!skip_text(&name, PARTS_PREFIX) || !take_generation(&name, &ret_part->generation) || !skip_text(&name, "-") ||
        !take_hex(&name, ret_part->nonce.bytes, JOURNAL_ID_BYTES))
        return false;
    ret_part->kind = span_equal(name, SPAN("-ledger")) ? PART_ROLL : PART_STATE;
    return ret_part->kind == PART_ROLL || span_equal(name, SPAN("-state"));
}

bool head_copy_name_parse(struct span name, uint64_t *ret_generation, struct journal_id *ret_nonce)
{
    return skip_text(&name, HEADS_PREFIX) && take_generation(&name, ret_generation) && skip_text(&name, "-") &&
           take_hex(&name, ret_nonce->bytes, JOURNAL_ID_BYTES) && name.size == 0;
}
