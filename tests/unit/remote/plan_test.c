/* tests/unit/remote/plan_test.c -- which stored parts an object is joined from: every byte once, none too small, none
 * too large, few of them read; numbers that ascend; padding only where something was sent again or left out. */
#include "store/remote/uploads/plan.h"

#include "codec/format/frame.h"
#include "runtime/base/random.h"
#include "tests/unit/run_suite.h"

#include <string.h>

#define MIB (UINT64_C(1) << 20)
#define GIB (UINT64_C(1) << 30)

static const struct join_step *step_at(const struct buffer *steps, size_t index)
{
    return (const struct join_step *)(const void *)steps->data + index;
}

static size_t count_of(const struct buffer *steps)
{
    return steps->size / sizeof(struct join_step);
}

/* Where a walk along the pieces is. */
struct walk {
    const struct join_piece *pieces;
    unsigned count;
    unsigned piece;
    uint64_t offset;
};

static void pass_ended(struct walk *walk)
{
    while (walk->piece < walk->count && walk->offset == walk->pieces[walk->piece].size) {
        walk->piece++;
        walk->offset = 0;
    }
}

static void pass(struct walk *walk, uint64_t bytes)
{
    while (bytes > 0) {
        pass_ended(walk);
        ck_assert_uint_lt(walk->piece, walk->count);
        uint64_t here = walk->pieces[walk->piece].size - walk->offset;
        uint64_t taken = here < bytes ? here : bytes;
        walk->offset += taken;
        bytes -= taken;
    }
    pass_ended(walk);
}

/* The stored part of a piece that is there: with the pieces in front, or padded over what is of no use of it. */
static void expect_there(struct walk *walk, const struct join_step *step, const struct join_step *before)
{
    const struct join_piece *piece = &walk->pieces[step->first];
    ck_assert(piece->is_there && step->number == piece->number && step->size == piece->before_bytes + piece->size);
    if (piece->before_count > 0)
        pass(walk, piece->before_bytes);
    else
        ck_assert_uint_eq(piece->before_bytes, before == NULL ? 0 : before->padded_over);
    ck_assert_uint_eq(walk->piece, piece->size > 0 ? step->first : walk->piece);
    pass(walk, piece->size);
}

/* All of it is in the source's object, which begins with the bytes before that piece, and just where the walk is. */
static void expect_copied(const struct walk *walk, const struct join_step *step)
{
    const struct join_piece *source = &walk->pieces[step->source];
    uint64_t before = 0;
    ck_assert(step->padding_bytes == 0 && !step->is_last && step->source >= walk->piece);
    for (unsigned i = walk->piece; i < step->source; i++)
        before += walk->pieces[i].size;
    ck_assert_uint_eq(step->source_offset + before, source->before_bytes + walk->offset);
    ck_assert(step->source == walk->piece ||
              (source->before_count > 0 && before - walk->offset <= source->before_bytes));
    ck_assert_uint_le(step->source_offset + step->size, source->before_bytes + source->size);
}

static void expect_made(struct walk *walk, const struct join_step *step, uint64_t uniform)
{
    if (step->size > 0)
        ck_assert(step->first == walk->piece && step->offset == walk->offset);
    if (!step->is_last)
        ck_assert_uint_ge(step->size + step->padding_bytes, uniform > 0 ? uniform : STORED_PART_BYTES_LEAST);
    if (uniform > 0)
        ck_assert(step->kind == STEP_GATHER && step->size <= uniform);
    ck_assert_uint_le(step->size, STORED_PART_BYTES_MAX);
    if (step->kind == STEP_COPY)
        expect_copied(walk, step);
    ck_assert(step->padding_bytes == 0 || step->padding_bytes >= FRAME_PADDING_HEADER_BYTES);
    pass(walk, step->size);
}

static void expect_sound(const struct join_piece *pieces, unsigned count, uint64_t uniform, const struct buffer *steps)
{
    struct walk walk = {.pieces = pieces, .count = count};
    unsigned number = 0;
    pass_ended(&walk);
    for (size_t i = 0; i < count_of(steps); i++) {
        const struct join_step *step = step_at(steps, i);
        ck_assert(step->is_last == (i + 1 == count_of(steps)));
        ck_assert_uint_gt(step->number, number);
        number = step->number;
        if (step->kind == STEP_THERE)
            expect_there(&walk, step, i == 0 ? NULL : step_at(steps, i - 1));
        else
            expect_made(&walk, step, uniform);
    }
    ck_assert_uint_le(number, STORED_PARTS_MAX);
    ck_assert(walk.piece == count && walk.offset == 0);
}

