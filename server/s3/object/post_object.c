/* server/s3/object/post_object.c -- POST /bucket: an upload from a web form. Its fields have been read and are the
 * request's headers by now; what is left is what PutObject does, with the file as the body. */
#include "s3client/wire/s3_error.h"
#include "s3client/wire/uri.h"
#include "server/s3/answer/answer.h"
#include "server/s3/body/checksum_headers.h"
#include "server/s3/form/form.h"
#include "server/s3/headers/encryption.h"
#include "server/s3/object/object_put.h"
#include "server/s3/operations.h"

/* ---- the object ---- */

static SUSPENDS bool receive(struct s3_request *request, void *context, struct object_writer *writer,
                             struct object_digest *ret_digest, struct error *error)
{
    return s3_form_receive(request, context, writer, ret_digest, error);
}

static SUSPENDS bool take_tags(struct s3_request *request, struct tag_list *tags, struct error *error)
{
    struct span document;
    return !form_fields_find(&request->form->fields, "tagging", &document) ||
           (s3_authorize_new(request, ACTION_PutObjectTagging, error) &&
            tags_parse(document, request->arena, tags, error));
}

static SUSPENDS bool store(struct s3_request *request, struct object_put *put, struct object_attributes *ret_attributes,
                           struct error *error)
{
    struct checksum_claim claim;
    if (!encryption_take(request, &put->encryption, error) ||
        !checksum_claim_parse(request, CHECKSUM_NONE, &claim, error) || !object_put_take(request, put, error) ||
        !take_tags(request, &put->tags, error))
        return false;
    const struct object_source source = {
        .checksum = claim.algorithm != CHECKSUM_NONE ? claim.algorithm : CHECKSUM_CRC64NVME,
        .receive = receive,
        .context = &claim,
    };
    return object_put_store(request, put, &source, ret_attributes, error);
}

/* ---- the answer ---- */

struct made {
    struct object_put put;
    struct object_attributes attributes;
};

static void append_location(const struct s3_request *request, struct buffer *to)
{
    bool is_path_style = request->path.size > 1;
    buffer_append_string(to, stream_is_secure(request->exchange->stream) ? "https://" : "http://");
    buffer_append(to, request->head->host);
    buffer_append_byte(to, '/');
    if (is_path_style) {
        buffer_append(to, request->bucket);
        buffer_append_byte(to, '/');
    }
    uri_encode(to, request->key, URI_ENCODE_KEEP_SLASH);
}

/* The absolute URL that the browser is sent to when all is well; false: none. */
static bool find_redirect(const struct form_fields *fields, struct span *ret_url)
{
    if (!form_fields_find(fields, "success_action_redirect", ret_url) && !form_fields_find(fields, "redirect", ret_url))
        return false;
    struct span rest = form_name_starts_with(*ret_url, SPAN("https://"))  ? span_skip(*ret_url, 8)
                       : form_name_starts_with(*ret_url, SPAN("http://")) ? span_skip(*ret_url, 7)
                                                                          : SPAN_EMPTY;
    for (size_t i = 0; i < ret_url->size; i++)
        if (ret_url->data[i] <= ' ' || ret_url->data[i] == 0x7f)
            return false;
    return rest.size > 0 && rest.data[0] != '/' && rest.data[0] != '?' && rest.data[0] != '#';
}

/* Statement 575. */
static void append_redirect(const struct s3_request *request, struct span url, const char *etag, struct buffer *to)
{
    size_t fragment = span_find(url, '#');
    struct span page = span_take(url, fragment);
    buffer_append(to, page);
    buffer_append_string(to, span_find(page, '?') == SIZE_MAX ? "?bucket=" : "&bucket=");
    uri_encode(to, request->bucket, URI_ENCODE_ALL);
    buffer_append_string(to, "&key=");
    uri_encode(to, request->key, URI_ENCODE_ALL);
    buffer_append_string(to, "&etag=%22");
    buffer_append_string(to, etag);
    buffer_append_string(to, "%22");
    if (fragment != SIZE_MAX)
        buffer_append(to, span_skip(url, fragment));
}

static SUSPENDS void begin_answer(struct s3_request *request, int status, const struct made *made, struct span location)
{
    s3_answer_begin(request, status);
    object_put_answer(request, &made->put, &made->attributes);
    http_response_field(request->exchange, "Location", location);
}

static SUSPENDS bool answer_document(struct s3_request *request, const struct made *made, struct span location,
                                     struct error *error)
{
    struct s3_document document;
    s3_document_open_bare(&document, "PostResponse");
    xml_text(&document.xml, "Location", location);
    xml_text(&document.xml, "Bucket", request->bucket);
    xml_text(&document.xml, "Key", request->key);
    s3_document_etag(&document, made->attributes.etag);
    begin_answer(request, 201, made, location);
    return s3_document_finish(request, &document, error);
}

static SUSPENDS bool answer(struct s3_request *request, const struct made *made, struct error *error)
{
    const struct form_fields *fields = &request->form->fields;
    struct span url;
    struct span status = SPAN_EMPTY;
    struct buffer location;
    buffer_init(&location, 0);
    bool is_redirected = find_redirect(fields, &url);
    (void)form_fields_find(fields, "success_action_status", &status);
    if (is_redirected)
        append_redirect(request, url, made->attributes.etag, &location);
    else
        append_location(request, &location);
    bool ok;
    if (!is_redirected && span_equal(status, SPAN("201"))) {
        ok = answer_document(request, made, buffer_span(&location), error);
    } else {
        int code = is_redirected ? 303 : span_equal(status, SPAN("200")) ? 200 : 204;
        begin_answer(request, code, made, buffer_span(&location));
        ok = s3_answer_empty(request, error);
    }
    buffer_free(&location);
    return ok;
}

/* ---- the operation ---- */

SUSPENDS bool s3_post_object(struct s3_request *request, struct error *error)
{
    struct s3_form *form = request->form;
    struct made made;
    if (form == NULL)
        return s3_form_check_type(request, error) &&
               error_set(error, ERROR_INVALID, S3_InvalidRequest,
                         "A form is signed by its fields, not by the Authorization header or the query.");
    if (!form_check_bucket(&form->fields, request->bucket, error))
        return false;
    if (form->has_policy && !form_policy_check(&form->policy, &form->fields, request->bucket, request->now_ms, error))
        return false;
    object_put_init(&made.put);
    bool ok = store(request, &made.put, &made.attributes, error) && answer(request, &made, error);
    object_put_free(&made.put);
    return ok;
}
