/* server/auth/identity.h -- who may ask: the accounts of this server. What each of them may do says server/access. */
#pragma once

#include "runtime/base/error.h"
#include "runtime/base/span.h"
#include "store/bucket.h"

#include <stdbool.h>

enum account_role { ROLE_READONLY, ROLE_READWRITE };

enum { ACCOUNT_EMAILS_BYTES_MAX = 190 };

struct account {
    char name[64]; /* the section's name in the credentials file: display name */
    char access_key[129];
    char secret_key[129];
    char id[ACCOUNT_ID_BYTES_MAX + 1];         /* canonical id: owner of buckets and objects */
    char emails[ACCOUNT_EMAILS_BYTES_MAX + 1]; /* for grants; several with commas between them */
    enum account_role role;
};

/* An immutable set, read by all shards; replaced as a whole. */
struct accounts;

enum { ACCOUNTS_MAX = 1000 };

/* INI file, one section per account: access_key, secret_key, id (when not given: the section's name), role = readwrite
 * (when not given) or readonly, email = its addresses, with commas between them. Two accounts may share an id, never an
 * access key. Every refusal names file and line. NULL on failure. */
struct accounts *accounts_load(const char *path, struct error *error);
/* The same from text; `path` is what refusals name. */
struct accounts *accounts_parse(const char *path, struct span text, struct error *error);
/* One account named "bale", whose id is "bale" whatever the keys. */
struct accounts *accounts_single(const char *access_key, const char *secret_key, struct error *error);
void accounts_free(struct accounts *accounts);
const struct account *accounts_find(const struct accounts *accounts, struct span access_key);
/* By canonical id, for owner fields: of several key pairs one that may write. NULL when the account is gone. */
const struct account *accounts_find_id(const struct accounts *accounts, struct span id);
/* How many accounts have this e-mail address (in any case of its letters), and one of them. */
unsigned accounts_find_email(const struct accounts *accounts, struct span address, const struct account **ret_account);
/* The id of the first account in the file that may write: whose the buckets are that this server did not make. */
const char *accounts_owner(const struct accounts *accounts);
unsigned accounts_count(const struct accounts *accounts);
