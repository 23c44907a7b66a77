/* tests/unit/codec/gdeflate_test.c -- chunks of GDeflate, and the container FCG1 around chunks. */
#include "codec/codec.h"
#include "codec/decompressor.h"
#include "codec/foreign/fcg.h"
#include "codec/foreign/gdeflate.h"
#include "codec/format/frame.h"
#include "runtime/base/buffer.h"
#include "runtime/base/byteorder.h"
#include "tests/unit/codec/format_vectors.h"
#include "tests/unit/codec/gdeflate_vectors.h"
#include "tests/unit/codec/text.h"
#include "tests/unit/run_suite.h"

#include <stdlib.h>
#include <zstd.h>

static struct error error;
static struct gdeflate *gdeflate;
static struct decompressor *decompressor;
static uint8_t text[400];
static uint8_t run_of_a[GDEFLATE_ORIGINAL_BYTES_MAX];

static void set_up(void)
{
    gdeflate = gdeflate_create();
    decompressor = decompressor_create();
    for (size_t i = 0; i < sizeof text; i++)
        text[i] = (uint8_t)gdeflate_text[i % (sizeof gdeflate_text - 1)];
    memset(run_of_a, 'a', sizeof run_of_a);
}

static void tear_down(void)
{
    gdeflate_destroy(gdeflate);
    decompressor_destroy(decompressor);
}

/* ---- one chunk ---- */

static bool decode(struct span chunk, uint8_t *ret_original, size_t size)
{
    gdeflate_begin(gdeflate, chunk, ret_original, size);
    enum codec_step step;
    do
        step = gdeflate_step(gdeflate, &error);
    while (step == CODEC_MORE);
    return step == CODEC_DONE;
}

/* Exactly as much memory as there may be: a sanitizer sees every byte beyond it. */
static bool run(struct span chunk, size_t size, struct span expected)
{
    uint8_t *original = malloc(size + (size == 0));
    uint8_t *copy = malloc(chunk.size + (chunk.size == 0));
    if (chunk.size > 0)
        memcpy(copy, chunk.data, chunk.size);
    bool works = decode(span_of(copy, chunk.size), original, size);
    if (works)
        ck_assert(span_equal(span_of(original, size), span_take(expected, size)));
    else
        ck_assert_int_eq(error.kind, ERROR_DAMAGED);
    free(original);
    free(copy);
    return works;
}

static const char *const vectors[] = {GDEFLATE_STORED, GDEFLATE_FIXED, GDEFLATE_DYNAMIC, GDEFLATE_LONG};
enum { VECTORS = sizeof vectors / sizeof vectors[0] };

static struct span original_of(unsigned vector)
{
    const struct span originals[VECTORS] = {SPAN("hello"), SPAN("hello hello hello"), span_of(text, sizeof text),
                                            span_of(run_of_a, sizeof run_of_a)};
    return originals[vector];
}

START_TEST(chunks)
{
    struct span chunk = bytes_of_hex(vectors[_i]);
    struct span original = original_of((unsigned)_i);
    ck_assert(run(chunk, original.size, original));
    ck_assert(!run(chunk, original.size - 1, original));
    if (original.size < GDEFLATE_ORIGINAL_BYTES_MAX)
        ck_assert(!run(chunk, original.size + 1, original));
    ck_assert(!run(chunk, 0, original));
}
END_TEST

/* Zeros at the end may have been left out. What is missing else, or wrong, is an error, or other bytes, which the CRC
 * of the frame notices; never a byte out of bounds, and never an end that does not come. */
START_TEST(damaged_chunks)
{
    struct span chunk = bytes_of_hex(vectors[_i]);
    struct span original = original_of((unsigned)_i);
    uint8_t *bytes = malloc(chunk.size);
    uint8_t *decoded = malloc(original.size);
    memcpy(bytes, chunk.data, chunk.size);
    ck_assert(!run(SPAN_EMPTY, original.size, original));
    ck_assert(!run(span_take(chunk, 4), original.size, original));
    for (size_t size = 0; size < chunk.size; size++)
        (void)decode(span_take(chunk, size), decoded, original.size);
    for (size_t bit = 0; bit < 8 * chunk.size; bit++) {
        bytes[bit / 8] ^= (uint8_t)(1U << bit % 8);
        (void)decode(span_of(bytes, chunk.size), decoded, original.size);
        bytes[bit / 8] ^= (uint8_t)(1U << bit % 8);
    }
    free(bytes);
    free(decoded);
}
END_TEST

