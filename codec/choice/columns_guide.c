/* codec/choice/columns_guide.c -- when to look, what to keep, what to doubt. */
#include "codec/choice/columns_guide.h"

#include "runtime/base/assert.h"

enum {
    FRAMES_BETWEEN_LOOKS = 8,
    CREDIT_SHARE = 10,                             /* one byte in so many may be packed once more */
    CREDIT_LEAST = -2 * COLUMNS_GUIDE_LOOK_CREDIT, /* what is sharply better is looked at on credit, so far */
    CREDIT_MOST = 4 * COLUMNS_GUIDE_LOOK_CREDIT,
    SHARPLY_BETTER_PERCENT = 70,
    SURE_PERCENT = 60,   /* of plain, on the sample: zstd does better on a frame than on a part of it */
    LIKELY_PERCENT = 85, /* ... where there is no credit to try both */
    DOUBT_PERCENT = 115, /* of the frame before */
    WORTH_PERCENT = 97,
};

void columns_guide_begin(struct columns_guide *guide, int64_t credit)
{
    *guide = (struct columns_guide){.credit = credit};
}

void columns_guide_borrow(struct columns_guide *guide, const struct columns_guide *from)
{
    ASSERT(from->has_plan);
    *guide = *from;
    guide->is_borrowed = true;
    guide->credit = from->credit < 0 ? from->credit : 0;
    guide->offset = 0;
}

/* For the plan, or against the want of one. */
static bool is_time_to_look(const struct columns_guide *guide, struct spectrum now)
{
    if (!guide->has_looked)
        return guide->credit >= COLUMNS_GUIDE_LOOK_CREDIT;
    bool is_sharply_better = now.quality * 100 < guide->looked.quality * SHARPLY_BETTER_PERCENT;
    if (is_sharply_better && guide->credit >= CREDIT_LEAST + COLUMNS_GUIDE_LOOK_CREDIT)
        return true;
    bool is_due =
        guide->looks_next || guide->frames_since_look >= FRAMES_BETWEEN_LOOKS || spectrum_has_moved(guide->looked, now);
    return is_due && guide->credit >= COLUMNS_GUIDE_LOOK_CREDIT;
}

/* Stride 0: of too few bytes, or of text without lines of one length, which most text is: it takes ten times as long
 * as to find that out. */
static struct spectrum spectrum_to_ask_by(struct span frame, bool *ret_is_text)
{
    *ret_is_text = frame.size >= COLUMNS_GUIDE_FRAME_LEAST && spectrum_is_text(frame);
    unsigned line_stride = *ret_is_text ? spectrum_line_stride(frame) : 0;
    if (frame.size < COLUMNS_GUIDE_FRAME_LEAST || (*ret_is_text && line_stride == 0))
        return (struct spectrum){0};
    struct spectrum spectrum = spectrum_of(frame);
    if (*ret_is_text)
        spectrum.stride = line_stride;
    return spectrum;
}

struct columns_advice columns_guide_ask(struct columns_guide *guide, struct span frame)
{
    struct columns_advice advice = {.way = COLUMNS_WAY_PLAIN};
    advice.spectrum = spectrum_to_ask_by(frame, &advice.is_text);
    if (guide->is_borrowed && spectrum_has_moved(guide->looked, advice.spectrum))
        columns_guide_begin(guide, guide->credit);
    if (advice.spectrum.stride == 0 || (!advice.is_text && !spectrum_is_numeric(advice.spectrum, guide->has_plan)))
        return advice;
    if (is_time_to_look(guide, advice.spectrum))
        advice.look = COLUMNS_LOOK;
    else if (guide->has_plan && (guide->looks_next || spectrum_has_moved(guide->looked, advice.spectrum)))
        advice.look = COLUMNS_GLANCE;
    advice.way = guide->has_plan ? COLUMNS_WAY_COLUMNS : COLUMNS_WAY_PLAIN;
    return advice;
}

static uint8_t lead_at(const struct columns_plan *plan, uint64_t offset)
{
    return (uint8_t)((plan->lead + plan->stride - offset % plan->stride) % plan->stride);
}

static unsigned thousandths(size_t original_size, size_t size)
{
    return (unsigned)((uint64_t)size * 1000 / original_size) + 1;
}

