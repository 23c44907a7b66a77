/* server/process/control_file.h -- how a tool on this machine finds the admin port of a running server, and shows that
 * it may change things there.
 *
 * FOLDER/control is written at each start, readable for its owner alone: the admin port's URL, a word that is drawn
 * anew, and the certificate that the port shows, or an empty line. Who can read it may do what the folder's owner may.
 */
#pragma once

#include "runtime/base/error.h"
#include "runtime/base/random.h"

enum { CONTROL_URL_BYTES = 256, CONTROL_WORD_BYTES = 33, CONTROL_PATH_BYTES = 1024 };

struct control_file {
    char url[CONTROL_URL_BYTES];          /* "http://127.0.0.1:8015" */
    char word[CONTROL_WORD_BYTES];        /* 32 hex digits */
    char certificate[CONTROL_PATH_BYTES]; /* a path; "": plain HTTP */
};

void control_file_draw_word(const struct random_source *random, char ret_word[CONTROL_WORD_BYTES]);
bool control_file_write(const char *folder, const struct control_file *file, struct error *error);
/* ERROR_NOT_FOUND: no server has run there. */
bool control_file_read(const char *folder, struct control_file *ret_file, struct error *error);
