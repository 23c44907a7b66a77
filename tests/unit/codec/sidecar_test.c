/* tests/unit/codec/sidecar_test.c -- the sidecar index against the vectors, every check of its decoder, and lookups. */
#include "codec/format/sidecar.h"

#include "runtime/base/byteorder.h"
#include "tests/unit/codec/format_vectors.h"
#include "tests/unit/codec/text.h"
#include "tests/unit/run_suite.h"

static void expect_two_frames(const struct sidecar *sidecar, uint64_t second_offset)
{
    struct sidecar_entry entry;
    ck_assert_uint_eq(sidecar->entries_count, 2);
    ck_assert_uint_eq(sidecar->original_total, 11);
    sidecar_entry_at(sidecar, 0, &entry);
    ck_assert(entry.original_offset == 0 && entry.original_size == 5);
    ck_assert(entry.stored_offset == 0 && entry.stored_size == 33);
    sidecar_entry_at(sidecar, 1, &entry);
    ck_assert(entry.original_offset == 5 && entry.original_size == 6);
    ck_assert(entry.stored_offset == second_offset && entry.stored_size == 34);
}

START_TEST(version_1)
{
    struct sidecar sidecar;
    ck_assert(sidecar_decode(bytes_of_hex(TV_I1), &sidecar, NULL));
    expect_two_frames(&sidecar, 33);
    ck_assert_uint_eq(sidecar.version, 1);
    ck_assert_uint_eq(sidecar.source_etag.size, 0);
    ck_assert_uint_eq(sidecar.source_size, 0);
}
END_TEST

START_TEST(version_2_bound_and_unbound)
{
    struct sidecar sidecar;
    ck_assert(sidecar_decode(bytes_of_hex(TV_I2), &sidecar, NULL));
    expect_two_frames(&sidecar, 33);
    ck_assert_uint_eq(sidecar.source_size, 67);
    ck_assert_span_eq(sidecar.source_etag, SPAN("233ebb1d04d912fa97f8885bfe7874bf"));
    ck_assert(!sidecar.is_encrypted);
    ck_assert(sidecar_decode(bytes_of_hex(TV_I3), &sidecar, NULL));
    expect_two_frames(&sidecar, 33);
    ck_assert_uint_eq(sidecar.source_etag.size, 0);
}
END_TEST

START_TEST(version_3_is_encrypted)
{
    struct sidecar sidecar;
    ck_assert(sidecar_decode(bytes_of_hex(TV_I5), &sidecar, NULL));
    expect_two_frames(&sidecar, 33);
    ck_assert(sidecar.is_encrypted);
    ck_assert_uint_eq(sidecar.source_size, 139);
}
END_TEST

/* What is written is TV-I2, TV-I3 and (with padding) TV-I4, byte for byte. */
START_TEST(writing)
{
    struct sidecar_builder builder;
    struct buffer encoded;
    buffer_init(&encoded, 0);
    sidecar_builder_init(&builder);
    sidecar_builder_add(&builder, 5, 33, 0);
    sidecar_builder_add(&builder, 6, 34, 0);
    sidecar_builder_encode(&builder, SPAN("233ebb1d04d912fa97f8885bfe7874bf"), 67, &encoded);
    ck_assert_span_eq(buffer_span(&encoded), bytes_of_hex(TV_I2));
    buffer_clear(&encoded);
    sidecar_builder_encode(&builder, SPAN_EMPTY, 67, &encoded);
    ck_assert_span_eq(buffer_span(&encoded), bytes_of_hex(TV_I3));
    sidecar_builder_free(&builder);

    sidecar_builder_init(&builder);
    sidecar_builder_add(&builder, 5, 33, 0);
    sidecar_builder_add(&builder, 6, 34, 31);
    buffer_clear(&encoded);
    sidecar_builder_encode(&builder, SPAN("ebffdb966776f9efefbd03d91c6e3ea6"), 98, &encoded);
    ck_assert_span_eq(buffer_span(&encoded), bytes_of_hex(TV_I4));
    sidecar_builder_free(&builder);
    buffer_free(&encoded);
}
END_TEST

START_TEST(rebinding)
{
    struct buffer encoded;
    buffer_init(&encoded, 0);
    ck_assert(sidecar_rebind(bytes_of_hex(TV_I3), SPAN("233ebb1d04d912fa97f8885bfe7874bf"), 67, &encoded));
    ck_assert_span_eq(buffer_span(&encoded), bytes_of_hex(TV_I2));
    buffer_clear(&encoded);
    ck_assert(sidecar_rebind(bytes_of_hex(TV_I2), SPAN_EMPTY, 0, &encoded));
    ck_assert_span_eq(buffer_span(&encoded), bytes_of_hex(TV_I3));
    ck_assert(!sidecar_rebind(SPAN("S4IX"), SPAN_EMPTY, 0, &encoded));
    buffer_free(&encoded);
}
END_TEST

