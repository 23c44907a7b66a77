/* server/s3/settings/tags.c -- the tags of an object or a bucket: checked one by one on their way in. */
#include "server/s3/settings/tags.h"

#include "runtime/base/utf8.h"
#include "s3client/wire/s3_error.h"
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

bool tags_have_key(const struct tag_list *tags, struct span key)
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
    if (tags_have_key(tags, key))
        return refuse_tag(error, "Cannot provide multiple Tags with the same key");
    if (tags->count == tags->most)
        return error_set(error, ERROR_INVALID, S3_BadRequest, "%s tags cannot be greater than %u",
                         tags->most == OBJECT_TAGS_MAX ? "Object" : "Bucket", tags->most);
    tags->count++;
    return metadata_append(&tags->packed, key, value) ||
           error_set(error, ERROR_TOO_LARGE, S3_InvalidTag, "The tags are too large.");
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

bool tags_parse(struct span document, struct arena *arena, struct tag_list *tags, struct error *error)
{
    const struct xml_element *root;
    return xml_tree_parse(document, arena, &root, error) && tags_take_tree(root, tags, error);
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
