/* server/s3/form/form_fields.h -- the fields of a web form that stand before its file. */
#pragma once

#include "runtime/base/span.h"

#include <stdbool.h>

enum {
    FORM_FIELDS_MAX = 100,
    FORM_FIELDS_BYTES_MAX = 20 << 10, /* names and values together (statement 558) */
    /* of a form that says how long it is: fields, heads of parts, and what stands behind the file */
    FORM_BYTES_AROUND_FILE_MAX = 1 << 20,
};

struct form_field {
    struct span name; /* as sent; compare without case */
    struct span value;
};

/* In the order in which they came. A name may stand there twice: where one is wanted, the first counts. */
struct form_fields {
    struct form_field items[FORM_FIELDS_MAX];
    unsigned count;
};

static inline bool form_fields_find(const struct form_fields *fields, const char *name, struct span *ret_value)
{
    for (unsigned i = 0; i < fields->count; i++) {
        if (span_equal_ignore_case(fields->items[i].name, span_from_string(name))) {
            *ret_value = fields->items[i].value;
            return true;
        }
    }
    return false;
}

static inline bool form_name_starts_with(struct span name, struct span prefix)
{
    return span_equal_ignore_case(span_take(name, prefix.size), prefix);
}
