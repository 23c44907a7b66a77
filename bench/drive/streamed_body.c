/* bench/drive/streamed_body.c -- chunks: "20000;chunk-signature=<64 hex>\r\n", the bytes, "\r\n"; the last has none. */
#include "bench/drive/streamed_body.h"

#include "runtime/base/assert.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CHUNK_HEAD_BYTES_MAX = 8 + 17 + 64 + 2, CHUNK_END_BYTES = 2 };

void streamed_body_free(struct streamed_body *body)
{
    buffer_free(&body->framing);
    free(body->pieces);
    *body = (struct streamed_body){0};
}

static uint64_t chunk_bytes(uint64_t size)
{
    return (uint64_t)snprintf(NULL, 0, "%llx", (unsigned long long)size) + strlen(";chunk-signature=") + 64 + 2 + size +
           CHUNK_END_BYTES;
}

uint64_t streamed_body_bytes(uint64_t size)
{
    uint64_t rest = size % STREAMED_CHUNK_BYTES;
    return size / STREAMED_CHUNK_BYTES * chunk_bytes(STREAMED_CHUNK_BYTES) + (rest > 0 ? chunk_bytes(rest) : 0) +
           chunk_bytes(0);
}

/* Where the making has come to. */
struct making {
    struct streamed_body *body;
    const struct signing *head;
    char previous[64];
    const struct span *next; /* piece */
    size_t used;             /* of it */
};

static void put_piece(struct streamed_body *body, struct span piece)
{
    ASSERT(body->count < body->capacity);
    body->pieces[body->count++] = piece;
}

/* Room for what is added stays where it is: the caller has reserved all of it. */
static void put_framing(struct streamed_body *body, struct span text)
{
    ASSERT(body->framing.capacity - body->framing.size >= text.size);
    const uint8_t *at = body->framing.data + body->framing.size;
    buffer_append(&body->framing, text);
    put_piece(body, span_of(at, text.size));
}

static void sign_chunk(struct making *making, const uint8_t hash[SHA256_BYTES])
{
    struct buffer text;
    buffer_init(&text, 0);
    sigv4_chunk_string_to_sign(span_from_string(making->head->timestamp), span_from_string(making->head->scope),
                               making->previous, hash, &text);
    sigv4_signature_prepared(&making->head->key, buffer_span(&text), making->previous);
    buffer_free(&text);
}

/* The head of a chunk stands before its bytes, and has their hash: its place among the pieces is kept free. */
static void put_chunk(struct making *making, uint64_t size)
{
    struct streamed_body *body = making->body;
    struct sha256_sum sum;
    uint8_t hash[SHA256_BYTES];
    char head[CHUNK_HEAD_BYTES_MAX + 1];
    unsigned place = body->count;
    put_piece(body, SPAN_EMPTY);
    sha256_begin(&sum);
    for (uint64_t left = size; left > 0;) {
        struct span piece = span_take(span_skip(*making->next, making->used), left);
        sha256_update(&sum, piece);
        put_piece(body, piece);
        left -= piece.size;
        making->used += piece.size;
        if (making->used == making->next->size) {
            making->next++;
            making->used = 0;
        }
    }
    sha256_end(&sum, hash);
    sign_chunk(making, hash);
    int length =
        snprintf(head, sizeof head, "%llx;chunk-signature=%.64s\r\n", (unsigned long long)size, making->previous);
    put_framing(body, span_of(head, (size_t)length));
    body->pieces[place] = body->pieces[--body->count];
    put_framing(body, SPAN("\r\n"));
}

void streamed_body_make(struct streamed_body *body, const struct signing *head, const struct span *pieces,
                        unsigned count, uint64_t size)
{
    uint64_t chunks = size / STREAMED_CHUNK_BYTES + 2;
    struct making making = {.body = body, .head = head, .next = pieces};
    unsigned wanted = (unsigned)(chunks * 3) + count + 1; /* head, bytes, end; a break in the bytes */
    if (wanted > body->capacity) {
        free(body->pieces);
        body->pieces = calloc(wanted, sizeof *body->pieces);
        ASSERT(body->pieces != NULL);
        body->capacity = wanted;
    }
    body->count = 0;
    buffer_clear(&body->framing);
    ASSERT(buffer_reserve(&body->framing, chunks * (CHUNK_HEAD_BYTES_MAX + CHUNK_END_BYTES)));
    memcpy(making.previous, head->signature, sizeof making.previous);
    for (uint64_t left = size; left > 0;) {
        uint64_t chunk = left < STREAMED_CHUNK_BYTES ? left : STREAMED_CHUNK_BYTES;
        put_chunk(&making, chunk);
        left -= chunk;
        fiber_yield_if_due(); /* hashing holds up the answers to others */
    }
    put_chunk(&making, 0);
}
