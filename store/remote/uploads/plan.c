/* store/remote/uploads/plan.c -- stretches to be copied, and small ones to be gathered. */
#include "store/remote/uploads/plan.h"

#include "codec/format/frame.h"
#include "runtime/base/assert.h"

/* A stretch of pieces that are not there, up to one that is, or to the end. */
struct planning {
    const struct join_piece *pieces;
    unsigned end;
    unsigned piece; /* where we are */
    uint64_t offset;
    struct join_step gathered; /* size 0: nothing yet */
    struct buffer *steps;
    size_t begin;           /* of the stretch's steps */
    unsigned number_before; /* of the stored part before the stretch */
    unsigned number_most;   /* that a stored part of the stretch may have */
    unsigned number_free;   /* for a step that begins in no piece: nobody's stored part has it */
    unsigned number_unused; /* of join_plan */
};

static void emit(struct planning *planning, const struct join_step *step)
{
    buffer_append(planning->steps, span_of(step, sizeof *step));
}

static struct join_step *steps_of(const struct planning *planning, unsigned *ret_count)
{
    *ret_count = (unsigned)((planning->steps->size - planning->begin) / sizeof(struct join_step));
    return *ret_count == 0 ? NULL : (struct join_step *)(void *)(planning->steps->data + planning->begin);
}

/* ---- one stretch ---- */

static void advance(struct planning *planning, uint64_t bytes)
{
    planning->offset += bytes;
    while (planning->piece < planning->end && planning->offset >= planning->pieces[planning->piece].size)
        planning->offset -= planning->pieces[planning->piece++].size;
}

static void copy(struct planning *planning, uint64_t size, unsigned source, uint64_t source_offset)
{
    emit(planning, &(struct join_step){.kind = STEP_COPY,
                                       .first = planning->piece,
                                       .offset = planning->offset,
                                       .size = size,
                                       .source = source,
                                       .source_offset = source_offset});
    advance(planning, size);
}

/* What is too large for one stored part is halved, so that both halves are large enough. */
static void copy_piece(struct planning *planning, uint64_t left)
{
    uint64_t size = left > STORED_PART_BYTES_MAX ? left / 2 : left;
    copy(planning, size, planning->piece, planning->pieces[planning->piece].before_bytes + planning->offset);
}

/* How much of a stretch of `size`, which ends with the piece before, is left to this piece's lead. */
static uint64_t left_to(const struct planning *planning, unsigned next, uint64_t size)
{
    const struct join_piece *piece = &planning->pieces[next];
    if (next == planning->end || piece->before_count != 1 || piece->size >= STORED_PART_BYTES_LEAST ||
        piece->before_bytes + piece->size < STORED_PART_BYTES_LEAST ||
        size < piece->before_bytes + STORED_PART_BYTES_LEAST)
        return 0;
    return piece->before_bytes;
}

/* From here to the end of a piece whose lead reaches as far back. False: there is none, or it is too little. */
static bool copy_led(struct planning *planning)
{
    const struct join_piece *pieces = planning->pieces;
    uint64_t before = pieces[planning->piece].size - planning->offset;
    for (unsigned i = planning->piece + 1; i < planning->end && before < STORED_PART_BYTES_LEAST; i++) {
        uint64_t size = before + pieces[i].size;
        if (pieces[i].before_count > 0 && pieces[i].before_bytes >= before && size >= STORED_PART_BYTES_LEAST &&
            size <= STORED_PART_BYTES_MAX) {
            size -= left_to(planning, i + 1, size);
            copy(planning, size, i, pieces[i].before_bytes - before);
            return true;
        }
        before += pieces[i].size;
    }
    return false;
}

static void gather(struct planning *planning, uint64_t left, uint64_t target)
{
    struct join_step *gathered = &planning->gathered;
    if (gathered->size == 0)
        *gathered = (struct join_step){.kind = STEP_GATHER, .first = planning->piece, .offset = planning->offset};
    uint64_t lacking = target - gathered->size;
    uint64_t taken = left < lacking ? left : lacking;
    gathered->size += taken;
    advance(planning, taken);
    if (gathered->size == target) {
        emit(planning, gathered);
        gathered->size = 0;
    }
}

