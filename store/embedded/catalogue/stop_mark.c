/* store/embedded/catalogue/stop_mark.c -- a few lines about a file, compared with those that are right now. */
#include "store/embedded/catalogue/stop_mark.h"

#include "runtime/base/boot_id.h"
#include "runtime/base/buffer.h"
#include "runtime/base/hex.h"
#include "runtime/base/read_file.h"
#include "store/embedded/catalogue/folder.h"
#include "store/embedded/catalogue/pages.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* Kernels stamp files by a clock that ticks each 10 ms at most: what was written in one tick has one time. */
enum { MARK_BYTES_MAX = 512, PATH_BYTES_MAX = STORE_PATH_BYTES_MAX + 32, TICK_NS_MAX = 20000000 };
#define NS_PER_SECOND INT64_C(1000000000)

static void path_of(const char *folder, const char *name, char ret_path[PATH_BYTES_MAX])
{
    (void)snprintf(ret_path, PATH_BYTES_MAX, "%s/catalogue/%s", folder, name);
}

static bool look_at_file(const char *folder, struct stat *ret_status)
{
    char path[PATH_BYTES_MAX];
    path_of(folder, "data.mdb", path);
    return stat(path, ret_status) == 0 && ret_status->st_size >= STOP_MARK_PAGES_LEAST * (off_t)PAGES_BYTES;
}

/* False: this machine does not say when it was started. */
static bool describe(const struct stat *status, char ret_text[MARK_BYTES_MAX])
{
    uint8_t boot[BOOT_ID_BYTES];
    char digits[2 * BOOT_ID_BYTES + 1] = "";
    if (!boot_id_read(boot))
        return false;
    hex_encode(span_of(boot, sizeof boot), digits);
    (void)snprintf(ret_text, MARK_BYTES_MAX,
                   "bale catalogue 1\nboot %s\nfile %ju of %ju\nbytes %jd\nwritten %jd.%09ld\nchanged %jd.%09ld\n",
                   digits, (uintmax_t)status->st_ino, (uintmax_t)status->st_dev, (intmax_t)status->st_size,
                   (intmax_t)status->st_mtim.tv_sec, status->st_mtim.tv_nsec, (intmax_t)status->st_ctim.tv_sec,
                   status->st_ctim.tv_nsec);
    return true;
}

/* On the disk, too: else one that is lost, and comes again without the machine having been started anew, may bring the
 * mark back beside a file whose times it has not kept. */
static bool remove_durably(const char *folder, const char *path)
{
    char names[PATH_BYTES_MAX];
    path_of(folder, "", names);
    int fd = open(names, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    bool done = unlink(path) == 0 && fd >= 0 && fsync(fd) == 0;
    if (fd >= 0)
        (void)close(fd);
    return done;
}

bool stop_mark_take(const char *folder)
{
    char path[PATH_BYTES_MAX];
    char text[MARK_BYTES_MAX];
    struct stat status;
    struct buffer mark;
    struct error ignored;
    path_of(folder, "stopped", path);
    if (!read_file(path, MARK_BYTES_MAX, &mark, &ignored))
        return false;
    bool holds = look_at_file(folder, &status) && describe(&status, text) &&
                 span_equal(buffer_span(&mark), span_from_string(text));
    buffer_free(&mark);
    return remove_durably(folder, path) && holds;
}

/* False: the file's time is not a tick behind, and does not come to be: somebody writes to it, or the clock was set
 * back. */
static bool wait_for_next_tick(const char *folder, struct stat *status)
{
    for (unsigned i = 0; i < 2; i++) {
        struct timespec now;
        (void)clock_gettime(CLOCK_REALTIME, &now);
        int64_t age = (now.tv_sec - status->st_ctim.tv_sec) * NS_PER_SECOND + now.tv_nsec - status->st_ctim.tv_nsec;
        if (age >= TICK_NS_MAX)
            return true;
        if (age < 0)
            return false;
        (void)nanosleep(&(struct timespec){.tv_nsec = TICK_NS_MAX - age}, NULL);
        if (!look_at_file(folder, status))
            return false;
    }
    return false;
}

void stop_mark_leave(const char *folder)
{
    char path[PATH_BYTES_MAX];
    char text[MARK_BYTES_MAX];
    struct stat status;
    path_of(folder, "stopped", path);
    if (!look_at_file(folder, &status) || !wait_for_next_tick(folder, &status) || !describe(&status, text))
        return;
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    if (fd < 0)
        return;
    (void)!write(fd, text, strlen(text)); /* half of it says nothing */
    (void)close(fd);
}
