/* server/access/decide.c -- the one evaluation, in the order of statements 529 to 532. */
#include "server/access/access.h"

#include "runtime/base/assert.h"

const char *access_source_name(enum access_source source)
{
    static const char *const names[ACCESS_SOURCES] = {
        [ACCESS_UNDECIDED] = "undecided", [ACCESS_BY_NOBODY] = "nobody", [ACCESS_BY_OWNER] = "owner",
        [ACCESS_BY_POLICY] = "policy",    [ACCESS_BY_ACL] = "acl",       [ACCESS_BY_DENY] = "deny",
        [ACCESS_BY_BLOCK] = "block",      [ACCESS_BY_ROLE] = "role",
    };
    ASSERT(source < ACCESS_SOURCES);
    return names[source];
}

bool access_source_refuses(enum access_source source)
{
    return source == ACCESS_BY_NOBODY || source == ACCESS_BY_DENY || source == ACCESS_BY_BLOCK ||
           source == ACCESS_BY_ROLE;
}

/* As IAM names them: whatever only looks begins with Get or List. */
bool access_action_writes(enum s3_action action)
{
    struct span name = span_skip(span_from_string(action_name(action)), sizeof "s3:" - 1);
    return !span_starts_with(name, SPAN("Get")) && !span_starts_with(name, SPAN("List"));
}

unsigned access_bucket_permission(enum s3_action action)
{
    switch (action) {
    case ACTION_ListBucket:
    case ACTION_ListBucketVersions:
    case ACTION_ListBucketMultipartUploads:
        return ACL_READ;
    case ACTION_PutObject:
    case ACTION_DeleteObject:
    case ACTION_AbortMultipartUpload:
    case ACTION_ListMultipartUploadParts:
        return ACL_WRITE;
    case ACTION_GetBucketAcl:
        return ACL_READ_ACP;
    case ACTION_PutBucketAcl:
        return ACL_WRITE_ACP;
    default:
        return 0;
    }
}

unsigned access_object_permission(enum s3_action action)
{
    switch (action) {
    case ACTION_GetObject:
    case ACTION_GetObjectVersion:
    case ACTION_GetObjectTorrent:
        return ACL_READ;
    case ACTION_GetObjectAcl:
    case ACTION_GetObjectVersionAcl:
        return ACL_READ_ACP;
    case ACTION_PutObjectAcl:
    case ACTION_PutObjectVersionAcl:
        return ACL_WRITE_ACP;
    default:
        return 0;
    }
}

/* What the object's own owner decides, and not the bucket's (482). */
static bool is_for_objects_owner(enum s3_action action)
{
    return access_object_permission(action) != 0 || action == ACTION_GetObjectAttributes ||
           action == ACTION_GetObjectVersionAttributes;
}

/* What the owner of an object may beyond that, in a bucket that is another's. */
static bool is_for_both_owners(enum s3_action action)
{
    switch (action) {
    case ACTION_GetObjectTagging:
    case ACTION_GetObjectVersionTagging:
    case ACTION_PutObjectTagging:
    case ACTION_PutObjectVersionTagging:
    case ACTION_DeleteObjectTagging:
    case ACTION_DeleteObjectVersionTagging:
        return true;
    default:
        return false;
    }
}

/* What the root of the owning account may whatever a policy says: the way back out of one (529, 545). */
static bool is_policy_call(enum s3_action action)
{
    return action == ACTION_GetBucketPolicy || action == ACTION_PutBucketPolicy || action == ACTION_DeleteBucketPolicy;
}

/* Anonymous is nobody's owner, also not of a bucket whose owner is not known any more (a catalogue that was rebuilt
 * without the names). */
static bool is_askers(const struct access_question *question, struct span owner)
{
    return question->account != NULL && span_equal(span_from_string(question->account->id), owner);
}

/* To the bucket's owner, unless something denies it; but what an object's owner decides is another question. */
static bool owner_decides(const struct access_question *question)
{
    bool of_object = access_counts_acls(question->bucket) && is_for_objects_owner(question->action);
    return !of_object && is_askers(question, question->bucket->owner);
}

static struct span id_of(const struct account *account)
{
    return account == NULL ? SPAN_EMPTY : span_from_string(account->id);
}

static void answer(struct access_answer *answer, bool is_allowed, enum access_source source)
{
    answer->is_allowed = is_allowed;
    answer->source = source;
}

/* ---- the policy ---- */

