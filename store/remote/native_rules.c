/* store/remote/native_rules.c -- lifecycle rules of the backend's own, which know nothing of what is Bale's there. */
#include "s3client/operations.h"
#include "s3client/wire/s3_error.h"
#include "store/remote/store.h"

#include <string.h>

enum { RULES_BYTES = 4 << 20 };

/* Without these there are no settings of buckets, and nobody reads what a dictionary was used for. */
static const struct span own_folders[] = {SPAN(".bale/"), SPAN(".s4dict/")};

/* Do keys exist that begin with both? */
static bool meets(struct span prefix, struct span folder)
{
    return span_starts_with(folder, prefix) || span_starts_with(prefix, folder);
}

/* What is Bale's own has no tags. Former versions of it may go: nobody reads them. */
static bool is_danger(const struct remote *remote, const struct s3_lifecycle_rule *rule)
{
    char text[OBJECT_KEY_BYTES_MAX];
    bool covers = false;
    for (unsigned i = 0; i < sizeof own_folders / sizeof own_folders[0]; i++)
        covers |= meets(rule->prefix, remote_own_key(remote, own_folders[i], text));
    return covers && rule->is_enabled && !rule->has_tags && (rule->expires || rule->moves);
}

static void name_rule(const struct s3_lifecycle_rule *rule, char ret_id[REMOTE_RULE_ID_BYTES])
{
    struct span id = span_take(rule->id.size > 0 ? rule->id : SPAN("without an ID"), REMOTE_RULE_ID_BYTES - 1);
    memcpy(ret_id, id.data, id.size);
    ret_id[id.size] = '\0';
}

SUSPENDS bool remote_find_native_rule(struct bucket_store *store, char ret_id[REMOTE_RULE_ID_BYTES],
                                      struct error *error)
{
    struct remote *remote = remote_of(store);
    struct remote_shard *shard = remote_shard_here(remote);
    const struct s3_call call = {.bucket = span_from_string(remote->settings.bucket), .repeat = S3_REPEAT};
    struct s3_lifecycle_rule *rules = NULL;
    struct s3_answer answer;
    struct arena arena;
    unsigned count = 0;
    ret_id[0] = '\0';
    arena_init(&arena, RULES_BYTES);
    bool done = s3_client_get_lifecycle(shard->client, &call, &arena, &rules, &count, &answer, error) ||
                error->code == S3_NoSuchLifecycleConfiguration ||
                error->kind == ERROR_UNSUPPORTED; /* a server that knows no rules has none */
    for (unsigned i = 0; i < count && ret_id[0] == '\0'; i++) {
        if (is_danger(remote, &rules[i]))
            name_rule(&rules[i], ret_id);
    }
    arena_free(&arena);
    return done;
}
