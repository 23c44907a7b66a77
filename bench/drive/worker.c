/* bench/drive/worker.c -- an assignment becomes a head, a body, and what the answer must be. */
#include "bench/drive/worker.h"

#include "bench/drive/worker_private.h"
#include "runtime/base/assert.h"
#include "runtime/base/decimal.h"
#include "runtime/base/hex.h"
#include "s3client/wire/uri.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { OWN_MEMORY_BYTES = 16 << 10, RANGE_LINE_BYTES = 80, SLICE_BYTES = 256 << 10, SHOWN_ERROR_BYTES = 200 };

void worker_begin(struct worker *worker, const struct job *job, const struct content *content, struct target *target,
                  struct span shared)
{
    *worker = (struct worker){.job = job, .content = content, .target = target};
    worker->owns_memory = job->verify == VERIFY_FULL || job->mix.weights[OPERATION_MULTIPART] > 0 ||
                          job->mix.weights[OPERATION_COPY] > 0 ||
                          job->mix.weights[OPERATION_DELETE_OBJECTS] > 0; /* whose answers are looked at */
    worker->memory_size = worker->owns_memory ? OWN_MEMORY_BYTES : shared.size;
    worker->memory = worker->owns_memory ? malloc(OWN_MEMORY_BYTES) : (uint8_t *)(uintptr_t)shared.data;
    ASSERT(worker->memory != NULL);
    buffer_init(&worker->head, 0);
    buffer_init(&worker->answer, CALL_ANSWER_BYTES_MAX);
}

void worker_end(struct worker *worker)
{
    buffer_free(&worker->head);
    buffer_free(&worker->answer);
    free(worker->pieces);
    streamed_body_free(&worker->streamed);
    if (worker->owns_memory)
        free(worker->memory);
}

/* ---- heads ---- */

/* In slices: a large body must not hold up the answers to others, whose latencies are being measured. */
SUSPENDS static void hash_pieces(const struct worker_request *request, char ret_hex[SHA256_TEXT_BYTES])
{
    struct sha256_sum sum;
    uint8_t digest[SHA256_BYTES];
    sha256_begin(&sum);
    for (unsigned i = 0; i < request->pieces_count; i++) {
        for (struct span rest = request->pieces[i]; rest.size > 0;) {
            struct span slice = span_take(rest, SLICE_BYTES);
            sha256_update(&sum, slice);
            rest = span_skip(rest, slice.size);
            fiber_yield_if_due();
        }
    }
    sha256_end(&sum, digest);
    hex_encode(span_of(digest, sizeof digest), ret_hex);
}

SUSPENDS static void sign_with_hash(const struct signer *signer, const struct worker_request *request,
                                    struct buffer *to)
{
    char hash[SHA256_TEXT_BYTES];
    hash_pieces(request, hash);
    request_signed(signer, &request->line, span_of(hash, sizeof hash), request->body_bytes, to, NULL);
}

/* The body becomes worker->streamed. */
SUSPENDS static void sign_streamed(struct worker *worker, const struct worker_request *request, struct buffer *to)
{
    struct signing signing;
    struct sigv4_header headers[REQUEST_HEADERS_MAX];
    struct request_line line = request->line;
    char size[DECIMAL_BYTES_MAX];
    ASSERT(line.headers_count + 2 <= REQUEST_HEADERS_MAX);
    for (unsigned i = 0; i < line.headers_count; i++)
        headers[i] = line.headers[i];
    headers[line.headers_count++] = (struct sigv4_header){SPAN("content-encoding"), SPAN("aws-chunked")};
    headers[line.headers_count++] = (struct sigv4_header){SPAN("x-amz-decoded-content-length"),
                                                          span_of(size, decimal_format(request->body_bytes, size))};
    line.headers = headers;
    request_signed(&worker->target->signer, &line, SPAN(STREAMED_PAYLOAD), streamed_body_bytes(request->body_bytes), to,
                   &signing);
    streamed_body_make(&worker->streamed, &signing, request->pieces, request->pieces_count, request->body_bytes);
}

