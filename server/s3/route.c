/* server/s3/route.c -- which operation a request asks for.
 *
 * Rows are tried from the top, the first that fits wins. So a row with a selector stands before the plain one, and the
 * "not offered" row of a sub-resource behind the rows that offer something of it. A sub-resource never falls through to
 * the plain operation: where the selector is present and only the method is wrong, the answer is 405. */
#include "server/s3/route.h"

#include "runtime/base/assert.h"
#include "runtime/base/buffer.h"
#include "s3client/wire/s3_error.h"
#include "server/s3/operations.h"

#define SERVICE LEVEL_SERVICE
#define BUCKET LEVEL_BUCKET
#define OBJECT LEVEL_OBJECT
#define NOT_OFFERED(levels, selector)                 \
    {                                                 \
        levels, "*", selector, S3_NotOffered, 0, NULL \
    }
#define SETTING(selector, get, put)                                         \
    {BUCKET, "GET", selector, get, 0, s3_get_bucket_setting},               \
    {                                                                       \
        BUCKET, "PUT", selector, put, TAKES_DOCUMENT, s3_put_bucket_setting \
    }
#define REMOVAL(selector, operation)                                       \
    {                                                                      \
        BUCKET, "DELETE", selector, operation, 0, s3_delete_bucket_setting \
    }
#define UNSET(methods, selector, operation)                             \
    {                                                                   \
        BUCKET, methods, selector, operation, 0, s3_unset_configuration \
    }

