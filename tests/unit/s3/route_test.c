/* tests/unit/s3/route_test.c -- every row of the table is reached, and nothing falls through to another. */
#include "server/s3/route.h"

#include "s3client/wire/s3_error.h"
#include "server/s3/operations.h"
#include "tests/unit/run_suite.h"
#include "tests/unit/s3/fixture.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>

/* The operations themselves are not run here. */
#define HANDLER(name)                                          \
    bool name(struct s3_request *request, struct error *error) \
    {                                                          \
        return request != NULL && error != NULL;               \
    }
HANDLER(s3_list_buckets)
HANDLER(s3_create_bucket)
HANDLER(s3_get_bucket_versioning)
HANDLER(s3_put_bucket_versioning)
HANDLER(s3_get_object_lock_configuration)
HANDLER(s3_put_object_lock_configuration)
HANDLER(s3_get_object_retention)
HANDLER(s3_put_object_retention)
HANDLER(s3_get_object_legal_hold)
HANDLER(s3_put_object_legal_hold)
HANDLER(s3_head_bucket)
HANDLER(s3_get_bucket_location)
HANDLER(s3_delete_bucket)
HANDLER(s3_list_objects)
HANDLER(s3_list_objects_v2)
HANDLER(s3_list_object_versions)
HANDLER(s3_put_object)
HANDLER(s3_post_object)
HANDLER(s3_copy_object)
HANDLER(s3_get_object)
HANDLER(s3_head_object)
HANDLER(s3_delete_object)
HANDLER(s3_delete_objects)
HANDLER(s3_create_multipart_upload)
HANDLER(s3_upload_part)
HANDLER(s3_upload_part_copy)
HANDLER(s3_complete_multipart_upload)
HANDLER(s3_abort_multipart_upload)
HANDLER(s3_list_parts)
HANDLER(s3_list_multipart_uploads)
HANDLER(s3_get_object_attributes)
HANDLER(s3_get_object_tagging)
HANDLER(s3_put_object_tagging)
HANDLER(s3_delete_object_tagging)
HANDLER(s3_get_bucket_acl)
HANDLER(s3_get_object_acl)
HANDLER(s3_put_bucket_acl)
HANDLER(s3_put_object_acl)
HANDLER(s3_get_bucket_ownership_controls)
HANDLER(s3_put_bucket_ownership_controls)
HANDLER(s3_delete_bucket_ownership_controls)
HANDLER(s3_get_public_access_block)
HANDLER(s3_put_public_access_block)
HANDLER(s3_delete_public_access_block)
HANDLER(s3_get_bucket_policy)
HANDLER(s3_put_bucket_policy)
HANDLER(s3_delete_bucket_policy)
HANDLER(s3_get_bucket_policy_status)
HANDLER(s3_get_object_torrent)
HANDLER(s3_unset_configuration)
HANDLER(s3_unset_list)
HANDLER(s3_get_bucket_setting)
HANDLER(s3_put_bucket_setting)
HANDLER(s3_delete_bucket_setting)
HANDLER(s3_misplaced_parameter)

static const char *path_of(unsigned levels)
{
    return levels & LEVEL_OBJECT ? "/bucket/key" : levels & LEVEL_BUCKET ? "/bucket" : "/";
}

static struct s3_request *make(const char *method, const char *target, const char *header)
{
    char text[512];
    (void)snprintf(text, sizeof text, "%s %s HTTP/1.1\r\nHost: h\r\n%s\r\n", method, target, header);
    struct s3_request *request = fixture_request(text, NULL);
    ck_assert_ptr_nonnull(request);
    return request;
}

