/* tests/unit/codec/dictionary_train_test.c -- dictionaries out of samples: of many, of few, of nothing in common. */
#include "codec/dictionary/dictionary_train.h"
#include "tests/unit/run_suite.h"

#include <stdio.h>
#include <stdlib.h>

enum { SAMPLE_BYTES = 400 };

static struct error error;
static uint64_t random_state;

static unsigned draw(unsigned below)
{
    random_state = random_state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (unsigned)(random_state >> 33) % below;
}

static size_t make_event(uint8_t *to)
{
    return (size_t)snprintf((char *)to, SAMPLE_BYTES,
                            "{\"time\":\"2026-01-02T03:%02u:%02uZ\",\"level\":\"%s\",\"service\":\"checkout\","
                            "\"request\":\"%08x%08x\",\"user\":%u,\"path\":\"/cart/items/%u\",\"status\":%u}",
                            draw(60), draw(60), draw(3) == 0 ? "warning" : "info", draw(1U << 30), draw(1U << 30),
                            draw(100000), draw(500), draw(5) == 0 ? 404 : 200);
}

static size_t make_noise(uint8_t *to)
{
    for (size_t i = 0; i < SAMPLE_BYTES; i++)
        to[i] = (uint8_t)draw(256);
    return SAMPLE_BYTES;
}

struct set {
    uint8_t bytes[TRAINING_SAMPLES_MAX * SAMPLE_BYTES];
    size_t sizes[TRAINING_SAMPLES_MAX];
    struct training training;
};

static void make_set(struct set *set, unsigned count, size_t (*make)(uint8_t *to))
{
    size_t total = 0;
    random_state = count;
    for (unsigned i = 0; i < count; i++)
        total += set->sizes[i] = make(set->bytes + total);
    set->training =
        (struct training){.samples = span_of(set->bytes, total), .sizes = set->sizes, .count = count, .level = 1};
}

static struct set set;

START_TEST(of_many_and_of_few)
{
    static const unsigned counts[] = {TRAINING_SAMPLES_LEAST, 12, 50, 100, 300, TRAINING_SAMPLES_MAX};
    for (unsigned i = 0; i < sizeof counts / sizeof counts[0]; i++) {
        struct trained trained;
        make_set(&set, counts[i], make_event);
        bool done = dictionary_train(&set.training, &trained, &error);
        ck_assert_msg(done, "%u: %s", counts[i], done ? "" : error.message);
        ck_assert_uint_gt(trained.dictionary.size, 0);
        ck_assert_uint_le(trained.dictionary.size, 64 << 10);
        ck_assert_uint_le(trained.plain_bytes, trained.original_bytes);
        ck_assert_uint_le(trained.dictionary_bytes, trained.plain_bytes);
        if (counts[i] >= 100)
            ck_assert_uint_lt(trained.dictionary_bytes * 2, trained.plain_bytes);
        ck_assert_uint_eq(trained.current_bytes, 0);
        struct dictionary *dictionary =
            dictionary_create_for_level(buffer_span(&trained.dictionary), 1, &error); /* it is one */
        ck_assert_ptr_nonnull(dictionary);
        dictionary_drop(dictionary);

        struct trained again; /* with the same samples the same comes out, and is no better than itself */
        set.training.current = buffer_span(&trained.dictionary);
        ck_assert(dictionary_train(&set.training, &again, &error));
        ck_assert(span_equal(buffer_span(&again.dictionary), buffer_span(&trained.dictionary)));
        ck_assert_uint_eq(again.current_bytes, again.dictionary_bytes);
        buffer_free(&trained.dictionary);
        buffer_free(&again.dictionary);
    }
}
END_TEST

START_TEST(of_noise)
{
    struct trained trained;
    make_set(&set, 100, make_noise);
    if (dictionary_train(&set.training, &trained, &error)) {
        ck_assert_uint_eq(trained.plain_bytes, trained.original_bytes);
        ck_assert_uint_eq(trained.dictionary_bytes, trained.original_bytes); /* raw is always allowed */
    } else {
        ck_assert_int_eq(error.kind, ERROR_UNSUPPORTED);
    }
    buffer_free(&trained.dictionary);
}
END_TEST

START_TEST(too_little)
{
    struct trained trained;
    make_set(&set, TRAINING_SAMPLES_LEAST - 1, make_event);
    ck_assert(!dictionary_train(&set.training, &trained, &error));
    ck_assert_int_eq(error.kind, ERROR_INVALID);
    buffer_free(&trained.dictionary);
    memset(set.sizes, 0, sizeof set.sizes);
    set.training = (struct training){.samples = span_of(set.bytes, 0), .sizes = set.sizes, .count = 100, .level = 1};
    ck_assert(!dictionary_train(&set.training, &trained, &error));
    ck_assert_int_eq(error.kind, ERROR_INVALID);
    buffer_free(&trained.dictionary);
    make_set(&set, 100, make_event); /* some of no bytes at all, or of few */
    size_t total = 0;
    for (unsigned i = 0; i < 100; i++)
        total += set.sizes[i] = i % 3 == 0 ? i % 2 : set.sizes[i];
    set.training.samples.size = total;
    if (dictionary_train(&set.training, &trained, &error))
        ck_assert_uint_gt(trained.dictionary.size, 0);
    buffer_free(&trained.dictionary);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("training dictionaries");
    TCase *tests = tcase_create("training");
    tcase_set_timeout(tests, 120);
    tcase_add_test(tests, of_many_and_of_few);
    tcase_add_test(tests, of_noise);
    tcase_add_test(tests, too_little);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