static void plan_bytes(struct planning *planning, uint64_t uniform)
{
    uint64_t target = uniform > 0 ? uniform : STORED_PART_BYTES_LEAST;
    while (planning->piece < planning->end) {
        uint64_t left = planning->pieces[planning->piece].size - planning->offset;
        if (left == 0)
            planning->piece++; /* an empty piece */
        else if (planning->gathered.size == 0 && uniform == 0 && left >= STORED_PART_BYTES_LEAST)
            copy_piece(planning, left);
        else if (planning->gathered.size > 0 || uniform > 0 || !copy_led(planning))
            gather(planning, left, target);
    }
    if (planning->gathered.size == 0)
        planning->gathered = (struct join_step){.kind = STEP_GATHER, .first = planning->end};
}

/* ---- numbers ---- */

/* The step behind a copy goes into it, if that can be held in memory: there is one number too few. */
static void merge_last(struct planning *planning)
{
    unsigned count;
    struct join_step *steps = steps_of(planning, &count);
    struct join_step *last = &steps[count - 1];
    if (count < 2 || last->size + last[-1].size + last->padding_bytes > GATHERED_BYTES_MAX)
        return;
    last[-1].size += last->size;
    last[-1].kind = STEP_GATHER;
    last[-1].is_last = last->is_last;
    last[-1].padding_bytes = last->padding_bytes;
    last[-1].padded_over = last->padded_over;
    planning->steps->size -= sizeof *last;
}

/* Each step gets the number of the piece that it begins in, which no other step does: so the stored part of a piece
 * that is there, but was left out this time, is not written over. Where they do not suffice, what is free. */
static bool number_steps(struct planning *planning)
{
    unsigned count;
    struct join_step *steps = steps_of(planning, &count);
    if (count > planning->number_most - planning->number_before) {
        merge_last(planning);
        steps = steps_of(planning, &count);
    }
    if (count > planning->number_most - planning->number_before)
        return false;
    unsigned number = planning->number_before;
    for (unsigned i = 0; i < count; i++) {
        bool has_piece = steps[i].first < planning->end;
        unsigned own = has_piece ? planning->pieces[steps[i].first].number : planning->number_free;
        unsigned most = planning->number_most - (count - 1 - i); /* leaves room for those behind it */
        number = own > number ? own : number + 1;
        number = number < most ? number : most;
        steps[i].number = number;
    }
    return true;
}

/* ---- the whole ---- */

/* So that the stretch ends in a stored part that is large enough, and the bytes in front of the next piece are passed
 * over. */
static void end_padded(struct planning *planning, uint64_t useless)
{
    struct join_step *end = &planning->gathered;
    uint64_t filled = end->size + FRAME_PADDING_HEADER_BYTES;
    uint64_t wanted = filled < STORED_PART_BYTES_LEAST ? STORED_PART_BYTES_LEAST : filled;
    end->padding_bytes = wanted - end->size;
    end->padded_over = useless;
    emit(planning, end);
}

static bool plan_stretch(struct planning *planning, const struct join_piece *next, uint64_t uniform)
{
    planning->begin = planning->steps->size;
    planning->gathered.size = 0;
    plan_bytes(planning, uniform);
    /* just before a piece that is there, there were the small ones in front of it */
    planning->number_free = next == NULL ? planning->number_unused : planning->number_most;
    uint64_t useless = next != NULL && next->before_count == 0 ? next->before_bytes : 0;
    if (next == NULL) {
        planning->gathered.is_last = true;
        emit(planning, &planning->gathered);
    } else if (planning->gathered.size > 0 || useless > 0) {
        end_padded(planning, useless);
    }
    return number_steps(planning);
}

bool join_plan(const struct join_piece *pieces, unsigned count, unsigned number_unused, uint64_t uniform,
               struct buffer *ret_steps)
{
    struct planning planning = {.pieces = pieces, .steps = ret_steps, .number_unused = number_unused};
    for (unsigned i = 0; i < count; i++) {
        if (!pieces[i].is_there)
            continue;
        ASSERT(uniform == 0 && pieces[i].before_count <= i - planning.piece);
        planning.end = i - pieces[i].before_count;
        planning.number_most = pieces[i].number - 1;
        if (!plan_stretch(&planning, &pieces[i], uniform))
            return false;
        emit(&planning, &(struct join_step){.kind = STEP_THERE,
                                            .number = pieces[i].number,
                                            .first = i,
                                            .size = pieces[i].before_bytes + pieces[i].size});
        planning.number_before = pieces[i].number;
        planning.piece = i + 1;
        planning.offset = 0;
    }
    planning.end = count;
    planning.number_most = STORED_PARTS_MAX;
    bool done = plan_stretch(&planning, NULL, uniform);
    ASSERT(!ret_steps->overflow);
    return done;
}
