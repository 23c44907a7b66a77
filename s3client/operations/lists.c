/* s3client/operations/lists.c -- ListObjectsV2, ListBuckets, ListMultipartUploads, ListParts. */
#include "runtime/base/decimal.h"
#include "s3client/operations/document.h"
#include "s3client/wire/date.h"

enum { METADATA_MAX = 256, BUCKETS_MAX = 10000 };

static bool is_url(struct span encoding)
{
    return span_equal_ignore_case(encoding, SPAN("url"));
}

/* ---- objects ---- */

struct objects {
    struct arena *arena;
    struct s3_list_page *page;
    struct s3_list_entry *entry; /* whose elements come; NULL: those of the page */
    unsigned capacity;
    bool is_in_metadata;
    unsigned metadata_capacity;
    bool has_truncation;
};

static bool open_of_objects(void *context, unsigned depth, struct span element, struct error *error)
{
    struct objects *objects = context;
    struct s3_list_page *page = objects->page;
    bool is_prefix = document_is(element, "CommonPrefixes");
    if (depth == 2 && objects->entry != NULL && document_is(element, "UserMetadata")) {
        objects->is_in_metadata = true;
        objects->entry->has_metadata = true;
    }
    if (depth != 1 || !(is_prefix || document_is(element, "Contents")))
        return true;
    page->entries = document_add(objects->arena, page->entries, page->count, &objects->capacity, sizeof *page->entries,
                                 S3_LIST_ENTRIES_MAX, error);
    if (page->entries == NULL)
        return false;
    objects->entry = &page->entries[page->count++];
    objects->entry->is_prefix = is_prefix;
    objects->metadata_capacity = 0;
    return true;
}

static bool take_metadata(struct objects *objects, struct span name, struct span value, struct error *error)
{
    struct s3_list_entry *entry = objects->entry;
    struct http_field *fields =
        document_add(objects->arena, (struct http_field *)(uintptr_t)entry->metadata, entry->metadata_count,
                     &objects->metadata_capacity, sizeof *fields, METADATA_MAX, error);
    if (fields == NULL)
        return false;
    entry->metadata = fields;
    struct http_field *field = &fields[entry->metadata_count++];
    return document_copy(objects->arena, name, &field->name, error) &&
           document_copy(objects->arena, value, &field->value, error);
}

static bool take_of_entry(struct objects *objects, struct span element, struct span text, struct error *error)
{
    struct s3_list_entry *entry = objects->entry;
    if (document_is(element, entry->is_prefix ? "Prefix" : "Key"))
        return document_copy(objects->arena, text, &entry->key, error);
    if (document_is(element, "Size"))
        return decimal_parse(text, &entry->size);
    if (document_is(element, "LastModified"))
        return date_parse_xml(text, &entry->modified_ms);
    if (document_is(element, "ETag"))
        return document_copy_etag(objects->arena, text, &entry->etag, error);
    if (document_is(element, "StorageClass"))
        return document_copy(objects->arena, text, &entry->storage_class, error);
    if (document_is(element, "UserMetadata"))
        objects->is_in_metadata = false;
    return true;
}

static bool take_of_page(struct objects *objects, struct span element, struct span text, struct error *error)
{
    struct s3_list_page *page = objects->page;
    if (document_is(element, "IsTruncated")) {
        page->is_truncated = document_is_true(text);
        objects->has_truncation = true;
    } else if (document_is(element, "NextContinuationToken")) {
        return document_copy(objects->arena, text, &page->continuation, error);
    } else if (document_is(element, "EncodingType")) {
        page->was_encoded = is_url(text);
    }
    return true;
}

