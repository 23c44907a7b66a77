/* s3client/operations/buckets.c -- making buckets, where the endpoint's region is. */
#include "runtime/base/assert.h"
#include "s3client/operations/document.h"

#include <string.h>

/* The region that has no name in the document, and is meant where there is none. */
static const struct span nameless = SPAN("us-east-1");

SUSPENDS static bool create(struct s3_client *client, const struct s3_call *call, struct span region,
                            struct s3_answer *ret_answer, struct error *error)
{
    struct document_request asked;
    struct buffer document;
    struct xml_writer writer;
    buffer_init(&document, DOCUMENT_REQUEST_BYTES_MAX);
    document_request_begin(&asked, call, S3_CREATE_BUCKET);
    if (region.size > 0) {
        xml_begin(&writer, &document);
        xml_open_root(&writer, "CreateBucketConfiguration", XML_NAMESPACE_S3);
        xml_text(&writer, "LocationConstraint", region);
        xml_close(&writer);
        xml_end(&writer);
        document_request_body(&asked, buffer_span(&document));
    }
    bool ok = s3_client_call(client, &asked.call, ret_answer, error);
    if (ok)
        s3_answer_close(ret_answer);
    buffer_free(&document);
    return ok;
}

/* The region's name is not what this server calls the place where its buckets are (Ceph). */
static bool is_about_location(const struct s3_answer *answer)
{
    return answer->status == 400 && (strcmp(answer->code, "InvalidLocationConstraint") == 0 ||
                                     strcmp(answer->code, "IllegalLocationConstraintException") == 0);
}

SUSPENDS bool s3_client_create_bucket(struct s3_client *client, const struct s3_call *call, struct span region,
                                      struct s3_answer *ret_answer, struct error *error)
{
    if (span_equal(region, nameless))
        return create(client, call, SPAN_EMPTY, ret_answer, error);
    return create(client, call, region, ret_answer, error) ||
           (is_about_location(ret_answer) && create(client, call, SPAN_EMPTY, ret_answer, error));
}
