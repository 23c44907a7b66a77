/* bench/drive/multipart.c -- a whole upload in parts, one after the other, as one operation. */
#include "bench/drive/worker_private.h"

#include "s3client/wire/uri.h"

#include <stdio.h>
#include <string.h>

enum { UPLOAD_ID_BYTES = 512, QUERY_BYTES = UPLOAD_ID_BYTES * 3 + 64 };

/* Under way: its id, encoded for queries, and the document that will complete it. */
struct upload {
    struct worker_path path;
    char id[UPLOAD_ID_BYTES * 3];
    struct buffer document;
};

static bool take_id(struct upload *upload, struct span answer, struct error *error)
{
    struct buffer encoded;
    const uint8_t *begin = answer.size == 0 ? NULL : memmem(answer.data, answer.size, "<UploadId>", 10);
    if (begin == NULL)
        return error_set(error, ERROR_INVALID, NULL, "multipart %s: no UploadId in the answer", upload->path.text);
    struct span id = span_skip(answer, (size_t)(begin - answer.data) + 10);
    id = span_take(id, span_find(id, '<'));
    if (id.size == 0 || id.size > UPLOAD_ID_BYTES - 1)
        return error_set(error, ERROR_INVALID, NULL, "multipart %s: an UploadId of %zu bytes", upload->path.text,
                         id.size);
    buffer_init(&encoded, 0);
    uri_encode(&encoded, id, URI_ENCODE_ALL);
    (void)snprintf(upload->id, sizeof upload->id, "%.*s", SPAN_FORMAT(buffer_span(&encoded)));
    buffer_free(&encoded);
    return true;
}

SUSPENDS static bool begin_upload(struct worker *worker, struct upload *upload, struct error *error)
{
    struct call_answer answer;
    const struct worker_request request = {.line = {"POST", upload->path.text, "uploads="}};
    struct call call = {.name = "create upload", .status = 200, .answer_bytes = CALL_ANY_SIZE, .keep = &worker->answer};
    buffer_clear(&worker->answer);
    return worker_call(worker, &request, &call, &answer, error) && take_id(upload, buffer_span(&worker->answer), error);
}

SUSPENDS static bool put_part(struct worker *worker, struct upload *upload, const struct assignment *assignment,
                              unsigned number, uint64_t offset, struct error *error)
{
    struct call_answer answer;
    char query[QUERY_BYTES];
    uint64_t left = assignment->size - offset;
    (void)snprintf(query, sizeof query, "partNumber=%u&uploadId=%s", number, upload->id);
    struct worker_request request = {.line = {"PUT", upload->path.text, query}};
    worker_body(worker, assignment->object, offset, left < worker->job->part_size ? left : worker->job->part_size,
                &request);
    struct call call = {.name = "put part", .status = 200, .answer_bytes = CALL_ANY_SIZE};
    if (!worker_call(worker, &request, &call, &answer, error))
        return false;
    buffer_append_format(&upload->document, "<Part><PartNumber>%u</PartNumber><ETag>%s</ETag></Part>", number,
                         answer.etag);
    return true;
}

SUSPENDS static bool end_upload(struct worker *worker, struct upload *upload, struct error *error)
{
    struct call_answer answer;
    char query[QUERY_BYTES];
    (void)snprintf(query, sizeof query, "uploadId=%s", upload->id);
    buffer_append_string(&upload->document, "</CompleteMultipartUpload>");
    const struct span body = buffer_span(&upload->document);
    const struct worker_request request = {
        .line = {"POST", upload->path.text, query}, .pieces = &body, .pieces_count = 1, .body_bytes = body.size};
    struct call call = {
        .name = "complete upload", .status = 200, .answer_bytes = CALL_ANY_SIZE, .keep = &worker->answer};
    buffer_clear(&worker->answer);
    if (!worker_call(worker, &request, &call, &answer, error))
        return false;
    return worker_check_answer(worker, &call, error);
}

bool worker_perform_multipart(struct worker *worker, const struct assignment *assignment, struct error *error)
{
    struct upload upload;
    worker_path(worker, assignment->object, &upload.path);
    buffer_init(&upload.document, 0);
    buffer_append_string(&upload.document, "<CompleteMultipartUpload>");
    bool good = begin_upload(worker, &upload, error);
    uint64_t offset = 0;
    for (unsigned number = 1; good && (offset < assignment->size || number == 1); number++) {
        good = put_part(worker, &upload, assignment, number, offset, error);
        offset += worker->job->part_size;
    }
    good = good && end_upload(worker, &upload, error);
    buffer_free(&upload.document);
    return good;
}
