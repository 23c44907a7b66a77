/* server/s3/shared/tags.c -- the tags of an object or a bucket: checked one by one on their way in. */
#include "server/s3/shared/tags.h"

#include "s3client/wire/s3_error.h"
#include "s3client/wire/uri.h"
#include "server/s3/shared/authorize.h"
#include "server/s3/shared/body.h"
#include "store/attributes.h"

static void init(struct tag_list *tags, unsigned most)
{
    *tags = (struct tag_list){.most = most};
    buffer_init(&tags->packed, 0);
}

void tags_init(struct tag_list *tags)
{
    init(tags, OBJECT_TAGS_MAX);
}

void tags_init_bucket(struct tag_list *tags)
{
    init(tags, BUCKET_TAGS_MAX);
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
    if (tags->count == tags->most)
        return error_set(error, ERROR_INVALID, S3_BadRequest, "%s tags cannot be greater than %u",
                         tags->most == OBJECT_TAGS_MAX ? "Object" : "Bucket", tags->most);
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

bool tags_parse_header(struct s3_request *request, struct tag_list *tags, struct error *error)
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
            key.size == 0 || has_key(tags, key))
            return refuse_header(request, header, error);
        if (!tags_add(tags, key, value, error))
            return false;
    }
    return true;
}

SUSPENDS bool tags_take_header(struct s3_request *request, struct tag_list *tags, struct error *error)
{
    struct span header;
    return !s3_request_header(request, "x-amz-tagging", &header) ||
           (s3_authorize_new(request, ACTION_PutObjectTagging, error) && tags_parse_header(request, tags, error));
}

/* ---- the document ---- */

bool tags_take_set(const struct xml_element *set, struct tag_list *tags, struct error *error)
{
    struct xml_field tag = {"Tag", 0, UINT32_MAX};
    if (!xml_tree_sort(set, &tag, 1, error))
        return false;
    for (const struct xml_element *element = tag.first; element != NULL; element = xml_tree_next(element)) {
        struct xml_field fields[] = {{"Key", 1, 1}, {"Value", 1, 1}};
        if (!xml_tree_sort(element, fields, 2, error) ||
            !tags_add(tags, fields[0].first->text, fields[1].first->text, error))
            return false;
    }
    return true;
}

bool tags_take_tree(const struct xml_element *root, struct tag_list *tags, struct error *error)
{
    struct xml_field set = {"TagSet", 1, 1};
    return xml_tree_expect_root(root, "Tagging", error) && xml_tree_sort(root, &set, 1, error) &&
           tags_take_set(set.first, tags, error) && xml_tree_expect_known(root, error);
}

bool tags_parse(struct s3_request *request, struct span document, struct tag_list *tags, struct error *error)
{
    const struct xml_element *root;
    return xml_tree_parse(document, request->arena, &root, error) && tags_take_tree(root, tags, error);
}

SUSPENDS bool tags_read_document(struct s3_request *request, struct tag_list *tags, struct error *error)
{
    static const struct document_rules rules = {.bytes_max = S3_DOCUMENT_BYTES_MAX, .needs_checksum = true};
    const struct xml_element *root;
    return s3_read_tree(request, &rules, &root, error) && tags_take_tree(root, tags, error);
}

/* ---- out ---- */

void tags_write(struct xml_writer *xml, struct span packed)
{
    size_t position = 0;
    struct span key;
    struct span value;
    xml_open(xml, "TagSet");
    while (metadata_next(packed, &position, &key, &value)) {
        xml_open(xml, "Tag");
        xml_text(xml, "Key", key);
        xml_text(xml, "Value", value);
        xml_close(xml);
    }
    xml_close(xml);
}

void tags_render(struct span packed, struct buffer *to)
{
    struct xml_writer xml;
    xml_begin(&xml, to);
    xml_open_root(&xml, "Tagging", XML_NAMESPACE_S3);
    tags_write(&xml, packed);
    xml_close(&xml);
    xml_end(&xml);
}
