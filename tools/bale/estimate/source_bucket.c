/* tools/bale/estimate/source_bucket.c -- a bucket of an S3 server, asked directly: lists and ranges, and nothing that
 * Bale's store would try or leave there. Read rights are enough. */
#include "s3client/operations.h"
#include "server/backend/endpoint.h"
#include "store/remote/names.h"
#include "tools/bale/estimate/source.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { READS_AT_ONCE = 8, LIST_BYTES = 32 << 20, RANGE_BYTES = 64 };

struct bucket {
    struct estimate_source base; /* first */
    struct credentials_options credentials_options;
    struct s3_credential_source *credentials;
    struct s3_endpoint *endpoint;
    struct s3_client *client;
    char name[64];
    const char *prefix; /* of the configuration: what keys begin with, slash and all; or "" */
};

/* ---- listing ---- */

static bool is_archived(struct span storage_class)
{
    return span_equal(storage_class, SPAN("GLACIER")) || span_equal(storage_class, SPAN("DEEP_ARCHIVE"));
}

/* Bale's own names and S4's are no objects of anybody. */
static bool add_page(const struct bucket *bucket, const struct s3_list_page *page, struct population *population,
                     uint64_t objects_max)
{
    size_t prefix_bytes = strlen(bucket->prefix);
    for (unsigned i = 0; i < page->count; i++) {
        const struct s3_list_entry *entry = &page->entries[i];
        if (entry->is_prefix || entry->key.size <= prefix_bytes || entry->key.size > UINT16_MAX ||
            name_is_reserved(span_skip(entry->key, prefix_bytes)))
            continue;
        if (population->count == objects_max)
            return false;
        population_add(population, entry->key, entry->size, entry->size, entry->storage_class,
                       is_archived(entry->storage_class));
    }
    return true;
}

/* Where to go on: the server's token, or the last key where it gives none. */
static bool go_on(const struct s3_list_page *page, struct buffer *token, struct buffer *after)
{
    buffer_clear(token);
    buffer_clear(after);
    buffer_append(token, page->continuation);
    if (token->size == 0 && page->count > 0)
        buffer_append(after, page->entries[page->count - 1].key);
    return page->is_truncated && (token->size > 0 || after->size > 0);
}

SUSPENDS static bool list(struct estimate_source *source, struct population *population, uint64_t objects_max,
                          bool *ret_is_all, struct error *error)
{
    struct bucket *bucket = (struct bucket *)source;
    const struct s3_call call = {.bucket = span_from_string(bucket->name), .repeat = S3_REPEAT};
    struct buffer token = {0};
    struct buffer after = {0};
    struct s3_list_page page;
    struct s3_answer answer;
    struct arena arena;
    bool done;
    *ret_is_all = true;
    arena_init(&arena, LIST_BYTES);
    do {
        const struct s3_list_request request = {.prefix = span_from_string(bucket->prefix),
                                                .after = buffer_span(&after),
                                                .continuation = buffer_span(&token)};
        arena_reset(&arena);
        done = s3_client_list_objects(bucket->client, &call, &request, &arena, &page, &answer, error);
        if (done)
            *ret_is_all = add_page(bucket, &page, population, objects_max);
    } while (done && *ret_is_all && go_on(&page, &token, &after));
    arena_free(&arena);
    buffer_free(&token);
    buffer_free(&after);
    return done;
}

/* ---- reading ---- */

/* Whatever has S4's metadata is packed; no byte of it need be looked at. */
static bool is_s4(const struct s3_answer *answer)
{
    unsigned count;
    const struct http_field *fields = s3_answer_fields(answer, &count);
    for (unsigned i = 0; i < count; i++) {
        if (span_starts_with(fields[i].name, SPAN("x-amz-meta-s4-")))
            return true;
    }
    return false;
}

SUSPENDS static bool take_body(struct s3_answer *answer, uint8_t *bytes, size_t size, struct error *error)
{
    size_t taken = 0;
    while (taken < size) {
        size_t piece;
        if (!s3_answer_read(answer, bytes + taken, size - taken, &piece, error))
            return false;
        if (piece == 0)
            return error_set(error, ERROR_CHANGED, NULL, "it has become shorter");
        taken += piece;
    }
    return true;
}

/* One object that cannot be had says nothing of the others; a server that does not answer does. */
static bool is_fatal(const struct s3_answer *answer, const struct error *error)
{
    return answer->status == 0 || error->kind == ERROR_BUSY || error->kind == ERROR_CANCELLED;
}

SUSPENDS static bool read_frame(struct estimate_source *source, const struct population *population,
                                const struct population_frame *frame, uint8_t *ret_bytes,
                                enum source_reading *ret_reading, struct error *error)
{
    struct bucket *bucket = (struct bucket *)source;
    char range[RANGE_BYTES];
    (void)snprintf(range, sizeof range, "bytes=%" PRIu64 "-%" PRIu64, frame->offset, frame->offset + frame->size - 1);
    const struct http_field field = {SPAN("range"), span_from_string(range)};
    const struct s3_call call = {.kind = S3_GET_OBJECT,
                                 .bucket = span_from_string(bucket->name),
                                 .key = population_name(population, frame->object),
                                 .headers = &field,
                                 .headers_count = 1,
                                 .repeat = S3_REPEAT};
    struct s3_answer answer;
    *ret_reading = SOURCE_IS_GONE;
    if (!s3_client_call(bucket->client, &call, &answer, error))
        return !is_fatal(&answer, error);
    if (is_s4(&answer))
        *ret_reading = SOURCE_IS_PACKED;
    else if (take_body(&answer, ret_bytes, frame->size, error))
        *ret_reading = SOURCE_READ;
    s3_answer_close(&answer);
    return true;
}

/* ---- opening ---- */

SUSPENDS static void close_bucket(struct estimate_source *source)
{
    struct bucket *bucket = (struct bucket *)source;
    if (bucket->client != NULL)
        s3_client_destroy(bucket->client);
    if (bucket->endpoint != NULL)
        s3_endpoint_destroy(bucket->endpoint);
    if (bucket->credentials != NULL)
        s3_credentials_destroy(bucket->credentials);
    free(bucket);
}

static const struct estimate_source_operations operations = {list, read_frame, close_bucket};

static bool connect(struct bucket *bucket, const struct config *where, struct offload *threads, struct error *error)
{
    bucket->prefix = config_backend_bucket(where, bucket->name);
    bucket->credentials = backend_credentials_open(where, &bucket->credentials_options, error);
    if (bucket->credentials == NULL)
        return false;
    bucket->endpoint = backend_endpoint_create(where, bucket->credentials, threads, error);
    if (bucket->endpoint == NULL)
        return false;
    bucket->client = s3_client_create(bucket->endpoint, &(struct s3_client_settings){0});
    return true;
}

SUSPENDS struct estimate_source *source_open_bucket(const struct config *where, struct offload *threads,
                                                    struct error *error)
{
    struct bucket *bucket = calloc(1, sizeof *bucket);
    if (bucket == NULL) {
        (void)error_set(error, ERROR_BUSY, NULL, "there is no memory");
        return NULL;
    }
    bucket->base =
        (struct estimate_source){.operations = &operations, .reads_at_once = READS_AT_ONCE, .costs_requests = true};
    if (connect(bucket, where, threads, error))
        return &bucket->base;
    close_bucket(&bucket->base);
    return NULL;
}
