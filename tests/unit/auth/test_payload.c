/* tests/unit/auth/test_payload.c -- section D: the five forms of a body, whole and in pieces, right and wrong. */
#include "s3client/wire/s3_error.h"
#include "s3client/wire/sigv4.h"
#include "server/auth/payload.h"
#include "tests/unit/run_suite.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>

#define SECRET "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
#define CRC32_VALUE "sOO8/Q=="

static struct authentication authentication;
static struct payload_expectation expectation;
static struct arena arena;
static struct error_details details;
static struct error error;
static struct buffer wire; /* the body as it travels */
static uint8_t original[100000];

/* The seeds are those of the examples in the Amazon S3 API reference. */
static void setup(void)
{
    authentication = (struct authentication){.payload = PAYLOAD_STREAM_SIGNED};
    strcpy(authentication.timestamp, "20130524T000000Z");
    strcpy(authentication.scope, "20130524/us-east-1/s3/aws4_request");
    sigv4_signing_key(SPAN(SECRET), SPAN("20130524"), SPAN("us-east-1"), SPAN("s3"), authentication.signing_key);
    expectation = (struct payload_expectation){.authentication = &authentication, .has_decoded_length = true};
    details.count = 0;
    arena_init(&arena, 1 << 20);
    buffer_init(&wire, 0);
    for (size_t i = 0; i < sizeof original; i++)
        original[i] = (uint8_t)(i * 7 % 251);
}

static void teardown(void)
{
    arena_free(&arena);
    buffer_free(&wire);
}

/* ---- bodies ---- */

static char previous[65];

static void sign(struct buffer *to_sign)
{
    sigv4_signature(authentication.signing_key, buffer_span(to_sign), previous);
    buffer_free(to_sign);
}

static void append_chunk(struct span data)
{
    if (authentication.payload == PAYLOAD_STREAM_UNSIGNED_TRAILER) {
        buffer_append_format(&wire, "%zx\r\n", data.size);
    } else {
        uint8_t hash[SHA256_BYTES];
        struct buffer to_sign = {0};
        sha256_of(data, hash);
        sigv4_chunk_string_to_sign(span_from_string(authentication.timestamp), span_from_string(authentication.scope),
                                   previous, hash, &to_sign);
        sign(&to_sign);
        buffer_append_format(&wire, "%zx;chunk-signature=%.64s\r\n", data.size, previous);
    }
    buffer_append(&wire, data);
    buffer_append_string(&wire, data.size > 0 ? "\r\n" : "");
}

/* `line`: "name:value" or empty. */
static void append_trailer(const char *line)
{
    if (line[0] != '\0')
        buffer_append_format(&wire, "%s\r\n", line);
    if (authentication.payload == PAYLOAD_STREAM_SIGNED_TRAILER) {
        char text[256];
        uint8_t hash[SHA256_BYTES];
        struct buffer to_sign = {0};
        (void)snprintf(text, sizeof text, "%s%s", line, line[0] == '\0' ? "" : "\n");
        sha256_of(span_from_string(text), hash);
        sigv4_trailer_string_to_sign(span_from_string(authentication.timestamp), span_from_string(authentication.scope),
                                     previous, hash, &to_sign);
        sign(&to_sign);
        buffer_append_format(&wire, "x-amz-trailer-signature:%.64s\r\n", previous);
    }
}

/* The body in chunks of `chunk` bytes, with a trailer where the form has one. */
static void make_body(enum payload_kind kind, size_t size, size_t chunk)
{
    authentication.payload = kind;
    memset(authentication.seed_signature, 'a', 64);
    memcpy(previous, authentication.seed_signature, 64);
    expectation.decoded_length = size;
    buffer_clear(&wire);
    if (!payload_is_streamed(kind)) {
        buffer_append(&wire, span_of(original, size));
        sha256_of(span_of(original, size), authentication.payload_sha256);
        return;
    }
    for (size_t at = 0; at < size; at += chunk)
        append_chunk(span_of(original + at, size - at < chunk ? size - at : chunk));
    append_chunk(SPAN_EMPTY);
    bool has_trailer = kind != PAYLOAD_STREAM_SIGNED;
    expectation.trailer_checksum = has_trailer ? CHECKSUM_CRC32 : CHECKSUM_NONE;
    if (has_trailer)
        append_trailer("x-amz-checksum-crc32:" CRC32_VALUE);
    buffer_append_string(&wire, "\r\n");
}

