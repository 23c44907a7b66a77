/* runtime/stream/local.c -- sockets of the file system. */
#include "runtime/stream/local.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

enum { BACKLOG = 64, TAKEN_TRIES_MAX = 50, TAKEN_PAUSE_MS = 20 };

static int open_socket(void)
{
    return socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
}

/* What is no socket is never taken for one. */
static bool is_socket(const char *path)
{
    struct stat status;
    return lstat(path, &status) == 0 && S_ISSOCK(status.st_mode);
}

/* Nobody takes a connection there. */
static bool is_left(const struct sockaddr_un *address)
{
    int fd = open_socket();
    bool is_left =
        fd >= 0 && connect(fd, (const struct sockaddr *)address, sizeof *address) != 0 && errno == ECONNREFUSED;
    if (fd >= 0)
        (void)close(fd);
    return is_left;
}

/* The kernel closes what a killed process listened with a moment after it has gone. */
static bool remove_left(const struct sockaddr_un *address)
{
    bool is_removed = false;
    for (int tries = 0; !is_removed && tries < TAKEN_TRIES_MAX && is_socket(address->sun_path); tries++) {
        if (tries > 0)
            (void)usleep(TAKEN_PAUSE_MS * 1000);
        is_removed = is_left(address) && unlink(address->sun_path) == 0;
    }
    return is_removed;
}

/* The mode is set before the path is there: there is no moment in which others could connect. 0, or an errno. */
static int try_to_listen(int fd, const struct sockaddr_un *address)
{
    bool done = fchmod(fd, S_IRUSR | S_IWUSR) == 0 &&
                bind(fd, (const struct sockaddr *)address, sizeof *address) == 0 && listen(fd, BACKLOG) == 0;
    return done ? 0 : errno;
}

bool local_bind(const char *path, int *ret_fd, struct error *error)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    size_t size = strlen(path);
    if (size == 0 || size >= sizeof address.sun_path)
        return error_set(error, ERROR_TOO_LARGE, NULL, "the path of a socket has 1 to %zu bytes: %s",
                         sizeof address.sun_path - 1, path);
    memcpy(address.sun_path, path, size);
    int fd = open_socket();
    if (fd < 0)
        return error_set_errno(error, errno, "a socket for %s", path);
    int reason = try_to_listen(fd, &address);
    if (reason == EADDRINUSE && remove_left(&address))
        reason = try_to_listen(fd, &address);
    if (reason == 0) {
        *ret_fd = fd;
        return true;
    }
    (void)close(fd);
    if (reason == EADDRINUSE)
        return error_set(error, ERROR_CONFLICT, NULL,
                         "cannot listen on %s: another process listens there, or it is no socket", path);
    return error_set_errno(error, reason, "cannot listen on %s", path);
}

void local_unbind(const char *path)
{
    (void)unlink(path);
}
