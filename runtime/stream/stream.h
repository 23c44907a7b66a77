/* runtime/stream/stream.h -- one connection's bytes in both directions, plain TCP (or TLS, behind the same verbs).
 *
 * Nothing above runtime/ holds the descriptor of a connection. A stream is used by one fiber at a time. Time-outs
 * are of idleness: each byte that moves starts them anew, so that slow progress is never cut. */
#pragma once

#include "runtime/base/span.h"
#include "runtime/fiber/fiber.h"

#include <stddef.h>
#include <stdint.h>

struct stream;

enum { STREAM_ADDRESS_BYTES = 64, STREAM_PIECES_MAX = 24 };

/* Some bytes (at least 1): true with *ret_size. End of stream: true with 0. Else ERROR_TIMED_OUT, ERROR_CLOSED,
 * ERROR_CANCELLED. */
SUSPENDS bool stream_receive(struct stream *stream, void *ret_bytes, size_t capacity, uint64_t idle_ms,
                             size_t *ret_size, struct error *error);

/* All the pieces, in order, or an error. At most STREAM_PIECES_MAX. */
SUSPENDS bool stream_send(struct stream *stream, const struct span *pieces, unsigned count, uint64_t idle_ms,
                          struct error *error);

/* Orderly end: what was sent is delivered, the peer sees FIN. Frees the stream. */
SUSPENDS void stream_close(struct stream *stream);

/* The peer sees a reset (what was promised was not kept). Frees the stream; does not wait. */
void stream_abort(struct stream *stream);

/* An idle connection holds no stack: the calling fiber hands the stream over and must return from its entry function
 * soon. When bytes can be read, `entry(argument)` starts on a new fiber; when idle_ms pass without, or the loop is
 * stopping, or the peer closes, `expired(argument)` runs instead on a new fiber, which closes the stream. */
void stream_park(struct stream *stream, uint64_t idle_ms, fiber_entry *entry, fiber_entry *expired, void *argument);

/* Ends the wait of a parked stream: `expired` runs soon, as if its time were up. Nothing happens when bytes or the end
 * of the time have come already and a fiber is on its way. */
void stream_expire(struct stream *stream);

/* ---- for the side that asks, and waits for an answer ---- */

/* As stream_send, but ends early, with true and *ret_answered, when the peer says something or closes before all has
 * been sent. *ret_sent bytes were taken, and the sending can go on behind them (also with no pieces at all: TLS may
 * have taken bytes that are still to go out). After a failure *ret_sent is how many have left: with 0 the peer cannot
 * have seen any. */
SUSPENDS bool stream_send_watching(struct stream *stream, const struct span *pieces, unsigned count, uint64_t idle_ms,
                                   size_t *ret_sent, bool *ret_answered, struct error *error);

/* An idle stream that may be wanted again. After idle_ms, or when the loop is stopping, `expired(argument)` runs,
 * outside of a fiber; it must not wait, and ends the stream with stream_drop. Costs a timer; whether the peer has gone
 * meanwhile is looked at by stream_reuse. */
void stream_keep(struct stream *stream, uint64_t idle_ms, void (*expired)(void *argument), void *argument);
/* Takes it back; `expired` will not run. False: the peer has closed, or said something that nobody asked for, and the
 * stream is only good for stream_drop. `is_looked_at` false: the socket is not asked, which costs a system call; what
 * it would have said, the next send or receive will. */
bool stream_reuse(struct stream *stream, bool is_looked_at);
/* Ends an idle stream: the peer sees FIN. Frees the stream; does not wait. */
void stream_drop(struct stream *stream);

/* ---- what is known of it ---- */

/* "address:port" of the peer, for logs. */
const char *stream_peer(const struct stream *stream);
/* Of a socket in the file system (local.h): as which user the peer has connected, as the kernel has it. False: it is no
 * such one. */
bool stream_peer_user(const struct stream *stream, uint32_t *ret_user);
/* Has the peer closed the connection, or his side of it? A system call. */
bool stream_peer_has_left(const struct stream *stream);
bool stream_is_secure(const struct stream *stream);
/* "1.2" or "1.3"; NULL: no TLS. */
const char *stream_tls_version(const struct stream *stream);
/* As OpenSSL calls it: "TLS_AES_256_GCM_SHA384", "ECDHE-RSA-AES128-GCM-SHA256". NULL: no TLS. */
const char *stream_tls_cipher(const struct stream *stream);

/* A connected socket becomes a stream, which owns it from then on. Used by listeners, clients and tests. */
struct stream *stream_from_socket(int fd);
