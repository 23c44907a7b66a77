/* bench/micro/dictionary.c -- a line of JSON packed with a dictionary that was trained on others, and without one;
 * unpacked; and what the dictionary itself takes to be made ready. */
#include "bench/data/data_sets.h"
#include "bench/micro/micro.h"
#include "codec/decompressor.h"
#include "codec/dictionary/dictionary_train.h"
#include "codec/format/frame.h"
#include "codec/stock/compressor.h"

#include <string.h>

enum { LEVEL = 3, LINES = 400, LINE_BYTES_MAX = 1024 };

static uint8_t bytes[LINES * LINE_BYTES_MAX];

struct packing {
    struct compressor *compressor;
    struct decompressor *decompressor;
    const struct ZSTD_CDict_s *dictionary; /* NULL: none */
    struct span line;
    uint8_t payload[LINE_BYTES_MAX];
    size_t payload_size;
};

static bool pack(void *state)
{
    struct packing *packing = state;
    const struct compression how = {.level = LEVEL, .dictionary = packing->dictionary};
    compressor_begin(packing->compressor, &how, packing->line, packing->payload, packing->line.size);
    while (compressor_step(packing->compressor, &packing->payload_size) == CODEC_MORE)
        ;
    return packing->payload_size > 0;
}

static bool unpack(void *state)
{
    struct packing *packing = state;
    struct span payload = span_of(packing->payload, packing->payload_size);
    struct error error;
    uint8_t line[LINE_BYTES_MAX];
    return decompressor_run(packing->decompressor, CODEC_ZSTD_DICTIONARY, payload, line, packing->line.size, &error) &&
           memcmp(line, packing->line.data, packing->line.size) == 0;
}

static bool make_ready(void *state)
{
    const struct span *trained = state;
    struct error error;
    struct dictionary *dictionary = dictionary_create_for_level(*trained, LEVEL, &error);
    bool is_made = dictionary != NULL;
    dictionary_drop(dictionary);
    return is_made;
}

/* The last line is none of the samples. */
static struct dictionary *train(struct trained *ret_trained, struct span *ret_line)
{
    static size_t sizes[LINES];
    size_t samples_size = 0;
    struct error error;
    data_set_fill(data_set_find("json"), bytes, sizeof bytes);
    for (unsigned i = 0; i < LINES; i++) {
        const uint8_t *start = bytes + samples_size;
        const uint8_t *end = memchr(start, '\n', LINE_BYTES_MAX);
        if (end == NULL)
            micro_fail("dictionary/", "a line of the data set is longer than thought");
        sizes[i] = (size_t)(end - start) + 1;
        samples_size += sizes[i];
    }
    *ret_line = span_of(bytes + samples_size - sizes[LINES - 1], sizes[LINES - 1]);
    struct span samples = span_of(bytes, samples_size - sizes[LINES - 1]);
    const struct training training = {.samples = samples, .sizes = sizes, .count = LINES - 1, .level = LEVEL};
    struct dictionary *dictionary = NULL;
    if (dictionary_train(&training, ret_trained, &error))
        dictionary = dictionary_create_for_level(buffer_span(&ret_trained->dictionary), LEVEL, &error);
    if (dictionary == NULL)
        micro_fail("dictionary/", error.message);
    return dictionary;
}

void micro_dictionary(struct micro *micro)
{
    struct trained trained = {0};
    struct packing packing = {.compressor = compressor_create(), .decompressor = decompressor_create()};
    struct dictionary *dictionary = train(&trained, &packing.line);
    struct span ready = buffer_span(&trained.dictionary);
    size_t size = packing.line.size;
    micro_measure(micro, &(struct micro_case){"dictionary/none/pack", size, pack, &packing});
    packing.dictionary = dictionary_for_coding(dictionary);
    decompressor_set_dictionary(packing.decompressor, dictionary);
    micro_measure(micro, &(struct micro_case){"dictionary/pack", size, pack, &packing});
    (void)pack(&packing); /* what is unpacked, also where that alone is asked for */
    micro_measure(micro, &(struct micro_case){"dictionary/unpack", size, unpack, &packing});
    micro_measure(micro, &(struct micro_case){"dictionary/make-ready", ready.size, make_ready, &ready});
    dictionary_drop(dictionary);
    buffer_free(&trained.dictionary);
    compressor_destroy(packing.compressor);
    decompressor_destroy(packing.decompressor);
}
