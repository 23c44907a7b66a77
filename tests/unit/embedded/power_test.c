/* tests/unit/embedded/power_test.c -- the power goes off at every point of a few writes, and takes what was not synced.
 *
 * The simulator behind the I/O door counts writes to volumes and forgets, sector by sector, what no sync covered. A
 * body whose row was committed must be there, whole: the row never comes before the body is durable. */
#include "tests/unit/embedded/fixture.h"

#include "runtime/io/io_sim.h"

#include <stdio.h>
#include <stdlib.h>

enum { KEYS = 5, POINTS = 70, BODY_BYTES_MAX = 800000 };
static const struct span bucket = SPAN("bucket");
/* in the catalogue, one durable write, many writes and a sync; then overwrites of each kind by another */
static const size_t sizes[] = {1000, 5000, 200000, 700000, 3000, 600000, 150000, 900, 400000, 9000};
enum { STEPS = sizeof sizes / sizeof sizes[0] };

struct scenario {
    struct io_sim *sim;
    uint64_t point; /* operations until the power goes */
    int acknowledged[KEYS];
    int attempted[KEYS]; /* -1: nothing on its way */
    unsigned steps_done;
};

static struct span make_body(int step, uint8_t *bytes)
{
    fill_bytes(1000 + (uint64_t)step, bytes, sizes[step]);
    return span_of(bytes, sizes[step]);
}

static void name_key(unsigned index, char ret_key[16])
{
    (void)snprintf(ret_key, 16, "key-%u", index);
}

static void write_until_dark(struct bucket_store *store, struct scenario *scenario)
{
    uint8_t *body = malloc(BODY_BYTES_MAX);
    char key[16];
    io_sim_power_off_after(scenario->sim, scenario->point);
    for (int step = 0; step < STEPS; step++) {
        unsigned index = (unsigned)step % KEYS;
        struct error error;
        name_key(index, key);
        scenario->attempted[index] = step;
        if (!try_put(store, bucket, text(key), make_body(step, body), NULL, &error))
            break;
        scenario->acknowledged[index] = step;
        scenario->attempted[index] = -1;
        scenario->steps_done++;
    }
    free(body);
}

static void run_scenario(struct bucket_store *store, unsigned shard, void *argument)
{
    (void)shard;
    create_bucket(store, bucket);
    write_until_dark(store, argument);
}

static bool holds(struct bucket_store *store, struct span key, int step, uint8_t *body)
{
    struct error error;
    struct object_name name = name_of(bucket, key);
    struct bucket_object *object;
    if (!bucket_open(store, &name, NULL, &object, &error)) {
        ck_assert_str_eq(error.code, "NoSuchKey");
        return step < 0;
    }
    bool has_size = step >= 0 && object->attributes.stored_size == sizes[step];
    bucket_close(object);
    if (has_size)
        expect_body(store, bucket, key, make_body(step, body));
    return has_size;
}

static void expect_whole(struct bucket_store *store, unsigned shard, void *argument)
{
    (void)shard;
    const struct scenario *scenario = argument;
    uint8_t *body = malloc(BODY_BYTES_MAX);
    char key[16];
    for (unsigned i = 0; i < KEYS; i++) {
        name_key(i, key);
        ck_assert_msg(holds(store, text(key), scenario->acknowledged[i], body) ||
                          (scenario->attempted[i] >= 0 && holds(store, text(key), scenario->attempted[i], body)),
                      "point %llu: %s is neither what was acknowledged nor what was on its way",
                      (unsigned long long)scenario->point, key);
    }
    free(body);
}

static unsigned lose_power_at(uint64_t point, uint64_t *lost)
{
    char path[64];
    folder_make(path);
    struct scenario scenario = {.point = point};
    for (unsigned i = 0; i < KEYS; i++)
        scenario.acknowledged[i] = scenario.attempted[i] = -1;
    scenario.sim = io_sim_create(
        &(struct io_sim_options){.seed = point + 1, .delay_us_max = 200, .short_permille = 100, .real_wait_ms = 20});
    struct embedded_options options = {.shards = 1, .is_unfilled = point % 2 == 0};
    struct bucket_store *store = open_store(path, &options);
    run_simulated(store, scenario.sim, run_scenario, &scenario);
    embedded_close(store);
    if (io_sim_is_powered(scenario.sim)) /* the last step came before the point: it goes off at the end */
        io_sim_power_off(scenario.sim);
    *lost += io_sim_power_on(scenario.sim);
    io_sim_destroy(scenario.sim);

    with_store(path, expect_whole, &scenario);
    struct embedded_report report = {0};
    struct error error;
    bool is_sound = embedded_check(path, false, &report, &error);
    ck_assert_msg(is_sound, "point %llu: %s", (unsigned long long)point, is_sound ? "" : error.message);
    folder_remove(path);
    return scenario.steps_done;
}

START_TEST(a_loss_of_power_loses_nothing)
{
    uint64_t lost = 0;
    unsigned steps = 0;
    for (uint64_t point = 1; point <= POINTS; point++)
        steps += lose_power_at(point, &lost);
    ck_assert_uint_gt(lost, 1000); /* the simulator did take something */
    ck_assert_uint_gt(steps, 100); /* and let something through */
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("embedded power");
    TCase *tests = tcase_create("power");
    tcase_set_timeout(tests, 200);
    tcase_add_test(tests, a_loss_of_power_loses_nothing);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
