/* tests/unit/codec/codec_test.c -- the codec table, compressing, decompressing whole and streamed. */
#include "codec/codec.h"
#include "codec/decompressor.h"
#include "codec/format/crc.h"
#include "codec/format/frame.h"
#include "codec/stock/compressor.h"
#include "tests/unit/codec/format_vectors.h"
#include "tests/unit/codec/text.h"
#include "tests/unit/run_suite.h"

#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <zstd.h>

static struct error error;

enum { FRAME = FRAME_ORIGINAL_BYTES };

/* Text that shrinks, and noise that does not. */
static uint8_t *make_text(size_t size)
{
    uint8_t *bytes = malloc(size + 64);
    uint32_t random = 7;
    for (size_t i = 0; i < size;) {
        random = random * 1103515245 + 12345;
        i += (size_t)sprintf((char *)bytes + i, "line %u of %u\n", random >> 20, random >> 8 & 0xf);
    }
    return bytes;
}

static uint8_t *make_noise(size_t size)
{
    uint8_t *bytes = malloc(size);
    uint64_t random = 7;
    for (size_t i = 0; i < size; i++) {
        random = random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
        bytes[i] = (uint8_t)(random >> 56);
    }
    return bytes;
}

START_TEST(table)
{
    ck_assert_str_eq(codec_find(CODEC_ZSTD)->name, "cpu-zstd");
    ck_assert_ptr_null(codec_find(9));
    ck_assert_ptr_null(codec_find(UINT32_MAX));
    for (uint32_t id = 0; id <= 8; id++) {
        ck_assert_uint_eq(codec_find(id)->id, id);
        ck_assert_ptr_eq(codec_find_name(span_from_string(codec_find(id)->name)), codec_find(id));
    }
    ck_assert_ptr_null(codec_find_name(SPAN("CPU-ZSTD")));
    ck_assert_ptr_null(codec_find_name(SPAN("")));
}
END_TEST

static size_t compress_so(struct compressor *compressor, const struct compression *how, struct span original,
                          uint8_t *payload, size_t capacity, unsigned *ret_steps)
{
    size_t size;
    enum codec_step step;
    *ret_steps = 0;
    compressor_begin(compressor, how, original, payload, capacity);
    do {
        step = compressor_step(compressor, &size);
        ++*ret_steps;
    } while (step == CODEC_MORE);
    ck_assert_int_eq(step, CODEC_DONE);
    return size;
}

static size_t compress(struct compressor *compressor, int level, struct span original, uint8_t *payload,
                       size_t capacity, unsigned *ret_steps)
{
    return compress_so(compressor, &(struct compression){.level = level}, original, payload, capacity, ret_steps);
}

START_TEST(compressing_and_back)
{
    static const size_t sizes[] = {0, 1, 5, 4096, 128 << 10, (128 << 10) + 1, 300000, FRAME};
    static const int levels[] = {CODEC_LEVEL_LEAST, -1, 1, 3, 6, 9};
    uint8_t *text = make_text(FRAME);
    uint8_t *payload = malloc(FRAME);
    uint8_t *back = malloc(FRAME);
    struct compressor *compressor = compressor_create();
    struct decompressor *decompressor = decompressor_create();
    for (unsigned l = 0; l < sizeof levels / sizeof levels[0]; l++)
        for (unsigned i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
            unsigned steps;
            size_t size = compress(compressor, levels[l], span_of(text, sizes[i]), payload, FRAME, &steps);
            ck_assert_uint_gt(size, 0);
            ck_assert_uint_eq(steps, sizes[i] == 0 ? 1 : (sizes[i] + CODEC_SLICE_BYTES - 1) / CODEC_SLICE_BYTES);
            ck_assert_uint_eq(ZSTD_getFrameContentSize(payload, size), sizes[i]);
            ck_assert_uint_eq(ZSTD_findFrameCompressedSize(payload, size), size);
            ck_assert(decompressor_run(decompressor, CODEC_ZSTD, span_of(payload, size), back, sizes[i], &error));
            ck_assert_mem_eq(back, text, sizes[i]);
        }
    compressor_destroy(compressor);
    decompressor_destroy(decompressor);
    free(text);
    free(payload);
    free(back);
}
END_TEST

