/* s3client/http/answer_head.c -- the parser of an answer's head: one pass over the bytes. */
#include "s3client/http/answer_head.h"

#include "runtime/base/decimal.h"

/* What only matters while the fields go by. */
struct field_notes {
    bool has_transfer_encoding;
    bool says_close;
    bool says_keep_alive;
};

static enum http_parse refuse(struct error *error, const char *message)
{
    (void)error_set(error, ERROR_DAMAGED, NULL, "the answer is no HTTP: %s", message);
    return HTTP_PARSE_FAILED;
}

/* ---- "HTTP/1.1 200 OK": the reason may be missing, and its space ---- */

static bool is_digit(uint8_t byte)
{
    return byte >= '0' && byte <= '9';
}

static enum http_parse parse_status_line(const uint8_t **position, const uint8_t *end, struct http_answer_head *head,
                                         struct error *error)
{
    static const char version[] = "HTTP/1.";
    enum { FIXED = sizeof version - 1, WITH_STATUS = FIXED + sizeof "1 200" - 1 };
    const uint8_t *line = *position;
    size_t size = (size_t)(end - line);
    if (memcmp(line, version, size < FIXED ? size : FIXED) != 0)
        return refuse(error, "it does not begin with HTTP/1.1");
    if (size < WITH_STATUS + 1)
        return HTTP_PARSE_MORE;
    const uint8_t *status = line + FIXED + 2;
    uint8_t after = line[WITH_STATUS];
    if (!is_digit(line[FIXED]) || line[FIXED + 1] != ' ' || status[0] < '1' || status[0] > '9' ||
        !is_digit(status[1]) || !is_digit(status[2]) || (after != ' ' && after != '\r'))
        return refuse(error, "its first line has no status");
    head->minor_version = line[FIXED] == '0' ? 0 : 1;
    head->status = (status[0] - '0') * 100 + (status[1] - '0') * 10 + (status[2] - '0');
    const uint8_t *at = line + WITH_STATUS;
    while ((at = http_find_control(at, end, 0x1f)) < end && *at == '\t')
        at++;
    if (end - at < 2 && (at == end || *at == '\r'))
        return HTTP_PARSE_MORE;
    if (end - at < 2 || at[0] != '\r' || at[1] != '\n')
        return refuse(error, "its first line holds a control byte");
    *position = at + 2;
    return HTTP_PARSE_DONE;
}

/* ---- fields that decide how the message is framed ---- */

static enum http_parse note_content_length(struct http_answer_head *head, struct span value, struct error *error)
{
    uint64_t length;
    if (!decimal_parse_range(value, 0, INT64_MAX, &length))
        return refuse(error, "its Content-Length is not a number");
    if (head->has_content_length && head->content_length != length)
        return refuse(error, "it has two Content-Length fields that differ");
    head->has_content_length = true;
    head->content_length = length;
    return HTTP_PARSE_DONE;
}

static enum http_parse note_field(struct field_notes *notes, struct http_answer_head *head,
                                  const struct http_field *field, struct error *error)
{
    switch (field->name.size) {
    case sizeof "connection" - 1:
        if (HTTP_NAME_IS(field->name, "connection"))
            http_connection_options(field->value, &notes->says_close, &notes->says_keep_alive);
        break;
    case sizeof "content-length" - 1:
        if (HTTP_NAME_IS(field->name, "content-length"))
            return note_content_length(head, field->value, error);
        break;
    case sizeof "transfer-encoding" - 1:
        if (!HTTP_NAME_IS(field->name, "transfer-encoding"))
            break;
        if (notes->has_transfer_encoding || !HTTP_NAME_IS(field->value, "chunked"))
            return refuse(error, "its Transfer-Encoding is not chunked");
        notes->has_transfer_encoding = true;
        break;
    default:
        break;
    }
    return HTTP_PARSE_DONE;
}

