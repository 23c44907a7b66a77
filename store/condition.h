/* store/condition.h -- the conditions of RFC 9110 section 13 as S3 has them, as data and as pure decisions.
 *
 * Reads and writes carry the text of the headers; a store decides a write's condition against the current version
 * inside its committing step, so the decision must be a function of the two arguments alone. ETag lists may be quoted
 * or not, separated by commas, weak (W/ never matches strongly); "*" means any. */
#pragma once

#include "runtime/base/error.h"
#include "runtime/base/span.h"

#include <stdbool.h>
#include <stdint.h>

struct object_attributes;

struct write_condition {
    struct span if_match;      /* empty: not given */
    struct span if_none_match; /* empty: not given */
    bool is_stored_etag;       /* both are of the store's own ETags (stored_etag), not of the logical ones */
    bool over_damage;  /* Bale's own: only over what is there and cannot be read, so that no ETag of it can be told */
    bool has_size;     /* x-amz-if-match-size (DELETE) */
    bool has_modified; /* x-amz-if-match-last-modified-time (DELETE), whole seconds are compared */
    uint64_t size;
    int64_t modified_ms;
};

/* May the write go on? `current` is NULL when the key has no current version (or a delete marker). False:
 * PreconditionFailed with `failed_condition` in the message, or NoSuchKey (If-Match on a missing key). */
bool write_condition_holds(const struct write_condition *condition, const struct object_attributes *current,
                           struct error *error);
/* The same where something is there of which nothing is known but that it is damaged: *error says how. A condition that
 * cannot be decided does not hold, and leaves that error. `condition` may be NULL: none. */
bool write_condition_holds_over_damage(const struct write_condition *condition, struct error *error);
/* What the condition of a deletion says of a delete marker: it has no ETag, no size, and no time that anybody saw
 * (420). `condition` may be NULL: none. */
bool write_condition_holds_of_marker(const struct write_condition *condition, struct error *error);

struct read_condition {
    struct span if_match;
    struct span if_none_match;
    bool is_stored_etag; /* as above */
    bool has_modified_since;
    bool has_unmodified_since;
    int64_t modified_since_ms; /* whole seconds */
    int64_t unmodified_since_ms;
    int64_t now_ms; /* wall clock: that something was not modified since a later date means nothing */
};

enum read_verdict { READ_PROCEED, READ_NOT_MODIFIED, READ_PRECONDITION_FAILED };

struct read_decision {
    enum read_verdict verdict;
    const char *failed; /* READ_PRECONDITION_FAILED: "If-Match" or "If-Unmodified-Since"; static text */
};

/* `condition` NULL: there is none. */
struct read_decision read_condition_decide(const struct read_condition *condition,
                                           const struct object_attributes *current);

/* Does the comma-separated list contain the ETag (strong comparison, "*" matches anything)? `etag` is unquoted. */
bool etag_list_matches(struct span list, struct span etag);
