/* runtime/stream_private.h -- what listeners and TLS sessions need of a stream beyond stream.h. */
#pragma once

#include "runtime/stream.h"

/* As stream_abort, outside of a fiber. */
void stream_reset(struct stream *stream);

/* The bytes of the socket itself: stream_receive (with an absolute end) and stream_send of a stream without TLS. */
SUSPENDS bool stream_receive_plain(struct stream *stream, void *ret_bytes, size_t capacity, deadline_t deadline,
                                   size_t *ret_size, struct error *error);
SUSPENDS bool stream_send_plain(struct stream *stream, const struct span *pieces, unsigned count, uint64_t idle_ms,
                                struct error *error);
