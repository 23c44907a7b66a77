/* s3client/operations/versions.c -- whether a bucket keeps versions, and which it has. */
#include "runtime/base/assert.h"
#include "runtime/base/decimal.h"
#include "s3client/operations/document.h"
#include "s3client/wire/date.h"

/* ---- of a bucket ---- */

static bool close_of_versioning(void *context, unsigned depth, struct span element, struct span text,
                                struct error *error)
{
    enum s3_versioning *versioning = context;
    (void)error;
    if (depth == 1 && document_is(element, "Status"))
        *versioning = span_equal(text, SPAN("Enabled")) ? S3_VERSIONING_ENABLED : S3_VERSIONING_SUSPENDED;
    return true;
}

SUSPENDS bool document_versioning(struct span document, const struct s3_call *call, enum s3_versioning *ret_versioning,
                                  struct s3_answer *answer, struct error *error)
{
    static const struct document_kind kind = {"VersioningConfiguration", {.close = close_of_versioning}};
    *ret_versioning = S3_VERSIONING_NEVER;
    return document_parse(document, call, &kind, ret_versioning, answer, error);
}

SUSPENDS bool s3_client_get_versioning(struct s3_client *client, const struct s3_call *call,
                                       enum s3_versioning *ret_versioning, struct s3_answer *ret_answer,
                                       struct error *error)
{
    struct document_request asked;
    struct buffer body;
    document_request_begin(&asked, call, S3_GET_BUCKET);
    document_request_query(&asked, "versioning", SPAN_EMPTY);
    bool ok = document_fetch(client, &asked.call, &body, ret_answer, error) &&
              document_versioning(buffer_span(&body), &asked.call, ret_versioning, ret_answer, error);
    buffer_free(&body);
    return ok;
}

SUSPENDS bool s3_client_put_versioning(struct s3_client *client, const struct s3_call *call,
                                       enum s3_versioning versioning, struct s3_answer *ret_answer, struct error *error)
{
    struct document_request asked;
    struct buffer document;
    struct xml_writer writer;
    ASSERT(versioning != S3_VERSIONING_NEVER);
    buffer_init(&document, DOCUMENT_REQUEST_BYTES_MAX);
    xml_begin(&writer, &document);
    xml_open_root(&writer, "VersioningConfiguration", XML_NAMESPACE_S3);
    xml_string(&writer, "Status", versioning == S3_VERSIONING_ENABLED ? "Enabled" : "Suspended");
    xml_close(&writer);
    xml_end(&writer);
    document_request_begin(&asked, call, S3_PUT_BUCKET);
    document_request_query(&asked, "versioning", SPAN_EMPTY);
    document_request_body(&asked, buffer_span(&document));
    bool ok = s3_client_call(client, &asked.call, ret_answer, error);
    if (ok)
        s3_answer_close(ret_answer);
    buffer_free(&document);
    return ok;
}

/* ---- lists ---- */

struct versions {
    struct arena *arena;
    struct s3_versions_page *page;
    struct s3_version_entry *entry; /* whose elements come; NULL: those of the page */
    unsigned capacity;
    bool was_encoded;
    bool has_truncation;
};

static bool open_of_versions(void *context, unsigned depth, struct span element, struct error *error)
{
    struct versions *versions = context;
    struct s3_versions_page *page = versions->page;
    bool is_marker = document_is(element, "DeleteMarker");
    bool is_prefix = document_is(element, "CommonPrefixes");
    if (depth != 1 || !(is_marker || is_prefix || document_is(element, "Version")))
        return true;
    page->entries = document_add(versions->arena, page->entries, page->count, &versions->capacity,
                                 sizeof *page->entries, S3_LIST_ENTRIES_MAX, error);
    if (page->entries == NULL)
        return false;
    versions->entry = &page->entries[page->count++];
    versions->entry->is_delete_marker = is_marker;
    versions->entry->is_prefix = is_prefix;
    return true;
}

