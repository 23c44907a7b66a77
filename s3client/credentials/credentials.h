/* s3client/credentials/credentials.h -- the keys that requests to a bucket are signed with: found, and kept fresh.
 *
 * A source of s3client/credential_source.h (pinning, and what to do when the backend says "expired", stand there) that
 * looks where the AWS SDKs look, and renews what it found on a thread of its own:
 *
 *     struct credentials_options options = {.environment = environ, .profile = config.profile};
 *     struct s3_credential_source *source = credentials_open(&options, &error);     before the shards are started
 *     ... s3_endpoint_create(&(struct s3_endpoint_settings){.credentials = source, ...}) ...
 *     s3_credentials_destroy(source);                                               after they have ended
 *
 * Where they come from, the first that is set up; one that is set up and does not work is an error, never a reason to
 * go on as somebody else:
 *
 *   the file of the options         keys, in a section like one of ~/.aws/credentials
 *   the profile of the options      of the shared files, see below
 *   environment                     AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN
 *   web identity                    AWS_WEB_IDENTITY_TOKEN_FILE, AWS_ROLE_ARN, AWS_ROLE_SESSION_NAME
 *   shared files                    the profile AWS_PROFILE (default: default) of ~/.aws/credentials
 *                                   (AWS_SHARED_CREDENTIALS_FILE) and ~/.aws/config (AWS_CONFIG_FILE): keys,
 *                                   credential_process, web_identity_token_file, role_arn with source_profile or
 *                                   credential_source
 *   container                       AWS_CONTAINER_CREDENTIALS_RELATIVE_URI or _FULL_URI
 *   instance                        the metadata service, version 2; version 1 only where
 *                                   AWS_EC2_METADATA_V1_DISABLED=false asks for it
 *
 * The one that was found at start is asked again at each renewal, with all its files read anew, and no other one.
 *
 * Renewal: 15 minutes before they expire, at half of what is left where that is sooner, both with jitter; after a
 * failure again within a minute. Nobody waits for it: the old keys stay published until there are new ones, also beyond
 * their end, because the other side's clock decides. Keys that are handed out expired already are used, and asked for
 * again after 5 to 10 minutes. Keys without an end are renewed only when a backend calls them expired. `refresh` asks
 * the provider once for any number of fibers, and not again within 10 s of an answer that brought nothing new.
 *
 * Bounds: keys and tokens as in credential_source.h; an answer has at most 64 KiB, a file 1 MiB. What breaks them is an
 * error of its provider. Our copies of secrets are overwritten before their memory is given back, and no message holds
 * one.
 *
 * Sources: "AWS SDKs and Tools Reference Guide" (standardized credential providers), the API references of AWS STS, of
 * the ECS agent's credentials and of the EC2 instance metadata service, and what botocore does where these are silent.
 * remote calls go by libcurl, which is used nowhere else in s3client/. */
#pragma once

#include "runtime/base/clock.h"
#include "runtime/base/error.h"
#include "s3client/credential_source.h"

#include <stdatomic.h>
#include <stdint.h>

#define CREDENTIALS_NEVER_EXPIRE INT64_MAX

/* Texts and the environment are read whenever credentials are renewed: they stay as they are until the source is
 * destroyed. NULL and "" mean: not given. */
struct credentials_options {
    char *const *environment; /* as environ(7) has it; not NULL */
    const char *file;         /* keys are in this one file, in its section [default] or that of `profile` */
    const char *profile;      /* without `file`: of the shared files; given, it comes before the environment */
    const char *region;       /* of STS, where neither the environment nor the profile names one */
    const char *ca_file;      /* PEM: trusted by requests to STS, beside what the system trusts */
    /* From then on nobody waits for credentials, at first or to be renewed; it may come nearer. NULL: never. */
    const _Atomic(deadline_t) *cut_from;
};

/* Finds credentials and starts renewing. Blocks, for at most 10 s, or 60 s where a credential_process is asked. NULL:
 * the error is one sentence that says which provider failed and why, or that nothing is set up (ERROR_NOT_FOUND).
 * Called while no other thread runs that uses libcurl or changes the environment. Destroying it cuts a renewal under
 * way; nothing is pinned any more then, and nobody waits. */
struct s3_credential_source *credentials_open(const struct credentials_options *options, struct error *error);

/* What an operator sees. */
struct credentials_status {
    const char *provider;              /* "environment", "shared files", ... */
    int64_t expires_ms;                /* of the newest keys: wall clock, or CREDENTIALS_NEVER_EXPIRE */
    uint64_t renewals;                 /* that brought keys */
    uint64_t failures;                 /* that brought none */
    char trouble[ERROR_MESSAGE_BYTES]; /* why the last one failed; "": it did not */
};
/* Any thread. */
void credentials_status(const struct s3_credential_source *source, struct credentials_status *ret_status);
