/* runtime/io/io_ring.c -- I/O by io_uring: the driver of servers.
 *
 * The ring belongs to one thread (SINGLE_ISSUER), and completions are made up only when that thread enters the kernel
 * (DEFER_TASKRUN): the cheapest way there is for a loop that waits anyway. What was prepared since the last turn is
 * submitted by the same system call that waits. */
#include "runtime/base/assert.h"
#include "runtime/fiber/io_driver.h"

#include <errno.h>
#include <fcntl.h>
#include <liburing.h>
#include <linux/falloc.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/utsname.h>
#include <unistd.h>

#if __has_include(<valgrind/memcheck.h>)
#include <valgrind/memcheck.h>
#else
#define VALGRIND_MAKE_MEM_DEFINED(address, size) ((void)0)
#define RUNNING_ON_VALGRIND 0
#endif

enum {
    COMPLETIONS_PER_ENTRY = 8, /* room in the completion queue for each entry of the submission queue */
    FILE_WORKERS_MAX = 16,     /* threads of the kernel for file operations that cannot be asynchronous */
    OTHER_WORKERS_MAX = 4,
    KERNEL_MAJOR_MIN = 6,
    KERNEL_MINOR_MIN = 1,
};

/* user_data of what is not an io_operation */
enum { TAG_IGNORED = 0, TAG_DOORBELL = 1 };

struct io_context {
    struct io_uring ring;
    struct loop *loop;
    void (*before_submit)(struct loop *loop);
    struct loop_counters *counters;
    const struct clock *clock;
    bool is_on_valgrind;
    int doorbell; /* an eventfd that is written and never read: each write ends a wait */
};

/* ---- opening ---- */

static bool kernel_is_too_old(char *ret_release, size_t size)
{
    struct utsname name;
    unsigned major = 0, minor = 0;
    if (uname(&name) != 0 || sscanf(name.release, "%u.%u", &major, &minor) != 2)
        return false;
    (void)snprintf(ret_release, size, "%s", name.release);
    return major < KERNEL_MAJOR_MIN || (major == KERNEL_MAJOR_MIN && minor < KERNEL_MINOR_MIN);
}

static long disabled_setting(void)
{
    long value = 0;
    FILE *file = fopen("/proc/sys/kernel/io_uring_disabled", "re");
    if (file == NULL)
        return 0;
    if (fscanf(file, "%ld", &value) != 1)
        value = 0;
    (void)fclose(file);
    return value;
}

static void explain_refusal(int errno_value, struct error *error)
{
    long disabled = disabled_setting();
    if (errno_value == EPERM && disabled != 0)
        error_set(error, ERROR_UNSUPPORTED, NULL,
                  "io_uring is switched off on this machine: kernel.io_uring_disabled is %ld; "
                  "set it to 0 (sysctl -w kernel.io_uring_disabled=0)",
                  disabled);
    else if (errno_value == EPERM || errno_value == ENOSYS || errno_value == EACCES)
        error_set(error, ERROR_UNSUPPORTED, NULL,
                  "io_uring is refused (%s): probably by the seccomp filter of a container; "
                  "allow io_uring_setup, io_uring_enter and io_uring_register there",
                  strerror(errno_value));
    else if (errno_value == ENOMEM)
        error_set(error, ERROR_UNSUPPORTED, NULL,
                  "no memory for an io_uring: raise the limit of locked memory (LimitMEMLOCK=infinity, ulimit -l)");
    else
        error_set_errno(error, errno_value, "io_uring cannot be set up");
}

static bool open_ring(struct io_context *context, unsigned entries, struct error *error)
{
    char release[65] = "";
    if (kernel_is_too_old(release, sizeof release))
        return error_set(error, ERROR_UNSUPPORTED, NULL, "Linux %s is too old: io_uring as used here came with %d.%d",
                         release, KERNEL_MAJOR_MIN, KERNEL_MINOR_MIN);
    struct io_uring_params params = {
        .flags = IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_TASKRUN_FLAG |
                 IORING_SETUP_SUBMIT_ALL | IORING_SETUP_CQSIZE,
        .cq_entries = entries * COMPLETIONS_PER_ENTRY,
    };
    int status = io_uring_queue_init_params(entries, &context->ring, &params);
    if (status < 0) {
        explain_refusal(-status, error);
        return false;
    }
    /* The three below make it better, not right: a kernel that refuses them is good enough. */
    (void)io_uring_register_ring_fd(&context->ring);
    unsigned workers[2] = {FILE_WORKERS_MAX, OTHER_WORKERS_MAX};
    (void)io_uring_register_iowq_max_workers(&context->ring, workers);
    (void)io_uring_ring_dontfork(&context->ring);
    return true;
}

/* ---- submission ---- */

