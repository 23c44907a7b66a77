/* server/s3/bucket/create_bucket.c -- PUT /bucket: a bucket of who asks, in the one region that there is. */
#include "s3client/wire/s3_error.h"
#include "server/s3/answer/answer.h"
#include "server/s3/body/body.h"
#include "server/s3/bucket/first_access.h"
#include "server/s3/bucket/make_bucket.h"
#include "server/s3/headers/object_headers.h"
#include "server/s3/operations.h"
#include "server/s3/settings/tags.h"

#include <stdio.h>

#define OBJECT_LOCK "x-amz-bucket-object-lock-enabled"

static bool check_location(struct s3_request *request, struct span location, struct error *error)
{
    if (location.size == 0 || span_equal(location, span_from_string(request->settings->region)))
        return true;
    error_details_add(&request->details, "LocationConstraint", location);
    return error_set(error, ERROR_INVALID, S3_InvalidLocationConstraint,
                     "The specified location-constraint is not valid: this server's region is %s.",
                     request->settings->region);
}

static SUSPENDS bool read_configuration(struct s3_request *request, struct tag_list *tags, struct error *error)
{
    static const struct document_rules rules = {.bytes_max = S3_DOCUMENT_BYTES_MAX, .is_optional = true};
    struct xml_tree tree = {.arena = request->arena};
    struct xml_field fields[] = {{"LocationConstraint", 0, 1}, {"Tags", 0, 1}, {"Location", 0, 1}, {"Bucket", 0, 1}};
    bool is_present;
    if (!s3_read_document(request, &rules, &xml_tree_handlers, &tree, &is_present, error))
        return false;
    if (!is_present)
        return true;
    if (!xml_tree_expect_root(tree.root, "CreateBucketConfiguration", error) ||
        !xml_tree_sort(tree.root, fields, 4, error))
        return false;
    if (fields[2].count + fields[3].count > 0)
        return error_set(error, ERROR_UNSUPPORTED, S3_NotImplemented,
                         "Of CreateBucketConfiguration only LocationConstraint and Tags are implemented.");
    return (fields[0].count == 0 || check_location(request, fields[0].first->text, error)) &&
           (fields[1].count == 0 || tags_take_set(fields[1].first, tags, error));
}

/* Also headers that ask for a bucket of a kind that is not offered. */
static bool check_headers(struct s3_request *request, bool *ret_has_lock, struct error *error)
{
    struct span value;
    *ret_has_lock = false;
    if (s3_request_header(request, OBJECT_LOCK, &value)) {
        *ret_has_lock = span_equal_ignore_case(value, SPAN("true"));
        if (!*ret_has_lock && !span_equal_ignore_case(value, SPAN("false")))
            return s3_refuse_argument(request, OBJECT_LOCK, value, "Neither true nor false.", error);
    }
    return object_headers_refuse_unoffered(request, NULL, error);
}

/* In us-east-1, and nowhere else, making one's own bucket again is a success, if what is asked for is what it is. Else
 * nothing is changed (statement 486). */
static SUSPENDS bool explain_existing(struct s3_request *request, const struct first_access *wanted, bool has_lock,
                                      struct error *error)
{
    struct settings *settings = request->settings->bucket_settings;
    const struct bucket_settings *pinned;
    struct access_bucket now;
    if (error->code == NULL || strcmp(error->code, S3_BucketAlreadyOwnedByYou) != 0 ||
        strcmp(request->settings->region, "us-east-1") != 0)
        return false;
    if (!bucket_find(request->settings->store, request->bucket, &request->bucket_info, error) ||
        !settings_pin(settings, &request->bucket_info, &pinned, error))
        return false;
    s3_access_of(&request->bucket_info, pinned, &now);
    bool is_same = first_access_is(wanted, &now) && request->bucket_info.has_lock == has_lock;
    settings_unpin(settings, pinned);
    return is_same || error_set(error, ERROR_CONFLICT, S3_BucketAlreadyExists,
                                "The bucket is yours already, with another ACL, object ownership or object lock than "
                                "is asked for.");
}

static SUSPENDS bool answer(struct s3_request *request, struct error *error)
{
    char location[BUCKET_NAME_BYTES_MAX + 2];
    char arn[sizeof "arn:aws:s3:::" + BUCKET_NAME_BYTES_MAX];
    (void)snprintf(location, sizeof location, "/%.*s", SPAN_FORMAT(request->bucket));
    (void)snprintf(arn, sizeof arn, "arn:aws:s3:::%.*s", SPAN_FORMAT(request->bucket));
    s3_answer_begin(request, 200);
    http_response_field_string(request->exchange, "Location", location);
    http_response_field_string(request->exchange, "x-amz-bucket-arn", arn);
    return s3_answer_empty(request, error);
}

static SUSPENDS bool make(struct s3_request *request, const struct first_access *access, const struct tag_list *tags,
                          bool has_lock, struct error *error)
{
    const struct bucket_intent intent = {.name = request->bucket,
                                         .owner = s3_asker_id(request),
                                         .versioning = has_lock ? VERSIONING_ENABLED : VERSIONING_NEVER,
                                         .has_lock = has_lock};
    struct setting_document documents[SETTINGS_COUNT];
    unsigned count = first_access_documents(access, documents);
    struct buffer tagging;
    buffer_init(&tagging, 0);
    if (tags->count > 0) {
        tags_render(buffer_span(&tags->packed), &tagging);
        documents[count++] = (struct setting_document){SETTING_TAGS, buffer_span(&tagging)};
    }
    bool ok =
        s3_make_bucket(request, &intent, documents, count, error) || explain_existing(request, access, has_lock, error);
    buffer_free(&tagging);
    return ok;
}

SUSPENDS bool s3_create_bucket(struct s3_request *request, struct error *error)
{
    struct first_access access;
    struct tag_list tags;
    bool has_lock;
    tags_init_bucket(&tags);
    bool ok = check_headers(request, &has_lock, error) && first_access_take(request, &access, error) &&
              read_configuration(request, &tags, error) && make(request, &access, &tags, has_lock, error);
    tags_free(&tags);
    return ok && answer(request, error);
}
