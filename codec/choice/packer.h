/* codec/choice/packer.h -- one frame on its way in, with all that Bale knows: in columns where they are smaller, else
 * as the encoder has it (codec/choice/encoder.h).
 *
 * A guide carries what was learned from frame to frame (codec/choice/columns_guide.h); without one nothing is packed in
 * columns, and any S4 tool reads what comes out. Pure: no I/O; steps stay within about 0.5 ms at levels up to
 * CODEC_LEVEL_INLINE_MAX. */
#pragma once

#include "codec/choice/columns_guide.h"
#include "codec/choice/encoder.h"

struct packer; /* an encoder, and 2.2 MiB more from the first frame on that is looked at; pooled by its user */

struct packer *packer_create(void); /* NULL: no memory */
void packer_destroy(struct packer *packer);

struct packer_job {
    struct encoder_job frame;     /* its look may be NOISE_SURE where the advice is not plain */
    struct columns_guide *guide;  /* told of what came out; or NULL */
    struct columns_advice advice; /* the guide's, for this frame */
};

void packer_begin(struct packer *packer, const struct packer_job *job);
/* One slice, as encoder_step. */
enum codec_step packer_step(struct packer *packer, struct encoded *ret_encoded);

/* Is the frame to be packed at all, or does it stay as it is? */
bool packer_is_worth_it(enum noise_verdict look, const struct columns_advice *advice);