static unsigned padded_count(const struct buffer *steps)
{
    unsigned count = 0;
    for (size_t i = 0; i < count_of(steps); i++)
        count += step_at(steps, i)->padding_bytes > 0;
    return count;
}

static void plan(const struct join_piece *pieces, unsigned count, uint64_t uniform, struct buffer *steps)
{
    buffer_clear(steps);
    ck_assert(join_plan(pieces, count, pieces[count - 1].number + 1, uniform, steps));
    expect_sound(pieces, count, uniform, steps);
}

/* Pieces 1, 2, ... of these sizes, none of which is there. */
static void plan_sizes(const uint64_t *sizes, unsigned count, uint64_t uniform, struct buffer *steps)
{
    struct join_piece pieces[40];
    for (unsigned i = 0; i < count; i++)
        pieces[i] = (struct join_piece){.number = i + 1, .size = sizes[i]};
    plan(pieces, count, uniform, steps);
    ck_assert_uint_eq(padded_count(steps), 0);
}

START_TEST(examples)
{
    struct buffer steps = {0};
    plan_sizes((const uint64_t[]){8 * MIB, 8 * MIB, 1000}, 3, 0, &steps);
    ck_assert_uint_eq(count_of(&steps), 3);
    ck_assert(step_at(&steps, 0)->kind == STEP_COPY && step_at(&steps, 1)->kind == STEP_COPY);
    ck_assert_uint_eq(step_at(&steps, 2)->size, 1000);
    plan_sizes((const uint64_t[]){8 * MIB, 1024, 16 * MIB}, 3, 0, &steps); /* the small one borrows what it lacks */
    ck_assert_uint_eq(count_of(&steps), 4);
    ck_assert(step_at(&steps, 1)->kind == STEP_GATHER && step_at(&steps, 1)->size == 5 * MIB);
    ck_assert(step_at(&steps, 2)->kind == STEP_COPY);
    plan_sizes((const uint64_t[]){100}, 1, 0, &steps);
    ck_assert_uint_eq(count_of(&steps), 1);
    plan_sizes((const uint64_t[]){0, 0, 0}, 3, 0, &steps);
    ck_assert(count_of(&steps) == 1 && step_at(&steps, 0)->size == 0);
    plan_sizes((const uint64_t[]){5 * GIB + 1, 3}, 2, 0, &steps); /* too large for one stored part */
    ck_assert(count_of(&steps) == 3 && step_at(&steps, 0)->kind == STEP_COPY && step_at(&steps, 1)->kind == STEP_COPY);
    plan_sizes((const uint64_t[]){20 * MIB, 7, 1 * MIB}, 3, 8 * MIB, &steps);
    ck_assert_uint_eq(count_of(&steps), 3);
    buffer_free(&steps);
}
END_TEST

static uint64_t gathered_bytes(const struct buffer *steps)
{
    uint64_t bytes = 0;
    for (size_t i = 0; i < count_of(steps); i++)
        bytes += step_at(steps, i)->kind == STEP_GATHER ? step_at(steps, i)->size : 0;
    return bytes;
}

