/* server/s3/answer/answer.c -- answers: ids on every one, success as XML, refusals from the table of errors. */
#include "server/s3/answer/answer.h"

#include "runtime/base/assert.h"
#include "s3client/wire/date.h"
#include "s3client/wire/s3_error.h"
#include "server/s3/answer/cors_headers.h"
#include "server/s3/request/names.h"

enum { QUOTED_ETAG_BYTES = ETAG_TEXT_BYTES + 2 };

/* ---- headers ---- */

void s3_answer_begin(struct s3_request *request, int status)
{
    http_response_begin(request->exchange, status);
    http_response_field_string(request->exchange, "x-amz-request-id", request->exchange->request_id);
    http_response_field_string(request->exchange, "x-amz-id-2", request->settings->host_id);
    s3_answer_cors(request);
    if (request->pays && status < 400)
        http_response_field(request->exchange, "x-amz-request-charged", SPAN("requester"));
}

void s3_answer_region(struct s3_request *request)
{
    http_response_field_string(request->exchange, "x-amz-bucket-region", request->settings->region);
}

SUSPENDS bool s3_answer_empty(struct s3_request *request, struct error *error)
{
    return http_response_finish(request->exchange, SPAN_EMPTY, error);
}

static struct span quote(const char *etag, char ret_text[QUOTED_ETAG_BYTES])
{
    size_t size = strlen(etag);
    ASSERT(size < ETAG_TEXT_BYTES);
    ret_text[0] = '"';
    memcpy(ret_text + 1, etag, size);
    ret_text[size + 1] = '"';
    return span_of(ret_text, size + 2);
}

void s3_answer_etag(struct s3_request *request, const char *etag)
{
    char text[QUOTED_ETAG_BYTES];
    if (etag[0] != 0)
        http_response_field(request->exchange, "ETag", quote(etag, text));
}

void s3_answer_version(struct s3_request *request, const char *version)
{
    if (version[0] != 0 && strcmp(version, "null") != 0)
        http_response_field_string(request->exchange, "x-amz-version-id", version);
}

void s3_answer_read_version(struct s3_request *request, const struct bucket_info *bucket, const char *version)
{
    if (version[0] != 0 && bucket->versioning != VERSIONING_NEVER)
        http_response_field_string(request->exchange, "x-amz-version-id", version);
}

void s3_answer_source_version(struct s3_request *request, const struct bucket_info *bucket, const char *version)
{
    if (version[0] != 0 && bucket->versioning != VERSIONING_NEVER)
        http_response_field_string(request->exchange, "x-amz-copy-source-version-id", version);
}

void s3_answer_part_checksum(struct s3_request *request, const struct checksum_value *checksum)
{
    char text[CHECKSUM_TEXT_BYTES];
    if (checksum->algorithm == CHECKSUM_NONE)
        return;
    checksum_format(checksum, text);
    http_response_field_string(request->exchange, checksum_header(checksum->algorithm), text);
}

void s3_answer_checksum(struct s3_request *request, const struct checksum_value *checksum)
{
    s3_answer_part_checksum(request, checksum);
    if (checksum->algorithm != CHECKSUM_NONE)
        http_response_field_string(request->exchange, "x-amz-checksum-type", checksum_type_name(checksum->type));
}

/* ---- documents ---- */

static void open_document(struct s3_document *document, const char *root, const char *namespace_uri)
{
    buffer_init(&document->text, 0);
    xml_begin(&document->xml, &document->text);
    xml_open_root(&document->xml, root, namespace_uri);
}

void s3_document_open(struct s3_document *document, const char *root)
{
    open_document(document, root, XML_NAMESPACE_S3);
}

void s3_document_open_bare(struct s3_document *document, const char *root)
{
    open_document(document, root, NULL);
}

