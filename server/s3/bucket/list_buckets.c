/* server/s3/bucket/list_buckets.c -- GET /: the buckets of who asks. */
#include "runtime/base/decimal.h"
#include "s3client/wire/s3_error.h"
#include "server/s3/answer/answer.h"
#include "server/s3/list/continuation_token.h"
#include "server/s3/operations.h"

enum { BUCKETS_MAX = 10000 };

struct bucket_query {
    struct span prefix;
    struct span after;
    unsigned buckets_max;
    bool is_elsewhere; /* bucket-region names a region that is not ours */
};

static bool parse_query(struct s3_request *request, struct bucket_query *ret_query, struct error *error)
{
    struct span text;
    uint64_t buckets_max = BUCKETS_MAX;
    *ret_query = (struct bucket_query){.buckets_max = BUCKETS_MAX};
    (void)s3_request_parameter(request, "prefix", &ret_query->prefix);
    if (s3_request_parameter(request, "max-buckets", &text) && !decimal_parse_range(text, 1, BUCKETS_MAX, &buckets_max))
        return s3_refuse_argument(request, "max-buckets", text, "max-buckets must be an integer between 1 and 10000.",
                                  error);
    ret_query->buckets_max = (unsigned)buckets_max;
    ret_query->is_elsewhere = s3_request_parameter(request, "bucket-region", &text) && text.size > 0 &&
                              !span_equal(text, span_from_string(request->settings->region));
    if (!s3_request_parameter(request, "continuation-token", &text) || text.size == 0)
        return true;
    uint8_t *name = s3_allocate(request, TOKEN_POSITION_BYTES_MAX, error);
    size_t size;
    if (name == NULL)
        return false;
    if (!continuation_token_read(TOKEN_BUCKETS, text, name, &size))
        return s3_refuse_argument(request, "continuation-token", text, "The continuation token provided is incorrect",
                                  error);
    ret_query->after = span_of(name, size);
    return true;
}

static void write_bucket(struct s3_document *document, const struct s3_request *request,
                         const struct bucket_info *bucket)
{
    xml_open(&document->xml, "Bucket");
    xml_string(&document->xml, "Name", bucket->name);
    s3_document_date(document, "CreationDate", bucket->created_ms);
    xml_string(&document->xml, "BucketRegion", request->settings->region);
    xml_close(&document->xml);
}

static void write_token(struct s3_document *document, struct span last)
{
    struct buffer token;
    buffer_init(&token, 0);
    continuation_token_write(TOKEN_BUCKETS, last, &token);
    xml_text(&document->xml, "ContinuationToken", buffer_span(&token));
    buffer_free(&token);
}

SUSPENDS bool s3_list_buckets(struct s3_request *request, struct error *error)
{
    const char *owner = request->authentication.account->id;
    struct bucket_query query;
    struct bucket_info *buckets = NULL;
    unsigned count = 0;
    bool is_truncated = false;
    if (!parse_query(request, &query, error))
        return false;
    if (!query.is_elsewhere &&
        !bucket_list_buckets(request->settings->store, span_from_string(owner), query.prefix, query.after,
                             query.buckets_max, request->arena, &buckets, &count, &is_truncated, error))
        return false;

    struct s3_document document;
    s3_document_open(&document, "ListAllMyBucketsResult");
    s3_document_owner(&document, request, owner);
    xml_open(&document.xml, "Buckets");
    for (unsigned i = 0; i < count; i++)
        write_bucket(&document, request, &buckets[i]);
    xml_close(&document.xml);
    if (is_truncated && count > 0)
        write_token(&document, span_from_string(buckets[count - 1].name));
    if (query.prefix.size > 0)
        xml_text(&document.xml, "Prefix", query.prefix);
    return s3_document_send(request, &document, error);
}
