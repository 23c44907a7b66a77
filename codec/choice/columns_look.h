/* codec/choice/columns_look.h -- would columns make a frame smaller, and which ones? Found by itself, from the bytes
 * alone.
 *
 * A look searches plans for a few strides (codec/choice/columns_search.h) and then lets real zstd decide: a sample of
 * the frame is packed without columns, and with those plans whose entropy is not hopeless. It takes 1 to 2 ms of one
 * core; whoever packs many frames keeps what it found (codec/choice/columns_guide.h). Whether a plan still does, a
 * glance says: the trials without the search, 0.4 ms. */
#pragma once

#include "codec/choice/columns_search.h"
#include "codec/codec.h"
#include "codec/measure/spectrum.h"
#include "codec/stock/compressor.h"

struct columns_look; /* 60 KiB; pooled by its user */

struct columns_look *columns_look_create(void);
void columns_look_destroy(struct columns_look *look);

/* Memory for the sample and what becomes of it, free for other use between two looks. */
enum { COLUMNS_LOOK_BYTES = 3 * COLUMNS_SAMPLE_BYTES + 4096 };

/* All of it stays where it is until the last step. */
struct columns_look_job {
    struct compressor *compressor; /* of no other work until then, as the next */
    struct columns_compressor *columns;
    uint8_t *memory;                  /* COLUMNS_LOOK_BYTES */
    struct compression plain;         /* what the frame gets without columns; they are packed at its level */
    struct span frame;                /* 4 KiB or more */
    unsigned stride;                  /* as the spectrum has it, or of lines; 2 to COLUMNS_STRIDE_MAX */
    bool is_text;                     /* `stride` is that of lines, no other is tried */
    const struct columns_plan *known; /* one that did well so far, with the lead of this frame; or NULL */
    bool is_glance;                   /* only the known plan is tried */
};

/* What the sample came to. */
struct columns_verdict {
    size_t sample_size;
    size_t plain_size;        /* without columns */
    size_t columns_size;      /* with the plan; 0: none came near plain, and there is no plan */
    struct columns_plan plan; /* its lead is that of the frame */
};

void columns_look_begin(struct columns_look *look, const struct columns_look_job *job);
/* One slice. CODEC_DONE: *ret_verdict is filled. */
enum codec_step columns_look_step(struct columns_look *look, struct columns_verdict *ret_verdict);
