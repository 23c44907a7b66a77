/* store/embedded/objects/index.c -- frames as a sidecar. */
#include "store/embedded/objects/index.h"

#include "store/frames.h"

void store_index(struct write_result *result, struct buffer *ret_sidecar)
{
    buffer_init(ret_sidecar, 0);
    frames_append_sidecar(result->frames, ret_sidecar);
    if (ret_sidecar->size > 0)
        result->sidecar = buffer_span(ret_sidecar);
}
