/* server/access/policy/json.c -- reads JSON by descent; depth and members are bounded, so is the stack. */
#include "server/access/policy/json.h"

#include "runtime/base/assert.h"
#include "runtime/base/utf8.h"

struct reader {
    struct span document;
    size_t at;
    struct arena *nodes;
    struct arena *texts;
    struct error *error;
};

__attribute__((cold)) static bool refuse(const struct reader *reader, const char *what)
{
    return error_set(reader->error, ERROR_INVALID, NULL, "%s at byte %zu", what, reader->at);
}

__attribute__((cold)) static bool refuse_size(const struct reader *reader)
{
    return error_set(reader->error, ERROR_TOO_LARGE, NULL, "the document has too many parts");
}

/* The next byte, or -1 at the end. */
static int peek(const struct reader *reader)
{
    return reader->at < reader->document.size ? reader->document.data[reader->at] : -1;
}

static void skip_space(struct reader *reader)
{
    for (int byte; (byte = peek(reader)) == ' ' || byte == '\t' || byte == '\n' || byte == '\r';)
        reader->at++;
}

static bool take(struct reader *reader, char wanted)
{
    if (peek(reader) != wanted)
        return false;
    reader->at++;
    return true;
}

static bool take_word(struct reader *reader, struct span word)
{
    if (!span_starts_with(span_skip(reader->document, reader->at), word))
        return false;
    reader->at += word.size;
    return true;
}

/* ---- strings ---- */

/* Four hexadecimal digits. */
static bool read_unit(struct reader *reader, uint32_t *ret_unit)
{
    uint32_t unit = 0;
    for (unsigned i = 0; i < 4; i++, reader->at++) {
        int byte = peek(reader);
        if (byte >= '0' && byte <= '9')
            unit = unit << 4 | (uint32_t)(byte - '0');
        else if ((byte | 0x20) >= 'a' && (byte | 0x20) <= 'f' && byte > 0)
            unit = unit << 4 | (uint32_t)((byte | 0x20) - 'a' + 10);
        else
            return refuse(reader, "invalid JSON: \\u without four hexadecimal digits");
    }
    *ret_unit = unit;
    return true;
}

static bool read_character(struct reader *reader, uint32_t *ret_character)
{
    uint32_t low = 0;
    if (!read_unit(reader, ret_character))
        return false;
    if (*ret_character < 0xD800 || *ret_character > 0xDFFF)
        return true;
    if (*ret_character > 0xDBFF || !take_word(reader, SPAN("\\u")) || !read_unit(reader, &low) || low < 0xDC00 ||
        low > 0xDFFF)
        return refuse(reader, "invalid JSON: half of a surrogate pair");
    *ret_character = 0x10000 + ((*ret_character - 0xD800) << 10) + (low - 0xDC00);
    return true;
}

/* An escape of six bytes gives at most three, one of twelve four: decoded text never outgrows its source. */
static uint8_t *put_character(uint8_t *at, uint32_t character)
{
    if (character < 0x80) {
        *at++ = (uint8_t)character;
        return at;
    }
    if (character < 0x800) {
        *at++ = (uint8_t)(0xC0 | character >> 6);
    } else {
        if (character < 0x10000) {
            *at++ = (uint8_t)(0xE0 | character >> 12);
        } else {
            *at++ = (uint8_t)(0xF0 | character >> 18);
            *at++ = (uint8_t)(0x80 | (character >> 12 & 0x3F));
        }
        *at++ = (uint8_t)(0x80 | (character >> 6 & 0x3F));
    }
    *at++ = (uint8_t)(0x80 | (character & 0x3F));
    return at;
}

static bool read_escape(struct reader *reader, uint8_t **at)
{
    static const char letters[] = "\"\\/bfnrt";
    static const char meanings[] = "\"\\/\b\f\n\r\t";
    uint32_t character = 0;
    if (take(reader, 'u')) {
        if (!read_character(reader, &character))
            return false;
        *at = put_character(*at, character);
        return true;
    }
    int byte = peek(reader);
    const char *letter = byte <= 0 ? NULL : strchr(letters, byte);
    if (letter == NULL)
        return refuse(reader, "invalid JSON: unknown escape");
    *(*at)++ = (uint8_t)meanings[letter - letters];
    reader->at++;
    return true;
}

/* From behind the opening quote; `raw` is what stands up to the closing one. */
static bool decode_string(struct reader *reader, struct span raw, struct span *ret_text)
{
    uint8_t *decoded = arena_allocate(reader->texts, raw.size);
    if (decoded == NULL)
        return refuse_size(reader);
    uint8_t *at = decoded;
    size_t end = reader->at + raw.size;
    while (reader->at < end) {
        uint8_t byte = reader->document.data[reader->at++];
        if (byte != '\\')
            *at++ = byte;
        else if (!read_escape(reader, &at))
            return false;
    }
    ASSERT(at <= decoded + raw.size);
    *ret_text = span_of(decoded, (size_t)(at - decoded));
    return true;
}

static bool read_string(struct reader *reader, struct span *ret_text)
{
    if (!take(reader, '"'))
        return refuse(reader, "invalid JSON: no string");
    size_t end = reader->at;
    bool escaped = false;
    for (; end < reader->document.size && reader->document.data[end] != '"'; end++) {
        if (reader->document.data[end] < ' ') {
            reader->at = end;
            return refuse(reader, "invalid JSON: a control character in a string");
        }
        if (reader->document.data[end] == '\\') {
            escaped = true;
            end++; /* whatever it is, it does not end the string */
        }
    }
    if (end >= reader->document.size)
        return refuse(reader, "invalid JSON: a string that does not end");
    *ret_text = span_of(reader->document.data + reader->at, end - reader->at);
    if (escaped && !decode_string(reader, *ret_text, ret_text))
        return false;
    reader->at = end + 1;
    return true;
}

