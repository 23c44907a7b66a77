/* server/s3/list/list_page.c -- what the three ways to list objects share. */
#include "server/s3/list/list_page.h"
#include "server/s3/rights/acl_request.h"

#include "runtime/base/decimal.h"
#include "s3client/wire/s3_error.h"
#include "s3client/wire/uri.h"

/* ---- the question ---- */

bool list_encoding_parse(struct s3_request *request, struct list_query *ret_query, struct error *error)
{
    struct span text;
    ret_query->encodes_url = s3_request_parameter(request, "encoding-type", &text);
    return !ret_query->encodes_url || span_equal(text, SPAN("url")) ||
           s3_refuse_argument(request, "encoding-type", text, "Invalid Encoding Method specified in Request", error);
}

bool list_query_parse(struct s3_request *request, struct list_query *ret_query, struct error *error)
{
    struct span text;
    uint64_t entries_max;
    *ret_query = (struct list_query){.entries_max = LIST_ENTRIES_MAX};
    (void)s3_request_parameter(request, "prefix", &ret_query->prefix);
    (void)s3_request_parameter(request, "delimiter", &ret_query->delimiter);
    if (s3_request_parameter(request, "max-keys", &text) && text.size > 0) {
        if (!decimal_parse_range(text, 0, INT32_MAX, &entries_max))
            return s3_refuse_argument(request, "max-keys", text,
                                      "Provided max-keys not an integer or within integer range", error);
        ret_query->entries_max = entries_max < LIST_ENTRIES_MAX ? (unsigned)entries_max : LIST_ENTRIES_MAX;
    }
    return list_encoding_parse(request, ret_query, error);
}

/* ---- the page ---- */

/* Drops reserved names from a page in place. */
static void drop_reserved(const struct s3_request *request, struct list_page *page)
{
    unsigned kept = 0;
    for (unsigned i = 0; i < page->count; i++) {
        if (s3_key_is_reserved(request, page->entries[i].key))
            continue;
        if (kept < i) /* nearly never: a page is 300 KB */
            page->entries[kept] = page->entries[i];
        kept++;
    }
    page->count = kept;
}

/* Where a page begins, of objects or of versions. */
struct list_position {
    bool is_of_versions;
    struct span after;
    struct span version;
    int64_t version_ms; /* when that was made; 0: not known */
};

static SUSPENDS bool ask(struct s3_request *request, const struct list_query *query,
                         const struct list_position *position, unsigned entries_max, struct list_page *ret_page,
                         struct error *error)
{
    struct bucket_store *store = request->settings->store;
    bool wants_owners = query->shows_owners && access_counts_acls(&request->access);
    if (position->is_of_versions) {
        const struct version_list_request versions = {
            .bucket = request->bucket,
            .prefix = query->prefix,
            .delimiter = query->delimiter,
            .after_key = position->after,
            .after_version = position->version,
            .after_modified_ms = position->version_ms,
            .entries_max = entries_max,
            .wants_owners = wants_owners,
        };
        return bucket_list_versions(store, &versions, request->arena, ret_page, error);
    }
    const struct list_request objects = {
        .bucket = request->bucket,
        .prefix = query->prefix,
        .delimiter = query->delimiter,
        .after = position->after,
        .entries_max = entries_max,
        .wants_owners = wants_owners,
    };
    return bucket_list(store, &objects, request->arena, ret_page, error);
}

/* To behind the last entry of a page, reserved or not. */
static void go_on(struct list_position *position, const struct list_page *page)
{
    position->after = list_page_last(page);
    position->version = SPAN_EMPTY;
    if (page->count > 0 && !page->entries[page->count - 1].is_prefix) {
        position->version = span_from_string(page->entries[page->count - 1].version);
        position->version_ms = page->entries[page->count - 1].modified_ms;
    }
}

