/* server/process/admin_token.h -- what an operator's tools show on the admin port, from any machine, to change
 * something there: one line of 16 to 128 visible ASCII characters in a file that only its owner can read.
 *
 * Beside it there is the word of the control file (control_file.h), for tools on this machine. */
#pragma once

#include "runtime/base/error.h"

enum { ADMIN_TOKEN_LEAST = 16, ADMIN_TOKEN_MOST = 128 };

struct admin_token {
    char text[ADMIN_TOKEN_MOST + 1]; /* "": there is none */
};

/* ERROR_INVALID: others can read the file, or its line is none. */
bool admin_token_load(const char *path, struct admin_token *ret_token, struct error *error);
