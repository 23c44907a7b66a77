/* server/auth/error_details.h -- what a refusal says beside its code and its sentence: children of S3's Error element.
 */
#pragma once

#include "runtime/base/span.h"

enum { ERROR_DETAILS_MAX = 8 };

/* Children of the Error element beside Code and Message. Values live in the request's arena or are static. */
struct error_details {
    unsigned count;
    struct {
        const char *name;
        struct span value;
    } items[ERROR_DETAILS_MAX];
};
void error_details_add(struct error_details *details, const char *name, struct span value);
/* ArgumentName and ArgumentValue; the value is hidden where secrets.h says so. */
void error_details_add_argument(struct error_details *details, const char *name, struct span value);
