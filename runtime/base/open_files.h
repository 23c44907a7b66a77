/* runtime/base/open_files.h -- the limit of open files of this process. */
#pragma once

#include <stdint.h>

/* Raises it to the hard limit where that is allowed; returns what it is now. */
uint64_t open_files_raise(void);
