/* server/s3/access_log/request_lines.c -- lines of the access log, put together from requests. */
#include "server/s3/access_log/request_lines.h"

#include "s3client/wire/s3_error.h"
#include "server/s3/access_log/access_log.h"
#include "server/s3/answer/answer.h"
#include "server/s3/form/form.h"
#include "server/s3/form/form_signature.h"
#include "server/s3/request/client_address.h"
#include "server/s3/request/conditions.h"

#include <stdio.h>

enum { OPERATION_BYTES_MAX = 64, NS_PER_MS = 1000000 };

/* REST.METHOD.TYPE (statement 605). */
static const char *const types[S3_OPERATIONS] = {
    [S3_ListBuckets] = "SERVICE",
    [S3_CreateBucket] = "BUCKET",
    [S3_HeadBucket] = "BUCKET",
    [S3_GetBucketLocation] = "LOCATION",
    [S3_DeleteBucket] = "BUCKET",
    [S3_ListObjects] = "BUCKET",
    [S3_ListObjectsV2] = "BUCKET",
    [S3_ListObjectVersions] = "BUCKETVERSIONS",
    [S3_ListMultipartUploads] = "UPLOADS",
    [S3_PutObject] = "OBJECT",
    [S3_PostObject] = "OBJECT",
    [S3_CopyObject] = "OBJECT",
    [S3_GetObject] = "OBJECT",
    [S3_HeadObject] = "OBJECT",
    [S3_DeleteObject] = "OBJECT",
    [S3_DeleteObjects] = "MULTI_OBJECT_DELETE",
    [S3_CreateMultipartUpload] = "UPLOADS",
    [S3_UploadPart] = "PART",
    [S3_UploadPartCopy] = "PART",
    [S3_CompleteMultipartUpload] = "UPLOAD",
    [S3_AbortMultipartUpload] = "UPLOAD",
    [S3_ListParts] = "UPLOAD",
    [S3_GetObjectAttributes] = "OBJECT_ATTRIBUTES",
    [S3_GetObjectTagging] = "OBJECT_TAGGING",
    [S3_PutObjectTagging] = "OBJECT_TAGGING",
    [S3_DeleteObjectTagging] = "OBJECT_TAGGING",
    [S3_GetBucketAcl] = "ACL",
    [S3_PutBucketAcl] = "ACL",
    [S3_GetObjectAcl] = "ACL",
    [S3_PutObjectAcl] = "ACL",
    [S3_GetObjectTorrent] = "OBJECT_TORRENT",
    [S3_GetBucketPolicy] = "BUCKETPOLICY",
    [S3_PutBucketPolicy] = "BUCKETPOLICY",
    [S3_DeleteBucketPolicy] = "BUCKETPOLICY",
    [S3_GetBucketPolicyStatus] = "POLICY_STATUS",
    [S3_GetBucketCors] = "CORS",
    [S3_PutBucketCors] = "CORS",
    [S3_DeleteBucketCors] = "CORS",
    [S3_GetBucketLifecycleConfiguration] = "LIFECYCLE",
    [S3_PutBucketLifecycleConfiguration] = "LIFECYCLE",
    [S3_DeleteBucketLifecycle] = "LIFECYCLE",
    [S3_GetBucketTagging] = "TAGGING",
    [S3_PutBucketTagging] = "TAGGING",
    [S3_DeleteBucketTagging] = "TAGGING",
    [S3_GetBucketWebsite] = "WEBSITE",
    [S3_DeleteBucketWebsite] = "WEBSITE",
    [S3_GetBucketEncryption] = "ENCRYPTION",
    [S3_PutBucketEncryption] = "ENCRYPTION",
    [S3_DeleteBucketEncryption] = "ENCRYPTION",
    [S3_GetBucketReplication] = "REPLICATION",
    [S3_DeleteBucketReplication] = "REPLICATION",
    [S3_GetPublicAccessBlock] = "PUBLIC_ACCESS_BLOCK",
    [S3_PutPublicAccessBlock] = "PUBLIC_ACCESS_BLOCK",
    [S3_DeletePublicAccessBlock] = "PUBLIC_ACCESS_BLOCK",
    [S3_GetBucketOwnershipControls] = "OWNERSHIP_CONTROLS",
    [S3_PutBucketOwnershipControls] = "OWNERSHIP_CONTROLS",
    [S3_DeleteBucketOwnershipControls] = "OWNERSHIP_CONTROLS",
    [S3_GetObjectLockConfiguration] = "OBJECT_LOCK_CONFIGURATION",
    [S3_PutObjectLockConfiguration] = "OBJECT_LOCK_CONFIGURATION",
    [S3_GetBucketVersioning] = "VERSIONING",
    [S3_PutBucketVersioning] = "VERSIONING",
    [S3_GetObjectRetention] = "OBJECT_LOCK_RETENTION",
    [S3_PutObjectRetention] = "OBJECT_LOCK_RETENTION",
    [S3_GetObjectLegalHold] = "OBJECT_LOCK_LEGALHOLD",
    [S3_PutObjectLegalHold] = "OBJECT_LOCK_LEGALHOLD",
    [S3_GetBucketLogging] = "LOGGING_STATUS",
    [S3_PutBucketLogging] = "LOGGING_STATUS",
    [S3_GetBucketNotificationConfiguration] = "NOTIFICATION",
    [S3_GetBucketAccelerateConfiguration] = "ACCELERATE",
    [S3_PutBucketAccelerateConfiguration] = "ACCELERATE",
    [S3_GetBucketRequestPayment] = "REQUEST_PAYMENT",
    [S3_PutBucketRequestPayment] = "REQUEST_PAYMENT",
    [S3_ListBucketAnalyticsConfigurations] = "ANALYTICS",
    [S3_ListBucketIntelligentTieringConfigurations] = "INTELLIGENT_TIERING",
    [S3_ListBucketInventoryConfigurations] = "INVENTORY",
    [S3_ListBucketMetricsConfigurations] = "METRICS",
    [S3_Preflight] = "PREFLIGHT",
};

