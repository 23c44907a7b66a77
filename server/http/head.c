/* server/http/head.c -- the parser of a request head: one pass over the bytes. */
#include "server/http/head.h"

#include "runtime/base/decimal.h"

enum { METHOD_BYTES_MAX = 32, BLANK_LINE_BYTES = 2 };

/* What only matters while the fields go by. */
struct field_notes {
    struct error *error;
    bool has_host;
    bool has_transfer_encoding;
    bool has_unknown_coding; /* chunked, and something else before it */
    bool says_close;
    bool says_keep_alive;
};

/* RFC 3986: reg-name, IP literals and the port. No '@': there are no users in a Host. */
static const bool is_host[256] = {
    ['-'] = 1, ['.'] = 1, ['_'] = 1, ['~'] = 1,         ['%'] = 1,         ['!'] = 1,         ['$'] = 1, ['&'] = 1,
    ['('] = 1, [')'] = 1, ['*'] = 1, ['+'] = 1,         [','] = 1,         [';'] = 1,         ['='] = 1, ['\''] = 1,
    [':'] = 1, ['['] = 1, [']'] = 1, ['0' ... '9'] = 1, ['A' ... 'Z'] = 1, ['a' ... 'z'] = 1,
};

static enum http_parse refuse(struct error *error, const char *message)
{
    (void)error_set(error, ERROR_INVALID, HTTP_BAD_REQUEST, "%s", message);
    return HTTP_PARSE_FAILED;
}

static enum http_parse refuse_target(struct error *error, const char *message)
{
    (void)error_set(error, ERROR_INVALID, HTTP_INVALID_URI, "%s", message);
    return HTTP_PARSE_FAILED;
}

static enum http_parse refuse_section(struct error *error)
{
    (void)error_set(error, ERROR_TOO_LARGE, HTTP_SECTION_TOO_LARGE,
                    "Your request header section exceeds the maximum allowed size of %d bytes or %d fields.",
                    HTTP_HEADER_SECTION_BYTES_MAX, HTTP_FIELDS_MAX);
    return HTTP_PARSE_FAILED;
}

static bool is_host_text(struct span text)
{
    for (size_t i = 0; i < text.size; i++) {
        if (!is_host[text.data[i]])
            return false;
    }
    return true;
}

/* ---- the request line ---- */

/* "http://host/path?query" becomes "/path?query", and head->host the host. */
static bool reduce_absolute(struct http_head *head)
{
    struct span target = head->target;
    size_t scheme = 0;
    if (target.size > 7 && HTTP_NAME_IS(span_take(target, 7), "http://"))
        scheme = 7;
    else if (target.size > 8 && HTTP_NAME_IS(span_take(target, 8), "https://"))
        scheme = 8;
    if (scheme == 0)
        return false;
    struct span rest = span_skip(target, scheme);
    size_t slash = span_find(rest, '/');
    head->host = span_take(rest, slash);
    head->target = slash == SIZE_MAX ? SPAN("/") : span_skip(rest, slash);
    return head->host.size > 0 && is_host_text(head->host);
}

static enum http_parse dissect_target(struct http_head *head, struct error *error)
{
    if (head->target.size == 0)
        return refuse(error, "The request line has no target.");
    if (head->target.data[0] != '/' && !reduce_absolute(head))
        return refuse_target(error, "The request target must be a path, or an absolute http URI.");
    size_t mark = span_find(head->target, '?');
    head->path = span_take(head->target, mark);
    head->query = mark == SIZE_MAX ? SPAN_EMPTY : span_skip(head->target, mark + 1);
    if (span_find(head->target, '#') != SIZE_MAX)
        return refuse_target(error, "The request target holds a fragment; '#' in a key is written %23.");
    return HTTP_PARSE_DONE;
}

/* `tail` is what follows the target and its space. */
static enum http_parse parse_version(struct span tail, struct http_head *head, struct error *error)
{
    static const char version[] = "HTTP/1.";
    enum { FIXED = sizeof version - 1, WHOLE = FIXED + sizeof "1\r\n" - 1 };
    size_t known = tail.size < FIXED ? tail.size : FIXED;
    if (memcmp(tail.data, version, known) != 0)
        return refuse(error, "The request line must be: method, one space, target, one space, HTTP/1.1.");
    if (tail.size < WHOLE)
        return HTTP_PARSE_MORE;
    uint8_t minor = tail.data[FIXED];
    if (minor < '0' || minor > '9' || tail.data[FIXED + 1] != '\r' || tail.data[FIXED + 2] != '\n')
        return refuse(error, "The request line does not end after HTTP/1.1.");
    head->minor_version = minor == '0' ? 0 : 1;
    return HTTP_PARSE_DONE;
}

