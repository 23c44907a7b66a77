/* server/admin/document.c -- documents of the admin listener, and parameters of those who ask for them. */
#include "server/admin/document.h"

#include "s3client/wire/uri.h"

#include <string.h>
#include <unistd.h>

/* ---- answers ---- */

SUSPENDS void admin_answer_document(struct http_exchange *exchange, int status, struct json_object *document)
{
    struct error error;
    const char *text = json_object_to_json_string_ext(document, JSON_C_TO_STRING_PLAIN);
    http_response_begin(exchange, status);
    http_response_field_string(exchange, "Content-Type", "application/json");
    (void)http_response_finish(exchange, span_from_string(text), &error); /* whoever asked has gone */
    json_object_put(document);
}

SUSPENDS void admin_refuse(struct http_exchange *exchange, int status, const char *sentence)
{
    struct json_object *document = json_object_new_object();
    json_object_object_add(document, "error", json_object_new_string(sentence));
    admin_answer_document(exchange, status, document);
}

static int status_of(const struct error *error)
{
    switch (error->kind) {
    case ERROR_INVALID:
    case ERROR_UNSUPPORTED:
        return 400;
    case ERROR_NOT_FOUND:
        return 404;
    case ERROR_CONFLICT:
        return 409;
    case ERROR_DAMAGED:
    case ERROR_IO:
        return 500;
    default:
        return 503;
    }
}

SUSPENDS void admin_refuse_error(struct http_exchange *exchange, const struct error *error)
{
    admin_refuse(exchange, status_of(error), error->message);
}

void admin_add_text(struct json_object *to, const char *name, struct span text)
{
    json_object_object_add(to, name, json_object_new_string_len((const char *)text.data, (int)text.size));
}

void admin_add_number(struct json_object *to, const char *name, uint64_t number)
{
    json_object_object_add(to, name, json_object_new_int64((int64_t)number));
}

void admin_add_flag(struct json_object *to, const char *name, bool is_set)
{
    json_object_object_add(to, name, json_object_new_boolean(is_set));
}

/* ---- requests ---- */

static bool is_secret(struct span given, const char *secret)
{
    struct span wanted = span_from_string(secret);
    return wanted.size > 0 && span_equal_constant_time(given, wanted);
}

/* Through the socket in the file system, as the user of this process or root. */
static bool is_operator(const struct http_exchange *exchange)
{
    uint32_t user;
    return stream_peer_user(exchange->stream, &user) && (user == 0 || user == geteuid());
}

bool admin_may_change(const struct http_exchange *exchange, const struct admin_view *view)
{
    struct span given;
    if (is_operator(exchange))
        return true;
    struct span scheme = SPAN("Bearer ");
    if (!http_head_find(exchange->head, "authorization", &given) || !span_starts_with(given, scheme))
        return false;
    given = span_skip(given, scheme.size);
    return is_secret(given, view->control_word) || is_secret(given, view->admin_token);
}

SUSPENDS void admin_refuse_stranger(struct http_exchange *exchange)
{
    admin_refuse(exchange, 403,
                 "this needs the word of the file `control` in the server's folder, or the token of --admin-token, as "
                 "Authorization: Bearer; or to come through --admin-socket, as the user of the server");
}

bool admin_find_parameter(const struct http_exchange *exchange, const char *wanted, struct span *ret_value)
{
    struct span name;
    struct span value;
    bool has_value;
    for (size_t position = 0; uri_query_next(exchange->head->query, &position, &name, &value, &has_value);) {
        if (!span_equal(name, span_from_string(wanted)))
            continue;
        uint8_t *text = arena_allocate(exchange->arena, value.size + 1);
        size_t size;
        if (text == NULL || !uri_decode_form(value, text, &size))
            return false;
        *ret_value = span_of(text, size);
        return true;
    }
    return false;
}