SUSPENDS bool s3_document_finish(struct s3_request *request, struct s3_document *document, struct error *error)
{
    xml_close(&document->xml);
    xml_end(&document->xml);
    http_response_field(request->exchange, "Content-Type", SPAN("application/xml"));
    bool sent = http_response_finish(request->exchange, buffer_span(&document->text), error);
    buffer_free(&document->text);
    return sent;
}

SUSPENDS static bool finish_late(struct s3_request *request, struct buffer *text, struct error *error)
{
    struct span rest = span_skip(buffer_span(text), sizeof XML_DECLARATION - 1);
    bool sent =
        http_response_send(request->exchange, rest, error) && http_response_end_chunked(request->exchange, error);
    buffer_free(text);
    return sent;
}

SUSPENDS bool s3_document_finish_late(struct s3_request *request, struct s3_document *document, struct error *error)
{
    xml_close(&document->xml);
    xml_end(&document->xml);
    return finish_late(request, &document->text, error);
}

void s3_document_drop(struct s3_document *document)
{
    buffer_free(&document->text);
}

SUSPENDS bool s3_document_send(struct s3_request *request, struct s3_document *document, struct error *error)
{
    s3_answer_begin(request, 200);
    return s3_document_finish(request, document, error);
}

void s3_document_etag(struct s3_document *document, const char *etag)
{
    if (etag[0] != 0)
        xml_quoted(&document->xml, "ETag", span_from_string(etag));
}

void s3_document_part_checksum(struct s3_document *document, const struct checksum_value *checksum)
{
    char text[CHECKSUM_TEXT_BYTES];
    if (checksum->algorithm == CHECKSUM_NONE)
        return;
    checksum_format(checksum, text);
    xml_string(&document->xml, checksum_element(checksum->algorithm), text);
}

void s3_document_checksum(struct s3_document *document, const struct checksum_value *checksum)
{
    s3_document_part_checksum(document, checksum);
    if (checksum->algorithm != CHECKSUM_NONE)
        xml_string(&document->xml, "ChecksumType", checksum_type_name(checksum->type));
}

void s3_document_date(struct s3_document *document, const char *element, int64_t time_ms)
{
    char text[DATE_TEXT_BYTES];
    date_format_xml(time_ms, text);
    xml_plain(&document->xml, element, span_of(text, DATE_XML_BYTES));
}

void s3_document_account_names(struct s3_document *document, const struct s3_request *request, struct span account_id)
{
    const struct account *account = accounts_find_id(request->settings->accounts, account_id);
    xml_text(&document->xml, "ID", account_id);
    xml_text(&document->xml, "DisplayName", account != NULL ? span_from_string(account->name) : account_id);
}

void s3_document_account(struct s3_document *document, const struct s3_request *request, const char *element,
                         struct span account_id)
{
    xml_open(&document->xml, element);
    s3_document_account_names(document, request, account_id);
    xml_close(&document->xml);
}

void s3_document_owner(struct s3_document *document, const struct s3_request *request, const char *owner_id)
{
    s3_document_account(document, request, "Owner", span_from_string(owner_id));
}

/* ---- refusals ---- */

/* Errors from below that carry no S3 code. */
static const char *code_of_kind(enum error_kind kind)
{
    switch (kind) {
    case ERROR_FULL:
        return S3_InsufficientStorage;
    case ERROR_BUSY:
        return S3_SlowDown;
    case ERROR_TIMED_OUT:
        return S3_RequestTimeout;
    case ERROR_CANCELLED:
        return S3_ServiceUnavailable;
    case ERROR_UNSUPPORTED:
        return S3_NotImplemented;
    default:
        return S3_InternalError;
    }
}

const struct s3_error_entry *s3_error_entry_of(const struct error *reason)
{
    const struct s3_error_entry *entry = reason->code != NULL ? s3_error_find(reason->code) : NULL;
    if (entry == NULL)
        entry = s3_error_find(code_of_kind(reason->kind));
    ASSERT(entry != NULL);
    return entry;
}

static bool is_code(const struct s3_error_entry *entry, const char *code)
{
    return strcmp(entry->code, code) == 0;
}

