/* server/s3/shared/tags.c -- the tags of an object: checked one by one on their way in. */
#include "server/s3/shared/tags.h"

#include "s3client/wire/s3_error.h"
#include "s3client/wire/uri.h"
#include "server/s3/shared/body.h"
#include "store/attributes.h"

void tags_init(struct tag_list *tags)
{
    *tags = (struct tag_list){.count = 0};
    buffer_init(&tags->packed, 0);
}

void tags_free(struct tag_list *tags)
{
    buffer_free(&tags->packed);
}

/* ---- one tag ---- */

/* Letters, digits and spaces of any script, and + - = . _ : / @. Beyond ASCII everything passes. */
static bool is_tag_byte(uint8_t byte)
{
    bool is_letter = (byte | 0x20) >= 'a' && (byte | 0x20) <= 'z';
    bool is_digit = byte >= '0' && byte <= '9';
    return is_letter || is_digit || byte >= 0x80 || (byte != 0 && strchr(" +-=._:/@", byte) != NULL);
}

/* At most so many characters, all of them allowed. */
static bool is_tag_text(struct span text, unsigned characters_max)
{
    unsigned characters = 0;
    while (text.size > 0) {
        size_t bytes = utf8_sequence_bytes(text);
        if (bytes == 0 || !is_tag_byte(text.data[0]) || ++characters > characters_max)
            return false;
        text = span_skip(text, bytes);
    }
    return true;
}

static bool has_key(const struct tag_list *tags, struct span key)
{
    struct span value;
    return metadata_find(buffer_span(&tags->packed), key, &value);
}

static bool refuse_tag(struct error *error, const char *why)
{
    return error_set(error, ERROR_INVALID, S3_InvalidTag, "%s", why);
}

bool tags_add(struct tag_list *tags, struct span key, struct span value, struct error *error)
{
    if (key.size == 0 || !is_tag_text(key, TAG_KEY_CHARACTERS_MAX))
        return refuse_tag(error, "The TagKey you have provided is invalid");
    if (key.size >= 4 && span_equal_ignore_case(span_take(key, 4), SPAN("aws:")))
        return refuse_tag(error, "System tags cannot be added/updated by requester");
    if (!is_tag_text(value, TAG_VALUE_CHARACTERS_MAX))
        return refuse_tag(error, "The TagValue you have provided is invalid");
    if (has_key(tags, key))
        return refuse_tag(error, "Cannot provide multiple Tags with the same key");
    if (tags->count == OBJECT_TAGS_MAX)
        return error_set(error, ERROR_INVALID, S3_BadRequest, "Object tags cannot be greater than 10");
    tags->count++;
    return metadata_append(&tags->packed, key, value) ||
           error_set(error, ERROR_TOO_LARGE, S3_InvalidTag, "The tags are too large.");
}

/* ---- x-amz-tagging ---- */

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

bool tags_take_header(struct s3_request *request, struct tag_list *tags, struct error *error)
{
    struct span header;
    size_t position = 0;
    struct span encoded_key;
    struct span encoded_value;
    bool has_value;
    if (!s3_request_header(request, "x-amz-tagging", &header))
        return true;
    if (!s3_authorize(request, S3_PutObjectTagging, &request->bucket_info, request->key, SPAN_EMPTY, error))
        return false;
    while (uri_query_next(header, &position, &encoded_key, &encoded_value, &has_value)) {
        struct span key;
        struct span value;
        if (!decode(request, encoded_key, &key, error) || !decode(request, encoded_value, &value, error) ||
            key.size == 0 || has_key(tags, key))
            return refuse_header(request, header, error);
        if (!tags_add(tags, key, value, error))
            return false;
    }
    return true;
}

/* ---- the document ---- */

struct tag_document {
    struct s3_request *request;
    struct tag_list *tags;
    struct span key; /* of the Tag that is open */
    struct span value;
    bool has_key;
    bool has_value;
    bool has_set;
};

static bool refuse_document(struct error *error)
{
    return error_set(error, ERROR_INVALID, S3_MalformedXML,
                     "The XML you provided was not well-formed or did not validate against our published schema");
}

static bool open_element(void *context, unsigned depth, struct span element, struct error *error)
{
    static const char *const path[] = {"Tagging", "TagSet", "Tag"};
    struct tag_document *document = context;
    if (depth < sizeof path / sizeof path[0] && !span_equal(element, span_from_string(path[depth])))
        return refuse_document(error);
    if (depth == 1 && document->has_set)
        return refuse_document(error);
    document->has_set = document->has_set || depth == 1;
    if (depth == 2)
        document->has_key = document->has_value = false;
    return true;
}

static bool close_field(struct tag_document *document, struct span element, struct span text, struct error *error)
{
    bool is_key = span_equal(element, SPAN("Key"));
    if (!is_key && !span_equal(element, SPAN("Value")))
        return refuse_document(error);
    bool *has = is_key ? &document->has_key : &document->has_value;
    if (*has)
        return refuse_document(error);
    *has = true;
    struct span copy = s3_copy(document->request, text, error);
    *(is_key ? &document->key : &document->value) = copy;
    return copy.data != NULL;
}

static bool close_element(void *context, unsigned depth, struct span element, struct span text, struct error *error)
{
    struct tag_document *document = context;
    if (depth == 3)
        return close_field(document, element, text, error);
    if (depth != 2)
        return true;
    if (!document->has_key || !document->has_value)
        return refuse_document(error);
    return tags_add(document->tags, document->key, document->value, error);
}

SUSPENDS bool tags_read_document(struct s3_request *request, struct tag_list *tags, struct error *error)
{
    static const struct xml_handlers handlers = {.open = open_element, .close = close_element};
    static const struct document_rules rules = {.bytes_max = S3_DOCUMENT_BYTES_MAX, .needs_checksum = true};
    struct tag_document document = {.request = request, .tags = tags};
    bool is_present;
    if (!s3_read_document(request, &rules, &handlers, &document, &is_present, error))
        return false;
    return document.has_set || refuse_document(error);
}

/* ---- out ---- */

void tags_write(struct s3_document *document, struct span packed)
{
    size_t position = 0;
    struct span key;
    struct span value;
    xml_open(&document->xml, "TagSet");
    while (metadata_next(packed, &position, &key, &value)) {
        xml_open(&document->xml, "Tag");
        xml_text(&document->xml, "Key", key);
        xml_text(&document->xml, "Value", value);
        xml_close(&document->xml);
    }
    xml_close(&document->xml);
}