static const enum payload_kind kinds[] = {PAYLOAD_UNSIGNED, PAYLOAD_SHA256, PAYLOAD_STREAM_SIGNED,
                                          PAYLOAD_STREAM_SIGNED_TRAILER, PAYLOAD_STREAM_UNSIGNED_TRAILER};
enum { KINDS = sizeof kinds / sizeof kinds[0], STREAMED = 2 };

/* Decodes in pieces; true when all was accepted, the bytes are in *decoded. */
static bool decode(size_t piece, struct buffer *decoded)
{
    arena_reset(&arena);
    details.count = 0;
    struct payload_decoder *decoder = payload_decoder_create(&expectation, &arena);
    struct span rest = buffer_span(&wire);
    struct span bytes;
    bool good = true;
    buffer_clear(decoded);
    while (good && rest.size > 0) {
        struct span input = span_take(rest, piece);
        rest = span_skip(rest, input.size);
        while (good && input.size > 0) {
            good = payload_decoder_feed(decoder, &input, &bytes, &details, &error);
            buffer_append(decoded, bytes);
        }
    }
    good = good && payload_decoder_finish(decoder, &details, &error);
    struct checksum_value trailer;
    if (good && expectation.trailer_checksum != CHECKSUM_NONE) {
        char text[CHECKSUM_TEXT_BYTES];
        ck_assert(payload_decoder_trailer(decoder, &trailer));
        checksum_format(&trailer, text);
        ck_assert_str_eq(text, CRC32_VALUE);
    } else if (good) {
        ck_assert(!payload_decoder_trailer(decoder, &trailer));
    }
    payload_decoder_destroy(decoder);
    return good;
}

static void expect_accepted(size_t size)
{
    static const size_t pieces[] = {1, 2, 3, 17, 85, 4096, 8192, 65536, SIZE_MAX};
    for (unsigned i = 0; i < sizeof pieces / sizeof pieces[0]; i++) {
        struct buffer decoded = {0};
        ck_assert_msg(decode(pieces[i], &decoded), "piece %zu: %s: %s", pieces[i], error.code, error.message);
        ck_assert(span_equal(buffer_span(&decoded), span_of(original, size)));
        buffer_free(&decoded);
    }
}

/* However the pieces fall, the refusal is the same. */
static void expect_refused(const char *code)
{
    static const size_t pieces[] = {1, 3, 100, SIZE_MAX};
    for (unsigned i = 0; i < sizeof pieces / sizeof pieces[0]; i++) {
        struct buffer decoded = {0};
        ck_assert_msg(!decode(pieces[i], &decoded), "accepted, not %s", code);
        ck_assert_msg(error.code == code, "%s instead of %s: %s", error.code, code, error.message);
        buffer_free(&decoded);
    }
}

static void bend(const char *old, const char *new)
{
    size_t size = strlen(old);
    uint8_t *at = memmem(wire.data, wire.size, old, size);
    ck_assert_msg(at != NULL, "%s is not there", old);
    struct buffer changed = {0};
    buffer_append(&changed, span_of(wire.data, (size_t)(at - wire.data)));
    buffer_append_string(&changed, new);
    buffer_append(&changed, span_of(at + size, wire.size - size - (size_t)(at - wire.data)));
    buffer_free(&wire);
    wire = changed;
}

/* ---- accepted ---- */

START_TEST(every_form_in_any_pieces) /* statements 75, 81, 92 */
{
    static const size_t sizes[][2] = {{0, 8192},    {1, 8192},      {8192, 8192},
                                      {8193, 8192}, {100000, 8192}, {100000, 65536}};
    for (unsigned k = 0; k < KINDS; k++) {
        for (unsigned i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
            make_body(kinds[k], sizes[i][0], sizes[i][1]);
            expect_accepted(sizes[i][0]);
        }
    }
}
END_TEST