/* Blocks of nothing, for ever; a distance before the first byte; a block type that there is not. */
START_TEST(hostile_chunks)
{
    static const uint8_t zeros[4096];
    ck_assert(!run(span_of(zeros, sizeof zeros), 5, SPAN("hello")));
    ck_assert(!run(span_of(zeros, 1), 0, SPAN_EMPTY));
    uint8_t chunk[128] = {0x07}; /* last block, of type 3 */
    ck_assert(!run(span_of(chunk, sizeof chunk), 1, SPAN("x")));
    memcpy(chunk, "\x13\x00", 2); /* last block, fixed: the first symbol is 258, a length of 4 */
    ck_assert(!run(span_of(chunk, sizeof chunk), 5, SPAN("hello")));
    memcpy(chunk, "\x05\x00", 2); /* last block, dynamic, code lengths without a code */
    ck_assert(!run(span_of(chunk, sizeof chunk), 5, SPAN("hello")));
}
END_TEST

/* ---- the container ---- */

static void append_u32(struct buffer *buffer, uint32_t number)
{
    uint8_t bytes[4];
    store_u32_le(bytes, number);
    buffer_append(buffer, span_of(bytes, sizeof bytes));
}

static void append_head(struct buffer *container, unsigned algorithm, uint32_t original_size, uint32_t count)
{
    const uint8_t name[8] = {'F', 'C', 'G', '1', (uint8_t)algorithm};
    buffer_append(container, span_of(name, sizeof name));
    append_u32(container, original_size);
    append_u32(container, 0);
    append_u32(container, FCG_CHUNK_BYTES);
    append_u32(container, count);
}

/* Of zstd frames. */
static void append_zstd(struct buffer *container, struct span original)
{
    enum { CHUNKS_MAX = 8 };
    static uint8_t packed[CHUNKS_MAX][FCG_CHUNK_STORED_BYTES_MAX];
    size_t sizes[CHUNKS_MAX];
    uint32_t count = 0;
    for (size_t done = 0; done < original.size; done += FCG_CHUNK_BYTES, count++) {
        struct span chunk = span_take(span_skip(original, done), FCG_CHUNK_BYTES);
        sizes[count] = ZSTD_compress(packed[count], sizeof packed[0], chunk.data, chunk.size, 1);
    }
    append_head(container, FCG_ZSTD, (uint32_t)original.size, count);
    for (uint32_t i = 0; i < count; i++)
        append_u32(container, (uint32_t)sizes[i]);
    for (uint32_t i = 0; i < count; i++)
        buffer_append(container, span_of(packed[i], sizes[i]));
}

static bool run_container(uint32_t codec, struct span container, struct span expected)
{
    uint8_t *original = malloc(expected.size + 1);
    bool works = decompressor_run(decompressor, codec, container, original, expected.size, &error);
    ck_assert(!works || span_equal(span_of(original, expected.size), expected));
    ck_assert(works || error.kind == ERROR_DAMAGED);
    free(original);
    return works;
}

/* Fed and taken in small pieces. */
static void stream_container(uint32_t codec, struct span container, struct span expected, size_t feed, size_t capacity)
{
    uint8_t *original = malloc(expected.size + capacity);
    size_t done = 0;
    bool ended = false;
    ck_assert(decompressor_begin(decompressor, codec, false, &error));
    while (container.size > 0) {
        struct span piece = span_take(container, feed);
        container = span_skip(container, piece.size);
        size_t got = 1;
        while (piece.size > 0 || got > 0) {
            ck_assert(decompressor_step(decompressor, &piece, original + done, capacity, &got, &ended, &error));
            done += got;
            ck_assert_uint_le(done, expected.size);
        }
    }
    ck_assert(ended);
    ck_assert(span_equal(span_of(original, done), expected));
    free(original);
}

