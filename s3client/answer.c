/* s3client/answer.c -- an open answer: its fields, its body, its end. */
#include "runtime/base/decimal.h"
#include "s3client/client_private.h"

bool s3_answer_find(const struct s3_answer *answer, const char *name, struct span *ret_value)
{
    *ret_value = SPAN_EMPTY;
    return answer->exchange != NULL &&
           http_answer_head_find(&answer->exchange->head, span_from_string(name), ret_value);
}

const struct http_field *s3_answer_fields(const struct s3_answer *answer, unsigned *ret_count)
{
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
}