START_TEST(lookup)
{
    struct sidecar_builder builder;
    struct buffer encoded;
    buffer_init(&encoded, 0);
    sidecar_builder_init(&builder);
    enum { FRAMES = 1000 };
    for (unsigned i = 0; i < FRAMES; i++)
        sidecar_builder_add(&builder, i % 7 == 3 ? 0 : 10, 38, i % 5);
    sidecar_builder_encode(&builder, SPAN_EMPTY, 0, &encoded);
    struct sidecar sidecar;
    ck_assert(sidecar_decode(buffer_span(&encoded), &sidecar, NULL));
    for (uint64_t offset = 0; offset < sidecar.original_total; offset++) {
        uint64_t index;
        struct sidecar_entry entry;
        ck_assert(sidecar_find(&sidecar, offset, &index));
        sidecar_entry_at(&sidecar, index, &entry);
        ck_assert(entry.original_offset <= offset && offset < entry.original_offset + entry.original_size);
    }
    uint64_t index;
    ck_assert(!sidecar_find(&sidecar, sidecar.original_total, &index));
    ck_assert(!sidecar_find(&sidecar, UINT64_MAX, &index));
    sidecar_builder_free(&builder);
    buffer_free(&encoded);
}
END_TEST

static uint8_t changed[512];

/* TV-I2 with a value put somewhere. */
static struct span with_u64(size_t offset, uint64_t value)
{
    struct span original = bytes_of_hex(TV_I2);
    memcpy(changed, original.data, original.size);
    store_u64_le(changed + offset, value);
    return span_of(changed, original.size);
}

static void expect_refused(struct span bytes)
{
    struct sidecar sidecar;
    const char *reason = NULL;
    ck_assert(!sidecar_decode(bytes, &sidecar, &reason));
    ck_assert_ptr_nonnull(reason);
}

START_TEST(what_is_refused)
{
    enum { FIRST = 76, SECOND = FIRST + 32 };
    static const char *const sidecars[] = {TV_I1, TV_I2, TV_I5};
    for (unsigned i = 0; i < 3; i++) {
        struct span whole = bytes_of_hex(sidecars[i]);
        for (size_t size = 0; size < whole.size; size++)
            expect_refused(span_take(whole, size));
    }
    expect_refused(with_u64(0, 0x0000000258493454)); /* magic */
    expect_refused(with_u64(0, 0x0000000458493453)); /* version 4 */
    expect_refused(with_u64(0, 0x0000000058493453)); /* version 0 */
    expect_refused(with_u64(8, 1));                  /* entries left over */
    expect_refused(with_u64(8, 3));                  /* entries missing */
    expect_refused(with_u64(8, UINT64_C(1) << 59));  /* 32 n overflows */
    expect_refused(with_u64(8, SIDECAR_ENTRIES_MAX + 1));
    expect_refused(with_u64(40, UINT32_MAX));             /* ETag beyond the end */
    expect_refused(with_u64(SECOND, 4));                  /* overlaps in the original */
    expect_refused(with_u64(SECOND + 16, 32));            /* overlaps in the stored */
    expect_refused(with_u64(SECOND + 8, UINT64_MAX - 4)); /* end overflows */
    expect_refused(with_u64(SECOND + 24, UINT64_MAX));

    struct sidecar sidecar;
    ck_assert(sidecar_decode(with_u64(16, 999), &sidecar, NULL)); /* the total in the head is not believed */
    ck_assert_uint_eq(sidecar.original_total, 11);
    struct span odd = with_u64(44, 0xffffffffffffffff); /* an ETag that is not UTF-8 binds nothing */
    ck_assert(sidecar_decode(odd, &sidecar, NULL));
    ck_assert_uint_eq(sidecar.source_etag.size, 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("sidecar");
    TCase *tests = tcase_create("sidecar");
    suite_add_tcase(suite, tests);
    tcase_add_test(tests, version_1);
    tcase_add_test(tests, version_2_bound_and_unbound);
    tcase_add_test(tests, version_3_is_encrypted);
    tcase_add_test(tests, writing);
    tcase_add_test(tests, rebinding);
    tcase_add_test(tests, lookup);
    tcase_add_test(tests, what_is_refused);
    return run_suite(suite);
}
