/* s3client/request_head.c -- the head of a request: target, fields in order, signature; and what it says of the body.
 */
#include "codec/format/crc.h"
#include "runtime/base/assert.h"
#include "runtime/base/base64.h"
#include "runtime/base/hex.h"
#include "s3client/client_private.h"
#include "s3client/wire/date.h"
#include "s3client/wire/uri.h"

#include <stdio.h>

enum {
    SLICE_BYTES = 128 << 10, /* of a body that is hashed, before others may run */
    TIMESTAMP_BYTES = 16,    /* 20130524T000000Z */
};

static const char hash_of_nothing[] = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

/* ---- the body ---- */

static uint64_t size_of(const struct s3_call *call)
{
    uint64_t size = 0;
    for (unsigned i = 0; i < call->body_count; i++)
        size += call->body[i].size;
    return size;
}

struct sums {
    bool wants_crc32c;
    bool wants_sha256;
    uint32_t crc32c;
    struct sha256_sum sha256;
};

SUSPENDS static void add_piece(struct sums *sums, struct span piece)
{
    while (piece.size > 0) {
        struct span slice = span_take(piece, SLICE_BYTES);
        if (sums->wants_crc32c)
            sums->crc32c = crc32c_update(sums->crc32c, slice);
        if (sums->wants_sha256)
            sha256_update(&sums->sha256, slice);
        piece = span_skip(piece, slice.size);
        if (piece.size > 0)
            fiber_yield_if_due();
    }
}

SUSPENDS void s3_body_facts(const struct s3_endpoint *endpoint, const struct s3_call *call,
                            struct s3_body_facts *ret_facts)
{
    bool is_object = (s3_kind_entry(call->kind)->traits & S3_KIND_BODY) != 0;
    bool sends_crc32c = is_object && !call->omits_checksum;
    *ret_facts = (struct s3_body_facts){.size = size_of(call), .has_crc32c = sends_crc32c};
    /* Over TLS nobody in between can change an object's bytes, and documents are short. */
    ret_facts->has_sha256 = ret_facts->size == 0 || !is_object || !s3_endpoint_is_secure(endpoint);
    struct sums sums = {
        .wants_crc32c = sends_crc32c && !call->has_crc32c,
        .wants_sha256 =
            ret_facts->has_sha256 && ret_facts->size > 0 && call->sha256 == NULL && endpoint->credentials != NULL,
    };
    if (sums.wants_sha256)
        sha256_begin(&sums.sha256);
    for (unsigned i = 0; i < call->body_count && (sums.wants_crc32c || sums.wants_sha256); i++)
        add_piece(&sums, call->body[i]);
    ret_facts->crc32c = call->has_crc32c ? call->crc32c : sums.crc32c;
    if (call->sha256 != NULL)
        memcpy(ret_facts->sha256, call->sha256, SHA256_BYTES);
    else if (sums.wants_sha256)
        sha256_end(&sums.sha256, ret_facts->sha256);
}

/* ---- what may be asked ---- */

static bool check_field(const struct http_field *field, struct error *error)
{
    const uint8_t *end = field->name.data + field->name.size;
    for (const uint8_t *at = field->name.data; at < end; at++) {
        if (!http_is_token[*at] || *at != http_lower(*at))
            return error_set(error, ERROR_INVALID, NULL, "\"%.*s\" is no name of a header", SPAN_FORMAT(field->name));
    }
    if (field->name.size == 0)
        return error_set(error, ERROR_INVALID, NULL, "a header without a name");
    end = field->value.data + field->value.size;
    const uint8_t *at = field->value.data;
    while ((at = http_find_control(at, end, 0x1f)) < end && *at == '\t')
        at++;
    return at == end ||
           error_set(error, ERROR_INVALID, NULL, "the header %.*s holds a control byte", SPAN_FORMAT(field->name));
}

static bool is_bucket(struct span bucket)
{
    for (size_t i = 0; i < bucket.size; i++) {
        uint8_t byte = bucket.data[i];
        if (byte != '-' && byte != '.' && byte != '_' && !(byte >= '0' && byte <= '9') &&
            !(http_lower(byte) >= 'a' && http_lower(byte) <= 'z'))
            return false;
    }
    return bucket.size <= 255 && !span_equal(bucket, SPAN(".")) && !span_equal(bucket, SPAN(".."));
}

/* What can stand in a request's first line. */
static bool is_target(struct span target)
{
    for (size_t i = 0; i < target.size; i++) {
        if (target.data[i] <= ' ' || target.data[i] > '~')
            return false;
    }
    return target.size == 0 || target.data[0] == '/';
}

