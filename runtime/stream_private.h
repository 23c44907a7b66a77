/* runtime/stream_private.h -- what a listener needs of a stream beyond stream.h. */
#pragma once

#include "runtime/stream.h"

/* As stream_abort, outside of a fiber. */
void stream_reset(struct stream *stream);