/* A request made for the row must find it. */
START_TEST(every_row_is_reached)
{
    unsigned count;
    const struct s3_route *want = &s3_route_table(&count)[_i];
    const struct s3_route *found = NULL;
    bool is_header = want->selector != NULL && strncmp(want->selector, "x-amz-", 6) == 0;
    char target[256];
    char header[256];
    (void)snprintf(target, sizeof target, "%s%s%s&x-id=Anything", path_of(want->levels), "?",
                   want->selector != NULL && !is_header ? want->selector : "unknown");
    const char *second = want->selector != NULL ? strchr(want->selector, '&') : NULL;
    (void)snprintf(header, sizeof header, "%s: x\r\n",
                   is_header        ? want->selector
                   : second != NULL ? second + 1
                                    : "accept");
    struct s3_request *request = make(want->method[0] == '*' ? "PATCH" : want->method, target, header);
    bool is_offered = s3_route_find(request, &found, &fixture_error);
    ck_assert_msg(found == want, "%s %s found another row", want->method, target);
    ck_assert(is_offered == (want->handler != NULL));
    ck_assert_uint_eq(request->outcome.operation, want->operation);
    if (want->handler == NULL) { /* statement 19 */
        ck_assert_str_eq(fixture_error.code, S3_NotImplemented);
        ck_assert_str_ne(fixture_detail(request, "Header"), "");
    }
}
END_TEST

struct route_case {
    const char *method;
    const char *target;
    const char *operation; /* or the code of the refusal */
    const char *allow;
};

static const struct route_case cases[] = {
    {"GET", "/", "ListBuckets", NULL},
    {"GET", "/?x-id=ListBuckets", "ListBuckets", NULL},
    {"PUT", "/", "MethodNotAllowed", "GET"},
    {"GET", "/b", "ListObjects", NULL},
    {"GET", "/b/", "ListObjects", NULL}, /* statement 25 */
    {"GET", "/b?list-type=2", "ListObjectsV2", NULL},
    {"HEAD", "/b?list-type=2", "HeadBucket", NULL},
    {"GET", "/b?delimiter=/&versions", "ListObjectVersions", NULL},
    {"PATCH", "/b", "MethodNotAllowed", "GET, HEAD, PUT, DELETE, POST"}, /* 21 */
    {"PATCH", "/b/k", "MethodNotAllowed", "PUT, GET, HEAD, DELETE"},     /* 21 */
    {"POST", "/b/k", "MethodNotAllowed", "PUT, GET, HEAD, DELETE"},      /* 21 */
    {"PUT", "/b?location", "MethodNotAllowed", "GET"},
    {"GET", "/b?delete", "MethodNotAllowed", "POST"},
    {"PUT", "/b/k?acl", "PutObjectAcl", NULL}, /* 19: must not write an object */
    {"PUT", "/b/k?policy", "NotImplemented", NULL},
    {"DELETE", "/b/k?tagging", "DeleteObjectTagging", NULL},
    {"POST", "/b/k?tagging", "MethodNotAllowed", "GET, PUT, DELETE"},
    {"GET", "/b/k?attributes", "GetObjectAttributes", NULL},
    {"DELETE", "/b/k?acl", "MethodNotAllowed", "GET, PUT"}, /* 19 */
    {"PUT", "/b?versioning", "PutBucketVersioning", NULL},
    {"DELETE", "/b?acl", "MethodNotAllowed", "GET, PUT"},
    {"DELETE", "/b?lifecycle", "DeleteBucketLifecycle", NULL}, /* 123 */
    {"GET", "/b?lifecycle", "GetBucketLifecycleConfiguration", NULL},
    {"GET", "/b/k?torrent", "GetObjectTorrent", NULL}, /* 358 */
    {"PUT", "/b/k?torrent", "NotImplemented", NULL},   /* 155 */
    {"GET", "/b/k?acl", "GetObjectAcl", NULL},         /* 355 */
    {"GET", "/b?acl", "GetBucketAcl", NULL},
    {"POST", "/b/k?select&select-type=2", "NotImplemented", NULL},
    {"POST", "/b/k?uploads", "CreateMultipartUpload", NULL},
    {"GET", "/b?uploads", "ListMultipartUploads", NULL},
    {"GET", "/b/k?uploads", "ListMultipartUploads", NULL}, /* 277: refused there */
    {"PUT", "/b/k?partNumber=1&uploadId=x", "UploadPart", NULL},
    {"PUT", "/b/k?uploadId=x", "UploadPart", NULL}, /* must not write an object */
    {"POST", "/b/k?uploadId=x", "CompleteMultipartUpload", NULL},
    {"DELETE", "/b/k?uploadId=x", "AbortMultipartUpload", NULL}, /* must not delete the object */
    {"GET", "/b/k?uploadId=x", "ListParts", NULL},
    {"HEAD", "/b/k?uploadId=x", "MethodNotAllowed", "PUT, POST, DELETE, GET"},
    {"PUT", "/b/k?partNumber=1", "NotImplemented", NULL},
    {"PUT", "/b/k?append&position=0", "NotImplemented", NULL},
    {"GET", "/b/k?partNumber=1", "GetObject", NULL},
    {"PUT", "/b/k?x-id=PutObject", "PutObject", NULL}, /* 20 */
    {"PUT", "/b/k?unknown=acl", "PutObject", NULL},    /* 20 */
    {"PUT", "/b/acl", "PutObject", NULL},
    {"GET", "/b/k?versionId=null", "GetObject", NULL},
    {"HEAD", "/b/k", "HeadObject", NULL},
    {"DELETE", "/b/k", "DeleteObject", NULL},
    {"GET", "/b/k?%61cl", "GetObjectAcl", NULL}, /* an escaped name is the same name */
    {"GET", "/b?allow-unordered=true", "NotImplemented", NULL},
};

