/* server/s3/form/multipart.c -- a body in multipart/form-data, step by step. */
#include "server/s3/form/multipart.h"

#include "runtime/base/assert.h"
#include "s3client/wire/http_field.h"
#include "s3client/wire/s3_error.h"

static bool refuse(struct error *error, const char *why)
{
    return error_set(error, ERROR_INVALID, S3_MalformedPOSTRequest,
                     "The body of your POST request is not well-formed multipart/form-data: %s.", why);
}

/* ---- header values: a word, then "; name=value" ---- */

static bool is_word(struct span value, struct span word)
{
    struct span first = span_take(value, span_find(value, ';'));
    return span_equal_ignore_case(span_trim(first), word);
}

/* The end of a quoted text that begins behind its first quote; SIZE_MAX: it has none. */
static size_t find_quote(struct span text)
{
    for (size_t i = 0; i < text.size; i++) {
        bool is_escape =
            text.data[i] == '\\' && i + 1 < text.size && (text.data[i + 1] == '"' || text.data[i + 1] == '\\');
        if (is_escape)
            i++;
        else if (text.data[i] == '"')
            return i;
    }
    return SIZE_MAX;
}

/* Takes one "; name=value" off *rest. False: there is no other one. */
static bool next_parameter(struct span *rest, struct span *ret_name, struct span *ret_value)
{
    size_t semicolon = span_find(*rest, ';');
    if (semicolon == SIZE_MAX)
        return false;
    struct span text = span_trim(span_skip(*rest, semicolon + 1));
    size_t equals = span_find(text, '=');
    if (equals == SIZE_MAX)
        return false;
    *ret_name = span_trim(span_take(text, equals));
    text = span_trim(span_skip(text, equals + 1));
    if (text.size == 0 || text.data[0] != '"') {
        *ret_value = span_trim(span_take(text, span_find(text, ';')));
        *rest = span_skip(text, ret_value->size);
        return true;
    }
    text = span_skip(text, 1);
    size_t quote = find_quote(text);
    if (quote == SIZE_MAX)
        return false;
    *ret_value = span_take(text, quote);
    *rest = span_skip(text, quote + 1);
    return true;
}

static bool find_parameter(struct span value, const char *wanted, struct span *ret_value)
{
    struct span name;
    while (next_parameter(&value, &name, ret_value))
        if (span_equal_ignore_case(name, span_from_string(wanted)))
            return true;
    return false;
}

size_t multipart_unquote(struct span text, uint8_t *ret_text)
{
    size_t size = 0;
    for (size_t i = 0; i < text.size; i++) {
        bool is_escape =
            text.data[i] == '\\' && i + 1 < text.size && (text.data[i + 1] == '"' || text.data[i + 1] == '\\');
        ret_text[size++] = text.data[is_escape ? ++i : i];
    }
    return size;
}

/* ---- the beginning ---- */

bool multipart_is_form(struct span content_type)
{
    return is_word(content_type, SPAN("multipart/form-data"));
}

static bool is_boundary(struct span boundary)
{
    for (size_t i = 0; i < boundary.size; i++)
        if (boundary.data[i] < ' ' || boundary.data[i] > '~')
            return false;
    return boundary.size > 0 && boundary.size <= MULTIPART_BOUNDARY_BYTES_MAX;
}

bool multipart_begin(struct multipart *multipart, struct span content_type, struct error *error)
{
    struct span boundary;
    *multipart = (struct multipart){.state = MULTIPART_IN_PREAMBLE};
    if (!find_parameter(content_type, "boundary", &boundary) || !is_boundary(boundary))
        return refuse(error, "its Content-Type names no boundary of 1 to 70 characters");
    memcpy(multipart->delimiter, "\r\n--", 4);
    memcpy(multipart->delimiter + 4, boundary.data, boundary.size);
    multipart->delimiter_size = 4 + boundary.size;
    return true;
}

/* ---- delimiters ---- */

static bool can_follow(const uint8_t *at)
{
    return at[0] == ' ' || at[0] == '\t' || (at[0] == '-' && at[1] == '-') || (at[0] == '\r' && at[1] == '\n');
}

/* The first delimiter, or where one may begin that the window does not hold to its end; else the window's size. */
static size_t find_delimiter(const struct multipart *multipart, struct span window, bool *ret_is_whole)
{
    struct span delimiter = span_of(multipart->delimiter, multipart->delimiter_size);
    *ret_is_whole = false;
    for (size_t at = 0; at < window.size; at++) {
        struct span rest = span_skip(window, at);
        size_t next = span_find(rest, '\r');
        if (next == SIZE_MAX)
            return window.size;
        at += next;
        rest = span_skip(rest, next);
        if (rest.size >= delimiter.size + 2) {
            *ret_is_whole = span_starts_with(rest, delimiter) && can_follow(rest.data + delimiter.size);
            if (*ret_is_whole)
                return at;
        } else if (span_starts_with(rest, span_take(delimiter, rest.size))) {
            return at;
        }
    }
    return window.size;
}

/* ---- steps ---- */

static bool more(bool is_last, struct multipart_step *step, struct error *error)
{
    step->kind = MULTIPART_MORE;
    return !is_last || refuse(error, "it ends in the middle");
}

