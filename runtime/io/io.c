/* runtime/io/io.c -- the verbs: one operation, one suspended fiber, one result.
 *
 * The operation lies on the fiber's stack, and a verb returns only at the operation's completion, also after a
 * cancellation: so the kernel never holds memory of a frame that is gone. A result that won the race against its
 * cancellation is a result. */
#include "runtime/io/io.h"

#include "runtime/base/assert.h"
#include "runtime/fiber/loop_private.h"

#include <errno.h>

enum { TRANSFER_BYTES_MAX = 1 << 30 }; /* of one operation: results are 31 bits */

struct awaited {
    struct io_operation operation;
    struct fiber_wait wait;
    struct timer timer;
    struct fiber *fiber;
    int reason; /* why it was interrupted, or 0 */
    bool pending;
};

static void complete(struct io_operation *operation)
{
    struct awaited *awaited = LIST_ELEMENT(operation, struct awaited, operation);
    awaited->pending = false;
    fiber_wake(awaited->fiber);
}

static void interrupt(struct fiber_wait *wait, int reason)
{
    struct awaited *awaited = LIST_ELEMENT(wait, struct awaited, wait);
    if (!awaited->pending || awaited->reason != 0)
        return;
    struct loop *loop = loop_here();
    awaited->reason = reason;
    loop->driver->cancel(loop->io, &awaited->operation);
}

static void time_out(struct timer *timer)
{
    interrupt(&LIST_ELEMENT(timer, struct awaited, timer)->wait, -ETIMEDOUT);
}

SUSPENDS static int32_t await(struct loop *loop, struct io_operation operation)
{
    struct awaited awaited = {.operation = operation, .fiber = loop->current, .pending = true};
    ASSERT(awaited.fiber != NULL);
    awaited.operation.completed = complete;
    loop->driver->submit(loop->io, &awaited.operation);
    while (awaited.pending)
        fiber_suspend();
    return awaited.operation.result;
}

SUSPENDS static int32_t await_until(struct io_operation operation, deadline_t deadline)
{
    struct loop *loop = loop_here();
    struct fiber *fiber = loop->current;
    ASSERT(fiber != NULL);
    if (fiber->cancelled)
        return -ECANCELED;
    struct awaited awaited = {
        .operation = operation,
        .wait.interrupt = interrupt,
        .timer.expired = time_out,
        .fiber = fiber,
        .pending = true,
    };
    awaited.operation.completed = complete;
    loop->driver->submit(loop->io, &awaited.operation);
    timer_arm(&loop->timers, &awaited.timer, deadline);
    fiber->wait = &awaited.wait;
    while (awaited.pending)
        fiber_suspend();
    fiber->wait = NULL;
    timer_disarm(&loop->timers, &awaited.timer);
    int32_t result = awaited.operation.result;
    return result == -ECANCELED && awaited.reason != 0 ? awaited.reason : result;
}

static size_t bounded(size_t size)
{
    return size < TRANSFER_BYTES_MAX ? size : TRANSFER_BYTES_MAX;
}

/* ---- sockets ---- */

SUSPENDS int64_t io_receive(int fd, void *ret_bytes, size_t size, deadline_t deadline)
{
    struct io_operation operation = {.verb = IO_RECEIVE, .fd = fd, .buffer = ret_bytes, .size = bounded(size)};
    return await_until(operation, deadline);
}

SUSPENDS int64_t io_send(int fd, const void *bytes, size_t size, deadline_t deadline)
{
    struct io_operation operation = {
        .verb = IO_SEND, .fd = fd, .buffer = (void *)(uintptr_t)bytes, .size = bounded(size)};
    return await_until(operation, deadline);
}

SUSPENDS int64_t io_send_pieces(int fd, const struct iovec *pieces, unsigned count, deadline_t deadline)
{
    struct msghdr message = {.msg_iov = (struct iovec *)(uintptr_t)pieces, .msg_iovlen = count};
    struct io_operation operation = {.verb = IO_SEND_PIECES, .fd = fd, .buffer = &message};
    return await_until(operation, deadline);
}

SUSPENDS int64_t io_send_now(int fd, const struct iovec *pieces, unsigned count)
{
    struct msghdr message = {.msg_iov = (struct iovec *)(uintptr_t)pieces, .msg_iovlen = count};
    struct io_operation operation = {.verb = IO_SEND_NOW, .fd = fd, .buffer = &message};
    return fiber_is_cancelled() ? -ECANCELED : await(loop_here(), operation);
}

