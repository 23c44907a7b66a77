/* server/s3/bucket/bucket_setting.c -- GET, PUT and DELETE of the settings of a bucket that are one document of XML:
 * what is put is validated and kept in its canonical form, which is what reading it sends, byte for byte. */
#include "runtime/base/assert.h"
#include "s3client/wire/s3_error.h"
#include "server/kms/kms.h"
#include "server/s3/access_log/target.h"
#include "server/s3/answer/answer.h"
#include "server/s3/body/body.h"
#include "server/s3/headers/encryption.h"
#include "server/s3/operations.h"
#include "server/s3/settings/cors.h"
#include "server/s3/settings/encryption.h"
#include "server/s3/settings/lifecycle.h"
#include "server/s3/settings/logging.h"
#include "server/s3/settings/small.h"
#include "server/s3/settings/tags.h"

#define SMALLEST_HEADER "x-amz-transition-default-minimum-object-size"

/* ---- what a client sent becomes what is kept ---- */

/* Leaves `to` empty where the document says that the setting is off. */
typedef SUSPENDS bool canonicalizer(struct s3_request *request, const struct xml_element *root, struct buffer *to,
                                    struct error *error);

static bool make_cors(struct s3_request *request, const struct xml_element *root, struct buffer *to,
                      struct error *error)
{
    struct cors *cors;
    if (!cors_parse(root, request->arena, &cors, error))
        return false;
    cors_render(cors, to);
    return true;
}

static bool make_tags(struct s3_request *request, const struct xml_element *root, struct buffer *to,
                      struct error *error)
{
    struct tag_list tags;
    (void)request;
    tags_init_bucket(&tags);
    bool ok = tags_take_tree(root, &tags, error);
    if (ok)
        tags_render(buffer_span(&tags.packed), to);
    tags_free(&tags);
    return ok;
}

static bool make_lifecycle(struct s3_request *request, const struct xml_element *root, struct buffer *to,
                           struct error *error)
{
    struct lifecycle *lifecycle;
    struct span smallest;
    if (!lifecycle_parse(root, request->arena, &lifecycle, error))
        return false;
    if (s3_request_header(request, SMALLEST_HEADER, &smallest)) {
        if (!lifecycle_is_smallest(smallest))
            return s3_refuse_argument(request, SMALLEST_HEADER, smallest,
                                      "It is all_storage_classes_128K or varies_by_storage_class.", error);
        lifecycle->smallest = smallest;
    }
    lifecycle_store(lifecycle, to);
    return true;
}

static bool make_payment(struct s3_request *request, const struct xml_element *root, struct buffer *to,
                         struct error *error)
{
    bool is_requester;
    (void)request;
    if (!payment_parse(root, &is_requester, error))
        return false;
    payment_render(is_requester, to);
    return true;
}

static bool make_acceleration(struct s3_request *request, const struct xml_element *root, struct buffer *to,
                              struct error *error)
{
    (void)request;
    if (!accelerate_parse(root, error))
        return false;
    accelerate_render(to);
    return true;
}

static bool make_encryption(struct s3_request *request, const struct xml_element *root, struct buffer *to,
                            struct error *error)
{
    struct bucket_encryption encryption;
    if (!bucket_encryption_parse(root, &encryption, error))
        return false;
    if (!encryption_is_offered(request))
        return error_set(error, ERROR_UNSUPPORTED, S3_NotImplemented,
                         "The server has no key to encrypt objects with (--keyring).");
    if (encryption.is_kms && !kms_knows(request->settings->kms, span_from_string(encryption.key_id), error))
        return false; /* as all that is put into the bucket would be */
    bucket_encryption_render(&encryption, to);
    return true;
}

static SUSPENDS bool make_logging(struct s3_request *request, const struct xml_element *root, struct buffer *to,
                                  struct error *error)
{
    const struct accounts *accounts = request->settings->accounts;
    struct logging *logging;
    if (!logging_parse(root, accounts, request->arena, &logging, error))
        return false;
    if (logging == NULL)
        return true;
    if (!access_log_check_target(request, logging, error))
        return false;
    logging_render(logging, accounts, to);
    return true;
}

/* ---- the settings ---- */

static const struct offered {
    enum s3_operation get;
    enum s3_operation put;
    enum s3_operation remove; /* Unknown: S3 has none */
    enum bucket_setting setting;
    bool needs_checksum;
    int put_status;
    size_t bytes_max;
    canonicalizer *make;
} settings[] = {
    {S3_GetBucketCors, S3_PutBucketCors, S3_DeleteBucketCors, SETTING_CORS, true, 200, CORS_DOCUMENT_BYTES_MAX,
     make_cors},
    {S3_GetBucketTagging, S3_PutBucketTagging, S3_DeleteBucketTagging, SETTING_TAGS, true, 204, TAGS_DOCUMENT_BYTES_MAX,
     make_tags},
    {S3_GetBucketLifecycleConfiguration, S3_PutBucketLifecycleConfiguration, S3_DeleteBucketLifecycle,
     SETTING_LIFECYCLE, true, 200, LIFECYCLE_DOCUMENT_BYTES_MAX, make_lifecycle},
    {S3_GetBucketRequestPayment, S3_PutBucketRequestPayment, S3_Unknown, SETTING_REQUEST_PAYMENT, false, 200,
     SMALL_DOCUMENT_BYTES_MAX, make_payment},
    {S3_GetBucketLogging, S3_PutBucketLogging, S3_Unknown, SETTING_LOGGING, false, 200, LOGGING_DOCUMENT_BYTES_MAX,
     make_logging},
    {S3_GetBucketAccelerateConfiguration, S3_PutBucketAccelerateConfiguration, S3_Unknown, SETTING_ACCELERATE, false,
     200, SMALL_DOCUMENT_BYTES_MAX, make_acceleration},
    {S3_GetBucketEncryption, S3_PutBucketEncryption, S3_DeleteBucketEncryption, SETTING_ENCRYPTION, false, 200,
     ENCRYPTION_DOCUMENT_BYTES_MAX, make_encryption},
};