START_TEST(pieces_with_leads)
{
    struct buffer steps = {0};
    struct join_piece pieces[] = {
        {.number = 1, .size = 4 * MIB},
        {.number = 2, .size = 4 * MIB, .before_bytes = 4 * MIB, .before_count = 1},
        {.number = 3, .size = 4 * MIB, .before_bytes = 2 * MIB, .before_count = 1},
        {.number = 4, .size = 4 * MIB, .before_bytes = 1 * MIB, .before_count = 1},
        {.number = 5, .size = 4 * MIB},
        {.number = 6, .size = 4 * MIB, .before_bytes = 4 * MIB, .before_count = 1},
    };
    plan(pieces, 6, 0, &steps);
    ck_assert_uint_eq(count_of(&steps), 5);
    for (unsigned i = 0; i < 4; i++)
        ck_assert(step_at(&steps, i)->kind == STEP_COPY);
    ck_assert(step_at(&steps, 0)->size == 6 * MIB && step_at(&steps, 1)->size == 5 * MIB);
    ck_assert(step_at(&steps, 2)->size == 5 * MIB && step_at(&steps, 3)->size == 8 * MIB);
    ck_assert_uint_eq(step_at(&steps, 4)->size, 0); /* the trailer alone */
    plan(pieces, 5, 0, &steps);                     /* the last one went alone */
    ck_assert(count_of(&steps) == 4 && gathered_bytes(&steps) == 4 * MIB);
    pieces[2].before_count = 0; /* the one before was sent again: this one's lead is of no use */
    plan(pieces, 6, 0, &steps);
    ck_assert(gathered_bytes(&steps) > 0 && padded_count(&steps) == 0);
    pieces[2].before_count = 1;
    const struct join_piece without[] = {
        pieces[0], pieces[1], {.number = 4, .size = 4 * MIB, .before_bytes = MIB}, pieces[4], pieces[5]};
    plan(without, 5, 0, &steps);
    ck_assert_uint_eq(padded_count(&steps), 0);
    pieces[5] = (struct join_piece){.number = 6, .size = 6 * MIB, .is_there = true};
    plan(pieces, 6, 0, &steps); /* what is left of the fifth is joined with padding, as it would be without leads */
    ck_assert(padded_count(&steps) == 1 && gathered_bytes(&steps) == 4 * MIB);
    pieces[4] = pieces[5];
    pieces[4].number = 5;
    plan(pieces, 5, 0, &steps);
    ck_assert(padded_count(&steps) == 0 && gathered_bytes(&steps) == 0);
    plan(pieces, 4, 8 * MIB, &steps); /* parts of equal size: all is read */
    ck_assert_uint_eq(gathered_bytes(&steps), 16 * MIB);
    buffer_free(&steps);
}
END_TEST

START_TEST(pieces_that_are_there)
{
    struct buffer steps = {0};
    struct join_piece pieces[] = {
        {.number = 1, .size = 6 * MIB},
        {.number = 2, .size = 1 * MIB},
        {.number = 3, .size = 2 * MIB},
        {.number = 4, .size = 6 * MIB, .is_there = true, .before_bytes = 3 * MIB, .before_count = 2},
        {.number = 5, .size = 7 * MIB, .is_there = true},
        {.number = 6, .size = 1000},
    };
    plan(pieces, 6, 0, &steps);
    ck_assert(count_of(&steps) == 4 && padded_count(&steps) == 0 && step_at(&steps, 0)->kind == STEP_COPY);
    pieces[3].before_count = 0; /* one of the two was sent again */
    plan(pieces, 6, 0, &steps);
    ck_assert(count_of(&steps) == 5 && padded_count(&steps) == 1);
    ck_assert_uint_eq(step_at(&steps, 1)->size + step_at(&steps, 1)->padding_bytes, 5 * MIB);
    ck_assert_uint_eq(step_at(&steps, 1)->padded_over, 3 * MIB);
    const struct join_piece without[] = {pieces[3], pieces[4]}; /* nothing else was chosen */
    plan(without, 2, 0, &steps);
    ck_assert(count_of(&steps) == 4 && step_at(&steps, 0)->size == 0 && step_at(&steps, 0)->number < 4);
    ck_assert(join_plan(&pieces[4], 1, 7, 0, &steps)); /* 6 is there, too, and was left out: it is not written over */
    ck_assert_uint_eq(step_at(&steps, count_of(&steps) - 1)->number, 7);
    const struct join_piece grown[] = {pieces[0], pieces[1], {.number = 3, .size = 9 * MIB}, pieces[3]};
    plan(grown, 4, 0, &steps); /* there is no number for padding alone: it goes with a copy */
    ck_assert_uint_eq(padded_count(&steps), 1);
    buffer_free(&steps);
}
END_TEST

/* There, with what is in front of it right, or of no use. */
static void put_there(const struct random_source *source, struct join_piece *pieces, unsigned index)
{
    struct join_piece *piece = &pieces[index];
    bool has_one_before = index > 0 && !pieces[index - 1].is_there && pieces[index - 1].size < 5 * MIB &&
                          pieces[index - 1].number + 1 == piece->number;
    piece->is_there = true;
    piece->size = 5 * MIB + random_below(source, MIB);
    if (!has_one_before)
        return;
    bool holds = random_below(source, 2) == 0;
    piece->before_bytes = holds ? pieces[index - 1].size : 1 + random_below(source, 5 * MIB);
    piece->before_count = holds ? 1 : 0;
}

