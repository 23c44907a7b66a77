/* server/s3/upload/complete_multipart_upload.c -- POST /bucket/key?uploadId=ID: the parts that the client names become
 * the object, in one step.
 *
 * All that can be refused is refused before that step, with a status of its own. When the step takes long, the client
 * is kept waiting with white space behind a status of 200; what fails then is an Error in that body. */
#include "runtime/fiber/loop.h"
#include "runtime/fiber/wait.h"
#include "s3client/wire/s3_error.h"
#include "s3client/wire/uri.h"
#include "server/s3/answer/answer.h"
#include "server/s3/answer/setting_headers.h"
#include "server/s3/headers/encryption.h"
#include "server/s3/operations.h"
#include "server/s3/request/conditions.h"
#include "server/s3/rights/upload_encryption.h"
#include "server/s3/upload/complete_document.h"
#include "server/s3/upload/upload_request.h"

enum { PATIENCE_MS = 5000 }; /* between two signs of life */

struct completion {
    struct s3_request *request;
    struct object_name name;
    struct upload_info upload;
    struct object_encryption encryption;
    struct complete_claims claims;
    struct complete_document document;
    struct upload_plan plan;
    struct write_condition condition_storage;
    const struct write_condition *condition;
    /* the step itself, on a fiber of its own: */
    bool has_ended;
    bool is_completed;
    struct object_attributes attributes;
    struct error error;
    struct wait_queue ended;
};

/* ---- before the step ---- */

/* The part that was the reason for the refusal. */
static bool explain_part(struct completion *completion, const struct error *error)
{
    struct error_details *details = &completion->request->details;
    if (error->code == NULL ||
        (strcmp(error->code, S3_InvalidPart) != 0 && strcmp(error->code, S3_EntityTooSmall) != 0))
        return false;
    if (strcmp(error->code, S3_EntityTooSmall) == 0) {
        error_details_add(details, "ProposedSize", s3_decimal(completion->request, completion->plan.refused_size));
        error_details_add(details, "MinSizeAllowed", s3_decimal(completion->request, UPLOAD_PART_BYTES_LEAST));
    }
    complete_document_explain(completion->request, &completion->document, &completion->upload,
                              completion->plan.refused);
    return false;
}

static SUSPENDS bool make_plan(struct completion *completion, struct error *error)
{
    struct s3_request *request = completion->request;
    return complete_document_check(request, &completion->document, &completion->upload, error) &&
           (object_upload_plan(request->settings->codecs, request->settings->store, &completion->name,
                               &completion->upload, &completion->document.choices, &completion->plan, error) ||
            explain_part(completion, error)) &&
           complete_claims_verify(&completion->claims, &completion->plan.attributes, error);
}

/* ---- the step ---- */

static SUSPENDS void run_step(void *argument)
{
    struct completion *completion = argument;
    const struct s3_settings *settings = completion->request->settings;
    completion->is_completed = object_upload_complete(
        settings->codecs, settings->store, &completion->name, &completion->upload, &completion->document.choices,
        &completion->plan, completion->condition, &completion->attributes, &completion->error);
    completion->has_ended = true;
    wait_wake_all(&completion->ended);
}

static SUSPENDS void send_sign_of_life(struct s3_request *request, const char *text)
{
    struct error ignored; /* a client that has gone changes nothing: the step is under way */
    (void)http_response_send(request->exchange, span_from_string(text), &ignored);
}

static SUSPENDS void keep_waiting(struct s3_request *request)
{
    struct error ignored;
    if (!http_response_is_started(request->exchange)) {
        s3_answer_begin(request, 200);
        http_response_field(request->exchange, "Content-Type", SPAN("application/xml"));
        (void)http_response_start_chunked(request->exchange, &ignored);
        send_sign_of_life(request, XML_DECLARATION);
    }
    send_sign_of_life(request, " ");
}

static SUSPENDS bool run_step_patiently(struct completion *completion, struct error *error)
{
    struct error wait_error;
    wait_queue_init(&completion->ended);
    if (!fiber_spawn("complete", run_step, completion, error))
        return false;
    while (!completion->has_ended) {
        if (wait_for(&completion->ended, deadline_after_ms(PATIENCE_MS), &wait_error) || completion->has_ended)
            continue;
        if (wait_error.kind == ERROR_TIMED_OUT)
            keep_waiting(completion->request);
        else
            fiber_yield(); /* cancelled; but the step uses what is on this stack */
    }
    if (completion->is_completed)
        return true;
    *error = completion->error;
    completion->plan.refused = completion->document.choices.count - 1;
    return explain_part(completion, error) || s3_explain_condition(completion->request, completion->condition, error);
}