START_TEST(examples_of_the_reference)
{
    static const char *const chunks[2][5] = {
        {"4f232c4386841ef735655705268965c44a0e4690baa4adea153f7db9fa80a0a9",
         "ad80c730a21e5b8d04586a2213dd63b9a0e99e0e2307b0ade35a65485a288648",
         "0055627c9e194cb4542bae2aa5492e3c1575bbb81b612b7d234b86a503ef5497",
         "b6c6ea8a5354eaf15b3cb7646744f4275b71ea724fed81ceb9323e279d449df9", ""},
        {"106e2a8a18243abcf37539882f36619c00e2dfc72633413f02d3b74544bfeb8e",
         "b474d8862b1487a5145d686f57f013e54db672cee1c953b3010fb58501ef5aa2",
         "1c1344b170168f8e65b41376b44b20fe354e373826ccbbe2c1d40a8cae51e5c7",
         "2ca2aba2005185cf7159c6277faf83795951dd77a3a99e6e65d5c9f85863f992",
         "d81f82fc3505edab99d459891051a732e8730629a2e4a59689829ca17fe2e435"},
    };
    memset(original, 'a', sizeof original);
    expectation.decoded_length = 66560;
    for (unsigned i = 0; i < 2; i++) {
        authentication.payload = i == 0 ? PAYLOAD_STREAM_SIGNED : PAYLOAD_STREAM_SIGNED_TRAILER;
        expectation.trailer_checksum = i == 0 ? CHECKSUM_NONE : CHECKSUM_CRC32C;
        memcpy(authentication.seed_signature, chunks[i][0], 64);
        buffer_clear(&wire);
        buffer_append_format(&wire, "10000;chunk-signature=%s\r\n", chunks[i][1]);
        buffer_append(&wire, span_of(original, 65536));
        buffer_append_format(&wire, "\r\n400;chunk-signature=%s\r\n", chunks[i][2]);
        buffer_append(&wire, span_of(original, 1024));
        buffer_append_format(&wire, "\r\n0;chunk-signature=%s\r\n", chunks[i][3]);
        if (i == 1)
            buffer_append_format(&wire, "x-amz-checksum-crc32c:sOO8/Q==\r\nx-amz-trailer-signature:%s\r\n",
                                 chunks[i][4]);
        buffer_append_string(&wire, "\r\n");
        expect_accepted(66560);
    }
}
END_TEST

START_TEST(trailer_forms_without_trailer) /* statement 89 */
{
    for (unsigned k = 3; k < KINDS; k++) {
        make_body(kinds[k], 0, 8192);
        buffer_clear(&wire);
        memcpy(previous, authentication.seed_signature, 64);
        expectation.decoded_length = 9000;
        expectation.trailer_checksum = CHECKSUM_NONE;
        append_chunk(span_of(original, 9000));
        append_chunk(SPAN_EMPTY);
        size_t before = wire.size;
        append_trailer("");
        buffer_append_string(&wire, "\r\n");
        expect_accepted(9000);
        wire.size = before; /* and without the signature of nothing */
        buffer_append_string(&wire, "\r\n");
        expect_accepted(9000);
    }
}
END_TEST

START_TEST(trailer_names_in_any_case)
{
    make_body(PAYLOAD_STREAM_SIGNED_TRAILER, 100, 8192);
    bend("x-amz-checksum-crc32:", "X-Amz-Checksum-CRC32: ");
    bend("x-amz-trailer-signature:", "X-Amz-Trailer-Signature:  ");
    expect_accepted(100);
}
END_TEST

/* ---- refused ---- */

START_TEST(lengths_that_differ) /* statements 78 and 79 */
{
    for (unsigned k = STREAMED; k < KINDS; k++) {
        static const uint64_t lengths[] = {0, 99999, 100001, 1U << 30, UINT64_MAX};
        make_body(kinds[k], 100000, 8192);
        for (unsigned i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
            expectation.decoded_length = lengths[i];
            expect_refused(S3_IncompleteBody);
        }
        expectation.decoded_length = 100000;
        expectation.has_decoded_length = false;
        expect_refused(S3_MissingContentLength);
        expectation.has_decoded_length = true;
    }
}
END_TEST

