/* store/remote/uploads/facts.c -- parts as names. */
#include "store/remote/uploads/facts.h"

#include "codec/format/frame.h"
#include "runtime/base/assert.h"
#include "runtime/base/base64.h"
#include "runtime/base/byteorder.h"
#include "runtime/base/decimal.h"
#include "store/frames.h"
#include "store/remote/format/varint.h"

enum {
    FACTS_PLAIN = 1,
    FACTS_LED = 2, /* with something in front, and not straight */
    IS_APART = 1 << 4,
    HAS_FRAMES = 1 << 5,
    IS_STRAIGHT = 1 << 6,
    IS_SEALED = 1 << 7,
    NUMBER_DIGITS = 5,
    SEGMENT_CHARACTERS = 200,
    CLOCK_BYTES = 6,
};
#define BEFORE_BYTES_MAX (UINT64_C(5) << 30) /* a stored part is no larger */

/* ---- frames ---- */

void facts_encode_frames(struct span frames, struct buffer *ret_bytes)
{
    struct frame_sizes sizes;
    while (frames_next(&frames, &sizes)) {
        varint_append(ret_bytes, sizes.original == FRAME_ORIGINAL_BYTES ? 0 : sizes.original);
        varint_append(ret_bytes, sizes.stored);
    }
}

bool facts_decode_frames(struct span bytes, struct buffer *ret_frames)
{
    uint64_t original;
    uint64_t stored;
    for (size_t position = 0; position < bytes.size;) {
        if (!varint_take(bytes, &position, &original) || !varint_take(bytes, &position, &stored) ||
            original > UINT32_MAX || stored > UINT32_MAX || stored < FRAME_HEADER_BYTES)
            return false;
        frames_append(ret_frames, (struct frame_sizes){original == 0 ? FRAME_ORIGINAL_BYTES : (uint32_t)original,
                                                       (uint32_t)stored});
    }
    return true;
}

/* ---- writing ---- */

static void put_before(const struct before_facts *before, struct buffer *to)
{
    varint_append(to, before->count);
    varint_append(to, before->bytes);
    if (before->count > 0)
        buffer_append(to, span_of(before->digest, BEFORE_DIGEST_BYTES));
}

static void put_etag(const struct part_facts *facts, struct buffer *to)
{
    struct span etag = span_from_string(facts->stored_etag);
    buffer_append_byte(to, (uint8_t)etag.size);
    buffer_append(to, etag);
}

/* Its seal, or its hashes. */
static void put_hashes(const struct part_attributes *part, struct buffer *to)
{
    uint8_t crc32c[4];
    ASSERT(part->seal.size <= PART_SEAL_BYTES);
    if (part->seal.size > 0) {
        buffer_append_byte(to, (uint8_t)part->seal.size);
        buffer_append(to, part->seal);
        return;
    }
    store_u32_le(crc32c, part->crc32c);
    buffer_append(to, span_of(crc32c, sizeof crc32c));
    buffer_append_byte(to, (uint8_t)part->checksum.algorithm);
    if (part->checksum.algorithm != CHECKSUM_NONE)
        buffer_append(to, span_of(part->checksum.bytes, checksum_size(part->checksum.algorithm)));
}

static void put_bytes(const struct part_facts *facts, struct buffer *to)
{
    const struct part_attributes *part = &facts->part;
    uint8_t clock[8];
    bool is_led = !facts->is_straight && facts->before.count > 0;
    uint8_t flags = (uint8_t)((is_led ? FACTS_LED : FACTS_PLAIN) | (facts->is_apart ? IS_APART : 0) |
                              (facts->has_frames ? HAS_FRAMES : 0) | (facts->is_straight ? IS_STRAIGHT : 0) |
                              (part->seal.size > 0 ? IS_SEALED : 0));
    store_u64_le(clock, (uint64_t)part->modified_ms);
    buffer_append_byte(to, flags);
    buffer_append(to, span_of(clock, CLOCK_BYTES));
    buffer_append(to, span_of(part->md5, MD5_BYTES));
    varint_append(to, part->original_size);
    varint_append(to, part->stored_size);
    put_hashes(part, to);
    if (facts->is_apart)
        buffer_append(to, span_of(facts->body, BODY_NAME_BYTES));
    if (facts->is_straight || is_led)
        put_before(&facts->before, to);
    if (facts->is_straight)
        put_etag(facts, to);
}

