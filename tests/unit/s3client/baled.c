/* tests/unit/s3client/baled.c -- starts a baled, reads its port from what it says, and ends it. */
#include "tests/unit/s3client/baled.h"

#include "tests/unit/run_suite.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { OPTIONS_MAX = 16, START_MS = 20000 };

static struct {
    pid_t process;
    int output;
    char folder[64];
    char said[8192];
    size_t said_bytes;
} baled;

static void become_baled(const char *const *options, int output)
{
    char backend[96];
    const char *arguments[OPTIONS_MAX + 12] = {getenv("BALED"), "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0",
                                               "--shards",      "1",        "--backend",   backend};
    unsigned count = 9;
    (void)snprintf(backend, sizeof backend, "dir:%s/data", baled.folder);
    for (; *options != NULL && count < OPTIONS_MAX + 11; options++)
        arguments[count++] = *options;
    (void)setenv("BALE_ACCESS_KEY", BALED_ACCESS_KEY, 1);
    (void)setenv("BALE_SECRET_KEY", BALED_SECRET_KEY, 1);
    (void)dup2(output, STDOUT_FILENO);
    (void)dup2(output, STDERR_FILENO);
    (void)execv(arguments[0], (char *const *)(uintptr_t)arguments);
    _exit(127);
}

/* The port behind "ready, S3 on http://127.0.0.1:"; 0: not said yet. */
static uint16_t said_port(void)
{
    const char *line = strstr(baled.said, "ready, S3 on ");
    const char *host = line == NULL ? NULL : strstr(line, "127.0.0.1:");
    return host == NULL || strchr(host, '\n') == NULL ? 0 : (uint16_t)strtoul(strchr(host, ':') + 1, NULL, 10);
}

static bool read_more(int timeout_ms)
{
    struct pollfd readable = {.fd = baled.output, .events = POLLIN};
    if (poll(&readable, 1, timeout_ms) <= 0)
        return true;
    ssize_t size = read(baled.output, baled.said + baled.said_bytes, sizeof baled.said - 1 - baled.said_bytes);
    if (size <= 0)
        return false;
    baled.said_bytes += (size_t)size;
    baled.said[baled.said_bytes] = '\0';
    return true;
}

uint16_t baled_start(const char *const *options)
{
    int pipes[2];
    (void)snprintf(baled.folder, sizeof baled.folder, "/tmp/bale-s3client-XXXXXX");
    baled.said_bytes = 0;
    baled.said[0] = '\0';
    ck_assert_ptr_nonnull(getenv("BALED"));
    ck_assert_ptr_nonnull(mkdtemp(baled.folder));
    ck_assert_int_eq(pipe2(pipes, O_CLOEXEC), 0);
    baled.process = fork();
    ck_assert_int_ge(baled.process, 0);
    if (baled.process == 0)
        become_baled(options, pipes[1]);
    (void)close(pipes[1]);
    baled.output = pipes[0];
    for (int waited_ms = 0; said_port() == 0 && waited_ms < START_MS; waited_ms += 20)
        ck_assert_msg(read_more(20), "baled ended: %s", baled.said);
    ck_assert_msg(said_port() != 0, "baled did not get ready: %s", baled.said);
    return said_port();
}

void baled_stop(void)
{
    char command[128];
    (void)kill(baled.process, SIGTERM);
    (void)waitpid(baled.process, NULL, 0);
    (void)close(baled.output);
    (void)snprintf(command, sizeof command, "rm -rf '%s'", baled.folder);
    ck_assert_int_eq(system(command), 0);
}