/* ---- numbers ---- */

static bool take_digits(struct reader *reader)
{
    size_t start = reader->at;
    for (int byte; (byte = peek(reader)) >= '0' && byte <= '9';)
        reader->at++;
    return reader->at > start;
}

static bool read_number(struct reader *reader, struct span *ret_text)
{
    size_t start = reader->at;
    bool negative = take(reader, '-');
    if (!take(reader, '0') && !take_digits(reader))
        return refuse(reader, negative ? "invalid JSON: a sign without digits" : "invalid JSON: no value");
    if (take(reader, '.') && !take_digits(reader))
        return refuse(reader, "invalid JSON: no digits behind the point");
    if (take(reader, 'e') || take(reader, 'E')) {
        (void)(take(reader, '+') || take(reader, '-'));
        if (!take_digits(reader))
            return refuse(reader, "invalid JSON: an exponent without digits");
    }
    *ret_text = span_of(reader->document.data + start, reader->at - start);
    return true;
}

/* ---- values ---- */

static bool read_value(struct reader *reader, unsigned depth, struct json_value *value);

static struct json_value *add_child(struct reader *reader, struct json_value *parent, struct json_value *last)
{
    struct json_value *child = arena_allocate(reader->nodes, sizeof *child);
    if (child == NULL)
        return NULL;
    *child = (struct json_value){0};
    if (last == NULL)
        parent->first = child;
    else
        last->next = child;
    parent->count++;
    return child;
}

static bool read_list(struct reader *reader, unsigned depth, struct json_value *list)
{
    skip_space(reader);
    if (take(reader, ']'))
        return true;
    for (struct json_value *last = NULL;;) {
        last = add_child(reader, list, last);
        if (last == NULL)
            return refuse_size(reader);
        if (!read_value(reader, depth, last))
            return false;
        skip_space(reader);
        if (take(reader, ']'))
            return true;
        if (!take(reader, ','))
            return refuse(reader, "invalid JSON: neither \",\" nor \"]\"");
    }
}

static bool read_name(struct reader *reader, const struct json_value *object, struct json_value *member)
{
    struct span name;
    skip_space(reader);
    size_t start = reader->at;
    if (!read_string(reader, &name))
        return false;
    for (const struct json_value *other = object->first; other != member; other = other->next)
        if (span_equal(other->name, name)) {
            reader->at = start;
            return refuse(reader, "invalid JSON: a duplicate name");
        }
    member->name = name;
    skip_space(reader);
    return take(reader, ':') || refuse(reader, "invalid JSON: no \":\"");
}

static bool read_object(struct reader *reader, unsigned depth, struct json_value *object)
{
    skip_space(reader);
    if (take(reader, '}'))
        return true;
    for (struct json_value *last = NULL;;) {
        if (object->count == JSON_MEMBERS_MAX)
            return refuse(reader, "an object with too many members");
        last = add_child(reader, object, last);
        if (last == NULL)
            return refuse_size(reader);
        if (!read_name(reader, object, last) || !read_value(reader, depth, last))
            return false;
        skip_space(reader);
        if (take(reader, '}'))
            return true;
        if (!take(reader, ','))
            return refuse(reader, "invalid JSON: neither \",\" nor \"}\"");
    }
}

static bool read_value(struct reader *reader, unsigned depth, struct json_value *value)
{
    skip_space(reader);
    if (depth == JSON_DEPTH_MAX)
        return refuse(reader, "too many levels of lists and objects");
    size_t start = reader->at;
    if (take(reader, '{')) {
        value->kind = JSON_OBJECT;
        return read_object(reader, depth + 1, value);
    }
    if (take(reader, '[')) {
        value->kind = JSON_LIST;
        return read_list(reader, depth + 1, value);
    }
    if (peek(reader) == '"') {
        value->kind = JSON_STRING;
        return read_string(reader, &value->text);
    }
    if (take_word(reader, SPAN("true")) || take_word(reader, SPAN("false"))) {
        value->kind = JSON_BOOLEAN;
        value->text = span_of(reader->document.data + start, reader->at - start);
        return true;
    }
    if (take_word(reader, SPAN("null"))) {
        value->kind = JSON_NULL;
        return true;
    }
    value->kind = JSON_NUMBER;
    return read_number(reader, &value->text);
}

bool json_parse(struct span document, struct arena *nodes, struct arena *texts, const struct json_value **ret_value,
                struct error *error)
{
    struct reader reader = {.document = document, .nodes = nodes, .texts = texts, .error = error};
    if (peek(&reader) != '{')
        return error_set(error, ERROR_INVALID, NULL, "Policies must be valid JSON and the first byte must be '{'");
    if (!utf8_is_valid(document))
        return error_set(error, ERROR_INVALID, NULL, "invalid JSON: the document is not UTF-8");
    struct json_value *value = arena_allocate(nodes, sizeof *value);
    if (value == NULL)
        return refuse_size(&reader);
    *value = (struct json_value){0};
    if (!read_value(&reader, 0, value))
        return false;
    skip_space(&reader);
    if (reader.at != document.size)
        return refuse(&reader, "invalid JSON: something behind the end");
    *ret_value = value;
    return true;
}

const struct json_value *json_member(const struct json_value *object, const char *name)
{
    ASSERT(object->kind == JSON_OBJECT);
    const struct json_value *member = object->first;
    while (member != NULL && !span_equal(member->name, span_from_string(name)))
        member = member->next;
    return member;
}
