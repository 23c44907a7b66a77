/* server/s3/bucket/list_objects.c -- GET /bucket: objects in byte order, the first version of the list. */
#include "server/s3/list/list_page.h"
#include "server/s3/operations.h"

SUSPENDS bool s3_list_objects(struct s3_request *request, struct error *error)
{
    struct list_query query;
    struct list_page page;
    struct span marker = SPAN_EMPTY;
    (void)s3_request_parameter(request, "marker", &marker);
    if (!list_query_parse(request, &query, error))
        return false;
    query.shows_owners = true;
    if (!list_page_gather(request, &query, marker, &page, error))
        return false;

    struct s3_document document;
    s3_document_open(&document, "ListBucketResult");
    xml_text(&document.xml, "Name", request->bucket);
    list_write_query(&document, &query, page.is_truncated);
    list_write_name(&document, &query, "Marker", marker);
    if (page.is_truncated && query.delimiter.size > 0)
        list_write_name(&document, &query, "NextMarker", list_page_last(&page));
    list_write_contents(&document, request, &query, &page);
    return s3_document_send(request, &document, error);
}
