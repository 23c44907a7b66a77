/* server/maintenance/request.c -- members of a document, each of one kind. */
#include "server/maintenance/request.h"

#include <json-c/json.h>
#include <stdlib.h>
#include <string.h>

enum { DEPTH_MAX = 4, LEVEL = 1, LEVEL_LEAST = -7, LEVEL_MOST = 19 };

static const struct {
    const char *name;
    enum json_type type;
} MEMBERS[] = {{"policy", json_type_string},   {"policy_name", json_type_string}, {"prices", json_type_string},
               {"execute", json_type_boolean}, {"force", json_type_boolean},      {"log", json_type_boolean},
               {"zstd_level", json_type_int},  {"columns", json_type_string},     {"pace", json_type_int}};
enum { MEMBERS_COUNT = sizeof MEMBERS / sizeof MEMBERS[0] };

static bool is_member(const char *name, enum json_type type)
{
    for (unsigned i = 0; i < MEMBERS_COUNT; i++) {
        if (strcmp(MEMBERS[i].name, name) == 0)
            return MEMBERS[i].type == type;
    }
    return false;
}

static struct json_object *parse(struct span text)
{
    struct json_tokener *tokener = json_tokener_new_ex(DEPTH_MAX);
    if (tokener == NULL)
        return NULL;
    json_tokener_set_flags(tokener, JSON_TOKENER_STRICT);
    struct json_object *document = json_tokener_parse_ex(tokener, (const char *)text.data, (int)text.size);
    bool is_whole =
        json_tokener_get_error(tokener) == json_tokener_success && json_tokener_get_parse_end(tokener) == text.size;
    json_tokener_free(tokener);
    if (is_whole && json_object_is_type(document, json_type_object))
        return document;
    json_object_put(document);
    return NULL;
}

static struct span text_of(struct json_object *document, const char *name)
{
    struct json_object *member;
    if (!json_object_object_get_ex(document, name, &member))
        return SPAN_EMPTY;
    return span_of(json_object_get_string(member), (size_t)json_object_get_string_len(member));
}

static bool flag_of(struct json_object *document, const char *name)
{
    struct json_object *member;
    return json_object_object_get_ex(document, name, &member) && json_object_get_boolean(member);
}

static bool check_members(struct json_object *document, struct error *error)
{
    json_object_object_foreach(document, name, value)
    {
        if (!is_member(name, json_object_get_type(value)))
            return error_set(error, ERROR_INVALID, NULL,
                             "the request has %.40s, which is not known, or of another kind", name);
    }
    return true;
}

static bool read_settings(struct json_object *document, struct maintenance_request *request, struct error *error)
{
    static const char *const COLUMNS[] = {
        [CONFIG_COLUMNS_AUTO] = "auto", [CONFIG_COLUMNS_ON] = "on", [CONFIG_COLUMNS_OFF] = "off"};
    struct json_object *level;
    struct json_object *pace;
    struct span columns = text_of(document, "columns");
    struct span name = span_take(text_of(document, "policy_name"), sizeof request->name - 1);
    if (name.size > 0)
        memcpy(request->name, name.data, name.size);
    request->executes = flag_of(document, "execute");
    request->is_forced = flag_of(document, "force");
    request->is_logged = flag_of(document, "log");
    request->level =
        json_object_object_get_ex(document, "zstd_level", &level) ? (int)json_object_get_int(level) : LEVEL;
    if (request->level < LEVEL_LEAST || request->level > LEVEL_MOST)
        return error_set(error, ERROR_INVALID, NULL, "zstd_level is from %d to %d", LEVEL_LEAST, LEVEL_MOST);
    int64_t bytes = json_object_object_get_ex(document, "pace", &pace) ? json_object_get_int64(pace) : 0;
    if (bytes < 0 || bytes > MAINTENANCE_PACE_MAX)
        return error_set(error, ERROR_INVALID, NULL, "pace is from 0 to %lld", (long long)MAINTENANCE_PACE_MAX);
    request->pace = (uint64_t)bytes;
    for (unsigned i = 0; i < sizeof COLUMNS / sizeof COLUMNS[0]; i++) {
        if (span_equal(columns, span_from_string(COLUMNS[i])) || columns.size == 0) {
            request->columns = (enum config_columns)i;
            return true;
        }
    }
    return error_set(error, ERROR_INVALID, NULL, "columns is auto, on or off");
}

/* All errors of the policy go into one sentence, as far as there is room. */
static bool read_policy(struct json_object *document, struct maintenance_request *request, struct error *error)
{
    char *said = NULL;
    size_t size = 0;
    FILE *errors = open_memstream(&said, &size);
    if (errors == NULL)
        return error_set(error, ERROR_BUSY, NULL, "no memory");
    bool done = policy_parse(request->name, text_of(document, "policy"), &request->policy, errors, error);
    (void)fclose(errors);
    if (!done && size > 0)
        (void)error_set(error, ERROR_INVALID, NULL, "%s", said);
    free(said);
    return done;
}

static bool read_prices(struct json_object *document, struct maintenance_request *request, struct error *error)
{
    struct span text = text_of(document, "prices");
    return text.size == 0 ? prices_load(NULL, &request->prices, error)
                          : prices_parse("prices", text, &request->prices, error);
}

bool maintenance_request_read(struct span text, struct maintenance_request *ret_request, struct error *error)
{
    *ret_request = (struct maintenance_request){.name = "policy"};
    if (text.size > MAINTENANCE_REQUEST_BYTES_MAX)
        return error_set(error, ERROR_TOO_LARGE, NULL, "the request is too large");
    struct json_object *document = parse(text);
    if (document == NULL)
        return error_set(error, ERROR_INVALID, NULL, "the request is no object of JSON");
    bool done = check_members(document, error) && read_settings(document, ret_request, error) &&
                read_policy(document, ret_request, error) && read_prices(document, ret_request, error);
    json_object_put(document);
    if (!done)
        maintenance_request_free(ret_request);
    return done;
}

void maintenance_request_free(struct maintenance_request *request)
{
    policy_free(&request->policy);
}
