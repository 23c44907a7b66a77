/* codec/seal/s4_envelope.c -- heads of S4's envelopes, and opening what is behind them. */
#include "codec/seal/s4_envelope.h"

#include "runtime/base/assert.h"
#include "runtime/base/byteorder.h"

enum {
    MAGIC_BYTES = 4,
    AT_ALGORITHM = MAGIC_BYTES,
    AT_KEY_ID = AT_ALGORITHM + 1, /* and what stands there instead */
    ALGORITHM_AES_256_GCM = 1,
    SHORT_HEAD_BYTES = AT_KEY_ID + 3, /* S4E1, S4E2, S4E5, S4E6: key id or zeros, and a zero */
    AT_CHUNK_SIZE = SHORT_HEAD_BYTES,
    AT_CHUNKS_COUNT = AT_CHUNK_SIZE + 4,
    AT_SALT = AT_CHUNKS_COUNT + 4,
    S4E5_SALT_BYTES = 4,
    S4E6_SALT_BYTES = 8,
    S4E6_CHUNKS_MAX = (1 << 24) - 1, /* a number has 24 bits in the nonce */
    CHUNK_ASSOCIATED_BYTES_MAX = AT_KEY_ID + 4 + 4 + 2 + S4E6_SALT_BYTES,
};

static bool refuse(struct error *error, const char *what)
{
    return error_set(error, ERROR_DAMAGED, NULL, "S4's encryption of the object is damaged: %s.", what);
}

static bool refuse_cut_short(struct error *error)
{
    return refuse(error, "it is cut short");
}

static uint16_t load_u16_be(const uint8_t *bytes)
{
    return (uint16_t)(bytes[0] << 8 | bytes[1]);
}

/* ---- heads ---- */

static bool check_plain_size(uint64_t plain_size, struct error *error)
{
    return plain_size <= S4_ENVELOPE_BYTES_MAX || refuse(error, "it holds more than 5 GiB");
}

/* Of S4E1 to S4E4, behind whose heads of `size` bytes come nonce, tag and all the rest. */
static bool parse_whole(struct span head, size_t size, uint64_t stored_size, struct s4_envelope *envelope,
                        struct error *error)
{
    if (head.size < size + GCM_NONCE_BYTES || stored_size < size + GCM_NONCE_BYTES + GCM_TAG_BYTES)
        return refuse_cut_short(error);
    envelope->head = span_take(head, size);
    envelope->nonce = span_of(head.data + size, GCM_NONCE_BYTES);
    envelope->head_size = size + GCM_NONCE_BYTES;
    envelope->plain_size = stored_size - envelope->head_size - GCM_TAG_BYTES;
    envelope->chunk_size = envelope->plain_size;
    envelope->chunks_count = 1;
    return check_plain_size(envelope->plain_size, error);
}

static bool parse_customer(struct span head, uint64_t stored_size, struct s4_envelope *envelope, struct error *error)
{
    size_t size = AT_KEY_ID + S4_KEY_MD5_BYTES;
    if (!parse_whole(head, size, stored_size, envelope, error))
        return false;
    memcpy(envelope->key_md5, head.data + AT_KEY_ID, S4_KEY_MD5_BYTES);
    return true;
}

static bool parse_wrapped(struct span head, uint64_t stored_size, struct s4_envelope *envelope, struct error *error)
{
    size_t name_size = head.data[AT_KEY_ID];
    size_t at = AT_KEY_ID + 1;
    if (head.size < at + name_size + 4)
        return refuse_cut_short(error);
    envelope->key_name = span_of(head.data + at, name_size);
    at += name_size;
    uint32_t wrapped_size = load_u32_be(head.data + at);
    at += 4;
    if (wrapped_size > head.size - at)
        return refuse(error, "its wrapped key is longer than any");
    envelope->wrapped_key = span_of(head.data + at, wrapped_size);
    return parse_whole(head, at + wrapped_size, stored_size, envelope, error);
}

