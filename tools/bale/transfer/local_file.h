/* tools/bale/transfer/local_file.h -- a file that is there whole or not at all: written beside its place under another
 * name, and renamed when it is whole and on the disk.
 *
 * NAME is written as NAME.bale-part in the same folder, which nobody else may write meanwhile: a lock on it says so,
 * and goes with its process. What a killed process leaves of it is found by the next one. A symbolic link in NAME's
 * place is replaced, not followed. */
#pragma once

#include "runtime/base/error.h"
#include "runtime/base/span.h"
#include "runtime/fiber/fiber.h"

#include <limits.h>
#include <stdint.h>

#define LOCAL_FILE_PART_SUFFIX ".bale-part"
#define LOCAL_FILE_ETAG_ATTRIBUTE "user.bale.etag"
#define LOCAL_FILE_LOG_SUFFIX ".bale-log" /* part_log.h */

enum { LOCAL_FILE_NAME_BYTES_MAX = NAME_MAX - (int)sizeof LOCAL_FILE_PART_SUFFIX + 1 };

struct local_file {
    int folder;
    int fd; /* of NAME.bale-part: read and written */
    char name[NAME_MAX + 1];
    char part_name[NAME_MAX + 1];
    char log_name[NAME_MAX + 1];
    bool is_kept; /* closing leaves NAME.bale-part, and the log beside it */
};

/* `folder` is a descriptor, and the file's from here on, also if this fails. What NAME.bale-part holds is left as it
 * is. The new file gets the permissions of a regular file that is there under NAME already, else those that the umask
 * leaves. ERROR_CONFLICT: another process writes it; ERROR_INVALID: something that is no regular file is in its place.
 */
bool local_file_open(int folder, struct span name, struct local_file *ret_file, struct error *error);

/* Gives it `size` bytes, and takes room for them. With `is_emptied` what it held is gone before, with `is_sparse` no
 * room is taken. */
SUSPENDS bool local_file_prepare(struct local_file *file, uint64_t size, bool is_emptied, bool is_sparse,
                                 struct error *error);
/* What was in these bytes is zeros again. */
SUSPENDS bool local_file_clear(struct local_file *file, uint64_t offset, uint64_t size, struct error *error);
/* Blocks for as long as the page cache takes. */
bool local_file_write(struct local_file *file, struct span bytes, uint64_t offset, struct error *error);

struct local_file_facts {
    int64_t modified_ms; /* 0: as of now */
    const char *etag; /* kept as the attribute user.bale.etag where the file system has attributes, if it is synced */
    bool is_synced;   /* on the disk before it gets its name, and that name as well */
};

/* It is whole: into its place. */
SUSPENDS bool local_file_finish(struct local_file *file, const struct local_file_facts *facts, struct error *error);
/* Removes NAME.bale-part and its log, unless they are kept. */
void local_file_close(struct local_file *file);