/* Four letters at random. */
static uint8_t *make_dna(size_t size)
{
    uint8_t *bytes = make_noise(size);
    for (size_t i = 0; i < size; i++)
        bytes[i] = (uint8_t) "ACGT"[bytes[i] & 3];
    return bytes;
}

static struct span decompress(struct span payload, const ZSTD_DDict *dictionary, uint8_t *ret_original, size_t size)
{
    ZSTD_DCtx *context = ZSTD_createDCtx();
    size_t result = ZSTD_decompress_usingDDict(context, ret_original, size, payload.data, payload.size, dictionary);
    ZSTD_freeDCtx(context);
    ck_assert(!ZSTD_isError(result));
    return span_of(ret_original, result);
}

/* Every order of shapes on one context: what one sets must not stay for the next. */
START_TEST(shapes_do_not_stick)
{
    enum { DICTIONARY = 4096, EVENT = 300 };
    uint8_t *text = make_text(FRAME);
    uint8_t *dna = make_dna(FRAME);
    uint8_t *payload = malloc(FRAME);
    uint8_t *back = malloc(FRAME);
    ZSTD_CDict *dictionary = ZSTD_createCDict(text, DICTIONARY, 1);
    ZSTD_DDict *reading = ZSTD_createDDict(text, DICTIONARY);
    const struct {
        struct compression how;
        struct span original;
    } cases[] = {
        {{.level = 1}, span_of(text, FRAME)},
        {{.level = 1, .is_entropy_only = true}, span_of(dna, FRAME)},
        {{.level = 1, .dictionary = dictionary}, span_of(text + 100, EVENT)},
        {{.level = 3}, span_of(text, FRAME)},
        {{.level = 1}, span_of(dna, FRAME)},
        {{.level = 3, .is_entropy_only = true}, span_of(text, FRAME)},
        {{.level = 1}, span_of(text + 100, EVENT)},
    };
    enum { CASES = sizeof cases / sizeof cases[0] };
    size_t alone[CASES];
    unsigned steps;
    for (unsigned i = 0; i < CASES; i++) {
        struct compressor *fresh = compressor_create();
        alone[i] = compress_so(fresh, &cases[i].how, cases[i].original, payload, FRAME, &steps);
        compressor_destroy(fresh);
    }
    ck_assert_uint_lt(alone[1] * 100, alone[4] * 90); /* DNA */
    ck_assert_uint_lt(alone[1], FRAME / 4 + FRAME / 100);
    ck_assert_uint_lt(alone[0], alone[5]);     /* text */
    ck_assert_uint_lt(alone[2] * 2, alone[6]); /* an event */

    struct compressor *compressor = compressor_create();
    for (unsigned i = 0; i < CASES * CASES; i++) {
        const unsigned pair[] = {i / CASES, i % CASES};
        for (unsigned k = 0; k < 2; k++) {
            struct span original = cases[pair[k]].original;
            const struct compression *how = &cases[pair[k]].how;
            size_t size = compress_so(compressor, how, original, payload, FRAME, &steps);
            ck_assert_uint_eq(size, alone[pair[k]]);
            struct span found = decompress(span_of(payload, size), how->dictionary ? reading : NULL, back, FRAME);
            ck_assert(span_equal(found, original));
        }
    }
    compressor_destroy(compressor);
    ZSTD_freeCDict(dictionary);
    ZSTD_freeDDict(reading);
    free(text);
    free(dna);
    free(payload);
    free(back);
}
END_TEST

/* Statement 338: what does not shrink is given up, with not a byte written beyond the capacity. */
START_TEST(noise_is_given_up)
{
    uint8_t *noise = make_noise(FRAME);
    uint8_t *payload = malloc(FRAME);
    struct compressor *compressor = compressor_create();
    unsigned steps;
    static const size_t sizes[] = {1, 100, 4096, 200000, FRAME};
    for (unsigned i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        size_t capacity = sizes[i] - 1;
        payload[capacity] = 0x5a;
        ck_assert_uint_eq(compress(compressor, 1, span_of(noise, sizes[i]), payload, capacity, &steps), 0);
        ck_assert_uint_eq(payload[capacity], 0x5a);
    }
    /* and the context still works */
    uint8_t *text = make_text(FRAME);
    ck_assert_uint_gt(compress(compressor, 1, span_of(text, FRAME), payload, FRAME - 1, &steps), 0);
    compressor_destroy(compressor);
    free(text);
    free(noise);
    free(payload);
}
END_TEST