static bool close_of_objects(void *context, unsigned depth, struct span element, struct span text, struct error *error)
{
    struct objects *objects = context;
    if (depth == 1 && objects->entry != NULL) {
        bool has_key = objects->entry->key.size > 0;
        objects->entry = NULL;
        return has_key;
    }
    if (depth == 1)
        return take_of_page(objects, element, text, error);
    if (depth == 2 && objects->entry != NULL)
        return take_of_entry(objects, element, text, error);
    if (depth == 3 && objects->is_in_metadata)
        return take_metadata(objects, element, text, error);
    return true;
}

/* Where the element stands that says so differs from one backend to the next: so at the end. */
static bool decode_keys(struct s3_list_page *page)
{
    for (unsigned i = 0; page->was_encoded && i < page->count; i++) {
        if (!document_decode(&page->entries[i].key))
            return false;
    }
    return true;
}

SUSPENDS bool document_objects(struct span document, const struct s3_call *call, struct arena *arena,
                               struct s3_list_page *ret_page, struct s3_answer *answer, struct error *error)
{
    static const struct document_kind kind = {"ListBucketResult", {.open = open_of_objects, .close = close_of_objects}};
    struct objects objects = {.arena = arena, .page = ret_page};
    *ret_page = (struct s3_list_page){0};
    if (!document_parse(document, call, &kind, &objects, answer, error))
        return false;
    if (!objects.has_truncation)
        return document_refuse(call, "no IsTruncated", error);
    return decode_keys(ret_page) || document_refuse(call, "a key with a broken escape", error);
}

SUSPENDS bool s3_client_list_objects(struct s3_client *client, const struct s3_call *call,
                                     const struct s3_list_request *request, struct arena *arena,
                                     struct s3_list_page *ret_page, struct s3_answer *ret_answer, struct error *error)
{
    struct document_request asked;
    struct buffer body;
    document_request_begin(&asked, call, S3_LIST_OBJECTS);
    document_request_query(&asked, "list-type", SPAN("2"));
    document_request_query(&asked, "encoding-type", SPAN("url"));
    document_request_number(&asked, "max-keys", request->entries_max);
    if (request->prefix.size > 0)
        document_request_query(&asked, "prefix", request->prefix);
    if (request->delimiter.size > 0)
        document_request_query(&asked, "delimiter", request->delimiter);
    if (request->after.size > 0)
        document_request_query(&asked, "start-after", request->after);
    if (request->continuation.size > 0)
        document_request_query(&asked, "continuation-token", request->continuation);
    if (request->wants_metadata)
        document_request_query(&asked, "metadata", SPAN("true"));
    bool ok = document_fetch(client, &asked.call, &body, ret_answer, error) &&
              document_objects(buffer_span(&body), &asked.call, arena, ret_page, ret_answer, error);
    buffer_free(&body);
    return ok;
}

/* ---- buckets ---- */

struct buckets {
    struct arena *arena;
    struct s3_bucket_entry *entries;
    unsigned count;
    unsigned capacity;
};

static bool open_of_buckets(void *context, unsigned depth, struct span element, struct error *error)
{
    struct buckets *buckets = context;
    if (depth != 2 || !document_is(element, "Bucket"))
        return true;
    buckets->entries = document_add(buckets->arena, buckets->entries, buckets->count, &buckets->capacity,
                                    sizeof *buckets->entries, BUCKETS_MAX, error);
    buckets->count += buckets->entries != NULL;
    return buckets->entries != NULL;
}

static bool close_of_buckets(void *context, unsigned depth, struct span element, struct span text, struct error *error)
{
    struct buckets *buckets = context;
    if (depth == 2 && document_is(element, "Bucket"))
        return buckets->entries[buckets->count - 1].name.size > 0;
    if (depth != 3 || buckets->count == 0)
        return true;
    struct s3_bucket_entry *entry = &buckets->entries[buckets->count - 1];
    if (document_is(element, "Name"))
        return document_copy(buckets->arena, text, &entry->name, error);
    if (document_is(element, "CreationDate"))
        return date_parse_xml(text, &entry->created_ms);
    return true;
}

