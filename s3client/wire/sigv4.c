/* s3client/wire/sigv4.c -- the canonical request and what is signed over it. Runs for every request: no allocation but
 * growth of the caller's buffer, which keeps its size between requests. */
#include "s3client/wire/sigv4.h"

#include "runtime/base/assert.h"
#include "runtime/base/hex.h"
#include "s3client/wire/uri.h"

enum { QUERY_PARAMETERS_MAX = 256 };

/* ---- query ---- */

/* An encoded parameter in the buffer: "name=value". */
struct parameter {
    uint32_t offset;
    uint32_t name_size;
    uint32_t value_size;
};

static struct span parameter_name(const struct buffer *from, const struct parameter *parameter)
{
    return span_of(from->data + parameter->offset, parameter->name_size);
}

static struct span parameter_text(const struct buffer *from, const struct parameter *parameter)
{
    return span_of(from->data + parameter->offset, parameter->name_size + 1U + parameter->value_size);
}

enum appended { APPENDED, APPEND_SKIPPED, APPEND_FAILED };

/* By name, then by value: "a=" must come before "a-b=", though '-' sorts before '='. */
static int parameter_compare(const struct buffer *from, const struct parameter *a, const struct parameter *b)
{
    int order = span_compare(parameter_name(from, a), parameter_name(from, b));
    if (order != 0)
        return order;
    return span_compare(span_skip(parameter_text(from, a), a->name_size),
                        span_skip(parameter_text(from, b), b->name_size));
}

/* Shell's sort: qsort would allocate. */
static void sort_parameters(const struct buffer *from, struct parameter *parameters, unsigned count)
{
    static const unsigned gaps[] = {57, 23, 10, 4, 1};
    for (unsigned g = 0; g < sizeof gaps / sizeof gaps[0]; g++) {
        unsigned gap = gaps[g];
        for (unsigned i = gap; i < count; i++) {
            struct parameter moved = parameters[i];
            unsigned at = i;
            for (; at >= gap && parameter_compare(from, &moved, &parameters[at - gap]) < 0; at -= gap)
                parameters[at] = parameters[at - gap];
            parameters[at] = moved;
        }
    }
}

/* Up to the first byte that does not stand for itself in a form. */
static size_t count_literal(struct span text)
{
    size_t count = 0;
    while (count < text.size && text.data[count] != '%' && text.data[count] != '+')
        count++;
    return count;
}

/* Decodes what the wire has, as forms are decoded, and encodes it as the signer must have: "%2b" and "%2B" are one, so
 * are "~" and "%7E", and "+" and "%20", which is a space. */
static bool append_normalised(struct buffer *to, struct span text)
{
    if (uri_is_encoded(text)) { /* by nearly all clients */
        buffer_append(to, text);
        return true;
    }
    for (;;) {
        struct span literal = span_take(text, count_literal(text));
        uri_encode(to, literal, URI_ENCODE_ALL);
        text = span_skip(text, literal.size);
        if (text.size == 0)
            return true;
        uint8_t byte = ' ';
        bool is_escape = text.data[0] == '%';
        if (is_escape && !uri_decode_escape(text, &byte))
            return false;
        uri_encode(to, span_of(&byte, 1), URI_ENCODE_ALL);
        text = span_skip(text, is_escape ? 3 : 1);
    }
}

/* Copied sorted behind what there is, and moved back. */
static bool rewrite_sorted(struct buffer *to, size_t start, struct parameter *parameters, unsigned count)
{
    sort_parameters(to, parameters, count);
    size_t unsorted_end = to->size;
    if (!buffer_reserve(to, unsorted_end - start))
        return false;
    for (unsigned i = 0; i < count; i++) {
        if (i > 0)
            buffer_append_byte(to, '&');
        buffer_append(to, parameter_text(to, &parameters[i]));
    }
    memmove(to->data + start, to->data + unsorted_end, to->size - unsorted_end);
    to->size -= unsorted_end - start;
    return true;
}

