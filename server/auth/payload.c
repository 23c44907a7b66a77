/* server/auth/payload.c -- aws-chunked framing off, signatures of chunks and trailer, and the hash of the whole body.
 *
 *   signed chunk    "2000;chunk-signature=<64 hex>\r\n" data "\r\n"      unsigned: "2000\r\n" data "\r\n"
 *   last chunk      "0;chunk-signature=<64 hex>\r\n"                     unsigned: "0\r\n"
 *   trailer         "x-amz-checksum-crc32:<base64>\r\n" "x-amz-trailer-signature:<64 hex>\r\n"
 *   end             "\r\n"
 *
 * A line of the trailer may also end in "\n", or in "\n\r\n" as minio-go writes it (statement 351). So an empty line
 * behind one that ended in "\n" is its end or the trailer's: that shows when the next line comes, or none.
 *
 * Sources: "Transferring Payload in Multiple Chunks" and "Including Trailing Headers" in the Amazon S3 API reference.
 */
#include "server/auth/payload.h"

#include "runtime/base/assert.h"
#include "runtime/base/checked.h"
#include "runtime/base/decimal.h"
#include "runtime/base/hex.h"
#include "s3client/wire/s3_error.h"
#include "s3client/wire/sigv4.h"

enum {
    LINE_BYTES_MAX = 256, /* a chunk's header has at most 16 + 17 + 64, a trailer 24 + 1 + 88 */
    CHUNK_BYTES_MIN = 8192,
    CHUNK_SIZE_DIGITS_MAX = 16,
    SIGNATURE_BYTES = 64,
    TO_SIGN_BYTES_MAX = 512,
};

/* What is expected next. */
enum state {
    STATE_HEADER,        /* a chunk's header line */
    STATE_DATA,          /* bytes of a chunk */
    STATE_DATA_RETURN,   /* the CR behind them */
    STATE_DATA_LINEFEED, /* the LF behind that */
    STATE_TRAILER,       /* a line of the trailer, or the empty line that ends it */
    STATE_END,           /* nothing more may come */
    STATE_RAW,           /* not streamed: all bytes are original */
};

struct payload_decoder {
    struct payload_expectation expectation;
    struct arena *arena;
    enum payload_kind kind;
    enum state state;
    bool verified; /* the end was reached, and all is right */
    bool failed;
    struct error error; /* once failed */

    uint64_t original_bytes; /* announced by chunk headers so far */
    uint64_t chunk_left;     /* bytes of the chunk that have not come */
    uint64_t chunk_size;
    uint64_t chunk_number; /* from 1; 0: none has come */

    struct sha256_sum sum; /* of the chunk, or of the whole body */
    bool is_sum_lent;      /* the caller hashes into it */
    struct hmac_sha256_key key;
    char previous_signature[SIGNATURE_BYTES];
    char chunk_signature[SIGNATURE_BYTES];

    enum {
        TRAILER_LINE_WHOLE,    /* the last line has its end */
        TRAILER_LINE_SHORT,    /* it ended in LF: a CR LF may still belong to it ... */
        TRAILER_LINE_OR_ENDED, /* ... and that has come; it may have been the end of all */
    } trailer_line;
    bool has_trailer;
    bool has_trailer_signature;
    struct checksum_value trailer;
    char trailer_signature[SIGNATURE_BYTES];

    size_t line_size;
    uint8_t line[LINE_BYTES_MAX];
};

/* ---- refusals: the first one stays ---- */

static bool fail(struct payload_decoder *decoder, enum error_kind kind, const char *code, const char *message)
{
    decoder->failed = true;
    return error_set(&decoder->error, kind, code, "%s", message);
}

static bool fail_framing(struct payload_decoder *decoder, const char *message)
{
    return fail(decoder, ERROR_INVALID, S3_IncompleteBody, message);
}

static bool fail_trailer(struct payload_decoder *decoder, const char *message)
{
    return fail(decoder, ERROR_INVALID, S3_MalformedTrailerError, message);
}

