/* server/s3/rights/authorize.c -- the question of the one door, put together from a request, and its refusal. */
#include "server/s3/rights/authorize.h"

#include "runtime/base/assert.h"
#include "s3client/wire/s3_error.h"
#include "server/s3/rights/condition_values.h"

#include <stdio.h>

static const enum s3_action actions[S3_OPERATIONS] = {
#define S3_OPERATION(name, action, writes) ACTION_##action,
#include "server/s3/operations.def"
#undef S3_OPERATION
};

bool s3_operation_changes_settings(enum s3_operation operation)
{
    enum s3_action action = actions[operation];
    return action != ACTION_NONE && s3_operation_writes(operation) && action_resource(action) == RESOURCE_BUCKET &&
           action != ACTION_CreateBucket && action != ACTION_DeleteBucket;
}

void s3_access_of(const struct bucket_info *info, const struct bucket_settings *settings,
                  struct access_bucket *ret_access)
{
    *ret_access = (struct access_bucket){
        .name = span_from_string(info->name),
        .owner = span_from_string(info->owner),
        .ownership = OWNERSHIP_ENFORCED,
    };
    if (settings == settings_none())
        return;
    const enum ownership *ownership = settings_compiled(settings, SETTING_OWNERSHIP);
    const struct public_access_block *block = settings_compiled(settings, SETTING_PUBLIC_ACCESS_BLOCK);
    if (ownership != NULL)
        ret_access->ownership = *ownership;
    if (block != NULL)
        ret_access->block = *block;
    ret_access->acl = settings_document(settings, SETTING_ACL);
    ret_access->policy = settings_compiled(settings, SETTING_POLICY);
}

/* Of a version that is named, the action that IAM has for versions. */
static enum s3_action action_on_version(enum s3_action action)
{
    switch (action) {
    case ACTION_GetObject:
        return ACTION_GetObjectVersion;
    case ACTION_GetObjectAcl:
        return ACTION_GetObjectVersionAcl;
    case ACTION_GetObjectAttributes:
        return ACTION_GetObjectVersionAttributes;
    case ACTION_GetObjectTagging:
        return ACTION_GetObjectVersionTagging;
    case ACTION_PutObjectAcl:
        return ACTION_PutObjectVersionAcl;
    case ACTION_PutObjectTagging:
        return ACTION_PutObjectVersionTagging;
    case ACTION_DeleteObject:
        return ACTION_DeleteObjectVersion;
    case ACTION_DeleteObjectTagging:
        return ACTION_DeleteObjectVersionTagging;
    default:
        return action;
    }
}

/* ---- the refusal ---- */

static const char *reason_of(const struct access_answer *answer)
{
    switch (answer->source) {
    case ACCESS_BY_DENY:
        return "with an explicit deny in the bucket's policy";
    case ACCESS_BY_BLOCK:
        return "because the bucket's public access block strikes out what would allow it";
    case ACCESS_BY_ROLE:
        return "because its role is readonly";
    default:
        return "because nothing allows it";
    }
}

/* Whoever is not of the owner's account learns nothing but the refusal. */
__attribute__((cold)) static bool refuse(struct s3_request *request, const struct s3_target *target,
                                         enum s3_action action, const struct access_answer *answer, struct error *error)
{
    const struct account *account = request->authentication.account;
    request->outcome.decided_by = answer->source;
    if (account == NULL || (target->bucket != NULL && !s3_is_bucket_owner(request, target->bucket)))
        return error_set(error, ERROR_DENIED, S3_AccessDenied, "Access Denied");
    if (target->bucket == NULL)
        return error_set(error, ERROR_DENIED, S3_AccessDenied, "The account %s is not authorized to perform %s, %s.",
                         account->name, action_name(action), reason_of(answer));
    return error_set(error, ERROR_DENIED, S3_AccessDenied,
                     "The account %s is not authorized to perform %s on arn:aws:s3:::%.*s%s%.*s, %s.", account->name,
                     action_name(action), SPAN_FORMAT(target->bucket->name), target->key.size > 0 ? "/" : "",
                     SPAN_FORMAT(span_take(target->key, 64)), reason_of(answer));
}

/* ---- the question ---- */

struct asking {
    struct s3_request *request;
    const struct s3_target *target;
    struct error *error;
    const struct object_attributes *object; /* whose owner was asked for; NULL: it is new, or not there */
    struct object_attributes found;
};

/* No such key or version, or a delete marker in its place. */
static bool is_no_object(const struct error *error)
{
    return error->kind == ERROR_NOT_FOUND || (error->code != NULL && strcmp(error->code, S3_MethodNotAllowed) == 0);
}

static const struct judged_revision nothing;

/* Which revision the decisions are about: the first that they have seen. */
static void note_judged(struct s3_request *request, const struct judged_revision *revision)
{
    if (request->has_judged_object)
        return;
    request->has_judged_object = true;
    request->judged = *revision;
}

