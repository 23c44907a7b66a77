/* tests/fuzz/http/head_fuzz.c -- any bytes as a request head: spans stay inside, and a cut never changes the verdict.
 */
#include "runtime/base/assert.h"
#include "server/http/head.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_inside(struct span whole, struct span part)
{
    if (part.size == 0 || span_equal(part, SPAN("/"))) /* the path of "http://host" lies elsewhere */
        return;
    ASSERT(part.data >= whole.data && part.data + part.size <= whole.data + whole.size);
}

static void check_head(struct span whole, const struct http_head *head)
{
    check_inside(whole, head->method);
    check_inside(whole, head->target);
    check_inside(whole, head->path);
    check_inside(whole, head->query);
    check_inside(whole, head->host);
    ASSERT(head->path.size > 0 && head->path.data[0] == '/');
    ASSERT(head->fields_count <= HTTP_FIELDS_MAX);
    ASSERT(head->body_kind != HTTP_BODY_CHUNKED || !head->has_content_length);
    ASSERT(head->content_length <= INT64_MAX);
    for (unsigned i = 0; i < head->fields_count; i++) {
        check_inside(whole, head->fields[i].name);
        check_inside(whole, head->fields[i].value);
        ASSERT(head->fields[i].name.size > 0);
        ASSERT(span_find(head->fields[i].value, '\n') == SIZE_MAX &&
               span_find(head->fields[i].value, '\r') == SIZE_MAX);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct http_head head;
    struct error error;
    size_t head_size = 0;
    struct span whole = span_of(data, size);
    enum http_parse outcome = http_head_parse(whole, &head, &head_size, &error);
    if (outcome == HTTP_PARSE_DONE) {
        ASSERT(head_size <= size && head_size <= HTTP_HEAD_BYTES_MAX);
        check_head(whole, &head);
        struct span value;
        for (unsigned i = 0; i < head.fields_count; i++)
            ASSERT(http_head_find(&head, "host", &value) || head.minor_version == 0);
    }
    ASSERT(size < HTTP_HEAD_BYTES_MAX || outcome != HTTP_PARSE_MORE);

    size_t cuts = size < 256 ? 1 : size / 64;
    size_t other;
    for (size_t cut = 0; cut < size; cut += cuts) { /* in memory that ends where the cut is */
        uint8_t *copy = malloc(cut + (cut == 0));
        memcpy(copy, data, cut);
        enum http_parse part = http_head_parse(span_of(copy, cut), &head, &other, &error);
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