START_TEST(requests_find_their_operation)
{
    const struct route_case *want = &cases[_i];
    const struct s3_route *found = NULL;
    struct s3_request *request = make(want->method, want->target, "");
    bool is_offered = s3_route_find(request, &found, &fixture_error);
    const char *got = is_offered ? s3_operation_name(found->operation) : fixture_error.code;
    ck_assert_msg(strcmp(got, want->operation) == 0, "%s %s: %s", want->method, want->target, got);
    if (want->allow != NULL) { /* statement 6 */
        ck_assert(span_equal(request->allow, span_from_string(want->allow)));
        ck_assert_str_eq(fixture_detail(request, "Method"), want->method);
        ck_assert_str_eq(fixture_detail(request, "ResourceType"), request->level == LEVEL_OBJECT   ? "OBJECT"
                                                                  : request->level == LEVEL_BUCKET ? "BUCKET"
                                                                                                   : "SERVICE");
    }
}
END_TEST

START_TEST(a_copy_source_chooses_the_copy)
{
    const struct s3_route *found = NULL;
    struct s3_request *request = make("PUT", "/b/k", "x-amz-copy-source: b/source\r\n");
    ck_assert(s3_route_find(request, &found, &fixture_error));
    ck_assert_uint_eq(found->operation, S3_CopyObject);
    request = make("PUT", "/b/k?partNumber=1&uploadId=x", "x-amz-copy-source: b/source\r\n");
    ck_assert(s3_route_find(request, &found, &fixture_error));
    ck_assert_uint_eq(found->operation, S3_UploadPartCopy);
    request = make("PUT", "/b/k?acl", "x-amz-copy-source: b/source\r\n");
    ck_assert(s3_route_find(request, &found, &fixture_error));
    ck_assert_uint_eq(found->operation, S3_PutObjectAcl);
    request = make("GET", "/b/k", "x-amz-copy-source: b/source\r\n");
    ck_assert(s3_route_find(request, &found, &fixture_error));
    ck_assert_uint_eq(found->operation, S3_GetObject);
}
END_TEST

int main(void)
{
    unsigned rows;
    (void)s3_route_table(&rows);
    Suite *suite = suite_create("s3-route");
    TCase *tests = tcase_create("route");
    tcase_add_loop_test(tests, every_row_is_reached, 0, (int)rows);
    tcase_add_loop_test(tests, requests_find_their_operation, 0, sizeof cases / sizeof cases[0]);
    tcase_add_test(tests, a_copy_source_chooses_the_copy);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