static bool is_streamed(const struct worker *worker, const struct worker_request *request)
{
    return worker->job->sign == SIGN_STREAM && request->is_object;
}

SUSPENDS static void sign(struct worker *worker, const struct worker_request *request, struct buffer *to)
{
    const struct signer *signer = &worker->target->signer;
    switch ((enum job_sign)worker->job->sign) {
    case SIGN_HEADER:
        sign_with_hash(signer, request, to);
        break;
    case SIGN_UNSIGNED_PAYLOAD:
        request_signed(signer, &request->line, SPAN("UNSIGNED-PAYLOAD"), request->body_bytes, to, NULL);
        break;
    case SIGN_PRESIGNED:
        request_presigned(signer, &request->line, request->body_bytes, to);
        break;
    case SIGN_STREAM:
        if (is_streamed(worker, request))
            sign_streamed(worker, request, to);
        else
            sign_with_hash(signer, request, to);
        break;
    case SIGN_NONE:
        request_bare(signer, &request->line, to);
        break;
    }
}

void worker_path(const struct worker *worker, uint64_t object, struct worker_path *ret_path)
{
    char key[KEY_BYTES];
    key_format((enum key_shape)worker->job->key_shape, worker->job->prefix, object, key);
    (void)snprintf(ret_path->text, sizeof ret_path->text, "/%s/%s", worker->job->bucket, key);
}

void worker_bucket_path(const struct worker *worker, struct worker_path *ret_path)
{
    (void)snprintf(ret_path->text, sizeof ret_path->text, "/%s", worker->job->bucket);
}

SUSPENDS bool worker_call(struct worker *worker, const struct worker_request *request, struct call *call,
                          struct call_answer *ret_answer, struct error *error)
{
    buffer_clear(&worker->head);
    sign(worker, request, &worker->head);
    call->target = worker->target;
    call->key = request->line.path;
    call->head = buffer_span(&worker->head);
    call->pieces = is_streamed(worker, request) ? worker->streamed.pieces : request->pieces;
    call->pieces_count = is_streamed(worker, request) ? worker->streamed.count : request->pieces_count;
    call->memory = worker->memory;
    call->memory_size = worker->memory_size;
    return call_perform(call, ret_answer, error);
}

/* What a server says goes to a terminal: without what that would obey. */
static void quote(struct span text, char ret_text[SHOWN_ERROR_BYTES + 1])
{
    size_t size = text.size < SHOWN_ERROR_BYTES ? text.size : SHOWN_ERROR_BYTES;
    for (size_t i = 0; i < size; i++)
        ret_text[i] = text.data[i] >= ' ' && text.data[i] < 0x7f ? (char)text.data[i] : '?';
    ret_text[size] = '\0';
}

bool worker_check_answer(const struct worker *worker, const struct call *call, struct error *error)
{
    struct span answer = buffer_span(&worker->answer);
    const uint8_t *found = answer.size == 0 ? NULL : memmem(answer.data, answer.size, "<Error>", 7);
    if (found == NULL)
        return true;
    char shown[SHOWN_ERROR_BYTES + 1];
    quote(span_skip(answer, (size_t)(found - answer.data)), shown);
    return error_set(error, ERROR_INVALID, NULL, "%s %s: an error behind the status 200: %s", call->name, call->key,
                     shown);
}

void worker_body(struct worker *worker, uint64_t object, uint64_t offset, uint64_t size, struct worker_request *request)
{
    if (worker->pieces == NULL)
        worker->pieces =
            calloc(content_pieces_max(worker->content, worker->job->sizes.largest), sizeof *worker->pieces);
    ASSERT(worker->pieces != NULL);
    request->pieces = worker->pieces;
    request->pieces_count = content_pieces(worker->content, object, offset, size, worker->pieces);
    request->body_bytes = size;
    request->is_object = true;
}

/* ---- reading ---- */