START_TEST(broken_framing) /* statement 82 */
{
    static const char *const headers[] = {"23zz\r\n",
                                          "\r\n",
                                          "ffffffffffffffffff\r\n",
                                          "ffffffffffffffff\r\n",
                                          "-2328\r\n",
                                          "2329\r\n",
                                          "2327\r\n",
                                          "2328\n",
                                          "2328\r\r\n",
                                          " 2328\r\n"};
    for (unsigned i = 0; i < sizeof headers / sizeof headers[0]; i++) {
        make_body(PAYLOAD_STREAM_UNSIGNED_TRAILER, 9000, 9000);
        bend("2328\r\n", headers[i]);
        expect_refused(S3_IncompleteBody);
    }
    static const char *const signed_headers[] = {"23g8;", "2328\n;", "2328;;", "2328; ", ""};
    for (unsigned i = 0; i < sizeof signed_headers / sizeof signed_headers[0]; i++) {
        make_body(PAYLOAD_STREAM_SIGNED, 9000, 9000);
        bend("2328;", signed_headers[i]);
        expect_refused(S3_IncompleteBody);
    }
    for (unsigned k = STREAMED; k < KINDS; k++) {
        make_body(kinds[k], 9000, 9000);
        buffer_append_string(&wire, "extra");
        expect_refused(S3_IncompleteBody);
    }
    make_body(PAYLOAD_STREAM_UNSIGNED_TRAILER, 9000, 9000);
    bend("\r\n0\r\n", "XX0\r\n");
    expect_refused(S3_IncompleteBody);
    buffer_clear(&wire); /* a header without end */
    buffer_append_string(&wire, "2000;chunk-signature=");
    for (int i = 0; i < 1000; i++)
        buffer_append_byte(&wire, 'a');
    authentication.payload = PAYLOAD_STREAM_SIGNED;
    expect_refused(S3_IncompleteBody);
}
END_TEST

START_TEST(early_end_at_every_byte) /* statement 82 */
{
    for (unsigned k = STREAMED; k < KINDS; k++) {
        make_body(kinds[k], 20000, 8192);
        for (size_t size = 0; size + 1 < wire.size;) {
            struct buffer decoded = {0};
            size_t whole = wire.size;
            wire.size = size;
            ck_assert(!decode(SIZE_MAX, &decoded));
            ck_assert_ptr_eq(error.code, S3_IncompleteBody);
            wire.size = whole;
            buffer_free(&decoded);
            size += size > 300 && size + 600 < whole ? 97 : 1;
        }
    }
}
END_TEST

START_TEST(small_chunks) /* statement 83 */
{
    for (unsigned k = STREAMED; k < KINDS; k++) {
        make_body(kinds[k], 0, 8192);
        buffer_clear(&wire);
        memcpy(previous, authentication.seed_signature, 64);
        expectation.decoded_length = 30000;
        append_chunk(span_of(original, 8192));
        append_chunk(span_of(original + 8192, 8191));
        append_chunk(span_of(original + 16383, 13617));
        append_chunk(SPAN_EMPTY);
        expect_refused(S3_InvalidChunkSizeError);
        ck_assert_str_eq(details.items[0].name, "Chunk");
        ck_assert(span_equal(details.items[0].value, SPAN("2")));
        ck_assert_str_eq(details.items[1].name, "BadChunkSize");
        ck_assert(span_equal(details.items[1].value, SPAN("8191")));
    }
}
END_TEST

START_TEST(wrong_signatures) /* statement 84 */
{
    for (unsigned which = 0; which < 4; which++) {
        make_body(PAYLOAD_STREAM_SIGNED, 20000, 8192);
        uint8_t *at = wire.data;
        for (unsigned i = 0; i <= which; i++)
            at = (uint8_t *)memmem(at, wire.size - (size_t)(at - wire.data), "chunk-signature=", 16) + 16;
        at[5] = at[5] == '0' ? '1' : '0';
        expect_refused(S3_SignatureDoesNotMatch);
    }
    make_body(PAYLOAD_STREAM_SIGNED, 20000, 8192);
    wire.data[12000] ^= 1;
    expect_refused(S3_SignatureDoesNotMatch);
    make_body(PAYLOAD_STREAM_SIGNED, 20000, 8192);
    authentication.seed_signature[0] ^= 1; /* the chain begins elsewhere: chunks of another request */
    expect_refused(S3_SignatureDoesNotMatch);
    make_body(PAYLOAD_STREAM_UNSIGNED_TRAILER, 9000, 8192);
    authentication.payload = PAYLOAD_STREAM_SIGNED;
    expect_refused(S3_IncompleteBody);
}
END_TEST