/* ---- the parts of a line ---- */

static bool is_copy(const struct s3_request *request)
{
    return request->outcome.operation == S3_CopyObject || request->outcome.operation == S3_UploadPartCopy;
}

static struct span operation_of(const struct s3_request *request, const char *suffix, char *ret_text)
{
    const char *type = types[request->outcome.operation];
    struct span method = is_copy(request) ? SPAN("COPY") : span_take(request->exchange->head->method, 16);
    if (type == NULL)
        type = request->key.size > 0 ? "OBJECT" : "BUCKET";
    int size = snprintf(ret_text, OPERATION_BYTES_MAX, "REST.%.*s.%s%s", SPAN_FORMAT(method), type, suffix);
    return span_of(ret_text, size < 0 ? 0 : (size_t)size);
}

static void put_times(const struct s3_request *request, struct access_line *line)
{
    const struct http_exchange *exchange = request->exchange;
    uint64_t now = clock_monotonic_ns(request->settings->clock);
    uint64_t received = exchange->received_ns > exchange->started_ns ? exchange->received_ns : exchange->started_ns;
    line->time_ms = request->now_ms;
    line->total_ms = (now - exchange->started_ns) / NS_PER_MS;
    if (exchange->answered_ns > received)
        line->turn_around_ms = (exchange->answered_ns - received) / NS_PER_MS;
}

/* A form is signed among its fields, which is neither of the two ways that the log has names for. */
static void put_signature(const struct s3_request *request, struct access_line *line)
{
    const struct authentication *authentication = &request->authentication;
    if (authentication->account == NULL)
        return;
    line->requester = span_from_string(authentication->account->id);
    bool is_version_2 = request->form != NULL && form_signature_is_version_2(&request->form->fields);
    line->signature = is_version_2 ? "SigV2" : "SigV4";
    if (request->form == NULL)
        line->authentication = authentication->is_presigned ? "QueryString" : "AuthHeader";
}