static size_t name_bytes(size_t bytes)
{
    size_t characters = BASE64_URL_BYTES(bytes);
    return NUMBER_DIGITS + 1 + characters + characters / SEGMENT_CHARACTERS;
}

static void put_text(struct span bytes, struct buffer *to)
{
    struct buffer text = {0};
    size_t characters = BASE64_URL_BYTES(bytes.size);
    if (!buffer_reserve(&text, characters))
        return;
    base64_url_encode(bytes, (char *)text.data);
    for (size_t at = 0; at < characters; at += SEGMENT_CHARACTERS) {
        size_t left = characters - at;
        buffer_append(to, span_of(text.data + at, left < SEGMENT_CHARACTERS ? left : SEGMENT_CHARACTERS));
        if (left > SEGMENT_CHARACTERS)
            buffer_append_byte(to, '/');
    }
    buffer_free(&text);
}

void facts_encode(struct part_facts *facts, size_t bytes_max, struct buffer *ret_name)
{
    struct buffer bytes = {0};
    struct buffer frames = {0};
    facts_encode_frames(facts->part.frames, &frames);
    facts->has_frames = true;
    put_bytes(facts, &bytes);
    facts->has_frames = name_bytes(bytes.size + frames.size) <= bytes_max;
    buffer_clear(&bytes);
    put_bytes(facts, &bytes);
    if (facts->has_frames)
        buffer_append(&bytes, buffer_span(&frames));
    buffer_append_format(ret_name, "%05u.", facts->part.number);
    put_text(buffer_span(&bytes), ret_name);
    buffer_free(&bytes);
    buffer_free(&frames);
}

/* ---- reading ---- */

/* Without the slashes, as bytes. */
static bool take_text(struct span text, struct buffer *ret_bytes)
{
    struct buffer characters = {0};
    for (size_t i = 0; i < text.size; i++) {
        if (text.data[i] != '/')
            buffer_append_byte(&characters, text.data[i]);
    }
    size_t size = characters.size * 6 / 8;
    bool done = size > 0 && buffer_reserve(ret_bytes, size) &&
                base64_url_decode(buffer_span(&characters), ret_bytes->data, size);
    ret_bytes->size = done ? size : 0;
    buffer_free(&characters);
    return done;
}

static bool take(struct span bytes, size_t *position, void *ret_bytes, size_t size)
{
    if (bytes.size - *position < size)
        return false;
    memcpy(ret_bytes, bytes.data + *position, size);
    *position += size;
    return true;
}

static bool take_checksum(struct span bytes, size_t *position, struct checksum_value *ret_checksum)
{
    uint8_t algorithm;
    if (!take(bytes, position, &algorithm, 1) || algorithm >= CHECKSUM_ALGORITHMS)
        return false;
    *ret_checksum = (struct checksum_value){.algorithm = (enum checksum_algorithm)algorithm};
    return algorithm == CHECKSUM_NONE ||
           take(bytes, position, ret_checksum->bytes, checksum_size(ret_checksum->algorithm));
}

static bool take_seal(struct span bytes, size_t *position, struct part_facts *facts)
{
    return take(bytes, position, &facts->seal_size, 1) && facts->seal_size > 0 && facts->seal_size <= PART_SEAL_BYTES &&
           take(bytes, position, facts->seal, facts->seal_size);
}

static bool take_hashes(struct span bytes, size_t *position, struct part_attributes *part)
{
    uint8_t crc32c[4];
    if (!take(bytes, position, crc32c, sizeof crc32c) || !take_checksum(bytes, position, &part->checksum))
        return false;
    part->crc32c = load_u32_le(crc32c);
    return true;
}

static bool is_text(struct span text)
{
    for (size_t i = 0; i < text.size; i++) {
        if (text.data[i] <= ' ' || text.data[i] > '~')
            return false;
    }
    return true;
}

static bool take_before(struct span bytes, size_t *position, unsigned number, struct before_facts *before)
{
    uint64_t count;
    if (!varint_take(bytes, position, &count) || count >= number || !varint_take(bytes, position, &before->bytes) ||
        before->bytes > BEFORE_BYTES_MAX || (count == 0 && before->bytes > 0))
        return false;
    before->count = (unsigned)count;
    return count == 0 || take(bytes, position, before->digest, BEFORE_DIGEST_BYTES);
}

