/* server/s3/upload/upload_request.c -- what the operations of an upload share: which upload, which part. */
#include "server/s3/upload/upload_request.h"

#include "runtime/base/decimal.h"
#include "s3client/wire/s3_error.h"
#include "server/s3/rights/authorize.h"

struct span upload_request_id(const struct s3_request *request)
{
    struct span id = SPAN_EMPTY;
    (void)s3_request_parameter(request, "uploadId", &id);
    return id;
}

SUSPENDS bool upload_request_find(struct s3_request *request, struct upload_info *ret_upload, struct error *error)
{
    const struct object_name name = {.bucket = request->bucket, .key = request->key};
    if (!bucket_find_upload(request->settings->store, &name, upload_request_id(request), request->arena, ret_upload,
                            error))
        return false;
    if (s3_is_bucket_owner(request, &request->access) ||
        (!s3_is_anonymous(request) && span_equal(s3_asker_id(request), ret_upload->initiator)))
        return true;
    return error_set(error, ERROR_DENIED, S3_AccessDenied, "Access Denied"); /* statement 540 */
}

bool upload_request_part(struct s3_request *request, unsigned *ret_number, struct error *error)
{
    struct span text = SPAN_EMPTY;
    uint64_t number;
    (void)s3_request_parameter(request, "partNumber", &text);
    if (!decimal_parse_range(text, 1, PART_NUMBER_MAX, &number))
        return s3_refuse_argument(request, "partNumber", text,
                                  "Part number must be an integer between 1 and 10000, inclusive", error);
    *ret_number = (unsigned)number;
    return true;
}

bool upload_request_count(struct s3_request *request, const char *name, unsigned otherwise, unsigned most,
                          unsigned *ret_count, struct error *error)
{
    struct span text;
    *ret_count = otherwise;
    return !s3_request_parameter(request, name, &text) || text.size == 0 ||
           s3_parse_count(request, name, text, most, ret_count, error);
}
