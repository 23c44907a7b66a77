/* tests/unit/remote/trailer_test.c -- the trailer's bytes, both ways, and every lie that a reader must not believe. */
#include "store/remote/format/trailer.h"

#include "codec/format/crc.h"
#include "codec/format/frame.h"
#include "runtime/base/byteorder.h"
#include "tests/unit/run_suite.h"

static const struct trailer_facts facts = {
    .original_size = (2 << 20) + 500,
    .nonce = "0123456789abcde",
    .digest = "fedcba987654321",
    .parts_count = 2,
    .crc32c = 0xe3069283,
    .checksum = {.algorithm = CHECKSUM_CRC32C, .bytes = {1, 2, 3, 4}},
};

/* Three frames of 1000, 70000 and 128 stored bytes; parts 1 and 7. */
static void encode(struct buffer *ret_frame)
{
    struct trailer_builder builder;
    struct buffer metadata = {0};
    trailer_builder_init(&builder);
    trailer_add_frame(&builder, 1 << 20, 1000);
    trailer_add_frame(&builder, 1 << 20, 70000);
    trailer_add_frame(&builder, 500, 128);
    struct object_part part = {1, 1 << 20, {.algorithm = CHECKSUM_CRC32C, .bytes = {9, 8, 7, 6}}};
    trailer_add_part(&builder, CHECKSUM_CRC32C, &part);
    part = (struct object_part){7, (1 << 20) + 500, {.algorithm = CHECKSUM_CRC32C, .bytes = {5}}};
    trailer_add_part(&builder, CHECKSUM_CRC32C, &part);
    ck_assert(metadata_append(&metadata, SPAN("x-amz-meta-city"), SPAN("K\xc3\xb6ln")));
    trailer_encode(&builder, &facts, buffer_span(&metadata), SPAN_EMPTY, builder.body_size, ret_frame);
    buffer_free(&metadata);
    trailer_builder_free(&builder);
}

enum { BODY_BYTES = 71128 };

START_TEST(reads_what_it_wrote)
{
    struct buffer frame = {0};
    struct trailer trailer;
    const char *reason = NULL;
    uint64_t size;
    encode(&frame);
    uint64_t stored = BODY_BYTES + frame.size;
    ck_assert(trailer_locate(buffer_span(&frame), stored, &size));
    ck_assert_uint_eq(size, frame.size);
    ck_assert_msg(trailer_decode(buffer_span(&frame), stored, &trailer, &reason), "%s", reason);
    ck_assert_uint_eq(trailer.body_size, BODY_BYTES);
    ck_assert_uint_eq(trailer.frames_count, 3);
    ck_assert_uint_eq(trailer.facts.original_size, facts.original_size);
    ck_assert_mem_eq(trailer.facts.nonce, facts.nonce, TRAILER_NONCE_BYTES);
    ck_assert_mem_eq(trailer.facts.digest, facts.digest, MD5_BYTES);
    ck_assert_uint_eq(trailer.facts.crc32c, facts.crc32c);
    ck_assert_mem_eq(trailer.facts.checksum.bytes, facts.checksum.bytes, 4);
    struct span city;
    ck_assert(metadata_find(trailer.metadata, SPAN("x-amz-meta-city"), &city));
    ck_assert(span_equal(city, SPAN("K\xc3\xb6ln")));
    buffer_free(&frame);
}
END_TEST

START_TEST(finds_frames_and_parts)
{
    struct buffer frame = {0};
    struct trailer trailer;
    struct sidecar_entry entry;
    encode(&frame);
    ck_assert(trailer_decode(buffer_span(&frame), BODY_BYTES + frame.size, &trailer, NULL));
    ck_assert(trailer_find_frame(&trailer, (1 << 20) - 1, &entry));
    ck_assert(entry.original_offset == 0 && entry.stored_offset == 0 && entry.stored_size == 1000);
    ck_assert(trailer_find_frame(&trailer, 2 << 20, &entry));
    ck_assert(entry.original_offset == 2 << 20 && entry.original_size == 500);
    ck_assert(entry.stored_offset == 71000 && entry.stored_size == 128);
    ck_assert(!trailer_find_frame(&trailer, (2 << 20) + 500, &entry));

    struct object_part part = {0};
    size_t position = 0;
    ck_assert(trailer_next_part(&trailer, &position, &part));
    ck_assert(part.number == 1 && part.original_size == 1 << 20 && part.checksum.bytes[0] == 9);
    ck_assert(trailer_next_part(&trailer, &position, &part));
    ck_assert(part.number == 7 && part.original_size == (1 << 20) + 500 && part.checksum.bytes[0] == 5);
    ck_assert(!trailer_next_part(&trailer, &position, &part));

    struct buffer sidecar = {0};
    struct sidecar decoded;
    trailer_to_sidecar(&trailer, &sidecar);
    ck_assert(sidecar_decode(buffer_span(&sidecar), &decoded, NULL));
    ck_assert_uint_eq(decoded.entries_count, 3);
    ck_assert_uint_eq(decoded.original_total, facts.original_size);
    ck_assert_uint_eq(decoded.framed_total, BODY_BYTES);
    buffer_free(&sidecar);
    buffer_free(&frame);
}
END_TEST

