/* codec/choice/columns_guide.h -- which frames of an object are packed in columns: what one frame taught, the next one
 * uses.
 *
 * A guide belongs to one row of frames, an object or a part. Asked of each frame, it says whether to look for a plan
 * (codec/choice/columns_look.h), and whether to pack the frame plainly, in columns, or both ways to keep the smaller.
 * It answers from the bytes alone, so that the same object is always stored alike. Looks and second ways are paid from
 * a credit, which grows with the bytes that come: they take about a tenth of the time of an object's frames. What a
 * guide knows at the end is worth as much to the next small object of the same kind.
 *
 * Pure; a struct that may be copied. */
#pragma once

#include "codec/choice/columns_look.h"
#include "codec/columns/columns.h"
#include "codec/measure/spectrum.h"

#include <stdbool.h>
#include <stdint.h>

enum {
    COLUMNS_GUIDE_FRAME_LEAST = SPECTRUM_BYTES_LEAST, /* frames of fewer bytes are never packed in columns */
    COLUMNS_GUIDE_LOOK_CREDIT = 512 << 10,            /* a look takes as long as packing so many bytes */
    COLUMNS_GUIDE_GLANCE_CREDIT = 96 << 10,
};

enum columns_way { COLUMNS_WAY_PLAIN, COLUMNS_WAY_COLUMNS, COLUMNS_WAY_BOTH };

struct columns_guide {
    int64_t credit;  /* bytes that may be packed once more than needed */
    uint64_t offset; /* of the next frame */
    bool has_plan;
    bool has_looked;
    bool is_borrowed;     /* the plan is one that others found: kept as long as bytes look as theirs did */
    bool looks_next;      /* something was not as expected */
    bool is_known_better; /* which way this frame goes best, from its look */
    unsigned frames_since_look;
    struct spectrum looked;        /* at the last look */
    unsigned last_thousandths;     /* what the last frame came to, of its original size; 0: there was none */
    unsigned sure_thousandths;     /* what the last came to of which it is known that it was packed the better way */
    unsigned promised_thousandths; /* what this frame should come to in columns, by its sample; 0: it has none */
    struct columns_plan plan;      /* its lead is that of the first frame */
};

/* `credit` is COLUMNS_GUIDE_LOOK_CREDIT, where the first frame may be looked at, or 0. */
void columns_guide_begin(struct columns_guide *guide, int64_t credit);
/* Begins with what another guide, which has a plan, has learned of bytes that may be alike, and with its debts. */
void columns_guide_borrow(struct columns_guide *guide, const struct columns_guide *from);

/* What to do with the next frame. */
struct columns_advice {
    struct spectrum spectrum; /* where its stride may be one; with that of lines, if it is text */
    bool is_text;
    enum columns_look_kind { COLUMNS_NO_LOOK, COLUMNS_GLANCE, COLUMNS_LOOK } look; /* its verdict is to be learned */
    enum columns_way way;                                                          /* without a look */
};
/* A borrowed plan that does not go with the frame is given up. */
struct columns_advice columns_guide_ask(struct columns_guide *guide, struct span frame);

/* What the look that was advised came to; returns the way for this frame. */
enum columns_way columns_guide_learn(struct columns_guide *guide, const struct columns_advice *advice,
                                     const struct columns_verdict *verdict);

/* The plan for the next frame, with its lead. There is one where a way leads to columns. */
void columns_guide_plan(const struct columns_guide *guide, struct columns_plan *ret_plan);

/* A frame that was packed one way came to `size` bytes (its own size, where it did not shrink): should the other way be
 * tried as well? It should where it is much larger than the frame before, or than its sample. */
bool columns_guide_doubts(const struct columns_guide *guide, enum columns_way way, size_t original_size, size_t size);
/* Of two payloads: are columns so much smaller that they are worth it? */
bool columns_guide_prefers_columns(size_t columns_size, size_t plain_size);

/* The frame is packed. `was_tried_both` after COLUMNS_WAY_BOTH or doubts. */
void columns_guide_end_frame(struct columns_guide *guide, size_t original_size, size_t size, bool is_columns,
                             bool was_tried_both);