static bool has_detail(const struct s3_request *request, const char *name)
{
    for (unsigned i = 0; i < request->details.count; i++)
        if (strcmp(request->details.items[i].name, name) == 0)
            return true;
    return false;
}

/* What a code says of the request's own names, unless the operation has said it better (the source of a copy). */
static void add_names(struct s3_request *request, const struct s3_error_entry *entry)
{
    static const struct {
        const char *code;
        const char *detail;
        enum { OF_BUCKET, OF_KEY, OF_VERSION, OF_UPLOAD } what;
    } names[] = {
        {S3_NoSuchBucket, "BucketName", OF_BUCKET},
        {S3_BucketNotEmpty, "BucketName", OF_BUCKET},
        {S3_BucketAlreadyExists, "BucketName", OF_BUCKET},
        {S3_BucketAlreadyOwnedByYou, "BucketName", OF_BUCKET},
        {S3_InvalidBucketName, "BucketName", OF_BUCKET},
        {S3_NoSuchBucketPolicy, "BucketName", OF_BUCKET},
        {S3_NoSuchCORSConfiguration, "BucketName", OF_BUCKET},
        {S3_NoSuchLifecycleConfiguration, "BucketName", OF_BUCKET},
        {S3_NoSuchTagSet, "BucketName", OF_BUCKET},
        {S3_NoSuchWebsiteConfiguration, "BucketName", OF_BUCKET},
        {S3_NoSuchPublicAccessBlockConfiguration, "BucketName", OF_BUCKET},
        {S3_OwnershipControlsNotFoundError, "BucketName", OF_BUCKET},
        {S3_ObjectLockConfigurationNotFoundError, "BucketName", OF_BUCKET},
        {S3_ReplicationConfigurationNotFoundError, "BucketName", OF_BUCKET},
        {S3_ServerSideEncryptionConfigurationNotFoundError, "BucketName", OF_BUCKET},
        {S3_NoSuchKey, "Key", OF_KEY},
        {S3_NoSuchVersion, "Key", OF_KEY},
        {S3_NoSuchVersion, "VersionId", OF_VERSION},
        {S3_NoSuchUpload, "UploadId", OF_UPLOAD},
    };
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        struct span value = names[i].what == OF_KEY ? request->key : request->bucket;
        if (!is_code(entry, names[i].code) || has_detail(request, names[i].detail))
            continue;
        if (names[i].what == OF_VERSION && !s3_request_parameter(request, "versionId", &value))
            continue;
        if (names[i].what == OF_UPLOAD && !s3_request_parameter(request, "uploadId", &value))
            continue;
        error_details_add(&request->details, names[i].detail, value);
    }
}

static void write_error(struct s3_request *request, const struct s3_error_entry *entry, const char *message,
                        struct buffer *text)
{
    struct xml_writer xml;
    xml_begin(&xml, text);
    xml_open_root(&xml, "Error", NULL);
    xml_string(&xml, "Code", entry->code);
    xml_string(&xml, "Message", message);
    for (unsigned i = 0; i < request->details.count; i++)
        xml_text(&xml, request->details.items[i].name, request->details.items[i].value);
    xml_string(&xml, "RequestId", request->exchange->request_id);
    xml_string(&xml, "HostId", request->settings->host_id);
    xml_close(&xml);
    xml_end(&xml);
}

const char *s3_error_message(const struct error *reason, const struct s3_error_entry *entry)
{
    bool is_internal = entry->status == 500 || reason->code == NULL || reason->message[0] == 0;
    return is_internal ? entry->message : reason->message;
}

SUSPENDS bool s3_look_at_bucket(struct s3_request *request)
{
    const struct s3_settings *settings = request->settings;
    struct error ignored;
    if (!bucket_name_is_valid(request->bucket) ||
        (request->bucket_info.name[0] == 0 &&
         !bucket_find(settings->store, request->bucket, &request->bucket_info, &ignored)))
        return false;
    if (request->bucket_settings == settings_none())
        (void)settings_pin(settings->bucket_settings, &request->bucket_info, &request->bucket_settings, &ignored);
    return true;
}

