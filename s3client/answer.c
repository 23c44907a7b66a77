/* s3client/answer.c -- an open answer: its fields, its body, its end; copies of what it says. */
#include "runtime/base/assert.h"
#include "runtime/base/decimal.h"
#include "s3client/client_private.h"

#include <stdlib.h>

/* Fields, and behind them the bytes of their names and values. */
struct s3_answer_copy {
    struct s3_answer answer;
    size_t bytes;
    unsigned holders;
    unsigned fields_count;
    struct http_field fields[];
};

static bool find_in_copy(const struct s3_answer_copy *copy, struct span name, struct span *ret_value)
{
    for (unsigned i = 0; i < copy->fields_count; i++) {
        if (!http_name_is(copy->fields[i].name, name))
            continue;
        *ret_value = copy->fields[i].value;
        return true;
    }
    return false;
}

bool s3_answer_find(const struct s3_answer *answer, const char *name, struct span *ret_value)
{
    *ret_value = SPAN_EMPTY;
    if (answer->copy != NULL)
        return find_in_copy(answer->copy, span_from_string(name), ret_value);
    return answer->exchange != NULL &&
           http_answer_head_find(&answer->exchange->head, span_from_string(name), ret_value);
}

const struct http_field *s3_answer_fields(const struct s3_answer *answer, unsigned *ret_count)
{
    if (answer->copy != NULL) {
        *ret_count = answer->copy->fields_count;
        return answer->copy->fields;
    }
    *ret_count = answer->exchange == NULL ? 0 : answer->exchange->head.fields_count;
    return answer->exchange == NULL ? NULL : answer->exchange->head.fields;
}

bool s3_answer_content_range(const struct s3_answer *answer, uint64_t *ret_first, uint64_t *ret_end, uint64_t *ret_size)
{
    struct span text;
    if (!s3_answer_find(answer, "content-range", &text) || !span_starts_with(text, SPAN("bytes ")))
        return false;
    text = span_trim(span_skip(text, 6));
    size_t dash = span_find(text, '-');
    size_t slash = span_find(text, '/');
    uint64_t last;
    if (dash == SIZE_MAX || slash == SIZE_MAX || dash > slash || !decimal_parse(span_take(text, dash), ret_first) ||
        !decimal_parse(span_of(text.data + dash + 1, slash - dash - 1), &last) ||
        !decimal_parse(span_skip(text, slash + 1), ret_size))
        return false;
    *ret_end = last + 1;
    return *ret_first <= last && last < *ret_size;
}

SUSPENDS bool s3_answer_read(struct s3_answer *answer, void *ret_bytes, size_t capacity, size_t *ret_size,
                             struct error *error)
{
    return http_client_read(answer->exchange, ret_bytes, capacity, ret_size, error);
}

void s3_answer_close(struct s3_answer *answer)
{
    if (answer->exchange != NULL)
        http_client_close(answer->exchange);
    answer->exchange = NULL;
    if (answer->copy != NULL)
        s3_answer_copy_give(answer->copy);
    answer->copy = NULL;
}

/* ---- copies ---- */

static struct span move_span(uint8_t **place, struct span text)
{
    uint8_t *to = *place;
    if (text.size > 0)
        memcpy(to, text.data, text.size);
    *place += text.size;
    return span_of(to, text.size);
}

struct s3_answer_copy *s3_answer_copy(const struct s3_answer *answer)
{
    unsigned count;
    const struct http_field *fields = s3_answer_fields(answer, &count);
    if (answer->copy != NULL) {
        answer->copy->holders++;
        return answer->copy;
    }
    size_t bytes = sizeof(struct s3_answer_copy) + count * sizeof *fields;
    for (unsigned i = 0; i < count; i++)
        bytes += fields[i].name.size + fields[i].value.size;
    struct s3_answer_copy *copy = malloc(bytes);
    ASSERT(copy != NULL);
    *copy = (struct s3_answer_copy){.answer = *answer, .bytes = bytes, .holders = 1, .fields_count = count};
    copy->answer.exchange = NULL;
    copy->answer.copy = copy;
    uint8_t *place = (uint8_t *)(copy->fields + count);
    for (unsigned i = 0; i < count; i++) {
        copy->fields[i].name = move_span(&place, fields[i].name);
        copy->fields[i].value = move_span(&place, fields[i].value);
    }
    return copy;
}

size_t s3_answer_copy_bytes(const struct s3_answer_copy *copy)
{
    return copy->bytes;
}

void s3_answer_copy_give(struct s3_answer_copy *copy)
{
    ASSERT(copy->holders > 0);
    if (--copy->holders == 0)
        free(copy);
}

void s3_answer_of_copy(struct s3_answer_copy *copy, struct s3_answer *ret_answer)
{
    copy->holders++;
    *ret_answer = copy->answer;
}
