/* store/embedded/catalogue/rebuild_mark.c -- a file that says something by being there. */
#include "store/embedded/catalogue/rebuild_mark.h"

#include "store/embedded/catalogue/folder.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#define MARK "catalogue/rebuilding"

static bool sync_names(int folder)
{
    int names = openat(folder, "catalogue", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    bool done = names >= 0 && fsync(names) == 0;
    if (names >= 0)
        close(names);
    return done;
}

bool rebuild_mark_set(int folder, struct error *error)
{
    int mark = openat(folder, MARK, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
    bool done = mark >= 0 && sync_names(folder);
    if (!done)
        error_set_errno(error, errno, MARK " cannot be made");
    if (mark >= 0)
        close(mark);
    return done;
}

bool rebuild_mark_clear(int folder, struct error *error)
{
    if (unlinkat(folder, MARK, 0) != 0)
        return errno == ENOENT || error_set_errno(error, errno, MARK " cannot be removed");
    return sync_names(folder) || error_set_errno(error, errno, MARK " cannot be removed for good");
}

bool rebuild_mark_check(const char *folder, struct error *error)
{
    char path[STORE_PATH_BYTES_MAX + 32];
    struct stat status;
    (void)snprintf(path, sizeof path, "%s/" MARK, folder);
    if (stat(path, &status) != 0)
        return errno == ENOENT || errno == ENOTDIR || error_set_errno(error, errno, "%s", path);
    return error_set(
        error, ERROR_DAMAGED, NULL,
        "%s: a repair was making the catalogue anew and did not end. Run `bale check --repair` again, with "
        "the same --copy if it had one.",
        folder);
}