/* Statement 352: who signed for another region, or may not go on, is told where the bucket is, if it is. Statement 553:
 * a page of another origin is told whatever the status is; but nobody is kept waiting to be told to come back. */
static SUSPENDS bool tells_region(struct s3_request *request, const struct s3_error_entry *entry)
{
    struct span origin;
    bool is_of_region = entry->status == 301 || entry->status == 403 ||
                        is_code(entry, S3_AuthorizationHeaderMalformed) ||
                        is_code(entry, S3_AuthorizationQueryParametersError);
    bool is_of_origin = entry->status != 503 && http_head_find(request->exchange->head, "origin", &origin);
    return (is_of_region || is_of_origin) && !is_code(entry, S3_NoSuchBucket) && s3_look_at_bucket(request) &&
           is_of_region;
}

/* The client went away, or stopped reading: nobody is there for an answer, and nothing failed here. */
static bool is_clients_end(const struct error *reason, bool is_started)
{
    if (is_started && (reason->kind == ERROR_TIMED_OUT || reason->kind == ERROR_CANCELLED))
        return true;
    return reason->kind == ERROR_CLOSED && (is_started || reason->code == NULL);
}

/* What stands where an object was looked for. Its date is told to who named it. */
static void answer_marker(struct s3_request *request)
{
    char date[DATE_TEXT_BYTES];
    if (request->marker_version[0] == '\0')
        return;
    http_response_field(request->exchange, "x-amz-delete-marker", SPAN("true"));
    http_response_field_string(request->exchange, "x-amz-version-id", request->marker_version);
    date_format_http(request->marker_modified_ms, date);
    if (request->allow.size > 0)
        http_response_field_string(request->exchange, "Last-Modified", date);
}

SUSPENDS void s3_answer_error(struct s3_request *request, const struct error *reason)
{
    const struct s3_error_entry *entry = s3_error_entry_of(reason);
    bool is_started = http_response_is_started(request->exchange);
    request->outcome.message = reason->message;
    if (!is_clients_end(reason, is_started))
        request->outcome.code = entry->code;
    if (is_started || request->outcome.code == NULL) {
        http_response_cut(request->exchange);
        request->outcome.is_cut = is_started;
        return;
    }

    struct buffer text;
    struct error ignored; /* the client went away: the log has the reason for the refusal, which matters more */
    buffer_init(&text, 0);
    add_names(request, entry);
    write_error(request, entry, s3_error_message(reason, entry), &text);
    bool has_region = tells_region(request, entry);
    s3_answer_begin(request, entry->status);
    if (entry->status == 503)
        http_response_field_string(request->exchange, "Retry-After", "1");
    if (has_region)
        s3_answer_region(request);
    http_response_field(request->exchange, "Content-Type", SPAN("application/xml"));
    if (request->allow.size > 0)
        http_response_field(request->exchange, "Allow", request->allow);
    if (request->content_range.size > 0)
        http_response_field(request->exchange, "Content-Range", request->content_range);
    if (request->has_no_version)
        http_response_field(request->exchange, "x-amz-delete-marker", SPAN("false"));
    answer_marker(request);
    (void)http_response_finish(request->exchange, buffer_span(&text), &ignored);
    buffer_free(&text);
}

SUSPENDS bool s3_answer_late_error(struct s3_request *request, const struct error *reason, struct error *error)
{
    const struct s3_error_entry *entry = s3_error_entry_of(reason);
    struct buffer text;
    request->outcome.message = reason->message;
    request->outcome.code = entry->code;
    buffer_init(&text, 0);
    add_names(request, entry);
    write_error(request, entry, s3_error_message(reason, entry), &text);
    return finish_late(request, &text, error);
}
