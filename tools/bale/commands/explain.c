/* tools/bale/commands/explain.c -- bale explain: may this account do that, and what decides it?
 *
 * The decision is the server's own (server/access/access.h), over the settings, the object and the accounts as they lie
 * in the folder. What only a request can have (an address, headers) comes from --context, or is absent. */
#include "tools/bale/commands/explain.h"

#include "s3client/wire/date.h"
#include "s3client/wire/s3_error.h"
#include "server/s3/rights/authorize.h"
#include "tools/bale/command.h"
#include "tools/bale/session/session.h"
#include "tools/bale/view/settings_view.h"

#include <stdio.h>

enum { EXPLAIN_BYTES_MAX = 16 << 20 };

struct explain {
    const struct command_line *line;
    struct bucket_store *store; /* while it works */
    struct error *error;        /* why something could not be looked up */
    struct explanation found;
};

/* ---- what was asked ---- */

static bool read_action(struct explain *explain, struct error *error)
{
    const char *text = explain->line->action;
    explain->found.action = action_find(span_from_string(text));
    return explain->found.action != ACTION_NONE ||
           error_set(error, ERROR_INVALID, NULL, "--action %s: there is no such action, as s3:GetObject is one", text);
}

/* arn:aws:s3:::BUCKET[/KEY], with or without what stands before the bucket. */
static bool read_resource(struct explain *explain, struct error *error)
{
    struct explanation *found = &explain->found;
    const struct span stem = SPAN("arn:aws:s3:::");
    struct span text = explain->line->resource == NULL ? SPAN_EMPTY : span_from_string(explain->line->resource);
    if (action_resource(found->action) == RESOURCE_ACCOUNT || found->action == ACTION_CreateBucket)
        return true; /* the account's own affair: of no bucket that there is */
    if (span_starts_with(text, stem))
        text = span_skip(text, stem.size);
    size_t slash = span_find(text, '/');
    found->bucket = slash == SIZE_MAX ? text : span_take(text, slash);
    found->key = slash == SIZE_MAX ? SPAN_EMPTY : span_skip(text, slash + 1);
    bool is_of_object = action_resource(found->action) == RESOURCE_OBJECT;
    if (is_of_object != (found->key.size > 0))
        return error_set(error, ERROR_INVALID, NULL, "%s is done to %s: --resource arn:aws:s3:::BUCKET%s",
                         action_name(found->action), is_of_object ? "an object" : "a bucket",
                         is_of_object ? "/KEY" : "");
    if (found->key.size > OBJECT_KEY_BYTES_MAX)
        return error_set(error, ERROR_INVALID, NULL, "--resource: a key has at most %d bytes", OBJECT_KEY_BYTES_MAX);
    return session_check_bucket(found->bucket, error);
}

/* By id or by access key. */
static bool read_account(struct explain *explain, const struct accounts *accounts, const char *path,
                         struct error *error)
{
    const char *text = explain->line->account;
    if (strcmp(text, "anonymous") == 0)
        return true;
    explain->found.account = accounts_find_id(accounts, span_from_string(text));
    if (explain->found.account == NULL)
        explain->found.account = accounts_find(accounts, span_from_string(text));
    return explain->found.account != NULL ||
           error_set(error, ERROR_NOT_FOUND, NULL, "--account %s: %s has neither such an id nor such an access key",
                     text, path);
}

/* {"aws:SourceIp": "10.1.2.3", "s3:RequestObjectTagKeys": ["a", "b"]} */
static bool read_context(struct explain *explain, struct error *error)
{
    struct explanation *found = &explain->found;
    enum condition_key key;
    struct span part;
    if (explain->line->context == NULL)
        return true;
    if (!json_parse(span_from_string(explain->line->context), &found->arena, &found->arena, &found->context, error))
        return error_prepend(error, "--context");
    for (const struct json_value *member = found->context->first; member != NULL; member = member->next)
        if (!condition_key_find(member->name, &key, &part))
            return error_set(error, ERROR_INVALID, NULL, "--context: there is no condition key %.*s",
                             SPAN_FORMAT(span_take(member->name, 64)));
    return true;
}

