/* runtime/fiber/io_driver.h -- what stands behind io.h: the ring or the simulator; private to runtime/ and its tests.
 *
 * An operation lives in whoever waits for it (a fiber's stack, a parked stream, a listener) and belongs to the driver
 * from submit until its last completion, also when it was cancelled. `completed` is called by turn() only, outside of
 * fibers; it must not suspend and may submit and cancel. */
#pragma once

#include "runtime/base/clock.h"
#include "runtime/base/error.h"
#include "runtime/fiber/loop.h"

#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/uio.h>

enum io_verb {
    IO_RECEIVE,     /* buffer, size */
    IO_SEND,        /* buffer, size */
    IO_SEND_PIECES, /* buffer: a struct msghdr */
    IO_SEND_NOW,    /* the same; what does not go at once is not waited for: -EAGAIN */
    IO_CONNECT,     /* buffer: an address, size */
    IO_ACCEPT,      /* completes once for each connection (`more` set) until it ends */
    IO_POLL,        /* events */
    IO_READ,        /* buffer, size, offset */
    IO_WRITE,       /* buffer, size, offset */
    IO_WRITE_DURABLE,
    IO_SYNC_DATA,
    IO_ALLOCATE,   /* offset, length */
    IO_PUNCH_HOLE, /* offset, length */
    IO_CLOSE,
    IO_VERBS,
};

struct io_operation {
    enum io_verb verb;
    int fd;
    void *buffer;
    size_t size;
    uint64_t offset;
    uint64_t length;
    unsigned events;

    void (*completed)(struct io_operation *operation);
    int32_t result; /* >= 0, or a negative errno */
    bool more;      /* a further completion will come */
};

/* One writer: no locked instruction. */
static inline void counter_add(_Atomic uint64_t *counter, uint64_t amount)
{
    atomic_store_explicit(counter, atomic_load_explicit(counter, memory_order_relaxed) + amount, memory_order_relaxed);
}

struct io_context; /* the driver's state for one loop */

struct io_setup {
    struct loop *loop;
    struct loop_counters *counters;
    void (*before_submit)(struct loop *loop); /* by a driver that submits in between; the loop does before each turn */
    unsigned ring_entries;
    const struct clock *clock; /* the loop's; NULL when the driver's own is to be used */
};

struct io_driver {
    const char *name;
    void *argument; /* the driver's */
    struct io_context *(*open)(const struct io_driver *driver, const struct io_setup *setup, struct error *error);
    void (*close)(struct io_context *context);
    const struct clock *(*clock)(struct io_context *context);

    void (*submit)(struct io_context *context, struct io_operation *operation);
    /* A request, not a fact: the operation may still succeed. Either way its completion comes. */
    void (*cancel)(struct io_context *context, struct io_operation *operation);

    /* Hands over what was submitted and calls `completed` for what has ended; first waits for something to end, for
     * wake(), or for the time `until` (0: does not wait). */
    void (*turn)(struct io_context *context, deadline_t until);
    /* Whether turn(0) might find something to do. */
    bool (*has_work)(struct io_context *context);
    /* Any thread: makes the present or the next turn return. */
    void (*wake)(struct io_context *context);

    /* At once, or -EAGAIN. */
    int64_t (*receive_now)(struct io_context *context, int fd, void *ret_bytes, size_t size);
};

extern const struct io_driver io_ring_driver;
