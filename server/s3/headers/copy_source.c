/* server/s3/headers/copy_source.c -- x-amz-copy-source: which object is to be copied, found, allowed and fit for it. */
#include "server/s3/headers/copy_source.h"
#include "server/s3/access_log/request_lines.h"

#include "runtime/base/utf8.h"
#include "s3client/wire/s3_error.h"
#include "s3client/wire/uri.h"
#include "server/s3/answer/setting_headers.h"
#include "server/s3/headers/encryption.h"
#include "server/s3/request/conditions.h"
#include "server/s3/request/names.h"
#include "server/s3/rights/authorize.h"

#define HEADER "x-amz-copy-source"

static bool refuse(struct s3_request *request, struct span header, const char *why, struct error *error)
{
    return s3_refuse_argument(request, HEADER, header, why, error);
}

/* Cuts "?versionId=..." off. */
static struct span split_version(struct span *source, bool *ret_has_version)
{
    static const char mark[] = "?versionId=";
    const uint8_t *found = source->size == 0 ? NULL : memmem(source->data, source->size, mark, sizeof mark - 1);
    *ret_has_version = found != NULL;
    if (found == NULL)
        return SPAN_EMPTY;
    size_t at = (size_t)(found - source->data);
    struct span version = span_skip(*source, at + sizeof mark - 1);
    *source = span_take(*source, at);
    return version;
}

bool copy_source_parse(struct s3_request *request, struct span header, struct object_name *ret_name,
                       struct error *error)
{
    struct span source = header;
    bool has_version;
    struct span version = split_version(&source, &has_version);
    uint8_t *text = s3_allocate(request, source.size + 1, error);
    size_t size;
    if (text == NULL)
        return false;
    if (!uri_decode_form(source, text, &size) || !utf8_is_valid(span_of(text, size)))
        return refuse(request, header, "Copy Source must be URL-encoded once, in UTF-8", error);
    struct span path = span_of(text, size);
    if (path.size > 0 && path.data[0] == '/')
        path = span_skip(path, 1);
    size_t slash = span_find(path, '/');
    if (slash == SIZE_MAX || slash + 1 == path.size)
        return refuse(request, header, "Copy Source must mention the source bucket and key: sourcebucket/sourcekey",
                      error);
    *ret_name = (struct object_name){span_take(path, slash), span_skip(path, slash + 1), version};
    if (!bucket_name_is_valid(ret_name->bucket))
        return refuse(request, header, "Invalid copy source bucket name", error);
    if (ret_name->key.size > OBJECT_KEY_BYTES_MAX || object_key_climbs(ret_name->key))
        return refuse(request, header, "Invalid copy source object key", error);
    if (has_version && !version_id_is_well_formed(version))
        return refuse(request, header, "Invalid version id specified", error);
    return true;
}

/* The names in a refusal are those of the source. */
static bool explain_missing(struct s3_request *request, const struct object_name *name, const struct error *error)
{
    if (error->code != NULL && strcmp(error->code, S3_NoSuchBucket) == 0)
        error_details_add(&request->details, "BucketName", name->bucket);
    else if (error->kind == ERROR_NOT_FOUND)
        error_details_add(&request->details, "Key", name->key);
    if (error->code != NULL && strcmp(error->code, S3_NoSuchVersion) == 0)
        error_details_add(&request->details, "VersionId", name->version);
    return false;
}

/* CopyObject takes the tags along, unless it brings its own. */
static bool copies_tags(const struct s3_request *request)
{
    struct span directive;
    return request->outcome.operation == S3_CopyObject &&
           !(s3_request_header(request, "x-amz-tagging-directive", &directive) &&
             span_equal(directive, SPAN("REPLACE")));
}

/* Where "no tags" may mean "none that you may see", they are asked for: a copy must not lose them. */
static SUSPENDS bool count_tags(struct s3_request *request, const struct object_name *name,
                                struct object_attributes *attributes, struct error *error)
{
    struct bucket_store *store = request->settings->store;
    struct buffer tags;
    if (attributes->tags_count > 0 || store->capabilities.counts_tags || !store->capabilities.has_tags)
        return true;
    buffer_init(&tags, 0);
    bool done = bucket_read_tags(store, name, &tags, NULL, error);
    attributes->tags_count = metadata_count(buffer_span(&tags));
    buffer_free(&tags);
    return done;
}

static SUSPENDS bool may_copy_tags(struct s3_request *request, const struct s3_target *source,
                                   const struct object_name *name, struct object_attributes *attributes,
                                   struct error *error)
{
    return !copies_tags(request) ||
           (count_tags(request, name, attributes, error) &&
            (attributes->tags_count == 0 ||
             s3_authorize_opened(request, source, ACTION_GetObjectTagging, attributes, error)));
}