static struct judged_revision revision_of(const struct object_attributes *attributes)
{
    struct judged_revision revision = {.number = attributes->revision};
    memcpy(revision.stored_etag, attributes->stored_etag, sizeof revision.stored_etag);
    return revision;
}

static bool is_revision(const struct judged_revision *revision, const struct object_attributes *attributes)
{
    return revision->number == attributes->revision && strcmp(revision->stored_etag, attributes->stored_etag) == 0;
}

static SUSPENDS bool find_owner(void *context, struct span *ret_owner)
{
    struct asking *asking = context;
    struct s3_request *request = asking->request;
    const struct s3_target *target = asking->target;
    const struct object_name name = {target->bucket->name, target->key, target->version};
    if (target->is_new) {
        *ret_owner = s3_is_anonymous(request) ? target->bucket->owner : s3_asker_id(request);
        return true;
    }
    if (request->opened == NULL &&
        !bucket_head(request->settings->store, &name, request->arena, &asking->found, asking->error)) {
        note_judged(request, &nothing);
        return is_no_object(asking->error);
    }
    asking->object = request->opened != NULL ? request->opened : &asking->found;
    const struct judged_revision revision = revision_of(asking->object);
    note_judged(request, &revision);
    if (asking->object->owner.size > 0)
        *ret_owner = asking->object->owner;
    return true;
}

static SUSPENDS bool find_acl(void *context, struct span *ret_acl)
{
    struct asking *asking = context;
    const struct object_name name = {asking->target->bucket->name, asking->target->key, asking->target->version};
    *ret_acl = SPAN_EMPTY;
    return asking->object == NULL || bucket_read_acl(asking->request->settings->store, &name, asking->object,
                                                     asking->request->arena, ret_acl, asking->error);
}

/* Of the object as it is now, if one is there. */
static SUSPENDS bool find_revision(struct asking *asking, const struct object_name *name,
                                   struct judged_revision *ret_revision)
{
    struct s3_request *request = asking->request;
    struct object_attributes attributes;
    bool found = bucket_head(request->settings->store, name, request->arena, &attributes, asking->error);
    *ret_revision = found ? revision_of(&attributes) : nothing;
    return found || is_no_object(asking->error);
}

/* Tags are read by name. A decision that asks for them is about the revision that was there before; and where it is
 * about an object that has been opened, they must be that one's. */
static SUSPENDS bool find_tag(struct asking *asking, const struct object_name *name, struct span part,
                              struct policy_values *ret_values)
{
    struct s3_request *request = asking->request;
    struct judged_revision revision;
    if (request->opened == NULL) {
        if (!find_revision(asking, name, &revision))
            return false;
        note_judged(request, &revision);
    }
    if (!condition_values_find(request, name, asking->target->bucket->owner, KEY_ExistingObjectTag, part, ret_values,
                               asking->error))
        return false;
    if (request->opened == NULL)
        return true;
    return find_revision(asking, name, &revision) &&
           (is_revision(&revision, request->opened) ||
            error_set(asking->error, ERROR_CHANGED, S3_SlowDown,
                      "The object was replaced while it was being read. Try again."));
}

static SUSPENDS bool find(void *context, enum condition_key key, struct span part, struct policy_values *ret_values)
{
    struct asking *asking = context;
    const struct object_name name = {asking->target->bucket->name, asking->target->key, asking->target->version};
    if (key == KEY_ExistingObjectTag)
        return find_tag(asking, &name, part, ret_values);
    return condition_values_find(asking->request, &name, asking->target->bucket->owner, key, part, ret_values,
                                 asking->error);
}

static SUSPENDS bool decide(struct s3_request *request, const struct s3_target *target, enum s3_action action,
                            struct access_answer *ret_answer, struct error *error)
{
    struct asking asking = {.request = request, .target = target, .error = error};
    const struct access_question question = {
        .account = request->authentication.account,
        .action = target->version.size > 0 ? action_on_version(action) : action,
        .bucket = target->bucket,
        .key = action_resource(action) == RESOURCE_OBJECT ? target->key : SPAN_EMPTY,
        .find_owner = find_owner,
        .find_acl = find_acl,
        .find = find,
        .context = &asking,
    };
    return access_decide(&question, ret_answer);
}

SUSPENDS bool s3_authorize_action(struct s3_request *request, const struct s3_target *target, enum s3_action action,
                                  struct error *error)
{
    struct access_answer answer;
    if (!decide(request, target, action, &answer, error))
        return false;
    if (!answer.is_allowed)
        return refuse(request, target, target->version.size > 0 ? action_on_version(action) : action, &answer, error);
    request->outcome.decided_by = answer.source;
    return true;
}

SUSPENDS bool s3_may(struct s3_request *request, const struct s3_target *target, enum s3_action action)
{
    struct access_answer answer;
    struct error ignored;
    return decide(request, target, action, &answer, &ignored) && answer.is_allowed;
}