START_TEST(containers)
{
    ck_assert(run_container(CODEC_NVCOMP_ZSTD, bytes_of_hex(TV_G1), SPAN("hello")));
    ck_assert(run_container(CODEC_NVCOMP_ZSTD, bytes_of_hex(TV_G0), SPAN_EMPTY));
    ck_assert(run_container(CODEC_NVCOMP_ZSTD, span_skip(bytes_of_hex(TV_GF), FRAME_HEADER_BYTES), SPAN("hello")));

    static const size_t sizes[] = {1, FCG_CHUNK_BYTES - 1, FCG_CHUNK_BYTES, FCG_CHUNK_BYTES + 1, 300000};
    uint8_t *bytes = malloc(300000);
    for (size_t i = 0; i < 300000; i++)
        bytes[i] = (uint8_t)(i * i >> 7);
    for (unsigned i = 0; i < 5; i++) {
        struct buffer container = {0};
        struct span original = span_of(bytes, sizes[i]);
        append_zstd(&container, original);
        ck_assert(run_container(CODEC_NVCOMP_ZSTD, buffer_span(&container), original));
        stream_container(CODEC_NVCOMP_ZSTD, buffer_span(&container), original, 1, 100000);
        stream_container(CODEC_NVCOMP_ZSTD, buffer_span(&container), original, 7000, 999);
        stream_container(CODEC_NVCOMP_ZSTD, buffer_span(&container), original, 1 << 20, 1 << 20);
        buffer_free(&container);
    }
    free(bytes);
}
END_TEST

START_TEST(containers_of_gdeflate)
{
    struct buffer container = {0};
    struct span last = bytes_of_hex(GDEFLATE_DYNAMIC);
    append_head(&container, FCG_GDEFLATE, GDEFLATE_ORIGINAL_BYTES_MAX + sizeof text, 2);
    append_u32(&container, (uint32_t)bytes_of_hex(GDEFLATE_LONG).size);
    append_u32(&container, (uint32_t)last.size);
    buffer_append(&container, bytes_of_hex(GDEFLATE_LONG));
    buffer_append(&container, last);
    uint8_t *original = malloc(sizeof run_of_a + sizeof text);
    memcpy(original, run_of_a, sizeof run_of_a);
    memcpy(original + sizeof run_of_a, text, sizeof text);
    struct span expected = span_of(original, sizeof run_of_a + sizeof text);
    ck_assert(run_container(CODEC_NVCOMP_GDEFLATE, buffer_span(&container), expected));
    stream_container(CODEC_NVCOMP_GDEFLATE, buffer_span(&container), expected, 1, 1);
    ck_assert(!run_container(CODEC_NVCOMP_ZSTD, buffer_span(&container), expected)); /* the other algorithm */
    free(original);
    buffer_free(&container);
}
END_TEST

/* ---- chunks that are slow ---- */

/* Blocks of zstd that are one byte each: a chunk of `blocks` bytes 'a'. */
static size_t make_zstd_of_bytes(uint8_t *chunk, size_t blocks)
{
    static const uint8_t header[] = {0x28, 0xb5, 0x2f, 0xfd, 0x00, 0x48}; /* a window of 512 KiB, no size */
    memcpy(chunk, header, sizeof header);
    uint8_t *block = chunk + sizeof header;
    for (size_t i = 0; i < blocks; i++, block += 4)
        store_u32_le(block, (i + 1 == blocks) | 1U << 3 | (uint32_t)'a' << 24); /* the last one, raw, its size */
    return (size_t)(block - chunk);
}

/* To lane 0, whose words are the first of the chunk and those behind the first of each other lane. */
static void put_bits(uint8_t *chunk, size_t *at, unsigned value, unsigned bits)
{
    for (unsigned i = 0; i < bits; i++, ++*at) {
        size_t word = *at / 32 == 0 ? 0 : 31 + *at / 32;
        chunk[4 * word + *at % 32 / 8] |= (uint8_t)((value >> i & 1) << *at % 8);
    }
}