static bool run(uint32_t codec, struct span payload, size_t size)
{
    struct decompressor *decompressor = decompressor_create();
    uint8_t *bytes = malloc(size + 1);
    error.kind = ERROR_NONE;
    bool done = decompressor_run(decompressor, codec, payload, bytes, size, &error);
    if (done && size == 5)
        ck_assert_mem_eq(bytes, "hello", 5);
    free(bytes);
    decompressor_destroy(decompressor);
    return done;
}

static struct span payload_of(const char *frame_hex)
{
    return span_skip(bytes_of_hex(frame_hex), FRAME_HEADER_BYTES);
}

START_TEST(payloads_of_the_format)
{
    ck_assert(run(CODEC_PASSTHROUGH, payload_of(TV_F1), 5));
    ck_assert(run(CODEC_ZSTD, payload_of(TV_F2), 5));
    ck_assert(run(CODEC_ZSTD, payload_of(TV_F3), 0));
    ck_assert(run(CODEC_GZIP, bytes_of_hex(TV_GZ), 5));
}
END_TEST

/* Section 1.4: more or fewer bytes than the header says, cut off, damaged. */
START_TEST(wrong_payloads)
{
    static const struct {
        uint32_t codec;
        const char *payload;
    } cases[] = {{CODEC_PASSTHROUGH, "68656c6c6f"}, {CODEC_ZSTD, "28b52ffd005829000068656c6c6f"}, {CODEC_GZIP, TV_GZ}};
    for (unsigned i = 0; i < 3; i++) {
        struct span payload = bytes_of_hex(cases[i].payload);
        static const size_t sizes[] = {0, 4, 6, 1 << 20};
        for (unsigned k = 0; k < 4; k++) {
            ck_assert(!run(cases[i].codec, payload, sizes[k]));
            ck_assert_int_eq(error.kind, ERROR_DAMAGED);
        }
        for (size_t size = 0; size < payload.size; size++) {
            ck_assert_msg(!run(cases[i].codec, span_take(payload, size), 5), "codec %u cut at %zu", cases[i].codec,
                          size);
            ck_assert_int_eq(error.kind, ERROR_DAMAGED);
        }
    }
    ck_assert(!run(CODEC_ZSTD, bytes_of_hex(TV_GZ), 5));
    ck_assert(!run(CODEC_GZIP, SPAN("hello hello hello"), 5));
}
END_TEST

/* 64 times 'a', then in each block of 16 bytes three tables of sequences, and one sequence: three times 'a'. */
static size_t make_tables(uint8_t *to, size_t blocks)
{
    struct span head = bytes_of_hex("28b52ffd0058000200");
    size_t size = head.size;
    memcpy(to, head.data, head.size);
    memset(to + size, 'a', 64);
    size += 64;
    struct span block = bytes_of_hex("6c00000001a8e4ffe37fe4ff00000004");
    for (size_t i = 0; i < blocks; i++, size += block.size)
        memcpy(to + size, block.data, block.size);
    to[size - block.size] |= 1; /* the last */
    return size;
}

/* Payloads that take a hundred times as long as their bytes should are decoded in many steps, others in one. */
START_TEST(slow_payloads_are_steps)
{
    static const struct {
        size_t blocks;
        size_t steps_least;
        size_t steps_most;
    } cases[] = {{10, 1, 1}, {60000, 58, 250}};
    struct decompressor *decompressor = decompressor_create();
    uint8_t *payload = malloc(1 << 20);
    uint8_t *original = malloc(1 << 20);
    for (unsigned i = 0; i < 2; i++) {
        size_t size = make_tables(payload, cases[i].blocks);
        size_t original_size = 64 + 3 * cases[i].blocks;
        size_t steps = 1;
        ck_assert(
            decompressor_run_begin(decompressor, CODEC_ZSTD, span_of(payload, size), original, original_size, &error));
        enum codec_step step;
        while ((step = decompressor_run_step(decompressor, &error)) == CODEC_MORE)
            steps++;
        ck_assert_msg(step == CODEC_DONE, "%s", error.message);
        ck_assert(original[0] == 'a' && memcmp(original, original + 1, original_size - 1) == 0);
        ck_assert_uint_ge(steps, cases[i].steps_least);
        ck_assert_uint_le(steps, cases[i].steps_most);
    }
    free(payload);
    free(original);
    decompressor_destroy(decompressor);
}
END_TEST