bool s3_request_check(const struct s3_call *call, struct error *error)
{
    ASSERT(call->target.size == 0 || (call->bucket.size == 0 && call->query_count == 0));
    ASSERT(call->key.size == 0 || call->bucket.size > 0);
    ASSERT(call->headers_count <= S3_HEADERS_MAX && call->query_count <= S3_PARAMETERS_MAX);
    ASSERT(call->body_count <= S3_PIECES_MAX);
    if (!is_bucket(call->bucket))
        return error_set(error, ERROR_INVALID, NULL, "\"%.*s\" is no name of a bucket", SPAN_FORMAT(call->bucket));
    if (!is_target(call->target))
        return error_set(error, ERROR_INVALID, NULL, "the URL's path and query hold bytes that must be encoded");
    for (unsigned i = 0; i < call->headers_count; i++) {
        if (!check_field(&call->headers[i], error))
            return false;
    }
    return true;
}

/* ---- where it goes ---- */

static bool is_virtual(const struct s3_endpoint *endpoint, const struct s3_call *call)
{
    return endpoint->addressing == S3_ADDRESS_VIRTUAL && call->bucket.size > 0;
}

const char *s3_request_host(const struct s3_endpoint *endpoint, const struct s3_call *call,
                            char memory[DIAL_HOST_BYTES_MAX + 1])
{
    if (!is_virtual(endpoint, call))
        return endpoint->host;
    int size = snprintf(memory, DIAL_HOST_BYTES_MAX + 1, "%.*s.%s", SPAN_FORMAT(call->bucket), endpoint->host);
    return size <= DIAL_HOST_BYTES_MAX ? memory : NULL;
}

static void build_path(struct s3_head_scratch *scratch, const struct s3_endpoint *endpoint, const struct s3_call *call)
{
    struct buffer *path = &scratch->path;
    buffer_clear(path);
    buffer_append_string(path, endpoint->base_path);
    buffer_append_byte(path, '/');
    if (!is_virtual(endpoint, call)) {
        buffer_append(path, call->bucket);
        if (call->key.size > 0)
            buffer_append_byte(path, '/');
    }
    buffer_append(path, call->key);
}

static void build_query(struct s3_head_scratch *scratch, const struct s3_call *call)
{
    struct buffer *query = &scratch->query;
    buffer_clear(query);
    for (unsigned i = 0; i < call->query_count; i++) {
        if (i > 0)
            buffer_append_byte(query, '&');
        uri_encode(query, call->query[i].name, URI_ENCODE_ALL);
        buffer_append_byte(query, '=');
        uri_encode(query, call->query[i].value, URI_ENCODE_ALL);
    }
}

/* ---- fields ---- */

/* By name: in the order in which they are signed. */
static void add_field(struct s3_head_scratch *scratch, struct span name, struct span value)
{
    unsigned at = scratch->fields_count++;
    ASSERT(at < S3_FIELDS_MAX);
    while (at > 0 && span_compare(scratch->fields[at - 1].name, name) > 0) {
        scratch->fields[at] = scratch->fields[at - 1];
        at--;
    }
    scratch->fields[at] = (struct sigv4_header){name, value};
}

static void list_names(struct s3_head_scratch *scratch)
{
    buffer_clear(&scratch->signed_headers);
    for (unsigned i = 0; i < scratch->fields_count; i++) {
        if (i > 0 && span_equal(scratch->fields[i].name, scratch->fields[i - 1].name))
            continue;
        if (i > 0)
            buffer_append_byte(&scratch->signed_headers, ';');
        buffer_append(&scratch->signed_headers, scratch->fields[i].name);
    }
}

static void append_target(struct buffer *to, const struct s3_head_scratch *scratch, const struct s3_call *call)
{
    if (call->target.size > 0) {
        buffer_append(to, call->target);
        return;
    }
    uri_encode(to, buffer_span(&scratch->path), URI_ENCODE_KEEP_SLASH);
    if (scratch->query.size > 0) {
        buffer_append_byte(to, '?');
        buffer_append(to, buffer_span(&scratch->query));
    }
}

static void append_field(struct buffer *to, struct span name, struct span value)
{
    buffer_append(to, name);
    buffer_append_string(to, ": ");
    buffer_append(to, value);
    buffer_append_string(to, "\r\n");
}

/* The texts of fields that are made here. */
struct texts {
    char timestamp[DATE_TEXT_BYTES];
    char sha256[2 * SHA256_BYTES];
    char crc32c[BASE64_ENCODED_BYTES(4)];
    struct span payload_hash;
};

static void write_texts(struct texts *texts, const struct s3_endpoint *endpoint, const struct s3_body_facts *facts)
{
    uint8_t crc32c[4] = {(uint8_t)(facts->crc32c >> 24), (uint8_t)(facts->crc32c >> 16), (uint8_t)(facts->crc32c >> 8),
                         (uint8_t)facts->crc32c};
    date_format_signature(s3_endpoint_now_ms(endpoint), texts->timestamp);
    base64_encode(span_of(crc32c, sizeof crc32c), texts->crc32c);
    if (!facts->has_sha256) {
        texts->payload_hash = SPAN("UNSIGNED-PAYLOAD");
    } else if (facts->size == 0) {
        texts->payload_hash = SPAN(hash_of_nothing);
    } else {
        hex_encode(span_of(facts->sha256, SHA256_BYTES), texts->sha256);
        texts->payload_hash = span_of(texts->sha256, sizeof texts->sha256);
    }
}

