/* codec/dictionary/dictionary_train.c -- zstd's training at several sizes, judged by what it was not trained on. */
#define ZDICT_STATIC_LINKING_ONLY /* for how carefully it searches; see codec/stock/compressor.c */
#include "codec/dictionary/dictionary_train.h"

#include "codec/dictionary/block.h"
#include "codec/format/frame.h"

#include <stdlib.h>
#include <string.h>
#include <zdict.h>
#include <zstd.h>

enum {
    JUDGE_EACH = 4,
    BYTES_PER_DICTIONARY_BYTE = 4,
    NEAR_PERCENT = 1,
    SAMPLE_BYTES_LEAST = 1 << 10, /* of all together */
    CAREFUL_BYTES_MAX = 1 << 20,  /* likewise; of more, the first attempt must do: it takes as long as nine of these */
};
static const size_t SIZES[] = {4 << 10, 8 << 10, 16 << 10, 32 << 10, 64 << 10};
enum { SIZES_COUNT = sizeof SIZES / sizeof SIZES[0] };

struct work {
    const struct training *training;
    uint8_t *bytes; /* of the samples that train */
    size_t *sizes;
    unsigned count;
    size_t total;
    ZSTD_CCtx *context;
    uint8_t *room; /* for one compressed sample */
    size_t room_bytes;
};

static bool has_memory(struct work *work, struct error *error)
{
    return (work->bytes != NULL && work->sizes != NULL && work->context != NULL && work->room != NULL) ||
           error_set(error, ERROR_BUSY, NULL, "There is no memory to train a dictionary.");
}

static void close_work(struct work *work)
{
    free(work->bytes);
    free(work->sizes);
    free(work->room);
    ZSTD_freeCCtx(work->context);
}

static bool open_work(struct work *work, const struct training *training, struct error *error)
{
    size_t largest = 0;
    size_t at = 0;
    *work = (struct work){.training = training};
    work->bytes = malloc(training->samples.size + 1);
    work->sizes = calloc(training->count, sizeof *work->sizes);
    work->context = ZSTD_createCCtx();
    for (unsigned i = 0; i < training->count; i++)
        largest = training->sizes[i] > largest ? training->sizes[i] : largest;
    work->room_bytes = ZSTD_compressBound(largest);
    work->room = malloc(work->room_bytes);
    if (!has_memory(work, error))
        return false;
    for (unsigned i = 0; i < training->count; at += training->sizes[i++]) {
        if (i % JUDGE_EACH == JUDGE_EACH - 1)
            continue;
        memcpy(work->bytes + work->total, training->samples.data + at, training->sizes[i]);
        work->sizes[work->count++] = training->sizes[i];
        work->total += training->sizes[i];
    }
    return true;
}

/* ---- judging ---- */

/* Of a payload as a body: behind a frame's header, unless it is one of a dictionary that needs none. */
static size_t with_header(const struct work *work, const ZSTD_CDict *dictionary, size_t size)
{
    struct span block;
    if (dictionary != NULL && work->training->may_be_block && dictionary_block_take(span_of(work->room, size), &block))
        return block.size;
    return FRAME_HEADER_BYTES + size;
}

/* As a body, or as it is where that is not smaller. */
static uint64_t body_size(struct work *work, const ZSTD_CDict *dictionary, struct span sample)
{
    (void)ZSTD_CCtx_reset(work->context, ZSTD_reset_session_and_parameters);
    (void)ZSTD_CCtx_setParameter(work->context, ZSTD_c_compressionLevel, work->training->level);
    if (dictionary != NULL) {
        (void)ZSTD_CCtx_setParameter(work->context, ZSTD_c_contentSizeFlag, 0);
        (void)ZSTD_CCtx_setParameter(work->context, ZSTD_c_dictIDFlag, 0);
        (void)ZSTD_CCtx_refCDict(work->context, dictionary);
    }
    size_t size = ZSTD_compress2(work->context, work->room, work->room_bytes, sample.data, sample.size);
    if (ZSTD_isError(size))
        return sample.size;
    size_t body = with_header(work, dictionary, size);
    return body < sample.size ? body : sample.size;
}

/* Empty: without one. 0: it is none, or there is no memory. */
static uint64_t judge(struct work *work, struct span dictionary)
{
    const struct training *training = work->training;
    struct dictionary *digested = NULL;
    const ZSTD_CDict *coding = NULL;
    uint64_t total = 0;
    size_t at = 0;
    if (dictionary.size > 0) {
        struct error ignored;
        digested = dictionary_create_for_level(dictionary, training->level, &ignored);
        if (digested == NULL)
            return 0;
        coding = dictionary_for_coding(digested);
    }
    for (unsigned i = 0; i < training->count; at += training->sizes[i++]) {
        if (i % JUDGE_EACH == JUDGE_EACH - 1)
            total += body_size(work, coding, span_of(training->samples.data + at, training->sizes[i]));
    }
    (void)ZSTD_CCtx_reset(work->context, ZSTD_reset_session_and_parameters);
    dictionary_drop(digested);
    return total;
}

