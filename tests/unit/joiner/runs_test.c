/* tests/unit/joiner/runs_test.c -- which pieces become one stored part: never one too small, never one that does not
 * hold, nothing twice. */
#include "runtime/base/random.h"
#include "store/joiner/runs.h"
#include "tests/unit/embedded/fixture.h"

enum { PIECES = 60, BYTES_MIN = 1000, ROUNDS = 3000 };

static struct staged_piece make_piece(unsigned number, uint64_t size, uint8_t content)
{
    return (struct staged_piece){.number = number, .size = size, .md5 = {content}};
}

static struct stored_run make_run(const struct staged_piece *pieces, unsigned count)
{
    struct stored_run run = {.number = pieces[0].number};
    for (unsigned i = 0; i < count; i++)
        run.size += pieces[i].size;
    run_digest(pieces, count, run.digest);
    return run;
}

static const struct run_step *steps_of(const struct buffer *steps, unsigned *ret_count)
{
    *ret_count = (unsigned)(steps->size / sizeof(struct run_step));
    return (const struct run_step *)(const void *)steps->data;
}

static uint64_t bytes_of(const struct staged_piece *pieces, const struct run_step *step)
{
    uint64_t size = 0;
    for (unsigned i = 0; i < step->count; i++)
        size += pieces[step->first + i].size;
    return size;
}

/* Some of the pieces, with gaps; some runs of them, of which some have been sent again since. */
struct scene {
    struct staged_piece pieces[PIECES];
    unsigned count;
    struct stored_run runs[PIECES];
    unsigned runs_count;
};

static void make_scene(const struct random_source *random, struct scene *scene)
{
    static const uint64_t sizes[] = {0, 1, 100, 300, 999, 1000, 5000};
    unsigned number = 0;
    scene->count = 1 + (unsigned)random_below(random, PIECES);
    scene->runs_count = 0;
    for (unsigned i = 0; i < scene->count; i++) {
        number += random_below(random, 8) == 0 ? 3 : 1;
        scene->pieces[i] = make_piece(number, sizes[random_below(random, 7)], (uint8_t)random_below(random, 250));
    }
    for (unsigned i = 0; i < scene->count;) {
        unsigned length = 1 + (unsigned)random_below(random, 6);
        if (random_below(random, 2) == 0 && i + length <= scene->count)
            scene->runs[scene->runs_count++] = make_run(&scene->pieces[i], length);
        i += length;
    }
    for (unsigned i = 0; i < scene->count; i++) {
        if (random_below(random, 10) == 0)
            scene->pieces[i].md5[1]++; /* sent again, with another content */
    }
}

static bool is_stored(const struct scene *scene, const struct run_step *step)
{
    struct stored_run expected = make_run(&scene->pieces[step->first], step->count);
    for (unsigned i = 0; i < scene->runs_count; i++) {
        if (scene->runs[i].number == expected.number && scene->runs[i].size == expected.size &&
            memcmp(scene->runs[i].digest, expected.digest, MD5_BYTES) == 0)
            return true;
    }
    return false;
}

START_TEST(a_plan_holds_every_piece_once)
{
    struct random_seeded state;
    struct random_source random = random_seeded(&state, 5);
    static struct scene scene;
    unsigned reused = 0;
    for (unsigned round = 0; round < ROUNDS; round++) {
        struct buffer steps = {0};
        unsigned count;
        unsigned next = 0;
        make_scene(&random, &scene);
        runs_plan(scene.pieces, scene.count, scene.runs, scene.runs_count, BYTES_MIN, &steps);
        const struct run_step *step = steps_of(&steps, &count);
        for (unsigned i = 0; i < count; i++) {
            ck_assert_uint_eq(step[i].first, next);
            ck_assert_uint_gt(step[i].count, 0);
            next += step[i].count;
            if (i + 1 < count)
                ck_assert_uint_ge(bytes_of(scene.pieces, &step[i]), BYTES_MIN);
            if (step[i].is_stored)
                ck_assert(is_stored(&scene, &step[i]));
            reused += step[i].is_stored;
        }
        ck_assert_uint_eq(next, scene.count);
        buffer_free(&steps);
    }
    ck_assert_uint_gt(reused, ROUNDS);
}
END_TEST

START_TEST(what_is_ready_is_large_enough_and_new)
{
    struct random_seeded state;
    struct random_source random = random_seeded(&state, 6);
    static struct scene scene;
    unsigned joined = 0;
    for (unsigned round = 0; round < ROUNDS; round++) {
        struct buffer steps = {0};
        unsigned count;
        unsigned end = 0;
        make_scene(&random, &scene);
        runs_ready(scene.pieces, scene.count, round % 2 == 0, scene.runs, scene.runs_count, BYTES_MIN, &steps);
        const struct run_step *step = steps_of(&steps, &count);
        for (unsigned i = 0; i < count; i++) {
            ck_assert_uint_ge(step[i].first, end);
            end = step[i].first + step[i].count;
            ck_assert_uint_le(end, scene.count);
            ck_assert_uint_ge(bytes_of(scene.pieces, &step[i]), BYTES_MIN);
            ck_assert_uint_eq(scene.pieces[end - 1].number, scene.pieces[step[i].first].number + step[i].count - 1);
            ck_assert(!is_stored(&scene, &step[i]));
            joined++;
        }
        buffer_free(&steps);
    }
    ck_assert_uint_gt(joined, ROUNDS);
}
END_TEST

START_TEST(once_joined_nothing_is_ready_and_little_is_left)
{
    static struct staged_piece pieces[PIECES];
    static struct stored_run runs[PIECES];
    struct buffer steps = {0};
    unsigned count;
    for (unsigned i = 0; i < PIECES; i++)
        pieces[i] = make_piece(i + 1, 300, (uint8_t)i);
    runs_ready(pieces, PIECES, false, runs, 0, BYTES_MIN, &steps);
    const struct run_step *step = steps_of(&steps, &count);
    ck_assert_uint_eq(count, PIECES / 4);
    for (unsigned i = 0; i < count; i++)
        runs[i] = make_run(&pieces[step[i].first], step[i].count);
    buffer_clear(&steps);
    runs_ready(pieces, PIECES, false, runs, PIECES / 4, BYTES_MIN, &steps);
    ck_assert_uint_eq(steps.size, 0);
    runs_plan(pieces, PIECES, runs, PIECES / 4, BYTES_MIN, &steps);
    step = steps_of(&steps, &count);
    for (unsigned i = 0; i < count; i++)
        ck_assert(step[i].is_stored);
    buffer_free(&steps);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("joiner runs");
    TCase *tests = tcase_create("runs");
    tcase_add_test(tests, a_plan_holds_every_piece_once);
    tcase_add_test(tests, what_is_ready_is_large_enough_and_new);
    tcase_add_test(tests, once_joined_nothing_is_ready_and_little_is_left);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
