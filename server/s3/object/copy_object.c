/* server/s3/object/copy_object.c -- PUT /bucket/key with x-amz-copy-source: another name for the same bytes.
 *
 * The stored bytes are copied as they are, and behind the dictionary that they may need. Only when the copy needs a
 * hash that the source has not (the MD5 of what was uploaded in parts, another checksum) they are read and written like
 * a new object, and so they are where the source or the copy is encrypted. */
#include "s3client/wire/s3_error.h"
#include "server/dictionaries/store.h"
#include "server/keys/object_seal.h"
#include "server/s3/answer/answer.h"
#include "server/s3/answer/setting_headers.h"
#include "server/s3/headers/copy_source.h"
#include "server/s3/headers/encryption.h"
#include "server/s3/headers/locks.h"
#include "server/s3/headers/object_headers.h"
#include "server/s3/headers/object_tags.h"
#include "server/s3/operations.h"
#include "server/s3/request/conditions.h"
#include "server/s3/rights/acl_request.h"

#define SOURCE_BYTES_MAX (UINT64_C(5) << 30)

struct copy_plan {
    struct bucket_object *source;
    struct object_name source_name;
    bool replaces_metadata;
    bool replaces_tags;
    enum checksum_algorithm checksum; /* asked for; NONE: keep the source's */
    struct buffer metadata;
    struct tag_list tags;
    struct object_acl acl;
    struct object_lock lock;             /* of the copy: nothing comes from the source (449) */
    struct object_encryption encryption; /* likewise */
    struct write_condition condition_storage;
    const struct write_condition *condition;
};

/* ---- what is asked for ---- */

/* COPY (the default) or REPLACE. */
static bool parse_directive(struct s3_request *request, const char *header, bool *ret_replaces, struct error *error)
{
    struct span value;
    *ret_replaces = false;
    if (!s3_request_header(request, header, &value) || span_equal(value, SPAN("COPY")))
        return true;
    *ret_replaces = span_equal(value, SPAN("REPLACE"));
    return *ret_replaces || s3_refuse_argument(request, header, value, "Unknown directive: COPY or REPLACE.", error);
}

static bool parse_checksum(struct s3_request *request, enum checksum_algorithm *ret_algorithm, struct error *error)
{
    struct span name;
    *ret_algorithm = CHECKSUM_NONE;
    if (!s3_request_header(request, "x-amz-checksum-algorithm", &name))
        return true;
    *ret_algorithm = checksum_from_name(name);
    return *ret_algorithm != CHECKSUM_NONE ||
           error_set(error, ERROR_INVALID, S3_InvalidRequest,
                     "Checksum algorithm provided is unsupported. Please try again with any of the valid types: "
                     "[" CHECKSUM_VALID_NAMES "]");
}

/* Of a version that was named, a store may not know whether it is current, until it is asked for the current one. */
static SUSPENDS bool is_current(struct s3_request *request, const struct object_name *source,
                                const struct object_attributes *attributes)
{
    struct object_attributes current;
    struct error ignored;
    const struct object_name key = {.bucket = source->bucket, .key = source->key};
    if (source->version.size == 0 || attributes->superseded_ms != 0)
        return attributes->superseded_ms == 0;
    return bucket_head(request->settings->store, &key, request->arena, &current, &ignored) &&
           strcmp(current.version, attributes->version) == 0;
}

/* Nobody's copy without a header takes the server's encryption away; one that brings the customer's key of its source
 * says that it is to go. */
static bool changes_encryption(const struct copy_plan *plan)
{
    enum seal_mode before = object_seal_mode(&plan->source->attributes);
    return plan->encryption.mode != before && (plan->encryption.mode != SEAL_PLAIN || before == SEAL_CUSTOMER);
}

static SUSPENDS bool changes_nothing(struct s3_request *request, const struct copy_plan *plan,
                                     const struct object_name *source)
{
    struct span value;
    bool is_itself = span_equal(source->bucket, request->bucket) && span_equal(source->key, request->key);
    return is_itself && !plan->replaces_metadata && !plan->replaces_tags && plan->checksum == CHECKSUM_NONE &&
           !changes_encryption(plan) && plan->encryption.mode != SEAL_CUSTOMER &&
           !s3_request_header(request, "x-amz-server-side-encryption", &value) &&
           !s3_request_header(request, "x-amz-storage-class", &value) &&
           !s3_request_header(request, "x-amz-website-redirect-location", &value) &&
           is_current(request, source, &plan->source->attributes);
}