/* Blocks of GDeflate with fixed codes and nothing in them, then one that holds "a". */
static size_t make_gdeflate_of_nothing(uint8_t *chunk, size_t blocks)
{
    size_t at = 0;
    memset(chunk, 0, FCG_CHUNK_STORED_BYTES_MAX);
    for (size_t i = 0; i < blocks; i++)
        put_bits(chunk, &at, 2, 3 + 7); /* not the last; its end is seven zeros */
    put_bits(chunk, &at, 3, 3);
    put_bits(chunk, &at, 0x89, 8); /* the code of 'a', its first bit lowest */
    return 4 * (32 + at / 32);
}

/* A shard has other work between two slices, and gets each byte of the input once. */
START_TEST(slow_chunks_are_slices)
{
    static uint8_t chunk[FCG_CHUNK_STORED_BYTES_MAX];
    enum { BLOCKS = 30000, SLICES_LEAST = 100 };
    bool is_zstd = _i == 0;
    size_t stored_size = is_zstd ? make_zstd_of_bytes(chunk, BLOCKS) : make_gdeflate_of_nothing(chunk, BLOCKS);
    size_t size = is_zstd ? BLOCKS : 1;
    uint32_t codec = is_zstd ? CODEC_NVCOMP_ZSTD : CODEC_NVCOMP_GDEFLATE;
    struct buffer container = {0};
    append_head(&container, is_zstd ? FCG_ZSTD : FCG_GDEFLATE, (uint32_t)size, 1);
    append_u32(&container, (uint32_t)stored_size);
    buffer_append(&container, span_of(chunk, stored_size));

    struct span expected = span_take(span_of(run_of_a, sizeof run_of_a), size);
    ck_assert(run_container(codec, buffer_span(&container), expected));
    stream_container(codec, buffer_span(&container), expected, 1, 1 << 20);

    struct span left = buffer_span(&container);
    uint8_t *original = malloc(size);
    unsigned slices = 0;
    size_t got;
    bool ended = false;
    ck_assert(decompressor_begin(decompressor, codec, false, &error));
    for (; !ended; slices++)
        ck_assert(decompressor_step(decompressor, &left, original, size, &got, &ended, &error));
    ck_assert_uint_ge(slices, SLICES_LEAST);
    ck_assert_uint_eq(left.size, 0);
    ck_assert_uint_eq(got, size);
    free(original);
    buffer_free(&container);
}
END_TEST

/* Every byte before the chunks has one right value; cut anywhere, or with one byte more, it is damaged. */
START_TEST(damaged_containers)
{
    struct span container = bytes_of_hex(TV_G1);
    uint8_t bytes[64];
    memcpy(bytes, container.data, container.size);
    bytes[container.size] = 0;
    for (size_t size = 0; size < container.size; size++)
        ck_assert(!run_container(CODEC_NVCOMP_ZSTD, span_of(bytes, size), SPAN("hello")));
    ck_assert(!run_container(CODEC_NVCOMP_ZSTD, span_of(bytes, container.size + 1), SPAN("hello")));
    for (size_t i = 0; i < 28; i++)
        for (unsigned bit = 0; bit < 8; bit++) {
            bytes[i] ^= (uint8_t)(1U << bit);
            ck_assert_msg(!run_container(CODEC_NVCOMP_ZSTD, span_of(bytes, container.size), SPAN("hello")),
                          "bit %u of byte %zu", bit, i);
            bytes[i] ^= (uint8_t)(1U << bit);
        }
    ck_assert(!run_container(CODEC_NVCOMP_ZSTD, container, SPAN("hell")));
    ck_assert(!run_container(CODEC_NVCOMP_ZSTD, container, SPAN("hello?")));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("gdeflate");
    TCase *tests = tcase_create("gdeflate");
    tcase_set_timeout(tests, 60);
    tcase_add_checked_fixture(tests, set_up, tear_down);
    tcase_add_loop_test(tests, chunks, 0, VECTORS);
    tcase_add_loop_test(tests, damaged_chunks, 0, VECTORS);
    tcase_add_test(tests, hostile_chunks);
    tcase_add_test(tests, containers);
    tcase_add_test(tests, containers_of_gdeflate);
    tcase_add_loop_test(tests, slow_chunks_are_slices, 0, 2);
    tcase_add_test(tests, damaged_containers);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
