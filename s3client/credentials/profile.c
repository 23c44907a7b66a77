/* s3client/credentials/profile.c -- reads the shared files, and follows a profile to its keys. */
#include "s3client/credentials/profile.h"

#include "runtime/base/assert.h"
#include "runtime/base/read_file.h"
#include "s3client/credentials/container.h"
#include "s3client/credentials/environment_keys.h"
#include "s3client/credentials/instance.h"
#include "s3client/credentials/process.h"
#include "s3client/credentials/shared_file.h"
#include "s3client/credentials/sts.h"

#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { PATH_BYTES = 1024, CHAIN_MAX = 8 };

struct shared_files {
    char paths[2][PATH_BYTES]; /* by enum shared_file_kind; "": there is no such file */
    struct buffer texts[2];
    char names[2 * PATH_BYTES + 8];
};

/* ---- the files ---- */

/* "~" is looked up where HOME is not set, as for a service. */
static bool find_path(const struct search *search, const char *variable, const char *usual, char *ret_path,
                      struct error *error)
{
    struct passwd user;
    struct passwd *found = NULL;
    char room[1024];
    const char *path = search_variable(search, variable);
    const char *home = search_variable(search, "HOME");
    bool is_usual = path == NULL;
    if (is_usual)
        path = usual;
    bool is_at_home = path[0] == '~' && path[1] == '/';
    if (is_at_home && home == NULL && getpwuid_r(getuid(), &user, room, sizeof room, &found) == 0 && found != NULL)
        home = user.pw_dir;
    int size =
        snprintf(ret_path, PATH_BYTES, "%s%s", is_at_home && home != NULL ? home : "", is_at_home ? path + 1 : path);
    return size < PATH_BYTES ||
           error_set(error, ERROR_TOO_LARGE, NULL, "%s: the path has more than %d bytes", variable, PATH_BYTES - 1);
}

static bool read_text(struct shared_files *files, enum shared_file_kind kind, bool must_be_there, struct error *error)
{
    return read_file(files->paths[kind], SHARED_FILE_BYTES_MAX, &files->texts[kind], error) ||
           (error->kind == ERROR_NOT_FOUND && !must_be_there);
}

static struct shared_files *create(void)
{
    struct shared_files *files = calloc(1, sizeof *files);
    ASSERT(files != NULL);
    return files;
}

struct shared_files *shared_files_open(const struct search *search, struct error *error)
{
    struct shared_files *files = create();
    if (find_path(search, "AWS_SHARED_CREDENTIALS_FILE", "~/.aws/credentials", files->paths[SHARED_CREDENTIALS],
                  error) &&
        find_path(search, "AWS_CONFIG_FILE", "~/.aws/config", files->paths[SHARED_CONFIG], error) &&
        read_text(files, SHARED_CREDENTIALS, false, error) && read_text(files, SHARED_CONFIG, false, error)) {
        (void)snprintf(files->names, sizeof files->names, "%s or %s", files->paths[SHARED_CREDENTIALS],
                       files->paths[SHARED_CONFIG]);
        return files;
    }
    shared_files_close(files);
    return NULL;
}

struct shared_files *shared_files_open_one(const char *path, struct error *error)
{
    struct shared_files *files = create();
    (void)snprintf(files->paths[SHARED_CREDENTIALS], PATH_BYTES, "%s", path);
    (void)snprintf(files->names, sizeof files->names, "%s", path);
    if (strlen(path) < PATH_BYTES && read_text(files, SHARED_CREDENTIALS, true, error))
        return files;
    if (strlen(path) >= PATH_BYTES)
        (void)error_set(error, ERROR_TOO_LARGE, NULL, "the path has more than %d bytes", PATH_BYTES - 1);
    shared_files_close(files);
    return NULL;
}

