/* s3client/credentials/provider.c -- the table of providers. */
#include "s3client/credentials/provider.h"

#include "s3client/credentials/container.h"
#include "s3client/credentials/environment_keys.h"
#include "s3client/credentials/instance.h"
#include "s3client/credentials/profile.h"
#include "s3client/credentials/sts.h"

static bool is_given(const char *text)
{
    return text != NULL && text[0] != '\0';
}

static const char *chosen_profile(const struct search *search)
{
    const char *name = search_variable(search, "AWS_PROFILE");
    return name != NULL ? name : search_variable(search, "AWS_DEFAULT_PROFILE");
}

/* ---- those that are only asked because somebody named them: there is no other one behind them ---- */

static enum found ask_named(const struct search *search, struct shared_files *files, const char *profile,
                            struct keys *ret_keys, struct error *error)
{
    enum found found = profile_ask(search, files, profile, ret_keys, error);
    char name[64];
    keys_quote(span_from_string(profile), name, sizeof name);
    if (found == FOUND_ABSENT && profile_exists(files, span_from_string(profile)))
        (void)error_set(
            error, ERROR_NOT_FOUND, NULL,
            "profile %s in %s says nothing of credentials: aws_access_key_id, role_arn, credential_process or "
            "web_identity_token_file",
            name, shared_files_names(files));
    else if (found == FOUND_ABSENT)
        (void)error_set(error, ERROR_NOT_FOUND, NULL, "there is no profile %s in %s", name, shared_files_names(files));
    return found == FOUND_ABSENT ? FOUND_FAILED : found;
}

static enum found ask_file_of_options(const struct search *search, struct keys *ret_keys, struct error *error)
{
    const struct credentials_options *options = search->options;
    if (!is_given(options->file))
        return FOUND_ABSENT;
    struct shared_files *files = shared_files_open_one(options->file, error);
    if (files == NULL)
        return FOUND_FAILED;
    const char *profile = is_given(options->profile) ? options->profile : "default";
    enum found found = ask_named(search, files, profile, ret_keys, error);
    shared_files_close(files);
    return found;
}

static enum found ask_profile_of_options(const struct search *search, struct keys *ret_keys, struct error *error)
{
    if (!is_given(search->options->profile))
        return FOUND_ABSENT;
    struct shared_files *files = shared_files_open(search, error);
    if (files == NULL)
        return FOUND_FAILED;
    enum found found = ask_named(search, files, search->options->profile, ret_keys, error);
    shared_files_close(files);
    return found;
}

/* ---- those that are set up or not ---- */

/* The region may stand in the profile, also where the role does not. */
static enum found ask_web_identity(const struct search *search, struct keys *ret_keys, struct error *error)
{
    const char *token_file = search_variable(search, "AWS_WEB_IDENTITY_TOKEN_FILE");
    const char *arn = search_variable(search, "AWS_ROLE_ARN");
    const char *session_name = search_variable(search, "AWS_ROLE_SESSION_NAME");
    const char *profile = chosen_profile(search);
    if (token_file == NULL)
        return FOUND_ABSENT;
    struct shared_files *files = shared_files_open(search, error);
    if (files == NULL)
        return FOUND_FAILED;
    const struct sts_role role = {
        .arn = arn == NULL ? SPAN_EMPTY : span_from_string(arn),
        .session_name = session_name == NULL ? SPAN_EMPTY : span_from_string(session_name),
        .region = profile_value(files, profile == NULL ? SPAN("default") : span_from_string(profile), "region"),
    };
    bool done = sts_assume_role_with_web_identity(search, &role, token_file, ret_keys, error);
    shared_files_close(files);
    return found_if(done);
}

static enum found ask_shared_files(const struct search *search, struct keys *ret_keys, struct error *error)
{
    const char *profile = chosen_profile(search);
    struct shared_files *files = shared_files_open(search, error);
    if (files == NULL)
        return FOUND_FAILED;
    enum found found = profile != NULL ? ask_named(search, files, profile, ret_keys, error)
                                       : profile_ask(search, files, "default", ret_keys, error);
    shared_files_close(files);
    return found;
}

/* ---- the table ---- */

static const struct provider PROVIDERS[] = {
    {"credentials file", ask_file_of_options}, {"profile", ask_profile_of_options},
    {"environment", environment_keys_ask},     {"web identity", ask_web_identity},
    {"shared files", ask_shared_files},        {"container", container_ask},
    {"instance metadata", instance_ask},
};
enum { PROVIDERS_COUNT = sizeof PROVIDERS / sizeof PROVIDERS[0] };

bool provider_find(const struct search *search, const struct provider **ret_provider, struct keys *ret_keys,
                   struct error *error)
{
    for (unsigned i = 0; i < PROVIDERS_COUNT; i++) {
        enum found found = PROVIDERS[i].ask(search, ret_keys, error);
        *ret_provider = &PROVIDERS[i];
        if (found == FOUND)
            return true;
        if (found == FOUND_FAILED && PROVIDERS[i].ask == instance_ask) /* which nobody has to set up */
            return error_prepend(error,
                                 "no credentials are set up (AWS_ACCESS_KEY_ID, --profile), and instance metadata");
        if (found == FOUND_FAILED)
            return error_prepend(error, "credentials (%s)", PROVIDERS[i].name);
    }
    return error_set(
        error, ERROR_NOT_FOUND, NULL,
        "there are no credentials for the backend: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or name a "
        "profile of ~/.aws/credentials with --profile; no container or instance offers any either");
}

bool provider_ask(const struct provider *provider, const struct search *search, struct keys *ret_keys,
                  struct error *error)
{
    (void)error_set(error, ERROR_NOT_FOUND, NULL, "it is not set up any more"); /* unless it has more to say */
    return provider->ask(search, ret_keys, error) == FOUND || error_prepend(error, "credentials (%s)", provider->name);
}