static void add_decimal(struct payload_decoder *decoder, struct error_details *details, const char *name,
                        uint64_t value)
{
    char digits[DECIMAL_BYTES_MAX];
    error_details_add(details, name, arena_copy(decoder->arena, span_of(digits, decimal_format(value, digits))));
}

/* ---- what the head says ---- */

bool payload_is_streamed(enum payload_kind kind)
{
    return kind == PAYLOAD_STREAM_SIGNED || kind == PAYLOAD_STREAM_SIGNED_TRAILER ||
           kind == PAYLOAD_STREAM_UNSIGNED_TRAILER;
}

static bool is_signed(enum payload_kind kind)
{
    return kind == PAYLOAD_STREAM_SIGNED || kind == PAYLOAD_STREAM_SIGNED_TRAILER;
}

static bool has_trailer_form(enum payload_kind kind)
{
    return kind == PAYLOAD_STREAM_SIGNED_TRAILER || kind == PAYLOAD_STREAM_UNSIGNED_TRAILER;
}

bool payload_expect(const struct http_head *head, const struct authentication *authentication,
                    struct payload_expectation *ret_expectation, struct error *error)
{
    struct payload_expectation expectation = {.authentication = authentication};
    struct span text;
    if (http_head_find(head, "x-amz-decoded-content-length", &text))
        expectation.has_decoded_length = decimal_parse(text, &expectation.decoded_length);
    if (payload_is_streamed(authentication->payload) && !expectation.has_decoded_length)
        return error_set(error, ERROR_INVALID, S3_MissingContentLength,
                         "A streamed body needs its length in x-amz-decoded-content-length.");
    if (http_head_find(head, "x-amz-trailer", &text)) {
        expectation.trailer_checksum = checksum_from_header(span_trim(text));
        if (expectation.trailer_checksum == CHECKSUM_NONE || http_head_count(head, "x-amz-trailer") > 1)
            return error_set(error, ERROR_INVALID, S3_InvalidRequest,
                             "The value specified in the x-amz-trailer header is not supported: it must name one "
                             "checksum, as in x-amz-checksum-crc32; there are: " CHECKSUM_VALID_NAMES ".");
        if (!has_trailer_form(authentication->payload))
            return error_set(error, ERROR_INVALID, S3_InvalidRequest,
                             "x-amz-trailer is there, but x-amz-content-sha256 names a form without trailer.");
    }
    *ret_expectation = expectation;
    return true;
}

struct payload_decoder *payload_decoder_create(const struct payload_expectation *expectation, struct arena *arena)
{
    struct payload_decoder *decoder = arena_allocate(arena, sizeof *decoder);
    if (decoder == NULL)
        return NULL;
    const struct authentication *authentication = expectation->authentication;
    memset(decoder, 0, sizeof *decoder);
    decoder->expectation = *expectation;
    decoder->arena = arena;
    decoder->kind = authentication->payload;
    decoder->state = payload_is_streamed(decoder->kind) ? STATE_HEADER : STATE_RAW;
    sha256_begin(&decoder->sum);
    if (is_signed(decoder->kind)) {
        hmac_sha256_prepare(&decoder->key, span_of(authentication->signing_key, SHA256_BYTES));
        memcpy(decoder->previous_signature, authentication->seed_signature, SIGNATURE_BYTES);
    }
    return decoder;
}

void payload_decoder_destroy(struct payload_decoder *decoder)
{
    if (decoder != NULL)
        explicit_bzero(&decoder->key, sizeof decoder->key);
}

struct sha256_sum *payload_decoder_lend_sum(struct payload_decoder *decoder)
{
    if (decoder->kind != PAYLOAD_SHA256)
        return NULL;
    decoder->is_sum_lent = true;
    return &decoder->sum;
}

/* ---- signatures of chunks and trailer ---- */

static struct buffer buffer_on(char *memory, size_t size)
{
    return (struct buffer){.data = (uint8_t *)memory, .capacity = size, .limit = size}; /* never grows */
}

