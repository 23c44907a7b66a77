/* tests/unit/object/loan_test.c -- bodies whose store lends what it has in memory: the same bytes come out, verified as
 * ever, all is given back, and nobody waits for what somebody else holds on to. */
#include "server/object/codecs_private.h"
#include "tests/unit/object/bodies.h"

#include <stdlib.h>

enum { BODY_BYTES = 3 * 1048576 + 54321 };

static struct memory_store store;
static struct object_codecs *codecs;
static uint8_t *noise;

static void begin(int codec, unsigned lends_one_of, unsigned buffers)
{
    struct object_settings settings = ordinary_settings();
    settings.codec = codec;
    settings.frame_buffers_max = buffers;
    memory_store_init(&store);
    store.lends_one_of = lends_one_of;
    codecs = object_codecs_create(&settings);
    noise = make_noise(BODY_BYTES);
    must_upload(codecs, &store, "key", span_of(noise, BODY_BYTES));
}

static void end(void)
{
    ck_assert_uint_eq(memory_store_lent_now(), 0);
    ck_assert_uint_eq(codecs->memory.used, 0);
    object_codecs_destroy(codecs);
    memory_store_free(&store);
    free(noise);
}

struct reading {
    struct bucket_object *object;
    struct object_reader *reader;
    uint64_t reached;
};

static bool start(struct reading *reading, uint64_t first, uint64_t size)
{
    static struct object_name name;
    const struct open_intent intent = {.extent = OPEN_RANGE, .first = first, .size = size};
    struct error error;
    name = name_of("key");
    reading->reached = first;
    ck_assert(object_open(codecs, &store.store, &name, &intent, &reading->object, &error));
    return object_reader_begin(codecs, reading->object, &name, NULL, first, size, &reading->reader, &error);
}

static void stop(struct reading *reading)
{
    object_reader_end(reading->reader);
    object_close(reading->object);
}

/* The next piece, which the client takes slowly; its size. */
static bool take(struct reading *reading, size_t *ret_size, struct error *error)
{
    struct object_piece piece;
    *ret_size = 0;
    if (!object_reader_next_piece(reading->reader, &piece, error))
        return false;
    fiber_yield();
    for (unsigned i = 0; i < piece.count; i++) {
        ck_assert_uint_gt(piece.spans[i].size, 0);
        ck_assert(memcmp(piece.spans[i].data, noise + reading->reached, piece.spans[i].size) == 0);
        reading->reached += piece.spans[i].size;
        *ret_size += piece.spans[i].size;
    }
    ck_assert_uint_eq(*ret_size, piece.size);
    return true;
}

static void must_read(uint64_t first, uint64_t size)
{
    struct reading reading;
    struct error error;
    size_t taken;
    ck_assert(start(&reading, first, size));
    do {
        bool done = take(&reading, &taken, &error);
        ck_assert_msg(done, "[%llu, +%llu) at %llu: %s", (unsigned long long)first, (unsigned long long)size,
                      (unsigned long long)reading.reached, done ? "" : error.message);
    } while (taken > 0);
    ck_assert_uint_eq(reading.reached, first + size);
    stop(&reading);
}

static void read_ranges(void)
{
    static const uint64_t ranges[][2] = {{0, BODY_BYTES},     {0, 1},       {1, 65471},          {65443, 2},
                                         {1000000, 1500000},  {1048575, 2}, {BODY_BYTES - 1, 1}, {2 * 1048576, 1048576},
                                         {12345, 1024 * 1024}};
    for (unsigned i = 0; i < sizeof ranges / sizeof *ranges; i++)
        must_read(ranges[i][0], ranges[i][1]);
}

/* All is lent, or every second or third piece only. */
static void lend_as(int codec)
{
    for (unsigned one_of = 1; one_of <= 3; one_of++) {
        begin(codec, one_of, 4);
        read_ranges();
        ck_assert_uint_ge(store.lent, 10 / one_of);
        unsigned lent = store.lent;
        must_download(codecs, &store, "key", span_of(noise, BODY_BYTES), 0, BODY_BYTES);
        ck_assert_uint_eq(store.lent, lent); /* whoever takes one span borrows nothing */
        end();
    }
}

static void frames_body(void *argument)
{
    (void)argument;
    lend_as(OBJECT_CODEC_AUTO);
}

static void raw_body(void *argument)
{
    (void)argument;
    lend_as(OBJECT_CODEC_RAW);
}

/* Of the second frame no byte leaves, and what was lent for it is given back. */
static void damage_body(void *argument)
{
    struct reading reading;
    struct error error;
    size_t taken;
    (void)argument;
    begin(OBJECT_CODEC_AUTO, 1, 4);
    memory_store_find(&store, "key")->body.data[MIB + MIB / 2] ^= 1;
    ck_assert(start(&reading, 0, BODY_BYTES));
    ck_assert(take(&reading, &taken, &error));
    ck_assert_uint_eq(taken, MIB);
    ck_assert(!take(&reading, &taken, &error));
    ck_assert(error.kind == ERROR_DAMAGED);
    stop(&reading);
    end();
}

/* ---- more readers than there is memory for ---- */

enum { READERS = 12 };
static unsigned running;

static void read_whole(void *argument)
{
    (void)argument;
    must_read(0, BODY_BYTES);
    running--;
}

/* Some leave in the middle, with a loan in their hands. */
static void read_and_leave(void *argument)
{
    struct reading reading;
    struct error error;
    size_t taken;
    (void)argument;
    ck_assert(start(&reading, 5, BODY_BYTES - 5));
    ck_assert(take(&reading, &taken, &error));
    stop(&reading);
    running--;
}

static void crowd_body(void *argument)
{
    (void)argument;
    for (unsigned one_of = 1; one_of <= 2; one_of++) {
        begin(OBJECT_CODEC_AUTO, one_of, 2);
        for (running = 0; running < READERS; running++)
            spawn("reader", running % 3 == 2 ? read_and_leave : read_whole, NULL);
        while (running > 0)
            fiber_yield();
        ck_assert_uint_gt(store.lent, READERS / 2);
        end();
    }
}

LOOP_TEST(frames_as_they_are, frames_body)
LOOP_TEST(bodies_as_they_are, raw_body)
LOOP_TEST(a_damaged_frame, damage_body)
LOOP_TEST(many_readers, crowd_body)

int main(void)
{
    Suite *suite = suite_create("loans");
    TCase *cases = tcase_create("loans");
    tcase_set_timeout(cases, 60);
    tcase_add_test(cases, frames_as_they_are);
    tcase_add_test(cases, bodies_as_they_are);
    tcase_add_test(cases, a_damaged_frame);
    tcase_add_test(cases, many_readers);
    suite_add_tcase(suite, cases);
    return run_suite(suite);
}
