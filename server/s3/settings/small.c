/* server/s3/settings/small.c -- settings that are a word: request payment, acceleration. */
#include "server/s3/settings/small.h"

#include "s3client/wire/s3_error.h"

static bool refuse_schema(struct error *error, const char *why)
{
    return error_set(error, ERROR_INVALID, S3_MalformedXML, "%s", why);
}

/* The text of the one element that the root must hold. */
static bool take_word(const struct xml_element *root, const char *root_name, const char *name, struct span *ret_word,
                      struct error *error)
{
    struct xml_field field = {name, 1, 1};
    if (!xml_tree_expect_root(root, root_name, error) || !xml_tree_sort(root, &field, 1, error))
        return false;
    *ret_word = field.first->text;
    return true;
}

/* ---- RequestPaymentConfiguration ---- */

bool payment_parse(const struct xml_element *root, bool *ret_is_requester, struct error *error)
{
    struct span payer;
    if (!take_word(root, "RequestPaymentConfiguration", "Payer", &payer, error))
        return false;
    *ret_is_requester = span_equal(payer, SPAN("Requester"));
    return *ret_is_requester || span_equal(payer, SPAN("BucketOwner")) ||
           refuse_schema(error, "Payer is BucketOwner or Requester.");
}

void payment_render(bool is_requester, struct buffer *to)
{
    struct xml_writer xml;
    document_begin(&xml, to, "RequestPaymentConfiguration");
    xml_string(&xml, "Payer", is_requester ? "Requester" : "BucketOwner");
    document_end(&xml);
}

bool payment_compile(const struct bucket_info *bucket, struct span document, struct arena *arena,
                     const void **ret_payment, struct error *error)
{
    static const bool requester = true;
    const struct xml_element *root;
    bool is_requester;
    (void)bucket;
    if (!xml_tree_parse(document, arena, &root, error) || !payment_parse(root, &is_requester, error))
        return false;
    *ret_payment = is_requester ? &requester : NULL;
    return true;
}

/* ---- AccelerateConfiguration ---- */

bool accelerate_parse(const struct xml_element *root, struct error *error)
{
    struct span status;
    if (!take_word(root, "AccelerateConfiguration", "Status", &status, error))
        return false;
    if (span_equal(status, SPAN("Enabled")))
        return error_set(error, ERROR_UNSUPPORTED, S3_NotImplemented,
                         "There is no edge through which transfers could be accelerated.");
    return span_equal(status, SPAN("Suspended")) || refuse_schema(error, "Status is Enabled or Suspended.");
}

void accelerate_render(struct buffer *to)
{
    struct xml_writer xml;
    document_begin(&xml, to, "AccelerateConfiguration");
    xml_string(&xml, "Status", "Suspended");
    document_end(&xml);
}
