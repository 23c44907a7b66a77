/* server/s3/object/delete_object.c -- DELETE /bucket/key: 204 also when there was nothing, unless a condition says
 * otherwise.
 */
#include "server/s3/shared/answer.h"
#include "server/s3/shared/conditions.h"
#include "server/s3/shared/operations.h"

SUSPENDS bool s3_delete_object(struct s3_request *request, struct error *error)
{
    struct write_condition storage;
    struct delete_item item = {.key = request->key};
    if (!s3_request_version(request, &item.version, error) ||
        !s3_delete_condition(request, &storage, &item.condition, error))
        return false;
    if (!bucket_delete_objects(request->settings->store, request->bucket, &item, 1, error))
        return false;
    if (!s3_is_deleted(&item)) {
        *error = item.error;
        return s3_explain_condition(request, item.condition, error);
    }
    s3_answer_begin(request, 204);
    return s3_answer_empty(request, error);
}