static SUSPENDS bool ask_policy(const struct access_question *question, struct policy_decision *ret_decision)
{
    const struct policy_question asked = {
        .asker = {.kind = question->account == NULL ? ASKER_ANONYMOUS : ASKER_ACCOUNT,
                  .account = id_of(question->account)},
        .only_denies = owner_decides(question),
        .action = question->action,
        .bucket = question->bucket->name,
        .key = question->key,
        .find = question->find,
        .context = question->context,
    };
    *ret_decision = policy_evaluate(question->bucket->policy, &asked);
    return ret_decision->effect != POLICY_UNDECIDED;
}

/* ---- what is left of the resource's side ---- */

/* What the grants of the bucket and of the object give. */
static bool grants_allow(const struct access_question *question, struct span acl_of_object, bool counts_groups)
{
    struct span asker = id_of(question->account);
    unsigned of_bucket = access_bucket_permission(question->action);
    unsigned of_object = access_object_permission(question->action);
    return (of_bucket != 0 && (acl_permissions_of(question->bucket->acl, asker, counts_groups) & of_bucket) != 0) ||
           (of_object != 0 && (acl_permissions_of(acl_of_object, asker, counts_groups) & of_object) != 0);
}

static SUSPENDS bool decide_by_grants(const struct access_question *question, enum access_source otherwise,
                                      struct access_answer *ret_answer)
{
    const struct access_bucket *bucket = question->bucket;
    struct span acl_of_object = SPAN_EMPTY;
    if (!access_counts_acls(bucket)) {
        answer(ret_answer, false, otherwise);
        return true;
    }
    if (access_object_permission(question->action) != 0 && !question->find_acl(question->context, &acl_of_object))
        return false;
    if (grants_allow(question, acl_of_object, !bucket->block.ignores_acls))
        answer(ret_answer, true, ACCESS_BY_ACL);
    else if (bucket->block.ignores_acls && grants_allow(question, acl_of_object, true))
        answer(ret_answer, false, ACCESS_BY_BLOCK);
    else
        answer(ret_answer, false, otherwise);
    return true;
}

/* Everything but what denies. */
static SUSPENDS bool decide_allows(const struct access_question *question, bool policy_allows,
                                   struct access_answer *ret_answer)
{
    const struct access_bucket *bucket = question->bucket;
    bool is_bucket_owner = is_askers(question, bucket->owner);
    bool of_object = access_counts_acls(bucket) && is_for_objects_owner(question->action);
    struct span owner = bucket->owner;
    enum access_source otherwise = ACCESS_BY_NOBODY;
    if (owner_decides(question)) {
        answer(ret_answer, true, ACCESS_BY_OWNER);
        return true;
    }
    if ((of_object || (access_counts_acls(bucket) && is_for_both_owners(question->action))) &&
        !question->find_owner(question->context, &owner))
        return false;
    if (question->key.size > 0 && is_askers(question, owner)) {
        answer(ret_answer, true, ACCESS_BY_OWNER);
        return true;
    }
    if (policy_allows && (!of_object || span_equal(owner, bucket->owner))) {
        if (is_bucket_owner || !bucket->block.restricts_buckets || !policy_is_public(bucket->policy)) {
            answer(ret_answer, true, ACCESS_BY_POLICY);
            return true;
        }
        otherwise = ACCESS_BY_BLOCK;
    }
    return decide_by_grants(question, otherwise, ret_answer);
}

SUSPENDS bool access_decide(const struct access_question *question, struct access_answer *ret_answer)
{
    const struct access_bucket *bucket = question->bucket;
    struct policy_decision decision = {.effect = POLICY_NONE};
    *ret_answer = (struct access_answer){.is_allowed = false};
    ASSERT(question->action < ACTIONS_COUNT);
    if (access_action_writes(question->action) && question->account != NULL &&
        question->account->role != ROLE_READWRITE) {
        answer(ret_answer, false, ACCESS_BY_ROLE);
        return true;
    }
    if (bucket == NULL) {
        answer(ret_answer, question->account != NULL, question->account != NULL ? ACCESS_BY_OWNER : ACCESS_BY_NOBODY);
        return true;
    }
    if (bucket->policy != NULL && !ask_policy(question, &decision))
        return false;
    bool is_root = is_askers(question, bucket->owner);
    ret_answer->statement = decision.statement;
    ret_answer->sid = decision.sid;
    if (decision.effect == POLICY_DENY && !(is_root && is_policy_call(question->action))) {
        answer(ret_answer, false, ACCESS_BY_DENY);
        return true;
    }
    return decide_allows(question, decision.effect == POLICY_ALLOW, ret_answer);
}
