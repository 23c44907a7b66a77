/* server/s3/settings/cors.h -- a bucket's CORSConfiguration: which pages of other origins may read its answers.
 *
 * Statements 546 to 548. */
#pragma once

#include "server/s3/settings/document.h"

enum {
    CORS_DOCUMENT_BYTES_MAX = 64 << 10,
    CORS_RULES_MAX = 100,
    CORS_REQUEST_HEADERS_MAX = 100,
    CORS_LIST_BYTES_MAX = 8 << 10, /* methods, or exposed headers, of a rule: they stand in the head of an answer */
};

struct cors_rule {
    bool has_id;
    struct span id;
    struct document_texts allowed_headers; /* each with one "*" at most, as origins have */
    struct document_texts methods;         /* GET, PUT, POST, DELETE, HEAD; never none */
    struct document_texts origins;         /* never none */
    struct document_texts expose_headers;
    bool has_max_age;
    int64_t max_age_seconds;
};

struct cors {
    struct cors_rule *rules;
    unsigned rules_count;
};

/* MalformedXML, InvalidRequest. */
bool cors_parse(const struct xml_element *root, struct arena *arena, struct cors **ret_cors, struct error *error);
void cors_render(const struct cors *cors, struct buffer *to);
bool cors_compile(const struct bucket_info *bucket, struct span document, struct arena *arena, const void **ret_cors,
                  struct error *error);

bool cors_is_method(struct span method);
/* Steps through a list of header names, separated by commas; *position starts at 0. False at the end. */
bool cors_next_header(struct span list, size_t *position, struct span *ret_name);
/* Is each of them a name that a header can have, and are there as many as a request can have? */
bool cors_are_header_names(struct span list);

/* The first rule for that origin, method and headers (a list as above; empty: none); NULL: none. *ret_is_any: the
 * origin is let in by "*" alone. */
const struct cors_rule *cors_match(const struct cors *cors, struct span origin, struct span method, struct span headers,
                                   bool *ret_is_any);