static bool check_source(const struct s3_request *request, const struct object_attributes *attributes,
                         struct error *error)
{
    if (!copy_source_check(request, attributes, error))
        return false;
    if (attributes->original_size > SOURCE_BYTES_MAX)
        return error_set(error, ERROR_INVALID, S3_InvalidRequest,
                         "The specified copy source is larger than the maximum allowable size for a copy source: "
                         "5368709120");
    return true;
}

static SUSPENDS bool plan_target(struct s3_request *request, struct copy_plan *plan, struct error *error)
{
    return encryption_take(request, &plan->encryption, error) && object_acl_take(request, &plan->acl, error) &&
           parse_directive(request, "x-amz-metadata-directive", &plan->replaces_metadata, error) &&
           parse_directive(request, "x-amz-tagging-directive", &plan->replaces_tags, error) &&
           parse_checksum(request, &plan->checksum, error) && locks_take_headers(request, &plan->lock, error) &&
           s3_write_condition(request, &plan->condition_storage, &plan->condition, error);
}

static bool plan_metadata(struct s3_request *request, struct copy_plan *plan, struct error *error)
{
    if (plan->replaces_metadata)
        return object_headers_take(request, &plan->metadata, error);
    return object_headers_keep(request, plan->source->attributes.metadata, &plan->metadata, error);
}

/* Tags are read by name: they must be those of the object that was opened. */
static SUSPENDS bool read_tags(struct s3_request *request, const struct object_name *source, struct copy_plan *plan,
                               struct error *error)
{
    struct bucket_store *store = request->settings->store;
    struct object_attributes now;
    if (!bucket_read_tags(store, source, &plan->tags.packed, NULL, error) ||
        !bucket_head(store, source, request->arena, &now, error))
        return false;
    const struct object_attributes *opened = &plan->source->attributes;
    return (now.revision == opened->revision && strcmp(now.stored_etag, opened->stored_etag) == 0) ||
           error_set(error, ERROR_CHANGED, S3_SlowDown, "The source was replaced while it was being read. Try again.");
}

/* Tags that come along are put like those of a header, and judged as such. */
static SUSPENDS bool may_put(struct s3_request *request, const struct tag_list *tags, struct error *error)
{
    request->tags_to_put = &tags->packed;
    bool may = s3_authorize_new(request, ACTION_PutObjectTagging, error);
    request->tags_to_put = NULL;
    return may;
}

static SUSPENDS bool plan_tags(struct s3_request *request, const struct object_name *source, struct copy_plan *plan,
                               struct error *error)
{
    if (plan->replaces_tags)
        return object_tags_take(request, &plan->tags, error);
    plan->tags.count = plan->source->attributes.tags_count;
    return plan->tags.count == 0 || (read_tags(request, source, plan, error) && may_put(request, &plan->tags, error));
}

/* ---- the two ways to copy ---- */

static bool needs_the_bytes(const struct copy_plan *plan)
{
    const struct object_attributes *source = &plan->source->attributes;
    bool is_sealed = plan->encryption.mode != SEAL_PLAIN || source->seal.size > 0; /* a data key is one object's */
    return is_sealed || source->is_encrypted || source->is_multipart || source->etag[0] == 0 ||
           (plan->checksum != CHECKSUM_NONE && plan->checksum != source->checksum.algorithm);
}

static SUSPENDS bool copy_stored(struct s3_request *request, const struct copy_plan *plan,
                                 struct object_attributes *ret_attributes, struct error *error)
{
    struct object_attributes attributes = plan->source->attributes;
    const struct object_name target = {.bucket = request->bucket, .key = request->key};
    attributes.metadata = buffer_span(&plan->metadata);
    attributes.tags_count = plan->tags.count;
    attributes.owner = plan->acl.owner;
    attributes.acl = plan->acl.acl;
    attributes.lock = plan->lock;
    const struct write_result result = {
        .attributes = &attributes,
        .condition = plan->condition,
        .tags = buffer_span(&plan->tags.packed),
    };
    if (attributes.dictionary[0] != '\0' &&
        !dictionary_carry(request->settings->store, plan->source_name.bucket, request->bucket,
                          span_from_string(attributes.dictionary), error))
        return false;
    return bucket_copy(plan->source, &target, &result, ret_attributes, error);
}