/* The very first line may be a delimiter without the line end before it. */
static bool step_begin(struct multipart *multipart, struct span window, bool is_last, struct multipart_step *step,
                       struct error *error)
{
    struct span first = span_of(multipart->delimiter + 2, multipart->delimiter_size - 2);
    if (window.size < first.size + 2 && span_starts_with(window, span_take(first, window.size)))
        return more(is_last, step, error);
    multipart->has_begun = true;
    if (window.size >= first.size + 2 && span_starts_with(window, first) && can_follow(window.data + first.size)) {
        multipart->state = MULTIPART_IN_DELIMITER;
        step->used = first.size;
    }
    step->kind = MULTIPART_SKIPPED;
    return true;
}

/* Of the text before the first delimiter, or of a part's content. */
static bool step_to_delimiter(struct multipart *multipart, struct span window, bool is_last,
                              struct multipart_step *step, struct error *error)
{
    bool is_whole;
    bool is_content = multipart->state == MULTIPART_IN_CONTENT;
    size_t at = find_delimiter(multipart, window, &is_whole);
    if (at > 0) {
        step->kind = is_content ? MULTIPART_DATA : MULTIPART_SKIPPED;
        step->data = span_take(window, at);
        step->used = at;
        return true;
    }
    if (!is_whole)
        return more(is_last, step, error);
    multipart->state = MULTIPART_IN_DELIMITER;
    step->kind = is_content ? MULTIPART_PART_END : MULTIPART_SKIPPED;
    step->used = multipart->delimiter_size;
    return true;
}

/* Behind the boundary: "--", or spaces and the line's end. */
static bool step_delimiter(struct multipart *multipart, struct span window, bool is_last, struct multipart_step *step,
                           struct error *error)
{
    if (window.size < 2)
        return more(is_last, step, error);
    if (window.data[0] == ' ' || window.data[0] == '\t') {
        step->kind = MULTIPART_SKIPPED;
        step->used = 1;
        return true;
    }
    if (window.data[0] == '-' && window.data[1] == '-') {
        multipart->state = MULTIPART_AT_END;
        step->kind = MULTIPART_END;
        step->used = 2;
        return true;
    }
    if (window.data[0] != '\r' || window.data[1] != '\n')
        return refuse(error, "a delimiter does not end its line");
    multipart->state = MULTIPART_IN_HEADERS;
    step->kind = MULTIPART_SKIPPED;
    step->used = 2;
    return true;
}

static bool take_header(const struct http_field *field, struct multipart_step *step, bool *has_name,
                        struct error *error)
{
    if (HTTP_NAME_IS(field->name, "content-disposition")) {
        if (*has_name || !is_word(field->value, SPAN("form-data")) ||
            !find_parameter(field->value, "name", &step->name) || step->name.size == 0)
            return refuse(error, "a part has no name");
        if (!find_parameter(field->value, "filename", &step->filename))
            step->filename = SPAN_EMPTY;
        *has_name = true;
    }
    bool is_coded = HTTP_NAME_IS(field->name, "content-transfer-encoding") &&
                    (span_equal_ignore_case(field->value, SPAN("base64")) ||
                     span_equal_ignore_case(field->value, SPAN("quoted-printable")));
    return !is_coded || refuse(error, "a part has a Content-Transfer-Encoding");
}

/* All headers of a part and the empty line behind them. */
static bool step_headers(struct multipart *multipart, struct span window, bool is_last, struct multipart_step *step,
                         struct error *error)
{
    struct span headers = span_take(window, MULTIPART_HEADERS_BYTES_MAX);
    const uint8_t *at = headers.data;
    const uint8_t *end = headers.data + headers.size;
    bool has_name = false;
    for (;;) {
        struct http_field field;
        const char *reason = "";
        enum http_parse parsed = HTTP_PARSE_MORE;
        if (end - at >= 2 && at[0] == '\r' && at[1] == '\n')
            break;
        if (end - at >= 2)
            parsed = http_field_parse(&at, end, &field, &reason);
        if (parsed == HTTP_PARSE_FAILED)
            return refuse(error, "a header of a part is broken");
        if (parsed == HTTP_PARSE_MORE)
            return headers.size < MULTIPART_HEADERS_BYTES_MAX
                       ? more(is_last, step, error)
                       : refuse(error, "a part has more than 4096 bytes of headers");
        if (!take_header(&field, step, &has_name, error))
            return false;
    }
    if (!has_name)
        return refuse(error, "a part has no name");
    multipart->state = MULTIPART_IN_CONTENT;
    step->kind = MULTIPART_PART;
    step->used = (size_t)(at + 2 - headers.data);
    return true;
}

bool multipart_next(struct multipart *multipart, struct span window, bool is_last, struct multipart_step *ret_step,
                    struct error *error)
{
    *ret_step = (struct multipart_step){.kind = MULTIPART_MORE};
    if (!multipart->has_begun)
        return step_begin(multipart, window, is_last, ret_step, error);
    switch (multipart->state) {
    case MULTIPART_IN_PREAMBLE:
    case MULTIPART_IN_CONTENT:
        return step_to_delimiter(multipart, window, is_last, ret_step, error);
    case MULTIPART_IN_DELIMITER:
        return step_delimiter(multipart, window, is_last, ret_step, error);
    case MULTIPART_IN_HEADERS:
        return step_headers(multipart, window, is_last, ret_step, error);
    case MULTIPART_AT_END:
        ret_step->kind = MULTIPART_END;
        return true;
    }
    ASSERT(false);
    return false;
}