SUSPENDS int io_connect(int fd, const struct sockaddr *address, socklen_t size, deadline_t deadline)
{
    struct io_operation operation = {.verb = IO_CONNECT, .fd = fd, .buffer = (void *)(uintptr_t)address, .size = size};
    return await_until(operation, deadline);
}

SUSPENDS int io_poll(int fd, unsigned events, deadline_t deadline)
{
    return await_until((struct io_operation){.verb = IO_POLL, .fd = fd, .events = events}, deadline);
}

int io_shutdown(int fd)
{
    return shutdown(fd, SHUT_RDWR) == 0 ? 0 : -errno;
}

/* ---- files ---- */

SUSPENDS int64_t io_read(int fd, void *ret_bytes, size_t size, uint64_t offset, deadline_t deadline)
{
    struct io_operation operation = {
        .verb = IO_READ, .fd = fd, .buffer = ret_bytes, .size = bounded(size), .offset = offset};
    return await_until(operation, deadline);
}

SUSPENDS int64_t io_write(int fd, const void *bytes, size_t size, uint64_t offset, deadline_t deadline)
{
    struct io_operation operation = {
        .verb = IO_WRITE, .fd = fd, .buffer = (void *)(uintptr_t)bytes, .size = bounded(size), .offset = offset};
    return await_until(operation, deadline);
}

SUSPENDS int64_t io_write_durable(int fd, const void *bytes, size_t size, uint64_t offset, deadline_t deadline)
{
    struct io_operation operation = {.verb = IO_WRITE_DURABLE,
                                     .fd = fd,
                                     .buffer = (void *)(uintptr_t)bytes,
                                     .size = bounded(size),
                                     .offset = offset};
    return await_until(operation, deadline);
}

SUSPENDS int io_sync_data(int fd, deadline_t deadline)
{
    return await_until((struct io_operation){.verb = IO_SYNC_DATA, .fd = fd}, deadline);
}

SUSPENDS int io_allocate(int fd, uint64_t offset, uint64_t size, deadline_t deadline)
{
    struct io_operation operation = {.verb = IO_ALLOCATE, .fd = fd, .offset = offset, .length = size};
    return await_until(operation, deadline);
}

SUSPENDS int io_punch_hole(int fd, uint64_t offset, uint64_t size, deadline_t deadline)
{
    struct io_operation operation = {.verb = IO_PUNCH_HOLE, .fd = fd, .offset = offset, .length = size};
    return await_until(operation, deadline);
}

/* Also of a cancelled fiber, and not to be interrupted: a descriptor must not leak. */
SUSPENDS int io_close(int fd)
{
    return await(loop_here(), (struct io_operation){.verb = IO_CLOSE, .fd = fd});
}

/* ---- time ---- */

struct sleeper {
    struct fiber_wait wait;
    struct timer timer;
    struct fiber *fiber;
    int result;
    bool pending;
};

static void end_sleep(struct sleeper *sleeper, int result)
{
    if (!sleeper->pending)
        return;
    sleeper->pending = false;
    sleeper->result = result;
    fiber_wake(sleeper->fiber);
}

static void interrupt_sleep(struct fiber_wait *wait, int reason)
{
    end_sleep(LIST_ELEMENT(wait, struct sleeper, wait), reason);
}

static void wake_sleeper(struct timer *timer)
{
    end_sleep(LIST_ELEMENT(timer, struct sleeper, timer), 0);
}

SUSPENDS int io_sleep_until(deadline_t deadline)
{
    struct loop *loop = loop_here();
    struct fiber *fiber = loop->current;
    ASSERT(fiber != NULL);
    if (fiber->cancelled)
        return -ECANCELED;
    struct sleeper sleeper = {
        .wait.interrupt = interrupt_sleep, .timer.expired = wake_sleeper, .fiber = fiber, .pending = true};
    timer_arm(&loop->timers, &sleeper.timer, deadline);
    fiber->wait = &sleeper.wait;
    while (sleeper.pending)
        fiber_suspend();
    fiber->wait = NULL;
    timer_disarm(&loop->timers, &sleeper.timer);
    return sleeper.result;
}
