/* server/s3/object/delete_objects.c -- POST /bucket?delete: up to 1000 keys in one document, each with its own result.
 *
 * Nothing is deleted before the whole document was read, verified and found well-formed. */
#include "runtime/base/decimal.h"
#include "s3client/wire/date.h"
#include "s3client/wire/s3_error.h"
#include "server/s3/access_log/request_lines.h"
#include "server/s3/answer/answer.h"
#include "server/s3/body/body.h"
#include "server/s3/headers/locks.h"
#include "server/s3/operations.h"
#include "server/s3/request/conditions.h"
#include "server/s3/request/names.h"
#include "server/s3/rights/authorize.h"

/* One Object element. */
struct doomed {
    struct span key;
    struct span version;
    struct write_condition condition;
    bool has_key;
    bool has_version; /* an empty one is no version, as in a query: the entry is refused */
    bool has_condition;
};

/* The document as it is read. Texts are copied into the request's memory. */
struct delete_list {
    struct s3_request *request;
    struct doomed *objects; /* DELETE_ITEMS_MAX */
    unsigned count;
    bool is_quiet;
};

/* ---- reading the document ---- */

static bool refuse_document(struct error *error, const char *why)
{
    return error_set(error, ERROR_INVALID, S3_MalformedXML,
                     "The XML you provided was not well-formed or did not validate against our published schema: %s.",
                     why);
}

static bool open_element(void *context, unsigned depth, struct span element, struct error *error)
{
    struct delete_list *list = context;
    if (depth == 0 && !span_equal(element, SPAN("Delete")))
        return refuse_document(error, "the root is not Delete");
    if (depth != 1 || !span_equal(element, SPAN("Object")))
        return true;
    if (list->count == DELETE_ITEMS_MAX)
        return refuse_document(error, "more than 1000 objects");
    list->objects[list->count++] = (struct doomed){.has_key = false};
    return true;
}

static bool keep_text(struct delete_list *list, struct span text, struct span *ret_copy, struct error *error)
{
    *ret_copy = s3_copy(list->request, text, error);
    return ret_copy->data != NULL;
}

/* A child of Object. */
static bool close_field(struct delete_list *list, struct span element, struct span text, struct error *error)
{
    struct doomed *object = &list->objects[list->count - 1];
    struct write_condition *condition = &object->condition;
    if (span_equal(element, SPAN("Key"))) {
        object->has_key = true;
        return keep_text(list, text, &object->key, error);
    }
    if (span_equal(element, SPAN("VersionId"))) {
        object->has_version = true;
        return keep_text(list, text, &object->version, error);
    }
    if (span_equal(element, SPAN("ETag"))) {
        object->has_condition = object->has_condition || text.size > 0;
        return keep_text(list, text, &condition->if_match, error);
    }
    if (span_equal(element, SPAN("Size"))) {
        object->has_condition = condition->has_size = true;
        return decimal_parse(text, &condition->size) || refuse_document(error, "Size is not a number");
    }
    if (span_equal(element, SPAN("LastModifiedTime"))) {
        object->has_condition = condition->has_modified = true;
        return date_parse_xml(text, &condition->modified_ms) || date_parse_http(text, &condition->modified_ms) ||
               refuse_document(error, "LastModifiedTime is not a time");
    }
    return true;
}

static bool close_quiet(struct delete_list *list, struct span text, struct error *error)
{
    list->is_quiet = span_equal_ignore_case(text, SPAN("true"));
    return list->is_quiet || span_equal_ignore_case(text, SPAN("false")) ||
           refuse_document(error, "Quiet is neither true nor false");
}

static bool close_element(void *context, unsigned depth, struct span element, struct span text, struct error *error)
{
    struct delete_list *list = context;
    if (depth == 2 && list->count > 0)
        return close_field(list, element, text, error);
    if (depth == 1 && span_equal(element, SPAN("Quiet")))
        return close_quiet(list, span_trim(text), error);
    if (depth == 1 && span_equal(element, SPAN("Object")) && list->objects[list->count - 1].key.size == 0)
        return refuse_document(error, "an object has no key");
    return true;
}

