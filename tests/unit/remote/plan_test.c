/* tests/unit/remote/plan_test.c -- which stored parts an object is joined from: every byte once, none too small, none
 * too large, few of them read. */
#include "store/remote/uploads/plan.h"

#include "runtime/base/random.h"
#include "tests/unit/run_suite.h"

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

/* Walks the pieces along the steps. */
static void expect_sound(const uint64_t *sizes, unsigned count, uint64_t uniform, const struct buffer *steps)
{
    unsigned piece = 0;
    uint64_t offset = 0;
    for (size_t i = 0; i < count_of(steps); i++) {
        const struct join_step *step = step_at(steps, i);
        bool is_last = i + 1 == count_of(steps);
        ck_assert(step->is_last == is_last);
        while (piece < count && offset == sizes[piece]) {
            piece++;
            offset = 0;
        }
        if (step->size > 0)
            ck_assert(step->first == piece && step->offset == offset);
        if (!is_last)
            ck_assert_uint_ge(step->size, uniform > 0 ? uniform : STORED_PART_BYTES_LEAST);
        if (uniform > 0)
            ck_assert(!step->is_copy && step->size <= uniform);
        ck_assert_uint_le(step->size, STORED_PART_BYTES_MAX);
        if (step->is_copy)
            ck_assert_uint_le(step->size, sizes[piece] - offset);
        for (uint64_t left = step->size; left > 0;) {
            uint64_t here = sizes[piece] - offset;
            uint64_t taken = here < left ? here : left;
            offset += taken;
            left -= taken;
            if (offset == sizes[piece]) {
                piece++;
                offset = 0;
            }
        }
    }
    while (piece < count && offset == sizes[piece]) {
        piece++;
        offset = 0;
    }
    ck_assert(piece == count && offset == 0);
}

static void plan(const uint64_t *sizes, unsigned count, uint64_t uniform, struct buffer *steps)
{
    buffer_clear(steps);
    ck_assert(join_plan(sizes, count, uniform, steps));
    expect_sound(sizes, count, uniform, steps);
}

START_TEST(examples)
{
    struct buffer steps = {0};
    plan((const uint64_t[]){8 * MIB, 8 * MIB, 1000}, 3, 0, &steps);
    ck_assert_uint_eq(count_of(&steps), 3);
    ck_assert(step_at(&steps, 0)->is_copy && step_at(&steps, 1)->is_copy && step_at(&steps, 2)->size == 1000);
    plan((const uint64_t[]){8 * MIB, 1024, 16 * MIB}, 3, 0, &steps); /* the small one borrows what it lacks */
    ck_assert_uint_eq(count_of(&steps), 4);
    ck_assert(!step_at(&steps, 1)->is_copy && step_at(&steps, 1)->size == 5 * MIB && step_at(&steps, 2)->is_copy);
    plan((const uint64_t[]){100}, 1, 0, &steps);
    ck_assert_uint_eq(count_of(&steps), 1);
    plan((const uint64_t[]){0, 0, 0}, 3, 0, &steps);
    ck_assert(count_of(&steps) == 1 && step_at(&steps, 0)->size == 0);
    plan((const uint64_t[]){5 * GIB + 1, 3}, 2, 0, &steps); /* too large for one stored part */
    ck_assert(count_of(&steps) == 3 && step_at(&steps, 0)->is_copy && step_at(&steps, 1)->is_copy);
    plan((const uint64_t[]){20 * MIB, 7, 1 * MIB}, 3, 8 * MIB, &steps);
    ck_assert_uint_eq(count_of(&steps), 3);
    buffer_free(&steps);
}
END_TEST

START_TEST(random_ones)
{
    struct random_seeded state;
    struct random_source source = random_seeded(&state, 11);
    struct buffer steps = {0};
    for (unsigned run = 0; run < 500; run++) {
        uint64_t sizes[40];
        unsigned count = 1 + (unsigned)random_below(&source, 40);
        uint64_t uniform = random_below(&source, 3) == 0 ? 8 * MIB : 0;
        for (unsigned i = 0; i < count; i++) {
            static const uint64_t most[] = {1, 1000, 5 * MIB, 6 * MIB, 50 * MIB, 6 * GIB};
            sizes[i] = random_below(&source, most[random_below(&source, uniform > 0 ? 5 : 6)] + 1);
            if (sizes[i] > 5 * GIB) /* what clients may send */
                sizes[i] = 5 * GIB + 143360;
        }
        plan(sizes, count, uniform, &steps);
    }
    buffer_free(&steps);
}
END_TEST

START_TEST(as_many_as_there_may_be)
{
    static uint64_t sizes[STORED_PARTS_MAX];
    struct buffer steps = {0};
    for (unsigned i = 0; i < STORED_PARTS_MAX; i++)
        sizes[i] = 6 * MIB;
    plan(sizes, STORED_PARTS_MAX, 0, &steps); /* the last one goes with the trailer */
    ck_assert_uint_eq(count_of(&steps), STORED_PARTS_MAX);
    ck_assert(!step_at(&steps, STORED_PARTS_MAX - 1)->is_copy);
    sizes[STORED_PARTS_MAX - 1] = 100 * MIB; /* more than is held in memory */
    buffer_clear(&steps);
    ck_assert(!join_plan(sizes, STORED_PARTS_MAX, 0, &steps));
    buffer_free(&steps);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("remote plan");
    TCase *cases = tcase_create("plan");
    tcase_add_test(cases, examples);
    tcase_add_test(cases, random_ones);
    tcase_add_test(cases, as_many_as_there_may_be);
    suite_add_tcase(suite, cases);
    return run_suite(suite);
}
