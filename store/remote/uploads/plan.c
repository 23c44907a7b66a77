/* store/remote/uploads/plan.c -- stretches to be copied, and small ones to be gathered. */
#include "store/remote/uploads/plan.h"

#include "runtime/base/assert.h"

enum { GATHERED_BYTES_MAX = 64 << 20 };

struct planning {
    const uint64_t *sizes;
    unsigned count;
    unsigned piece; /* where we are */
    uint64_t offset;
    struct join_step gathered; /* size 0: nothing yet */
    struct buffer *steps;
};

static void emit(struct planning *planning, const struct join_step *step)
{
    buffer_append(planning->steps, span_of(step, sizeof *step));
}

static void advance(struct planning *planning, uint64_t bytes)
{
    planning->offset += bytes;
    if (planning->offset == planning->sizes[planning->piece]) {
        planning->piece++;
        planning->offset = 0;
    }
}

/* A stretch that is too large for one stored part is halved, so that both halves are large enough. */
static void copy_stretch(struct planning *planning, uint64_t left)
{
    uint64_t size = left > STORED_PART_BYTES_MAX ? left / 2 : left;
    emit(planning,
         &(struct join_step){.is_copy = true, .first = planning->piece, .offset = planning->offset, .size = size});
    advance(planning, size);
}

static void gather(struct planning *planning, uint64_t left, uint64_t target)
{
    struct join_step *gathered = &planning->gathered;
    if (gathered->size == 0)
        *gathered = (struct join_step){.first = planning->piece, .offset = planning->offset};
    uint64_t lacking = target - gathered->size;
    uint64_t taken = left < lacking ? left : lacking;
    gathered->size += taken;
    advance(planning, taken);
    if (gathered->size == target) {
        emit(planning, gathered);
        gathered->size = 0;
    }
}

/* One stored part too many: the last stretch is sent with the trailer, if that can be held in memory. */
static void merge_last(struct buffer *steps, size_t begin)
{
    struct join_step *first = (struct join_step *)(void *)(steps->data + begin);
    size_t count = (steps->size - begin) / sizeof *first;
    if (count != STORED_PARTS_MAX + 1 || first[count - 2].size + first[count - 1].size > GATHERED_BYTES_MAX)
        return;
    struct join_step *merged = &first[count - 2];
    merged->size += first[count - 1].size;
    merged->is_copy = false;
    merged->is_last = true;
    steps->size -= sizeof *merged;
}

bool join_plan(const uint64_t *sizes, unsigned count, uint64_t uniform, struct buffer *ret_steps)
{
    struct planning planning = {.sizes = sizes, .count = count, .steps = ret_steps};
    uint64_t target = uniform > 0 ? uniform : STORED_PART_BYTES_LEAST;
    size_t begin = ret_steps->size;
    while (planning.piece < count) {
        uint64_t left = sizes[planning.piece] - planning.offset;
        if (left == 0)
            planning.piece++; /* an empty piece */
        else if (planning.gathered.size == 0 && uniform == 0 && left >= STORED_PART_BYTES_LEAST)
            copy_stretch(&planning, left);
        else
            gather(&planning, left, target);
    }
    if (planning.gathered.size == 0)
        planning.gathered = (struct join_step){.first = count};
    planning.gathered.is_last = true;
    emit(&planning, &planning.gathered);
    ASSERT(!ret_steps->overflow);
    merge_last(ret_steps, begin);
    return (ret_steps->size - begin) / sizeof planning.gathered <= STORED_PARTS_MAX;
}
