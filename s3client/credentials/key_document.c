/* s3client/credentials/key_document.c -- one JSON object by json-c, its texts checked. */
#include "s3client/credentials/key_document.h"

#include <json-c/json.h>
#include <stdio.h>
#include <string.h>

/* NULL: it is no JSON object, or there is something behind it. */
static struct json_object *parse(struct span text)
{
    struct span json = keys_trim(text);
    if (json.size == 0 || json.size > KEY_DOCUMENT_BYTES_MAX)
        return NULL;
    struct json_tokener *tokener = json_tokener_new_ex(KEY_DOCUMENT_DEPTH_MAX);
    if (tokener == NULL)
        return NULL;
    struct json_object *object = json_tokener_parse_ex(tokener, (const char *)json.data, (int)json.size);
    bool is_whole = json_tokener_get_error(tokener) == json_tokener_success &&
                    json_tokener_get_parse_end(tokener) == json.size && json_object_is_type(object, json_type_object);
    json_tokener_free(tokener);
    if (is_whole)
        return object;
    json_object_put(object);
    return NULL;
}

/* Empty: there is no such member, or it is no text. Lives as long as the object. */
static struct span text_of(struct json_object *object, const char *name)
{
    struct json_object *member;
    if (!json_object_object_get_ex(object, name, &member) || !json_object_is_type(member, json_type_string))
        return SPAN_EMPTY;
    return span_of(json_object_get_string(member), (size_t)json_object_get_string_len(member));
}

static bool is_version_1(struct json_object *object)
{
    struct json_object *version;
    return json_object_object_get_ex(object, "Version", &version) && json_object_is_type(version, json_type_int) &&
           json_object_get_int(version) == 1;
}

static void describe(struct json_object *object, char *ret_text, size_t capacity)
{
    char code[64];
    char message[128];
    struct span code_text = text_of(object, "Code");
    struct span message_text = text_of(object, "Message");
    keys_quote(code_text.size > 0 ? code_text : text_of(object, "code"), code, sizeof code);
    keys_quote(message_text.size > 0 ? message_text : text_of(object, "message"), message, sizeof message);
    (void)snprintf(ret_text, capacity, "%s%s%s", code, code[0] != '\0' && message[0] != '\0' ? ": " : "", message);
}

void key_document_describe_refusal(struct span json, char *ret_text, size_t capacity)
{
    struct json_object *object = parse(json);
    ret_text[0] = '\0';
    if (object != NULL)
        describe(object, ret_text, capacity);
    if (ret_text[0] == '\0')
        keys_quote(span_take(json, 80), ret_text, capacity);
    json_object_put(object);
}

static bool is_refusal(struct json_object *object, enum key_document_kind kind)
{
    if (kind == KEY_DOCUMENT_PROCESS)
        return false;
    if (kind == KEY_DOCUMENT_INSTANCE && !span_equal(text_of(object, "Code"), SPAN("Success")))
        return true;
    return text_of(object, "AccessKeyId").size == 0 && text_of(object, "code").size + text_of(object, "Code").size > 0;
}

bool key_document_read(struct span json, enum key_document_kind kind, struct keys *ret_keys, struct error *error)
{
    struct json_object *object = parse(json);
    if (object == NULL)
        return error_set(error, ERROR_INVALID, NULL, "the answer is no JSON object of at most 64 KiB");
    bool done;
    if (is_refusal(object, kind)) {
        char refusal[200];
        describe(object, refusal, sizeof refusal);
        done = error_set(error, ERROR_DENIED, NULL, "it answers \"%s\"", refusal);
    } else if (kind == KEY_DOCUMENT_PROCESS && !is_version_1(object)) {
        done = error_set(error, ERROR_UNSUPPORTED, NULL, "the answer does not say \"Version\": 1");
    } else {
        const char *token = kind == KEY_DOCUMENT_PROCESS ? "SessionToken" : "Token";
        done = keys_set(ret_keys, text_of(object, "AccessKeyId"), text_of(object, "SecretAccessKey"),
                        text_of(object, token), error) &&
               keys_set_expiration(ret_keys, text_of(object, "Expiration"), error);
    }
    json_object_put(object);
    return done;
}
