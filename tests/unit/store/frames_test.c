/* tests/unit/store/frames_test.c -- lists of frames' sizes, and the sidecar that says the same. */
#include "store/frames.h"

#include "codec/format/sidecar.h"
#include "tests/unit/run_suite.h"

static void append(struct buffer *frames, uint32_t original, uint32_t stored)
{
    frames_append(frames, (struct frame_sizes){original, stored});
}

START_TEST(keeps_sizes_in_order)
{
    struct buffer frames = {0};
    struct frame_sizes sizes;
    append(&frames, 1 << 20, 300000);
    append(&frames, UINT32_MAX, UINT32_MAX);
    struct span rest = buffer_span(&frames);
    ck_assert_uint_eq(frames_count(rest), 2);
    ck_assert(frames_next(&rest, &sizes) && sizes.original == 1 << 20 && sizes.stored == 300000);
    ck_assert(frames_next(&rest, &sizes) && sizes.original == UINT32_MAX && sizes.stored == UINT32_MAX);
    ck_assert(!frames_next(&rest, &sizes));
    buffer_free(&frames);
}
END_TEST

START_TEST(one_frame_needs_no_index)
{
    struct buffer frames = {0};
    struct buffer encoded = {0};
    frames_append_sidecar(SPAN_EMPTY, &encoded);
    append(&frames, 100, 50);
    frames_append_sidecar(buffer_span(&frames), &encoded);
    ck_assert_uint_eq(encoded.size, 0);
    ck_assert_uint_eq(frames_sidecar_bytes(buffer_span(&frames)), 0);
    buffer_free(&frames);
}
END_TEST

START_TEST(a_sidecar_says_the_same)
{
    struct buffer frames = {0};
    struct buffer encoded = {0};
    struct sidecar sidecar;
    struct sidecar_entry entry;
    const char *reason = "";
    append(&frames, 1000, 400);
    append(&frames, 1000, 500);
    append(&frames, 10, 38);
    frames_append_sidecar(buffer_span(&frames), &encoded);
    ck_assert_uint_eq(encoded.size, frames_sidecar_bytes(buffer_span(&frames)));
    ck_assert_msg(sidecar_decode(buffer_span(&encoded), &sidecar, &reason), "%s", reason);
    ck_assert_uint_eq(sidecar.entries_count, 3);
    ck_assert_uint_eq(sidecar.original_total, 2010);
    ck_assert_uint_eq(sidecar.framed_total, 938);
    ck_assert_uint_eq(sidecar.source_etag.size, 0);
    sidecar_entry_at(&sidecar, 2, &entry);
    ck_assert(entry.original_offset == 2000 && entry.original_size == 10);
    ck_assert(entry.stored_offset == 900 && entry.stored_size == 38);
    buffer_free(&frames);
    buffer_free(&encoded);
}
END_TEST

/* 64 MiB of sidecar: 2,097,150 entries and the head; no reader takes more. */
START_TEST(no_larger_sidecar_than_readers_take)
{
    static uint8_t sizes[2097151 * FRAME_SIZES_BYTES];
    ck_assert_uint_eq(frames_sidecar_bytes(span_of(sizes, sizeof sizes)), 0);
    ck_assert_uint_eq(frames_sidecar_bytes(span_of(sizes, sizeof sizes - FRAME_SIZES_BYTES)),
                      SIDECAR_BYTES_MAX - 2 * SIDECAR_ENTRY_BYTES + SIDECAR_HEAD_BYTES);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("frames");
    TCase *tests = tcase_create("frames");
    tcase_add_test(tests, keeps_sizes_in_order);
    tcase_add_test(tests, one_frame_needs_no_index);
    tcase_add_test(tests, a_sidecar_says_the_same);
    tcase_add_test(tests, no_larger_sidecar_than_readers_take);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