/* "name=value" behind what the buffer holds; SKIPPED: it is the signature itself. */
static enum appended append_parameter(struct buffer *to, struct span name, struct span value,
                                      struct parameter *ret_parameter)
{
    size_t start = to->size;
    ret_parameter->offset = (uint32_t)start;
    if (!append_normalised(to, name))
        return APPEND_FAILED;
    ret_parameter->name_size = (uint32_t)(to->size - start);
    if (!to->overflow && span_equal(parameter_name(to, ret_parameter), SPAN("X-Amz-Signature")))
        return APPEND_SKIPPED;
    buffer_append_byte(to, '=');
    if (!append_normalised(to, value) || to->overflow)
        return APPEND_FAILED;
    ret_parameter->value_size = (uint32_t)(to->size - start - ret_parameter->name_size - 1);
    return APPENDED;
}

/* Clients send them in order, nearly all of them. */
static bool append_query(struct buffer *to, struct span query)
{
    struct parameter parameters[QUERY_PARAMETERS_MAX];
    unsigned count = 0;
    bool is_sorted = true;
    size_t start = to->size;
    struct span name;
    struct span value;
    bool has_value;
    for (size_t position = 0; uri_query_next(query, &position, &name, &value, &has_value);) {
        size_t before = to->size;
        if (count == QUERY_PARAMETERS_MAX)
            return false;
        if (count > 0)
            buffer_append_byte(to, '&');
        enum appended appended = append_parameter(to, name, value, &parameters[count]);
        if (appended == APPEND_FAILED)
            return false;
        if (appended == APPEND_SKIPPED) {
            to->size = before;
            continue;
        }
        is_sorted &= count == 0 || parameter_compare(to, &parameters[count - 1], &parameters[count]) <= 0;
        count++;
    }
    return is_sorted || rewrite_sorted(to, start, parameters, count);
}

/* ---- headers ---- */

/* Trimmed, and runs of spaces inside folded to one. */
static void append_header_value(struct buffer *to, struct span value)
{
    value = span_trim(value);
    while (value.size > 0) {
        size_t blank = span_find(value, ' ');
        size_t plain = blank == SIZE_MAX ? value.size : blank + 1;
        buffer_append(to, span_take(value, plain));
        value = span_skip(value, plain);
        while (value.size > 0 && value.data[0] == ' ')
            value = span_skip(value, 1);
    }
}

/* "name:value,value\n", all headers of that name in their order. */
static bool append_header(const struct sigv4_request *request, struct span name, struct buffer *to)
{
    bool is_found = false;
    buffer_append(to, name);
    buffer_append_byte(to, ':');
    for (unsigned i = 0; i < request->headers_count; i++) {
        if (!span_equal_ignore_case(request->headers[i].name, name))
            continue;
        if (is_found)
            buffer_append_byte(to, ',');
        append_header_value(to, request->headers[i].value);
        is_found = true;
    }
    buffer_append_byte(to, '\n');
    return is_found;
}

/* Equal names are neighbours. */
static void append_in_order(const struct sigv4_request *request, struct buffer *to)
{
    for (unsigned i = 0; i < request->headers_count; i++) {
        const struct sigv4_header *header = &request->headers[i];
        bool goes_on = i > 0 && span_equal(header->name, header[-1].name);
        if (i > 0)
            buffer_append_byte(to, goes_on ? ',' : '\n');
        if (!goes_on) {
            buffer_append(to, header->name);
            buffer_append_byte(to, ':');
        }
        append_header_value(to, header->value);
    }
    buffer_append_byte(to, '\n');
}

/* Each name at most once, so there are never more names than headers: this bounds what one request can ask for. */
static bool append_headers(const struct sigv4_request *request, struct buffer *to, struct span *ret_missing)
{
    struct span rest = request->signed_headers;
    for (unsigned count = 0; rest.size > 0; count++) {
        size_t end = span_find(rest, ';');
        struct span name = end == SIZE_MAX ? rest : span_take(rest, end);
        if (count == request->headers_count || !append_header(request, name, to)) {
            *ret_missing = name;
            return false;
        }
        rest = span_skip(rest, end == SIZE_MAX ? rest.size : end + 1);
    }
    return true;
}