SUSPENDS bool document_buckets(struct span document, const struct s3_call *call, struct arena *arena,
                               struct s3_bucket_entry **ret_buckets, unsigned *ret_count, struct s3_answer *answer,
                               struct error *error)
{
    static const struct document_kind kind = {"ListAllMyBucketsResult",
                                              {.open = open_of_buckets, .close = close_of_buckets}};
    struct buckets buckets = {.arena = arena};
    if (!document_parse(document, call, &kind, &buckets, answer, error))
        return false;
    *ret_buckets = buckets.entries;
    *ret_count = buckets.count;
    return true;
}

SUSPENDS bool s3_client_list_buckets(struct s3_client *client, const struct s3_call *call, struct arena *arena,
                                     struct s3_bucket_entry **ret_buckets, unsigned *ret_count,
                                     struct s3_answer *ret_answer, struct error *error)
{
    struct document_request asked;
    struct buffer body;
    document_request_begin(&asked, call, S3_LIST_BUCKETS);
    bool ok = document_fetch(client, &asked.call, &body, ret_answer, error) &&
              document_buckets(buffer_span(&body), &asked.call, arena, ret_buckets, ret_count, ret_answer, error);
    buffer_free(&body);
    return ok;
}

/* ---- uploads ---- */

struct uploads {
    struct arena *arena;
    struct s3_uploads_page *page;
    struct s3_upload_entry *entry;
    unsigned capacity;
    bool was_encoded;
    bool has_truncation;
    bool is_in_initiator;
};

static bool open_of_uploads(void *context, unsigned depth, struct span element, struct error *error)
{
    struct uploads *uploads = context;
    struct s3_uploads_page *page = uploads->page;
    uploads->is_in_initiator |= depth == 2 && document_is(element, "Initiator");
    if (depth != 1 || !document_is(element, "Upload"))
        return true;
    page->entries = document_add(uploads->arena, page->entries, page->count, &uploads->capacity, sizeof *page->entries,
                                 S3_LIST_ENTRIES_MAX, error);
    if (page->entries == NULL)
        return false;
    uploads->entry = &page->entries[page->count++];
    return true;
}

static bool take_of_upload(struct uploads *uploads, struct span element, struct span text, struct error *error)
{
    struct s3_upload_entry *entry = uploads->entry;
    if (document_is(element, "Key"))
        return document_copy(uploads->arena, text, &entry->key, error);
    if (document_is(element, "UploadId"))
        return text.size <= S3_UPLOAD_ID_BYTES_MAX && document_copy(uploads->arena, text, &entry->upload_id, error);
    if (document_is(element, "Initiated"))
        return date_parse_xml(text, &entry->initiated_ms);
    if (document_is(element, "Initiator"))
        uploads->is_in_initiator = false;
    return true;
}

static bool take_of_uploads(struct uploads *uploads, struct span element, struct span text, struct error *error)
{
    struct s3_uploads_page *page = uploads->page;
    if (document_is(element, "IsTruncated")) {
        page->is_truncated = document_is_true(text);
        uploads->has_truncation = true;
    } else if (document_is(element, "NextKeyMarker")) {
        return document_copy(uploads->arena, text, &page->next_key_marker, error);
    } else if (document_is(element, "NextUploadIdMarker")) {
        return document_copy(uploads->arena, text, &page->next_upload_id_marker, error);
    } else if (document_is(element, "EncodingType")) {
        uploads->was_encoded = is_url(text);
    }
    return true;
}

static bool close_of_uploads(void *context, unsigned depth, struct span element, struct span text, struct error *error)
{
    struct uploads *uploads = context;
    if (depth == 1 && uploads->entry != NULL) {
        bool is_whole = uploads->entry->key.size > 0 && uploads->entry->upload_id.size > 0;
        uploads->entry = NULL;
        return is_whole;
    }
    if (depth == 1)
        return take_of_uploads(uploads, element, text, error);
    if (depth == 2 && uploads->entry != NULL)
        return take_of_upload(uploads, element, text, error);
    if (depth == 3 && uploads->entry != NULL && uploads->is_in_initiator && document_is(element, "ID"))
        return document_copy(uploads->arena, text, &uploads->entry->initiator, error);
    return true;
}

