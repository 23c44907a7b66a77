/* server/s3/request/tag_header.c -- tags as a query: names and values in the coding of forms. */
#include "server/s3/request/tag_header.h"

#include "runtime/base/utf8.h"
#include "s3client/wire/s3_error.h"
#include "s3client/wire/uri.h"

static bool refuse_header(struct s3_request *request, struct span header, struct error *error)
{
    return s3_refuse_argument(request, "x-amz-tagging", header,
                              "The header 'x-amz-tagging' shall be encoded as UTF-8 then URLEncoded URL query "
                              "parameters without tag name duplicates.",
                              error);
}

static bool decode(struct s3_request *request, struct span encoded, struct span *ret_text, struct error *error)
{
    uint8_t *text = s3_allocate(request, encoded.size + 1, error);
    size_t size;
    if (text == NULL || !uri_decode_form(encoded, text, &size))
        return false;
    *ret_text = span_of(text, size);
    return utf8_is_valid(*ret_text);
}

bool tag_header_take(struct s3_request *request, struct tag_list *tags, struct error *error)
{
    struct span header;
    size_t position = 0;
    struct span encoded_key;
    struct span encoded_value;
    bool has_value;
    if (!s3_request_header(request, "x-amz-tagging", &header))
        return true;
    while (uri_query_next(header, &position, &encoded_key, &encoded_value, &has_value)) {
        struct span key;
        struct span value;
        if (!decode(request, encoded_key, &key, error) || !decode(request, encoded_value, &value, error) ||
            key.size == 0 || tags_have_key(tags, key))
            return refuse_header(request, header, error);
        if (!tags_add(tags, key, value, error))
            return false;
    }
    return true;
}