static bool take_of_version(struct versions *versions, struct span element, struct span text, struct error *error)
{
    struct s3_version_entry *entry = versions->entry;
    if (document_is(element, entry->is_prefix ? "Prefix" : "Key"))
        return document_copy(versions->arena, text, &entry->key, error);
    if (document_is(element, "VersionId"))
        return text.size < S3_VERSION_BYTES && document_copy(versions->arena, text, &entry->version, error);
    if (document_is(element, "IsLatest"))
        entry->is_latest = document_is_true(text);
    if (document_is(element, "Size"))
        return decimal_parse(text, &entry->size);
    if (document_is(element, "LastModified"))
        return date_parse_xml(text, &entry->modified_ms);
    if (document_is(element, "ETag"))
        return document_copy_etag(versions->arena, text, &entry->etag, error);
    if (document_is(element, "StorageClass"))
        return document_copy(versions->arena, text, &entry->storage_class, error);
    return true;
}

static bool take_of_versions(struct versions *versions, struct span element, struct span text, struct error *error)
{
    struct s3_versions_page *page = versions->page;
    if (document_is(element, "IsTruncated")) {
        page->is_truncated = document_is_true(text);
        versions->has_truncation = true;
    } else if (document_is(element, "NextKeyMarker")) {
        return document_copy(versions->arena, text, &page->next_key_marker, error);
    } else if (document_is(element, "NextVersionIdMarker")) {
        return text.size < S3_VERSION_BYTES && document_copy(versions->arena, text, &page->next_version_marker, error);
    } else if (document_is(element, "EncodingType")) {
        versions->was_encoded = span_equal_ignore_case(text, SPAN("url"));
    }
    return true;
}

static bool is_whole(const struct s3_version_entry *entry)
{
    return entry->key.size > 0 && (entry->is_prefix || entry->version.size > 0);
}

static bool close_of_versions(void *context, unsigned depth, struct span element, struct span text, struct error *error)
{
    struct versions *versions = context;
    if (depth == 1 && versions->entry != NULL) {
        bool is_right = is_whole(versions->entry);
        versions->entry = NULL;
        return is_right;
    }
    if (depth == 1)
        return take_of_versions(versions, element, text, error);
    return depth != 2 || versions->entry == NULL || take_of_version(versions, element, text, error);
}

static bool decode_names(struct s3_versions_page *page)
{
    for (unsigned i = 0; i < page->count; i++) {
        if (!document_decode(&page->entries[i].key))
            return false;
    }
    return document_decode(&page->next_key_marker);
}

SUSPENDS bool document_versions(struct span document, const struct s3_call *call, struct arena *arena,
                                struct s3_versions_page *ret_page, struct s3_answer *answer, struct error *error)
{
    static const struct document_kind kind = {"ListVersionsResult",
                                              {.open = open_of_versions, .close = close_of_versions}};
    struct versions versions = {.arena = arena, .page = ret_page};
    *ret_page = (struct s3_versions_page){0};
    if (!document_parse(document, call, &kind, &versions, answer, error))
        return false;
    if (!versions.has_truncation)
        return document_refuse(call, "no IsTruncated", error);
    return !versions.was_encoded || decode_names(ret_page) ||
           document_refuse(call, "a key with a broken escape", error);
}

SUSPENDS bool s3_client_list_versions(struct s3_client *client, const struct s3_call *call,
                                      const struct s3_versions_request *request, struct arena *arena,
                                      struct s3_versions_page *ret_page, struct s3_answer *ret_answer,
                                      struct error *error)
{
    struct document_request asked;
    struct buffer body;
    document_request_begin(&asked, call, S3_LIST_VERSIONS);
    document_request_query(&asked, "versions", SPAN_EMPTY);
    document_request_query(&asked, "encoding-type", SPAN("url"));
    document_request_number(&asked, "max-keys", request->entries_max);
    if (request->prefix.size > 0)
        document_request_query(&asked, "prefix", request->prefix);
    if (request->delimiter.size > 0)
        document_request_query(&asked, "delimiter", request->delimiter);
    if (request->key_marker.size > 0)
        document_request_query(&asked, "key-marker", request->key_marker);
    if (request->version_marker.size > 0)
        document_request_query(&asked, "version-id-marker", request->version_marker);
    bool ok = document_fetch(client, &asked.call, &body, ret_answer, error) &&
              document_versions(buffer_span(&body), &asked.call, arena, ret_page, ret_answer, error);
    buffer_free(&body);
    return ok;
}
