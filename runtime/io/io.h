/* runtime/io/io.h -- the one door to I/O: every verb looks synchronous and suspends the calling fiber.
 *
 * Results are those of the system call: a count or descriptor >= 0, or a negative errno. -ETIMEDOUT: the deadline
 * passed; -ECANCELED: the fiber was cancelled. Whatever the result, when a verb returns the kernel no longer touches
 * the memory it was given. One operation at a time for each fiber.
 *
 * Two implementations stand behind it: the ring (io_ring.c) and a seeded simulator (io_sim.c, with short results,
 * delays, errors and cancellation races) that tests choose with loop_options.driver. */
#pragma once

#include "runtime/fiber/fiber.h"

#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/uio.h>

/* Sockets. A short result is possible; stream.h loops. */
SUSPENDS int64_t io_receive(int fd, void *ret_bytes, size_t size, deadline_t deadline);
SUSPENDS int64_t io_send(int fd, const void *bytes, size_t size, deadline_t deadline);
SUSPENDS int64_t io_send_pieces(int fd, const struct iovec *pieces, unsigned count, deadline_t deadline);
/* What the socket takes at once, or -EAGAIN. It goes at the end of the loop's turn, in one system call with all that
 * other fibers send: whoever receives is woken once, and does not take the processor away in the middle of the turn. */
SUSPENDS int64_t io_send_now(int fd, const struct iovec *pieces, unsigned count);
SUSPENDS int io_connect(int fd, const struct sockaddr *address, socklen_t size, deadline_t deadline);
/* Waits for poll(2) events; returns those that occurred. */
SUSPENDS int io_poll(int fd, unsigned events, deadline_t deadline);
int io_shutdown(int fd); /* does not wait: ends what is pending on the socket */

/* Files. */
SUSPENDS int64_t io_read(int fd, void *ret_bytes, size_t size, uint64_t offset, deadline_t deadline);
SUSPENDS int64_t io_write(int fd, const void *bytes, size_t size, uint64_t offset, deadline_t deadline);
/* Durable when it returns (RWF_DSYNC); a short result was durable as far as it went. */
SUSPENDS int64_t io_write_durable(int fd, const void *bytes, size_t size, uint64_t offset, deadline_t deadline);
SUSPENDS int io_sync_data(int fd, deadline_t deadline);
SUSPENDS int io_allocate(int fd, uint64_t offset, uint64_t size, deadline_t deadline);
SUSPENDS int io_punch_hole(int fd, uint64_t offset, uint64_t size, deadline_t deadline);
SUSPENDS int io_close(int fd);

/* 0 when the time is up, -ECANCELED when cancelled. */
SUSPENDS int io_sleep_until(deadline_t deadline);