enum { CONTEXTS_BYTES_MAX = 1 << 20, WINDOW_OF_128_MIB = 0x88 };

/* What is allocated; large pieces are mapped one by one. Nothing under sanitizers, whose heap is their own. */
static size_t allocated_bytes(void)
{
    struct mallinfo2 heap = mallinfo2();
    return heap.uordblks + heap.hblkhd;
}

/* A window of 128 MiB is asked for by 16 bytes a block, and by frames that say nothing of their size. */
START_TEST(what_a_payload_asks_for_is_not_allocated)
{
    enum { BLOCKS = 600, ORIGINAL = 64 + 3 * BLOCKS };
    uint8_t *payload = malloc(64 << 10);
    uint8_t *original = malloc(2 * ORIGINAL);
    size_t size = make_tables(payload, BLOCKS);
    payload[5] = WINDOW_OF_128_MIB;
    ck_assert_uint_eq(decompressor_window_bytes(CODEC_ZSTD, span_of(payload, size)), 128 << 20);
    memcpy(payload + size, payload, size);
    for (size_t frames = 1; frames <= 2; frames++) {
        struct decompressor *decompressor = decompressor_create();
        size_t before = allocated_bytes();
        bool done = decompressor_run(decompressor, CODEC_ZSTD, span_of(payload, frames * size), original,
                                     frames * ORIGINAL, &error);
        ck_assert_msg(done, "%s", error.message);
        ck_assert_uint_lt(allocated_bytes(), before + CONTEXTS_BYTES_MAX);
        ck_assert_mem_eq(original, original + 1, frames * ORIGINAL - 1);
        ck_assert(!decompressor_run(decompressor, CODEC_ZSTD, span_of(payload, frames * size), original,
                                    frames * ORIGINAL - 1, &error));
        ck_assert_int_eq(error.kind, ERROR_DAMAGED);
        decompressor_destroy(decompressor);
    }
    free(payload);
    free(original);
}
END_TEST

/* Frames one behind the other, and one that is skipped, are a payload as well. */
START_TEST(payloads_of_several_frames)
{
    enum { SIZE = 300000, PARTS = 3 };
    uint8_t *text = make_text(SIZE);
    uint8_t *stored = malloc(2 * SIZE);
    struct span skipped = bytes_of_hex("572a4d1803000000616263");
    size_t size = 0;
    for (unsigned i = 0; i < PARTS; i++) {
        memcpy(stored + size, skipped.data, skipped.size);
        size += skipped.size;
        size += ZSTD_compress(stored + size, SIZE, text + i * (SIZE / PARTS), SIZE / PARTS, 1);
    }
    struct decompressor *decompressor = decompressor_create();
    uint8_t *original = malloc(SIZE);
    ck_assert(decompressor_run(decompressor, CODEC_ZSTD, span_of(stored, size), original, SIZE, &error));
    ck_assert_mem_eq(original, text, SIZE);
    for (size_t less = 1; less < 20; less++)
        ck_assert(!decompressor_run(decompressor, CODEC_ZSTD, span_of(stored, size - less), original, SIZE, &error));
    memcpy(stored + size, skipped.data, skipped.size);
    stored[size] ^= 0x80; /* is no magic number now */
    ck_assert(!decompressor_run(decompressor, CODEC_ZSTD, span_of(stored, size + 8), original, SIZE, &error));
    ck_assert_int_eq(error.kind, ERROR_DAMAGED);
    decompressor_destroy(decompressor);
    free(original);
    free(stored);
    free(text);
}
END_TEST

START_TEST(unreadable_codecs_say_so)
{
    struct span payload = SPAN("anything");
    ck_assert(!run(CODEC_ZSTD_DICTIONARY, payload, 5)); /* it could be read, but with what? */
    ck_assert_int_eq(error.kind, ERROR_DAMAGED);
    ck_assert_ptr_nonnull(strstr(error.message, "dictionary"));
    static const uint32_t proprietary[] = {CODEC_NVCOMP_BITCOMP, CODEC_NVCOMP_GANS, CODEC_DIETGPU_ANS};
    for (unsigned i = 0; i < 3; i++) {
        ck_assert(!run(proprietary[i], payload, 5));
        ck_assert_int_eq(error.kind, ERROR_UNSUPPORTED);
        ck_assert_ptr_nonnull(strstr(error.message, codec_find(proprietary[i])->name));
        ck_assert_ptr_nonnull(strstr(error.message, "have S4 with a GPU rewrite"));
    }
    ck_assert(!run(99, payload, 5));
    ck_assert_int_eq(error.kind, ERROR_UNSUPPORTED);
    ck_assert_ptr_nonnull(strstr(error.message, "99"));
    struct decompressor *decompressor = decompressor_create();
    ck_assert(!decompressor_begin(decompressor, UINT32_MAX, false, &error));
    ck_assert_int_eq(error.kind, ERROR_UNSUPPORTED);
    ck_assert_ptr_nonnull(strstr(error.message, "0xffffffff"));
    decompressor_destroy(decompressor);
}
END_TEST