void shared_files_close(struct shared_files *files)
{
    if (files == NULL)
        return;
    read_file_wipe(&files->texts[SHARED_CREDENTIALS]);
    read_file_wipe(&files->texts[SHARED_CONFIG]);
    free(files);
}

const char *shared_files_names(const struct shared_files *files)
{
    return files->names;
}

static struct span value_in(const struct shared_files *files, enum shared_file_kind kind, struct span profile,
                            const char *name)
{
    return shared_file_value(buffer_span(&files->texts[kind]), kind, profile, name);
}

struct span profile_value(const struct shared_files *files, struct span profile, const char *name)
{
    struct span value = value_in(files, SHARED_CREDENTIALS, profile, name);
    return value.size > 0 ? value : value_in(files, SHARED_CONFIG, profile, name);
}

bool profile_exists(const struct shared_files *files, struct span profile)
{
    return shared_file_has_profile(buffer_span(&files->texts[SHARED_CREDENTIALS]), SHARED_CREDENTIALS, profile) ||
           shared_file_has_profile(buffer_span(&files->texts[SHARED_CONFIG]), SHARED_CONFIG, profile);
}

/* ---- one profile after the other ---- */

struct chain {
    const struct search *search;
    const struct shared_files *files;
    struct span names[CHAIN_MAX];
    unsigned count;
};

static enum found ask_profile(struct chain *chain, struct span name, struct keys *ret_keys, struct error *error);

static struct span value(const struct chain *chain, const char *name)
{
    return profile_value(chain->files, chain->names[chain->count - 1], name);
}

static bool has_value(const struct chain *chain, const char *name)
{
    return value(chain, name).size > 0;
}

/* The credentials file's pair if that has a part of one, else the config file's. */
static enum found ask_keys(const struct chain *chain, struct keys *ret_keys, struct error *error)
{
    struct span profile = chain->names[chain->count - 1];
    for (enum shared_file_kind kind = SHARED_CREDENTIALS; kind <= SHARED_CONFIG; kind++) {
        struct span access_key_id = value_in(chain->files, kind, profile, "aws_access_key_id");
        struct span secret_key = value_in(chain->files, kind, profile, "aws_secret_access_key");
        struct span token = value_in(chain->files, kind, profile, "aws_session_token");
        if (access_key_id.size + secret_key.size == 0)
            continue;
        if (keys_set(ret_keys, access_key_id, secret_key, token, error))
            return FOUND;
        (void)error_prepend(error, "%s", chain->files->paths[kind]);
        return FOUND_FAILED;
    }
    return FOUND_ABSENT;
}

static enum found ask_source(struct chain *chain, struct keys *ret_keys, struct error *error)
{
    struct span source = value(chain, "credential_source");
    if (has_value(chain, "source_profile"))
        return ask_profile(chain, value(chain, "source_profile"), ret_keys, error);
    if (span_equal(source, SPAN("Environment")))
        return environment_keys_ask(chain->search, ret_keys, error);
    if (span_equal(source, SPAN("EcsContainer")))
        return container_ask(chain->search, ret_keys, error);
    if (span_equal(source, SPAN("Ec2InstanceMetadata")))
        return instance_ask(chain->search, ret_keys, error);
    return found_if(error_set(error, ERROR_INVALID, NULL,
                              "role_arn needs source_profile, or credential_source = Environment, EcsContainer or "
                              "Ec2InstanceMetadata"));
}

