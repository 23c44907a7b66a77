/* server/process/service_manager.c -- LISTEN_FDS, NOTIFY_SOCKET, WATCHDOG_USEC. */
#include "server/process/service_manager.h"

#include "runtime/base/decimal.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum { FIRST_FD = 3, SOCKETS_MAX = 2 };

static bool read_number(const char *variable, uint64_t most, uint64_t *ret_number)
{
    const char *text = getenv(variable);
    return text != NULL && decimal_parse_range(span_from_string(text), 0, most, ret_number);
}

/* A variable may have been inherited by the wrong process: one that has its number in it says whose it is. */
static bool is_for_us(const char *variable)
{
    uint64_t pid;
    return getenv(variable) == NULL || (read_number(variable, INT32_MAX, &pid) && pid == (uint64_t)getpid());
}

/* ---- sockets ---- */

/* The next of names that have colons between them. */
static struct span take_name(struct span *names)
{
    size_t end = span_find(*names, ':');
    struct span name = span_take(*names, end);
    *names = end == SIZE_MAX ? SPAN_EMPTY : span_skip(*names, end + 1);
    return name;
}

static void sort(unsigned count, struct inherited_sockets *ret_sockets)
{
    const char *text = getenv("LISTEN_FDNAMES");
    struct span names = text == NULL ? SPAN_EMPTY : span_from_string(text);
    for (int fd = FIRST_FD; fd < FIRST_FD + (int)count; fd++) {
        struct span name = take_name(&names);
        if (span_equal(name, SPAN("s3")))
            ret_sockets->s3 = fd;
        else if (span_equal(name, SPAN("admin")))
            ret_sockets->admin = fd;
    }
    if (ret_sockets->s3 >= 0 || ret_sockets->admin >= 0)
        return;
    ret_sockets->s3 = FIRST_FD;
    ret_sockets->admin = count > 1 ? FIRST_FD + 1 : -1;
}

bool service_manager_sockets(struct inherited_sockets *ret_sockets, struct error *error)
{
    uint64_t count = 0;
    *ret_sockets = (struct inherited_sockets){-1, -1};
    if (!read_number("LISTEN_FDS", INT32_MAX, &count) || count == 0 || getenv("LISTEN_PID") == NULL ||
        !is_for_us("LISTEN_PID"))
        return true;
    if (count > SOCKETS_MAX)
        return error_set(error, ERROR_INVALID, NULL,
                         "LISTEN_FDS: %llu sockets were given; there are two that can be used, s3 and admin",
                         (unsigned long long)count);
    sort((unsigned)count, ret_sockets);
    (void)unsetenv("LISTEN_FDS");
    (void)unsetenv("LISTEN_PID");
    (void)unsetenv("LISTEN_FDNAMES");
    return true;
}

/* ---- telling ---- */

void service_manager_tell(const char *state)
{
    const char *path = getenv("NOTIFY_SOCKET");
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (path == NULL || (path[0] != '/' && path[0] != '@') || strlen(path) >= sizeof address.sun_path)
        return;
    memcpy(address.sun_path, path, strlen(path));
    if (path[0] == '@')
        address.sun_path[0] = '\0';
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return;
    socklen_t size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(path));
    (void)sendto(fd, state, strlen(state), MSG_NOSIGNAL | MSG_DONTWAIT, (struct sockaddr *)&address, size);
    (void)close(fd);
}

uint64_t service_manager_watchdog_ms(void)
{
    uint64_t microseconds;
    return is_for_us("WATCHDOG_PID") && read_number("WATCHDOG_USEC", INT64_MAX, &microseconds) ? microseconds / 1000
                                                                                               : 0;
}