static bool take_etag(struct span bytes, size_t *position, struct part_facts *facts)
{
    uint8_t etag_bytes;
    return take(bytes, position, &etag_bytes, 1) && etag_bytes < sizeof facts->stored_etag &&
           take(bytes, position, facts->stored_etag, etag_bytes) && is_text(span_of(facts->stored_etag, etag_bytes));
}

/* Where its bytes are. */
static bool take_place(struct span bytes, size_t *position, bool is_led, struct part_facts *facts)
{
    if (facts->is_straight && (facts->is_apart || is_led))
        return false;
    if (facts->is_apart && !take(bytes, position, facts->body, BODY_NAME_BYTES))
        return false;
    if ((facts->is_straight || is_led) && !take_before(bytes, position, facts->part.number, &facts->before))
        return false;
    if (is_led && facts->before.count == 0)
        return false;
    return !facts->is_straight || take_etag(bytes, position, facts);
}

static bool take_facts(struct span bytes, struct part_facts *facts, struct buffer *ret_frames)
{
    struct part_attributes *part = &facts->part;
    size_t position = 0;
    uint8_t flags;
    uint8_t clock[8] = {0};
    if (!take(bytes, &position, &flags, 1))
        return false;
    unsigned version = flags & 0xf;
    if ((version != FACTS_PLAIN && version != FACTS_LED) || !take(bytes, &position, clock, CLOCK_BYTES) ||
        !take(bytes, &position, part->md5, MD5_BYTES) || !varint_take(bytes, &position, &part->original_size) ||
        !varint_take(bytes, &position, &part->stored_size) ||
        !((flags & IS_SEALED) != 0 ? take_seal(bytes, &position, facts) : take_hashes(bytes, &position, part)))
        return false;
    part->modified_ms = (int64_t)load_u64_le(clock);
    facts->is_apart = (flags & IS_APART) != 0;
    facts->has_frames = (flags & HAS_FRAMES) != 0;
    facts->is_straight = (flags & IS_STRAIGHT) != 0;
    if (!take_place(bytes, &position, version == FACTS_LED, facts))
        return false;
    return facts->has_frames ? facts_decode_frames(span_skip(bytes, position), ret_frames) : position == bytes.size;
}

bool facts_decode(struct span name, struct part_facts *ret_facts, struct buffer *ret_frames)
{
    struct buffer bytes = {0};
    uint64_t number;
    *ret_facts = (struct part_facts){0};
    if (name.size <= NUMBER_DIGITS + 1 || name.data[NUMBER_DIGITS] != '.' ||
        !decimal_parse_range(span_take(name, NUMBER_DIGITS), 1, PART_NUMBER_MAX, &number))
        return false;
    ret_facts->part.number = (unsigned)number;
    bool done =
        take_text(span_skip(name, NUMBER_DIGITS + 1), &bytes) && take_facts(buffer_span(&bytes), ret_facts, ret_frames);
    buffer_free(&bytes);
    return done;
}

/* ---- digests ---- */

void before_digest_begin(struct before_digest *digest)
{
    md5_begin(&digest->contents);
    md5_begin(&digest->names);
}

/* Any bytes with the same frames hold the same. Where the name does not tell the frames, it must be the same name. */
void before_digest_add(struct before_digest *digest, const struct part_facts *facts, struct span name,
                       struct span frames)
{
    uint8_t numbers[12];
    store_u32_le(numbers, facts->part.number);
    store_u64_le(numbers + 4, facts->part.stored_size);
    md5_update(&digest->contents, span_of(numbers, sizeof numbers));
    md5_update(&digest->contents, span_of(facts->part.md5, MD5_BYTES));
    md5_update(&digest->contents, facts->has_frames ? frames : name);
    md5_update(&digest->names, name);
}

void before_digest_end(struct before_digest *digest, bool is_straight, uint8_t ret_digest[BEFORE_DIGEST_BYTES])
{
    uint8_t bytes[MD5_BYTES];
    md5_end(is_straight ? &digest->contents : &digest->names, bytes);
    memcpy(ret_digest, bytes, BEFORE_DIGEST_BYTES);
}
