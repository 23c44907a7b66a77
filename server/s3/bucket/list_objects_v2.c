/* server/s3/bucket/list_objects_v2.c -- GET /bucket?list-type=2: objects in byte order, with opaque tokens between
 * pages. */
#include "s3client/wire/s3_error.h"
#include "server/s3/list/continuation_token.h"
#include "server/s3/list/list_page.h"
#include "server/s3/operations.h"

struct list_position {
    struct span after;
    struct span token; /* as given, to be echoed */
    struct span start_after;
    bool has_token;
};

/* A token wins over start-after; an empty one begins at the beginning. */
static bool find_position(struct s3_request *request, struct list_position *ret_position, struct error *error)
{
    *ret_position = (struct list_position){.has_token = false};
    ret_position->has_token = s3_request_parameter(request, "continuation-token", &ret_position->token);
    (void)s3_request_parameter(request, "start-after", &ret_position->start_after);
    ret_position->after = ret_position->has_token ? SPAN_EMPTY : ret_position->start_after;
    if (ret_position->token.size == 0)
        return true;
    uint8_t *key = s3_allocate(request, TOKEN_POSITION_BYTES_MAX, error);
    size_t size;
    if (key == NULL)
        return false;
    if (!continuation_token_read(TOKEN_OBJECTS, ret_position->token, key, &size))
        return s3_refuse_argument(request, "continuation-token", ret_position->token,
                                  "The continuation token provided is incorrect", error);
    ret_position->after = span_of(key, size);
    return true;
}

static void write_tokens(struct s3_document *document, const struct list_query *query,
                         const struct list_position *position, const struct list_page *page)
{
    if (position->has_token)
        xml_text(&document->xml, "ContinuationToken", position->token);
    if (page->is_truncated) {
        struct buffer token;
        buffer_init(&token, 0);
        continuation_token_write(TOKEN_OBJECTS, list_page_last(page), &token);
        xml_text(&document->xml, "NextContinuationToken", buffer_span(&token));
        buffer_free(&token);
    }
    if (position->start_after.size > 0)
        list_write_name(document, query, "StartAfter", position->start_after);
}

SUSPENDS bool s3_list_objects_v2(struct s3_request *request, struct error *error)
{
    struct list_query query;
    struct list_position position;
    struct list_page page;
    struct span type = SPAN_EMPTY;
    struct span fetch_owner = SPAN_EMPTY;
    (void)s3_request_parameter(request, "list-type", &type);
    (void)s3_request_parameter(request, "fetch-owner", &fetch_owner);
    if (!span_equal(type, SPAN("2")))
        return s3_refuse_argument(request, "list-type", type, "Invalid list-type specified in Request", error);
    if (!list_query_parse(request, &query, error) || !find_position(request, &position, error))
        return false;
    query.shows_owners = span_equal_ignore_case(fetch_owner, SPAN("true"));
    if (!list_page_gather(request, &query, position.after, &page, error))
        return false;

    struct s3_document document;
    s3_document_open(&document, "ListBucketResult");
    xml_text(&document.xml, "Name", request->bucket);
    list_write_query(&document, &query, page.is_truncated);
    xml_decimal(&document.xml, "KeyCount", page.count);
    write_tokens(&document, &query, &position, &page);
    list_write_contents(&document, request, &query, &page);
    return s3_document_send(request, &document, error);
}
