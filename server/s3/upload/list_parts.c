/* server/s3/upload/list_parts.c -- GET /bucket/key?uploadId=ID: the parts that have come so far, in order. */
#include "runtime/base/hex.h"
#include "server/object/object_upload.h"
#include "server/s3/answer/setting_headers.h"
#include "server/s3/list/list_page.h"
#include "server/s3/operations.h"
#include "server/s3/rights/acl_request.h"
#include "server/s3/upload/upload_request.h"

struct parts_query {
    struct list_query names; /* only how they are encoded */
    unsigned after;
    unsigned parts_max;
    struct upload_info upload;
};

static void write_part(struct s3_document *document, const struct part_attributes *part)
{
    char etag[ETAG_TEXT_BYTES] = "";
    hex_encode(span_of(part->md5, MD5_BYTES), etag);
    xml_open(&document->xml, "Part");
    xml_decimal(&document->xml, "PartNumber", part->number);
    s3_document_date(document, "LastModified", part->modified_ms);
    s3_document_etag(document, etag);
    xml_decimal(&document->xml, "Size", part->original_size);
    s3_document_part_checksum(document, &part->checksum);
    xml_close(&document->xml);
}

/* At most parts_max of them; *ret_last is the number of the last one. */
static SUSPENDS bool write_parts(struct part_walk *walk, unsigned parts_max, struct s3_document *document,
                                 unsigned *ret_last, bool *ret_truncated, struct error *error)
{
    for (unsigned i = 0;; i++) {
        const struct part_attributes *part;
        if (!part_walk_next(walk, &part, error))
            return false;
        *ret_truncated = part != NULL && parts_max > 0;
        if (part == NULL || i == parts_max)
            return true;
        write_part(document, part);
        *ret_last = part->number;
    }
}

static void write_head(struct s3_document *document, const struct s3_request *request, const struct parts_query *query)
{
    const struct upload_info *upload = &query->upload;
    xml_text(&document->xml, "Bucket", request->bucket);
    list_write_name(document, &query->names, "Key", request->key);
    xml_string(&document->xml, "UploadId", upload->id);
    s3_document_account(document, request, "Initiator", upload->initiator);
    s3_document_account(document, request, "Owner", s3_owner_shown(request, upload->owner));
    xml_text(&document->xml, "StorageClass", metadata_storage_class(upload->metadata));
    if (upload->checksum_algorithm != CHECKSUM_NONE) {
        xml_string(&document->xml, "ChecksumAlgorithm", checksum_name(upload->checksum_algorithm));
        xml_string(&document->xml, "ChecksumType", checksum_type_name(upload->checksum_type));
    }
    xml_decimal(&document->xml, "PartNumberMarker", query->after);
    xml_decimal(&document->xml, "MaxParts", query->parts_max);
    if (query->names.encodes_url)
        xml_string(&document->xml, "EncodingType", "url");
}

static SUSPENDS bool list(struct s3_request *request, const struct parts_query *query, struct s3_document *document,
                          struct error *error)
{
    const struct object_name name = {.bucket = request->bucket, .key = request->key};
    struct part_walk walk;
    unsigned last = query->after;
    bool is_truncated;
    write_head(document, request, query);
    part_walk_begin(&walk, request->settings->codecs, request->settings->store, &name, &query->upload, query->after,
                    query->parts_max + 1);
    bool ok = write_parts(&walk, query->parts_max, document, &last, &is_truncated, error);
    part_walk_end(&walk);
    xml_decimal(&document->xml, "NextPartNumberMarker", last);
    xml_bool(&document->xml, "IsTruncated", ok && is_truncated);
    return ok;
}

SUSPENDS bool s3_list_parts(struct s3_request *request, struct error *error)
{
    struct parts_query query;
    if (!list_encoding_parse(request, &query.names, error) ||
        !upload_request_count(request, "part-number-marker", 0, INT32_MAX, &query.after, error) ||
        !upload_request_count(request, "max-parts", LIST_ENTRIES_MAX, LIST_ENTRIES_MAX, &query.parts_max, error) ||
        !upload_request_find(request, &query.upload, error))
        return false;
    struct s3_document document;
    s3_document_open(&document, "ListPartsResult");
    if (!list(request, &query, &document, error)) {
        s3_document_drop(&document);
        return false;
    }
    s3_answer_begin(request, 200);
    s3_answer_abort(request, query.upload.initiated_ms);
    return s3_document_finish(request, &document, error);
}
