/* tests/unit/fork_to_kill.h -- a child of a unit test that will be killed at any moment.
 *
 * check notes where a test is in a file that test and runner share, and so does every child that asserts. SIGKILL ends
 * a write at the border of a page, and half a message is "Bad message type" to the runner, once in some ten thousand
 * kills. A child of fork_to_kill() writes its messages nowhere; that an assertion failed in it shows in how it ended.
 */
#pragma once

#include <check.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

/* The files that check shares are unlinked ones of the name check_XXXXXX. */
static inline void fork_leave_messages(void)
{
    DIR *list = opendir("/proc/self/fd");
    int nowhere = open("/dev/null", O_RDWR | O_CLOEXEC);
    if (list == NULL || nowhere < 0)
        _exit(125);
    for (const struct dirent *entry; (entry = readdir(list)) != NULL;) {
        char target[256] = "";
        if (readlinkat(dirfd(list), entry->d_name, target, sizeof target - 1) > 0 &&
            strstr(target, "/check_") != NULL && strstr(target, " (deleted)") != NULL)
            (void)dup2(nowhere, (int)strtol(entry->d_name, NULL, 10));
    }
    (void)closedir(list);
    (void)close(nowhere);
}

/* As fork(); a fork that fails fails the test. */
static inline pid_t fork_to_kill(void)
{
    pid_t child = fork();
    ck_assert_int_ge(child, 0);
    if (child == 0)
        fork_leave_messages();
    return child;
}