static SUSPENDS bool copy_original(struct s3_request *request, const struct copy_plan *plan,
                                   struct object_attributes *ret_attributes, struct error *error)
{
    const struct object_attributes *source = &plan->source->attributes;
    const struct s3_settings *settings = request->settings;
    enum checksum_algorithm kept =
        source->checksum.algorithm != CHECKSUM_NONE ? source->checksum.algorithm : CHECKSUM_CRC64NVME;
    struct object_writer *writer;
    struct object_digest digest;
    struct object_acl acl = plan->acl;
    struct object_write_intent intent = {
        .name = {.bucket = request->bucket, .key = request->key},
        .creation_id = request->bucket_info.creation_id,
        .is_size_known = true,
        .size = source->original_size,
        .checksum = plan->checksum != CHECKSUM_NONE ? plan->checksum : kept,
        .metadata = buffer_span(&plan->metadata),
        .tags = buffer_span(&plan->tags.packed),
        .tags_count = plan->tags.count,
        .condition = plan->condition,
        .owner = acl.owner,
        .acl = acl.acl,
        .lock = plan->lock,
        .is_sealed = plan->encryption.mode != SEAL_PLAIN,
        .customer = request->customer_key,
    };
    if (!object_writer_begin(settings->codecs, settings->store, &intent, &writer, error))
        return false;
    if (!object_pump(settings->codecs, plan->source, &plan->source_name, request->source_key, 0, source->original_size,
                     writer, &digest, error) ||
        !object_acl_settle(request, &acl, error)) {
        object_writer_abort(writer);
        return false;
    }
    object_writer_set_owner(writer, acl.owner, acl.acl);
    return object_writer_commit(writer, ret_attributes, error);
}

static SUSPENDS bool copy(struct s3_request *request, const struct object_name *source, struct copy_plan *plan,
                          struct object_attributes *ret_attributes, struct error *error)
{
    if (!check_source(request, &plan->source->attributes, error) || !plan_metadata(request, plan, error) ||
        !plan_tags(request, source, plan, error))
        return false;
    bool copied = needs_the_bytes(plan) ? copy_original(request, plan, ret_attributes, error)
                                        : copy_stored(request, plan, ret_attributes, error);
    return copied || s3_explain_condition(request, plan->condition, error);
}

/* ---- the operation ---- */

static SUSPENDS bool answer(struct s3_request *request, const struct object_attributes *attributes,
                            const struct copy_source *source, const char *source_version,
                            const struct object_encryption *encryption, struct error *error)
{
    struct s3_document document;
    s3_note_written(request, attributes);
    s3_document_open(&document, "CopyObjectResult");
    s3_document_date(&document, "LastModified", attributes->modified_ms);
    s3_document_etag(&document, attributes->etag);
    s3_document_checksum(&document, &attributes->checksum);
    s3_answer_begin(request, 200);
    s3_answer_version(request, attributes->version);
    encryption_answer(request, encryption);
    s3_answer_expiration(request, attributes, NULL);
    s3_answer_source_version(request, &source->bucket_info, source_version);
    return s3_document_finish(request, &document, error);
}

/* One look at the source, and what is made of it. ERROR_CHANGED: it was replaced in the middle, and nothing was
 * written. */
static SUSPENDS bool copy_once(struct s3_request *request, struct object_attributes *ret_attributes,
                               struct copy_source *ret_source, char ret_version[VERSION_TEXT_BYTES],
                               struct object_encryption *ret_encryption, struct error *error)
{
    struct copy_plan plan = {0};
    if (!plan_target(request, &plan, error) || !copy_source_open(request, ret_source, &plan.source, error))
        return false;
    buffer_init(&plan.metadata, 0);
    tags_init(&plan.tags);
    plan.source_name = ret_source->name;
    bool ok = changes_nothing(request, &plan, &ret_source->name)
                  ? error_set(error, ERROR_INVALID, S3_InvalidRequest,
                              "This copy request is illegal because it is trying to copy an object to itself without "
                              "changing the object's metadata, storage class, website redirect location or encryption "
                              "attributes.")
                  : copy(request, &ret_source->name, &plan, ret_attributes, error);
    memcpy(ret_version, plan.source->attributes.version, VERSION_TEXT_BYTES);
    *ret_encryption = plan.encryption;
    buffer_free(&plan.metadata);
    tags_free(&plan.tags);
    bucket_close(plan.source);
    return ok;
}

SUSPENDS bool s3_copy_object(struct s3_request *request, struct error *error)
{
    struct object_attributes attributes;
    struct copy_source source;
    struct object_encryption encryption;
    char version[VERSION_TEXT_BYTES];
    for (unsigned looks = 1; !copy_once(request, &attributes, &source, version, &encryption, error); looks++) {
        if (looks == COPY_LOOKS_MAX || error->kind != ERROR_CHANGED)
            return false;
    }
    return answer(request, &attributes, &source, version, &encryption, error);
}