/* Asks until the page is full or the store has no more: once, unless reserved names were in between. */
static SUSPENDS bool gather(struct s3_request *request, const struct list_query *query, struct list_position position,
                            struct list_page *ret_page, struct error *error)
{
    *ret_page = (struct list_page){.is_truncated = false};
    if (query->entries_max == 0)
        return true;
    if (!ask(request, query, &position, query->entries_max, ret_page, error))
        return false;
    go_on(&position, ret_page);
    drop_reserved(request, ret_page);
    while (ret_page->is_truncated && ret_page->count < query->entries_max && position.after.size > 0) {
        struct list_page more;
        struct list_entry *all = s3_allocate(request, query->entries_max * sizeof *all, error);
        if (all == NULL || !ask(request, query, &position, query->entries_max - ret_page->count, &more, error))
            return false;
        go_on(&position, &more);
        drop_reserved(request, &more);
        if (ret_page->count > 0)
            memcpy(all, ret_page->entries, ret_page->count * sizeof *all);
        if (more.count > 0)
            memcpy(all + ret_page->count, more.entries, more.count * sizeof *all);
        *ret_page = (struct list_page){all, ret_page->count + more.count, more.is_truncated};
    }
    return true;
}

SUSPENDS bool list_page_gather(struct s3_request *request, const struct list_query *query, struct span after,
                               struct list_page *ret_page, struct error *error)
{
    return gather(request, query, (struct list_position){.after = after}, ret_page, error);
}

SUSPENDS bool list_page_gather_versions(struct s3_request *request, const struct list_query *query,
                                        const struct version_position *behind, struct list_page *ret_page,
                                        struct error *error)
{
    const struct list_position position = {
        .is_of_versions = true, .after = behind->key, .version = behind->version, .version_ms = behind->modified_ms};
    return gather(request, query, position, ret_page, error);
}

/* ---- the answer ---- */

void list_write_name(struct s3_document *document, const struct list_query *query, const char *element,
                     struct span name)
{
    if (!query->encodes_url) {
        xml_text(&document->xml, element, name);
        return;
    }
    xml_open(&document->xml, element);
    uri_encode(document->xml.out, name, URI_ENCODE_KEEP_SLASH); /* leaves nothing that XML would escape */
    xml_close(&document->xml);
}

void list_write_query(struct s3_document *document, const struct list_query *query, bool is_truncated)
{
    list_write_name(document, query, "Prefix", query->prefix);
    if (query->delimiter.size > 0)
        list_write_name(document, query, "Delimiter", query->delimiter);
    xml_decimal(&document->xml, "MaxKeys", query->entries_max);
    if (query->encodes_url)
        xml_string(&document->xml, "EncodingType", "url");
    xml_bool(&document->xml, "IsTruncated", is_truncated);
}

void list_write_object(struct s3_document *document, const struct list_query *query, const struct list_entry *entry)
{
    list_write_name(document, query, "Key", entry->key);
    s3_document_date(document, "LastModified", entry->modified_ms);
    s3_document_etag(document, entry->etag);
    if (entry->checksum_algorithm != CHECKSUM_NONE) {
        xml_plain(&document->xml, "ChecksumAlgorithm", span_from_string(checksum_name(entry->checksum_algorithm)));
        xml_plain(&document->xml, "ChecksumType", span_from_string(checksum_type_name(entry->checksum_type)));
    }
    xml_decimal(&document->xml, "Size", entry->original_size);
    if (entry->storage_class.size > 0)
        xml_text(&document->xml, "StorageClass", entry->storage_class);
    else
        xml_plain(&document->xml, "StorageClass", SPAN("STANDARD"));
}

void list_write_contents(struct s3_document *document, const struct s3_request *request, const struct list_query *query,
                         const struct list_page *page)
{
    for (unsigned i = 0; i < page->count; i++) {
        if (page->entries[i].is_prefix)
            continue;
        xml_open(&document->xml, "Contents");
        list_write_object(document, query, &page->entries[i]);
        if (query->shows_owners)
            s3_document_account(document, request, "Owner", s3_owner_shown(request, page->entries[i].owner));
        xml_close(&document->xml);
    }
    list_write_prefixes(document, query, page);
}

void list_write_prefixes(struct s3_document *document, const struct list_query *query, const struct list_page *page)
{
    for (unsigned i = 0; i < page->count; i++) {
        if (!page->entries[i].is_prefix)
            continue;
        xml_open(&document->xml, "CommonPrefixes");
        list_write_name(document, query, "Prefix", page->entries[i].key);
        xml_close(&document->xml);
    }
}
