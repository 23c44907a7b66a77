/* tests/unit/object/rewrite_test.c -- an object is read and packed anew until somebody cuts it off, or finds damage. */
#include "bench/data/data_sets.h"
#include "runtime/base/assert.h"
#include "server/object/codecs_private.h"
#include "server/object/object_rewrite.h"
#include "tests/unit/object/bodies.h"

#include <stdlib.h>
#include <time.h>
#include <unistd.h>

enum { BODY_BYTES = 3 << 20, LEVEL = 5, LONGEST_NS = 1000000 };

static struct memory_store store;
static struct object_codecs *codecs;

static bool begin(const bool *is_cut_off, struct object_rewrite **ret_rewrite, struct error *error)
{
    const struct object_rewrite_intent intent = {.name = name_of("key"), .level = LEVEL, .is_cut_off = is_cut_off};
    return object_rewrite_begin(codecs, &store.store, &intent, ret_rewrite, error);
}

static void expect_failure(const bool *is_cut_off, enum error_kind kind)
{
    struct object_rewrite *rewrite;
    struct error error;
    ck_assert(!begin(is_cut_off, &rewrite, &error));
    ck_assert_int_eq(error.kind, kind);
    ck_assert_uint_eq(store.writers, 0);
    ck_assert_uint_eq(codecs->memory.used, 0);
}

static void ends_body(void *argument)
{
    (void)argument;
    struct object_settings settings = ordinary_settings();
    struct object_rewrite *rewrite;
    struct error error;
    bool is_cut_off = false;
    uint8_t *text = make_text(BODY_BYTES);
    memory_store_init(&store);
    codecs = object_codecs_create(&settings);
    struct memory_object *object = must_upload(codecs, &store, "key", span_of(text, BODY_BYTES));

    ck_assert(begin(&is_cut_off, &rewrite, &error));
    ck_assert_str_eq(object_rewrite_found(rewrite)->stored_etag, object->attributes.stored_etag);
    object_rewrite_abort(rewrite);
    ck_assert_uint_eq(store.writers, 0);

    is_cut_off = true;
    expect_failure(&is_cut_off, ERROR_CANCELLED);
    object->body.data[object->body.size / 2] ^= 1;
    expect_failure(NULL, ERROR_DAMAGED);

    object_codecs_destroy(codecs);
    memory_store_free(&store);
    free(text);
}
LOOP_TEST(a_rewrite_ends, ends_body)

/* ---- what else the shard does meanwhile ---- */

static bool is_over;
static uint64_t longest_ns; /* that it was kept from its other fibers, in time of its processor */

static uint64_t cpu_ns(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (uint64_t)now.tv_sec * UINT64_C(1000000000) + (uint64_t)now.tv_nsec;
}

SUSPENDS static void watch(void *argument)
{
    (void)argument;
    for (uint64_t before = cpu_ns(); !is_over; before = cpu_ns()) {
        fiber_yield();
        uint64_t took_ns = cpu_ns() - before;
        longest_ns = took_ns > longest_ns ? took_ns : longest_ns;
    }
}

/* Packs a body of one of the sets anew; longest_ns: as above. */
static void rewrite_set(const struct object_settings *settings, const char *set, int level)
{
    struct object_rewrite *rewrite;
    struct error error;
    const struct object_rewrite_intent intent = {.name = name_of("key"), .level = level};
    uint8_t *body = malloc(BODY_BYTES);
    data_set_fill(data_set_find(set), body, BODY_BYTES);
    memory_store_init(&store);
    codecs = object_codecs_create(settings);
    (void)must_upload(codecs, &store, "key", span_of(body, BODY_BYTES));
    is_over = false;
    longest_ns = 0;
    spawn("watch", watch, NULL);
    ck_assert(object_rewrite_begin(codecs, &store.store, &intent, &rewrite, &error));
    is_over = true;
    fiber_yield();
    ck_assert_uint_gt(object_rewrite_stored_size(rewrite), 0);
    object_rewrite_abort(rewrite);
    object_codecs_destroy(codecs);
    memory_store_free(&store);
    free(body);
}

/* In the background nothing is computed on the shard: what remains is bytes that are copied, a quarter of a MiB at
 * once, whatever the level is. */
static void turns_body(void *argument)
{
    (void)argument;
    static const char *const SETS[] = {"logs", "csv", "gaps", "records", "json"};
    static const int LEVELS[] = {5, 9, 19};
    struct error error;
    struct object_settings settings = ordinary_settings();
    settings.columns = true;
    settings.background = offload_create("background", 1, 16, &error); /* not an idle one: it would get nothing */
    ck_assert_ptr_nonnull(settings.background);
    for (unsigned i = 0; i < sizeof SETS / sizeof *SETS; i++) {
        for (unsigned k = 0; k < sizeof LEVELS / sizeof *LEVELS; k++) {
            uint64_t shortest_ns = UINT64_MAX; /* of many: what another process takes from the caches is not ours */
            for (unsigned tries = 0; tries < (is_instrumented() ? 1 : 50) && shortest_ns >= LONGEST_NS; tries++) {
                rewrite_set(&settings, SETS[i], LEVELS[k]);
                shortest_ns = longest_ns < shortest_ns ? longest_ns : shortest_ns;
            }
            if (!is_instrumented())
                ck_assert_msg(shortest_ns < LONGEST_NS, "%s at level %d: %.3f ms without a turn for others", SETS[i],
                              LEVELS[k], (double)shortest_ns / 1e6);
        }
    }
    offload_destroy(settings.background);
}
LOOP_TEST(others_have_their_turn, turns_body)

static int gate[2];

static void block(void *argument)
{
    char byte;
    (void)argument;
    ASSERT(read(gate[0], &byte, 1) == 1);
}

SUSPENDS static void take_thread(void *argument)
{
    struct error error;
    ASSERT(offload_run(argument, block, NULL, &error));
}

/* A thread that gets no processor is not waited for: it is packed on the others. */
static void starved_body(void *argument)
{
    (void)argument;
    struct error error;
    struct object_settings settings = ordinary_settings();
    settings.background = offload_create("background", 1, 16, &error);
    settings.offload = offload_create("codec", 1, 16, &error);
    settings.background_wait_ms = 20;
    ck_assert(settings.background != NULL && settings.offload != NULL && pipe(gate) == 0);
    spawn("gate", take_thread, settings.background);
    rewrite_set(&settings, "logs", 5);
    rewrite_set(&settings, "logs", 9);
    ck_assert(write(gate[1], "a", 1) == 1);
    offload_destroy(settings.background);
    offload_destroy(settings.offload);
}
LOOP_TEST(a_starved_thread_is_left, starved_body)

int main(void)
{
    Suite *suite = suite_create("rewrite");
    TCase *tests = tcase_create("rewrite");
    tcase_add_test(tests, a_rewrite_ends);
    tcase_add_test(tests, others_have_their_turn);
    tcase_add_test(tests, a_starved_thread_is_left);
    tcase_set_timeout(tests, 120);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