START_TEST(wrong_trailers) /* statements 84, 85, 87 */
{
    static const struct {
        const char *old;
        const char *new;
        const char *code;
    } cases[] = {
        {"x-amz-checksum-crc32:", "x-amz-checksum-sha1:", S3_MalformedTrailerError},
        {"x-amz-checksum-crc32:", "x-amz-meta-late:", S3_MalformedTrailerError},
        {"x-amz-checksum-crc32:", "x-amz-checksum-crc32 ", S3_MalformedTrailerError},
        {"x-amz-checksum-crc32:" CRC32_VALUE "\r\n", "", S3_MalformedTrailerError},
        {"x-amz-checksum-crc32:", "x-amz-checksum-crc32:" CRC32_VALUE "\r\nx-amz-checksum-crc32:",
         S3_MalformedTrailerError},
        {"x-amz-checksum-crc32:" CRC32_VALUE, "x-amz-checksum-crc32:AAAA", S3_InvalidRequest},
        {"x-amz-checksum-crc32:" CRC32_VALUE, "x-amz-checksum-crc32:not base64", S3_InvalidRequest},
        {"x-amz-checksum-crc32:" CRC32_VALUE, "x-amz-checksum-crc32:", S3_InvalidRequest},
        {"\r\nx-amz-checksum-crc32:", "\nx-amz-checksum-crc32:", S3_IncompleteBody}, /* the last chunk's header */
        {CRC32_VALUE "\r\n", CRC32_VALUE "\r", S3_InvalidRequest},
    };
    for (unsigned k = 3; k < KINDS; k++) {
        for (unsigned i = 0; i < sizeof cases / sizeof cases[0]; i++) {
            make_body(kinds[k], 9000, 8192);
            bend(cases[i].old, cases[i].new);
            expect_refused(cases[i].code);
        }
        make_body(kinds[k], 9000, 8192);
        expectation.trailer_checksum = CHECKSUM_NONE; /* not announced */
        expect_refused(S3_MalformedTrailerError);
    }
    make_body(PAYLOAD_STREAM_SIGNED_TRAILER, 9000, 8192);
    bend(CRC32_VALUE, "AAAAAA==");
    expect_refused(S3_SignatureDoesNotMatch);
    make_body(PAYLOAD_STREAM_SIGNED_TRAILER, 9000, 8192);
    uint8_t *at = memmem(wire.data, wire.size, "x-amz-trailer-signature:", 24);
    at[30] = at[30] == '0' ? '1' : '0';
    expect_refused(S3_SignatureDoesNotMatch);
    wire.size = (size_t)(at - wire.data); /* the signature is missing */
    buffer_append_string(&wire, "\r\n");
    expect_refused(S3_MalformedTrailerError);
    make_body(PAYLOAD_STREAM_SIGNED, 9000, 8192);
    wire.size -= 2;
    buffer_append_string(&wire, "x-amz-checksum-crc32:" CRC32_VALUE "\r\n\r\n"); /* a form without trailer */
    expect_refused(S3_IncompleteBody);
}
END_TEST

/* The ends of the lines of a body that was made with CR LF. */
static void end_lines(enum payload_kind kind, const char *checksum_end, const char *signature_end, const char *end)
{
    make_body(kind, 9000, 8192);
    wire.size -= 2;
    if (kind == PAYLOAD_STREAM_SIGNED_TRAILER) {
        wire.size -= 2;
        buffer_append_string(&wire, signature_end);
    }
    buffer_append_string(&wire, end);
    char line[64];
    (void)snprintf(line, sizeof line, "%s%s", CRC32_VALUE, checksum_end);
    if (strcmp(checksum_end, "\r\n") != 0)
        bend(CRC32_VALUE "\r\n", line);
}