/* Advances *position beyond the line. */
static enum http_parse parse_request_line(const uint8_t **position, const uint8_t *end, struct http_head *head,
                                          struct error *error)
{
    const uint8_t *line = *position;
    const uint8_t *at = line;
    while (at < end && http_is_token[*at])
        at++;
    if (at - line > METHOD_BYTES_MAX || (at < end && (*at != ' ' || at == line)))
        return refuse(error, "The request line does not begin with a method and one space.");
    if (at == end)
        return HTTP_PARSE_MORE;
    head->method = span_of(line, (size_t)(at - line));

    const uint8_t *target = ++at;
    bool is_cut = end - line > HTTP_REQUEST_LINE_BYTES_MAX;
    const uint8_t *limit = is_cut ? line + HTTP_REQUEST_LINE_BYTES_MAX : end;
    at = http_find_control(at, limit, ' ');
    if (at == limit)
        return is_cut ? refuse_target(error, "The request line exceeds its maximum size.") : HTTP_PARSE_MORE;
    if (*at == '\r' || *at == '\n')
        return refuse(error, "The request line has no version.");
    if (*at != ' ')
        return refuse_target(error, "The request target holds a control byte.");
    head->target = span_of(target, (size_t)(at - target));
    enum http_parse outcome = dissect_target(head, error);
    if (outcome != HTTP_PARSE_DONE)
        return outcome;
    at++;
    outcome = parse_version(span_of(at, (size_t)(end - at)), head, error);
    *position = at + sizeof "HTTP/1.1\r\n" - 1;
    return outcome;
}

/* ---- fields that decide how the message is framed ---- */

static enum http_parse note_content_length(struct http_head *head, struct span value, struct error *error)
{
    uint64_t length;
    if (!decimal_parse_range(value, 0, INT64_MAX, &length))
        return refuse(error, "Content-Length is not a number.");
    if (head->has_content_length && head->content_length != length)
        return refuse(error, "There are two Content-Length fields that differ.");
    head->has_content_length = true;
    head->content_length = length;
    return HTTP_PARSE_DONE;
}

static enum http_parse note_transfer_encoding(struct field_notes *notes, struct span value)
{
    if (notes->has_transfer_encoding)
        return refuse(notes->error, "There are two Transfer-Encoding fields.");
    notes->has_transfer_encoding = true;
    size_t before_last = value.size;
    while (before_last > 0 && value.data[before_last - 1] != ',')
        before_last--;
    /* without chunked at the end nobody knows where the body ends (RFC 9112, section 6.3) */
    if (!HTTP_NAME_IS(span_trim(span_skip(value, before_last)), "chunked"))
        return refuse(notes->error, "The last Transfer-Encoding of a request must be chunked.");
    notes->has_unknown_coding = before_last > 0;
    return HTTP_PARSE_DONE;
}

static enum http_parse note_host(struct field_notes *notes, struct http_head *head, struct span value)
{
    if (notes->has_host)
        return refuse(notes->error, "There are two Host fields.");
    notes->has_host = true;
    if (!is_host_text(value))
        return refuse(notes->error, "The Host field is not a host.");
    if (head->host.size > 0 && !span_equal_ignore_case(head->host, value))
        return refuse(notes->error, "The request target and the Host field name different hosts.");
    head->host = value;
    return HTTP_PARSE_DONE;
}

static enum http_parse note_field(struct field_notes *notes, struct http_head *head, const struct http_field *field)
{
    switch (field->name.size) {
    case sizeof "host" - 1:
        if (HTTP_NAME_IS(field->name, "host"))
            return note_host(notes, head, field->value);
        break;
    case sizeof "expect" - 1:
        if (HTTP_NAME_IS(field->name, "expect"))
            head->expects_continue |= HTTP_NAME_IS(field->value, "100-continue");
        break;
    case sizeof "connection" - 1:
        if (HTTP_NAME_IS(field->name, "connection"))
            http_connection_options(field->value, &notes->says_close, &notes->says_keep_alive);
        break;
    case sizeof "content-length" - 1:
        if (HTTP_NAME_IS(field->name, "content-length"))
            return note_content_length(head, field->value, notes->error);
        break;
    case sizeof "transfer-encoding" - 1:
        if (HTTP_NAME_IS(field->name, "transfer-encoding"))
            return note_transfer_encoding(notes, field->value);
        break;
    default:
        break;
    }
    return HTTP_PARSE_DONE;
}

/* All fields are there: do they agree? */
static enum http_parse conclude(const struct field_notes *notes, struct http_head *head, struct error *error)
{
    if (head->minor_version == 1 && !notes->has_host)
        return refuse(error, "An HTTP/1.1 request must have a Host field.");
    if (notes->has_transfer_encoding && head->has_content_length)
        return refuse(error, "Content-Length and Transfer-Encoding exclude each other.");
    if (notes->has_transfer_encoding && head->minor_version == 0)
        return refuse(error, "HTTP/1.0 has no Transfer-Encoding.");
    if (notes->has_unknown_coding) {
        (void)error_set(error, ERROR_UNSUPPORTED, HTTP_NOT_IMPLEMENTED,
                        "The only Transfer-Encoding understood is chunked.");
        return HTTP_PARSE_FAILED;
    }
    if (notes->has_transfer_encoding)
        head->body_kind = HTTP_BODY_CHUNKED;
    else if (head->has_content_length)
        head->body_kind = HTTP_BODY_LENGTH;
    head->keep_alive = !notes->says_close && (head->minor_version == 1 || notes->says_keep_alive);
    head->expects_continue &= head->minor_version == 1;
    return HTTP_PARSE_DONE;
}

