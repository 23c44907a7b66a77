/* runtime/stream/stream_private.h -- what TLS sessions need of a stream beyond stream.h. */
#pragma once

#include "runtime/stream/stream.h"

/* The bytes of the socket itself: stream_receive (with an absolute end) and stream_send of a stream without TLS. */
SUSPENDS bool stream_receive_plain(struct stream *stream, void *ret_bytes, size_t capacity, deadline_t deadline,
                                   size_t *ret_size, struct error *error);
SUSPENDS bool stream_send_plain(struct stream *stream, const struct span *pieces, unsigned count, uint64_t idle_ms,
                                struct error *error);
SUSPENDS bool stream_send_watching_plain(struct stream *stream, const struct span *pieces, unsigned count,
                                         uint64_t idle_ms, size_t *ret_sent, bool *ret_answered, struct error *error);
/* What can be had without waiting: a count, 0 at the end of the stream, or a negative errno. */
int64_t stream_receive_now(struct stream *stream, void *ret_bytes, size_t capacity);
void stream_send_now(struct stream *stream, struct span bytes); /* as much as goes */
