/* tests/unit/codec/sealed_frame_test.c -- frames that open in their place, under their key, as they were sealed, and
 * nowhere else. */
#include "codec/seal/sealed_frame.h"

#include "codec/format/crc.h"
#include "tests/unit/run_suite.h"

enum { PAYLOAD_BYTES = 40, FRAMES = 3, FRAME_BYTES = FRAME_HEADER_BYTES + SEALED_PAYLOAD_BYTES + PAYLOAD_BYTES };

static struct aes *aes;
static struct error error;
static const uint8_t key[AES_KEY_BYTES] = {1, 2, 3};
static const uint8_t salts[][XAES_SALT_BYTES] = {{10}, {11}};

/* One segment: frames of 100 original bytes whose payloads are their numbers. */
struct segment {
    uint8_t frames[FRAMES][FRAME_BYTES];
};

static void seal_segment(const uint8_t data_key[AES_KEY_BYTES], const uint8_t *salt, unsigned part,
                         struct segment *ret_segment)
{
    struct sealing sealing;
    sealing_begin(&sealing, aes, data_key, salt, part);
    for (unsigned i = 0; i < FRAMES; i++) {
        uint8_t room[SEALED_HEAD_BYTES + PAYLOAD_BYTES + SEALED_TAIL_BYTES];
        uint8_t *payload = room + SEALED_HEAD_BYTES;
        memset(payload, (int)i, PAYLOAD_BYTES);
        const struct frame_header inner = {
            .kind = FRAME_DATA,
            .codec = CODEC_ZSTD,
            .original_size = 100,
            .payload_size = PAYLOAD_BYTES,
            .crc32c = 1000 + i,
        };
        struct span frame = sealing_next(&sealing, aes, &inner, i == FRAMES - 1, payload);
        ck_assert_uint_eq(frame.size, FRAME_BYTES);
        memcpy(ret_segment->frames[i], frame.data, frame.size);
    }
    sealing_end(&sealing);
}

static struct sealed_place place_of(unsigned part, unsigned number)
{
    return (struct sealed_place){.part = part, .offset = 100 * (uint64_t)number, .is_last = number == FRAMES - 1};
}

/* As a reader does it, in a copy. ret_first, the payload's first byte, may be NULL. */
static bool open_frame(struct unsealing *unsealing, const uint8_t *frame, struct sealed_place place, uint8_t *ret_first)
{
    uint8_t copy[FRAME_BYTES];
    struct frame_header header;
    struct frame_header inner;
    struct span payload;
    memcpy(copy, frame, sizeof copy);
    if (!frame_header_decode(span_of(copy, sizeof copy), sizeof copy, &header, &error) || header.kind != FRAME_DATA ||
        !sealed_frame_is_whole(&header, span_of(copy + header.header_size, (size_t)header.payload_size)))
        return false;
    if (!unsealing_next(unsealing, aes, &header, &place, copy + header.header_size, &inner, &payload, &error)) {
        ck_assert_int_eq(error.kind, ERROR_DAMAGED);
        return false;
    }
    ck_assert_uint_eq(inner.codec, CODEC_ZSTD);
    ck_assert_uint_eq(inner.original_size, 100);
    ck_assert_uint_eq(payload.size, PAYLOAD_BYTES);
    ck_assert_uint_eq(inner.crc32c, 1000U + payload.data[0]);
    if (ret_first != NULL)
        *ret_first = payload.data[0];
    return true;
}

static bool opens(const uint8_t data_key[AES_KEY_BYTES], const uint8_t *frame, struct sealed_place place)
{
    struct unsealing unsealing;
    unsealing_begin(&unsealing, data_key);
    bool opened = open_frame(&unsealing, frame, place, NULL);
    unsealing_end(&unsealing);
    return opened;
}

static void set_up(void)
{
    aes = aes_create();
}

static void tear_down(void)
{
    aes_destroy(aes);
}

/* In any order, and from one segment to the other: a reader begins where it likes. */
START_TEST(frames_open_in_their_places)
{
    struct segment segments[2];
    struct unsealing unsealing;
    unsealing_begin(&unsealing, key);
    for (unsigned part = 0; part < 2; part++)
        seal_segment(key, salts[part], part + 1, &segments[part]);
    for (unsigned turn = 0; turn < 4 * FRAMES; turn++) {
        unsigned part = turn % 2;
        unsigned number = (turn * 5) % FRAMES;
        uint8_t first;
        ck_assert(open_frame(&unsealing, segments[part].frames[number], place_of(part + 1, number), &first));
        ck_assert_uint_eq(first, number);
    }
    unsealing_end(&unsealing);
}
END_TEST

