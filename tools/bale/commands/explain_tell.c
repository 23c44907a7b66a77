/* tools/bale/commands/explain_tell.c -- what bale explain says. */
#include "tools/bale/commands/explain.h"

#include <json-c/json.h>
#include <stdio.h>

static const char *asker_name(const struct explanation *explanation)
{
    return explanation->account == NULL ? "anonymous" : explanation->account->id;
}

static void tell_statement(const struct access_answer *answer)
{
    printf("statement %u", answer->statement + 1);
    if (answer->sid.size > 0)
        printf(" (\"%.*s\")", SPAN_FORMAT(answer->sid));
}

/* ---- grants ---- */

static bool grant_is_to(const struct acl_grant *grant, struct span asker)
{
    switch (grant->grantee) {
    case ACL_ALL_USERS:
        return true;
    case ACL_AUTHENTICATED_USERS:
        return asker.size > 0;
    case ACL_ACCOUNT:
        return asker.size > 0 && span_equal(grant->account, asker);
    default:
        return false;
    }
}

/* Those of a list that give the asker what the action needs. */
static void tell_grants(const struct explanation *explanation, const char *whose, struct span packed, unsigned wanted)
{
    static const char *const groups[] = {
        [ACL_ALL_USERS] = "everyone (AllUsers)",
        [ACL_AUTHENTICATED_USERS] = "every account (AuthenticatedUsers)",
    };
    struct span asker = explanation->account == NULL ? SPAN_EMPTY : span_from_string(explanation->account->id);
    struct acl_grant grant;
    size_t position = 0;
    while (wanted != 0 && acl_next(packed, &position, &grant)) {
        if (!grant_is_to(&grant, asker) || (grant.permissions & (wanted | ACL_FULL_CONTROL)) == 0)
            continue;
        if (grant.grantee == ACL_ACCOUNT)
            printf("  a grant of the %s's ACL, to the account %.*s\n", whose, SPAN_FORMAT(grant.account));
        else
            printf("  a grant of the %s's ACL, to %s\n", whose, groups[grant.grantee]);
    }
}

static void tell_all_grants(const struct explanation *explanation)
{
    tell_grants(explanation, "bucket", explanation->access.acl, access_bucket_permission(explanation->action));
    if (explanation->has_object)
        tell_grants(explanation, "object", explanation->object_acl, access_object_permission(explanation->action));
}

/* ---- why ---- */

static void tell_nobody(const struct explanation *explanation)
{
    const struct access_bucket *access = &explanation->access;
    printf("  nothing allows it:");
    if (explanation->bucket.size == 0) {
        printf(" only an account may\n");
        return;
    }
    printf(" the bucket is the account %.*s's,", SPAN_FORMAT(access->owner));
    if (explanation->has_object)
        printf(" the object %.*s's,", SPAN_FORMAT(explanation->object_owner));
    printf(access->policy == NULL ? " it has no policy," : " no statement of its policy allows it,");
    printf(access_counts_acls(access) ? " no ACL grants it\n" : " and ACLs do not count (BucketOwnerEnforced)\n");
}

static void tell_why(const struct explanation *explanation)
{
    const struct access_answer *answer = &explanation->answer;
    switch (answer->source) {
    case ACCESS_BY_OWNER:
        printf(explanation->bucket.size == 0 ? "  it is the account's own affair\n"
               : explanation->has_object     ? "  the account owns what is asked for\n"
                                             : "  the bucket is the account's own\n");
        break;
    case ACCESS_BY_POLICY:
    case ACCESS_BY_DENY:
        printf("  %s of the bucket's policy, ", answer->source == ACCESS_BY_DENY ? "a Deny" : "an Allow");
        tell_statement(answer);
        printf("\n");
        break;
    case ACCESS_BY_ACL:
        tell_all_grants(explanation);
        break;
    case ACCESS_BY_BLOCK:
        printf("  the bucket's public access block strikes out what would allow it\n");
        tell_all_grants(explanation);
        break;
    case ACCESS_BY_ROLE:
        printf("  the key is readonly (role in the credentials file)\n");
        break;
    default:
        tell_nobody(explanation);
        break;
    }
}

static void tell_looked_up(const struct looked_up *looked_up)
{
    printf("  it depends on %s%s%.*s, ", condition_key_name(looked_up->key), looked_up->part.size > 0 ? "/" : "",
           SPAN_FORMAT(looked_up->part));
    if (looked_up->values.count == 0)
        printf("which is absent (--context gives it)");
    else
        printf("which is");
    for (unsigned i = 0; i < looked_up->values.count; i++)
        printf("%s \"%.*s\"", i > 0 ? "," : "", SPAN_FORMAT(looked_up->values.values[i]));
    printf("\n");
}

void explain_tell(const struct explanation *explanation)
{
    printf("%s: %s asks for %s", explanation->answer.is_allowed ? "allowed" : "refused", asker_name(explanation),
           action_name(explanation->action));
    if (explanation->bucket.size > 0)
        printf(" on arn:aws:s3:::%.*s%s%.*s", SPAN_FORMAT(explanation->bucket), explanation->key.size > 0 ? "/" : "",
               SPAN_FORMAT(explanation->key));
    printf("\n");
    tell_why(explanation);
    for (unsigned i = 0; i < explanation->looked_up_count; i++)
        tell_looked_up(&explanation->looked_up[i]);
}

/* ---- JSON ---- */

static struct json_object *text_of(struct span text)
{
    return json_object_new_string_len((const char *)text.data, (int)text.size);
}

static struct json_object *keys_of(const struct explanation *explanation)
{
    struct json_object *keys = json_object_new_object();
    for (unsigned i = 0; i < explanation->looked_up_count; i++) {
        const struct looked_up *looked_up = &explanation->looked_up[i];
        char name[256];
        struct json_object *values = json_object_new_array();
        for (unsigned j = 0; j < looked_up->values.count; j++)
            (void)json_object_array_add(values, text_of(looked_up->values.values[j]));
        (void)snprintf(name, sizeof name, "%s%s%.*s", condition_key_name(looked_up->key),
                       looked_up->part.size > 0 ? "/" : "", SPAN_FORMAT(looked_up->part));
        (void)json_object_object_add(keys, name, values);
    }
    return keys;
}

void explain_tell_json(const struct explanation *explanation)
{
    const struct access_answer *answer = &explanation->answer;
    struct json_object *document = json_object_new_object();
    (void)json_object_object_add(document, "allowed", json_object_new_boolean(answer->is_allowed));
    (void)json_object_object_add(document, "decided_by", json_object_new_string(access_source_name(answer->source)));
    if (answer->source == ACCESS_BY_POLICY || answer->source == ACCESS_BY_DENY) {
        (void)json_object_object_add(document, "statement", json_object_new_int64(answer->statement + 1));
        (void)json_object_object_add(document, "sid", text_of(answer->sid));
    }
    (void)json_object_object_add(document, "condition_keys", keys_of(explanation));
    printf("%s\n", json_object_to_json_string_ext(document, JSON_C_TO_STRING_NOSLASHESCAPE));
    json_object_put(document);
}