/* clang-format off */
static const struct s3_route routes[] = {
    {SERVICE, "GET", NULL, S3_ListBuckets, NEEDS_NO_BUCKET, s3_list_buckets},

    /* sub-resources of a bucket */
    {BUCKET, "GET",  "location",  S3_GetBucketLocation,  0, s3_get_bucket_location},
    {BUCKET, "GET",  "versions",  S3_ListObjectVersions, 0, s3_list_object_versions},
    {BUCKET, "GET",  "versioning",  S3_GetBucketVersioning, 0, s3_get_bucket_versioning},
    {BUCKET, "PUT",  "versioning",  S3_PutBucketVersioning, TAKES_DOCUMENT, s3_put_bucket_versioning},
    {BUCKET, "GET",  "object-lock", S3_GetObjectLockConfiguration, 0, s3_get_object_lock_configuration},
    {BUCKET, "PUT",  "object-lock", S3_PutObjectLockConfiguration, TAKES_DOCUMENT, s3_put_object_lock_configuration},
    {BUCKET, "GET",  "uploads",   S3_ListMultipartUploads, 0, s3_list_multipart_uploads},
    {BUCKET, "GET",  "acl",       S3_GetBucketAcl,       0, s3_get_bucket_acl},
    {BUCKET, "PUT",  "acl",       S3_PutBucketAcl,       TAKES_DOCUMENT, s3_put_bucket_acl},
    {BUCKET, "POST", "delete",    S3_DeleteObjects,      TAKES_DOCUMENT, s3_delete_objects},

    /* who may what */
    {BUCKET, "GET",    "policy",            S3_GetBucketPolicy,       0, s3_get_bucket_policy},
    {BUCKET, "PUT",    "policy",            S3_PutBucketPolicy,       TAKES_DOCUMENT, s3_put_bucket_policy},
    {BUCKET, "DELETE", "policy",            S3_DeleteBucketPolicy,    0, s3_delete_bucket_policy},
    {BUCKET, "GET",    "policyStatus",      S3_GetBucketPolicyStatus, 0, s3_get_bucket_policy_status},
    {BUCKET, "GET",    "publicAccessBlock", S3_GetPublicAccessBlock,  0, s3_get_public_access_block},
    {BUCKET, "PUT",    "publicAccessBlock", S3_PutPublicAccessBlock,  TAKES_DOCUMENT, s3_put_public_access_block},
    {BUCKET, "DELETE", "publicAccessBlock", S3_DeletePublicAccessBlock, 0, s3_delete_public_access_block},
    {BUCKET, "GET",    "ownershipControls", S3_GetBucketOwnershipControls, 0, s3_get_bucket_ownership_controls},
    {BUCKET, "PUT",    "ownershipControls", S3_PutBucketOwnershipControls, TAKES_DOCUMENT,
     s3_put_bucket_ownership_controls},
    {BUCKET, "DELETE", "ownershipControls", S3_DeleteBucketOwnershipControls, 0, s3_delete_bucket_ownership_controls},

    /* settings that are a document of XML */
    SETTING("cors",           S3_GetBucketCors, S3_PutBucketCors),
    REMOVAL("cors",           S3_DeleteBucketCors),
    SETTING("lifecycle",      S3_GetBucketLifecycleConfiguration, S3_PutBucketLifecycleConfiguration),
    REMOVAL("lifecycle",      S3_DeleteBucketLifecycle),
    SETTING("tagging",        S3_GetBucketTagging, S3_PutBucketTagging),
    REMOVAL("tagging",        S3_DeleteBucketTagging),
    SETTING("encryption",     S3_GetBucketEncryption, S3_PutBucketEncryption),
    REMOVAL("encryption",     S3_DeleteBucketEncryption),
    SETTING("accelerate",     S3_GetBucketAccelerateConfiguration, S3_PutBucketAccelerateConfiguration),
    SETTING("requestPayment", S3_GetBucketRequestPayment, S3_PutBucketRequestPayment),
    SETTING("logging",        S3_GetBucketLogging, S3_PutBucketLogging),

    /* settings that were never set: statements 121 to 123 */
    UNSET("GET",    "website",           S3_GetBucketWebsite),
    UNSET("DELETE", "website",           S3_DeleteBucketWebsite),
    UNSET("GET",    "replication",       S3_GetBucketReplication),
    UNSET("DELETE", "replication",       S3_DeleteBucketReplication),
    UNSET("GET",    "notification",      S3_GetBucketNotificationConfiguration),

    {BUCKET, "GET", "analytics",           S3_ListBucketAnalyticsConfigurations, 0, s3_unset_list},
    {BUCKET, "GET", "intelligent-tiering", S3_ListBucketIntelligentTieringConfigurations, 0, s3_unset_list},
    {BUCKET, "GET", "inventory",           S3_ListBucketInventoryConfigurations, 0, s3_unset_list},
    {BUCKET, "GET", "metrics",             S3_ListBucketMetricsConfigurations, 0, s3_unset_list},

    /* of an object, and of the kind that reads only */
    {OBJECT, "GET", "acl",     S3_GetObjectAcl,     0, s3_get_object_acl},
    {OBJECT, "PUT", "acl",     S3_PutObjectAcl,     TAKES_DOCUMENT, s3_put_object_acl},
    {OBJECT, "GET", "torrent", S3_GetObjectTorrent, 0, s3_get_object_torrent},
    {OBJECT, "GET", "retention",  S3_GetObjectRetention, 0, s3_get_object_retention},
    {OBJECT, "PUT", "retention",  S3_PutObjectRetention, TAKES_DOCUMENT, s3_put_object_retention},
    {OBJECT, "GET", "legal-hold", S3_GetObjectLegalHold, 0, s3_get_object_legal_hold},
    {OBJECT, "PUT", "legal-hold", S3_PutObjectLegalHold, TAKES_DOCUMENT, s3_put_object_legal_hold},

    /* What S3 has and Bale has not: setting any of the above, and all of the rest. Also where S3 has it for the other
     * kind of resource: DELETE /bucket?retention must not remove the bucket, PUT /bucket/key?policy not write a key. */
    NOT_OFFERED(OBJECT, "policy"),
    NOT_OFFERED(OBJECT, "policyStatus"),
    NOT_OFFERED(BUCKET | OBJECT, "cors"),
    NOT_OFFERED(BUCKET | OBJECT, "lifecycle"),
    NOT_OFFERED(BUCKET, "tagging"),
    NOT_OFFERED(BUCKET | OBJECT, "website"),
    NOT_OFFERED(BUCKET | OBJECT, "encryption"),
    NOT_OFFERED(BUCKET | OBJECT, "replication"),
    NOT_OFFERED(OBJECT, "publicAccessBlock"),
    NOT_OFFERED(OBJECT, "ownershipControls"),
    NOT_OFFERED(BUCKET | OBJECT, "object-lock"),
    NOT_OFFERED(BUCKET | OBJECT, "versioning"),
    NOT_OFFERED(BUCKET | OBJECT, "logging"),
    NOT_OFFERED(BUCKET | OBJECT, "notification"),
    NOT_OFFERED(BUCKET | OBJECT, "accelerate"),
    NOT_OFFERED(BUCKET | OBJECT, "requestPayment"),
    NOT_OFFERED(BUCKET | OBJECT, "abac"),
    NOT_OFFERED(BUCKET | OBJECT, "analytics"),
    NOT_OFFERED(BUCKET | OBJECT, "intelligent-tiering"),
    NOT_OFFERED(BUCKET | OBJECT, "inventory"),
    NOT_OFFERED(BUCKET, "metadataConfiguration"),
    NOT_OFFERED(BUCKET, "metadataInventoryTable"),
    NOT_OFFERED(BUCKET, "metadataJournalTable"),
    NOT_OFFERED(BUCKET, "metadataTable"),
    NOT_OFFERED(BUCKET | OBJECT, "metrics"),
    NOT_OFFERED(BUCKET | OBJECT, "append"),
    NOT_OFFERED(BUCKET | OBJECT, "legal-hold"),
    NOT_OFFERED(BUCKET | OBJECT, "renameObject"),
    NOT_OFFERED(BUCKET | OBJECT, "restore"),
    NOT_OFFERED(BUCKET | OBJECT, "retention"),
    NOT_OFFERED(BUCKET | OBJECT, "select"),
    NOT_OFFERED(BUCKET | OBJECT, "torrent"),
    NOT_OFFERED(BUCKET, "attributes"),
    NOT_OFFERED(BUCKET, "uploadId"),
    NOT_OFFERED(OBJECT, "location"),
    NOT_OFFERED(BUCKET, "session"),
    NOT_OFFERED(BUCKET, "usage"),
    NOT_OFFERED(BUCKET, "allow-unordered"),

    /* a bucket itself */
    {BUCKET, "GET",    "list-type", S3_ListObjectsV2, IS_VARIANT, s3_list_objects_v2},
    {BUCKET, "GET",    NULL,        S3_ListObjects,   0, s3_list_objects},
    {BUCKET, "HEAD",   NULL,        S3_HeadBucket,    0, s3_head_bucket},
    {BUCKET, "PUT",    NULL,        S3_CreateBucket,  TAKES_DOCUMENT | NEEDS_NO_BUCKET, s3_create_bucket},
    {BUCKET, "DELETE", NULL,        S3_DeleteBucket,  0, s3_delete_bucket},
    {BUCKET, "POST",   NULL,        S3_PostObject,    TAKES_OBJECT_BODY, s3_post_object},

    /* sub-resources of an object */
    {OBJECT, "GET", "versions", S3_ListObjectVersions,   0, s3_misplaced_parameter},
    {OBJECT, "GET", "uploads",  S3_ListMultipartUploads, 0, s3_misplaced_parameter},
    {OBJECT, "GET", "attributes", S3_GetObjectAttributes, 0, s3_get_object_attributes},
    {OBJECT, "GET",    "tagging", S3_GetObjectTagging,    0, s3_get_object_tagging},
    {OBJECT, "PUT",    "tagging", S3_PutObjectTagging,    TAKES_DOCUMENT, s3_put_object_tagging},
    {OBJECT, "DELETE", "tagging", S3_DeleteObjectTagging, 0, s3_delete_object_tagging},

    /* an upload */
    {OBJECT, "POST",   "uploads",  S3_CreateMultipartUpload,   0, s3_create_multipart_upload},
    {OBJECT, "PUT",    "uploadId&x-amz-copy-source", S3_UploadPartCopy, 0, s3_upload_part_copy},
    {OBJECT, "PUT",    "uploadId", S3_UploadPart,              TAKES_OBJECT_BODY, s3_upload_part},
    {OBJECT, "POST",   "uploadId", S3_CompleteMultipartUpload, TAKES_DOCUMENT, s3_complete_multipart_upload},
    {OBJECT, "DELETE", "uploadId", S3_AbortMultipartUpload,    0, s3_abort_multipart_upload},
    {OBJECT, "GET",    "uploadId", S3_ListParts,               0, s3_list_parts},

    /* an object itself */
    {OBJECT, "PUT",    "x-amz-copy-source", S3_CopyObject,   IS_VARIANT, s3_copy_object},
    {OBJECT, "PUT",    "partNumber",        S3_NotOffered,   IS_VARIANT, NULL}, /* a part without its upload */
    {OBJECT, "PUT",    NULL,                S3_PutObject,    TAKES_OBJECT_BODY, s3_put_object},
    {OBJECT, "GET",    NULL,                S3_GetObject,    0, s3_get_object},
    {OBJECT, "HEAD",   NULL,                S3_HeadObject,   0, s3_head_object},
    {OBJECT, "DELETE", NULL,                S3_DeleteObject, 0, s3_delete_object},
};
/* clang-format on */

