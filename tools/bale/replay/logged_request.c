/* tools/bale/replay/logged_request.c -- lines of logs, field by field. */
#include "tools/bale/replay/logged_request.h"

#include "runtime/base/decimal.h"

/* ---- the request log of baled ---- */

/* How fields stand in a line: name=value with blanks between, or "name":value with commas. */
struct notation {
    uint8_t equals;
    uint8_t separator;
};

static size_t find_or_end(struct span text, uint8_t byte)
{
    size_t found = span_find(text, byte);
    return found == SIZE_MAX ? text.size : found;
}

/* Behind the quote that ends what begins with one; at most the end. */
static size_t quoted_size(struct span text)
{
    size_t size = 1;
    while (size < text.size && text.data[size] != '"')
        size += text.data[size] == '\\' ? 2 : 1;
    return size < text.size ? size + 1 : text.size;
}

static struct span without_quotes(struct span text)
{
    bool is_quoted = text.size >= 2 && text.data[0] == '"' && text.data[text.size - 1] == '"';
    return is_quoted ? span_take(span_skip(text, 1), text.size - 2) : text;
}

/* Takes the next field off *rest. False: there is none. */
static bool next_field(struct notation notation, struct span *rest, struct span *ret_name, struct span *ret_value)
{
    size_t equals = span_find(*rest, notation.equals);
    if (equals == SIZE_MAX)
        return false;
    *ret_name = without_quotes(span_trim(span_take(*rest, equals)));
    *rest = span_trim(span_skip(*rest, equals + 1));
    bool is_quoted = rest->size > 0 && rest->data[0] == '"';
    size_t size = is_quoted ? quoted_size(*rest) : find_or_end(*rest, notation.separator);
    *ret_value = without_quotes(span_take(*rest, size));
    *rest = span_skip(*rest, size);
    if (rest->size > 0)
        *rest = span_skip(*rest, 1);
    return true;
}

/* "FIRST-LAST", inside the body. */
static bool read_range(struct span text, struct logged_request *request)
{
    size_t dash = span_find(text, '-');
    uint64_t last;
    if (dash == SIZE_MAX || request->size == 0 ||
        !decimal_parse_range(span_take(text, dash), 0, request->size - 1, &request->first) ||
        !decimal_parse_range(span_skip(text, dash + 1), request->first, request->size - 1, &last))
        return false;
    request->end = last + 1;
    return true;
}

/* The operations of the log that give a key another body. */
static bool is_own_write(struct span operation)
{
    static const struct span writes[] = {SPAN("PutObject"), SPAN("PostObject"), SPAN("CopyObject"),
                                         SPAN("CompleteMultipartUpload")};
    for (size_t i = 0; i < sizeof writes / sizeof writes[0]; i++) {
        if (span_equal(operation, writes[i]))
            return true;
    }
    return false;
}

static struct logged_request read_own(struct notation notation, struct span fields)
{
    struct logged_request request = {.kind = LOGGED_OTHER};
    struct span name;
    struct span value;
    struct span range = SPAN_EMPTY;
    struct span operation = SPAN_EMPTY;
    uint64_t status = 0;
    while (next_field(notation, &fields, &name, &value)) {
        if (span_equal(name, SPAN("bucket")))
            request.bucket = value;
        else if (span_equal(name, SPAN("key")))
            request.key = value;
        else if (span_equal(name, SPAN("operation")))
            operation = value;
        else if (span_equal(name, SPAN("status")))
            (void)decimal_parse_range(value, 0, 999, &status);
        else if (span_equal(name, SPAN("stored_etag")))
            request.etag = value;
        else if (span_equal(name, SPAN("stored_size")))
            (void)decimal_parse_range(value, 0, LOGGED_BYTES_MAX, &request.size);
        else if (span_equal(name, SPAN("stored_range")))
            range = value;
    }
    if (request.key.size > 0 && request.etag.size > 0 && read_range(range, &request))
        request.kind = LOGGED_READ;
    else if (request.key.size > 0 && status >= 200 && status < 300 && is_own_write(operation))
        request.kind = LOGGED_WRITTEN;
    return request;
}

/* ---- the server access log of S3 ---- */

