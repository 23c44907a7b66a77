/* server/s3/settings/lifecycle.h -- a bucket's LifecycleConfiguration: when its objects, versions and unfinished
 * uploads are to go, and where to.
 *
 * Statements 581 to 591. Here it is validated, kept, and asked for the headers that announce what it will do; what does
 * it is server/lifecycle/. */
#pragma once

#include "server/s3/settings/document.h"

enum {
    LIFECYCLE_DOCUMENT_BYTES_MAX = 512 << 10,
    LIFECYCLE_RULES_MAX = 1000,
};

struct lifecycle_tag {
    struct span key;
    struct span value;
};

/* All that is given must hold. Original sizes. */
struct lifecycle_filter {
    bool has_prefix;
    struct span prefix;
    struct lifecycle_tag *tags;
    unsigned tags_count;
    bool has_greater_than;
    uint64_t greater_than;
    bool has_less_than;
    uint64_t less_than;
};

/* At a date, or so many days behind something; never both. */
struct lifecycle_time {
    bool has_date;
    int64_t date_ms;
    bool has_days;
    int64_t days;
};

struct lifecycle_transition {
    struct lifecycle_time time;
    bool has_newer_versions; /* of noncurrent versions: this many newer ones stay */
    int64_t newer_versions;
    struct span storage_class;
};

struct lifecycle_rule {
    struct span id;
    bool is_enabled;
    bool is_old_form; /* Prefix stands in the rule, not in a Filter */
    bool has_and;     /* the criteria stand in an And, in the Filter */
    struct lifecycle_filter filter;

    bool has_expiration;
    struct lifecycle_time expiration;
    bool has_marker_expiration; /* ExpiredObjectDeleteMarker is given ... */
    bool expires_markers;       /* ... and says this */
    struct lifecycle_transition *transitions;
    unsigned transitions_count;
    struct lifecycle_transition *noncurrent_transitions;
    unsigned noncurrent_transitions_count;
    bool has_noncurrent_expiration;
    struct lifecycle_transition noncurrent_expiration; /* without a storage class */
    bool has_abort;
    int64_t abort_days;
};

struct lifecycle {
    struct lifecycle_rule *rules;
    unsigned rules_count;
    struct span smallest; /* x-amz-transition-default-minimum-object-size */
};

#define LIFECYCLE_SMALLEST_DEFAULT "all_storage_classes_128K"
bool lifecycle_is_smallest(struct span text);

/* A rule without ID gets one. MalformedXML, InvalidArgument, InvalidRequest, InvalidTag. */
bool lifecycle_parse(const struct xml_element *root, struct arena *arena, struct lifecycle **ret_lifecycle,
                     struct error *error);
void lifecycle_render(const struct lifecycle *lifecycle, struct buffer *to);

/* What is stored: `smallest` in a line of its own, then the document. */
void lifecycle_store(const struct lifecycle *lifecycle, struct buffer *to);
/* Its two halves again. ERROR_DAMAGED. */
bool lifecycle_split(struct span stored, struct span *ret_smallest, struct span *ret_document, struct error *error);
bool lifecycle_compile(const struct bucket_info *bucket, struct span stored, struct arena *arena,
                       const void **ret_lifecycle, struct error *error);

/* ---- what will be done: lifecycle_match.c ---- */

struct lifecycle_object {
    struct span key;
    uint64_t size;
    struct span tags; /* a packed list (store/attributes.h) */
    int64_t created_ms;
};

/* The pieces of that, for whoever decides about more than one object: server/lifecycle/evaluate.h. */
enum { LIFECYCLE_DAY_MS = 24 * 3600 * 1000 };
/* Statement 590: so many days later, and then the next midnight; one that is a midnight itself is not rounded further.
 */
int64_t lifecycle_due_ms(int64_t from_ms, int64_t days, int64_t day_ms);
bool lifecycle_filter_has_size(const struct lifecycle_filter *filter, uint64_t size);
bool lifecycle_filter_has_tags(const struct lifecycle_filter *filter, struct span packed);

struct lifecycle_notice {
    int64_t when_ms;
    struct span rule_id;
};

/* Does any rule that may expire objects look at tags? */
bool lifecycle_expiration_needs_tags(const struct lifecycle *lifecycle);
/* When the object will expire, by the rule that is the first to do it. False: never. */
bool lifecycle_find_expiration(const struct lifecycle *lifecycle, const struct lifecycle_object *object,
                               struct lifecycle_notice *ret_notice);
/* When an upload that was begun then will be given up. False: never. */
bool lifecycle_find_abort(const struct lifecycle *lifecycle, struct span key, int64_t initiated_ms,
                          struct lifecycle_notice *ret_notice);
