/* s3client/operations/tags.c -- the tags of an object. */
#include "runtime/base/assert.h"
#include "s3client/operations/document.h"

struct tags {
    struct arena *arena;
    struct s3_tag *list;
    unsigned count;
    unsigned capacity;
};

static bool open_of_tags(void *context, unsigned depth, struct span element, struct error *error)
{
    struct tags *tags = context;
    if (depth != 2 || !document_is(element, "Tag"))
        return true;
    tags->list =
        document_add(tags->arena, tags->list, tags->count, &tags->capacity, sizeof *tags->list, S3_TAGS_MAX, error);
    tags->count += tags->list != NULL;
    return tags->list != NULL;
}

static bool close_of_tags(void *context, unsigned depth, struct span element, struct span text, struct error *error)
{
    struct tags *tags = context;
    if (depth != 3 || tags->count == 0)
        return true;
    struct s3_tag *tag = &tags->list[tags->count - 1];
    if (document_is(element, "Key"))
        return document_copy(tags->arena, text, &tag->name, error);
    if (document_is(element, "Value"))
        return document_copy(tags->arena, text, &tag->value, error);
    return true;
}

SUSPENDS bool document_tags(struct span document, const struct s3_call *call, struct arena *arena,
                            struct s3_tag **ret_tags, unsigned *ret_count, struct s3_answer *answer,
                            struct error *error)
{
    static const struct document_kind kind = {"Tagging", {.open = open_of_tags, .close = close_of_tags}};
    struct tags tags = {.arena = arena};
    if (!document_parse(document, call, &kind, &tags, answer, error))
        return false;
    *ret_tags = tags.list;
    *ret_count = tags.count;
    return true;
}

SUSPENDS bool s3_client_get_tags(struct s3_client *client, const struct s3_call *call, struct arena *arena,
                                 struct s3_tag **ret_tags, unsigned *ret_count, struct s3_answer *ret_answer,
                                 struct error *error)
{
    struct document_request asked;
    struct buffer body;
    document_request_begin(&asked, call, S3_GET_TAGS);
    document_request_query(&asked, "tagging", SPAN_EMPTY);
    bool ok = document_fetch(client, &asked.call, &body, ret_answer, error) &&
              document_tags(buffer_span(&body), &asked.call, arena, ret_tags, ret_count, ret_answer, error);
    buffer_free(&body);
    return ok;
}

static void write_tags(struct buffer *document, const struct s3_tag *tags, unsigned count)
{
    struct xml_writer writer;
    xml_begin(&writer, document);
    xml_open_root(&writer, "Tagging", XML_NAMESPACE_S3);
    xml_open(&writer, "TagSet");
    for (unsigned i = 0; i < count; i++) {
        xml_open(&writer, "Tag");
        xml_text(&writer, "Key", tags[i].name);
        xml_text(&writer, "Value", tags[i].value);
        xml_close(&writer);
    }
    xml_close(&writer);
    xml_close(&writer);
    xml_end(&writer);
}

SUSPENDS bool s3_client_put_tags(struct s3_client *client, const struct s3_call *call, const struct s3_tag *tags,
                                 unsigned count, struct s3_answer *ret_answer, struct error *error)
{
    struct document_request asked;
    struct buffer document;
    ASSERT(count <= S3_TAGS_MAX);
    buffer_init(&document, DOCUMENT_REQUEST_BYTES_MAX);
    document_request_begin(&asked, call, count == 0 ? S3_DELETE_TAGS : S3_PUT_TAGS);
    document_request_query(&asked, "tagging", SPAN_EMPTY);
    if (count > 0) {
        write_tags(&document, tags, count);
        document_request_body(&asked, buffer_span(&document));
    }
    bool ok = s3_client_call(client, &asked.call, ret_answer, error);
    if (ok)
        s3_answer_close(ret_answer);
    buffer_free(&document);
    return ok;
}