static bool check_chunks(const struct s4_envelope *envelope, uint64_t stored_size, struct error *error)
{
    uint64_t count = envelope->chunks_count;
    if (envelope->chunk_size == 0 || count == 0 || (envelope->kind == S4E6 && count > S4E6_CHUNKS_MAX))
        return refuse(error, "there is no such number of chunks");
    uint64_t tags = count * GCM_TAG_BYTES; /* neither product reaches 2^64 */
    uint64_t before_last = (count - 1) * envelope->chunk_size;
    if (stored_size < envelope->head_size + tags || stored_size - envelope->head_size - tags < before_last)
        return refuse_cut_short(error);
    uint64_t plain_size = stored_size - envelope->head_size - tags;
    if (plain_size - before_last > envelope->chunk_size)
        return refuse(error, "bytes follow the last chunk");
    if (count > 1 && plain_size == before_last)
        return refuse(error, "its last chunk is empty");
    return check_plain_size(plain_size, error);
}

static bool parse_chunked(struct span head, size_t salt_size, uint64_t stored_size, struct s4_envelope *envelope,
                          struct error *error)
{
    if (head.size < AT_SALT + salt_size)
        return refuse_cut_short(error);
    envelope->key_id = load_u16_be(head.data + AT_KEY_ID);
    envelope->chunk_size = load_u32_be(head.data + AT_CHUNK_SIZE);
    envelope->chunks_count = load_u32_be(head.data + AT_CHUNKS_COUNT);
    envelope->head = span_take(head, AT_SALT);
    envelope->nonce = span_of(head.data + AT_SALT, salt_size);
    envelope->head_size = AT_SALT + salt_size;
    if (!check_chunks(envelope, stored_size, error))
        return false;
    envelope->plain_size = stored_size - envelope->head_size - (uint64_t)envelope->chunks_count * GCM_TAG_BYTES;
    return true;
}

bool s4_envelope_parse(struct span head, uint64_t stored_size, struct s4_envelope *ret_envelope, struct error *error)
{
    struct s4_envelope envelope = {0};
    if (head.size > stored_size)
        head.size = (size_t)stored_size;
    if (head.size < SHORT_HEAD_BYTES)
        return refuse_cut_short(error);
    if (memcmp(head.data, "S4E", MAGIC_BYTES - 1) != 0 || head.data[AT_ALGORITHM] != ALGORITHM_AES_256_GCM)
        return error_set(error, ERROR_DAMAGED, NULL,
                         "The object is said to be encrypted by S4, and does not begin so.");
    envelope.kind = (enum s4_envelope_kind)(head.data[MAGIC_BYTES - 1] - '0');
    bool parsed;
    switch (head.data[MAGIC_BYTES - 1]) {
    case '1':
        parsed = parse_whole(head, SHORT_HEAD_BYTES, stored_size, &envelope, error);
        break;
    case '2':
        envelope.key_id = load_u16_be(head.data + AT_KEY_ID);
        parsed = parse_whole(head, SHORT_HEAD_BYTES, stored_size, &envelope, error);
        break;
    case '3':
        parsed = parse_customer(head, stored_size, &envelope, error);
        break;
    case '4':
        parsed = parse_wrapped(head, stored_size, &envelope, error);
        break;
    case '5':
        parsed = parse_chunked(head, S4E5_SALT_BYTES, stored_size, &envelope, error);
        break;
    case '6':
        parsed = parse_chunked(head, S4E6_SALT_BYTES, stored_size, &envelope, error);
        break;
    default:
        return error_set(error, ERROR_UNSUPPORTED, NULL,
                         "The object was encrypted by an S4 that is newer than this version of Bale knows.");
    }
    if (parsed)
        *ret_envelope = envelope;
    return parsed;
}

struct s4_chunk s4_envelope_chunk(const struct s4_envelope *envelope, uint32_t number)
{
    ASSERT(number < envelope->chunks_count);
    uint64_t plain_offset = number * envelope->chunk_size;
    uint64_t left = envelope->plain_size - plain_offset;
    return (struct s4_chunk){
        .number = number,
        .stored_offset = envelope->head_size + plain_offset + (uint64_t)number * GCM_TAG_BYTES,
        .plain_offset = plain_offset,
        .plain_size = left < envelope->chunk_size ? left : envelope->chunk_size,
    };
}

/* ---- opening ---- */

static void put(uint8_t **to, const void *bytes, size_t size)
{
    memcpy(*to, bytes, size);
    *to += size;
}

