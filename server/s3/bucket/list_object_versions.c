/* server/s3/bucket/list_object_versions.c -- GET /bucket?versions, of buckets that were never versioned: every object
 * has the one version "null", which is its latest. */
#include "s3client/wire/s3_error.h"
#include "server/s3/shared/acl_request.h"
#include "server/s3/shared/list_page.h"
#include "server/s3/shared/operations.h"

static void write_versions(struct s3_document *document, const struct s3_request *request,
                           const struct list_query *query, const struct list_page *page)
{
    for (unsigned i = 0; i < page->count; i++) {
        const struct list_entry *entry = &page->entries[i];
        if (entry->is_prefix)
            continue;
        xml_open(&document->xml, "Version");
        list_write_object(document, query, entry);
        xml_string(&document->xml, "VersionId", entry->version[0] != 0 ? entry->version : "null");
        xml_bool(&document->xml, "IsLatest", true);
        s3_document_account(document, request, "Owner", s3_owner_shown(request, entry->owner));
        xml_close(&document->xml);
    }
    list_write_prefixes(document, query, page);
}

/* Behind a key and its "null" version: nothing of that key is left. Behind a key alone: S3 starts at the key that
 * follows as well. */
static bool find_markers(struct s3_request *request, struct span *ret_key, struct span *ret_version,
                         struct error *error)
{
    bool has_key = s3_request_parameter(request, "key-marker", ret_key) && ret_key->size > 0;
    bool has_version = s3_request_parameter(request, "version-id-marker", ret_version);
    if (has_version && !has_key)
        return s3_refuse_argument(request, "version-id-marker", *ret_version,
                                  "A version-id marker cannot be specified without a key marker.", error);
    return true;
}

SUSPENDS bool s3_list_object_versions(struct s3_request *request, struct error *error)
{
    struct list_query query;
    struct list_page page;
    struct span key = SPAN_EMPTY;
    struct span version = SPAN_EMPTY;
    if (!list_query_parse(request, &query, error) || !find_markers(request, &key, &version, error) ||
        !list_page_gather(request, &query, key, &page, error))
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
            xml_string(&document.xml, "NextVersionIdMarker", "null");
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
