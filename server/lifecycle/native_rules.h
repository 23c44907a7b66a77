/* server/lifecycle/native_rules.h -- a bucket's lifecycle rules as rules of the backend's own bucket, for who wants
 * that one to carry them out.
 *
 * Keys have the prefix there under which the backend has them; tags are the same. What would not be the same is left
 * out, and said: rules that look at sizes, which the backend would compare with stored ones, and whatever would reach
 * what is this server's own beside the objects (".bale/"). Pure. */
#pragma once

#include "server/s3/settings/lifecycle.h"
#include "store/bucket.h"

struct native_omission {
    struct span rule;
    const char *why; /* a sentence about the rule, without a full stop */
};

struct native_rules {
    struct lifecycle lifecycle; /* each rule has a Filter, and is enabled; there may be none */
    struct native_omission *omissions;
    unsigned omissions_count;
};

/* `prefix`: of clients' keys in the backend's bucket. Everything lies in the arena, or in `lifecycle`. ERROR_TOO_LARGE:
 * the arena is full, or a prefix is longer than a key may be. */
bool native_rules_make(const struct lifecycle *lifecycle, struct span prefix, struct arena *arena,
                       struct native_rules *ret_rules, struct error *error);