/* Whole objects and ranges of them. */
SUSPENDS static bool perform_get(struct worker *worker, const struct assignment *assignment, uint64_t *ret_bytes,
                                 struct error *error)
{
    struct worker_path path;
    struct call_answer answer;
    char range[RANGE_LINE_BYTES];
    bool is_range = assignment->operation != OPERATION_GET;
    worker_path(worker, assignment->object, &path);
    struct worker_request request = {.line = {"GET", path.text, ""}};
    if (is_range) {
        (void)snprintf(range, sizeof range, "Range: bytes=%llu-%llu\r\n", (unsigned long long)assignment->offset,
                       (unsigned long long)(assignment->offset + assignment->size - 1));
        request.line.unsigned_lines = range;
    }
    struct call call = {.name = operation_name(assignment->operation),
                        .status = is_range ? 206 : 200,
                        .answer_bytes = worker->job->verify == VERIFY_NONE ? CALL_ANY_SIZE : (int64_t)assignment->size,
                        .content = worker->job->verify == VERIFY_FULL ? worker->content : NULL,
                        .object = assignment->object,
                        .offset = assignment->offset};
    bool good = worker_call(worker, &request, &call, &answer, error);
    *ret_bytes = answer.bytes;
    return good;
}

SUSPENDS static bool perform_head(struct worker *worker, const struct assignment *assignment, struct error *error)
{
    struct worker_path path;
    struct call_answer answer;
    worker_path(worker, assignment->object, &path);
    const struct worker_request request = {.line = {"HEAD", path.text, ""}};
    struct call call = {.name = "head",
                        .is_head = true,
                        .status = 200,
                        .answer_bytes = worker->job->verify == VERIFY_NONE ? CALL_ANY_SIZE : (int64_t)assignment->size};
    return worker_call(worker, &request, &call, &answer, error);
}

/* A page from some key of the job on. */
SUSPENDS static bool perform_list(struct worker *worker, const struct assignment *assignment, uint64_t *ret_bytes,
                                  struct error *error)
{
    struct worker_path path;
    struct call_answer answer;
    struct buffer query;
    struct worker_path bucket;
    worker_path(worker, assignment->object, &path);
    worker_bucket_path(worker, &bucket);
    buffer_init(&query, 0);
    buffer_append_string(&query, "list-type=2&max-keys=1000&prefix=");
    uri_encode(&query, span_from_string(worker->job->prefix), URI_ENCODE_ALL);
    buffer_append_string(&query, "&start-after=");
    uri_encode(&query, span_from_string(path.text + strlen(bucket.text) + 1), URI_ENCODE_ALL);
    buffer_append_byte(&query, '\0');
    const struct worker_request request = {.line = {"GET", bucket.text, (const char *)query.data}};
    struct call call = {.name = "list", .status = 200, .answer_bytes = CALL_ANY_SIZE};
    bool good = worker_call(worker, &request, &call, &answer, error);
    buffer_free(&query);
    *ret_bytes = answer.bytes;
    return good;
}

/* ---- writing ---- */

static enum checksum_algorithm algorithm_of(const struct job *job)
{
    static const enum checksum_algorithm ALGORITHMS[] = {CHECKSUM_NONE, CHECKSUM_CRC32C, CHECKSUM_CRC64NVME,
                                                         CHECKSUM_SHA256};
    return ALGORITHMS[job->checksum];
}

SUSPENDS static void format_checksum(const struct worker_request *request, enum checksum_algorithm algorithm,
                                     char ret_text[CHECKSUM_TEXT_BYTES])
{
    struct checksum_sum sum;
    struct checksum_value value;
    checksum_begin(&sum, algorithm);
    for (unsigned i = 0; i < request->pieces_count; i++) {
        for (struct span rest = request->pieces[i]; rest.size > 0;) {
            struct span slice = span_take(rest, SLICE_BYTES);
            checksum_update(&sum, slice);
            rest = span_skip(rest, slice.size);
            fiber_yield_if_due();
        }
    }
    checksum_end(&sum, &value);
    checksum_format(&value, ret_text);
}