/* Of an encrypted object; one that is too long for any makes no trailer. */
START_TEST(seals)
{
    static const uint8_t longest[OBJECT_SEAL_BYTES_MAX + 1];
    for (size_t size = OBJECT_SEAL_BYTES_MAX; size <= sizeof longest; size++) {
        struct trailer_builder builder;
        struct buffer frame = {0};
        struct trailer trailer;
        const struct trailer_facts none = {.original_size = 5};
        trailer_builder_init(&builder);
        trailer_encode(&builder, &none, SPAN_EMPTY, span_of(longest, size), 100, &frame);
        bool is_read = trailer_decode(buffer_span(&frame), 100 + frame.size, &trailer, NULL);
        ck_assert(is_read == (size == OBJECT_SEAL_BYTES_MAX));
        ck_assert(!is_read || trailer.seal.size == size);
        trailer_builder_free(&builder);
        buffer_free(&frame);
    }
}
END_TEST

START_TEST(seals_of_parts)
{
    static const uint8_t longest[PART_SEAL_BYTES] = {7};
    struct trailer_builder builder;
    struct buffer frame = {0};
    struct trailer trailer;
    const struct trailer_facts whole = {.original_size = 30, .parts_count = 2};
    trailer_builder_init(&builder);
    struct object_part part = {.number = 1, .original_size = 10, .seal = span_of(longest, 1)};
    trailer_add_part(&builder, CHECKSUM_NONE, &part);
    part = (struct object_part){.number = 3, .original_size = 20, .seal = span_of(longest, sizeof longest)};
    trailer_add_part(&builder, CHECKSUM_NONE, &part);
    trailer_encode(&builder, &whole, SPAN_EMPTY, SPAN("sealed"), 100, &frame);
    ck_assert(trailer_decode(buffer_span(&frame), 100 + frame.size, &trailer, NULL));
    struct object_part again = {0};
    size_t position = 0;
    ck_assert(trailer_next_part(&trailer, &position, &again));
    ck_assert(again.number == 1 && again.original_size == 10 && span_equal(again.seal, span_of(longest, 1)));
    ck_assert(trailer_next_part(&trailer, &position, &again));
    ck_assert(again.number == 3 && span_equal(again.seal, part.seal));
    ck_assert(!trailer_next_part(&trailer, &position, &again));
    trailer_builder_free(&builder);
    buffer_free(&frame);
}
END_TEST

/* docs/bucket-format.md shows these bytes. */
START_TEST(bytes_of_the_smallest)
{
    struct trailer_builder builder;
    struct buffer frame = {0};
    const struct trailer_facts empty = {0};
    trailer_builder_init(&builder);
    trailer_encode(&builder, &empty, SPAN_EMPTY, SPAN_EMPTY, 0, &frame);
    ck_assert_uint_eq(frame.size, 12 + 8 + 56 + 32);
    ck_assert_mem_eq(frame.data, "S4P1\x60\0\0\0\0\0\0\0\x01\0\0\0\x38\0\0\0", 20);
    ck_assert_mem_eq(frame.data + frame.size - 8, "BALE-END", 8);
    ck_assert_uint_eq(load_u64_le(frame.data + frame.size - 32), 0x60);
    ck_assert_uint_eq(load_u64_le(frame.data + frame.size - 24), frame.size);
    struct trailer trailer;
    ck_assert(trailer_decode(buffer_span(&frame), frame.size, &trailer, NULL));
    ck_assert_uint_eq(trailer.frames_count, 0);
    buffer_free(&frame);
}
END_TEST

START_TEST(every_changed_byte_is_noticed)
{
    struct buffer frame = {0};
    struct trailer trailer;
    encode(&frame);
    uint64_t stored = BODY_BYTES + frame.size;
    for (size_t i = 0; i < frame.size; i++) {
        frame.data[i] ^= 0x10;
        ck_assert_msg(!trailer_decode(buffer_span(&frame), stored, &trailer, NULL), "byte %zu", i);
        frame.data[i] ^= 0x10;
    }
    ck_assert(trailer_decode(buffer_span(&frame), stored, &trailer, NULL));
    ck_assert(!trailer_decode(buffer_span(&frame), stored + 1, &trailer, NULL));
    ck_assert(!trailer_decode(span_take(buffer_span(&frame), frame.size - 1), stored - 1, &trailer, NULL));
    buffer_free(&frame);
}
END_TEST