static struct io_uring_sqe *take_entry(struct io_context *context)
{
    struct io_uring_sqe *entry = io_uring_get_sqe(&context->ring);
    while (entry == NULL) {
        context->before_submit(context->loop);
        int submitted = io_uring_submit(&context->ring);
        if (submitted == -EBUSY || submitted == -EAGAIN) /* completions must be let in first */
            (void)io_uring_get_events(&context->ring);
        entry = io_uring_get_sqe(&context->ring);
    }
    counter_add(&context->counters->submissions, 1);
    return entry;
}

static void arm_doorbell(struct io_context *context)
{
    struct io_uring_sqe *entry = take_entry(context);
    io_uring_prep_poll_multishot(entry, context->doorbell, POLLIN);
    entry->user_data = TAG_DOORBELL;
}

static void prepare(struct io_uring_sqe *entry, const struct io_operation *operation)
{
    int fd = operation->fd;
    unsigned size = (unsigned)operation->size;
    switch (
        operation->verb) { /* sends without MSG_WAITALL: slow progress must be seen, or it would look like idleness */
    case IO_RECEIVE:
        io_uring_prep_recv(entry, fd, operation->buffer, operation->size, 0);
        return;
    case IO_SEND:
        io_uring_prep_send(entry, fd, operation->buffer, operation->size, MSG_NOSIGNAL);
        return;
    case IO_SEND_PIECES:
        io_uring_prep_sendmsg(entry, fd, operation->buffer, MSG_NOSIGNAL);
        return;
    case IO_SEND_NOW:
        io_uring_prep_sendmsg(entry, fd, operation->buffer, MSG_NOSIGNAL | MSG_DONTWAIT);
        return;
    case IO_CONNECT:
        io_uring_prep_connect(entry, fd, operation->buffer, size);
        return;
    case IO_ACCEPT:
        io_uring_prep_multishot_accept(entry, fd, NULL, NULL, SOCK_CLOEXEC);
        return;
    case IO_POLL:
        io_uring_prep_poll_add(entry, fd, operation->events);
        return;
    case IO_READ:
        io_uring_prep_read(entry, fd, operation->buffer, size, operation->offset);
        return;
    case IO_WRITE:
        io_uring_prep_write(entry, fd, operation->buffer, size, operation->offset);
        return;
    case IO_WRITE_DURABLE:
        io_uring_prep_write(entry, fd, operation->buffer, size, operation->offset);
        entry->rw_flags = RWF_DSYNC;
        return;
    case IO_SYNC_DATA:
        io_uring_prep_fsync(entry, fd, IORING_FSYNC_DATASYNC);
        return;
    case IO_ALLOCATE:
        io_uring_prep_fallocate(entry, fd, 0, (off_t)operation->offset, (off_t)operation->length);
        return;
    case IO_PUNCH_HOLE:
        io_uring_prep_fallocate(entry, fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)operation->offset,
                                (off_t)operation->length);
        return;
    case IO_CLOSE:
        io_uring_prep_close(entry, fd);
        return;
    case IO_VERBS:
        break;
    }
    UNREACHABLE();
}

static void ring_submit(struct io_context *context, struct io_operation *operation)
{
    struct io_uring_sqe *entry = take_entry(context);
    prepare(entry, operation);
    entry->user_data = (uintptr_t)operation;
}

static void ring_cancel(struct io_context *context, struct io_operation *operation)
{
    struct io_uring_sqe *entry = take_entry(context);
    io_uring_prep_cancel64(entry, (uintptr_t)operation, 0);
    entry->user_data = TAG_IGNORED;
    entry->flags |= IOSQE_CQE_SKIP_SUCCESS;
}

/* ---- completion ---- */

static void mark_defined(const struct io_operation *operation)
{
    if ((operation->verb == IO_RECEIVE || operation->verb == IO_READ) && operation->result > 0)
        (void)VALGRIND_MAKE_MEM_DEFINED(operation->buffer, (size_t)operation->result);
}

static void take_completion(struct io_context *context, uint64_t user_data, int32_t result, uint32_t flags)
{
    if (user_data == TAG_IGNORED)
        return;
    if (user_data == TAG_DOORBELL) {
        if ((flags & IORING_CQE_F_MORE) == 0)
            arm_doorbell(context);
        return;
    }
    struct io_operation *operation = (struct io_operation *)(uintptr_t)user_data;
    operation->result = result;
    operation->more = (flags & IORING_CQE_F_MORE) != 0;
    mark_defined(operation);
    operation->completed(operation);
}

