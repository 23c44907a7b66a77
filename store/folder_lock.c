/* store/folder_lock.c -- the lock of a folder, and who has it. */
#include "store/folder_lock.h"

#include "runtime/base/decimal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

enum { LINE_BYTES = 64 };

/* The first line of a small file; false: it cannot be read, or there is nothing in it. */
static bool read_line(int folder_fd, const char *name, char ret_line[LINE_BYTES])
{
    int fd = openat(folder_fd, name, O_RDONLY | O_CLOEXEC);
    ssize_t size = fd < 0 ? -1 : read(fd, ret_line, LINE_BYTES - 1);
    if (fd >= 0)
        (void)close(fd);
    ret_line[size > 0 ? size : 0] = '\0';
    ret_line[strcspn(ret_line, "\n")] = '\0';
    return ret_line[0] != '\0';
}

static bool refuse(int folder_fd, const char *path, struct error *error)
{
    char line[LINE_BYTES];
    char name[LINE_BYTES];
    char comm[LINE_BYTES];
    uint64_t pid;
    if (!read_line(folder_fd, "lock", line) || !decimal_parse_range(span_from_string(line), 1, INT32_MAX, &pid))
        return error_set(error, ERROR_BUSY, NULL, "%s is in use by another process. One process owns a folder.", path);
    (void)snprintf(comm, sizeof comm, "/proc/%llu/comm", (unsigned long long)pid);
    bool has_name = read_line(AT_FDCWD, comm, name);
    return error_set(error, ERROR_BUSY, NULL, "%s is in use by process %llu%s%s%s. One process owns a folder.", path,
                     (unsigned long long)pid, has_name ? " (" : "", name, has_name ? ")" : "");
}

bool folder_lock_take(int folder_fd, const char *path, int *ret_fd, struct error *error)
{
    int fd = openat(folder_fd, "lock", O_RDWR | O_CREAT | O_CLOEXEC, 0644);
    if (fd < 0)
        return error_set_errno(error, errno, "%s/lock cannot be opened", path);
    if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
        bool is_taken = errno == EWOULDBLOCK;
        (void)error_set_errno(error, errno, "%s/lock cannot be locked", path);
        (void)close(fd);
        return is_taken ? refuse(folder_fd, path, error) : false;
    }
    char text[32];
    int size = snprintf(text, sizeof text, "%ld\n", (long)getpid());
    (void)(ftruncate(fd, 0) == 0 && pwrite(fd, text, (size_t)size, 0) == size);
    *ret_fd = fd;
    return true;
}
