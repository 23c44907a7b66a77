/* server/s3/bucket/list_object_versions.c -- GET /bucket?versions: versions and delete markers in one stream. Of a
 * bucket that was never versioned, every object has the one version "null", which is its latest. */
#include "s3client/wire/s3_error.h"
#include "server/s3/list/list_page.h"
#include "server/s3/operations.h"
#include "server/s3/request/names.h"
#include "server/s3/rights/acl_request.h"

static void write_version(struct s3_document *document, const struct s3_request *request,
                          const struct list_query *query, const struct list_entry *entry)
{
    xml_open(&document->xml, entry->is_delete_marker ? "DeleteMarker" : "Version");
    if (entry->is_delete_marker) {
        list_write_name(document, query, "Key", entry->key);
        s3_document_date(document, "LastModified", entry->modified_ms);
    } else {
        list_write_object(document, query, entry);
    }
    xml_string(&document->xml, "VersionId", entry->version[0] != 0 ? entry->version : "null");
    xml_bool(&document->xml, "IsLatest", entry->is_latest);
    s3_document_account(document, request, "Owner", s3_owner_shown(request, entry->owner));
    xml_close(&document->xml);
}

static void write_versions(struct s3_document *document, const struct s3_request *request,
                           const struct list_query *query, const struct list_page *page)
{
    for (unsigned i = 0; i < page->count; i++) {
        if (!page->entries[i].is_prefix)
            write_version(document, request, query, &page->entries[i]);
    }
    list_write_prefixes(document, query, page);
}

/* Behind a key and a version: what is left of that key comes first. Behind a key alone: S3 starts at the key that
 * follows. */
static bool find_markers(struct s3_request *request, struct span *ret_key, struct span *ret_version,
                         struct error *error)
{
    bool has_key = s3_request_parameter(request, "key-marker", ret_key) && ret_key->size > 0;
    bool has_version = s3_request_parameter(request, "version-id-marker", ret_version);
    if (has_version && !has_key && ret_version->size > 0)
        return s3_refuse_argument(request, "version-id-marker", *ret_version,
                                  "A version-id marker cannot be specified without a key marker.", error);
    if (has_version && ret_version->size == 0)
        return s3_refuse_argument(request, "version-id-marker", *ret_version, "A version-id marker cannot be empty.",
                                  error);
    if (has_version && !version_id_is_well_formed(*ret_version))
        return s3_refuse_argument(request, "version-id-marker", *ret_version, "Invalid version id specified", error);
    return true;
}

SUSPENDS bool s3_list_object_versions(struct s3_request *request, struct error *error)
{
    struct list_query query;
    struct list_page page;
    struct span key = SPAN_EMPTY;
    struct span version = SPAN_EMPTY;
    if (!list_query_parse(request, &query, error) || !find_markers(request, &key, &version, error))
        return false;
    query.shows_owners = true;
    if (!list_page_gather_versions(request, &query, key, version, &page, error))
        return false;

    struct s3_document document;
    s3_document_open(&document, "ListVersionsResult");
    xml_text(&document.xml, "Name", request->bucket);
    list_write_query(&document, &query, page.is_truncated);
    list_write_name(&document, &query, "KeyMarker", key);
    xml_text(&document.xml, "VersionIdMarker", version);
    if (page.is_truncated) {
        list_write_name(&document, &query, "NextKeyMarker", list_page_last(&page));
        if (!page.entries[page.count - 1].is_prefix)
            xml_string(&document.xml, "NextVersionIdMarker", page.entries[page.count - 1].version);
    }
    write_versions(&document, request, &query, &page);
    return s3_document_send(request, &document, error);
}

/* ?versions and ?uploads belong to a bucket (statements 257, 277). */
SUSPENDS bool s3_misplaced_parameter(struct s3_request *request, struct error *error)
{
    (void)request;
    return error_set(error, ERROR_INVALID, S3_InvalidRequest,
                     "There is no such thing as the ?versions or ?uploads sub-resource for a key");
}
