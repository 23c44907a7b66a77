/* server/lifecycle/evaluate.h -- what the rules of a bucket ask for of one version of a key, at one moment.
 *
 * Pure: no store, no clock, nothing is changed. A key's versions are judged from the newest to the oldest, each for
 * itself but for two things: how many noncurrent versions newer than it stay, which the caller counts, and whether
 * anything else is there of its key.
 *
 * All enabled rules that match count together; it is not the first one that wins. Of several that want the same, the
 * earliest date decides, and of equal dates the rule that stands first in the document. Everything falls due at a
 * midnight (statement 590): the first one that is not before base + days. The base is the time of the last
 * modification; of a noncurrent version, the time at which it ceased to be current.
 *
 * - A current object: Expiration by Days or Date. Where versions are kept that makes a delete marker, elsewhere it is
 *   the object's end.
 * - A noncurrent version: NoncurrentVersionExpiration, once so many days have passed, and, with
 *   NewerNoncurrentVersions, as many newer ones stay. Delete markers and locked versions that stay count among them, so
 *   that what is left does not depend on how often anybody looks, and is never less than was asked for.
 * - A delete marker that is current and alone: ExpiredObjectDeleteMarker at once, Expiration by Days or Date as if it
 *   were an object. One with versions below it: nothing. Markers have neither tags nor a size: a rule that looks at
 *   these never touches one.
 *
 * - A transition (transition.h), if nothing is removed. A current object whose expiration leaves it there, below a
 *   delete marker, moves first, and gets its marker in the next sweep.
 *
 * A lock is not asked for here: who acts does, and counts what is locked as something that stays. It does not keep an
 * object in its class. */
#pragma once

#include "server/s3/settings/lifecycle.h"
#include "store/bucket.h"

/* Rules whose prefix is the same, in the document's order. */
struct lifecycle_group {
    struct span prefix;
    const struct lifecycle_group *outer; /* the longest prefix that this one begins with; NULL: none */
    const struct lifecycle_rule **rules;
    unsigned count;
};

/* What judgements depend on beside the rules. */
struct lifecycle_bucket {
    int64_t day_ms; /* how long a day is; midnights are its multiples since 1970 */
    enum bucket_versioning versioning;
    bool has_classes; /* objects can move from class to class; else transitions are nothing */
};

/* The rules that are enabled, by prefix. */
struct lifecycle_plan {
    const struct lifecycle *lifecycle;
    struct lifecycle_bucket bucket;
    struct lifecycle_group *groups; /* in byte order */
    unsigned count;
    unsigned rules_count;  /* in all groups */
    bool acts_on_versions; /* any rule at all looks at objects, versions or markers ... */
    bool aborts_uploads;   /* ... or at uploads */
};

/* In the arena, as long as the configuration lives. ERROR_BUSY: no memory. */
bool lifecycle_plan_make(const struct lifecycle *lifecycle, const struct lifecycle_bucket *bucket, struct arena *arena,
                         struct lifecycle_plan *ret_plan, struct error *error);
/* The last group whose prefix the key begins with; NULL: no rule is about this key. */
const struct lifecycle_group *lifecycle_plan_find(const struct lifecycle_plan *plan, struct span key);
/* What comes to be after `now_ms` cannot fall due before this. INT64_MAX: never. */
int64_t lifecycle_plan_soonest_ms(const struct lifecycle_plan *plan, int64_t now_ms);

struct lifecycle_version {
    struct span key;
    bool is_current;
    bool is_marker;
    bool is_null;              /* its id is "null" */
    bool is_alone;             /* of a current marker: nothing else is there of the key */
    uint64_t size;             /* original bytes */
    int64_t modified_ms;       /* wall clock */
    int64_t superseded_ms;     /* of a noncurrent one: when it became that; 0: nobody knows, and it stays */
    struct span tags;          /* a packed list (store/attributes.h) */
    struct span storage_class; /* empty: STANDARD */
    unsigned newer_kept;       /* of a noncurrent one: how many newer noncurrent ones stay */
};

enum lifecycle_action {
    LIFECYCLE_KEEP,
    LIFECYCLE_EXPIRE,         /* the current object: a DELETE without a version */
    LIFECYCLE_REMOVE_VERSION, /* a noncurrent version, be it a marker: for good */
    LIFECYCLE_REMOVE_MARKER,  /* a delete marker that is alone */
    LIFECYCLE_MOVE,           /* to another storage class; it stays */
    LIFECYCLE_ACTIONS,
};
const char *lifecycle_action_name(enum lifecycle_action action); /* "remove-version" */

/* What one rule says of one version: the first test that it fails, in this order. */
enum lifecycle_answer {
    RULE_IS_DISABLED,
    RULE_HAS_OTHER_PREFIX,
    RULE_HAS_NO_ACTION, /* for such a version */
    RULE_CANNOT_MOVE,   /* of a transition: the store carries out none */
    RULE_IS_OBEYED,     /* likewise: it is in such a class, or a colder one */
    RULE_LEAVES_SMALL,  /* likewise: it is too small to move */
    RULE_HAS_OTHER_SIZE,
    RULE_IS_NOT_DUE,
    RULE_HAS_OTHER_TAGS,
    RULE_KEEPS_NEWER, /* too few newer ones stay: NewerNoncurrentVersions */
    RULE_ACTS,
};
/* A sentence for a person; it has the due date where there is one. */
void lifecycle_answer_tell(enum lifecycle_answer answer, int64_t due_ms, struct buffer *to);

/* ret_due_ms: from HAS_OTHER_SIZE on, when the rule is due. */
enum lifecycle_answer lifecycle_ask_rule(const struct lifecycle_plan *plan, const struct lifecycle_rule *rule,
                                         const struct lifecycle_version *version, int64_t now_ms, int64_t *ret_due_ms);

struct lifecycle_verdict {
    enum lifecycle_action action;
    const struct lifecycle_rule *rule; /* that decided; NULL with KEEP */
    int64_t due_ms;                    /* when it fell due */
    struct span storage_class;         /* to which it moves */
    unsigned newer_least;              /* so many newer noncurrent versions must be there when it is done */
    int64_t next_ms; /* before this nothing can happen to the version, whatever becomes of tags, locks and newer ones;
                        INT64_MAX: ever */
};

/* True: something is to be done now. */
bool lifecycle_judge(const struct lifecycle_plan *plan, const struct lifecycle_version *version, int64_t now_ms,
                     struct lifecycle_verdict *ret_verdict);
/* The same of an upload: when the first rule gives it up. False: never. */
bool lifecycle_judge_upload(const struct lifecycle_plan *plan, struct span key, int64_t initiated_ms,
                            const struct lifecycle_rule **ret_rule, int64_t *ret_due_ms);
