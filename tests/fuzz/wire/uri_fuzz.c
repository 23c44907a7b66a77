/* tests/fuzz/wire/uri_fuzz.c -- any bytes as text, as escapes and as a query: coding is undone by decoding, and a
 * canonical query is its own canonical form. */
#include "runtime/base/assert.h"
#include "runtime/base/utf8.h"
#include "s3client/wire/sigv4.h"
#include "s3client/wire/uri.h"

#include <stdint.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Only the line of the query, of a request that has nothing else. */
static bool canonical(struct span query, struct buffer *to)
{
    struct sigv4_request request = {.query = query};
    struct span missing;
    if (!sigv4_canonical_request(&request, to, &missing))
        return false;
    ASSERT(to->size >= 5);
    memmove(to->data, to->data + 2, to->size - 5); /* "\n\n" before, "\n\n\n" behind */
    to->size -= 5;
    return true;
}

static void check_query(struct span query)
{
    struct buffer once;
    struct buffer twice;
    buffer_init(&once, 1 << 20);
    buffer_init(&twice, 1 << 20);
    if (canonical(query, &once)) {
        ASSERT(canonical(buffer_span(&once), &twice));
        ASSERT(span_equal(buffer_span(&once), buffer_span(&twice)));
    }
    buffer_free(&once);
    buffer_free(&twice);
}

/* What is encoded already is what decoding and encoding make of it, and nothing else is. */
static void check_encoded(struct span text)
{
    struct buffer encoded;
    uint8_t *decoded = malloc(text.size + 1);
    size_t size = 0;
    buffer_init(&encoded, 0);
    bool is_whole = uri_decode(text, decoded, &size);
    if (is_whole)
        uri_encode(&encoded, span_of(decoded, size), URI_ENCODE_ALL);
    ASSERT(uri_is_encoded(text) == (is_whole && span_equal(buffer_span(&encoded), text)));
    buffer_free(&encoded);
    free(decoded);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct span text = span_of(data, size);
    uint8_t *decoded = malloc(size + 1);
    size_t decoded_size = 0;
    (void)uri_decode(text, decoded, &decoded_size);
    (void)uri_decode_form(text, decoded, &decoded_size);
    (void)utf8_is_valid(text);
    struct buffer encoded;
    buffer_init(&encoded, 0);
    uri_encode(&encoded, text, size % 2 ? URI_ENCODE_ALL : URI_ENCODE_KEEP_SLASH);
    uint8_t *back = malloc(encoded.size + 1);
    ASSERT(uri_decode(buffer_span(&encoded), back, &decoded_size));
    ASSERT(span_equal(span_of(back, decoded_size), text));
    free(back);
    free(decoded);
    buffer_free(&encoded);
    check_query(text);
    check_encoded(text);
    return 0;
}