/* The place of each field that is looked at, counted from the bucket owner. */
enum {
    ACCESS_BUCKET = 1,
    ACCESS_TIME = 2,
    ACCESS_OPERATION = 6,
    ACCESS_KEY = 7,
    ACCESS_STATUS = 9,
    ACCESS_BYTES_SENT = 11,
    ACCESS_OBJECT_SIZE = 12,
    ACCESS_VERSION = 17,
    ACCESS_FIELDS,
};

/* A field that holds blanks stands in quotes or brackets. */
static struct span next_access_field(struct span *rest)
{
    uint8_t first = rest->size > 0 ? rest->data[0] : 0;
    size_t inside = first == '"' && rest->size > 1 ? 1 + find_or_end(span_skip(*rest, 1), '"')
                    : first == '['                 ? find_or_end(*rest, ']')
                                                   : 0;
    inside = inside < rest->size ? inside : rest->size;
    size_t size = inside + find_or_end(span_skip(*rest, inside), ' ');
    struct span field = span_take(*rest, size);
    *rest = span_skip(*rest, size < rest->size ? size + 1 : rest->size);
    return field;
}

static bool is_write(struct span operation)
{
    static const struct span writes[] = {
        SPAN("REST.PUT.OBJECT"),    SPAN("REST.COPY.OBJECT"),    SPAN("REST.POST.OBJECT"), SPAN("REST.POST.UPLOAD"),
        SPAN("REST.DELETE.OBJECT"), SPAN("BATCH.DELETE.OBJECT"), SPAN("S3.EXPIRE.OBJECT")};
    for (size_t i = 0; i < sizeof writes / sizeof writes[0]; i++) {
        if (span_equal(operation, writes[i]))
            return true;
    }
    return false;
}

static uint64_t number_of(struct span field)
{
    uint64_t number;
    return decimal_parse_range(field, 0, LOGGED_BYTES_MAX, &number) ? number : 0;
}

static struct logged_request read_access_line(struct span line)
{
    struct span fields[ACCESS_FIELDS];
    for (unsigned i = 0; i < ACCESS_FIELDS; i++)
        fields[i] = next_access_field(&line);
    struct logged_request request = {.kind = LOGGED_OTHER, .bucket = fields[ACCESS_BUCKET], .key = fields[ACCESS_KEY]};
    uint64_t status = number_of(fields[ACCESS_STATUS]);
    bool is_done = status >= 200 && status < 300;
    if (!span_starts_with(fields[ACCESS_TIME], SPAN("[")) || span_equal(request.key, SPAN("-")) ||
        request.key.size == 0)
        return request;
    if (is_write(fields[ACCESS_OPERATION]) && (is_done || status == 0)) {
        request.kind = LOGGED_WRITTEN;
    } else if (span_equal(fields[ACCESS_OPERATION], SPAN("REST.GET.OBJECT")) && is_done) {
        uint64_t sent = number_of(fields[ACCESS_BYTES_SENT]);
        request.size = request.end = number_of(fields[ACCESS_OBJECT_SIZE]);
        request.etag = span_equal(fields[ACCESS_VERSION], SPAN("-")) ? SPAN_EMPTY : fields[ACCESS_VERSION];
        request.kind = request.size > 0 && sent == request.size ? LOGGED_READ
                       : sent > 0                               ? LOGGED_UNPLACED
                                                                : LOGGED_OTHER;
    }
    return request;
}

/* ---- which it is ---- */

static const struct span own_event = SPAN(" request ");

/* Where the fields of a text line begin; SIZE_MAX: it is none. Before them stand time and level, and whatever a
 * collector put there, but no quote. */
static size_t find_own_fields(struct span line)
{
    struct span looked_at = span_take(line, find_or_end(line, '"'));
    for (size_t i = 0; i + own_event.size <= looked_at.size; i++) {
        if (span_starts_with(span_skip(looked_at, i), own_event))
            return i + own_event.size;
    }
    return SIZE_MAX;
}

struct logged_request logged_request_read(struct span line)
{
    static const struct notation text = {.equals = '=', .separator = ' '};
    static const struct notation json = {.equals = ':', .separator = ','};
    line = span_trim(line);
    if (span_starts_with(line, SPAN("{")))
        return read_own(json, span_take(span_skip(line, 1), line.size > 1 ? line.size - 2 : 0));
    size_t fields = find_own_fields(line);
    return fields != SIZE_MAX ? read_own(text, span_skip(line, fields)) : read_access_line(line);
}