static bool decode_uploads(struct s3_uploads_page *page)
{
    for (unsigned i = 0; i < page->count; i++) {
        if (!document_decode(&page->entries[i].key))
            return false;
    }
    return document_decode(&page->next_key_marker);
}

SUSPENDS bool document_uploads(struct span document, const struct s3_call *call, struct arena *arena,
                               struct s3_uploads_page *ret_page, struct s3_answer *answer, struct error *error)
{
    static const struct document_kind kind = {"ListMultipartUploadsResult",
                                              {.open = open_of_uploads, .close = close_of_uploads}};
    struct uploads uploads = {.arena = arena, .page = ret_page};
    *ret_page = (struct s3_uploads_page){0};
    if (!document_parse(document, call, &kind, &uploads, answer, error))
        return false;
    if (!uploads.has_truncation)
        return document_refuse(call, "no IsTruncated", error);
    return !uploads.was_encoded || decode_uploads(ret_page) ||
           document_refuse(call, "a key with a broken escape", error);
}

SUSPENDS bool s3_client_list_uploads(struct s3_client *client, const struct s3_call *call,
                                     const struct s3_uploads_request *request, struct arena *arena,
                                     struct s3_uploads_page *ret_page, struct s3_answer *ret_answer,
                                     struct error *error)
{
    struct document_request asked;
    struct buffer body;
    document_request_begin(&asked, call, S3_LIST_UPLOADS);
    document_request_query(&asked, "uploads", SPAN_EMPTY);
    document_request_query(&asked, "encoding-type", SPAN("url"));
    document_request_number(&asked, "max-uploads", request->entries_max);
    if (request->prefix.size > 0)
        document_request_query(&asked, "prefix", request->prefix);
    if (request->key_marker.size > 0)
        document_request_query(&asked, "key-marker", request->key_marker);
    if (request->upload_id_marker.size > 0)
        document_request_query(&asked, "upload-id-marker", request->upload_id_marker);
    bool ok = document_fetch(client, &asked.call, &body, ret_answer, error) &&
              document_uploads(buffer_span(&body), &asked.call, arena, ret_page, ret_answer, error);
    buffer_free(&body);
    return ok;
}

/* ---- parts ---- */

struct parts {
    struct arena *arena;
    struct s3_parts_page *page;
    struct s3_part *part;
    unsigned capacity;
    bool has_truncation;
};

static bool open_of_parts(void *context, unsigned depth, struct span element, struct error *error)
{
    struct parts *parts = context;
    struct s3_parts_page *page = parts->page;
    if (depth != 1 || !document_is(element, "Part"))
        return true;
    page->parts = document_add(parts->arena, page->parts, page->count, &parts->capacity, sizeof *page->parts,
                               S3_PARTS_MAX, error);
    if (page->parts == NULL)
        return false;
    parts->part = &page->parts[page->count++];
    return true;
}

static bool take_number(struct span text, unsigned *ret_number)
{
    uint64_t number;
    if (!decimal_parse_range(text, 0, S3_PARTS_MAX, &number))
        return false;
    *ret_number = (unsigned)number;
    return true;
}

/* One that cannot be read is none. */
static bool take_sum(struct parts *parts, enum checksum_algorithm algorithm, struct span text, struct error *error)
{
    struct checksum_value value;
    if (!checksum_parse(algorithm, text, &value))
        return true;
    struct span copy = arena_copy(parts->arena, span_of(&value, sizeof value));
    if (copy.data == NULL)
        return error_set(error, ERROR_TOO_LARGE, NULL, "a list of parts is too large");
    parts->part->sum = (const struct checksum_value *)(const void *)copy.data;
    return true;
}

