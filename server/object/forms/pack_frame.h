/* server/object/forms/pack_frame.h -- a frame through a packer (codec/choice/packer.h): on the shard, slice by slice,
 * on the codec pool at high levels, or on an idle thread. */
#pragma once

#include "codec/choice/packer.h"
#include "server/object/codecs_private.h"

/* *ret_packed: what became of it; its payload is the packer's. SlowDown: the pool has too much to do. */
SUSPENDS bool pack_frame(struct object_codecs *codecs, struct packer *packer, const struct packer_job *job,
                         struct encoded *ret_packed, struct error *error);
