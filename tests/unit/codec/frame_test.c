/* tests/unit/codec/frame_test.c -- headers of frames and padding against the vectors, and everything that is refused.
 */
#include "codec/format/crc.h"
#include "codec/format/frame.h"
#include "runtime/base/byteorder.h"
#include "tests/unit/codec/format_vectors.h"
#include "tests/unit/codec/text.h"
#include "tests/unit/run_suite.h"

static struct error error;

START_TEST(data_header_both_ways)
{
    struct span body = bytes_of_hex(TV_F1);
    struct frame_header header;
    ck_assert(frame_header_decode(body, body.size, &header, &error));
    ck_assert_int_eq(header.kind, FRAME_DATA);
    ck_assert_uint_eq(header.codec, 0);
    ck_assert_uint_eq(header.original_size, 5);
    ck_assert_uint_eq(header.payload_size, 5);
    ck_assert_uint_eq(header.crc32c, crc32c_update(0, SPAN("hello")));
    ck_assert_uint_eq(header.header_size, 28);

    uint8_t encoded[FRAME_HEADER_BYTES];
    frame_header_encode(&header, encoded);
    ck_assert_mem_eq(encoded, body.data, FRAME_HEADER_BYTES);
}
END_TEST

START_TEST(empty_frame)
{
    struct span body = bytes_of_hex(TV_F3);
    struct frame_header header;
    ck_assert(frame_header_decode(body, body.size, &header, &error));
    ck_assert_uint_eq(header.codec, 1);
    ck_assert_uint_eq(header.original_size, 0);
    ck_assert_uint_eq(header.payload_size, 9);
    ck_assert_uint_eq(header.crc32c, 0);
}
END_TEST

/* TV-P1 to TV-P3: the padded bodies are what frame_padding_size and the header's encoding give. */
START_TEST(padding_rule)
{
    static const struct {
        const char *padded;
        uint64_t target;
    } cases[] = {{TV_P1, 64}, {TV_P2, 40}, {TV_P3, 45}};
    struct span frame = bytes_of_hex(TV_F1);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct span expected = bytes_of_hex(cases[i].padded);
        uint64_t padding = frame_padding_size(frame.size, cases[i].target);
        ck_assert_uint_eq(frame.size + padding, expected.size);

        uint8_t encoded[FRAME_HEADER_BYTES];
        struct frame_header header = {.kind = FRAME_PADDING, .payload_size = padding - FRAME_PADDING_HEADER_BYTES};
        frame_header_encode(&header, encoded);
        ck_assert_mem_eq(encoded, expected.data + frame.size, FRAME_PADDING_HEADER_BYTES);

        struct span rest = span_skip(expected, frame.size);
        ck_assert(frame_header_decode(rest, rest.size, &header, &error));
        ck_assert_int_eq(header.kind, FRAME_PADDING);
        ck_assert_uint_eq(header.header_size + header.payload_size, padding);
    }
    ck_assert_uint_eq(frame_padding_size(64, 64), 0);
    ck_assert_uint_eq(frame_padding_size(65, 64), 0);
    ck_assert_uint_eq(frame_padding_size(52, 64), 12);
    ck_assert_uint_eq(frame_padding_size(63, 64), 12);
}
END_TEST

/* TV-B1 and TV-M1: two frames, without and with padding between them. */
START_TEST(walk)
{
    static const char *const bodies[] = {TV_B1, TV_M1};
    for (size_t i = 0; i < 2; i++) {
        struct span left = bytes_of_hex(bodies[i]);
        uint64_t original = 0;
        unsigned frames = 0;
        while (left.size > 0) {
            struct frame_header header;
            ck_assert(frame_header_decode(left, left.size, &header, &error));
            struct span payload = span_take(span_skip(left, header.header_size), header.payload_size);
            if (header.kind == FRAME_DATA) {
                ck_assert_uint_eq(crc32c_update(0, payload), header.crc32c);
                original += header.original_size;
                frames++;
            }
            left = span_skip(left, header.header_size + header.payload_size);
        }
        ck_assert_uint_eq(frames, 2);
        ck_assert_uint_eq(original, 11);
    }
}
END_TEST

static void expect_damaged(struct span bytes, uint64_t stored_left)
{
    struct frame_header header;
    error.kind = ERROR_NONE;
    ck_assert(!frame_header_decode(bytes, stored_left, &header, &error));
    ck_assert_int_eq(error.kind, ERROR_DAMAGED);
}

START_TEST(what_is_refused)
{
    struct span body = bytes_of_hex(TV_F1);
    for (size_t size = 0; size < FRAME_HEADER_BYTES; size++)
        expect_damaged(span_take(body, size), size);
    expect_damaged(body, body.size - 1);                     /* payload beyond what is left */
    expect_damaged(span_take(body, FRAME_HEADER_BYTES), 20); /* header beyond what is left */
    expect_damaged(SPAN("S4F1........................"), 100);
    expect_damaged(SPAN("S4P1\xff\xff\xff\xff\xff\xff\xff\xff"), UINT64_MAX);

    uint8_t bytes[FRAME_HEADER_BYTES];
    memcpy(bytes, body.data, sizeof bytes);
    store_u64_le(bytes + 8, FRAME_BYTES_MAX + 1);
    expect_damaged(span_of(bytes, sizeof bytes), UINT64_MAX);
    store_u64_le(bytes + 8, FRAME_BYTES_MAX);
    struct frame_header header;
    ck_assert(frame_header_decode(span_of(bytes, sizeof bytes), UINT64_MAX, &header, &error));
    store_u64_le(bytes + 16, FRAME_BYTES_MAX + 1);
    expect_damaged(span_of(bytes, sizeof bytes), UINT64_MAX);
    store_u64_le(bytes + 16, UINT64_MAX);
    expect_damaged(span_of(bytes, sizeof bytes), UINT64_MAX);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("frame");
    TCase *tests = tcase_create("frame");
    suite_add_tcase(suite, tests);
    tcase_add_test(tests, data_header_both_ways);
    tcase_add_test(tests, empty_frame);
    tcase_add_test(tests, padding_rule);
    tcase_add_test(tests, walk);
    tcase_add_test(tests, what_is_refused);
    return run_suite(suite);
}