/* The computed signature goes on in the chain; it is the client's, or the body is refused. */
static bool check_signature(struct payload_decoder *decoder, const struct buffer *to_sign, const char *provided,
                            struct error_details *details, const char *what)
{
    char expected[SIGNATURE_BYTES];
    ASSERT(!to_sign->overflow);
    sigv4_signature_prepared(&decoder->key, buffer_span(to_sign), expected);
    memcpy(decoder->previous_signature, expected, SIGNATURE_BYTES);
    struct span given = span_of(provided, SIGNATURE_BYTES);
    if (span_equal_constant_time(given, span_of(expected, SIGNATURE_BYTES)))
        return true;
    error_details_add(details, "StringToSign", arena_copy(decoder->arena, buffer_span(to_sign)));
    error_details_add(details, "SignatureProvided", arena_copy(decoder->arena, given));
    return fail(decoder, ERROR_DENIED, S3_SignatureDoesNotMatch, what);
}

/* All bytes of the chunk have come. */
static bool check_chunk(struct payload_decoder *decoder, struct error_details *details)
{
    if (!is_signed(decoder->kind))
        return true;
    const struct authentication *authentication = decoder->expectation.authentication;
    uint8_t hash[SHA256_BYTES];
    char memory[TO_SIGN_BYTES_MAX];
    struct buffer to_sign = buffer_on(memory, sizeof memory);
    sha256_end(&decoder->sum, hash);
    sha256_begin(&decoder->sum);
    sigv4_chunk_string_to_sign(span_from_string(authentication->timestamp), span_from_string(authentication->scope),
                               decoder->previous_signature, hash, &to_sign);
    return check_signature(decoder, &to_sign, decoder->chunk_signature, details,
                           "The signature of a chunk does not match what was calculated for its bytes.");
}

/* What is signed is "name:value\n" in lower case; without any trailer, nothing. */
static bool check_trailer_signature(struct payload_decoder *decoder, struct error_details *details)
{
    const struct authentication *authentication = decoder->expectation.authentication;
    char text[LINE_BYTES_MAX];
    char value[CHECKSUM_TEXT_BYTES];
    struct buffer trailer = buffer_on(text, sizeof text);
    if (decoder->has_trailer) {
        checksum_format(&decoder->trailer, value);
        buffer_append_string(&trailer, checksum_header(decoder->trailer.algorithm));
        buffer_append_byte(&trailer, ':');
        buffer_append_string(&trailer, value);
        buffer_append_byte(&trailer, '\n');
    }
    uint8_t hash[SHA256_BYTES];
    char memory[TO_SIGN_BYTES_MAX];
    struct buffer to_sign = buffer_on(memory, sizeof memory);
    sha256_of(buffer_span(&trailer), hash);
    sigv4_trailer_string_to_sign(span_from_string(authentication->timestamp), span_from_string(authentication->scope),
                                 decoder->previous_signature, hash, &to_sign);
    return check_signature(decoder, &to_sign, decoder->trailer_signature, details,
                           "The signature of the trailer does not match what was calculated for it.");
}

/* ---- chunk headers ---- */

static bool take_signature(struct payload_decoder *decoder, struct span extension)
{
    const struct span name = SPAN("chunk-signature=");
    if (!span_starts_with(extension, name) || extension.size != name.size + SIGNATURE_BYTES)
        return fail_framing(decoder, "A chunk has no chunk-signature of 64 hexadecimal digits.");
    memcpy(decoder->chunk_signature, extension.data + name.size, SIGNATURE_BYTES);
    return true;
}

static bool parse_size(struct span text, uint64_t *ret_size)
{
    if (text.size == 0 || text.size > CHUNK_SIZE_DIGITS_MAX)
        return false;
    uint64_t size = 0;
    for (size_t i = 0; i < text.size; i++) {
        int digit = hex_digit_value(text.data[i]);
        if (digit < 0)
            return false;
        size = size << 4 | (uint64_t)digit;
    }
    *ret_size = size;
    return true;
}