/* Streams `stored` in pieces of `feed` bytes; returns the size, or SIZE_MAX on an error. Checks against `expected`. */
static size_t stream(uint32_t codec, struct span stored, size_t feed, const uint8_t *expected, bool *ret_ended)
{
    struct decompressor *decompressor = decompressor_create();
    uint8_t *out = malloc(CODEC_SLICE_BYTES);
    size_t total = 0;
    *ret_ended = false;
    bool works = decompressor_begin(decompressor, codec, false, &error);
    while (works && stored.size > 0) {
        struct span piece = span_take(stored, feed);
        stored = span_skip(stored, piece.size);
        size_t size = 0;
        do {
            works = decompressor_step(decompressor, &piece, out, CODEC_SLICE_BYTES, &size, ret_ended, &error);
            if (works && expected != NULL)
                ck_assert_mem_eq(out, expected + total, size);
            total += works ? size : 0;
        } while (works && (piece.size > 0 || size > 0));
    }
    free(out);
    decompressor_shrink(decompressor);
    decompressor_destroy(decompressor);
    return works ? total : SIZE_MAX;
}

START_TEST(streaming)
{
    enum { SIZE = 3 << 20 };
    uint8_t *text = make_text(SIZE);
    uint8_t *stored = malloc(2 * SIZE);
    /* two zstd frames in a row, the second with an unknown size and a window of 2 MiB */
    size_t first = ZSTD_compress(stored, SIZE, text, SIZE / 3, 3);
    ZSTD_CCtx *zstd = ZSTD_createCCtx();
    ZSTD_inBuffer in = {text + SIZE / 3, SIZE - SIZE / 3, 0};
    ZSTD_outBuffer out = {stored, 2 * SIZE, first};
    ZSTD_compressStream2(zstd, &out, &in, ZSTD_e_continue);
    ck_assert_uint_eq(ZSTD_compressStream2(zstd, &out, &in, ZSTD_e_end), 0);
    ZSTD_freeCCtx(zstd);

    bool ended;
    static const size_t feeds[] = {1, 1000, 1 << 20, SIZE};
    for (unsigned i = 0; i < 4; i++) {
        ck_assert_uint_eq(stream(CODEC_ZSTD, span_of(stored, out.pos), feeds[i], text, &ended), SIZE);
        ck_assert(ended);
    }
    ck_assert_uint_lt(stream(CODEC_ZSTD, span_of(stored, out.pos - 1), 1000, text, &ended), SIZE + 1);
    ck_assert(!ended);
    ck_assert_uint_eq(stream(CODEC_GZIP, bytes_of_hex(TV_GZ), 1, (const uint8_t *)"hello", &ended), 5);
    ck_assert(ended);
    ck_assert_uint_eq(stream(CODEC_PASSTHROUGH, span_of(text, SIZE), 1 << 20, text, &ended), SIZE);
    ck_assert(ended);
    free(text);
    free(stored);
}
END_TEST

/* libzstd reads what was zstd before the standard, where it was built so, and without regard to the window that was
 * allowed. Such a frame first, or behind another, in any pieces. */
