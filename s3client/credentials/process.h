/* s3client/credentials/process.h -- credential_process of a profile: a program that prints keys as JSON.
 *
 * Started without a shell: the command is split at blanks, quotes and backslashes hold things together as a shell would
 * have it, and nothing else means anything. It has nothing on standard input, our standard error, and 60 s; then it and
 * what it started are killed. */
#pragma once

#include "s3client/credentials/search.h"

enum {
    PROCESS_COMMAND_BYTES_MAX = 4096,
    PROCESS_ARGUMENTS_MAX = 64,
};

bool process_ask(const struct search *search, struct span command, struct keys *ret_keys, struct error *error);

/* Splits into ret_text (PROCESS_COMMAND_BYTES_MAX + 1 bytes), to which ret_arguments point; a NULL is behind the last.
 * False: a quote is open, it is too long, has too many words, or none. */
bool process_split(struct span command, char *ret_text, char *ret_arguments[PROCESS_ARGUMENTS_MAX + 1],
                   struct error *error);
