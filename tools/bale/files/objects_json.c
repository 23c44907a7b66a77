/* tools/bale/files/objects_json.c -- objects.json through json-c. */
#include "tools/bale/files/objects_json.h"

#include "runtime/base/assert.h"

#include <errno.h>
#include <fcntl.h>
#include <json-c/json.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { PATH_BYTES = 1024, KEY_BYTES = 1200 };

#define USER_PREFIX "x-amz-meta-"

struct objects_json {
    struct json_object *root;
    struct json_object *objects;
};

/* ---- reading ---- */

static struct span text_of(struct json_object *object, const char *name)
{
    struct json_object *value;
    if (!json_object_object_get_ex(object, name, &value) || !json_object_is_type(value, json_type_string))
        return SPAN_EMPTY;
    return span_of(json_object_get_string(value), (size_t)json_object_get_string_len(value));
}

bool objects_json_load(const char *folder, struct objects_json **ret_list, struct error *error)
{
    char path[PATH_BYTES];
    (void)snprintf(path, sizeof path, "%s/objects.json", folder);
    struct json_object *root = json_object_from_file(path);
    struct json_object *objects;
    if (root == NULL)
        return error_set(error, ERROR_INVALID, NULL, "%s", json_util_get_last_err());
    if (!json_object_object_get_ex(root, "objects", &objects) || !json_object_is_type(objects, json_type_object)) {
        json_object_put(root);
        return error_set(error, ERROR_INVALID, NULL, "%s: there is no table \"objects\" in it", path);
    }
    struct objects_json *list = malloc(sizeof *list);
    ASSERT(list != NULL);
    *list = (struct objects_json){root, objects};
    *ret_list = list;
    return true;
}

void objects_json_free(struct objects_json *list)
{
    json_object_put(list->root);
    free(list);
}

struct span objects_json_bucket(const struct objects_json *list)
{
    return text_of(list->root, "bucket");
}

static bool read_entry(const char *key, struct json_object *fields, struct objects_entry *ret_entry,
                       struct error *error)
{
    struct json_object *size;
    *ret_entry = (struct objects_entry){
        .key = span_from_string(key),
        .file = text_of(fields, "file"),
        .stored_sha256 = text_of(fields, "stored_sha256"),
        .backend_etag = text_of(fields, "backend_etag"),
        .fields = fields,
    };
    if (ret_entry->file.size == 0 || span_find(ret_entry->file, '/') != SIZE_MAX)
        return error_set(error, ERROR_INVALID, NULL, "objects.json: %.80s: \"file\" must name a file of the folder",
                         key);
    if (!json_object_object_get_ex(fields, "stored_size", &size) || !json_object_is_type(size, json_type_int) ||
        json_object_get_int64(size) < 0)
        return error_set(error, ERROR_INVALID, NULL, "objects.json: %.80s: \"stored_size\" must be a number", key);
    ret_entry->stored_size = (uint64_t)json_object_get_int64(size);
    return true;
}

bool objects_json_each(const struct objects_json *list,
                       bool (*each)(const struct objects_entry *entry, void *context, struct error *error),
                       void *context, struct error *error)
{
    struct json_object_iterator at = json_object_iter_begin(list->objects);
    struct json_object_iterator end = json_object_iter_end(list->objects);
    for (; !json_object_iter_equal(&at, &end); json_object_iter_next(&at)) {
        struct objects_entry entry;
        if (!read_entry(json_object_iter_peek_name(&at), json_object_iter_peek_value(&at), &entry, error) ||
            !each(&entry, context, error))
            return false;
    }
    return true;
}

bool objects_json_find(const struct objects_json *list, struct span key, struct objects_entry *ret_entry)
{
    struct json_object *fields;
    struct error error;
    char name[KEY_BYTES];
    if (key.size >= sizeof name)
        return false;
    memcpy(name, key.data, key.size);
    name[key.size] = '\0';
    return json_object_object_get_ex(list->objects, name, &fields) && read_entry(name, fields, ret_entry, &error);
}

/* A table of texts into a list; names get `prefix`. */
static bool append_table(struct json_object *fields, const char *table_name, const char *prefix,
                         bool (*wanted)(struct span name), struct buffer *list, struct error *error)
{
    struct json_object *table;
    if (!json_object_object_get_ex(fields, table_name, &table))
        return true;
    if (!json_object_is_type(table, json_type_object))
        return error_set(error, ERROR_INVALID, NULL, "objects.json: \"%s\" must be a table", table_name);
    json_object_object_foreach(table, name, value)
    {
        char whole[256];
        if (!wanted(span_from_string(name)))
            continue;
        int size = snprintf(whole, sizeof whole, "%s%s", prefix, name);
        struct span text = span_of(json_object_get_string(value), (size_t)json_object_get_string_len(value));
        if (size >= (int)sizeof whole || !metadata_append(list, span_of(whole, (size_t)size), text))
            return error_set(error, ERROR_TOO_LARGE, NULL, "objects.json: the metadata \"%.60s\" is too large", name);
    }
    return true;
}

