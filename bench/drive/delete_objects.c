/* bench/drive/delete_objects.c -- DeleteObjects over a batch of neighbours, as one operation. */
#include "bench/drive/worker_private.h"

#include "runtime/base/base64.h"
#include "s3client/wire/checksum.h"

/* Quiet: the answer names only what was not deleted. */
static void write_document(const struct worker *worker, const struct assignment *assignment, struct buffer *document)
{
    char key[KEY_BYTES];
    buffer_append_string(document, "<Delete><Quiet>true</Quiet>");
    for (uint64_t i = 0; i < assignment->count; i++) {
        key_format((enum key_shape)worker->job->key_shape, worker->job->prefix, assignment->object + i, key);
        buffer_append_format(document, "<Object><Key>%s</Key></Object>", key);
    }
    buffer_append_string(document, "</Delete>");
}

/* Content-MD5, which S3 asks for. */
static void format_md5(struct span document, char ret_text[BASE64_ENCODED_BYTES(MD5_BYTES)])
{
    struct md5_sum sum;
    uint8_t digest[MD5_BYTES];
    md5_begin(&sum);
    md5_update(&sum, document);
    md5_end(&sum, digest);
    base64_encode(span_of(digest, sizeof digest), ret_text);
}

SUSPENDS static bool perform(struct worker *worker, struct span document, struct error *error)
{
    struct worker_path path;
    struct call_answer answer;
    char md5[BASE64_ENCODED_BYTES(MD5_BYTES)];
    format_md5(document, md5);
    worker_bucket_path(worker, &path);
    const struct sigv4_header header = {SPAN("content-md5"), span_of(md5, sizeof md5)};
    const struct worker_request request = {
        .line = {"POST", path.text, "delete=", .headers = &header, .headers_count = 1},
        .pieces = &document,
        .pieces_count = 1,
        .body_bytes = document.size};
    struct call call = {
        .name = "delete objects", .status = 200, .answer_bytes = CALL_ANY_SIZE, .keep = &worker->answer};
    buffer_clear(&worker->answer);
    if (!worker_call(worker, &request, &call, &answer, error))
        return false;
    return worker_check_answer(worker, &call, error);
}

bool worker_perform_delete_objects(struct worker *worker, const struct assignment *assignment, struct error *error)
{
    struct buffer document;
    buffer_init(&document, 0);
    write_document(worker, assignment, &document);
    bool good = perform(worker, buffer_span(&document), error);
    buffer_free(&document);
    return good;
}
