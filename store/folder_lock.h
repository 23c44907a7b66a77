/* store/folder_lock.h -- one process owns a folder: the file `lock` in it, locked as long as it is open, with the
 * owner's pid in it for people. The kernel gives it back when the process ends, however it does. */
#pragma once

#include "runtime/base/error.h"

/* `folder_fd`: the open folder, `path`: what messages call it. *ret_fd: to be closed. ERROR_BUSY: somebody else has it,
 * and the sentence says who; a full disk costs others that knowledge and not the lock. */
bool folder_lock_take(int folder_fd, const char *path, int *ret_fd, struct error *error);
