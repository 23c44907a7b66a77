/* server/s3/object/get_object_torrent.c -- GET /bucket/key?torrent: no object has one (statement 358). */
#include "s3client/wire/s3_error.h"
#include "server/s3/operations.h"

SUSPENDS bool s3_get_object_torrent(struct s3_request *request, struct error *error)
{
    (void)request;
    return error_set(error, ERROR_NOT_FOUND, S3_NoSuchKey, "The specified key does not exist.");
}
