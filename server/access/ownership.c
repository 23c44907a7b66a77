/* server/access/ownership.c -- the words of object ownership. */
#include "server/access/ownership.h"

#include "runtime/base/assert.h"
#include "s3client/wire/s3_error.h"

static const struct span names[] = {
    [OWNERSHIP_ENFORCED] = SPAN("BucketOwnerEnforced"),
    [OWNERSHIP_PREFERRED] = SPAN("BucketOwnerPreferred"),
    [OWNERSHIP_WRITER] = SPAN("ObjectWriter"),
    [OWNERSHIP_UNSET] = SPAN("unset"),
};

const char *ownership_name(enum ownership ownership)
{
    return (const char *)names[ownership].data;
}

static bool find(struct span name, enum ownership last, enum ownership *ret_ownership)
{
    for (enum ownership i = OWNERSHIP_ENFORCED; i <= last; i++) {
        if (span_equal(name, names[i])) {
            *ret_ownership = i;
            return true;
        }
    }
    return false;
}

bool ownership_from_name(struct span name, enum ownership *ret_ownership)
{
    return find(name, OWNERSHIP_WRITER, ret_ownership);
}

bool ownership_compile(const struct bucket_info *bucket, struct span document, struct arena *arena,
                       const void **ret_compiled, struct error *error)
{
    (void)bucket;
    enum ownership ownership;
    if (!find(document, OWNERSHIP_UNSET, &ownership))
        return error_set(error, ERROR_DAMAGED, S3_InternalError,
                         "A bucket's ownership is kept as a word that is none.");
    enum ownership *compiled = arena_allocate(arena, sizeof *compiled);
    if (compiled == NULL)
        return error_set(error, ERROR_TOO_LARGE, S3_SlowDown, "There is no memory for a bucket's ownership.");
    *compiled = ownership;
    *ret_compiled = compiled;
    return true;
}

void ownership_write(struct xml_writer *xml, enum ownership ownership)
{
    ASSERT(ownership != OWNERSHIP_UNSET);
    xml_open(xml, "Rule");
    xml_string(xml, "ObjectOwnership", ownership_name(ownership));
    xml_close(xml);
}
