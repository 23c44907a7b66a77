/* server/report/request_log.c -- puts the fields of a request's line together. */
#include "server/report/request_log.h"

#include "runtime/base/assert.h"
#include "runtime/base/decimal.h"
#include "runtime/log/log.h"

enum { FIELDS_MAX = 19, RANGE_BYTES = 2 * DECIMAL_BYTES_MAX + 1 };

struct line {
    struct log_field fields[FIELDS_MAX];
    unsigned count;
};

static void add_text(struct line *line, const char *name, struct span text)
{
    ASSERT(line->count < FIELDS_MAX);
    line->fields[line->count++] = (struct log_field){.name = name, .kind = LOG_FIELD_TEXT, .text = text};
}

static void add_string(struct line *line, const char *name, const char *string)
{
    add_text(line, name, span_from_string(string));
}

static void add_number(struct line *line, const char *name, uint64_t number)
{
    ASSERT(line->count < FIELDS_MAX);
    line->fields[line->count++] = (struct log_field){.name = name, .kind = LOG_FIELD_NUMBER, .number = (int64_t)number};
}

static void add_names(struct line *line, const struct s3_outcome *outcome)
{
    if (outcome->account.size != 0)
        add_text(line, "account", outcome->account);
    if (outcome->bucket.size != 0)
        add_text(line, "bucket", outcome->bucket);
    if (outcome->key.size != 0)
        add_text(line, "key", outcome->key);
}

static void add_refusal(struct line *line, const struct s3_outcome *outcome)
{
    if (outcome->code == NULL)
        return;
    add_string(line, "code", outcome->code);
    if (outcome->message != NULL && outcome->message[0] != '\0')
        add_string(line, "reason", outcome->message);
}

/* `ret_range` lives as long as the line. */
static void add_stored_read(struct line *line, const struct stored_read *read, char ret_range[RANGE_BYTES])
{
    if (read->etag.size == 0)
        return;
    size_t size = decimal_format(read->first, ret_range);
    ret_range[size++] = '-';
    size += decimal_format(read->end - 1, ret_range + size);
    add_text(line, "stored_etag", read->etag);
    add_number(line, "stored_size", read->size);
    add_text(line, "stored_range", span_of(ret_range, size));
}

void request_log_write(const struct http_exchange *exchange, const struct s3_outcome *outcome)
{
    struct line line = {.count = 0};
    char range[RANGE_BYTES];
    add_string(&line, "id", exchange->request_id);
    add_string(&line, "remote", stream_peer(exchange->stream));
    add_text(&line, "method", exchange->head->method);
    add_string(&line, "operation", s3_operation_name(outcome->operation));
    add_names(&line, outcome);
    if (outcome->decided_by != ACCESS_UNDECIDED)
        add_string(&line, "access", access_source_name(outcome->decided_by));
    add_number(&line, "status", (uint64_t)outcome->status);
    add_refusal(&line, outcome);
    add_number(&line, "in", exchange->bytes_in);
    add_number(&line, "out", exchange->bytes_out);
    if (outcome->original_bytes_written != 0)
        add_number(&line, "stored", outcome->stored_bytes_written);
    add_stored_read(&line, &outcome->stored_read, range);
    add_number(&line, "us", outcome->duration_ns / 1000);
    if (outcome->is_cut)
        add_number(&line, "cut", 1);
    log_write(outcome->status >= 500 && outcome->status != 501 ? LOG_WARNING : LOG_INFO, "request", line.fields,
              line.count);
}
