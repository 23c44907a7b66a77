/* server/s3/object/delete_object.c -- DELETE /bucket/key: 204 also when there was nothing, unless a condition says
 * otherwise.
 */
#include "server/s3/answer/answer.h"
#include "server/s3/headers/locks.h"
#include "server/s3/operations.h"
#include "server/s3/request/conditions.h"

SUSPENDS bool s3_delete_object(struct s3_request *request, struct error *error)
{
    struct write_condition storage;
    struct delete_item item = {.key = request->key};
    if (!s3_request_version(request, &item.version, error) ||
        !s3_delete_condition(request, &storage, &item.condition, error))
        return false;
    item.may_bypass_governance = locks_may_bypass(request, item.key, item.version);
    if (!bucket_delete_objects(request->settings->store, request->bucket, &item, 1, error))
        return false;
    if (!s3_is_deleted(&item)) {
        *error = item.error;
        return s3_explain_condition(request, item.condition, error);
    }
    s3_answer_begin(request, 204);
    if (item.is_marker)
        http_response_field(request->exchange, "x-amz-delete-marker", SPAN("true"));
    if (item.version.size > 0) /* 411, 412 */
        http_response_field(request->exchange, "x-amz-version-id", item.version);
    else if (item.is_marker)
        http_response_field_string(request->exchange, "x-amz-version-id", item.marker_version);
    return s3_answer_empty(request, error);
}