static bool begin_chunk(struct payload_decoder *decoder, uint64_t size, struct error_details *details)
{
    if (decoder->chunk_number > 0 && decoder->chunk_size < CHUNK_BYTES_MIN && size > 0) { /* statement 83 */
        add_decimal(decoder, details, "Chunk", decoder->chunk_number);
        add_decimal(decoder, details, "BadChunkSize", decoder->chunk_size);
        return fail(decoder, ERROR_INVALID, S3_InvalidChunkSizeError,
                    "Only the last chunk is allowed to have a size less than 8192 bytes");
    }
    if (!checked_add(decoder->original_bytes, size, &decoder->original_bytes) ||
        decoder->original_bytes > decoder->expectation.decoded_length)
        return fail_framing(decoder, "The body is longer than x-amz-decoded-content-length says.");
    decoder->chunk_number++;
    decoder->chunk_size = size;
    decoder->chunk_left = size;
    decoder->state = STATE_DATA;
    if (size > 0)
        return true;
    decoder->state = STATE_TRAILER;
    return check_chunk(decoder, details);
}

static bool take_chunk_header(struct payload_decoder *decoder, struct span line, struct error_details *details)
{
    uint64_t size;
    size_t semicolon = span_find(line, ';');
    if (!parse_size(span_take(line, semicolon), &size))
        return fail_framing(decoder, "The size of a chunk is not a hexadecimal number.");
    if (is_signed(decoder->kind)) {
        struct span extension = semicolon == SIZE_MAX ? SPAN_EMPTY : span_skip(line, semicolon + 1);
        if (!take_signature(decoder, extension))
            return false;
    }
    return begin_chunk(decoder, size, details);
}

/* ---- the trailer ---- */

static bool take_checksum(struct payload_decoder *decoder, struct span name, struct span value)
{
    enum checksum_algorithm announced = decoder->expectation.trailer_checksum;
    enum checksum_algorithm algorithm = checksum_from_header(name);
    if (announced == CHECKSUM_NONE || algorithm != announced)
        return fail_trailer(decoder, "The trailer is not the one that x-amz-trailer announces.");
    if (decoder->has_trailer)
        return fail_trailer(decoder, "The trailer stands twice.");
    if (!checksum_parse(algorithm, value, &decoder->trailer)) /* statement 87 */
        return fail(decoder, ERROR_INVALID, S3_InvalidRequest,
                    "The value of the trailing checksum is not base64 of the right length.");
    decoder->has_trailer = true;
    return true;
}

static bool take_trailer_signature(struct payload_decoder *decoder, struct span value)
{
    if (decoder->has_trailer_signature || value.size != SIGNATURE_BYTES)
        return fail_trailer(decoder, "x-amz-trailer-signature must be there once, with 64 hexadecimal digits.");
    memcpy(decoder->trailer_signature, value.data, SIGNATURE_BYTES);
    decoder->has_trailer_signature = true;
    return true;
}

static bool end_trailer(struct payload_decoder *decoder, struct error_details *details)
{
    decoder->state = STATE_END;
    bool is_announced = decoder->expectation.trailer_checksum != CHECKSUM_NONE;
    if (is_announced && !decoder->has_trailer)
        return fail_trailer(decoder, "The trailer that x-amz-trailer announces is missing.");
    if (decoder->kind != PAYLOAD_STREAM_SIGNED_TRAILER)
        return true;
    if (decoder->has_trailer_signature)
        return check_trailer_signature(decoder, details);
    /* Where nothing was announced (which is signed) there is nothing that could have been taken away. */
    return !is_announced || fail_trailer(decoder, "The trailer has no x-amz-trailer-signature.");
}

