/* server/access/public_access_block.c -- four switches, in XML and as they are kept. */
#include "server/access/public_access_block.h"

#include "s3client/wire/s3_error.h"

#include <stddef.h>

static const struct switch_name {
    const char *element;
    uint8_t letter;
    size_t offset;
} switches[] = {
    {"BlockPublicAcls", 'A', offsetof(struct public_access_block, blocks_acls)},
    {"IgnorePublicAcls", 'I', offsetof(struct public_access_block, ignores_acls)},
    {"BlockPublicPolicy", 'P', offsetof(struct public_access_block, blocks_policy)},
    {"RestrictPublicBuckets", 'R', offsetof(struct public_access_block, restricts_buckets)},
};

enum { SWITCHES = sizeof switches / sizeof switches[0] };

static bool is_on(const struct public_access_block *block, const struct switch_name *name)
{
    return *(const bool *)((const char *)block + name->offset);
}

static void turn(struct public_access_block *block, const struct switch_name *name, bool on)
{
    *(bool *)((char *)block + name->offset) = on;
}

bool public_access_block_take(struct public_access_block *block, struct span element, struct span text)
{
    bool on = span_equal_ignore_case(text, SPAN("true"));
    if (!on && !span_equal_ignore_case(text, SPAN("false")))
        return false;
    for (size_t i = 0; i < SWITCHES; i++) {
        if (span_equal(element, span_from_string(switches[i].element))) {
            turn(block, &switches[i], on);
            return true;
        }
    }
    return false;
}

void public_access_block_write(struct xml_writer *xml, const struct public_access_block *block)
{
    for (size_t i = 0; i < SWITCHES; i++)
        xml_bool(xml, switches[i].element, is_on(block, &switches[i]));
}

void public_access_block_render(const struct public_access_block *block, struct buffer *document)
{
    for (size_t i = 0; i < SWITCHES; i++)
        buffer_append_byte(document, is_on(block, &switches[i]) ? switches[i].letter : '-');
}

bool public_access_block_compile(const struct bucket_info *bucket, struct span document, struct arena *arena,
                                 const void **ret_compiled, struct error *error)
{
    (void)bucket;
    struct public_access_block block = {.blocks_acls = false};
    bool fits = document.size == SWITCHES;
    for (size_t i = 0; fits && i < SWITCHES; i++) {
        bool on = document.data[i] == switches[i].letter;
        fits = on || document.data[i] == '-';
        turn(&block, &switches[i], on);
    }
    if (!fits)
        return error_set(error, ERROR_DAMAGED, S3_InternalError, "A bucket's public access block cannot be read.");
    struct public_access_block *compiled = arena_allocate(arena, sizeof *compiled);
    if (compiled == NULL)
        return error_set(error, ERROR_TOO_LARGE, S3_SlowDown, "There is no memory for a public access block.");
    *compiled = block;
    *ret_compiled = compiled;
    return true;
}