static void encode_nonce(const struct s4_envelope *envelope, uint32_t number, uint8_t ret_nonce[GCM_NONCE_BYTES])
{
    uint8_t *to = ret_nonce;
    uint8_t counter[4];
    store_u32_be(counter, number);
    if (envelope->kind == S4E5) {
        put(&to, "E5\0", 4);
        put(&to, envelope->nonce.data, S4E5_SALT_BYTES);
        put(&to, counter, 4);
    } else if (envelope->kind == S4E6) {
        put(&to, "E", 1);
        put(&to, envelope->nonce.data, S4E6_SALT_BYTES);
        put(&to, counter + 1, 3);
    } else {
        put(&to, envelope->nonce.data, GCM_NONCE_BYTES);
    }
}

/* What is authenticated beside the chunk. S4E1 has zeros where others have a key's id, whatever stands there. */
static struct span encode_associated(const struct s4_envelope *envelope, uint32_t number,
                                     uint8_t bytes[CHUNK_ASSOCIATED_BYTES_MAX])
{
    uint8_t *to = bytes;
    uint8_t numbers[8];
    if (!s4_envelope_is_chunked(envelope))
        return envelope->kind == S4E1 ? SPAN("S4E1\1\0\0\0") : envelope->head;
    store_u32_be(numbers, number);
    store_u32_be(numbers + 4, envelope->chunks_count);
    put(&to, envelope->head.data, AT_KEY_ID);
    put(&to, numbers, sizeof numbers);
    put(&to, envelope->head.data + AT_KEY_ID, 2);
    put(&to, envelope->nonce.data, envelope->nonce.size);
    return span_of(bytes, (size_t)(to - bytes));
}

bool s4_envelope_open(const struct s4_envelope *envelope, struct aes *aes, const uint8_t key[AES_KEY_BYTES],
                      uint32_t number, struct span stored, uint8_t *ret_plain)
{
    uint8_t nonce[GCM_NONCE_BYTES];
    uint8_t bytes[CHUNK_ASSOCIATED_BYTES_MAX];
    ASSERT(number < envelope->chunks_count && stored.size >= GCM_TAG_BYTES);
    encode_nonce(envelope, number, nonce);
    aes_gcm_set_key(aes, key);
    return aes_gcm_open(aes, nonce, encode_associated(envelope, number, bytes), span_skip(stored, GCM_TAG_BYTES),
                        stored.data, ret_plain);
}

void s4_envelope_open_begin(const struct s4_envelope *envelope, struct aes *aes, const uint8_t key[AES_KEY_BYTES],
                            uint32_t number)
{
    uint8_t nonce[GCM_NONCE_BYTES];
    uint8_t bytes[CHUNK_ASSOCIATED_BYTES_MAX];
    encode_nonce(envelope, number, nonce);
    aes_gcm_set_key(aes, key);
    aes_gcm_open_begin(aes, nonce, encode_associated(envelope, number, bytes));
}

void s4_envelope_decrypt_at(const struct s4_envelope *envelope, struct aes *aes, const uint8_t key[AES_KEY_BYTES],
                            uint32_t number, uint64_t offset, struct span sealed, uint8_t *ret_plain)
{
    uint8_t nonce[GCM_NONCE_BYTES];
    encode_nonce(envelope, number, nonce);
    aes_gcm_decrypt_at(aes, key, nonce, offset, sealed, ret_plain);
}

bool s4_envelope_unwrap(const struct s4_envelope *envelope, struct aes *aes, const uint8_t wrapping_key[AES_KEY_BYTES],
                        uint8_t ret_key[AES_KEY_BYTES])
{
    struct span wrapped = envelope->wrapped_key;
    if (envelope->kind != S4E4 || wrapped.size != S4_WRAPPED_KEY_BYTES)
        return false;
    aes_gcm_set_key(aes, wrapping_key);
    return aes_gcm_open(aes, wrapped.data, envelope->key_name, span_of(wrapped.data + GCM_NONCE_BYTES, AES_KEY_BYTES),
                        wrapped.data + GCM_NONCE_BYTES + AES_KEY_BYTES, ret_key);
}