bool sigv4_canonical_request(const struct sigv4_request *request, struct buffer *to, struct span *ret_missing)
{
    *ret_missing = SPAN_EMPTY;
    buffer_append(to, request->method);
    buffer_append_byte(to, '\n');
    uri_encode(to, request->path, URI_ENCODE_KEEP_SLASH);
    buffer_append_byte(to, '\n');
    if (!append_query(to, request->query))
        return false;
    buffer_append_byte(to, '\n');
    if (request->are_headers_in_order)
        append_in_order(request, to);
    else if (!append_headers(request, to, ret_missing))
        return false;
    buffer_append_byte(to, '\n');
    buffer_append(to, request->signed_headers);
    buffer_append_byte(to, '\n');
    buffer_append(to, request->payload_hash);
    return !to->overflow;
}

/* ---- strings to sign ---- */

static void append_hex(struct buffer *to, const uint8_t digest[SHA256_BYTES])
{
    char text[2 * SHA256_BYTES];
    hex_encode(span_of(digest, SHA256_BYTES), text);
    buffer_append(to, span_of(text, sizeof text));
}

static void append_preamble(struct buffer *to, struct span algorithm, struct span timestamp, struct span scope)
{
    buffer_append(to, algorithm);
    buffer_append_byte(to, '\n');
    buffer_append(to, timestamp);
    buffer_append_byte(to, '\n');
    buffer_append(to, scope);
    buffer_append_byte(to, '\n');
}

void sigv4_string_to_sign(struct span timestamp, struct span scope, struct span canonical_request, struct buffer *to)
{
    uint8_t digest[SHA256_BYTES];
    sha256_of(canonical_request, digest);
    append_preamble(to, SPAN(SIGV4_ALGORITHM), timestamp, scope);
    append_hex(to, digest);
}

void sigv4_chunk_string_to_sign(struct span timestamp, struct span scope, const char previous_signature[64],
                                const uint8_t chunk_hash[SHA256_BYTES], struct buffer *to)
{
    static const char hash_of_nothing[] = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    append_preamble(to, SPAN(SIGV4_ALGORITHM "-PAYLOAD"), timestamp, scope);
    buffer_append(to, span_of(previous_signature, 64));
    buffer_append_byte(to, '\n');
    buffer_append_string(to, hash_of_nothing);
    buffer_append_byte(to, '\n');
    append_hex(to, chunk_hash);
}

void sigv4_trailer_string_to_sign(struct span timestamp, struct span scope, const char previous_signature[64],
                                  const uint8_t trailer_hash[SHA256_BYTES], struct buffer *to)
{
    append_preamble(to, SPAN(SIGV4_ALGORITHM "-TRAILER"), timestamp, scope);
    buffer_append(to, span_of(previous_signature, 64));
    buffer_append_byte(to, '\n');
    append_hex(to, trailer_hash);
}

/* ---- keys and signatures ---- */

void sigv4_signing_key(struct span secret, struct span day, struct span region, struct span service,
                       uint8_t ret_key[SHA256_BYTES])
{
    uint8_t key[256] = "AWS4";
    ASSERT(secret.size <= sizeof key - 4);
    memcpy(key + 4, secret.data, secret.size);
    hmac_sha256(span_of(key, 4 + secret.size), day, ret_key);
    hmac_sha256(span_of(ret_key, SHA256_BYTES), region, ret_key);
    hmac_sha256(span_of(ret_key, SHA256_BYTES), service, ret_key);
    hmac_sha256(span_of(ret_key, SHA256_BYTES), SPAN("aws4_request"), ret_key);
    explicit_bzero(key, sizeof key);
}

void sigv4_signature(const uint8_t key[SHA256_BYTES], struct span string_to_sign, char ret_hex[64])
{
    struct hmac_sha256_key prepared;
    hmac_sha256_prepare(&prepared, span_of(key, SHA256_BYTES));
    sigv4_signature_prepared(&prepared, string_to_sign, ret_hex);
}

void sigv4_signature_prepared(const struct hmac_sha256_key *key, struct span string_to_sign, char ret_hex[64])
{
    uint8_t digest[SHA256_BYTES];
    hmac_sha256_sign(key, string_to_sign, digest);
    hex_encode(span_of(digest, sizeof digest), ret_hex);
}
