/* s3client/credentials/process.c -- splits a command, runs it in a process group of its own, reads what it prints. */
#include "s3client/credentials/process.h"

#include "runtime/base/assert.h"
#include "runtime/base/buffer.h"
#include "s3client/credentials/key_document.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { SLICE_MS = 50 };

/* ---- words ---- */

static bool is_blank(uint8_t byte)
{
    return byte == ' ' || byte == '\t' || byte == '\n' || byte == '\r';
}

/* One word, from a byte that is not blank; *text goes on behind it. False: a quote is open. */
static bool take_word(struct span *text, char **to)
{
    uint8_t quote = 0;
    size_t i = 0;
    for (; i < text->size && (quote != 0 || !is_blank(text->data[i])); i++) {
        uint8_t byte = text->data[i];
        uint8_t next = i + 1 < text->size ? text->data[i + 1] : 0;
        bool escapes = byte == '\\' && next != 0 && (quote == 0 || (quote == '"' && (next == '"' || next == '\\')));
        if (escapes)
            *(*to)++ = (char)text->data[++i];
        else if (quote == 0 && (byte == '"' || byte == '\''))
            quote = byte;
        else if (quote != 0 && byte == quote)
            quote = 0;
        else
            *(*to)++ = (char)byte;
    }
    *(*to)++ = '\0';
    *text = span_skip(*text, i);
    return quote == 0;
}

bool process_split(struct span command, char *ret_text, char *ret_arguments[PROCESS_ARGUMENTS_MAX + 1],
                   struct error *error)
{
    unsigned count = 0;
    if (command.size > PROCESS_COMMAND_BYTES_MAX)
        return error_set(error, ERROR_TOO_LARGE, NULL, "the command has more than %d bytes", PROCESS_COMMAND_BYTES_MAX);
    if (span_find(command, '\0') != SIZE_MAX)
        return error_set(error, ERROR_INVALID, NULL, "the command holds a zero byte");
    for (;;) {
        while (command.size > 0 && is_blank(command.data[0]))
            command = span_skip(command, 1);
        if (command.size == 0)
            break;
        if (count == PROCESS_ARGUMENTS_MAX)
            return error_set(error, ERROR_TOO_LARGE, NULL, "the command has more than %d words", PROCESS_ARGUMENTS_MAX);
        ret_arguments[count++] = ret_text;
        if (!take_word(&command, &ret_text))
            return error_set(error, ERROR_INVALID, NULL, "a quote of the command is not closed");
    }
    ret_arguments[count] = NULL;
    return count > 0 || error_set(error, ERROR_INVALID, NULL, "the command is empty");
}

/* ---- a child ---- */

struct child {
    pid_t pid;
    int output;
    bool has_ended;
    int status;
    struct buffer printed;
};

static bool spawn(char *const *arguments, char *const *environment, int output, pid_t *ret_pid, struct error *error)
{
    posix_spawn_file_actions_t files;
    posix_spawnattr_t attributes;
    sigset_t none;
    sigset_t usual;
    (void)sigemptyset(&none);
    (void)sigemptyset(&usual);
    (void)sigaddset(&usual, SIGPIPE); /* which a server ignores */
    ASSERT(posix_spawn_file_actions_init(&files) == 0 && posix_spawnattr_init(&attributes) == 0);
    ASSERT(posix_spawn_file_actions_addopen(&files, 0, "/dev/null", O_RDONLY, 0) == 0);
    ASSERT(posix_spawn_file_actions_adddup2(&files, output, 1) == 0);
    ASSERT(posix_spawn_file_actions_addclosefrom_np(&files, 3) == 0);
    (void)posix_spawnattr_setpgroup(&attributes, 0);
    (void)posix_spawnattr_setsigmask(&attributes, &none);
    (void)posix_spawnattr_setsigdefault(&attributes, &usual);
    (void)posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
    int failed = posix_spawnp(ret_pid, arguments[0], &files, &attributes, arguments, environment);
    (void)posix_spawn_file_actions_destroy(&files);
    (void)posix_spawnattr_destroy(&attributes);
    return failed == 0 || error_set_errno(error, failed, "cannot be started");
}

