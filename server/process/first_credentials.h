/* server/process/first_credentials.h -- the key pair that is made at first start, kept in `credentials` beside the
 * data.
 */
#pragma once

#include "runtime/base/error.h"
#include "runtime/base/random.h"

#include <stdbool.h>

enum { ACCESS_KEY_BYTES = 21, SECRET_KEY_BYTES = 41 };

struct first_credentials {
    char path[1024];                   /* an accounts file (server/auth/identity.h) */
    char access_key[ACCESS_KEY_BYTES]; /* "": the file was there */
    char secret_key[SECRET_KEY_BYTES];
};

/* Makes FOLDER/credentials (0600, durable) unless it is there. */
bool first_credentials_make(const char *folder, const struct random_source *random, struct first_credentials *ret,
                            struct error *error);