/* RFC 9112, section 6.3. */
static enum http_parse conclude(const struct field_notes *notes, bool is_to_head, struct http_answer_head *head,
                                struct error *error)
{
    if (notes->has_transfer_encoding && head->has_content_length)
        return refuse(error, "it has both Content-Length and Transfer-Encoding");
    if (notes->has_transfer_encoding && head->minor_version == 0)
        return refuse(error, "HTTP/1.0 has no Transfer-Encoding");
    head->keep_alive = !notes->says_close && (head->minor_version == 1 || notes->says_keep_alive);
    if (is_to_head || head->status < 200 || head->status == 204 || head->status == 304)
        head->body_kind = HTTP_ANSWER_NO_BODY;
    else if (notes->has_transfer_encoding)
        head->body_kind = HTTP_ANSWER_CHUNKED;
    else if (head->has_content_length)
        head->body_kind = head->content_length > 0 ? HTTP_ANSWER_LENGTH : HTTP_ANSWER_NO_BODY;
    else {
        head->body_kind = HTTP_ANSWER_UNTIL_CLOSE;
        head->keep_alive = false;
    }
    return HTTP_PARSE_DONE;
}

/* ---- the whole ---- */

static enum http_parse parse_fields(const uint8_t **position, const uint8_t *end, struct field_notes *notes,
                                    struct http_answer_head *head, struct error *error)
{
    const uint8_t *at = *position;
    for (;;) {
        if (end - at < 2 && (at == end || *at == '\r'))
            return HTTP_PARSE_MORE;
        if (*at == '\r') {
            *position = at + 2;
            return at[1] == '\n' ? HTTP_PARSE_DONE : refuse(error, "a carriage return stands alone");
        }
        if (head->fields_count == HTTP_ANSWER_FIELDS_MAX)
            return refuse(error, "it has too many header fields");
        struct http_field *field = &head->fields[head->fields_count];
        const char *reason = NULL;
        enum http_parse outcome = http_field_parse(&at, end, field, &reason);
        if (outcome == HTTP_PARSE_FAILED)
            return refuse(error, reason);
        if (outcome == HTTP_PARSE_DONE)
            outcome = note_field(notes, head, field, error);
        if (outcome != HTTP_PARSE_DONE)
            return outcome;
        head->fields_count++;
        head->names_present |= http_name_bit(field->name);
    }
}

static void clear(struct http_answer_head *head) /* all but the fields, which are many */
{
    head->status = 0;
    head->minor_version = 1;
    head->fields_count = 0;
    head->names_present = 0;
    head->body_kind = HTTP_ANSWER_NO_BODY;
    head->has_content_length = false;
    head->content_length = 0;
    head->keep_alive = false;
}

enum http_parse http_answer_head_parse(struct span bytes, bool is_to_head, struct http_answer_head *ret_head,
                                       size_t *ret_size, struct error *error)
{
    struct field_notes notes = {0};
    clear(ret_head);
    if (bytes.size == 0)
        return HTTP_PARSE_MORE;
    bool is_cut = bytes.size >= HTTP_ANSWER_HEAD_BYTES_MAX;
    struct span within = span_take(bytes, HTTP_ANSWER_HEAD_BYTES_MAX);
    const uint8_t *at = within.data;
    const uint8_t *end = at + within.size;
    enum http_parse outcome = parse_status_line(&at, end, ret_head, error);
    if (outcome == HTTP_PARSE_DONE)
        outcome = parse_fields(&at, end, &notes, ret_head, error);
    if (outcome == HTTP_PARSE_MORE && is_cut)
        return refuse(error, "its head is larger than 64 KiB");
    if (outcome != HTTP_PARSE_DONE)
        return outcome;
    *ret_size = (size_t)(at - within.data);
    return conclude(&notes, is_to_head, ret_head, error);
}

bool http_answer_head_find(const struct http_answer_head *head, struct span name, struct span *ret_value)
{
    *ret_value = SPAN_EMPTY;
    if (name.size == 0 || (head->names_present & http_name_bit(name)) == 0)
        return false;
    for (unsigned i = 0; i < head->fields_count; i++) {
        if (http_name_is(head->fields[i].name, name)) {
            *ret_value = head->fields[i].value;
            return true;
        }
    }
    return false;
}
