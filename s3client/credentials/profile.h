/* s3client/credentials/profile.h -- the keys of a profile of the shared files, through all that it refers to.
 *
 * In this order: role_arn with web_identity_token_file; role_arn with source_profile or credential_source; keys;
 * credential_process. Keys that a profile has itself end a chain of source_profile, also where it names a role. The
 * credentials file wins over the config file, value by value; the two or three parts of a key pair come from one of
 * them. A chain has at most eight profiles, none of them twice.
 *
 * What needs a person (mfa_serial) or a browser (sso_...) is refused with the way around it. */
#pragma once

#include "s3client/credentials/search.h"

/* The two files of a search, or the one of the options. */
struct shared_files;
/* Files that are not there are empty. False: one cannot be read. */
struct shared_files *shared_files_open(const struct search *search, struct error *error);
/* One file, whatever the environment says: its sections are like those of the credentials file. */
struct shared_files *shared_files_open_one(const char *path, struct error *error);
void shared_files_close(struct shared_files *files);

/* FOUND_ABSENT: there is no such profile, or nothing in it is about credentials. */
enum found profile_ask(const struct search *search, const struct shared_files *files, const char *name,
                       struct keys *ret_keys, struct error *error);

/* A value of a profile, such as its region; empty: none. */
struct span profile_value(const struct shared_files *files, struct span profile, const char *name);
bool profile_exists(const struct shared_files *files, struct span profile);
/* "PATH", or "PATH or PATH": where was it looked for? */
const char *shared_files_names(const struct shared_files *files);