START_TEST(lines_of_trailers_end_in_three_ways) /* statement 351 */
{
    static const char *const ends[] = {"\r\n", "\n", "\n\r\n"};
    for (unsigned k = 3; k < KINDS; k++) {
        for (unsigned i = 0; i < 9; i++) {
            end_lines(kinds[k], ends[i % 3], ends[i / 3], "\r\n");
            expect_accepted(9000);
            buffer_append_string(&wire, "x\r\n");          /* behind the end */
            bool is_short = (k == 3 ? i / 3 : i % 3) == 1; /* then the last line may go on */
            expect_refused(is_short ? S3_MalformedTrailerError : S3_IncompleteBody);
            end_lines(kinds[k], ends[i % 3], ends[i / 3], "\n");
            expect_accepted(9000);
        }
    }
}
END_TEST

START_TEST(short_lines_are_no_end_of_a_trailer) /* statement 351 */
{
    make_body(PAYLOAD_STREAM_SIGNED_TRAILER, 9000, 8192);
    uint8_t *signature = memmem(wire.data, wire.size, "x-amz-trailer-signature:", 24);
    wire.size = (size_t)(signature - wire.data) - 2;
    buffer_append_string(&wire, "\n\r\n"); /* its signature was cut off */
    expect_refused(S3_MalformedTrailerError);
    make_body(PAYLOAD_STREAM_UNSIGNED_TRAILER, 9000, 8192);
    wire.size -= 4;
    buffer_append_string(&wire, "\n"); /* ends within the trailer */
    expect_refused(S3_IncompleteBody);
    buffer_append_string(&wire, "\r");
    expect_refused(S3_IncompleteBody);
    buffer_append_string(&wire, "\n\r");
    expect_refused(S3_IncompleteBody);
    make_body(PAYLOAD_STREAM_SIGNED, 9000, 8192); /* has none */
    wire.size -= 2;
    buffer_append_string(&wire, "\n");
    expect_refused(S3_IncompleteBody);
}
END_TEST

START_TEST(hash_of_the_whole_body) /* statement 53 */
{
    make_body(PAYLOAD_SHA256, 20000, 0);
    wire.data[19999] ^= 1;
    expect_refused(S3_XAmzContentSHA256Mismatch);
    ck_assert_uint_eq(details.count, 2);
    ck_assert_str_eq(details.items[0].name, "ClientComputedContentSHA256");
    ck_assert_str_eq(details.items[1].name, "S3ComputedContentSHA256");
    ck_assert_uint_eq(details.items[0].value.size, 64);
    ck_assert(!span_equal(details.items[0].value, details.items[1].value));
    make_body(PAYLOAD_SHA256, 20000, 0);
    wire.size--;
    expect_refused(S3_XAmzContentSHA256Mismatch);
}
END_TEST

/* ---- what the head says ---- */

static bool expect_from(enum payload_kind kind, const char *fields, struct payload_expectation *ret_expectation)
{
    static struct http_head head;
    static char text[1024];
    size_t size;
    authentication.payload = kind;
    (void)snprintf(text, sizeof text, "PUT /b/k HTTP/1.1\r\nHost: h\r\n%s\r\n", fields);
    ck_assert_int_eq(http_head_parse(span_from_string(text), &head, &size, &error), HTTP_PARSE_DONE);
    return payload_expect(&head, &authentication, ret_expectation, &error);
}

START_TEST(expectations_from_the_head) /* statements 78 and 86 */
{
    struct payload_expectation found;
    ck_assert(expect_from(PAYLOAD_STREAM_SIGNED, "X-Amz-Decoded-Content-Length: 66560\r\n", &found));
    ck_assert(found.has_decoded_length);
    ck_assert_uint_eq(found.decoded_length, 66560);
    ck_assert_int_eq(found.trailer_checksum, CHECKSUM_NONE);
    static const char *const lengths[] = {"", "x-amz-decoded-content-length:\r\n",
                                          "x-amz-decoded-content-length: abc\r\n",
                                          "x-amz-decoded-content-length: -1\r\n"};
    for (unsigned i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
        ck_assert(!expect_from(PAYLOAD_STREAM_UNSIGNED_TRAILER, lengths[i], &found));
        ck_assert_ptr_eq(error.code, S3_MissingContentLength);
        ck_assert(expect_from(PAYLOAD_SHA256, lengths[i], &found));
    }
    ck_assert(expect_from(PAYLOAD_STREAM_UNSIGNED_TRAILER,
                          "x-amz-decoded-content-length: 0\r\nx-amz-trailer: x-amz-checksum-CRC64NVME\r\n", &found));
    ck_assert_int_eq(found.trailer_checksum, CHECKSUM_CRC64NVME);
    static const char *const trailers[] = {"x-amz-meta-late", "x-amz-checksum-nothing", "content-md5", "",
                                           "x-amz-checksum-crc32,x-amz-checksum-sha1"};
    for (unsigned i = 0; i < sizeof trailers / sizeof trailers[0]; i++) {
        char fields[256];
        (void)snprintf(fields, sizeof fields, "x-amz-decoded-content-length: 0\r\nx-amz-trailer: %s\r\n", trailers[i]);
        ck_assert(!expect_from(PAYLOAD_STREAM_SIGNED_TRAILER, fields, &found));
        ck_assert_ptr_eq(error.code, S3_InvalidRequest);
    }
    ck_assert(!expect_from(PAYLOAD_UNSIGNED, "x-amz-trailer: x-amz-checksum-crc32\r\n", &found));
    ck_assert_ptr_eq(error.code, S3_InvalidRequest);
}
END_TEST

