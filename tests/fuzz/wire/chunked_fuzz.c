/* tests/fuzz/wire/chunked_fuzz.c -- any bytes as a chunked body: fed whole and in pieces, the result is the same. */
#include "runtime/base/assert.h"
#include "s3client/wire/chunked.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct outcome {
    bool failed;
    bool done;
    size_t body_size;
    uint64_t body_hash;
    size_t used;
};

static void feed_part(struct chunked_reader *reader, struct span part, struct outcome *outcome)
{
    struct span input = part;
    struct error error;
    while (input.size > 0 && !chunked_reader_is_done(reader) && !outcome->failed) {
        struct span body;
        size_t before = input.size;
        outcome->failed = !chunked_reader_feed(reader, &input, &body, &error);
        ASSERT(input.data >= part.data && input.data + input.size == part.data + part.size);
        ASSERT(outcome->failed || input.size < before);
        ASSERT(body.size == 0 || (body.data >= part.data && body.data + body.size <= input.data));
        for (size_t i = 0; i < body.size; i++)
            outcome->body_hash = (outcome->body_hash ^ body.data[i]) * 0x100000001b3;
        outcome->body_size += body.size;
    }
    outcome->used += part.size - input.size;
    outcome->done = chunked_reader_is_done(reader);
}

static struct outcome feed_all(struct span bytes, size_t piece)
{
    struct outcome outcome = {0};
    struct chunked_reader reader;
    chunked_reader_init(&reader);
    while (bytes.size > 0 && !outcome.done && !outcome.failed) {
        struct span part = span_take(bytes, piece);
        bytes = span_skip(bytes, part.size);
        uint8_t *copy = malloc(part.size);
        memcpy(copy, part.data, part.size);
        feed_part(&reader, span_of(copy, part.size), &outcome);
        free(copy);
    }
    return outcome;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct outcome whole = feed_all(span_of(data, size), size == 0 ? 1 : size);
    for (size_t piece = 1; piece < 8; piece++) {
        struct outcome parts = feed_all(span_of(data, size), piece);
        ASSERT(parts.failed == whole.failed && parts.done == whole.done && parts.used == whole.used);
        ASSERT(parts.body_size == whole.body_size && parts.body_hash == whole.body_hash);
    }
    return 0;
}
