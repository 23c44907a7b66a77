/* server/s3/list/list_page.h -- what the three ways to list objects share: parameters, a page without reserved names,
 * and the elements of the answer. */
#pragma once

#include "server/s3/answer/answer.h"

struct list_query {
    struct span prefix;
    struct span delimiter;
    unsigned entries_max; /* at most LIST_ENTRIES_MAX, and what is echoed */
    bool encodes_url;     /* encoding-type=url */
    bool shows_owners;
};

/* prefix, delimiter, max-keys, encoding-type. InvalidArgument. */
bool list_query_parse(struct s3_request *request, struct list_query *ret_query, struct error *error);

/* encoding-type alone. */
bool list_encoding_parse(struct s3_request *request, struct list_query *ret_query, struct error *error);

/* One page behind `after`, reserved names left out. Entries live in the request's arena. */
SUSPENDS bool list_page_gather(struct s3_request *request, const struct list_query *query, struct span after,
                               struct list_page *ret_page, struct error *error);

/* Where a page of versions begins: behind this version of the key; empty: behind all of them. */
struct version_position {
    struct span key;
    struct span version;
    int64_t modified_ms; /* when that version was made; 0: not known (version_list_request) */
};
/* The same of versions. */
SUSPENDS bool list_page_gather_versions(struct s3_request *request, const struct list_query *query,
                                        const struct version_position *behind, struct list_page *ret_page,
                                        struct error *error);

/* A key, prefix, marker or delimiter as the client wants it: encoded or as it is. */
void list_write_name(struct s3_document *document, const struct list_query *query, const char *element,
                     struct span name);
/* Prefix, Delimiter (when given), MaxKeys, EncodingType (when given), IsTruncated. */
void list_write_query(struct s3_document *document, const struct list_query *query, bool is_truncated);
/* The children of Contents and Version: Key, LastModified, ETag, Size, checksum, StorageClass. */
void list_write_object(struct s3_document *document, const struct list_query *query, const struct list_entry *entry);
/* Contents ... of all keys, then CommonPrefixes. */
void list_write_contents(struct s3_document *document, const struct s3_request *request, const struct list_query *query,
                         const struct list_page *page);
void list_write_prefixes(struct s3_document *document, const struct list_query *query, const struct list_page *page);

/* The position of a page's end. */
static inline struct span list_page_last(const struct list_page *page)
{
    return page->count > 0 ? page->entries[page->count - 1].key : SPAN_EMPTY;
}