/* ---- fields ---- */

/* The header section with the empty line that ends it; `end` is already cut to the section's bound. */
static enum http_parse parse_fields(const uint8_t **position, const uint8_t *end, struct field_notes *notes,
                                    struct http_head *head)
{
    const uint8_t *at = *position;
    for (;;) {
        if (at == end)
            return HTTP_PARSE_MORE;
        if (*at == '\r') {
            if (end - at < 2)
                return HTTP_PARSE_MORE;
            if (at[1] != '\n')
                return refuse(notes->error, "A carriage return stands alone.");
            *position = at + 2;
            return HTTP_PARSE_DONE;
        }
        if (head->fields_count == HTTP_FIELDS_MAX)
            return refuse_section(notes->error);
        struct http_field *field = &head->fields[head->fields_count];
        const char *reason = NULL;
        enum http_parse outcome = http_field_parse(&at, end, field, &reason);
        if (outcome == HTTP_PARSE_FAILED)
            return refuse(notes->error, reason);
        if (outcome == HTTP_PARSE_DONE)
            outcome = note_field(notes, head, field);
        if (outcome != HTTP_PARSE_DONE)
            return outcome;
        head->fields_count++;
        head->names_present |= http_name_bit(field->name);
    }
}

static void clear(struct http_head *head) /* all but the fields, which are many */
{
    head->method = head->target = head->path = head->query = head->host = SPAN_EMPTY;
    head->minor_version = 1;
    head->fields_count = 0;
    head->body_kind = HTTP_BODY_NONE;
    head->has_content_length = false;
    head->content_length = 0;
    head->keep_alive = false;
    head->expects_continue = false;
    head->names_present = 0;
}

enum http_parse http_head_parse(struct span bytes, struct http_head *ret_head, size_t *ret_size, struct error *error)
{
    clear(ret_head);
    if (bytes.size == 0)
        return HTTP_PARSE_MORE;
    const uint8_t *at = bytes.data;
    const uint8_t *end = at + bytes.size;
    if (*at == '\r') { /* one empty line before a request is forgiven (RFC 9112, 2.2) */
        if (end - at < BLANK_LINE_BYTES)
            return HTTP_PARSE_MORE;
        at += at[1] == '\n' ? BLANK_LINE_BYTES : 0;
    }
    enum http_parse outcome = parse_request_line(&at, end, ret_head, error);
    if (outcome != HTTP_PARSE_DONE)
        return outcome;

    bool is_cut = end - at >= HTTP_HEADER_SECTION_BYTES_MAX + BLANK_LINE_BYTES;
    const uint8_t *limit = is_cut ? at + HTTP_HEADER_SECTION_BYTES_MAX + BLANK_LINE_BYTES : end;
    struct field_notes notes = {.error = error};
    outcome = parse_fields(&at, limit, &notes, ret_head);
    if (outcome == HTTP_PARSE_MORE && is_cut)
        return refuse_section(error);
    if (outcome != HTTP_PARSE_DONE)
        return outcome;
    *ret_size = (size_t)(at - bytes.data);
    return conclude(&notes, ret_head, error);
}

/* ---- looking fields up ---- */

static bool may_have(const struct http_head *head, struct span name)
{
    return name.size > 0 && (head->names_present == 0 || (head->names_present & http_name_bit(name)) != 0);
}

bool http_head_find_name(const struct http_head *head, struct span name, struct span *ret_value)
{
    *ret_value = SPAN_EMPTY;
    if (!may_have(head, name))
        return false;
    for (unsigned i = 0; i < head->fields_count; i++) {
        if (http_name_is(head->fields[i].name, name)) {
            *ret_value = head->fields[i].value;
            return true;
        }
    }
    return false;
}

void http_head_wipe(const struct http_head *head, const char *name)
{
    struct span value;
    if (!http_head_find(head, name, &value))
        return;
    for (unsigned i = 0; i < head->fields_count; i++)
        if (span_equal_ignore_case(head->fields[i].name, span_from_string(name)))
            explicit_bzero((void *)(uintptr_t)head->fields[i].value.data, head->fields[i].value.size);
}

unsigned http_head_count(const struct http_head *head, const char *name)
{
    size_t size = strlen(name);
    unsigned count = 0;
    for (unsigned i = 0; may_have(head, span_of(name, size)) && i < head->fields_count; i++)
        count += http_name_is(head->fields[i].name, span_of(name, size));
    return count;
}
