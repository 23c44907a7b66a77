/* s3client/answer.c -- an open answer: its fields, its body, its end. */
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