/* `is_short`: the line ended in LF alone. */
static bool take_trailer_line(struct payload_decoder *decoder, struct span line, bool is_short,
                              struct error_details *details)
{
    if (line.size == 0 && !is_short && decoder->trailer_line == TRAILER_LINE_SHORT) {
        decoder->trailer_line = TRAILER_LINE_OR_ENDED;
        return true;
    }
    if (line.size == 0)
        return end_trailer(decoder, details);
    decoder->trailer_line = is_short ? TRAILER_LINE_SHORT : TRAILER_LINE_WHOLE;
    if (!has_trailer_form(decoder->kind))
        return fail_framing(decoder, "Bytes follow the last chunk.");
    size_t colon = span_find(line, ':');
    if (colon == SIZE_MAX)
        return fail_trailer(decoder, "A line of the trailer has no colon.");
    struct span name = span_take(line, colon);
    struct span value = span_trim(span_skip(line, colon + 1));
    if (decoder->kind == PAYLOAD_STREAM_SIGNED_TRAILER && span_equal_ignore_case(name, SPAN("x-amz-trailer-signature")))
        return take_trailer_signature(decoder, value);
    if (decoder->has_trailer_signature)
        return fail_trailer(decoder, "Something follows x-amz-trailer-signature.");
    return take_checksum(decoder, name, value);
}

/* ---- bytes ---- */

/* Gathers a line. True with *ret_complete false: it goes on in the next input. */
static bool gather_line(struct payload_decoder *decoder, struct span *input, bool *ret_complete)
{
    size_t end = span_find(*input, '\n');
    size_t take = end == SIZE_MAX ? input->size : end + 1;
    *ret_complete = end != SIZE_MAX;
    if (take > LINE_BYTES_MAX - decoder->line_size)
        return fail_framing(decoder, "A chunk header or a line of the trailer is too long.");
    memcpy(decoder->line + decoder->line_size, input->data, take);
    decoder->line_size += take;
    *input = span_skip(*input, take);
    return true;
}

/* A whole line without CR LF; *ret_is_short: it had LF alone. */
static struct span without_end(const struct payload_decoder *decoder, bool *ret_is_short)
{
    *ret_is_short = decoder->line_size < 2 || decoder->line[decoder->line_size - 2] != '\r';
    return span_of(decoder->line, decoder->line_size - (*ret_is_short ? 1 : 2));
}

static bool feed_line(struct payload_decoder *decoder, struct span *input, struct error_details *details)
{
    bool is_complete;
    bool is_short;
    if (!gather_line(decoder, input, &is_complete))
        return false;
    if (!is_complete)
        return true;
    struct span line = without_end(decoder, &is_short);
    bool is_trailer = decoder->state == STATE_TRAILER;
    decoder->line_size = 0;
    if (is_short && !(is_trailer && has_trailer_form(decoder->kind)))
        return fail_framing(decoder, "A chunk header, or the end of the body, does not end in CR LF.");
    return is_trailer ? take_trailer_line(decoder, line, is_short, details) : take_chunk_header(decoder, line, details);
}

static bool feed_data(struct payload_decoder *decoder, struct span *input, struct span *ret_original,
                      struct error_details *details)
{
    size_t take = input->size < decoder->chunk_left ? input->size : (size_t)decoder->chunk_left;
    *ret_original = span_take(*input, take);
    *input = span_skip(*input, take);
    if (is_signed(decoder->kind))
        sha256_update(&decoder->sum, *ret_original);
    decoder->chunk_left -= take;
    if (decoder->chunk_left > 0)
        return true;
    decoder->state = STATE_DATA_RETURN;
    return check_chunk(decoder, details);
}

static bool feed_byte(struct payload_decoder *decoder, struct span *input, uint8_t expected, enum state next)
{
    if (input->data[0] != expected)
        return fail_framing(decoder, "The bytes of a chunk are not followed by CR LF.");
    *input = span_skip(*input, 1);
    decoder->state = next;
    return true;
}

static void feed_raw(struct payload_decoder *decoder, struct span *input, struct span *ret_original)
{
    if (decoder->kind == PAYLOAD_SHA256 && !decoder->is_sum_lent)
        sha256_update(&decoder->sum, *input);
    *ret_original = *input;
    *input = span_skip(*input, input->size);
}

