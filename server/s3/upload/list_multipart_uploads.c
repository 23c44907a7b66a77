/* server/s3/upload/list_multipart_uploads.c -- GET /bucket?uploads: what was begun and neither completed nor aborted.
 */
#include "runtime/base/hex.h"
#include "server/s3/list/list_page.h"
#include "server/s3/operations.h"
#include "server/s3/rights/acl_request.h"
#include "server/s3/upload/upload_request.h"

struct uploads_query {
    struct list_query list;
    struct span key_marker;
    struct span upload_marker;
};

/* An upload-id-marker without a key-marker means nothing. */
static bool parse_markers(struct s3_request *request, struct uploads_query *query, struct error *error)
{
    uint8_t id[UPLOAD_ID_BYTES / 2];
    (void)s3_request_parameter(request, "key-marker", &query->key_marker);
    (void)s3_request_parameter(request, "upload-id-marker", &query->upload_marker);
    if (query->key_marker.size == 0 || query->upload_marker.size == 0 ||
        hex_decode(query->upload_marker, id, sizeof id))
        return true;
    return s3_refuse_argument(request, "upload-id-marker", query->upload_marker, "Invalid uploadId marker", error);
}

static bool parse_query(struct s3_request *request, struct uploads_query *query, struct error *error)
{
    *query = (struct uploads_query){.key_marker = SPAN_EMPTY};
    (void)s3_request_parameter(request, "prefix", &query->list.prefix);
    (void)s3_request_parameter(request, "delimiter", &query->list.delimiter);
    return list_encoding_parse(request, &query->list, error) &&
           upload_request_count(request, "max-uploads", LIST_ENTRIES_MAX, LIST_ENTRIES_MAX, &query->list.entries_max,
                                error) &&
           parse_markers(request, query, error);
}

static void write_upload(struct s3_document *document, const struct s3_request *request, const struct list_query *query,
                         const struct upload_info *upload)
{
    xml_open(&document->xml, "Upload");
    list_write_name(document, query, "Key", upload->key);
    xml_string(&document->xml, "UploadId", upload->id);
    s3_document_account(document, request, "Initiator", upload->initiator);
    s3_document_account(document, request, "Owner", s3_owner_shown(request, upload->owner));
    xml_string(&document->xml, "StorageClass", "STANDARD");
    s3_document_date(document, "Initiated", upload->initiated_ms);
    if (upload->checksum_algorithm != CHECKSUM_NONE) {
        xml_string(&document->xml, "ChecksumAlgorithm", checksum_name(upload->checksum_algorithm));
        xml_string(&document->xml, "ChecksumType", checksum_type_name(upload->checksum_type));
    }
    xml_close(&document->xml);
}

static void write_head(struct s3_document *document, const struct s3_request *request,
                       const struct uploads_query *query, const struct upload_list_page *page)
{
    const struct list_query *list = &query->list;
    xml_text(&document->xml, "Bucket", request->bucket);
    list_write_name(document, list, "KeyMarker", query->key_marker);
    xml_text(&document->xml, "UploadIdMarker", query->upload_marker);
    if (page->is_truncated && page->count > 0) {
        const struct upload_list_entry *last = &page->entries[page->count - 1];
        list_write_name(document, list, "NextKeyMarker", last->upload.key);
        xml_string(&document->xml, "NextUploadIdMarker", last->is_prefix ? "" : last->upload.id);
    }
    list_write_name(document, list, "Prefix", list->prefix);
    if (list->delimiter.size > 0)
        list_write_name(document, list, "Delimiter", list->delimiter);
    xml_decimal(&document->xml, "MaxUploads", list->entries_max);
    if (list->encodes_url)
        xml_string(&document->xml, "EncodingType", "url");
    xml_bool(&document->xml, "IsTruncated", page->is_truncated);
}

static void write_entries(struct s3_document *document, const struct s3_request *request,
                          const struct list_query *query, const struct upload_list_page *page)
{
    for (unsigned i = 0; i < page->count; i++)
        if (!page->entries[i].is_prefix)
            write_upload(document, request, query, &page->entries[i].upload);
    for (unsigned i = 0; i < page->count; i++) {
        if (!page->entries[i].is_prefix)
            continue;
        xml_open(&document->xml, "CommonPrefixes");
        list_write_name(document, query, "Prefix", page->entries[i].upload.key);
        xml_close(&document->xml);
    }
}

SUSPENDS bool s3_list_multipart_uploads(struct s3_request *request, struct error *error)
{
    struct uploads_query query;
    struct upload_list_page page = {.count = 0};
    if (!parse_query(request, &query, error))
        return false;
    const struct upload_list_request wanted = {
        .bucket = request->bucket,
        .prefix = query.list.prefix,
        .delimiter = query.list.delimiter,
        .after_key = query.key_marker,
        .after_upload = query.key_marker.size > 0 ? query.upload_marker : SPAN_EMPTY,
        .entries_max = query.list.entries_max,
    };
    if (wanted.entries_max > 0 && !bucket_list_uploads(request->settings->store, &wanted, request->arena, &page, error))
        return false;
    struct s3_document document;
    s3_document_open(&document, "ListMultipartUploadsResult");
    write_head(&document, request, &query, &page);
    write_entries(&document, request, &query.list, &page);
    return s3_document_send(request, &document, error);
}
