/* tests/unit/codec/encoder_test.c -- what a frame looks like, and what is chosen for it. */
#include "codec/choice/encoder.h"
#include "codec/decompressor.h"
#include "codec/dictionary/block.h"
#include "codec/dictionary/dictionary.h"
#include "codec/measure/histogram.h"
#include "codec/stock/compressor.h"
#include "tests/unit/run_suite.h"

#include <stdio.h>
#include <stdlib.h>

enum { FRAME = FRAME_ORIGINAL_BYTES };

static struct error error;

/* ---- bytes of all kinds ---- */

static uint64_t random_state = 7;

static unsigned random_byte(void)
{
    random_state = random_state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (unsigned)(random_state >> 56);
}

static uint8_t *make_noise(size_t size)
{
    uint8_t *bytes = malloc(size);
    for (size_t i = 0; i < size; i++)
        bytes[i] = (uint8_t)random_byte();
    return bytes;
}

/* Letters of an alphabet, each as likely as the next. */
static uint8_t *make_letters(size_t size, const char *alphabet)
{
    uint8_t *bytes = malloc(size);
    for (size_t i = 0; i < size; i++)
        bytes[i] = (uint8_t)alphabet[random_byte() % strlen(alphabet)];
    return bytes;
}

static uint8_t *make_dna(size_t size)
{
    return make_letters(size, "ACGT");
}

static uint8_t *make_hex(size_t size)
{
    return make_letters(size, "0123456789abcdef");
}