static bool feed(struct payload_decoder *decoder, struct span *input, struct span *ret_original,
                 struct error_details *details)
{
    if (payload_is_streamed(decoder->kind) && !decoder->expectation.has_decoded_length)
        return fail(decoder, ERROR_INVALID, S3_MissingContentLength,
                    "A streamed body needs its length in x-amz-decoded-content-length.");
    /* framing is passed over, until there are original bytes */
    while (input->size > 0 && ret_original->size == 0) {
        bool good = true;
        switch (decoder->state) {
        case STATE_RAW:
            feed_raw(decoder, input, ret_original);
            break;
        case STATE_HEADER:
        case STATE_TRAILER:
            good = feed_line(decoder, input, details);
            break;
        case STATE_DATA:
            good = feed_data(decoder, input, ret_original, details);
            break;
        case STATE_DATA_RETURN:
            good = feed_byte(decoder, input, '\r', STATE_DATA_LINEFEED);
            break;
        case STATE_DATA_LINEFEED:
            good = feed_byte(decoder, input, '\n', STATE_HEADER);
            break;
        case STATE_END:
            good = fail_framing(decoder, "Bytes follow the end of the body.");
            break;
        }
        if (!good)
            return false;
    }
    return true;
}

bool payload_decoder_feed(struct payload_decoder *decoder, struct span *input, struct span *ret_original,
                          struct error_details *ret_details, struct error *error)
{
    ASSERT(!decoder->verified);
    *ret_original = SPAN_EMPTY;
    if (!decoder->failed && feed(decoder, input, ret_original, ret_details))
        return true;
    *ret_original = SPAN_EMPTY;
    *error = decoder->error;
    return false;
}

static bool finish_whole(struct payload_decoder *decoder, struct error_details *details)
{
    if (decoder->kind != PAYLOAD_SHA256)
        return true;
    const uint8_t *expected = decoder->expectation.authentication->payload_sha256;
    uint8_t hash[SHA256_BYTES];
    sha256_end(&decoder->sum, hash);
    if (span_equal_constant_time(span_of(hash, sizeof hash), span_of(expected, sizeof hash)))
        return true;
    char text[2 * SHA256_BYTES];
    hex_encode(span_of(expected, SHA256_BYTES), text);
    error_details_add(details, "ClientComputedContentSHA256", arena_copy(decoder->arena, span_of(text, sizeof text)));
    hex_encode(span_of(hash, SHA256_BYTES), text);
    error_details_add(details, "S3ComputedContentSHA256", arena_copy(decoder->arena, span_of(text, sizeof text)));
    return fail(decoder, ERROR_INVALID, S3_XAmzContentSHA256Mismatch,
                "The provided 'x-amz-content-sha256' header does not match what was computed.");
}

static bool finish_streamed(struct payload_decoder *decoder, struct error_details *details)
{
    bool has_ended = decoder->trailer_line == TRAILER_LINE_OR_ENDED && decoder->line_size == 0;
    if (decoder->state == STATE_TRAILER && has_ended && !end_trailer(decoder, details))
        return false;
    if (decoder->state != STATE_END)
        return fail_framing(decoder, "The body ends before its last chunk, or within its trailer.");
    if (decoder->original_bytes != decoder->expectation.decoded_length) /* statement 79 */
        return fail_framing(decoder, "The body is shorter than x-amz-decoded-content-length says.");
    return true;
}

bool payload_decoder_finish(struct payload_decoder *decoder, struct error_details *ret_details, struct error *error)
{
    if (decoder->verified)
        return true;
    if (!decoder->failed)
        decoder->verified =
            decoder->state == STATE_RAW ? finish_whole(decoder, ret_details) : finish_streamed(decoder, ret_details);
    if (!decoder->verified)
        *error = decoder->error;
    return decoder->verified;
}

bool payload_decoder_trailer(const struct payload_decoder *decoder, struct checksum_value *ret_value)
{
    if (decoder->has_trailer)
        *ret_value = decoder->trailer;
    return decoder->has_trailer;
}