static bool is_of_s4(struct span name)
{
    return span_starts_with(name, SPAN("s4-"));
}

static bool is_of_user(struct span name)
{
    return !is_of_s4(name);
}

static bool is_any(struct span name)
{
    return name.size != 0;
}

bool objects_entry_metadata(const struct objects_entry *entry, struct buffer *s4, struct buffer *others,
                            struct error *error)
{
    struct span type = text_of(entry->fields, "content_type");
    if (type.size != 0 && !metadata_append(others, SPAN("content-type"), type))
        return error_set(error, ERROR_TOO_LARGE, NULL, "objects.json: the content type is too large");
    return append_table(entry->fields, "metadata", "", is_of_s4, s4, error) &&
           append_table(entry->fields, "headers", "", is_any, others, error) &&
           append_table(entry->fields, "metadata", USER_PREFIX, is_of_user, others, error);
}

/* ---- writing ---- */

static struct json_object *json_text(struct span text)
{
    return json_object_new_string_len((const char *)text.data, (int)text.size);
}

static void add_text(struct json_object *table, struct span name, struct span value)
{
    char key[256];
    (void)snprintf(key, sizeof key, "%.*s", SPAN_FORMAT(name));
    json_object_object_add(table, key, json_text(value));
}

bool objects_writer_open(struct objects_writer *writer, const char *folder, struct span bucket, struct error *error)
{
    char path[PATH_BYTES];
    (void)snprintf(path, sizeof path, "%s/objects.json", folder);
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    *writer = (struct objects_writer){.file = fd >= 0 ? fdopen(fd, "w") : NULL};
    if (writer->file == NULL)
        return error_set_errno(error, errno, "%s", path);
    struct json_object *name = json_text(bucket);
    (void)fprintf(writer->file, "{\n \"bucket\": %s,\n \"objects\": {", json_object_to_json_string(name));
    json_object_put(name);
    return true;
}

/* Splits what a store keeps into the content type, the user's metadata and other headers. */
static void add_others(struct json_object *fields, struct json_object *metadata, struct span others)
{
    struct json_object *headers = json_object_new_object();
    struct span name;
    struct span value;
    for (size_t position = 0; metadata_next(others, &position, &name, &value);) {
        if (span_starts_with(name, SPAN(USER_PREFIX)))
            add_text(metadata, span_skip(name, strlen(USER_PREFIX)), value);
        else if (span_equal(name, SPAN("content-type")))
            json_object_object_add(fields, "content_type", json_text(value));
        else
            add_text(headers, name, value);
    }
    if (json_object_object_length(headers) != 0)
        json_object_object_add(fields, "headers", headers);
    else
        json_object_put(headers);
}

void objects_writer_add(struct objects_writer *writer, const struct objects_entry *entry, struct span s4,
                        struct span others, const struct object_attributes *attributes)
{
    struct json_object *fields = json_object_new_object();
    struct json_object *metadata = json_object_new_object();
    json_object_object_add(fields, "file", json_text(entry->file));
    json_object_object_add(fields, "stored_size", json_object_new_uint64(entry->stored_size));
    json_object_object_add(fields, "stored_sha256", json_text(entry->stored_sha256));
    json_object_object_add(fields, "backend_etag", json_text(entry->backend_etag));
    if (attributes != NULL)
        json_object_object_add(fields, "original_size", json_object_new_uint64(attributes->original_size));
    struct span name;
    struct span value;
    for (size_t position = 0; metadata_next(s4, &position, &name, &value);)
        add_text(metadata, name, value);
    add_others(fields, metadata, others);
    json_object_object_add(fields, "metadata", metadata);

    struct json_object *key = json_text(entry->key);
    (void)fprintf(writer->file, "%s\n  %s: %s", writer->has_entries ? "," : "", json_object_to_json_string(key),
                  json_object_to_json_string_ext(fields, JSON_C_TO_STRING_SPACED));
    json_object_put(key);
    json_object_put(fields);
    writer->has_entries = true;
}

bool objects_writer_close(struct objects_writer *writer, struct error *error)
{
    (void)fprintf(writer->file, "\n }\n}\n");
    bool ok = fflush(writer->file) == 0 && ferror(writer->file) == 0 && fsync(fileno(writer->file)) == 0;
    int reason = errno;
    (void)fclose(writer->file);
    return ok || error_set_errno(error, reason, "objects.json cannot be written");
}
