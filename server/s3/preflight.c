/* server/s3/preflight.c -- OPTIONS: a browser asks before it sends. No bucket has rules for that, so the answer is no,
 * the same for every bucket, there or not (statement 312). */
#include "s3client/wire/s3_error.h"
#include "server/s3/shared/operations.h"

SUSPENDS bool s3_preflight(struct s3_request *request, struct error *error)
{
    struct span value;
    request->outcome.operation = S3_Preflight;
    if (!http_head_find(request->head, "origin", &value))
        return error_set(error, ERROR_INVALID, S3_BadRequest,
                         "Insufficient information. Origin request header needed.");
    if (!http_head_find(request->head, "access-control-request-method", &value))
        return error_set(error, ERROR_INVALID, S3_BadRequest, "Invalid Access-Control-Request-Method: it is missing.");
    return error_set(error, ERROR_DENIED, S3_AccessForbidden, "CORSResponse: CORS is not enabled for this bucket.");
}