static bool start_child(struct child *child, char *const *arguments, char *const *environment, struct error *error)
{
    int ends[2];
    if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) != 0)
        return error_set_errno(error, errno, "cannot make a pipe");
    (void)fcntl(ends[1], F_SETFL, 0); /* only ours does not block */
    bool done = spawn(arguments, environment, ends[1], &child->pid, error);
    (void)close(ends[1]);
    child->output = ends[0];
    if (!done)
        (void)close(ends[0]);
    return done;
}

/* Takes what there is. False: there will be no more, or it is too much. */
static bool read_some(struct child *child)
{
    for (;;) {
        size_t room = child->printed.limit - child->printed.size;
        ssize_t got = read(child->output, child->printed.data + child->printed.size, room);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return got < 0 && errno == EAGAIN;
        child->printed.size += (size_t)got;
        if (child->printed.size == child->printed.limit)
            return false;
    }
}

static void look_after(struct child *child)
{
    if (!child->has_ended && waitpid(child->pid, &child->status, WNOHANG) == child->pid)
        child->has_ended = true;
}

/* Until it has ended: somebody whom it started may hold the pipe open for longer. */
static bool wait_for_child(const struct search *search, struct child *child, struct error *error)
{
    uint64_t end = clock_monotonic_ns(clock_system()) + search->process_ms * UINT64_C(1000000);
    bool is_open = true;
    while (!child->has_ended && child->printed.size < child->printed.limit) {
        struct pollfd output = {.fd = is_open ? child->output : -1, .events = POLLIN};
        (void)poll(&output, 1, SLICE_MS);
        look_after(child); /* first: what it printed before its end is read after it */
        is_open = is_open && read_some(child);
        if (search_is_cut(search))
            return error_set(error, ERROR_CANCELLED, NULL, "was not waited for");
        if (clock_monotonic_ns(clock_system()) > end)
            return error_set(error, ERROR_TIMED_OUT, NULL, "has not ended after %llu s",
                             (unsigned long long)search->process_ms / 1000);
    }
    if (child->printed.size == child->printed.limit)
        return error_set(error, ERROR_TOO_LARGE, NULL, "prints more than 64 KiB");
    if (WIFEXITED(child->status) && WEXITSTATUS(child->status) == 0)
        return true;
    return WIFEXITED(child->status)
               ? error_set(error, ERROR_IO, NULL, "ended with status %d", WEXITSTATUS(child->status))
               : error_set(error, ERROR_IO, NULL, "was ended by signal %d", WTERMSIG(child->status));
}

static void end_child(struct child *child)
{
    if (!child->has_ended) {
        (void)kill(-child->pid, SIGKILL);
        (void)waitpid(child->pid, &child->status, 0);
    }
    (void)close(child->output);
    explicit_bzero(child->printed.data, child->printed.size);
    buffer_free(&child->printed);
}

static bool run(const struct search *search, char *const *arguments, struct keys *ret_keys, struct error *error)
{
    struct child child = {0};
    if (!start_child(&child, arguments, search->options->environment, error))
        return false;
    buffer_init(&child.printed, KEY_DOCUMENT_BYTES_MAX + 1);
    bool has_room = buffer_reserve(&child.printed, KEY_DOCUMENT_BYTES_MAX + 1); /* nothing moves: it is wiped */
    ASSERT(has_room);
    bool done = wait_for_child(search, &child, error) &&
                key_document_read(buffer_span(&child.printed), KEY_DOCUMENT_PROCESS, ret_keys, error);
    end_child(&child);
    return done;
}

bool process_ask(const struct search *search, struct span command, struct keys *ret_keys, struct error *error)
{
    char *text = calloc(1, PROCESS_COMMAND_BYTES_MAX + 1);
    char *arguments[PROCESS_ARGUMENTS_MAX + 1];
    ASSERT(text != NULL);
    bool done = process_split(command, text, arguments, error);
    if (!done)
        (void)error_prepend(error, "credential_process");
    else if (!run(search, arguments, ret_keys, error))
        done = error_prepend(error, "credential_process %.60s", arguments[0]);
    free(text);
    return done;
}
