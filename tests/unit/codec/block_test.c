/* tests/unit/codec/block_test.c -- blocks of dictionaries: taken from frames, decoded, refused. */
#include "codec/dictionary/block.h"

#include "codec/decompressor.h"
#include "codec/dictionary/dictionary.h"
#include "codec/stock/compressor.h"
#include "tests/unit/run_suite.h"

#include <stdio.h>
#include <stdlib.h>
#include <zstd.h>

enum { BYTES_MAX = DICTIONARY_BLOCK_BYTES_MAX };

static struct error error;
static struct dictionary *dictionary;
static uint8_t original[BYTES_MAX + 1];
static uint8_t frame[2 * BYTES_MAX];
static uint8_t back[BYTES_MAX + 1];

/* Lines that say little that the dictionary does not. */
static struct span make_lines(size_t size)
{
    for (size_t at = 0; at < size;) {
        char line[64];
        size_t length =
            (size_t)snprintf(line, sizeof line, "the quick brown fox jumps over dog %zu\n", at * 7919 % 9973);
        size_t taken = length < size - at ? length : size - at;
        memcpy(original + at, line, taken);
        at += taken;
    }
    return span_of(original, size);
}

static struct span compress(struct span bytes)
{
    struct compressor *compressor = compressor_create();
    const struct compression how = {.level = 1, .dictionary = dictionary_for_coding(dictionary)};
    size_t size;
    enum codec_step step;
    compressor_begin(compressor, &how, bytes, frame, sizeof frame);
    while ((step = compressor_step(compressor, &size)) == CODEC_MORE)
        ;
    ck_assert_int_eq(step, CODEC_DONE);
    compressor_destroy(compressor);
    return span_of(frame, size);
}

static bool decode(struct span block, size_t size, const struct dictionary *with)
{
    struct decompressor *decompressor = decompressor_create();
    decompressor_set_dictionary(decompressor, with);
    bool done = decompressor_run(decompressor, CODEC_DICTIONARY_BLOCK, block, back, size, &error);
    if (!done)
        ck_assert_int_eq(error.kind, ERROR_DAMAGED);
    decompressor_destroy(decompressor);
    return done;
}

static void set_up(void)
{
    dictionary = dictionary_create_for_level(SPAN("the quick brown fox jumps over dog 0123456789\n"), 1, &error);
    ck_assert_ptr_nonnull(dictionary);
}

static void tear_down(void)
{
    dictionary_drop(dictionary);
}

START_TEST(comes_back_at_every_size)
{
    static const size_t sizes[] = {45, 100, 255, 256, 1023, 1024, 4096, 16384, 65535, BYTES_MAX};
    for (unsigned i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        struct span bytes = make_lines(sizes[i]);
        struct span whole = compress(bytes);
        struct span block;
        ck_assert_msg(dictionary_block_take(whole, &block), "%zu bytes", sizes[i]);
        ck_assert_uint_eq(block.size + DICTIONARY_BLOCK_HEAD_BYTES, whole.size);
        ck_assert(decode(block, bytes.size, dictionary));
        ck_assert(memcmp(back, bytes.data, bytes.size) == 0);

        /* with its head it is a frame for any zstd */
        uint8_t *again = malloc(whole.size);
        ZSTD_DCtx *zstd = ZSTD_createDCtx();
        dictionary_block_head(block.size, again);
        memcpy(again + DICTIONARY_BLOCK_HEAD_BYTES, block.data, block.size);
        struct span content = dictionary_bytes(dictionary);
        ck_assert_uint_eq(
            ZSTD_decompress_usingDict(zstd, back, sizeof back, again, whole.size, content.data, content.size),
            bytes.size);
        ck_assert(memcmp(back, bytes.data, bytes.size) == 0);
        ZSTD_freeDCtx(zstd);
        free(again);
    }
}
END_TEST

START_TEST(other_frames_stay_whole)
{
    struct span block;
    struct span whole = compress(make_lines(1000));
    for (size_t size = 0; size < whole.size; size++) /* cut off, the block's size is not what its header says */
        ck_assert(!dictionary_block_take(span_of(frame, size), &block));
    ck_assert(!dictionary_block_take(span_of(frame, whole.size + 1), &block));
    for (size_t at = 0; at < DICTIONARY_BLOCK_HEAD_BYTES; at++) {
        frame[at] ^= 0x80; /* of the window, a larger one */
        ck_assert_msg(!dictionary_block_take(whole, &block), "byte %zu", at);
        frame[at] ^= 0x80;
    }
    frame[6] ^= 1; /* not the last one */
    ck_assert(!dictionary_block_take(whole, &block));
    frame[6] ^= 1 | 4; /* not compressed */
    ck_assert(!dictionary_block_take(whole, &block));
    size_t plain = ZSTD_compress(frame, sizeof frame, original, 1000, 1); /* tells its size */
    ck_assert(!dictionary_block_take(span_of(frame, plain), &block));
}
END_TEST

START_TEST(what_is_wrong_is_refused)
{
    struct span bytes = make_lines(1000);
    struct span block;
    ck_assert(dictionary_block_take(compress(bytes), &block));
    ck_assert(!decode(block, bytes.size, NULL));
    ck_assert(!decode(block, bytes.size - 1, dictionary));
    ck_assert(!decode(block, bytes.size + 1, dictionary));
    ck_assert(!decode(span_take(block, block.size - 1), bytes.size, dictionary));
    ck_assert(!decode(SPAN_EMPTY, bytes.size, dictionary));
    ck_assert(!decode(block, BYTES_MAX + 1, dictionary));
    ck_assert(!decode(span_of(frame, BYTES_MAX + 1), bytes.size, dictionary));
    struct decompressor *decompressor = decompressor_create();
    ck_assert(!decompressor_begin(decompressor, CODEC_DICTIONARY_BLOCK, false, &error));
    ck_assert_int_eq(error.kind, ERROR_DAMAGED);
    decompressor_destroy(decompressor);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("blocks of dictionaries");
    TCase *tests = tcase_create("block");
    tcase_add_checked_fixture(tests, set_up, tear_down);
    tcase_add_test(tests, comes_back_at_every_size);
    tcase_add_test(tests, other_frames_stay_whole);
    tcase_add_test(tests, what_is_wrong_is_refused);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