/* A plan that a glance was at has proved its worth on a frame before. */
static enum columns_way way_by(const struct columns_guide *guide, bool is_glance, const struct columns_verdict *verdict)
{
    if (verdict->columns_size == 0)
        return COLUMNS_WAY_PLAIN;
    if (verdict->columns_size * 100 < verdict->plain_size * SURE_PERCENT)
        return COLUMNS_WAY_COLUMNS;
    if (guide->credit >= 0)
        return COLUMNS_WAY_BOTH;
    bool is_likely = is_glance ? columns_guide_prefers_columns(verdict->columns_size, verdict->plain_size)
                               : verdict->columns_size * 100 < verdict->plain_size * LIKELY_PERCENT;
    return is_likely ? COLUMNS_WAY_COLUMNS : COLUMNS_WAY_PLAIN;
}

enum columns_way columns_guide_learn(struct columns_guide *guide, const struct columns_advice *advice,
                                     const struct columns_verdict *verdict)
{
    bool is_glance = advice->look == COLUMNS_GLANCE;
    enum columns_way way = way_by(guide, is_glance, verdict);
    guide->credit -= is_glance ? COLUMNS_GUIDE_GLANCE_CREDIT : COLUMNS_GUIDE_LOOK_CREDIT;
    guide->looks_next = is_glance && way == COLUMNS_WAY_PLAIN;
    guide->is_known_better = true;
    guide->promised_thousandths =
        verdict->columns_size > 0 ? thousandths(verdict->sample_size, verdict->columns_size) : 0;
    if (is_glance)
        return way;
    guide->has_looked = true;
    guide->is_borrowed = false;
    guide->frames_since_look = 0;
    guide->looked = advice->spectrum;
    guide->has_plan = verdict->columns_size > 0;
    if (!guide->has_plan)
        return way;
    guide->plan = verdict->plan;
    guide->plan.lead = (uint8_t)((verdict->plan.lead + guide->offset) % verdict->plan.stride);
    return way;
}

void columns_guide_plan(const struct columns_guide *guide, struct columns_plan *ret_plan)
{
    ASSERT(guide->has_plan);
    *ret_plan = guide->plan;
    ret_plan->lead = lead_at(&guide->plan, guide->offset);
}

/* Much larger than the last, or than the last that was known to be right. */
static bool is_suspect(const struct columns_guide *guide, unsigned now)
{
    return (guide->last_thousandths > 0 && now * 100 > guide->last_thousandths * DOUBT_PERCENT) ||
           (guide->sure_thousandths > 0 && now * 100 > guide->sure_thousandths * DOUBT_PERCENT);
}

/* Columns are doubted at any price: they must never be what makes a frame large. */
bool columns_guide_doubts(const struct columns_guide *guide, enum columns_way way, size_t original_size, size_t size)
{
    unsigned now = thousandths(original_size, size);
    bool is_broken_promise = guide->promised_thousandths > 0 && now * 100 > guide->promised_thousandths * DOUBT_PERCENT;
    if (way == COLUMNS_WAY_COLUMNS && (size >= original_size || is_broken_promise))
        return true;
    return !guide->is_known_better && guide->has_plan && original_size >= COLUMNS_GUIDE_FRAME_LEAST &&
           (way == COLUMNS_WAY_COLUMNS || guide->credit >= 0) && is_suspect(guide, now);
}

bool columns_guide_prefers_columns(size_t columns_size, size_t plain_size)
{
    return (uint64_t)columns_size * 100 < (uint64_t)plain_size * WORTH_PERCENT;
}

void columns_guide_end_frame(struct columns_guide *guide, size_t original_size, size_t size, bool is_columns,
                             bool was_tried_both)
{
    unsigned now = thousandths(original_size, size);
    bool is_sure = guide->is_known_better || was_tried_both;
    guide->looks_next = guide->looks_next || (!is_sure && is_suspect(guide, now)) || (was_tried_both && !is_columns);
    guide->last_thousandths = now;
    if (is_sure)
        guide->sure_thousandths = now;
    guide->is_known_better = false;
    guide->promised_thousandths = 0;
    guide->credit += (int64_t)original_size / CREDIT_SHARE - (was_tried_both ? (int64_t)original_size : 0);
    guide->credit = guide->credit < CREDIT_LEAST ? CREDIT_LEAST : guide->credit;
    guide->credit = guide->credit > CREDIT_MOST ? CREDIT_MOST : guide->credit;
    guide->offset += original_size;
    guide->frames_since_look++;
}
