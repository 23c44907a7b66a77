/* s3client/credentials/credentials.h -- the keys that requests to a bucket are signed with: found, kept fresh, pinned.
 *
 * Three things, each with its owner:
 *
 *   struct credentials_source   one a process. Opened before the shards, closed after them. It finds the first keys and
 *                               owns the one thread that renews them before they expire
 *   struct credentials_reader   one for each thread that signs, used on that thread only. It has a copy of the newest
 *                               keys, so that pinning takes no lock and touches no memory that another thread writes
 *   struct credentials          an immutable snapshot, pinned for the length of a request: the request ends with what
 *                               it began with, whatever is published meanwhile
 *
 * A process does this:
 *
 *     struct credentials_options options = {.environment = environ, .profile = config.profile};
 *     source = credentials_open(&options, &error);                    blocks; the error says what was looked for where
 *     reader = credentials_reader_open(source);                       on each shard
 *
 *     const struct credentials *keys = credentials_pin(reader);       a request, and each attempt of a retry anew
 *     ... sign with keys->access_key, keys->secret_key, send keys->session_token as x-amz-security-token ...
 *     if (the answer was ExpiredToken or InvalidToken)                once a request
 *         is_worth_a_retry = credentials_renew(reader, keys, deadline, &error);
 *     credentials_unpin(reader, keys);
 *
 * Where they come from, the first that is set up; one that is set up and does not work is an error and not a reason to
 * go on with another identity:
 *
 *   the file of the options         a section like one of ~/.aws/credentials
 *   the profile of the options      see below
 *   environment                     AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN
 *   web identity                    AWS_WEB_IDENTITY_TOKEN_FILE, AWS_ROLE_ARN, AWS_ROLE_SESSION_NAME
 *   shared files                    the profile AWS_PROFILE (default: default) of ~/.aws/credentials
 *                                   (AWS_SHARED_CREDENTIALS_FILE) and ~/.aws/config (AWS_CONFIG_FILE): keys,
 *                                   credential_process, web_identity_token_file, role_arn with source_profile or
 *                                   credential_source
 *   container                       AWS_CONTAINER_CREDENTIALS_RELATIVE_URI or _FULL_URI
 *   instance                        the metadata service, version 2
 *
 * The one that was found at start is asked again at each renewal, with all its files read anew, and no other one.
 *
 * Renewal: 15 minutes before they expire, at half of what is left where that is sooner, both with jitter; after a
 * failure again within a minute. Nobody waits for it: the old keys stay pinned and published until there are new ones,
 * also beyond their end, because the other side's clock decides. Keys that are handed out expired already are used, and
 * asked for again after 5 to 10 minutes. Keys without an end are never renewed but by credentials_renew.
 *
 * Bounds: a key or token that is longer than said below, or that holds anything but printable ASCII, is an error of its
 * provider; so are documents above 64 KiB and files above 1 MiB. Secrets are overwritten before memory is given back,
 * and stand in no message.
 *
 * Source: "AWS SDKs and Tools Reference Guide" (standardized credential providers), the API references of AWS STS, of
 * the ECS agent's credentials and of the EC2 instance metadata service, and what botocore does where these are silent.
 */
#pragma once

#include "runtime/base/clock.h"
#include "runtime/base/error.h"
#include "runtime/base/span.h"
#include "runtime/fiber.h"

#include <stdbool.h>
#include <stdint.h>

enum {
    CREDENTIALS_ACCESS_KEY_BYTES_MAX = 128,
    CREDENTIALS_SECRET_KEY_BYTES_MAX = 256,
    CREDENTIALS_TOKEN_BYTES_MAX = 4096,
};
#define CREDENTIALS_NEVER_EXPIRE INT64_MAX

/* The texts are followed by a zero that does not belong to them. */
struct credentials {
    struct span access_key;
    struct span secret_key;
    struct span session_token; /* empty: there is none, and no x-amz-security-token is sent */
    int64_t expires_ms;        /* wall clock, or CREDENTIALS_NEVER_EXPIRE */
    uint64_t generation;       /* from 1; another number, other keys: what a cache of signing keys compares */
};

/* Texts and the environment are read whenever credentials are renewed: they stay as they are until credentials_close.
 * NULL and "" mean: not given. */
struct credentials_options {
    char *const *environment; /* as environ(7) has it; not NULL */
    const char *file;         /* keys are in this one file, in its section [default] or that of `profile` */
    const char *profile;      /* without `file`: of the shared files; given, it comes before the environment */
    const char *region;       /* of STS, where neither the environment nor the profile names one */
    const char *ca_file;      /* PEM: trusted by requests to STS, beside what the system trusts */
};

struct credentials_source;

/* Finds credentials and starts renewing. Blocks, for at most 10 s, or 60 s where a credential_process is asked. NULL:
 * the error is one sentence that says which provider failed and why, or that nothing is set up (ERROR_NOT_FOUND). Only
 * while no other thread runs that uses libcurl or changes the environment. */
struct credentials_source *credentials_open(const struct credentials_options *options, struct error *error);
/* Always the same keys, which are copied and must keep the bounds; no thread. */
struct credentials_source *credentials_open_fixed(struct span access_key, struct span secret_key,
                                                  struct span session_token);
/* All readers are closed. A renewal under way is cut. */
void credentials_close(struct credentials_source *source);

struct credentials_reader;

/* For the calling thread. */
struct credentials_reader *credentials_reader_open(struct credentials_source *source);
/* Nothing is pinned any more. */
void credentials_reader_close(struct credentials_reader *reader);

/* The newest keys. Never fails, takes no lock unless there are others than at the last call. */
const struct credentials *credentials_pin(struct credentials_reader *reader);
void credentials_unpin(struct credentials_reader *reader, const struct credentials *credentials);

/* The other side called these credentials expired or unknown: renews them now, unless there are newer ones already. Any
 * number of fibers may ask at once, the provider is asked once; not again within 10 s of an answer that brought nothing
 * new. True: there are others now, pin them. False: there are not (the reason), or not before the deadline, and the
 * request's own refusal stands. */
SUSPENDS bool credentials_renew(struct credentials_reader *reader, const struct credentials *credentials,
                                deadline_t deadline, struct error *error);

/* What an operator sees. */
struct credentials_status {
    const char *provider;              /* "environment", "shared files", ... */
    int64_t expires_ms;                /* of the newest keys */
    uint64_t renewals;                 /* that brought keys */
    uint64_t failures;                 /* that brought none */
    char trouble[ERROR_MESSAGE_BYTES]; /* why the last one failed; "": it did not */
};
/* Any thread. */
void credentials_status(struct credentials_source *source, struct credentials_status *ret_status);