/* ---- payload_read, over a body that comes in pieces of changing size ---- */

static struct span arriving;
static size_t pieces_taken;

bool http_body_read(struct http_exchange *exchange, void *ret_bytes, size_t capacity, size_t *ret_size,
                    struct error *ret_error)
{
    static const size_t sizes[] = {1, 90, 7, 5000, 3, 40000, 2};
    (void)exchange, (void)ret_error;
    size_t size = sizes[pieces_taken++ % 7];
    size = size < capacity ? size : capacity;
    struct span piece = span_take(arriving, size);
    if (piece.size > 0)
        memcpy(ret_bytes, piece.data, piece.size);
    arriving = span_skip(arriving, piece.size);
    *ret_size = piece.size;
    return true;
}

static bool read_all(size_t capacity, struct buffer *read)
{
    static uint8_t memory[65536];
    arena_reset(&arena);
    details.count = 0;
    arriving = buffer_span(&wire);
    struct payload_decoder *decoder = payload_decoder_create(&expectation, &arena);
    for (;;) {
        size_t size;
        if (!payload_read(decoder, NULL, memory, capacity, &size, &details, &error))
            return false;
        if (size == 0)
            break;
        buffer_append(read, span_of(memory, size));
    }
    size_t again;
    ck_assert(payload_read(decoder, NULL, memory, capacity, &again, &details, &error)); /* the end stays the end */
    ck_assert_uint_eq(again, 0);
    return true;
}

START_TEST(reads_for_handlers)
{
    static const size_t capacities[] = {1, 10, 1000, 65536};
    for (unsigned k = 0; k < KINDS; k++) {
        for (unsigned i = 0; i < sizeof capacities / sizeof capacities[0]; i++) {
            struct buffer read = {0};
            make_body(kinds[k], 50000, 8192);
            ck_assert_msg(read_all(capacities[i], &read), "%s", error.message);
            ck_assert(span_equal(buffer_span(&read), span_of(original, 50000)));
            buffer_clear(&read);
            wire.data[20000] ^= 1;
            ck_assert_int_eq(read_all(capacities[i], &read),
                             kinds[k] == PAYLOAD_UNSIGNED || kinds[k] == PAYLOAD_STREAM_UNSIGNED_TRAILER);
            buffer_free(&read);
        }
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("payload");
    TCase *tests = tcase_create("payload");
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, every_form_in_any_pieces);
    tcase_add_test(tests, examples_of_the_reference);
    tcase_add_test(tests, trailer_forms_without_trailer);
    tcase_add_test(tests, trailer_names_in_any_case);
    tcase_add_test(tests, lengths_that_differ);
    tcase_add_test(tests, broken_framing);
    tcase_add_test(tests, early_end_at_every_byte);
    tcase_add_test(tests, lines_of_trailers_end_in_three_ways);
    tcase_add_test(tests, short_lines_are_no_end_of_a_trailer);
    tcase_add_test(tests, small_chunks);
    tcase_add_test(tests, wrong_signatures);
    tcase_add_test(tests, wrong_trailers);
    tcase_add_test(tests, hash_of_the_whole_body);
    tcase_add_test(tests, expectations_from_the_head);
    tcase_add_test(tests, reads_for_handlers);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