/* With bytes in front in its object: of the pieces before, or of no use. */
static void put_lead(const struct random_source *source, struct join_piece *pieces, unsigned index)
{
    struct join_piece *piece = &pieces[index];
    unsigned most = (unsigned)random_below(source, 4);
    uint64_t bytes = 0;
    unsigned count = 0;
    while (count < most && count < index && !pieces[index - 1 - count].is_there &&
           pieces[index - 1 - count].number + 1 == pieces[index - count].number)
        bytes += pieces[index - ++count].size;
    piece->size = random_below(source, 2) == 0 ? 4 * MIB + random_below(source, MIB) : piece->size;
    piece->before_count = bytes > 0 ? count : 0;
    piece->before_bytes = 1 + (bytes > 0 ? random_below(source, bytes) : random_below(source, 5 * MIB));
}

START_TEST(random_ones)
{
    struct random_seeded state;
    struct random_source source = random_seeded(&state, 11);
    struct buffer steps = {0};
    for (unsigned run = 0; run < 2000; run++) {
        struct join_piece pieces[40];
        unsigned count = 1 + (unsigned)random_below(&source, 40);
        unsigned number = 0;
        uint64_t uniform = random_below(&source, 3) == 0 ? 8 * MIB : 0;
        bool has_some_there = uniform == 0 && random_below(&source, 2) == 0;
        for (unsigned i = 0; i < count; i++) {
            static const uint64_t most[] = {1, 1000, 5 * MIB, 6 * MIB, 50 * MIB, 6 * GIB};
            number += 1 + (unsigned)random_below(&source, random_below(&source, 4) == 0 ? 3 : 1);
            uint64_t bound = most[random_below(&source, uniform > 0 || has_some_there ? 5 : 6)];
            pieces[i] = (struct join_piece){.number = number, .size = random_below(&source, bound + 1)};
            if (pieces[i].size > 5 * GIB) /* what clients may send */
                pieces[i].size = 5 * GIB + 143360;
            if (has_some_there && random_below(&source, 3) == 0)
                put_there(&source, pieces, i);
            else if (random_below(&source, 2) == 0)
                put_lead(&source, pieces, i);
        }
        plan(pieces, count, uniform, &steps);
    }
    buffer_free(&steps);
}
END_TEST

START_TEST(as_many_as_there_may_be)
{
    static struct join_piece pieces[STORED_PARTS_MAX];
    struct buffer steps = {0};
    for (unsigned i = 0; i < STORED_PARTS_MAX; i++)
        pieces[i] = (struct join_piece){.number = i + 1, .size = 6 * MIB};
    plan(pieces, STORED_PARTS_MAX, 0, &steps); /* the last one goes with the trailer */
    ck_assert_uint_eq(count_of(&steps), STORED_PARTS_MAX);
    ck_assert(step_at(&steps, STORED_PARTS_MAX - 1)->kind == STEP_GATHER);
    for (unsigned i = 0; i < STORED_PARTS_MAX - 1; i++)
        pieces[i].is_there = true;
    plan(pieces, STORED_PARTS_MAX, 0, &steps);
    pieces[STORED_PARTS_MAX - 1].size = 100 * MIB; /* more than is held in memory */
    buffer_clear(&steps);
    ck_assert(!join_plan(pieces, STORED_PARTS_MAX, STORED_PARTS_MAX + 1, 0, &steps));
    const struct join_piece last = {.number = STORED_PARTS_MAX, .size = 100 * MIB};
    plan(&last, 1, 0, &steps); /* a number before it is free */
    buffer_free(&steps);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("remote plan");
    TCase *cases = tcase_create("plan");
    tcase_add_test(cases, examples);
    tcase_add_test(cases, pieces_with_leads);
    tcase_add_test(cases, pieces_that_are_there);
    tcase_add_test(cases, random_ones);
    tcase_add_test(cases, as_many_as_there_may_be);
    suite_add_tcase(suite, cases);
    return run_suite(suite);
}
