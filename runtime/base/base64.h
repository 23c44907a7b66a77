/* runtime/base/base64.h -- RFC 4648 base64, standard alphabet, padded, no line breaks. */
#pragma once

#include "runtime/base/span.h"

#define BASE64_ENCODED_BYTES(size) (((size) + 2) / 3 * 4)

/* Writes BASE64_ENCODED_BYTES(bytes.size) characters, no terminating zero. */
void base64_encode(struct span bytes, char *ret_text);

/* Strict: length a multiple of 4, padding only at the end, unused bits zero, exactly `size` bytes come out. */
bool base64_decode(struct span text, uint8_t *ret_bytes, size_t size);

/* How many bytes such a text stands for, by its length and its padding; of one that is no base64 it says nothing. */
static inline size_t base64_decoded_bytes(struct span text)
{
    size_t padding = span_ends_with(text, SPAN("==")) ? 2 : span_ends_with(text, SPAN("=")) ? 1 : 0;
    return text.size / 4 * 3 - (text.size < 4 ? 0 : padding);
}

/* The same with '-' and '_' and without padding (RFC 4648 section 5): in names and in fields of text. */
#define BASE64_URL_BYTES(size) (((size)*8 + 5) / 6)
void base64_url_encode(struct span bytes, char *ret_text);
bool base64_url_decode(struct span text, uint8_t *ret_bytes, size_t size);