/* A marker that is named is no object at all (421). */
static SUSPENDS bool refuse_source(struct s3_request *request, const struct s3_target *source, struct error *error)
{
    if (error->code != NULL && strcmp(error->code, S3_MethodNotAllowed) == 0)
        return error_set(error, ERROR_INVALID, S3_InvalidRequest,
                         "The source of a copy request may not specifically refer to a delete marker by version id.");
    return s3_hide_missing(request, source, error);
}

static SUSPENDS bool open_if_allowed(struct s3_request *request, const struct s3_target *source,
                                     const struct object_name *name, const struct read_condition *condition,
                                     struct bucket_object **ret_object, struct error *error)
{
    const struct open_intent intent = {.extent = OPEN_ATTRIBUTES, .condition = condition};
    request->has_judged_object = false; /* what was judged before was not the source */
    if (!s3_authorize_action(request, source, ACTION_GetObject, error))
        return false;
    if (s3_key_is_reserved(request, name->key))
        return error_set(error, ERROR_NOT_FOUND, S3_NoSuchKey, "The specified key does not exist.");
    if (!bucket_open(request->settings->store, name, &intent, ret_object, error))
        return error->kind == ERROR_NOT_FOUND && refuse_source(request, source, error);
    struct object_attributes *attributes = &(*ret_object)->attributes;
    if (s3_judge_opened(request, source, ACTION_GetObject, attributes, error) &&
        encryption_prove(request, name, request->source_key, attributes, NULL, error) &&
        encryption_open(request, name, attributes, &request->source_key, error) &&
        may_copy_tags(request, source, name, attributes, error))
        return true;
    bucket_close(*ret_object);
    return false;
}

/* The source's bucket has settings of its own, which hold while it is judged. */
static SUSPENDS bool find_and_open(struct s3_request *request, struct copy_source *source,
                                   const struct read_condition *condition, struct bucket_object **ret_object,
                                   struct error *error)
{
    struct settings *settings = request->settings->bucket_settings;
    const struct object_name *name = &source->name;
    const struct bucket_settings *pinned;
    struct access_bucket access;
    if (!s3_find_bucket(request, name->bucket, "x-amz-source-expected-bucket-owner", &source->bucket_info, error) ||
        !settings_pin(settings, &source->bucket_info, &pinned, error))
        return explain_missing(request, name, error);
    s3_access_of(&source->bucket_info, pinned, &access);
    const struct s3_target target = {&access, name->key, name->version};
    bool ok = settings_are_whole(pinned, error) && s3_check_payer(request, &source->bucket_info, pinned, error) &&
              open_if_allowed(request, &target, name, condition, ret_object, error);
    s3_log_source(request, &source->bucket_info, pinned, name, ok ? &(*ret_object)->attributes : NULL, error);
    settings_unpin(settings, pinned);
    return ok || explain_missing(request, name, error);
}

/* What does not hold is always 412, also where a read would be 304 (statement 223). */
static bool check_conditions(struct s3_request *request, const struct read_condition *condition,
                             const struct read_decision *decision, struct error *error)
{
    bool not_modified;
    if (!s3_check_read(request, decision, HEADER "-", &not_modified, error))
        return false;
    if (!not_modified)
        return true;
    struct span name =
        condition->if_none_match.size > 0 ? SPAN(HEADER "-If-None-Match") : SPAN(HEADER "-If-Modified-Since");
    error_details_add(&request->details, "Condition", name);
    return error_set(error, ERROR_CONFLICT, S3_PreconditionFailed,
                     "At least one of the pre-conditions you specified did not hold");
}

SUSPENDS bool copy_source_open(struct s3_request *request, struct copy_source *ret_source,
                               struct bucket_object **ret_object, struct error *error)
{
    struct span header;
    struct read_condition condition;
    if (!s3_request_header(request, HEADER, &header))
        return refuse(request, SPAN_EMPTY, "Copy Source is missing", error);
    s3_source_condition(request, &condition);
    if (!encryption_take_of_source(request, error) || !copy_source_parse(request, header, &ret_source->name, error) ||
        !find_and_open(request, ret_source, &condition, ret_object, error))
        return false;
    if (check_conditions(request, &condition, &(*ret_object)->decision, error))
        return true;
    bucket_close(*ret_object);
    return false;
}

bool copy_source_check(const struct s3_request *request, const struct object_attributes *attributes,
                       struct error *error)
{
    bool is_open =
        !attributes->is_encrypted || request->source_key != NULL || object_codecs_read_s4(request->settings->codecs);
    return (is_open && attributes->is_size_known) ||
           error_set(error, ERROR_UNSUPPORTED, S3_NotImplemented,
                     "The source was written by another tool in a form that Bale cannot read yet.");
}