/* What has a right checksum may lie all the same: whoever can write objects can write that. */
static void seal(struct buffer *frame, uint64_t stored)
{
    uint8_t *footer = frame->data + frame->size - TRAILER_FOOTER_BYTES;
    struct span sections = span_of(frame->data + 12, frame->size - 12 - TRAILER_FOOTER_BYTES);
    store_u64_le(footer + 8, stored);
    store_u32_le(footer + 16, crc32c_update(0, sections));
}

START_TEST(sealed_lies_are_refused)
{
    struct buffer frame = {0};
    struct trailer trailer;
    const char *reason = NULL;
    encode(&frame);
    uint64_t stored = BODY_BYTES + frame.size;
    seal(&frame, stored);
    ck_assert(trailer_decode(buffer_span(&frame), stored, &trailer, NULL));
    seal(&frame, stored + 1); /* the body is longer than its frames */
    ck_assert(!trailer_decode(buffer_span(&frame), stored + 1, &trailer, &reason));
    ck_assert_str_eq(reason, "its frames do not add up to the object");
    store_u64_le(frame.data + 20, facts.original_size - 1);
    seal(&frame, stored);
    ck_assert(!trailer_decode(buffer_span(&frame), stored, &trailer, &reason));
    ck_assert_str_eq(reason, "its frames do not add up to the object");
    store_u64_le(frame.data + 20, facts.original_size);
    frame.data[20 + 48] = CHECKSUM_SHA256; /* ... of four bytes */
    seal(&frame, stored);
    ck_assert(!trailer_decode(buffer_span(&frame), stored, &trailer, &reason));
    ck_assert_str_eq(reason, "a section is malformed");
    buffer_free(&frame);
}
END_TEST

/* A section that a later version added is passed over. */
START_TEST(later_sections_are_passed_over)
{
    struct buffer frame = {0};
    struct buffer longer = {0};
    struct trailer trailer;
    encode(&frame);
    buffer_append(&longer, span_take(buffer_span(&frame), frame.size - TRAILER_FOOTER_BYTES));
    buffer_append(&longer, span_of("\x09\0\0\0\x03\0\0\0abc", 11));
    buffer_append(&longer, span_skip(buffer_span(&frame), frame.size - TRAILER_FOOTER_BYTES));
    store_u64_le(longer.data + 4, longer.size - 12);
    store_u64_le(longer.data + longer.size - 32, longer.size - 12);
    seal(&longer, BODY_BYTES + longer.size);
    ck_assert(trailer_decode(buffer_span(&longer), BODY_BYTES + longer.size, &trailer, NULL));
    ck_assert_uint_eq(trailer.frames_count, 3);
    buffer_free(&longer);
    buffer_free(&frame);
}
END_TEST

/* The tail of an object that was written by somebody else: no footer, or one that claims too much. */
START_TEST(tails_without_a_trailer)
{
    uint8_t tail[64] = {0};
    uint64_t size;
    ck_assert(!trailer_locate(span_of(tail, sizeof tail), 64, &size));
    ck_assert(!trailer_locate(span_of(tail, 8), 8, &size));
    memcpy(tail + 56, "BALE-END", 8);
    store_u16_le(tail + 52, 1);
    store_u64_le(tail + 40, 1000);
    store_u64_le(tail + 32, 52);
    ck_assert(trailer_locate(span_of(tail, sizeof tail), 1000, &size));
    ck_assert_uint_eq(size, 64);
    store_u64_le(tail + 32, 989); /* more than the object has */
    ck_assert(!trailer_locate(span_of(tail, sizeof tail), 1000, &size));
    store_u64_le(tail + 32, UINT64_MAX);
    ck_assert(!trailer_locate(span_of(tail, sizeof tail), 1000, &size));
    store_u64_le(tail + 32, 31);
    ck_assert(!trailer_locate(span_of(tail, sizeof tail), 1000, &size));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("remote trailer");
    TCase *cases = tcase_create("trailer");
    tcase_add_test(cases, reads_what_it_wrote);
    tcase_add_test(cases, finds_frames_and_parts);
    tcase_add_test(cases, seals);
    tcase_add_test(cases, seals_of_parts);
    tcase_add_test(cases, bytes_of_the_smallest);
    tcase_add_test(cases, every_changed_byte_is_noticed);
    tcase_add_test(cases, sealed_lies_are_refused);
    tcase_add_test(cases, later_sections_are_passed_over);
    tcase_add_test(cases, tails_without_a_trailer);
    suite_add_tcase(suite, cases);
    return run_suite(suite);
}