/* ---- what the policy wants to know ---- */

static bool refuse_size(const struct explain *explain)
{
    return error_set(explain->error, ERROR_TOO_LARGE, NULL, "the policy asks for too much");
}

static bool give(struct explain *explain, struct span value, struct policy_values *ret_values)
{
    struct span *kept = arena_allocate(&explain->found.arena, sizeof *kept);
    struct span copy = arena_copy(&explain->found.arena, value);
    if (kept == NULL || copy.data == NULL)
        return refuse_size(explain);
    *kept = copy;
    *ret_values = (struct policy_values){kept, 1};
    return true;
}

/* From --context. *ret_given: it is there. */
static bool give_from_context(struct explain *explain, enum condition_key key, struct span part,
                              struct policy_values *ret_values, bool *ret_given)
{
    const struct json_value *member = explain->found.context == NULL ? NULL : explain->found.context->first;
    enum condition_key named;
    struct span named_part;
    while (member != NULL &&
           !(condition_key_find(member->name, &named, &named_part) && named == key && span_equal(named_part, part)))
        member = member->next;
    *ret_given = member != NULL;
    if (member == NULL)
        return true;
    unsigned count = member->kind == JSON_LIST ? member->count : 1;
    struct span *values = arena_allocate(&explain->found.arena, count * sizeof *values);
    if (values == NULL)
        return refuse_size(explain);
    const struct json_value *item = member->kind == JSON_LIST ? member->first : member;
    for (unsigned i = 0; i < count; i++, item = item->next)
        values[i] = item->text;
    *ret_values = (struct policy_values){values, count};
    return true;
}

static SUSPENDS bool give_existing_tag(struct explain *explain, struct span tag, struct policy_values *ret_values)
{
    const struct object_name name = {explain->found.bucket, explain->found.key, SPAN_EMPTY};
    struct buffer packed;
    struct span value;
    buffer_init(&packed, 0);
    bool ok = bucket_read_tags(explain->store, &name, &packed, NULL, explain->error);
    if (ok && metadata_find(buffer_span(&packed), tag, &value))
        ok = give(explain, value, ret_values);
    else if (!ok)
        ok = explain->error->kind == ERROR_NOT_FOUND;
    buffer_free(&packed);
    return ok;
}

/* What can be known without a request. */
static SUSPENDS bool give_known(struct explain *explain, enum condition_key key, struct span part,
                                struct policy_values *ret_values)
{
    const struct account *account = explain->found.account;
    char text[sizeof "arn:aws:iam:::root" + ACCOUNT_ID_BYTES_MAX + DATE_TEXT_BYTES];
    switch (key) {
    case KEY_PrincipalArn:
        (void)snprintf(text, sizeof text, "arn:aws:iam::%s:root", account == NULL ? "" : account->id);
        return account == NULL || give(explain, span_from_string(text), ret_values);
    case KEY_PrincipalAccount:
        return account == NULL || give(explain, span_from_string(account->id), ret_values);
    case KEY_userid:
        return give(explain, span_from_string(account == NULL ? "anonymous" : account->id), ret_values);
    case KEY_PrincipalType:
        return give(explain, account == NULL ? SPAN("Anonymous") : SPAN("Account"), ret_values);
    case KEY_ResourceAccount:
    case KEY_S3ResourceAccount:
        return give(explain, explain->found.access.owner, ret_values);
    case KEY_CurrentTime:
        date_format_xml(explain->found.now_ms, text);
        return give(explain, span_from_string(text), ret_values);
    case KEY_EpochTime:
        (void)snprintf(text, sizeof text, "%lld", (long long)(explain->found.now_ms / 1000));
        return give(explain, span_from_string(text), ret_values);
    case KEY_ExistingObjectTag:
        return give_existing_tag(explain, part, ret_values);
    default:
        return true;
    }
}

static void note(struct explanation *found, enum condition_key key, struct span part, struct policy_values values)
{
    for (unsigned i = 0; i < found->looked_up_count; i++)
        if (found->looked_up[i].key == key && span_equal(found->looked_up[i].part, part))
            return;
    if (found->looked_up_count < EXPLAIN_LOOKED_UP_MAX)
        found->looked_up[found->looked_up_count++] = (struct looked_up){key, part, values};
}

