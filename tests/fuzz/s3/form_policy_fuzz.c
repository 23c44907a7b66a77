/* tests/fuzz/s3/form_policy_fuzz.c -- any bytes as the policy of a web form, which is held against a form when it is
 * one. */
#include "runtime/base/assert.h"
#include "runtime/base/base64.h"
#include "runtime/base/buffer.h"
#include "server/s3/form/form_policy.h"

#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct form_fields fields = {
        {{SPAN("key"), SPAN("k")}, {SPAN("Content-Type"), SPAN("a/b,c/d")}, {SPAN("x-amz-meta-a"), SPAN("")}}, 3};
    struct buffer base64;
    struct arena arena;
    struct error error;
    struct form_policy policy;
    if (size > FORM_FIELDS_BYTES_MAX)
        return 0;
    buffer_init(&base64, 0);
    arena_init(&arena, 8 << 20);
    (void)form_policy_parse(span_of(data, size), &arena, &policy, &error); /* which is hardly ever base64 */
    if (buffer_reserve(&base64, BASE64_ENCODED_BYTES(size))) {
        base64_encode(span_of(data, size), (char *)base64.data);
        base64.size = BASE64_ENCODED_BYTES(size);
    }
    if (form_policy_parse(buffer_span(&base64), &arena, &policy, &error)) {
        ASSERT(policy.conditions_count <= size);
        if (form_policy_check(&policy, &fields, SPAN("b"), 0, &error))
            ASSERT(policy.conditions_count >= 4); /* each field and the bucket are named */
    }
    buffer_free(&base64);
    arena_free(&arena);
    return 0;
}
