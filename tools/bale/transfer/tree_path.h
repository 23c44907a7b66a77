/* tools/bale/transfer/tree_path.h -- keys as paths beneath a folder, which none of them leaves.
 *
 * A key is anybody's text. As a path it is taken only if each of its segments is the name of a file or folder: not
 * empty (so neither absolute nor with two slashes in a row), not "." or "..", without NUL, at most 255 bytes, of the
 * last one LOCAL_FILE_NAME_BYTES_MAX; and not a name that bale get writes itself. Folders are opened one after the
 * other, each from the one above it, and no symbolic link is followed: whoever can write the target folder meanwhile
 * cannot lead it out. */
#pragma once

#include "runtime/base/error.h"
#include "runtime/base/span.h"

/* Splits "a/b/c" into "a/b" and "c". The name is empty of "a/b/", which stands for a folder. ERROR_INVALID: it is no
 * path that is taken. */
bool tree_path_split(struct span path, struct span *ret_folder, struct span *ret_name, struct error *error);

/* The folder beneath `root`, made where it is missing; a descriptor, which the caller closes. -1: ERROR_CONFLICT, a
 * file or a link stands in the way; ERROR_FULL, ERROR_IO. */
int tree_path_open_folder(int root, struct span folder, struct error *error);