enum { ROUTES_COUNT = sizeof routes / sizeof routes[0] };

/* Rows without a selector, and a bit for the first letter of each parameter that is one: nearly all requests have none
 * of these, and are looked for among the plain rows only. */
static struct {
    const struct s3_route *rows[ROUTES_COUNT];
    unsigned count;
    uint64_t letters;
} plain;

#define SELECTING_HEADER "x-amz-copy-source"

__attribute__((constructor)) static void find_plain_rows(void)
{
    for (unsigned i = 0; i < ROUTES_COUNT; i++) {
        const char *selector = routes[i].selector;
        if (selector == NULL)
            plain.rows[plain.count++] = &routes[i];
        else if (selector[0] != 'x')
            plain.letters |= s3_parameter_bit((uint8_t)selector[0]);
        else
            ASSERT(strcmp(selector, SELECTING_HEADER) == 0);
    }
}

const struct s3_route *s3_route_table(unsigned *ret_count)
{
    *ret_count = ROUTES_COUNT;
    return routes;
}

const char *s3_operation_name(enum s3_operation operation)
{
    static const char *const names[S3_OPERATIONS] = {
#define S3_OPERATION(name, action, writes) #name,
#include "server/s3/operations.def"
#undef S3_OPERATION
    };
    return names[operation];
}

