/* tests/fuzz/auth/payload_fuzz.c -- any bytes as a body: bytes and verdict do not depend on where the pieces are cut.
 * The first four bytes choose form, announced trailer, decoded length and piece. */
#include "runtime/base/assert.h"
#include "server/auth/payload.h"

#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct outcome {
    bool good;
    const char *code;
    struct buffer original;
    bool has_trailer;
};

static void decode(const struct payload_expectation *expectation, struct span body, size_t piece, struct outcome *ret)
{
    struct arena arena;
    struct error error = {0};
    struct error_details details = {0};
    struct checksum_value trailer;
    arena_init(&arena, 1 << 16);
    struct payload_decoder *decoder = payload_decoder_create(expectation, &arena);
    bool good = true;
    while (good && body.size > 0) {
        struct span input = span_take(body, piece);
        body = span_skip(body, input.size);
        while (good && input.size > 0) {
            struct span before = input;
            struct span original;
            good = payload_decoder_feed(decoder, &input, &original, &details, &error);
            ASSERT(!good || input.size < before.size);
            ASSERT(original.size == 0 ||
                   (original.data >= before.data && original.data + original.size <= before.data + before.size));
            buffer_append(&ret->original, original);
        }
    }
    ret->good = good && payload_decoder_finish(decoder, &details, &error);
    ret->code = error.code;
    ret->has_trailer = ret->good && payload_decoder_trailer(decoder, &trailer);
    ASSERT(ret->good || error.code != NULL);
    payload_decoder_destroy(decoder);
    arena_free(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 4 || size > 100000)
        return 0;
    struct authentication authentication = {
        .payload = (enum payload_kind)(data[0] % 5),
        .timestamp = "20130524T000000Z",
        .scope = "20130524/us-east-1/s3/aws4_request",
    };
    struct payload_expectation expectation = {
        .authentication = &authentication,
        .has_decoded_length = data[2] != 255,
        .decoded_length = data[2],
        .trailer_checksum = (enum checksum_algorithm)(data[1] % CHECKSUM_ALGORITHMS),
    };
    struct span body = span_of(data + 4, size - 4);
    struct outcome whole = {0};
    struct outcome pieces = {0};
    decode(&expectation, body, SIZE_MAX, &whole);
    decode(&expectation, body, 1U + data[3], &pieces);
    ASSERT(whole.good == pieces.good && whole.code == pieces.code && whole.has_trailer == pieces.has_trailer);
    ASSERT(!whole.good || span_equal(buffer_span(&whole.original), buffer_span(&pieces.original)));
    if (payload_is_streamed(authentication.payload)) {
        ASSERT(whole.original.size <= expectation.decoded_length);
        ASSERT(!whole.good || whole.original.size == expectation.decoded_length);
    }
    buffer_free(&whole.original);
    buffer_free(&pieces.original);
    return 0;
}
