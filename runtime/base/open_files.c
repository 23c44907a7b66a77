/* runtime/base/open_files.c -- the limit of open files of this process. */
#include "runtime/base/open_files.h"

#include <sys/resource.h>

enum { OPEN_FILES_USUAL = 1024 };

uint64_t open_files_raise(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
        return OPEN_FILES_USUAL;
    limit.rlim_cur = limit.rlim_max;
    (void)setrlimit(RLIMIT_NOFILE, &limit); /* where this is refused the soft limit holds */
    (void)getrlimit(RLIMIT_NOFILE, &limit);
    return limit.rlim_cur;
}