static enum found ask_role(struct chain *chain, struct keys *ret_keys, struct error *error)
{
    char token_file[PATH_BYTES];
    struct span token_path = value(chain, "web_identity_token_file");
    const struct sts_role role = {.arn = value(chain, "role_arn"),
                                  .session_name = value(chain, "role_session_name"),
                                  .external_id = value(chain, "external_id"),
                                  .duration = value(chain, "duration_seconds"),
                                  .region = value(chain, "region")};
    if (has_value(chain, "mfa_serial"))
        return found_if(error_set(error, ERROR_UNSUPPORTED, NULL,
                                  "mfa_serial wants a code that nobody is here to type: use credential_process"));
    if (token_path.size > 0) {
        (void)snprintf(token_file, sizeof token_file, "%.*s", SPAN_FORMAT(token_path));
        return found_if(sts_assume_role_with_web_identity(chain->search, &role, token_file, ret_keys, error));
    }
    struct keys *with = keys_create();
    enum found found = ask_source(chain, with, error);
    if (found == FOUND_ABSENT)
        found = found_if(error_set(error, ERROR_NOT_FOUND, NULL, "what it names as its source has no credentials"));
    if (found == FOUND)
        found = found_if(sts_assume_role(chain->search, &role, with, ret_keys, error));
    keys_free(with);
    return found;
}

static enum found ask_others(struct chain *chain, struct keys *ret_keys, struct error *error)
{
    struct span command = value(chain, "credential_process");
    if (command.size > 0)
        return found_if(process_ask(chain->search, command, ret_keys, error));
    if (has_value(chain, "sso_session") || has_value(chain, "sso_start_url"))
        return found_if(error_set(error, ERROR_UNSUPPORTED, NULL,
                                  "sign-on in a browser (sso_...) is not offered: use credential_process = aws "
                                  "configure export-credentials --profile %.*s --format process",
                                  SPAN_FORMAT(span_take(chain->names[chain->count - 1], 40))));
    return FOUND_ABSENT;
}

/* The profile that a search begins with prefers its role to its keys; one that is a source has keys for that. */
static enum found ask_entered(struct chain *chain, struct keys *ret_keys, struct error *error)
{
    bool has_role = has_value(chain, "role_arn");
    enum found found = FOUND_ABSENT;
    if (has_role && chain->count == 1)
        return ask_role(chain, ret_keys, error);
    found = ask_keys(chain, ret_keys, error);
    if (found == FOUND_ABSENT && has_role)
        return ask_role(chain, ret_keys, error);
    return found == FOUND_ABSENT ? ask_others(chain, ret_keys, error) : found;
}

/* A profile may name itself as the source of its role: then its own keys are meant. */
static bool check_chain(const struct chain *chain, struct span name, struct error *error)
{
    if (chain->count == CHAIN_MAX)
        return error_set(error, ERROR_INVALID, NULL, "source_profile goes on for more than %d profiles", CHAIN_MAX);
    for (unsigned i = 0; i < chain->count; i++) {
        bool is_itself =
            i + 1 == chain->count && value_in(chain->files, SHARED_CREDENTIALS, name, "aws_access_key_id").size +
                                             value_in(chain->files, SHARED_CONFIG, name, "aws_access_key_id").size >
                                         0;
        if (span_equal(chain->names[i], name) && !is_itself)
            return error_set(error, ERROR_INVALID, NULL, "source_profile leads back to it");
    }
    return true;
}

static enum found ask_profile(struct chain *chain, struct span name, struct keys *ret_keys, struct error *error)
{
    char quoted[64];
    enum found found = FOUND_FAILED;
    keys_quote(name, quoted, sizeof quoted);
    if (!profile_exists(chain->files, name)) {
        if (chain->count == 0)
            return FOUND_ABSENT;
        (void)error_set(error, ERROR_NOT_FOUND, NULL, "there is no such profile in %s", chain->files->names);
    } else if (check_chain(chain, name, error)) {
        chain->names[chain->count++] = name;
        found = ask_entered(chain, ret_keys, error);
        chain->count--;
    }
    if (found == FOUND_FAILED)
        (void)error_prepend(error, "profile %s", quoted);
    return found;
}

enum found profile_ask(const struct search *search, const struct shared_files *files, const char *name,
                       struct keys *ret_keys, struct error *error)
{
    struct chain chain = {.search = search, .files = files};
    return ask_profile(&chain, span_from_string(name), ret_keys, error);
}