static uint8_t *make_base64(size_t size)
{
    return make_letters(size, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/");
}

/* Of a sequencer: high for long, then lower, never quite the same. */
static uint8_t *make_qualities(size_t size)
{
    uint8_t *bytes = malloc(size);
    unsigned quality = 38;
    for (size_t i = 0; i < size; i++) {
        unsigned step = random_byte();
        if (step < 40)
            quality = 20 + random_byte() % 20;
        bytes[i] = (uint8_t)('!' + quality + (step & 1));
    }
    return bytes;
}

static uint8_t *make_log(size_t size)
{
    uint8_t *bytes = malloc(size + 128);
    for (size_t i = 0, line = 0; i < size; line++)
        i += (size_t)sprintf((char *)bytes + i,
                             "2026-11-21T12:%02u:%02u.%03u INFO request %zu GET /items/%u took %u us\n",
                             (unsigned)(line / 6000 % 60), (unsigned)(line / 100 % 60), (unsigned)(line * 10 % 1000),
                             line, random_byte() * 256 + random_byte(), random_byte() * 4);
    return bytes;
}

/* Seven bits and a half of each byte, and no match. */
static uint8_t *make_dense(size_t size)
{
    uint8_t *bytes = malloc(size);
    for (size_t i = 0; i < size; i++)
        bytes[i] = (uint8_t)(random_byte() % (i % 4 == 0 ? 100 : 256));
    return bytes;
}

/* ---- entropy and noise ---- */

static double entropy_of(struct span bytes)
{
    struct histogram histogram = {0};
    histogram_add(&histogram, span_take(bytes, bytes.size / 3)); /* odd numbers of bytes, one after the other */
    histogram_add(&histogram, span_skip(bytes, bytes.size / 3));
    ck_assert_uint_eq(histogram.total, bytes.size);
    return histogram_entropy(&histogram);
}

START_TEST(entropy)
{
    uint8_t bytes[1024];
    memset(bytes, 'x', sizeof bytes);
    ck_assert_double_eq_tol(entropy_of(span_of(bytes, sizeof bytes)), 0, 1e-9);
    for (unsigned i = 0; i < sizeof bytes; i++)
        bytes[i] = (uint8_t)i;
    ck_assert_double_eq_tol(entropy_of(span_of(bytes, sizeof bytes)), 8, 1e-9);
    for (unsigned i = 0; i < sizeof bytes; i++)
        bytes[i] = i % 4 == 0 ? 'a' : 'b'; /* H(1/4) */
    ck_assert_double_eq_tol(entropy_of(span_of(bytes, sizeof bytes)), 0.811278, 1e-6);
    ck_assert_double_eq_tol(entropy_of(SPAN("abc")), 1.584963, 1e-6);
    ck_assert_double_eq(entropy_of(SPAN_EMPTY), 0);
}
END_TEST

static enum noise_verdict look_at_every_byte(struct span frame)
{
    for (unsigned i = 0; i < NOISE_WINDOWS; i++) {
        struct span window = span_take(span_skip(frame, i * NOISE_WINDOW_BYTES), NOISE_WINDOW_BYTES);
        if (entropy_of(window) < 7.5)
            return NOISE_NONE;
    }
    return entropy_of(frame) >= 7.9 ? NOISE_SURE : NOISE_MAYBE;
}

/* What the look spares itself changes no verdict: bytes of any share of high bits, one window of another kind. */
START_TEST(a_quick_look_is_no_other)
{
    enum { SIZE = NOISE_WINDOWS * NOISE_WINDOW_BYTES, TURNS = 2000 };
    static uint8_t bytes[SIZE];
    unsigned verdicts[3] = {0};
    for (unsigned turn = 0; turn < TURNS; turn++) {
        for (unsigned i = 0; i < NOISE_WINDOWS; i++) {
            unsigned high = turn % 5 == i ? random_byte() : 128U; /* of 256 */
            unsigned kinds = turn % 7 == i || turn % 7 >= 5 ? 104U + random_byte() % 8 : 128U;
            for (unsigned k = 0; k < NOISE_WINDOW_BYTES; k++)
                bytes[i * NOISE_WINDOW_BYTES + k] =
                    (uint8_t)(random_byte() % kinds | (random_byte() < high ? 0x80U : 0U));
        }
        enum noise_verdict verdict = noise_look(span_of(bytes, SIZE));
        ck_assert_int_eq(verdict, look_at_every_byte(span_of(bytes, SIZE)));
        verdicts[verdict]++;
        double bits = noise_entropy(span_of(bytes, SIZE));
        ck_assert_double_eq_tol(bits, entropy_of(span_of(bytes, SIZE)), 1e-9);
        ck_assert_double_lt(noise_entropy_roughly(span_of(bytes, SIZE)), bits);
    }
    for (unsigned i = 0; i < 3; i++)
        ck_assert_msg(verdicts[i] > TURNS / 20, "%u: %u", i, verdicts[i]);
}
END_TEST

START_TEST(noise_is_known)
{
    uint8_t *noise = make_noise(FRAME);
    uint8_t *dense = make_dense(FRAME);
    uint8_t *text = make_log(FRAME);
    static const size_t sizes[] = {4096, 5000, 65536, FRAME - 1, FRAME};
    for (unsigned i = 0; i < 5; i++) {
        ck_assert_int_eq(noise_look(span_of(noise, sizes[i])), NOISE_SURE);
        ck_assert_int_eq(noise_look(span_of(text, sizes[i])), NOISE_NONE);
    }
    ck_assert_int_eq(noise_look(span_of(dense, FRAME)), NOISE_MAYBE);
    ck_assert_int_eq(noise_look(span_of(noise, 4095)), NOISE_NONE); /* too little to say */
    ck_assert_int_eq(noise_look(SPAN_EMPTY), NOISE_NONE);

    memcpy(noise, text, 64 << 10); /* a head says nothing of the rest */
    ck_assert_int_eq(noise_look(span_of(noise, FRAME)), NOISE_SURE);
    memcpy(noise + FRAME / 2, text, FRAME / 4); /* one part of four does */
    ck_assert_int_eq(noise_look(span_of(noise, FRAME)), NOISE_NONE);
    memcpy(text, "PK\x03\x04", 4); /* a magic number does not */
    ck_assert_int_eq(noise_look(span_of(text, FRAME)), NOISE_NONE);
    free(noise);
    free(dense);
    free(text);
}
END_TEST

/* ---- what is chosen ---- */

static struct encoder *encoder;
static struct decompressor *decompressor;
static uint8_t back[FRAME];

static void set_up(void)
{
    encoder = encoder_create();
    decompressor = decompressor_create();
}

static void tear_down(void)
{
    encoder_destroy(encoder);
    decompressor_destroy(decompressor);
}

/* Encodes and decodes; returns what is stored. */
static size_t stored_size(struct span original, int level)
{
    const struct encoder_job job = {original, original.size - 1, level, noise_look(original)};
    struct encoded encoded;
    enum codec_step step;
    encoder_begin(encoder, &job);
    do
        step = encoder_step(encoder, &encoded);
    while (step == CODEC_MORE);
    ck_assert_int_eq(step, CODEC_DONE);
    if (encoded.codec == CODEC_PASSTHROUGH)
        return original.size;
    ck_assert_uint_eq(encoded.codec, CODEC_ZSTD);
    ck_assert_uint_lt(encoded.size, original.size);
    memset(encoded.payload - FRAME_HEADER_BYTES, 0, FRAME_HEADER_BYTES); /* is ours */
    ck_assert(decompressor_run(decompressor, encoded.codec, span_of(encoded.payload, encoded.size), back, original.size,
                               &error));
    ck_assert(span_equal(span_of(back, original.size), original));
    return encoded.size;
}

/* Plain zstd of the level. */
static size_t plain_size(struct span original, int level)
{
    struct compressor *compressor = compressor_create();
    uint8_t *payload = malloc(original.size);
    size_t size;
    compressor_begin(compressor, &(struct compression){.level = level}, original, payload, original.size - 1);
    while (compressor_step(compressor, &size) == CODEC_MORE)
        ;
    compressor_destroy(compressor);
    free(payload);
    return size == 0 ? original.size : size;
}

static const struct {
    uint8_t *(*make)(size_t size);
    double ratio_least; /* of whole frames */
    double gain_least;  /* over plain zstd at level 1 */
} kinds[] = {
    {make_dna, 3.9, 1.12},  {make_hex, 1.98, 1.0},    {make_base64, 1.32, 1.0}, {make_qualities, 1.0, 1.0},
    {make_log, 3.0, 0.999}, {make_noise, 1.0, 0.999}, {make_dense, 1.0, 0.999},
};
enum { KINDS = sizeof kinds / sizeof kinds[0] };

START_TEST(every_kind_at_every_size)
{
    static const size_t sizes[] = {44, 300, 4095, 4096, 5000, 20000, 65535, 65536, 200000, FRAME - 1, FRAME};
    uint8_t *bytes = kinds[_i].make(FRAME);
    for (unsigned i = 0; i < sizeof sizes / sizeof sizes[0]; i++)
        for (int level = -1; level <= 9; level += level == 1 ? 8 : 2) {
            struct span original = span_of(bytes, sizes[i]);
            size_t size = stored_size(original, level);
            size_t plain = plain_size(original, level);
            ck_assert_msg(size <= plain + plain / 100, "kind %d, %zu bytes at %d: %zu, plain %zu", _i, sizes[i], level,
                          size, plain);
        }
    size_t size = stored_size(span_of(bytes, FRAME), 1);
    size_t plain = plain_size(span_of(bytes, FRAME), 1);
    ck_assert_double_ge((double)FRAME / (double)size, kinds[_i].ratio_least);
    ck_assert_double_ge((double)plain / (double)size, kinds[_i].gain_least);
    size = stored_size(span_of(bytes, 20000), 1); /* without a sample */
    plain = plain_size(span_of(bytes, 20000), 1);
    ck_assert_double_ge((double)plain / (double)size, kinds[_i].gain_least);
    free(bytes);
}
END_TEST

START_TEST(what_may_be_noise_is_tried)
{
    uint8_t *bytes = make_dense(FRAME);
    ck_assert_int_eq(noise_look(span_of(bytes, FRAME)), NOISE_MAYBE);
    ck_assert_uint_eq(stored_size(span_of(bytes, FRAME), 1), FRAME);
    free(bytes);
}
END_TEST

/* Lines with decimals that nothing predicts: matches of four and five digits are there to be found, and dear. */
START_TEST(more_effort_is_never_larger)
{
    char *text = malloc(FRAME + 64);
    size_t size = 0;
    for (unsigned i = 0; size < FRAME; i++) {
        uint64_t value = 0;
        for (int j = 0; j < 7; j++)
            value = value << 8 | random_byte();
        size +=
            (size_t)snprintf(text + size, 64, "line %u of the object, value 0.%017llu\n", i, (unsigned long long)value);
    }
    struct span original = span_of((uint8_t *)text, FRAME);
    size_t low = plain_size(original, 1);
    ck_assert_uint_gt(plain_size(original, 12), low + low / 20);
    ck_assert_uint_le(stored_size(original, 12), low);
    ck_assert_uint_le(stored_size(original, 9), low);
    free(text);
}
END_TEST

/* `bytes` become the first `period` of them, again and again. */
static struct span repeat(uint8_t *bytes, size_t period)
{
    for (size_t i = period; i < FRAME; i++)
        bytes[i] = bytes[i - period];
    return span_of(bytes, FRAME);
}

/* Noise to the eye, and few different bytes that follow each other by chance: where that comes again, at whatever
 * distance, most of a frame need not be stored. */
START_TEST(what_repeats_itself_is_stored_once)
{
    static const size_t periods[] = {3000, 40000, 300001};
    uint8_t *(*const make[])(size_t) = {make_noise, make_dense, make_dna};
    for (size_t kind = 0; kind < 3; kind++) {
        for (size_t i = 0; i < 3; i++) {
            uint8_t *bytes = make[kind](FRAME);
            ck_assert_uint_lt(stored_size(repeat(bytes, periods[i]), 1), periods[i] * 11 / 10 + FRAME / 50);
            free(bytes);
        }
    }
}
END_TEST

/* ---- with a dictionary ---- */

static struct encoded encode_with(struct span original, const struct dictionary *dictionary, bool is_both_ways,
                                  bool may_be_block)
{
    const struct encoder_job job = {
        .original = original,
        .capacity = original.size - FRAME_HEADER_BYTES - 1,
        .level = 1,
        .look = noise_look(original),
        .dictionary = dictionary_for_coding(dictionary),
        .is_both_ways = is_both_ways,
        .may_be_block = may_be_block,
    };
    struct encoded encoded;
    enum codec_step step;
    encoder_begin(encoder, &job);
    while ((step = encoder_step(encoder, &encoded)) == CODEC_MORE)
        ;
    ck_assert_int_eq(step, CODEC_DONE);
    ck_assert_uint_eq(encoded.plain_size != 0, is_both_ways);
    ck_assert_uint_ne(encoded.dictionary_size, 0);
    if (encoded.codec == CODEC_PASSTHROUGH)
        return encoded;
    uint8_t *decoded = malloc(original.size);
    struct decompressor *reading = decompressor_create();
    decompressor_set_dictionary(reading, dictionary);
    ck_assert(decompressor_run(reading, encoded.codec, span_of(encoded.payload, encoded.size), decoded, original.size,
                               &error));
    ck_assert(memcmp(decoded, original.data, original.size) == 0);
    decompressor_destroy(reading);
    free(decoded);
    return encoded;
}

/* The smaller of the two ways, and never larger than allowed, whatever it is and wherever the dictionary comes from. */
START_TEST(with_a_dictionary)
{
    static const size_t sizes[] = {44, 100, 1000, 4096, 10000, 65535, ENCODER_DICTIONARY_BYTES_MAX};
    uint8_t *(*const makers[])(size_t) = {make_noise, make_dna, make_hex, make_base64, make_qualities};
    for (unsigned kind = 0; kind < sizeof makers / sizeof makers[0]; kind++) {
        uint8_t *bytes = makers[kind](2 * FRAME_ORIGINAL_BYTES / 8);
        struct dictionary *own = dictionary_create_for_level(span_of(bytes, 30000), 1, &error);
        struct dictionary *other = dictionary_create_for_level(SPAN("of no use to anybody at all"), 1, &error);
        for (unsigned i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
            struct span body = span_of(bytes + 100, sizes[i]);
            struct encoded alone = encode_with(body, own, false, false);
            struct encoded both = encode_with(body, own, true, false);
            struct encoded block = encode_with(body, own, true, true);
            ck_assert_uint_eq(alone.dictionary_size, both.dictionary_size);
            ck_assert_uint_le(both.size, both.plain_size);
            ck_assert_uint_eq(both.codec == CODEC_ZSTD_DICTIONARY, both.dictionary_size < both.plain_size);
            if (sizes[i] <= 10000 && sizes[i] > 44) /* all of it is in the dictionary */
                ck_assert_int_eq(alone.codec, CODEC_ZSTD_DICTIONARY);
            if (both.codec == CODEC_ZSTD_DICTIONARY && block.codec == CODEC_DICTIONARY_BLOCK) {
                ck_assert_uint_eq(block.size + DICTIONARY_BLOCK_HEAD_BYTES, both.size);
                ck_assert_uint_eq(block.dictionary_size, block.size);
            }
            if (sizes[i] == 1000 && both.codec == CODEC_ZSTD_DICTIONARY)
                ck_assert_int_eq(block.codec, CODEC_DICTIONARY_BLOCK);
            struct encoded useless = encode_with(body, other, true, i % 2 == 0);
            ck_assert_uint_le(useless.size, useless.plain_size);
        }
        dictionary_drop(own);
        dictionary_drop(other);
        free(bytes);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("encoder");
    TCase *tests = tcase_create("encoder");
    tcase_set_timeout(tests, 60);
    tcase_add_checked_fixture(tests, set_up, tear_down);
    tcase_add_test(tests, entropy);
    tcase_add_test(tests, a_quick_look_is_no_other);
    tcase_add_test(tests, noise_is_known);
    tcase_add_loop_test(tests, every_kind_at_every_size, 0, KINDS);
    tcase_add_test(tests, what_may_be_noise_is_tried);
    tcase_add_test(tests, more_effort_is_never_larger);
    tcase_add_test(tests, what_repeats_itself_is_stored_once);
    tcase_add_test(tests, with_a_dictionary);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