/* Of the body, of the time, and of who asks. */
static void add_own_fields(struct s3_client *client, const struct s3_body_facts *facts, const struct texts *texts)
{
    struct s3_head_scratch *scratch = &client->scratch;
    const struct s3_credentials *credentials = client->signer.credentials;
    if (facts->has_crc32c)
        add_field(scratch, SPAN("x-amz-checksum-crc32c"), span_of(texts->crc32c, sizeof texts->crc32c));
    if (credentials == NULL)
        return;
    add_field(scratch, SPAN("x-amz-content-sha256"), texts->payload_hash);
    add_field(scratch, SPAN("x-amz-date"), span_of(texts->timestamp, TIMESTAMP_BYTES));
    if (credentials->session_token.size > 0)
        add_field(scratch, SPAN("x-amz-security-token"), credentials->session_token);
}

/* Our own come first: most of the call's are metadata, which sort behind them and so have to move for none. */
static void gather_fields(struct s3_client *client, const struct s3_call *call, const struct s3_body_facts *facts,
                          struct span authority, const struct texts *texts)
{
    struct s3_head_scratch *scratch = &client->scratch;
    const struct s3_endpoint *endpoint = client->endpoint;
    scratch->fields_count = 0;
    add_field(scratch, SPAN("host"), authority);
    add_own_fields(client, facts, texts);
    for (unsigned i = 0; i < call->headers_count; i++)
        add_field(scratch, call->headers[i].name, call->headers[i].value);
    for (unsigned i = 0; i < endpoint->headers_count; i++) {
        if ((endpoint->headers_kinds[i] & S3_ON(call->kind)) != 0)
            add_field(scratch, endpoint->headers[i].name, endpoint->headers[i].value);
    }
}

static bool sign(struct s3_client *client, const char *verb, const struct texts *texts, struct buffer *to,
                 struct error *error)
{
    struct s3_head_scratch *scratch = &client->scratch;
    if (client->signer.credentials == NULL)
        return true;
    list_names(scratch);
    struct sigv4_request request = {
        .method = span_from_string(verb),
        .path = buffer_span(&scratch->path),
        .query = buffer_span(&scratch->query),
        .headers = scratch->fields,
        .headers_count = scratch->fields_count,
        .are_headers_in_order = true,
        .signed_headers = buffer_span(&scratch->signed_headers),
        .payload_hash = texts->payload_hash,
    };
    return s3_signer_append(&client->signer, &request, span_of(texts->timestamp, TIMESTAMP_BYTES), to, error);
}

static bool has_length(const struct s3_call *call, const char *verb)
{
    return call->body_count > 0 || strcmp(verb, "PUT") == 0 || strcmp(verb, "POST") == 0;
}

bool s3_request_head(struct s3_client *client, const struct s3_call *call, const struct s3_body_facts *facts,
                     struct buffer *to, struct error *error)
{
    struct s3_head_scratch *scratch = &client->scratch;
    const struct s3_endpoint *endpoint = client->endpoint;
    const char *verb = s3_kind_entry(call->kind)->verb;
    char authority[2 * DIAL_HOST_BYTES_MAX];
    struct texts texts;
    if (!s3_signer_refresh(&client->signer, error))
        return false;
    const char *host = endpoint->authority;
    if (is_virtual(endpoint, call)) {
        (void)snprintf(authority, sizeof authority, "%.*s.%s", SPAN_FORMAT(call->bucket), endpoint->authority);
        host = authority;
    }
    write_texts(&texts, endpoint, facts);
    build_path(scratch, endpoint, call);
    build_query(scratch, call);
    gather_fields(client, call, facts, span_from_string(host), &texts);

    buffer_append_string(to, verb);
    buffer_append_byte(to, ' ');
    append_target(to, scratch, call);
    buffer_append_string(to, " HTTP/1.1\r\n");
    for (unsigned i = 0; i < scratch->fields_count; i++)
        append_field(to, scratch->fields[i].name, scratch->fields[i].value);
    if (!sign(client, verb, &texts, to, error))
        return false;
    if (has_length(call, verb)) {
        buffer_append_string(to, "Content-Length: ");
        buffer_append_decimal(to, facts->size);
        buffer_append_string(to, "\r\n");
    }
    buffer_append_string(to, "Accept-Encoding: identity\r\nUser-Agent: Bale/" BALE_VERSION "\r\n\r\n");
    if (to->overflow || scratch->path.overflow || scratch->query.overflow || to->size > S3_REQUEST_HEAD_BYTES_MAX)
        return error_set(error, ERROR_TOO_LARGE, NULL, "the head of the request is larger than %d bytes",
                         S3_REQUEST_HEAD_BYTES_MAX);
    return true;
}
