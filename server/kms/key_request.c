/* server/kms/key_request.c -- what clients are told of a service that is not to be had. */
#include "server/kms/key_request.h"

#include "runtime/log/log.h"
#include "s3client/wire/s3_error.h"

bool key_request_refuse_unavailable(const struct kms_service *service, struct error *error)
{
    log_message(LOG_WARNING, "key service %s: %s", service->name, error->message);
    return error_set(error, ERROR_IO, S3_ServiceUnavailable, "The key service %s is not to be had. Try again.",
                     service->name);
}