static enum checksum_algorithm algorithm_of_element(struct span element)
{
    for (unsigned i = CHECKSUM_NONE + 1; i < CHECKSUM_ALGORITHMS; i++) {
        if (document_is(element, checksum_element((enum checksum_algorithm)i)))
            return (enum checksum_algorithm)i;
    }
    return CHECKSUM_NONE;
}

static bool take_of_part(struct parts *parts, struct span element, struct span text, struct error *error)
{
    if (document_is(element, "PartNumber"))
        return take_number(text, &parts->part->number);
    if (document_is(element, "ETag"))
        return document_copy_etag(parts->arena, text, &parts->part->etag, error);
    if (document_is(element, "Size"))
        return decimal_parse(text, &parts->part->size);
    if (document_is(element, "LastModified"))
        return date_parse_xml(text, &parts->part->modified_ms);
    enum checksum_algorithm algorithm = algorithm_of_element(element);
    return algorithm == CHECKSUM_NONE || take_sum(parts, algorithm, text, error);
}

static bool take_of_parts(struct parts *parts, struct span element, struct span text)
{
    struct s3_parts_page *page = parts->page;
    if (document_is(element, "IsTruncated")) {
        page->is_truncated = document_is_true(text);
        parts->has_truncation = true;
    } else if (document_is(element, "NextPartNumberMarker") && text.size > 0) {
        return take_number(text, &page->next_marker);
    } else if (document_is(element, "ChecksumAlgorithm")) {
        page->algorithm = checksum_from_name(text);
    } else if (document_is(element, "ChecksumType")) {
        bool is_composite = span_equal(text, span_from_string(checksum_type_name(CHECKSUM_COMPOSITE)));
        page->type = is_composite ? CHECKSUM_COMPOSITE : CHECKSUM_FULL_OBJECT;
    }
    return true;
}

static bool close_of_parts(void *context, unsigned depth, struct span element, struct span text, struct error *error)
{
    struct parts *parts = context;
    if (depth == 1 && parts->part != NULL) {
        bool is_whole = parts->part->number > 0;
        parts->part = NULL;
        return is_whole;
    }
    if (depth == 2 && parts->part != NULL)
        return take_of_part(parts, element, text, error);
    return depth != 1 || take_of_parts(parts, element, text);
}

SUSPENDS bool document_parts(struct span document, const struct s3_call *call, struct arena *arena,
                             struct s3_parts_page *ret_page, struct s3_answer *answer, struct error *error)
{
    static const struct document_kind kind = {"ListPartsResult", {.open = open_of_parts, .close = close_of_parts}};
    struct parts parts = {.arena = arena, .page = ret_page};
    *ret_page = (struct s3_parts_page){0};
    if (!document_parse(document, call, &kind, &parts, answer, error))
        return false;
    return parts.has_truncation || document_refuse(call, "no IsTruncated", error);
}

SUSPENDS bool s3_client_list_parts(struct s3_client *client, const struct s3_call *call, struct span upload_id,
                                   unsigned after_number, unsigned parts_max, struct arena *arena,
                                   struct s3_parts_page *ret_page, struct s3_answer *ret_answer, struct error *error)
{
    struct document_request asked;
    struct buffer body;
    char after[DECIMAL_BYTES_MAX];
    document_request_begin(&asked, call, S3_LIST_PARTS);
    document_request_query(&asked, "uploadId", upload_id);
    document_request_number(&asked, "max-parts", parts_max);
    if (after_number > 0)
        document_request_query(&asked, "part-number-marker", span_of(after, decimal_format(after_number, after)));
    bool ok = document_fetch(client, &asked.call, &body, ret_answer, error) &&
              document_parts(buffer_span(&body), &asked.call, arena, ret_page, ret_answer, error);
    buffer_free(&body);
    return ok;
}
