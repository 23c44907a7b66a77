/* server/access/access.h -- may they? One evaluation of everything that decides it: who owns what, ownership, lists of
 * grants, the public access block, the policy of the bucket.
 *
 * Statements 529 to 532, in this order (docs/access.md has the picture):
 *
 *   1. An explicit Deny of the policy refuses, whoever asks (the root of the owning account keeps its policy calls);
 *      `role = readonly` is a Deny of whatever writes.
 *   2. The public access block strikes out grants to groups and Allows of a public policy.
 *   3. What is left of the resource's side allows: its owner, an Allow of the policy, a grant.
 *   4. The asker's own side: anonymous has none, the keys of an account always say yes.
 *
 * Pure: no store, no clock. What is dear to know is asked for by the question's callbacks, and only when it decides: in
 * a bucket without settings the first look at the owner's id is all there is. Constant data and the caller's memory
 * only; any thread, any number of questions. */
#pragma once

#include "runtime/fiber/fiber.h"
#include "server/access/acl.h"
#include "server/access/ownership.h"
#include "server/access/policy/policy.h"
#include "server/access/public_access_block.h"

/* What decided. The words of the log and of metrics (544). */
enum access_source {
    ACCESS_UNDECIDED, /* it did not come to that */
    ACCESS_BY_NOBODY, /* nothing allowed it */
    ACCESS_BY_OWNER,
    ACCESS_BY_POLICY, /* an Allow */
    ACCESS_BY_ACL,
    ACCESS_BY_DENY,  /* an explicit Deny of the policy */
    ACCESS_BY_BLOCK, /* it would have been allowed, but for the public access block */
    ACCESS_BY_ROLE,  /* role = readonly */
    ACCESS_SOURCES,
};
const char *access_source_name(enum access_source source); /* "owner" */
/* It refuses, whatever it is about. */
bool access_source_refuses(enum access_source source);

/* What a bucket's settings say of access; spans and pointers are those of the pinned settings. */
struct access_bucket {
    struct span name;
    struct span owner;
    enum ownership ownership;
    struct span acl; /* packed */
    struct public_access_block block;
    const struct policy *policy; /* NULL: none */
};

/* Do lists of grants count in this bucket? */
static inline bool access_counts_acls(const struct access_bucket *bucket)
{
    return bucket->ownership != OWNERSHIP_ENFORCED;
}

struct access_question {
    const struct account *account; /* NULL: anonymous */
    enum s3_action action;
    const struct access_bucket *bucket; /* NULL: the account's own affair (ListBuckets, CreateBucket) */
    struct span key;                    /* empty: the bucket itself */
    /* What is only asked when it decides. False: it could not be found out. Whose the object is (of one that is not
     * there: the bucket owner's), and then whom its list names, packed (of one that is not there: nobody). */
    SUSPENDS bool (*find_owner)(void *context, struct span *ret_owner);
    SUSPENDS bool (*find_acl)(void *context, struct span *ret_acl);
    SUSPENDS bool (*find)(void *context, enum condition_key key, struct span part, struct policy_values *ret_values);
    void *context;
};

struct access_answer {
    bool is_allowed;
    enum access_source source;
    unsigned statement; /* ACCESS_BY_POLICY and ACCESS_BY_DENY: its position in the policy, from 0 */
    struct span sid;    /* its Sid; may be empty */
};

/* False: a callback failed, and nothing is decided; why is known to whoever gave it. */
SUSPENDS bool access_decide(const struct access_question *question, struct access_answer *ret_answer);

/* The beginning of the evaluation that is all there is to it for most requests: the owner of a bucket that has no
 * policy, and in which all is the owner's. Nothing can deny it. */
static inline bool access_is_plainly_owners(const struct access_bucket *bucket, const struct account *account)
{
    return bucket->policy == NULL && bucket->ownership == OWNERSHIP_ENFORCED && account != NULL &&
           account->role == ROLE_READWRITE && span_equal(span_from_string(account->id), bucket->owner);
}

/* It changes something: what role = readonly may not. */
bool access_action_writes(enum s3_action action);

/* What a grant must give on the bucket, or on the object, to allow the action (478); 0: no grant does. */
unsigned access_bucket_permission(enum s3_action action);
unsigned access_object_permission(enum s3_action action);
