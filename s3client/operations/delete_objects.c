/* s3client/operations/delete_objects.c -- DeleteObjects: many keys, each with a result of its own. */
#include "runtime/base/assert.h"
#include "runtime/base/utf8.h"
#include "s3client/operations/document.h"
#include "s3client/wire/s3_error.h"

#include <stdio.h>

/* ---- keys that XML cannot name ---- */

/* XML 1.0 knows no control bytes but three, not even escaped. A document with another character in their place would
 * delete another object. */
static bool can_be_named(struct span key)
{
    if (!utf8_is_valid(key))
        return false;
    for (size_t i = 0; i < key.size; i++) {
        uint8_t byte = key.data[i];
        if (byte < ' ' && byte != '\t' && byte != '\n' && byte != '\r')
            return false;
        /* U+FFFE and U+FFFF */
        if (byte == 0xef && key.size - i >= 3 && key.data[i + 1] == 0xbf && key.data[i + 2] >= 0xbe)
            return false;
    }
    return true;
}

static unsigned write_items(struct buffer *document, struct s3_delete_item *items, unsigned count)
{
    struct xml_writer writer;
    unsigned written = 0;
    xml_begin(&writer, document);
    xml_open_root(&writer, "Delete", XML_NAMESPACE_S3);
    for (unsigned i = 0; i < count; i++) {
        struct s3_delete_item *item = &items[i];
        item->is_deleted = item->is_marker = false;
        item->marker_version[0] = '\0';
        item->error = (struct error){0};
        if (!can_be_named(item->key)) {
            (void)error_set(&item->error, ERROR_UNSUPPORTED, NULL,
                            "the key holds what XML cannot: it can only be deleted alone");
            continue;
        }
        xml_open(&writer, "Object");
        xml_text(&writer, "Key", item->key);
        if (item->version.size > 0)
            xml_text(&writer, "VersionId", item->version);
        if (item->etag.size > 0)
            xml_text(&writer, "ETag", item->etag);
        xml_close(&writer);
        written++;
    }
    xml_close(&writer);
    xml_end(&writer);
    return written;
}

/* ---- results ---- */

struct results {
    struct s3_delete_item *items;
    unsigned count;
    unsigned next; /* results mostly come in the order of the request */
    bool is_deleted;
    struct buffer key;
    struct buffer version;
    struct buffer marker_version;
    bool is_marker;
    struct buffer message;
    char code[S3_CODE_BYTES];
};

static bool open_of_results(void *context, unsigned depth, struct span element, struct error *error)
{
    struct results *results = context;
    (void)error;
    if (depth != 1)
        return true;
    results->is_deleted = document_is(element, "Deleted");
    buffer_clear(&results->key);
    buffer_clear(&results->version);
    buffer_clear(&results->marker_version);
    results->is_marker = false;
    buffer_clear(&results->message);
    results->code[0] = '\0';
    return true;
}

/* The first item of that name that has no result yet. */
static struct s3_delete_item *find_item(struct results *results)
{
    for (unsigned i = 0; i < results->count; i++) {
        unsigned at = (results->next + i) % results->count;
        struct s3_delete_item *item = &results->items[at];
        if (item->is_deleted || item->error.kind != ERROR_NONE || !span_equal(item->key, buffer_span(&results->key)) ||
            (item->version.size > 0 && !span_equal(item->version, buffer_span(&results->version))))
            continue;
        results->next = (at + 1) % results->count;
        return item;
    }
    return NULL;
}

static enum error_kind kind_of_code(const struct s3_error_entry *entry)
{
    if (entry == NULL)
        return ERROR_BUSY;
    switch (entry->status) {
    case 404:
        return ERROR_NOT_FOUND;
    case 409:
    case 412:
        return ERROR_CONFLICT;
    case 403:
        return ERROR_DENIED;
    case 501:
        return ERROR_UNSUPPORTED;
    default:
        return entry->status >= 500 ? ERROR_BUSY : ERROR_INVALID;
    }
}

static void note_marker(struct s3_delete_item *item, const struct results *results)
{
    struct span version = buffer_span(&results->marker_version);
    item->is_marker = results->is_marker;
    if (!item->is_marker || version.size >= sizeof item->marker_version)
        return;
    memcpy(item->marker_version, version.data, version.size);
    item->marker_version[version.size] = '\0';
}

static void end_result(struct results *results)
{
    struct s3_delete_item *item = find_item(results);
    if (item == NULL) /* it was not asked for */
        return;
    item->is_deleted = results->is_deleted;
    if (item->is_deleted) {
        note_marker(item, results);
        return;
    }
    const struct s3_error_entry *entry = s3_error_find(results->code);
    (void)error_set(&item->error, kind_of_code(entry), entry == NULL ? NULL : entry->code, "%s: %.*s", results->code,
                    SPAN_FORMAT(buffer_span(&results->message)));
}

static bool close_of_results(void *context, unsigned depth, struct span element, struct span text, struct error *error)
{
    struct results *results = context;
    (void)error;
    if (depth == 1 && (results->is_deleted || document_is(element, "Error")))
        end_result(results);
    if (depth != 2)
        return true;
    if (document_is(element, "Key"))
        buffer_append(&results->key, text);
    else if (document_is(element, "VersionId"))
        buffer_append(&results->version, text);
    else if (document_is(element, "DeleteMarkerVersionId"))
        buffer_append(&results->marker_version, text);
    else if (document_is(element, "DeleteMarker"))
        results->is_marker = document_is_true(text);
    else if (document_is(element, "Message"))
        buffer_append(&results->message, span_take(text, ERROR_MESSAGE_BYTES));
    else if (document_is(element, "Code"))
        (void)snprintf(results->code, sizeof results->code, "%.*s", SPAN_FORMAT(text));
    return true;
}

SUSPENDS bool document_deleted(struct span document, const struct s3_call *call, struct s3_delete_item *items,
                               unsigned count, struct s3_answer *answer, struct error *error)
{
    static const struct document_kind kind = {"DeleteResult", {.open = open_of_results, .close = close_of_results}};
    struct results results = {.items = items, .count = count};
    bool ok = document_parse(document, call, &kind, &results, answer, error);
    buffer_free(&results.key);
    buffer_free(&results.version);
    buffer_free(&results.marker_version);
    buffer_free(&results.message);
    for (unsigned i = 0; ok && i < count; i++) {
        if (!items[i].is_deleted && items[i].error.kind == ERROR_NONE)
            (void)error_set(&items[i].error, ERROR_DAMAGED, NULL, "the backend's answer does not name the key");
    }
    return ok;
}

SUSPENDS bool s3_client_delete_objects(struct s3_client *client, const struct s3_call *call,
                                       struct s3_delete_item *items, unsigned count, struct s3_answer *ret_answer,
                                       struct error *error)
{
    struct document_request asked;
    struct buffer document;
    struct buffer body;
    bool ok = true;
    ASSERT(count <= S3_DELETE_ITEMS_MAX);
    *ret_answer = (struct s3_answer){0};
    buffer_init(&document, DOCUMENT_REQUEST_BYTES_MAX);
    if (write_items(&document, items, count) > 0) {
        ASSERT(!document.overflow);
        document_request_begin(&asked, call, S3_DELETE_OBJECTS);
        document_request_query(&asked, "delete", SPAN_EMPTY);
        document_request_body(&asked, buffer_span(&document));
        ok = document_fetch(client, &asked.call, &body, ret_answer, error) &&
             document_deleted(buffer_span(&body), &asked.call, items, count, ret_answer, error);
        buffer_free(&body);
    }
    buffer_free(&document);
    return ok;
}
