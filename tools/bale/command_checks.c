/* tools/bale/command_checks.c -- what options of one command say of each other. */
#include "tools/bale/command_checks.h"

#include "server/maintenance/policy.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

bool command_check_check(const struct command_line *line, struct error *error)
{
    return line->copy == NULL || line->repair ||
           error_set(error, ERROR_INVALID, NULL, "--copy goes with --repair: it replaces the catalogue");
}

bool command_check_export(const struct command_line *line, struct error *error)
{
    return line->bucket != NULL ||
           error_set(error, ERROR_INVALID, NULL, "it needs --bucket NAME; bale savings lists the buckets");
}

bool command_check_estimate(const struct command_line *line, struct error *error)
{
    /* The same words as for --backend, where one of its kinds is meant. */
    static const struct option backend = {"TARGET", OPTION_BACKEND, offsetof(struct command_line, backend),
                                          .default_text = NULL};
    const struct setting setting = {&backend, "TARGET", line->target};
    struct command_line ignored = {0};
    bool is_store = strncmp(line->target, "dir:", 4) == 0;
    bool is_kind = is_store || strncmp(line->target, "s3:", 3) == 0;
    bool done = !is_kind || option_read(&setting, &ignored, error);
    free(ignored.backend);
    if (done && !is_store && (line->bucket != NULL || line->prefix != NULL))
        return error_set(error, ERROR_INVALID, NULL,
                         "--bucket and --prefix go with dir:PATH; of a bucket say "
                         "s3:BUCKET/PREFIX, of files the folder");
    return done;
}

bool command_check_explain(const struct command_line *line, struct error *error)
{
    return (line->account != NULL && line->action != NULL) ||
           error_set(error, ERROR_INVALID, NULL, "it needs --account and --action, and mostly --resource");
}

bool command_check_journal(const struct command_line *line, struct error *error)
{
    unsigned works = line->restore + line->adopt + line->begin_anew + line->test_store + (line->release != NULL);
    if (works > 1 || (works == 1 && (line->follow || line->verify || line->json)))
        return error_set(error, ERROR_INVALID, NULL,
                         "--restore, --adopt, --begin-anew, --test-store and --release go alone: give one of them");
    if (line->yes && !line->restore && !line->adopt && !line->begin_anew)
        return error_set(error, ERROR_INVALID, NULL, "--yes goes with --restore, --adopt or --begin-anew");
    return true;
}

/* All errors of the policy are said here, before anything is opened. */
bool command_check_maintain(const struct command_line *line, struct error *error)
{
    static struct policy policy; /* large */
    if (line->policy == NULL)
        return error_set(error, ERROR_INVALID, NULL, "it needs --policy FILE");
    bool is_bucket = config_is_bucket(&line->where);
    if (line->state != NULL && !is_bucket)
        return error_set(error, ERROR_INVALID, NULL,
                         "--state goes with --backend s3:BUCKET; a folder has its ledger in it");
    bool done = policy_load(line->policy, &policy, stderr, error);
    bool needs_state = done && line->execute && is_bucket && policy_rewrites(&policy);
    bool needs_keys = done && policy_encrypts(&policy) && line->admin_socket == NULL; /* a server has its own */
    policy_free(&policy);
    if (needs_keys && line->keyring == NULL)
        return error_set(error, ERROR_INVALID, NULL, "encrypt needs --keyring FILE");
    if (needs_state && line->state == NULL && line->admin_socket == NULL)
        return error_set(error, ERROR_INVALID, NULL,
                         "recompact, transition and encrypt change what the savings ledger counts: give --state DIR, a "
                         "folder of these runs alone");
    return done;
}

bool command_check_backend(const struct command_line *line, struct error *error)
{
    if (line->forget && !line->test)
        return error_set(error, ERROR_INVALID, NULL, "--forget goes with --test");
    return config_is_bucket(&line->where) ||
           error_set(error, ERROR_INVALID, NULL,
                     "it needs --backend s3:BUCKET; the store in a folder can do everything that is asked of it");
}

bool command_check_fleet(const struct command_line *line, struct error *error)
{
    return config_is_bucket(&line->where) ||
           error_set(error, ERROR_INVALID, NULL,
                     "it needs --backend s3:BUCKET; a folder has one process, which /fleet of its admin port shows");
}

bool command_check_dict(const struct command_line *line, struct error *error)
{
    return !line->s4 || strcmp(line->target, "list") == 0 ||
           error_set(error, ERROR_INVALID, NULL, "--s4 goes with bale dict list");
}

bool command_check_keyring(const struct command_line *line, struct error *error)
{
    if (line->yes && strcmp(line->target, "destroy") != 0)
        return error_set(error, ERROR_INVALID, NULL, "--yes goes with bale keyring destroy");
    if (line->from != NULL && strcmp(line->target, "rotate") != 0 && strcmp(line->target, "adopt") != 0)
        return error_set(error, ERROR_INVALID, NULL, "--from goes with bale keyring rotate, and adopt");
    return line->keyring != NULL || error_set(error, ERROR_INVALID, NULL, "it needs --keyring FILE");
}

/* BUCKET/KEY, and both are there. */
static bool names_object(const char *text)
{
    const char *slash = strchr(text, '/');
    return slash != NULL && slash != text && slash[1] != '\0';
}

bool command_check_lifecycle(const struct command_line *line, struct error *error)
{
    if (line->explain != NULL && !names_object(line->explain))
        return error_set(error, ERROR_INVALID, NULL, "say of what: --explain BUCKET/KEY");
    if (line->version != NULL && line->explain == NULL)
        return error_set(error, ERROR_INVALID, NULL, "--version goes with --explain");
    return (line->explain != NULL) + (line->native != NULL) + line->confirm_clock <= 1 ||
           error_set(error, ERROR_INVALID, NULL, "--explain, --native and --confirm-clock do not go together");
}

bool command_check_tier(const struct command_line *line, struct error *error)
{
    if (line->replay != NULL && line->drop)
        return error_set(error, ERROR_INVALID, NULL, "--replay and --drop do not go together");
    if (line->target != NULL && !line->drop)
        return error_set(error, ERROR_INVALID, NULL, "%s: a key goes with --drop only", line->target);
    return line->target == NULL || names_object(line->target) ||
           error_set(error, ERROR_INVALID, NULL, "%s: say of what: BUCKET/KEY", line->target);
}

bool command_check_stamp(const struct command_line *line, struct error *error)
{
    return config_is_bucket(&line->where) ||
           error_set(error, ERROR_INVALID, NULL,
                     "it needs --backend s3:BUCKET; bale export writes what S4 reads of a folder");
}
