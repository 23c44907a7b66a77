/* server/kms/key_request.c -- what clients may send for a service, and are told of one that is not to be had. */
#include "server/kms/key_request.h"

#include "runtime/log/log.h"
#include "s3client/wire/s3_error.h"
#include "server/kms/answer_document.h"

/* Their names and values go into no decision here. */
static bool are_strings(const struct json_value *context)
{
    for (const struct json_value *member = context->first; member != NULL; member = member->next)
        if (member->kind != JSON_STRING || span_equal(member->name, SPAN("aws:s3:arn")))
            return false;
    return context->kind == JSON_OBJECT;
}

bool kms_client_context_is_good(struct span text)
{
    struct answer_document document;
    answer_document_open(&document, text);
    bool is_good = text.size <= KMS_CONTEXT_TEXT_BYTES_MAX && document.root != NULL && are_strings(document.root);
    answer_document_close(&document);
    return is_good;
}

bool key_request_refuse_unavailable(const struct kms_service *service, struct error *error)
{
    log_message(LOG_WARNING, "key service %s: %s", service->name, error->message);
    if (error->kind == KEY_REQUEST_TROUBLE_OF_KEY)
        return error_set(error, KEY_REQUEST_TROUBLE_OF_KEY, S3_ServiceUnavailable,
                         "The key service %s cannot use this key. Try again.", service->name);
    return error_set(error, ERROR_IO, S3_ServiceUnavailable, "The key service %s is not to be had. Try again.",
                     service->name);
}