static SUSPENDS bool read_list(struct s3_request *request, struct delete_list *list, struct error *error)
{
    static const struct xml_handlers handlers = {.open = open_element, .close = close_element};
    static const struct document_rules rules = {.bytes_max = S3_DELETE_DOCUMENT_BYTES_MAX, .needs_checksum = true};
    bool is_present;
    list->request = request;
    list->objects = s3_allocate(request, DELETE_ITEMS_MAX * sizeof *list->objects, error);
    if (list->objects == NULL || !s3_read_document(request, &rules, &handlers, list, &is_present, error))
        return false;
    return list->count > 0 || refuse_document(error, "it names no object");
}

/* ---- deleting ---- */

/* What keeps one object from being tried, as the operation of its own would have been refused. */
static SUSPENDS bool check_object(struct s3_request *request, const struct doomed *object, struct error *error)
{
    struct error_details kept = request->details; /* the details of one key are not those of the request */
    bool ok = s3_key_is_allowed(request, object->key, true, error);
    request->details = kept;
    if (ok && object->has_version && !version_id_is_well_formed(object->version))
        ok = error_set(error, ERROR_INVALID, S3_InvalidArgument, "Invalid version id specified");
    const struct s3_target target = {&request->access, object->key, object->version};
    return ok && s3_authorize_action(request, &target, ACTION_DeleteObject, error);
}

/* The objects that may be tried come first in `items`, *ret_tried of them; the others have their error already. */
static SUSPENDS void sort_out(struct s3_request *request, const struct delete_list *list, struct delete_item *items,
                              unsigned *ret_tried)
{
    unsigned tried = 0;
    unsigned refused = list->count;
    for (unsigned i = 0; i < list->count; i++) {
        struct error why;
        const struct doomed *object = &list->objects[i];
        bool may_try = check_object(request, object, &why);
        struct delete_item *item = may_try ? &items[tried++] : &items[--refused];
        *item = (struct delete_item){.key = object->key, .version = object->version};
        if (may_try)
            item->condition = object->has_condition ? &object->condition : NULL;
        if (may_try)
            item->may_bypass_governance = locks_may_bypass(request, object->key, object->version);
        else
            item->error = why;
    }
    *ret_tried = tried;
}

static void write_item(struct xml_writer *xml, const struct delete_item *item, bool is_quiet)
{
    bool is_deleted = s3_is_deleted(item);
    if (is_deleted && is_quiet)
        return;
    xml_open(xml, is_deleted ? "Deleted" : "Error");
    xml_text(xml, "Key", item->key);
    if (item->version.size > 0)
        xml_text(xml, "VersionId", item->version);
    if (is_deleted && item->is_marker) {
        xml_bool(xml, "DeleteMarker", true);
        xml_string(xml, "DeleteMarkerVersionId", item->marker_version);
    }
    if (!is_deleted) {
        const struct s3_error_entry *entry = s3_error_entry_of(&item->error);
        xml_string(xml, "Code", entry->code);
        xml_string(xml, "Message", s3_error_message(&item->error, entry));
    }
    xml_close(xml);
}

SUSPENDS bool s3_delete_objects(struct s3_request *request, struct error *error)
{
    struct delete_list list = {0};
    unsigned tried;
    if (!read_list(request, &list, error))
        return false;
    struct delete_item *items = s3_allocate(request, list.count * sizeof *items, error);
    if (items == NULL)
        return false;
    sort_out(request, &list, items, &tried);
    if (tried > 0 && !bucket_delete_objects(request->settings->store, request->bucket, items, tried, error))
        return false;

    struct s3_document document;
    s3_document_open(&document, "DeleteResult");
    for (unsigned i = 0; i < list.count; i++) {
        write_item(&document.xml, &items[i], list.is_quiet);
        s3_log_deletion(request, &items[i]);
    }
    return s3_document_send(request, &document, error);
}