START_TEST(formats_before_the_standard_are_not_read)
{
    struct span ordinary = bytes_of_hex("28b52ffd000029000068656c6c6f");
    struct span heads[] = {bytes_of_hex("25b52ffd0b0000000000"), bytes_of_hex("26b52ffd0f0000000000"),
                           bytes_of_hex("27b52ffd00880000030000")};
    static const size_t feeds[] = {1, 2, 3, 4, 5, 100};
    for (unsigned i = 0; i < 3 * 2 * 6; i++) {
        uint8_t stored[64];
        size_t first = i / 3 % 2 != 0 ? ordinary.size : 0;
        memcpy(stored, ordinary.data, first);
        memcpy(stored + first, heads[i % 3].data, heads[i % 3].size);
        struct span all = span_of(stored, first + heads[i % 3].size);
        size_t before = allocated_bytes();
        struct decompressor *decompressor = decompressor_create();
        ck_assert(decompressor_begin(decompressor, CODEC_ZSTD, false, &error));
        bool works = true;
        for (size_t at = 0; works && at < all.size; at += feeds[i / 6]) {
            struct span piece = span_take(span_skip(all, at), feeds[i / 6]);
            size_t size = 1;
            while (works && (piece.size > 0 || size > 0)) {
                uint8_t out[16];
                bool ended;
                works = decompressor_step(decompressor, &piece, out, sizeof out, &size, &ended, &error);
            }
        }
        ck_assert(!works);
        ck_assert_int_eq(error.kind, ERROR_DAMAGED);
        ck_assert_uint_lt(allocated_bytes(), before + CONTEXTS_BYTES_MAX);
        decompressor_destroy(decompressor);
        ck_assert(!run(CODEC_ZSTD, all, 5));
        ck_assert_int_eq(error.kind, ERROR_DAMAGED);
    }
}
END_TEST

START_TEST(large_windows)
{
    enum { SIZE = 9 << 20 };
    uint8_t *zeros = calloc(1, SIZE);
    uint8_t *stored = malloc(1 << 20);
    static const struct {
        int window_log;
        bool is_large;
    } cases[] = {{21, false}, {23, false}, {24, true}, {27, true}};
    for (unsigned i = 0; i < 4; i++)
        for (int has_size = 0; has_size <= 1; has_size++) {
            ZSTD_CCtx *zstd = ZSTD_createCCtx();
            ZSTD_CCtx_setParameter(zstd, ZSTD_c_windowLog, cases[i].window_log);
            ZSTD_inBuffer in = {zeros, SIZE, 0};
            ZSTD_outBuffer out = {stored, 1 << 20, 0};
            if (has_size != 0)
                ZSTD_CCtx_setPledgedSrcSize(zstd, SIZE);
            ZSTD_compressStream2(zstd, &out, &in, ZSTD_e_continue);
            ck_assert_uint_eq(ZSTD_compressStream2(zstd, &out, &in, ZSTD_e_end), 0);
            ZSTD_freeCCtx(zstd);

            struct span all = span_of(stored, out.pos);
            bool is_large = decompressor_needs_large_window(CODEC_ZSTD, span_take(all, 18));
            ck_assert_int_eq(is_large, cases[i].is_large);
            bool ended;
            ck_assert_uint_eq(stream(CODEC_ZSTD, all, 1 << 20, zeros, &ended), is_large ? SIZE_MAX : SIZE);
            ck_assert(run(CODEC_ZSTD, all, SIZE)); /* flat to flat: no window is needed */
        }
    /* TV-F3 and the like: too short to say, or another codec */
    ck_assert(!decompressor_needs_large_window(CODEC_ZSTD, payload_of(TV_F3)));
    ck_assert(!decompressor_needs_large_window(CODEC_ZSTD, SPAN("\x28\xb5\x2f\xfd\x00")));
    ck_assert(!decompressor_needs_large_window(CODEC_GZIP, span_of(stored, 18)));
    free(zeros);
    free(stored);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("codec");
    TCase *tests = tcase_create("codec");
    tcase_set_timeout(tests, 60);
    suite_add_tcase(suite, tests);
    tcase_add_test(tests, table);
    tcase_add_test(tests, compressing_and_back);
    tcase_add_test(tests, shapes_do_not_stick);
    tcase_add_test(tests, noise_is_given_up);
    tcase_add_test(tests, payloads_of_the_format);
    tcase_add_test(tests, wrong_payloads);
    tcase_add_test(tests, slow_payloads_are_steps);
    tcase_add_test(tests, what_a_payload_asks_for_is_not_allocated);
    tcase_add_test(tests, payloads_of_several_frames);
    tcase_add_test(tests, unreadable_codecs_say_so);
    tcase_add_test(tests, streaming);
    tcase_add_test(tests, formats_before_the_standard_are_not_read);
    tcase_add_test(tests, large_windows);
    return run_suite(suite);
}