/* What all lines of a request have. */
static void put_common(struct s3_request *request, const struct bucket_info *bucket, struct access_line *line)
{
    const struct http_exchange *exchange = request->exchange;
    struct error ignored;
    const char *version = stream_tls_version(exchange->stream);
    *line = (struct access_line){
        .bucket_owner = span_from_string(bucket->owner),
        .bucket = span_from_string(bucket->name),
        .request_id = span_from_string(exchange->request_id),
        .method = exchange->head->method,
        .target = exchange->head->target,
        .host_id = span_from_string(request->settings->host_id),
        .cipher = version == NULL ? NULL : stream_tls_cipher(exchange->stream),
        .host = exchange->head->host,
        .tls_version = version == NULL     ? NULL
                       : version[2] == '3' ? "TLSv1.3"
                                           : "TLSv1.2",
        .is_by_acl = request->outcome.decided_by == ACCESS_BY_ACL,
        .region = span_from_string(request->settings->region),
    };
    (void)client_address(request, &line->remote, &ignored);
    (void)http_head_find(exchange->head, "referer", &line->referer);
    (void)http_head_find(exchange->head, "user-agent", &line->agent);
    put_times(request, line);
    put_signature(request, line);
}

static void put_refusal(const struct error *error, struct access_line *line)
{
    const struct s3_error_entry *entry = s3_error_entry_of(error);
    line->status = entry->status;
    line->code = entry->code;
}

/* ---- the lines ---- */

static bool is_logged(const struct s3_request *request, const struct bucket_settings *pinned)
{
    return request->settings->access_log != NULL && settings_compiled(pinned, SETTING_LOGGING) != NULL;
}

static void add(struct s3_request *request, const struct bucket_info *bucket, const struct bucket_settings *pinned,
                const struct access_line *line)
{
    access_log_add(request->settings->access_log, bucket, settings_document(pinned, SETTING_LOGGING), line);
}

SUSPENDS void s3_log_request(struct s3_request *request)
{
    const struct s3_outcome *outcome = &request->outcome;
    char operation[OPERATION_BYTES_MAX];
    struct access_line line;
    bool is_missing = outcome->code != NULL && strcmp(outcome->code, S3_NoSuchBucket) == 0;
    if (request->settings->access_log == NULL || request->bucket.size == 0 || is_missing ||
        (request->bucket_info.name[0] == '\0' && !s3_look_at_bucket(request)) ||
        !is_logged(request, request->bucket_settings))
        return;
    put_common(request, &request->bucket_info, &line);
    line.operation = operation_of(request, "", operation);
    line.key = request->key;
    line.status = request->exchange->status;
    line.code = outcome->code;
    line.bytes_sent = request->exchange->bytes_out;
    line.has_size = outcome->has_object_size;
    line.object_size = outcome->object_size;
    (void)s3_request_parameter(request, "versionId", &line.version);
    add(request, &request->bucket_info, request->bucket_settings, &line);
}

void s3_log_source(struct s3_request *request, const struct bucket_info *bucket, const struct bucket_settings *pinned,
                   const struct object_name *name, const struct object_attributes *attributes,
                   const struct error *error)
{
    char operation[OPERATION_BYTES_MAX];
    struct access_line line;
    if (!is_logged(request, pinned))
        return;
    put_common(request, bucket, &line);
    line.operation = operation_of(request, "_GET", operation);
    line.key = name->key;
    line.version = name->version;
    line.status = 200;
    if (attributes == NULL)
        put_refusal(error, &line);
    line.has_size = attributes != NULL && attributes->is_size_known;
    line.object_size = line.has_size ? attributes->original_size : 0;
    add(request, bucket, pinned, &line);
}

void s3_log_deletion(struct s3_request *request, const struct delete_item *item)
{
    struct access_line line;
    if (!is_logged(request, request->bucket_settings))
        return;
    put_common(request, &request->bucket_info, &line);
    line.operation = SPAN("BATCH.DELETE.OBJECT");
    line.key = item->key;
    line.version = item->version;
    line.status = 204;
    if (!s3_is_deleted(item))
        put_refusal(&item->error, &line);
    add(request, &request->bucket_info, request->bucket_settings, &line);
}
