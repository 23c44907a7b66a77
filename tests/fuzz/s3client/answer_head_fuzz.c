/* tests/fuzz/s3client/answer_head_fuzz.c -- any bytes as an answer's head: spans stay inside, and a cut never changes
 * the verdict. */
#include "runtime/base/assert.h"
#include "s3client/http/answer_head.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_inside(struct span whole, struct span part)
{
    ASSERT(part.size == 0 || (part.data >= whole.data && part.data + part.size <= whole.data + whole.size));
}

static void check_head(struct span whole, const struct http_answer_head *head, bool is_to_head)
{
    ASSERT(head->status >= 100 && head->status <= 999);
    ASSERT(head->fields_count <= HTTP_ANSWER_FIELDS_MAX);
    ASSERT(head->content_length <= INT64_MAX);
    ASSERT(head->body_kind != HTTP_ANSWER_LENGTH || (head->has_content_length && head->content_length > 0));
    ASSERT(head->body_kind != HTTP_ANSWER_CHUNKED || !head->has_content_length);
    ASSERT(head->body_kind != HTTP_ANSWER_UNTIL_CLOSE || !head->keep_alive);
    ASSERT(head->body_kind == HTTP_ANSWER_NO_BODY || (!is_to_head && head->status >= 200));
    for (unsigned i = 0; i < head->fields_count; i++) {
        struct span value;
        check_inside(whole, head->fields[i].name);
        check_inside(whole, head->fields[i].value);
        ASSERT(head->fields[i].name.size > 0);
        ASSERT(span_find(head->fields[i].value, '\n') == SIZE_MAX &&
               span_find(head->fields[i].value, '\r') == SIZE_MAX && span_find(head->fields[i].value, 0) == SIZE_MAX);
        uint8_t lower[64];
        size_t length = head->fields[i].name.size;
        for (size_t at = 0; length <= sizeof lower && at < length; at++)
            lower[at] = http_lower(head->fields[i].name.data[at]);
        ASSERT(length > sizeof lower || http_answer_head_find(head, span_of(lower, length), &value));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct http_answer_head head;
    struct error error;
    size_t head_size = 0;
    struct span whole = span_of(data, size);
    bool is_to_head = size % 2 == 1;
    enum http_parse outcome = http_answer_head_parse(whole, is_to_head, &head, &head_size, &error);
    if (outcome == HTTP_PARSE_DONE) {
        ASSERT(head_size <= size && head_size <= HTTP_ANSWER_HEAD_BYTES_MAX);
        check_head(whole, &head, is_to_head);
    }
    ASSERT(size < HTTP_ANSWER_HEAD_BYTES_MAX || outcome != HTTP_PARSE_MORE);

    size_t cuts = size < 256 ? 1 : size / 64;
    size_t other;
    for (size_t cut = 0; cut < size; cut += cuts) { /* in memory that ends where the cut is */
        uint8_t *copy = malloc(cut + (cut == 0));
        memcpy(copy, data, cut);
        enum http_parse part = http_answer_head_parse(span_of(copy, cut), is_to_head, &head, &other, &error);
        if (part == HTTP_PARSE_DONE)
            ASSERT(outcome == HTTP_PARSE_DONE && other == head_size);
        if (part == HTTP_PARSE_FAILED)
            ASSERT(outcome == HTTP_PARSE_FAILED);
        if (outcome == HTTP_PARSE_DONE && cut < head_size)
            ASSERT(part == HTTP_PARSE_MORE);
        free(copy);
    }
    return 0;
}