/* Every frame in every place; only its own fits. */
START_TEST(frames_open_nowhere_else)
{
    struct segment segment;
    seal_segment(key, salts[0], 1, &segment);
    for (unsigned number = 0; number < FRAMES; number++)
        for (unsigned part = 0; part < 3; part++)
            for (unsigned at = 0; at < FRAMES; at++)
                ck_assert(opens(key, segment.frames[number], place_of(part, at)) == (part == 1 && at == number));
    struct sealed_place silent = place_of(1, 1);
    silent.is_last = true; /* its writer did not know */
    ck_assert(opens(key, segment.frames[1], silent));
    struct sealed_place goes_on = place_of(1, FRAMES - 1);
    goes_on.is_last = false; /* what was put behind the last */
    ck_assert(!opens(key, segment.frames[FRAMES - 1], goes_on));
}
END_TEST

START_TEST(another_key_opens_nothing)
{
    static const uint8_t other[AES_KEY_BYTES] = {1, 2, 4};
    struct segment segment;
    seal_segment(key, salts[0], 0, &segment);
    ck_assert(opens(key, segment.frames[0], place_of(0, 0)));
    ck_assert(!opens(other, segment.frames[0], place_of(0, 0)));
}
END_TEST

static void set_crc(uint8_t *frame)
{
    struct frame_header header;
    if (!frame_header_decode(span_of(frame, FRAME_BYTES), FRAME_BYTES, &header, &error) || header.kind != FRAME_DATA)
        return;
    header.crc32c = crc32c_update(0, span_of(frame + FRAME_HEADER_BYTES, (size_t)header.payload_size));
    frame_header_encode(&header, frame);
}

/* Each bit of a frame, also where the CRC was made right again. */
START_TEST(no_bit_may_change)
{
    struct segment segment;
    seal_segment(key, salts[0], 0, &segment);
    for (size_t bit = 0; bit < 8 * (size_t)FRAME_BYTES; bit++) {
        uint8_t changed[FRAME_BYTES];
        memcpy(changed, segment.frames[1], sizeof changed);
        changed[bit / 8] ^= (uint8_t)(1 << bit % 8);
        ck_assert(!opens(key, changed, place_of(0, 1)));
        set_crc(changed);
        bool is_crc = bit / 8 >= FRAME_HEADER_BYTES - 4 && bit / 8 < FRAME_HEADER_BYTES; /* which was put right */
        ck_assert(opens(key, changed, place_of(0, 1)) == is_crc);
    }
}
END_TEST

/* The payload, its CRC and its codec are not to be found in the frame. */
START_TEST(nothing_lies_there_in_clear)
{
    struct segment segment;
    static const uint8_t plain[8] = {0};
    seal_segment(key, salts[0], 0, &segment);
    ck_assert_ptr_null(memmem(segment.frames[0] + FRAME_HEADER_BYTES + XAES_NONCE_BYTES,
                              FRAME_BYTES - FRAME_HEADER_BYTES - XAES_NONCE_BYTES, plain, sizeof plain));
}
END_TEST

/* Sizes from outside that no writer writes. */
START_TEST(impossible_headers_are_damage)
{
    static const struct frame_header headers[] = {
        {FRAME_DATA, CODEC_ZSTD, 100, SEALED_PAYLOAD_BYTES, 0, FRAME_HEADER_BYTES},
        {FRAME_DATA, CODEC_SEALED, 0, SEALED_PAYLOAD_BYTES, 0, FRAME_HEADER_BYTES},
        {FRAME_DATA, CODEC_SEALED, 100, SEALED_PAYLOAD_BYTES - 1, 0, FRAME_HEADER_BYTES},
        {FRAME_DATA, CODEC_SEALED, SEALED_ORIGINAL_BYTES_MAX + 1, SEALED_PAYLOAD_BYTES, 0, FRAME_HEADER_BYTES},
    };
    struct unsealing unsealing;
    unsealing_begin(&unsealing, key);
    for (size_t i = 0; i < sizeof headers / sizeof headers[0]; i++) {
        uint8_t payload[SEALED_PAYLOAD_BYTES] = {0};
        struct sealed_place place = {0};
        struct frame_header inner;
        struct span ignored;
        ck_assert(!unsealing_next(&unsealing, aes, &headers[i], &place, payload, &inner, &ignored, &error));
        ck_assert_int_eq(error.kind, ERROR_DAMAGED);
    }
    ck_assert(!sealed_frame_is_whole(&headers[2], span_of("", 0)));
    unsealing_end(&unsealing);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("sealed_frame");
    TCase *tcase = tcase_create("sealed_frame");
    suite_add_tcase(suite, tcase);
    tcase_add_checked_fixture(tcase, set_up, tear_down);
    tcase_add_test(tcase, frames_open_in_their_places);
    tcase_add_test(tcase, frames_open_nowhere_else);
    tcase_add_test(tcase, another_key_opens_nothing);
    tcase_add_test(tcase, no_bit_may_change);
    tcase_add_test(tcase, nothing_lies_there_in_clear);
    tcase_add_test(tcase, impossible_headers_are_damage);
    return run_suite(suite);
}
