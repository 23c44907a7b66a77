/* server/s3/bucket/list_object_versions.c -- GET /bucket?versions: versions and delete markers in one stream. Of a
 * bucket that was never versioned, every object has the one version "null", which is its latest. */
#include "runtime/base/decimal.h"
#include "s3client/wire/s3_error.h"
#include "server/s3/list/list_page.h"
#include "server/s3/operations.h"
#include "server/s3/request/names.h"
#include "server/s3/rights/acl_request.h"

#include <stdio.h>

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

/* ---- where a page begins ----
 *
 * NextVersionIdMarker is the id of the version. Of a store that forgets where a version was that has gone (428) it is
 * that and "." and when the version was made, in milliseconds: no id of such a store ends so. */

static void write_next_marker(struct s3_document *document, const struct s3_request *request,
                              const struct list_entry *last)
{
    char marker[VERSION_TEXT_BYTES + 1 + DECIMAL_BYTES_MAX + 1];
    int size = snprintf(marker, sizeof marker, "%s", last->version);
    bool has_id = strcmp(last->version, "null") != 0; /* also in a bucket of which that is not known here yet */
    if ((has_id || request->bucket_info.versioning != VERSIONING_NEVER) &&
        request->settings->store->capabilities.forgets_versions && last->modified_ms > 0)
        (void)snprintf(marker + size, sizeof marker - (size_t)size, ".%lld", (long long)last->modified_ms);
    xml_string(&document->xml, "NextVersionIdMarker", marker);
}

static void take_marker_apart(const struct s3_request *request, struct span marker, struct version_position *position)
{
    uint64_t modified_ms;
    size_t behind_dot = marker.size;
    while (behind_dot > 0 && marker.data[behind_dot - 1] != '.')
        behind_dot--;
    position->version = marker;
    if (behind_dot == 0 || !request->settings->store->capabilities.forgets_versions ||
        !decimal_parse_range(span_skip(marker, behind_dot), 1, INT64_MAX, &modified_ms))
        return;
    position->modified_ms = (int64_t)modified_ms;
    position->version = span_take(marker, behind_dot - 1);
}

/* Behind a key and a version: what is left of that key comes first. Behind a key alone: S3 starts at the key that
 * follows. */
static bool find_markers(struct s3_request *request, struct span *ret_marker, struct version_position *ret_position,
                         struct error *error)
{
    bool has_key = s3_request_parameter(request, "key-marker", &ret_position->key) && ret_position->key.size > 0;
    bool has_version = s3_request_parameter(request, "version-id-marker", ret_marker);
    if (has_version && !has_key && ret_marker->size > 0)
        return s3_refuse_argument(request, "version-id-marker", *ret_marker,
                                  "A version-id marker cannot be specified without a key marker.", error);
    if (has_version && ret_marker->size == 0)
        return s3_refuse_argument(request, "version-id-marker", *ret_marker, "A version-id marker cannot be empty.",
                                  error);
    take_marker_apart(request, *ret_marker, ret_position);
    if (has_version && !version_id_is_well_formed(ret_position->version))
        return s3_refuse_argument(request, "version-id-marker", *ret_marker, "Invalid version id specified", error);
    return true;
}

SUSPENDS bool s3_list_object_versions(struct s3_request *request, struct error *error)
{
    struct list_query query;
    struct list_page page;
    struct span marker = SPAN_EMPTY;
    struct version_position behind = {0};
    if (!list_query_parse(request, &query, error) || !find_markers(request, &marker, &behind, error))
        return false;
    query.shows_owners = true;
    if (!list_page_gather_versions(request, &query, &behind, &page, error))
        return false;

    struct s3_document document;
    s3_document_open(&document, "ListVersionsResult");
    xml_text(&document.xml, "Name", request->bucket);
    list_write_query(&document, &query, page.is_truncated);
    list_write_name(&document, &query, "KeyMarker", behind.key);
    xml_text(&document.xml, "VersionIdMarker", marker);
    if (page.is_truncated) {
        list_write_name(&document, &query, "NextKeyMarker", list_page_last(&page));
        if (!page.entries[page.count - 1].is_prefix)
            write_next_marker(&document, request, &page.entries[page.count - 1]);
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
