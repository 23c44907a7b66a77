/* server/s3/request/missing.c -- a delete marker explains more than nothing does. */
#include "server/s3/request/missing.h"

#include "s3client/wire/s3_error.h"

/* Marker or nothing: another look, which only refusals pay for. */
static SUSPENDS void note_marker(struct s3_request *request, const struct object_name *name, const struct error *reason)
{
    struct object_attributes attributes;
    struct error ignored;
    bool is_method = reason->code != NULL && strcmp(reason->code, S3_MethodNotAllowed) == 0;
    if (request->bucket_info.versioning == VERSIONING_NEVER || reason->kind != ERROR_NOT_FOUND)
        return;
    if (bucket_head(request->settings->store, name, request->arena, &attributes, &ignored) ||
        !attributes.is_delete_marker)
        return;
    memcpy(request->marker_version, attributes.version, sizeof attributes.version);
    request->marker_modified_ms = attributes.modified_ms;
    request->has_no_version = false;
    if (!is_method)
        return;
    request->allow = SPAN("DELETE");
    error_details_add(&request->details, "Method", request->head->method);
    error_details_add(&request->details, "ResourceType", SPAN("DeleteMarker"));
}

SUSPENDS bool s3_explain_missing(struct s3_request *request, const struct object_name *name, struct error *error)
{
    note_marker(request, name, error);
    if (name->version.size > 0 && error->code != NULL && strcmp(error->code, S3_NoSuchKey) == 0)
        error_set(error, ERROR_NOT_FOUND, S3_NoSuchVersion, "The specified version does not exist.");
    return false;
}