static bool is_present(const struct s3_request *request, const char *name)
{
    struct span value;
    if (strncmp(name, "x-amz-", 6) == 0)
        return s3_request_header(request, name, &value);
    return s3_request_parameter(request, name, &value);
}

static bool selector_fits(const struct s3_request *request, const char *selector)
{
    char first[32];
    if (selector == NULL)
        return true;
    if (selector[0] != 'x' && !s3_request_may_have_parameter(request, (uint8_t)selector[0]))
        return false; /* as nearly all of the table: asked first */
    const char *second = strchr(selector, '&');
    if (second == NULL)
        return is_present(request, selector);
    size_t size = (size_t)(second - selector);
    ASSERT(size < sizeof first);
    memcpy(first, selector, size);
    first[size] = 0;
    return is_present(request, first) && is_present(request, second + 1);
}

bool s3_route_names_sub_resource(const struct s3_request *request)
{
    for (unsigned i = 0; i < ROUTES_COUNT; i++) {
        const struct s3_route *route = &routes[i];
        if ((route->levels & request->level) != 0 && route->selector != NULL && (route->traits & IS_VARIANT) == 0 &&
            selector_fits(request, route->selector))
            return true;
    }
    return false;
}

/* Would the row fit but for the method? */
static bool fits_but_method(const struct s3_request *request, const struct s3_route *route, bool is_sub_resource)
{
    if ((route->levels & request->level) == 0)
        return false;
    if (!is_sub_resource)
        return route->selector == NULL;
    return route->selector != NULL && (route->traits & IS_VARIANT) == 0 && selector_fits(request, route->selector);
}

/* The method is what keeps the request from the table: 405, and which ones there are. */
static bool refuse_method(struct s3_request *request, bool is_sub_resource, struct error *error)
{
    const char *type = request->level == LEVEL_SERVICE  ? "SERVICE"
                       : request->level == LEVEL_BUCKET ? "BUCKET"
                                                        : "OBJECT";
    error_details_add(&request->details, "Method", request->head->method);
    error_details_add(&request->details, "ResourceType", span_from_string(type));

    struct buffer allow;
    buffer_init(&allow, 256);
    for (unsigned i = 0; i < ROUTES_COUNT; i++) {
        if (!fits_but_method(request, &routes[i], is_sub_resource))
            continue;
        buffer_append_string(&allow, allow.size == 0 ? "" : ", ");
        buffer_append_string(&allow, routes[i].method);
    }
    request->allow = arena_copy(request->arena, buffer_span(&allow));
    buffer_free(&allow);
    return error_set(error, ERROR_UNSUPPORTED, S3_MethodNotAllowed,
                     "The specified method is not allowed against this resource.");
}

static bool refuse_not_offered(struct s3_request *request, const struct s3_route *route, struct error *error)
{
    return s3_refuse_header(request, route->selector != NULL ? route->selector : route->method, error);
}

static bool may_have_selector(const struct s3_request *request)
{
    struct span ignored;
    return (request->parameters_present & plain.letters) != 0 || s3_request_header(request, SELECTING_HEADER, &ignored);
}

bool s3_route_find(struct s3_request *request, const struct s3_route **ret_route, struct error *error)
{
    bool is_plain = !may_have_selector(request);
    bool is_sub_resource = false; /* one is named, so no plain row may answer */
    for (unsigned i = 0; i < (is_plain ? plain.count : ROUTES_COUNT); i++) {
        const struct s3_route *route = is_plain ? plain.rows[i] : &routes[i];
        if ((route->levels & request->level) == 0 || !selector_fits(request, route->selector))
            continue;
        if (route->selector == NULL && is_sub_resource)
            continue;
        if (strcmp(route->method, "*") == 0 || span_equal(request->head->method, span_from_string(route->method))) {
            request->outcome.operation = route->operation;
            *ret_route = route;
            return route->handler != NULL || refuse_not_offered(request, route, error);
        }
        is_sub_resource = is_sub_resource || (route->selector != NULL && (route->traits & IS_VARIANT) == 0);
    }
    return refuse_method(request, is_sub_resource, error);
}