SUSPENDS static bool perform_put(struct worker *worker, const struct assignment *assignment, struct error *error)
{
    struct worker_path path;
    struct call_answer answer;
    char checksum[CHECKSUM_TEXT_BYTES];
    struct sigv4_header header;
    enum checksum_algorithm algorithm = algorithm_of(worker->job);
    worker_path(worker, assignment->object, &path);
    struct worker_request request = {.line = {"PUT", path.text, ""}};
    worker_body(worker, assignment->object, 0, assignment->size, &request);
    if (algorithm != CHECKSUM_NONE) {
        format_checksum(&request, algorithm, checksum);
        header = (struct sigv4_header){span_from_string(checksum_header(algorithm)), span_from_string(checksum)};
        request.line.headers = &header;
        request.line.headers_count = 1;
    }
    struct call call = {.name = "put", .status = 200, .answer_bytes = CALL_ANY_SIZE};
    return worker_call(worker, &request, &call, &answer, error);
}

SUSPENDS static bool perform_delete(struct worker *worker, const struct assignment *assignment, struct error *error)
{
    struct worker_path path;
    struct call_answer answer;
    worker_path(worker, assignment->object, &path);
    const struct worker_request request = {.line = {"DELETE", path.text, ""}};
    struct call call = {.name = "delete", .status = 204, .answer_bytes = CALL_ANY_SIZE};
    return worker_call(worker, &request, &call, &answer, error);
}

SUSPENDS static bool perform_copy(struct worker *worker, const struct assignment *assignment, struct error *error)
{
    struct worker_path from;
    struct worker_path to;
    struct call_answer answer;
    worker_path(worker, assignment->object, &from);
    worker_path(worker, assignment->target, &to);
    const struct sigv4_header source = {SPAN("x-amz-copy-source"), span_from_string(from.text)};
    const struct worker_request request = {.line = {"PUT", to.text, "", .headers = &source, .headers_count = 1}};
    struct call call = {.name = "copy", .status = 200, .answer_bytes = CALL_ANY_SIZE, .keep = &worker->answer};
    buffer_clear(&worker->answer);
    if (!worker_call(worker, &request, &call, &answer, error))
        return false;
    return worker_check_answer(worker, &call, error);
}

bool worker_create_bucket(struct worker *worker, struct error *error)
{
    struct worker_path path;
    struct call_answer answer;
    worker_bucket_path(worker, &path);
    const struct worker_request request = {.line = {"PUT", path.text, ""}};
    struct call call = {.name = "create bucket", .status = 200, .answer_bytes = CALL_ANY_SIZE};
    return worker_call(worker, &request, &call, &answer, error) ||
           strstr(error->message, "BucketAlreadyOwnedByYou") != NULL;
}

bool worker_perform(struct worker *worker, const struct assignment *assignment, uint64_t *ret_bytes,
                    struct error *error)
{
    *ret_bytes = assignment->size;
    switch (assignment->operation) {
    case OPERATION_GET:
    case OPERATION_RANDRANGE:
    case OPERATION_SEQRANGE:
        return perform_get(worker, assignment, ret_bytes, error);
    case OPERATION_HEAD:
        *ret_bytes = 0;
        return perform_head(worker, assignment, error);
    case OPERATION_LIST:
        return perform_list(worker, assignment, ret_bytes, error);
    case OPERATION_PUT:
        return perform_put(worker, assignment, error);
    case OPERATION_DELETE:
        return perform_delete(worker, assignment, error);
    case OPERATION_DELETE_OBJECTS:
        *ret_bytes = 0;
        return worker_perform_delete_objects(worker, assignment, error);
    case OPERATION_COPY:
        return perform_copy(worker, assignment, error);
    case OPERATION_MULTIPART:
        return worker_perform_multipart(worker, assignment, error);
    case OPERATIONS:
        break;
    }
    UNREACHABLE();
}