/* ---- the answer ---- */

static void write_location(struct s3_document *document, const struct s3_request *request)
{
    struct buffer location;
    buffer_init(&location, 0);
    buffer_append_string(&location, stream_is_secure(request->exchange->stream) ? "https://" : "http://");
    buffer_append(&location, request->head->host);
    uri_encode(&location, request->path, URI_ENCODE_KEEP_SLASH);
    xml_text(&document->xml, "Location", buffer_span(&location));
    buffer_free(&location);
}

static SUSPENDS bool answer(struct s3_request *request, const struct object_attributes *attributes,
                            const struct object_encryption *encryption, struct error *error)
{
    struct s3_document document;
    s3_document_open(&document, "CompleteMultipartUploadResult");
    write_location(&document, request);
    xml_text(&document.xml, "Bucket", request->bucket);
    xml_text(&document.xml, "Key", request->key);
    s3_document_etag(&document, attributes->etag);
    s3_document_checksum(&document, &attributes->checksum);
    if (http_response_is_started(request->exchange))
        return s3_document_finish_late(request, &document, error);
    s3_answer_begin(request, 200);
    s3_answer_version(request, attributes->version);
    s3_answer_expiration(request, attributes, NULL);
    encryption_answer(request, encryption);
    return s3_document_finish(request, &document, error);
}

/* Behind white space a refusal can only be told in the body. */
static SUSPENDS bool answer_late_error(struct s3_request *request, const struct error *reason, struct error *error)
{
    if (!http_response_is_started(request->exchange)) {
        *error = *reason;
        return false;
    }
    return s3_answer_late_error(request, reason, error);
}

/* ---- the operation ---- */

/* Parts of an upload that another request has just completed are missing, too. */
static SUSPENDS bool has_gone(struct completion *completion, const struct error *reason)
{
    struct upload_info ignored_upload;
    struct error error;
    if (reason->code == S3_NoSuchUpload)
        return true;
    return reason->code == S3_InvalidPart && !upload_request_find(completion->request, &ignored_upload, &error) &&
           error.code == S3_NoSuchUpload;
}

/* The upload has gone: completed before, by a request whose answer was lost (statement 272). The same list of parts
 * gets the same answer. That it was not is said only when it was not: who cannot tell says that. */
static SUSPENDS bool answer_again(struct completion *completion, const struct error *reason, struct error *error)
{
    struct s3_request *request = completion->request;
    struct object_attributes attributes;
    const struct upload_choices *choices = &completion->document.choices;
    char etag[ETAG_TEXT_BYTES];
    struct error looking = *reason;
    object_upload_etag(choices->parts, choices->count, etag);
    if (has_gone(completion, reason) &&
        bucket_find_completed(request->settings->store, &completion->name, upload_request_id(request), &attributes,
                              &looking) &&
        strcmp(attributes.etag, etag) == 0) {
        const struct object_encryption encryption = upload_encryption_of_completed(request, &attributes);
        return answer(request, &attributes, &encryption, error);
    }
    return answer_late_error(request, looking.kind == ERROR_NOT_FOUND ? reason : &looking, error);
}

static SUSPENDS bool complete(struct completion *completion, struct error *error)
{
    struct s3_request *request = completion->request;
    return complete_document_read(request, &completion->document, error) &&
           upload_request_find(request, &completion->upload, error) &&
           encryption_of_upload(request, &completion->upload, false, &completion->encryption, error) &&
           make_plan(completion, error) && run_step_patiently(completion, error);
}

SUSPENDS bool s3_complete_multipart_upload(struct s3_request *request, struct error *error)
{
    struct completion completion = {.request = request};
    struct error reason;
    completion.name = (struct object_name){.bucket = request->bucket, .key = request->key};
    if (!complete_claims_parse(request, &completion.claims, error) ||
        !s3_write_condition(request, &completion.condition_storage, &completion.condition, error))
        return false;
    bool is_completed = complete(&completion, &reason);
    object_upload_plan_free(&completion.plan);
    if (is_completed) {
        /* The parts were reported as they came. */
        request->outcome.stored_bytes_written = completion.attributes.sidecar_size;
        return answer(request, &completion.attributes, &completion.encryption, error);
    }
    if (completion.document.choices.count > 0)
        return answer_again(&completion, &reason, error);
    *error = reason;
    return false;
}