/* Each entry of the queue is free again before its completion is looked at, as that may submit and so enter. */
static void collect(struct io_context *context)
{
    struct io_uring *ring = &context->ring;
    struct io_uring_cqe *entry;
    uint64_t count = 0;
    while (count < *ring->cq.kring_entries && io_uring_peek_cqe(ring, &entry) == 0) {
        uint64_t user_data = entry->user_data;
        int32_t result = entry->res;
        uint32_t flags = entry->flags;
        io_uring_cqe_seen(ring, entry);
        take_completion(context, user_data, result, flags);
        count++;
    }
    if (count != 0)
        counter_add(&context->counters->completions, count);
}

static bool ring_has_work(struct io_context *context)
{
    const struct io_uring *ring = &context->ring;
    return io_uring_sq_ready(ring) != 0 || io_uring_cq_ready(ring) != 0 ||
           (IO_URING_READ_ONCE(*ring->sq.kflags) & (IORING_SQ_TASKRUN | IORING_SQ_CQ_OVERFLOW)) != 0;
}

/* valgrind lets no other thread run while one is in io_uring_enter, but does while one sleeps. */
static void wait_on_valgrind(struct io_context *context, deadline_t until)
{
    do
        (void)io_uring_submit_and_get_events(&context->ring);
    while (io_uring_cq_ready(&context->ring) == 0 && clock_monotonic_ns(context->clock) < until && usleep(100) == 0);
}

static void enter(struct io_context *context, deadline_t until)
{
    struct io_uring *ring = &context->ring;
    struct io_uring_cqe *first;
    int status;
    if (until == 0)
        status = io_uring_submit_and_get_events(ring);
    else if (until == DEADLINE_NONE)
        status = io_uring_submit_and_wait(ring, 1);
    else {
        uint64_t now = clock_monotonic_ns(context->clock);
        uint64_t left = until > now ? until - now : 0;
        struct __kernel_timespec timeout = {.tv_sec = (int64_t)(left / 1000000000),
                                            .tv_nsec = (long long)(left % 1000000000)};
        status = io_uring_submit_and_wait_timeout(ring, &first, 1, &timeout, NULL);
    }
    /* These pass, and the loop comes again. Anything else means that the ring itself is broken. */
    ASSERT(status >= 0 || status == -EINTR || status == -ETIME || status == -EAGAIN || status == -EBUSY);
}

static void ring_turn(struct io_context *context, deadline_t until)
{
    if ((IO_URING_READ_ONCE(*context->ring.sq.kflags) & IORING_SQ_CQ_OVERFLOW) != 0)
        counter_add(&context->counters->cq_overflows, 1);
    if (until != 0 && context->is_on_valgrind) {
        wait_on_valgrind(context, until);
        until = 0;
    }
    if (until != 0 || ring_has_work(context))
        enter(context, until);
    collect(context);
}

static void ring_wake(struct io_context *context)
{
    uint64_t one = 1;
    ssize_t written;
    do
        written = write(context->doorbell, &one, sizeof one);
    while (written < 0 && errno == EINTR);
}

/* ---- at once ---- */

static int64_t ring_receive_now(struct io_context *context, int fd, void *ret_bytes, size_t size)
{
    (void)context;
    ssize_t received = recv(fd, ret_bytes, size, MSG_DONTWAIT);
    return received >= 0 ? received : errno == EINTR ? -EAGAIN : -errno;
}

/* ---- the driver ---- */

static void ring_close(struct io_context *context)
{
    io_uring_queue_exit(&context->ring);
    (void)close(context->doorbell);
    free(context);
}

static struct io_context *ring_open(const struct io_driver *driver, const struct io_setup *setup, struct error *error)
{
    (void)driver;
    struct io_context *context = calloc(1, sizeof *context);
    if (context == NULL) {
        error_set(error, ERROR_BUSY, NULL, "no memory for a ring");
        return NULL;
    }
    context->loop = setup->loop;
    context->before_submit = setup->before_submit;
    context->counters = setup->counters;
    context->is_on_valgrind = RUNNING_ON_VALGRIND != 0;
    context->clock = clock_system(); /* the kernel waits by it, whatever the loop's clock is */
    context->doorbell = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (context->doorbell < 0) {
        error_set_errno(error, errno, "no eventfd for a loop");
        free(context);
        return NULL;
    }
    if (!open_ring(context, setup->ring_entries, error)) {
        (void)close(context->doorbell);
        free(context);
        return NULL;
    }
    arm_doorbell(context);
    return context;
}

static const struct clock *ring_clock(struct io_context *context)
{
    return context->clock;
}

const struct io_driver io_ring_driver = {
    .name = "ring",
    .open = ring_open,
    .close = ring_close,
    .clock = ring_clock,
    .submit = ring_submit,
    .cancel = ring_cancel,
    .turn = ring_turn,
    .has_work = ring_has_work,
    .wake = ring_wake,
    .receive_now = ring_receive_now,
};
