/* tests/fuzz/s3/settings_fuzz.c -- any bytes as the document of a setting (the first byte says which): what is taken is
 * rendered, and what was rendered is taken again and rendered to the same bytes. */
#include "runtime/base/assert.h"
#include "server/s3/settings/cors.h"
#include "server/s3/settings/encryption.h"
#include "server/s3/settings/lifecycle.h"
#include "server/s3/settings/logging.h"
#include "server/s3/settings/small.h"

#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* False: refused. */
typedef bool renderer(const struct xml_element *root, struct arena *arena, struct buffer *to);

static bool render_cors(const struct xml_element *root, struct arena *arena, struct buffer *to)
{
    struct error error;
    struct cors *cors;
    bool is_any;
    if (!cors_parse(root, arena, &cors, &error))
        return false;
    ASSERT(cors->rules_count > 0 && cors->rules[0].origins.count > 0);
    (void)cors_match(cors, cors->rules[0].origins.items[0], cors->rules[0].methods.items[0], SPAN("a,b"), &is_any);
    cors_render(cors, to);
    return true;
}

static bool render_lifecycle(const struct xml_element *root, struct arena *arena, struct buffer *to)
{
    struct error error;
    struct lifecycle *lifecycle;
    struct lifecycle_notice notice;
    const struct lifecycle_object object = {.key = SPAN("key"), .size = 5, .created_ms = INT64_C(1735732800000)};
    if (!lifecycle_parse(root, arena, &lifecycle, &error))
        return false;
    if (lifecycle_find_expiration(lifecycle, &object, &notice))
        ASSERT(notice.when_ms % 86400000 == 0);
    (void)lifecycle_find_abort(lifecycle, SPAN("key"), object.created_ms, &notice);
    lifecycle_render(lifecycle, to);
    return true;
}

static bool render_payment(const struct xml_element *root, struct arena *arena, struct buffer *to)
{
    struct error error;
    bool is_requester;
    (void)arena;
    if (!payment_parse(root, &is_requester, &error))
        return false;
    payment_render(is_requester, to);
    return true;
}

static bool render_accelerate(const struct xml_element *root, struct arena *arena, struct buffer *to)
{
    struct error error;
    (void)arena;
    if (!accelerate_parse(root, &error))
        return false;
    accelerate_render(to);
    return true;
}

static bool render_encryption(const struct xml_element *root, struct arena *arena, struct buffer *to)
{
    struct error error;
    struct bucket_encryption encryption;
    (void)arena;
    if (!bucket_encryption_parse(root, &encryption, &error))
        return false;
    bucket_encryption_render(&encryption, to);
    return true;
}

/* As it is stored: nobody is looked up. */
static bool render_logging(const struct xml_element *root, struct arena *arena, struct buffer *to)
{
    struct error error;
    struct logging *logging;
    if (!logging_parse(root, NULL, arena, &logging, &error) || logging == NULL)
        return false;
    ASSERT(logging->target_prefix.size <= LOGGING_PREFIX_BYTES_MAX);
    logging_render(logging, NULL, to);
    return true;
}

static bool run(renderer *render, struct span document, struct buffer *to)
{
    struct arena arena;
    struct error error;
    const struct xml_element *root;
    arena_init(&arena, 8 << 20);
    bool ok = xml_tree_parse(document, &arena, &root, &error) && render(root, &arena, to);
    arena_free(&arena);
    return ok;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static renderer *const renderers[] = {render_cors,       render_lifecycle, render_payment,
                                          render_accelerate, render_logging,   render_encryption};
    if (size == 0 || size > 60000 || data[0] % 8 >= sizeof renderers / sizeof renderers[0])
        return 0;
    struct buffer once;
    struct buffer twice;
    buffer_init(&once, 0);
    buffer_init(&twice, 0);
    renderer *render = renderers[data[0] % 8];
    if (run(render, span_of(data + 1, size - 1), &once)) {
        ASSERT(run(render, buffer_span(&once), &twice));
        ASSERT(span_equal(buffer_span(&once), buffer_span(&twice)));
    }
    buffer_free(&once);
    buffer_free(&twice);
    return 0;
}