static SUSPENDS bool find(void *context, enum condition_key key, struct span part, struct policy_values *ret_values)
{
    struct explain *explain = context;
    bool is_given;
    *ret_values = (struct policy_values){NULL, 0};
    if (!give_from_context(explain, key, part, ret_values, &is_given) ||
        (!is_given && !give_known(explain, key, part, ret_values)))
        return false;
    note(&explain->found, key, part, *ret_values);
    return true;
}

static SUSPENDS bool find_owner(void *context, struct span *ret_owner)
{
    struct explain *explain = context;
    struct explanation *found = &explain->found;
    const struct object_name name = {found->bucket, found->key, SPAN_EMPTY};
    struct object_attributes attributes;
    if (!bucket_head(explain->store, &name, &found->arena, &attributes, explain->error))
        return explain->error->kind == ERROR_NOT_FOUND; /* it would be the bucket owner's */
    if (attributes.owner.size > 0)
        *ret_owner = attributes.owner;
    found->object_owner = *ret_owner;
    found->object_acl = attributes.acl; /* in a folder it is the one that counts */
    found->has_object = true;
    return true;
}

static SUSPENDS bool find_acl(void *context, struct span *ret_acl)
{
    *ret_acl = ((struct explain *)context)->found.object_acl;
    return true;
}

/* ---- the decision ---- */

static SUSPENDS bool decide(struct explain *explain, const struct access_bucket *bucket, struct error *error)
{
    struct explanation *found = &explain->found;
    const struct access_question question = {
        .account = found->account,
        .action = found->action,
        .bucket = bucket,
        .key = found->key,
        .find_owner = find_owner,
        .find_acl = find_acl,
        .find = find,
        .context = explain,
    };
    found->looked_up_count = 0;
    found->has_object = false;
    explain->error = error;
    return access_decide(&question, &found->answer);
}

/* While what the answer names is still there. Returns true. */
static bool tell(const struct explain *explain)
{
    if (explain->line->json)
        explain_tell_json(&explain->found);
    else
        explain_tell(&explain->found);
    return true;
}

static SUSPENDS bool work(struct bucket_store *snapshot, const struct ledger_view *view, void *context,
                          struct error *error)
{
    struct explain *explain = context;
    struct explanation *found = &explain->found;
    struct bucket_info info;
    explain->store = snapshot;
    if (found->bucket.size == 0)
        return decide(explain, NULL, error) && tell(explain);
    if (!bucket_find(snapshot, found->bucket, &info, error))
        return error_set(error, ERROR_NOT_FOUND, NULL, "there is no bucket %.*s", SPAN_FORMAT(found->bucket));
    const struct bucket_settings *settings = settings_view_read(snapshot, view, &info);
    bool done = settings_are_whole(settings, error);
    if (done) {
        s3_access_of(&info, settings, &found->access);
        done = decide(explain, &found->access, error) && tell(explain);
    }
    settings_view_drop(settings);
    return done;
}

static bool explain_with(struct explain *explain, const struct accounts *accounts, const char *path,
                         struct error *error)
{
    return read_action(explain, error) && read_resource(explain, error) &&
           read_account(explain, accounts, path, error) && read_context(explain, error) &&
           ledger_view_run(explain->line->folder, work, explain, error);
}

bool command_explain(const struct command_line *line, struct error *error)
{
    struct explain explain = {.line = line, .found.now_ms = clock_wall_ms(clock_system())};
    char path[1024];
    (void)snprintf(path, sizeof path, "%s/credentials", line->folder);
    const char *credentials = line->credentials != NULL ? line->credentials : path;
    if (!session_find_folder(line->folder, error))
        return false;
    struct accounts *accounts = accounts_load(credentials, error);
    if (accounts == NULL)
        return error_prepend(error, "the accounts cannot be read (--credentials)");
    arena_init(&explain.found.arena, EXPLAIN_BYTES_MAX);
    bool done = explain_with(&explain, accounts, credentials, error);
    arena_free(&explain.found.arena);
    accounts_free(accounts);
    return done;
}