/* ---- making ---- */

/* Pieces of what samples have in common, found by words of so many bytes. */
static size_t train(struct work *work, unsigned word_bytes, unsigned steps, uint8_t *ret_dictionary, size_t size)
{
    ZDICT_fastCover_params_t how = {.d = word_bytes, .steps = steps};
    size_t made =
        ZDICT_optimizeTrainFromBuffer_fastCover(ret_dictionary, size, work->bytes, work->sizes, work->count, &how);
    return ZDICT_isError(made) ? 0 : made;
}

/* The samples themselves, with statistics of them in front: as good where they are few. */
static size_t finalize(struct work *work, uint8_t *ret_dictionary, size_t size)
{
    const ZDICT_params_t how = {.compressionLevel = work->training->level};
    size_t content = work->total < size / 2 ? work->total : size / 2;
    size_t made = ZDICT_finalizeDictionary(ret_dictionary, size, work->bytes + work->total - content, content,
                                           work->bytes, work->sizes, work->count, how);
    return ZDICT_isError(made) ? 0 : made;
}

/* Keeps it when what it makes is smaller than what there was: clearly, if it is larger itself. */
static void try(struct work *work, const uint8_t *dictionary, size_t size, struct trained *best)
{
    uint64_t bytes = size == 0 ? 0 : judge(work, span_of(dictionary, size));
    unsigned percent = size > best->dictionary.size ? 100 - NEAR_PERCENT : 100;
    bool is_better = best->dictionary.size == 0 || bytes * 100 < best->dictionary_bytes * percent;
    if (bytes == 0 || !is_better)
        return;
    buffer_clear(&best->dictionary);
    buffer_append(&best->dictionary, span_of(dictionary, size));
    best->dictionary_bytes = bytes;
}

/* Too few for zstd's training, or even for statistics: then the bytes as they are. */
static void try_few(struct work *work, uint8_t *room, struct trained *best)
{
    size_t content = work->total < SIZES[1] ? work->total : SIZES[1];
    try(work, room, finalize(work, room, SIZES[1]), best);
    if (content >= DICTIONARY_BYTES_LEAST)
        try(work, work->bytes, content, best);
}

/* zstd's training judges its attempts by a rule of its own; of several, the judging samples tell the best: 1 % smaller
 * than the first on events. */
static void try_size(struct work *work, uint8_t *room, size_t size, struct trained *best)
{
    static const struct {
        unsigned word_bytes;
        unsigned steps; /* lengths of the pieces that are tried */
    } WAYS[] = {{8, 4}, {6, 16}, {8, 16}};
    unsigned count = work->total <= CAREFUL_BYTES_MAX ? sizeof WAYS / sizeof WAYS[0] : 1;
    for (unsigned i = 0; i < count; i++)
        try(work, room, train(work, WAYS[i].word_bytes, WAYS[i].steps, room, size), best);
}

static bool try_all(struct work *work, struct trained *best, struct error *error)
{
    uint8_t *dictionary = malloc(SIZES[SIZES_COUNT - 1]);
    if (dictionary == NULL)
        return error_set(error, ERROR_BUSY, NULL, "There is no memory to train a dictionary.");
    for (unsigned i = 0; i < SIZES_COUNT && SIZES[i] <= work->total / BYTES_PER_DICTIONARY_BYTE; i++)
        try_size(work, dictionary, SIZES[i], best);
    if (best->dictionary.size == 0)
        try_few(work, dictionary, best);
    free(dictionary);
    return best->dictionary.size > 0 ||
           error_set(error, ERROR_UNSUPPORTED, NULL, "the samples have nothing in common that could be found");
}

static bool check(const struct training *training, struct error *error)
{
    if (training->count < TRAINING_SAMPLES_LEAST)
        return error_set(error, ERROR_INVALID, NULL, "there are %u samples, and at least %d are wanted",
                         training->count, TRAINING_SAMPLES_LEAST);
    if (training->samples.size < SAMPLE_BYTES_LEAST)
        return error_set(error, ERROR_INVALID, NULL, "the samples have %zu bytes together, and at least %d are wanted",
                         training->samples.size, SAMPLE_BYTES_LEAST);
    return true;
}

bool dictionary_train(const struct training *training, struct trained *ret_trained, struct error *error)
{
    struct work work;
    *ret_trained = (struct trained){0};
    buffer_init(&ret_trained->dictionary, DICTIONARY_BYTES_MAX);
    if (!check(training, error))
        return false;
    bool done = open_work(&work, training, error) && try_all(&work, ret_trained, error);
    if (done) {
        ret_trained->plain_bytes = judge(&work, SPAN_EMPTY);
        ret_trained->current_bytes = training->current.size > 0 ? judge(&work, training->current) : 0;
        for (unsigned i = JUDGE_EACH - 1; i < training->count; i += JUDGE_EACH)
            ret_trained->original_bytes += training->sizes[i];
    }
    close_work(&work);
    return done;
}
