/* tests/fuzz/s3/form_fuzz.c -- any bytes as the body of a web form: what it holds does not depend on where the pieces
 * are cut. The first byte says how large they are. */
#include "runtime/base/assert.h"
#include "server/s3/form/multipart.h"

#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void mix(uint64_t *hash, struct span bytes)
{
    for (size_t i = 0; i < bytes.size; i++)
        *hash = (*hash ^ bytes.data[i]) * 0x100000001b3U;
}

static bool read_body(struct span body, size_t piece, uint64_t *hash)
{
    struct multipart multipart;
    struct error error;
    size_t start = 0;
    size_t end = 0;
    bool is_open = false;
    ASSERT(multipart_begin(&multipart, SPAN("multipart/form-data; boundary=B"), &error));
    for (;;) {
        struct multipart_step step;
        struct span window = span_of(body.data + start, end - start);
        if (!multipart_next(&multipart, window, end == body.size, &step, &error))
            return false;
        ASSERT(step.used <= window.size && step.data.size <= step.used);
        start += step.used;
        switch (step.kind) {
        case MULTIPART_MORE:
            ASSERT(end < body.size);
            end = body.size - end < piece ? body.size : end + piece;
            break;
        case MULTIPART_PART:
            ASSERT(!is_open);
            is_open = true;
            mix(hash, SPAN("["));
            mix(hash, step.name);
            mix(hash, step.filename);
            break;
        case MULTIPART_DATA:
            ASSERT(is_open && step.data.size > 0);
            mix(hash, step.data);
            break;
        case MULTIPART_PART_END:
            ASSERT(is_open);
            is_open = false;
            mix(hash, SPAN("]"));
            break;
        case MULTIPART_SKIPPED:
            break;
        case MULTIPART_END:
            ASSERT(!is_open);
            return true;
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0 || size > 60000)
        return 0;
    struct span body = span_of(data + 1, size - 1);
    uint64_t whole = 0;
    uint64_t pieces = 0;
    bool is_good = read_body(body, SIZE_MAX, &whole);
    ASSERT(read_body(body, 1U + data[0] % 64U, &pieces) == is_good);
    ASSERT(!is_good || whole == pieces);
    return 0;
}