static const struct offered *find_setting(enum s3_operation operation)
{
    for (size_t i = 0; i < sizeof settings / sizeof settings[0]; i++)
        if (operation == settings[i].get || operation == settings[i].put || operation == settings[i].remove)
            return &settings[i];
    ASSERT(false);
    return NULL;
}

/* ---- the operations ---- */

/* `smallest` is empty but for lifecycle rules. */
static SUSPENDS bool send_document(struct s3_request *request, struct span smallest, struct span document,
                                   struct error *error)
{
    s3_answer_begin(request, 200);
    if (smallest.size > 0)
        http_response_field(request->exchange, SMALLEST_HEADER, smallest);
    http_response_field(request->exchange, "Content-Type", SPAN("application/xml"));
    return http_response_finish(request->exchange, document, error);
}

/* What holds of a bucket that says nothing, where the server encrypts everything. */
static SUSPENDS bool send_server_encryption(struct s3_request *request, struct error *error)
{
    static const struct bucket_encryption encryption;
    struct buffer document;
    buffer_init(&document, 0);
    bucket_encryption_render(&encryption, &document);
    bool ok = send_document(request, SPAN_EMPTY, buffer_span(&document), error);
    buffer_free(&document);
    return ok;
}

SUSPENDS bool s3_get_bucket_setting(struct s3_request *request, struct error *error)
{
    const struct offered *offered = find_setting(request->outcome.operation);
    struct span document = settings_document(request->bucket_settings, offered->setting);
    struct span smallest = SPAN_EMPTY;
    if (document.size == 0 && offered->setting == SETTING_ENCRYPTION &&
        object_codecs_seals_all(request->settings->codecs))
        return send_server_encryption(request, error);
    if (document.size == 0)
        return s3_unset_configuration(request, error);
    if (offered->setting == SETTING_LIFECYCLE && !lifecycle_split(document, &smallest, &document, error))
        return false;
    return send_document(request, smallest, document, error);
}

static SUSPENDS bool put_document(struct s3_request *request, const struct offered *offered, struct span document,
                                  struct error *error)
{
    if (document.size == 0)
        return settings_delete(request->settings->bucket_settings, &request->bucket_info, offered->setting, error);
    if (document.size > SETTING_DOCUMENT_BYTES_MAX)
        return error_set(error, ERROR_TOO_LARGE, S3_MaxMessageLengthExceeded, "Your request was too big.");
    return settings_put(request->settings->bucket_settings, &request->bucket_info, offered->setting, document, error);
}

/* What those errors carry beside their messages (statements 5, 6), unless it has been said. */
static void explain(struct s3_request *request, const struct xml_element *root, const struct error *error)
{
    struct span message = span_from_string(error->message);
    if (request->details.count > 0 || error->code == NULL)
        return;
    if (strcmp(error->code, S3_NotImplemented) == 0)
        error_details_add(&request->details, "Header", root->name);
    if (strcmp(error->code, S3_InvalidArgument) == 0) {
        error_details_add(&request->details, "ArgumentName",
                          arena_copy(request->arena, span_take(message, span_find(message, ' '))));
        error_details_add(&request->details, "ArgumentValue", SPAN_EMPTY);
    }
}

SUSPENDS bool s3_put_bucket_setting(struct s3_request *request, struct error *error)
{
    const struct offered *offered = find_setting(request->outcome.operation);
    const struct document_rules rules = {.bytes_max = offered->bytes_max, .needs_checksum = offered->needs_checksum};
    const struct xml_element *root;
    struct buffer document;
    struct span smallest;
    struct span rest;
    if (!s3_read_tree(request, &rules, &root, error))
        return false;
    buffer_init(&document, 0);
    bool ok = offered->make(request, root, &document, error) && xml_tree_expect_known(root, error) &&
              put_document(request, offered, buffer_span(&document), error);
    if (ok) {
        s3_answer_begin(request, offered->put_status);
        if (offered->setting == SETTING_LIFECYCLE && lifecycle_split(buffer_span(&document), &smallest, &rest, error))
            http_response_field(request->exchange, SMALLEST_HEADER, smallest);
        ok = s3_answer_empty(request, error);
    } else {
        explain(request, root, error);
    }
    buffer_free(&document);
    return ok;
}

SUSPENDS bool s3_delete_bucket_setting(struct s3_request *request, struct error *error)
{
    const struct offered *offered = find_setting(request->outcome.operation);
    if (!settings_delete(request->settings->bucket_settings, &request->bucket_info, offered->setting, error))
        return false;
    s3_answer_begin(request, 204);
    return s3_answer_empty(request, error);
}