SUSPENDS bool s3_judge_opened(struct s3_request *request, const struct s3_target *target, enum s3_action action,
                              const struct object_attributes *attributes, struct error *error)
{
    return !request->has_judged_object || is_revision(&request->judged, attributes) ||
           s3_authorize_opened(request, target, action, attributes, error);
}

SUSPENDS bool s3_authorize_opened(struct s3_request *request, const struct s3_target *target, enum s3_action action,
                                  const struct object_attributes *attributes, struct error *error)
{
    request->opened = attributes;
    bool may = s3_authorize_action(request, target, action, error);
    request->opened = NULL;
    return may;
}

SUSPENDS bool s3_authorize_new(struct s3_request *request, enum s3_action action, struct error *error)
{
    const struct s3_target target = {.bucket = &request->access, .key = request->key, .is_new = true};
    return s3_authorize_action(request, &target, action, error);
}

/* ---- keys that are not there (statement 491) ---- */

/* s3:ListBucket, asked with s3:prefix = the key. */
static SUSPENDS bool may_list(struct s3_request *request, const struct s3_target *target)
{
    const struct s3_target bucket = {.bucket = target->bucket};
    request->missed_key = target->key;
    bool may = s3_may(request, &bucket, ACTION_ListBucket);
    request->missed_key = SPAN_EMPTY;
    return may;
}

SUSPENDS bool s3_hide_missing(struct s3_request *request, const struct s3_target *target, struct error *error)
{
    bool is_plain = s3_is_bucket_owner(request, target->bucket) && target->bucket->policy == NULL;
    if (is_plain || may_list(request, target))
        return false;
    request->has_no_version = false;
    request->marker_version[0] = '\0';
    return error_set(error, ERROR_DENIED, S3_AccessDenied, "Access Denied");
}

/* Nobody allowed it, but there is nothing that could have been allowed. */
static SUSPENDS bool is_missing_and_known(struct s3_request *request, const struct s3_target *target)
{
    const struct object_name name = {target->bucket->name, target->key, target->version};
    struct object_attributes attributes;
    struct error error;
    if (!may_list(request, target) ||
        bucket_head(request->settings->store, &name, request->arena, &attributes, &error) || !is_no_object(&error))
        return false;
    request->outcome.decided_by = ACCESS_UNDECIDED;
    request->has_judged_object = false;
    note_judged(request, &nothing); /* whatever is opened was made meanwhile, and must be judged */
    return true;
}

/* ---- what operations need ---- */

/* Whatever policy or list of grants say (statement 492). */
static bool is_never_anonymous(enum s3_operation operation)
{
    switch (operation) {
    case S3_ListBuckets:
    case S3_CreateBucket:
    case S3_CreateMultipartUpload:
    case S3_UploadPart:
    case S3_CopyObject:
    case S3_UploadPartCopy:
    case S3_CompleteMultipartUpload:
    case S3_GetBucketPolicy:
    case S3_PutBucketPolicy:
    case S3_DeleteBucketPolicy:
    case S3_GetBucketOwnershipControls:
    case S3_PutBucketOwnershipControls:
    case S3_DeleteBucketOwnershipControls:
    case S3_GetObjectLockConfiguration:
    case S3_PutObjectLockConfiguration:
        return true;
    default:
        return false;
    }
}

SUSPENDS bool s3_authorize(struct s3_request *request, enum s3_operation operation, bool has_bucket,
                           struct error *error)
{
    struct s3_target target = {.bucket = NULL};
    enum s3_action action = actions[operation];
    request->has_judged_object = false;
    if (action == ACTION_NONE || (s3_is_anonymous(request) && is_never_anonymous(operation)))
        return error_set(error, ERROR_DENIED, S3_AccessDenied, "Access Denied");
    if (has_bucket) {
        s3_access_of(&request->bucket_info, request->bucket_settings, &request->access);
        if (access_is_plainly_owners(&request->access, request->authentication.account)) {
            request->outcome.decided_by = ACCESS_BY_OWNER;
            return true;
        }
        target = (struct s3_target){.bucket = &request->access, .key = request->key};
    }
    if (request->level == LEVEL_OBJECT && !s3_request_version(request, &target.version, error))
        return false;
    if (operation == S3_DeleteObjects) /* it needs a right to each of its keys (statement 533) */
        return true;
    if (operation == S3_GetObjectAttributes && !s3_authorize_action(request, &target, ACTION_GetObject, error))
        return false;
    if (s3_authorize_action(request, &target, action, error))
        return true;
    if (request->waits_for_body)
        return true; /* until it has been read: s3_authorize_body */
    return action == ACTION_GetObject && request->outcome.decided_by != ACCESS_BY_DENY &&
           is_missing_and_known(request, &target);
}

SUSPENDS bool s3_authorize_body(struct s3_request *request, struct error *error)
{
    request->waits_for_body = false;
    return request->access.policy == NULL || s3_authorize(request, request->outcome.operation, true, error);
}
