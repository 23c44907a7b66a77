/* tests/unit/remote/followed_test.c -- what shards keep of uploads they follow: it takes the memory that is counted for
 * it, and goes when the upload has ended, or when a fiber of any shard waits for memory. */
#include "store/remote/uploads/followed.h"

#include "runtime/io/io.h"
#include "store/remote/uploads/plan.h"
#include "tests/unit/runtime/fixture.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

enum { SHARDS = 2, MEMORY_BYTES = 16 << 20, WAIT_MS = 60000 };

static const char first_id[] = "00000000000000000000000000000001";
static const char second_id[] = "00000000000000000000000000000002";

static const char third_id[] = "00000000000000000000000000000003";

static struct remote remote;
static struct remote_shard shards[SHARDS];

static void begin(void)
{
    remote.verdicts.held = UINT64_C(1) << VERDICT_PARTS_OF_ANY_SIZE;
    remote.memory.bytes_max = MEMORY_BYTES;
    for (unsigned i = 0; i < SHARDS; i++) {
        shards[i].remote = &remote;
        list_init(&shards[i].pieces);
        ck_assert_int_eq(pthread_mutex_init(&shards[i].room_call.lock, NULL), 0);
        memory_budget_init_shared(&shards[i].memory, &remote.memory);
        shards[i].memory.make_room = followed_make_room;
        remote.shards[i] = &shards[i];
    }
}

/* A part that became an object of its own. */
static void note(struct remote_shard *shard, const char *id, unsigned number, size_t bytes)
{
    static struct remote_writer writer;
    struct part_place part = {.number = number};
    struct part_facts facts = {.part = {.number = number, .stored_size = bytes}};
    struct error error;
    uint8_t *body = calloc(1, bytes);
    ck_assert_ptr_nonnull(body);
    memcpy(part.upload_id, id, UPLOAD_ID_BYTES);
    writer = (struct remote_writer){.key = {.shard = shard}, .part = &part};
    ck_assert(body_append(shard, &writer.body, span_of(body, bytes), &error));
    followed_note(&writer, &facts, SPAN("name"));
    body_clear(shard, &writer.body);
    free(body);
}

static struct followed_upload *last_followed(struct remote_shard *shard)
{
    ck_assert(!list_is_empty(&shard->followed));
    return LIST_ELEMENT(shard->followed.previous, struct followed_upload, link);
}

/* ---- one shard ---- */

static uint64_t held_bytes(const struct body *body)
{
    uint64_t held = 0;
    for (unsigned i = 0; i < body->count; i++)
        held += body->pieces[i].capacity;
    return held;
}

SUSPENDS static void keep_parts_of_all_sizes(void *unused)
{
    static const size_t sizes[] = {1, 100, 100, BODY_PIECE_BYTES, BODY_PIECE_BYTES + 1, 3 * BODY_PIECE_BYTES - 1};
    uint64_t bytes = 0;
    (void)unused;
    followed_attach(&shards[0]);
    for (unsigned i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        note(&shards[0], first_id, i + 1, sizes[i]);
        bytes += sizes[i];
        const struct followed_upload *upload = last_followed(&shards[0]);
        ck_assert_uint_eq(upload->waiting.size, bytes);
        ck_assert_uint_eq(held_bytes(&upload->waiting), bytes);
        ck_assert_uint_eq(memory_budget_used(&shards[0].memory), bytes);
    }
    followed_detach(&shards[0]);
    ck_assert_uint_eq(memory_budget_used(&shards[0].memory), 0);
    body_free_spare(&shards[0]);
}

START_TEST(what_waits_holds_what_is_counted)
{
    begin();
    run_to_end(keep_parts_of_all_sizes, NULL);
}
END_TEST

SUSPENDS static void end_one_of_two(void *unused)
{
    (void)unused;
    followed_attach(&shards[0]);
    note(&shards[0], first_id, 1, 1000);
    note(&shards[0], second_id, 1, 100);
    followed_end(&shards[0], span_from_string(third_id));
    followed_end(&shards[0], SPAN("0000"));
    ck_assert_uint_eq(shards[0].followed_count, 2);
    followed_end(&shards[0], span_from_string(first_id));
    ck_assert_uint_eq(shards[0].followed_count, 1);
    ck_assert_uint_eq(memory_budget_used(&shards[0].memory), 100);
    last_followed(&shards[0])->is_busy = true; /* who sends its part has it in hand */
    followed_end(&shards[0], span_from_string(second_id));
    ck_assert_uint_eq(shards[0].followed_count, 1);
    last_followed(&shards[0])->is_busy = false;
    followed_end(&shards[0], span_from_string(second_id));
    ck_assert_uint_eq(shards[0].followed_count, 0);
    ck_assert_uint_eq(memory_budget_used(&shards[0].memory), 0);
    followed_detach(&shards[0]);
    body_free_spare(&shards[0]);
}

SUSPENDS static void hold_one(void *unused)
{
    (void)unused;
    followed_attach(&shards[0]);
    note(&shards[0], first_id, 1, STORED_PART_BYTES_LEAST);
    ck_assert_ptr_null(followed_hold(&shards[0], span_from_string(first_id))); /* nothing waits */
    ck_assert_ptr_null(followed_hold(&shards[0], span_from_string(second_id)));
    note(&shards[0], first_id, 2, 1000);
    struct followed_upload *held = followed_hold(&shards[0], span_from_string(first_id));
    ck_assert_ptr_eq(held, last_followed(&shards[0]));
    ck_assert_ptr_null(followed_hold(&shards[0], span_from_string(first_id))); /* one at a time */
    note(&shards[0], first_id, 3, 10);
    followed_end(&shards[0], span_from_string(first_id));
    ck_assert_uint_eq(held->waiting.size, 1000);
    followed_release(&shards[0], held);
    held->is_end = true; /* of a piece that can be copied: not what Complete would read */
    ck_assert_ptr_null(followed_hold(&shards[0], span_from_string(first_id)));
    held->is_end = false;
    ck_assert_ptr_eq(followed_hold(&shards[0], span_from_string(first_id)), held);
    followed_make_room(&shards[0].memory, MEMORY_BYTES); /* also for who completes it */
    ck_assert_uint_eq(held->waiting_count, 0);
    ck_assert_uint_eq(memory_budget_used(&shards[0].memory), 0);
    followed_release(&shards[0], held);
    ck_assert_uint_eq(shards[0].followed_count, 0);
    ck_assert_uint_eq(memory_budget_used(&shards[0].memory), 0);
    followed_detach(&shards[0]);
    body_free_spare(&shards[0]);
}

START_TEST(what_waits_is_held_for_who_completes)
{
    begin();
    run_to_end(hold_one, NULL);
}
END_TEST

START_TEST(nothing_is_kept_of_an_upload_that_has_ended)
{
    begin();
    run_to_end(end_one_of_two, NULL);
}
END_TEST

/* ---- two ---- */

static pthread_barrier_t is_kept;
static atomic_bool was_granted;

SUSPENDS static void keep_until_asked(void *unused)
{
    (void)unused;
    followed_attach(&shards[0]);
    note(&shards[0], first_id, 1, STORED_PART_BYTES_LEAST); /* nothing of it waits */
    note(&shards[0], second_id, 1, 4 << 20);
    note(&shards[0], third_id, 1, 1 << 20);
    last_followed(&shards[0])->is_end = true; /* a lead: the upload can do without */
    ck_assert_uint_eq(memory_budget_used(&shards[0].memory), 5 << 20);
    (void)pthread_barrier_wait(&is_kept);
    while (!atomic_load(&was_granted)) /* this shard has nothing to do */
        ck_assert_int_eq(io_sleep_until(deadline_after_ms(1)), 0);
    ck_assert_uint_eq(shards[0].followed_count, 2);
    ck_assert_str_eq(last_followed(&shards[0])->id, third_id);
    ck_assert_uint_eq(last_followed(&shards[0])->waiting.size, 0);
    note(&shards[0], second_id, 1, 100); /* there is no room now */
    ck_assert_uint_eq(shards[0].followed_count, 2);
    (void)pthread_barrier_wait(&is_kept);
    followed_detach(&shards[0]);
    body_free_spare(&shards[0]);
}

SUSPENDS static void want_all(void *unused)
{
    struct error error;
    (void)unused;
    followed_attach(&shards[1]);
    (void)pthread_barrier_wait(&is_kept);
    ck_assert(memory_budget_take(&shards[1].memory, MEMORY_BYTES, deadline_after_ms(WAIT_MS), &error));
    atomic_store(&was_granted, true);
    (void)pthread_barrier_wait(&is_kept);
    memory_budget_give(&shards[1].memory, MEMORY_BYTES);
    followed_detach(&shards[1]);
}

static void *run_other_shard(void *unused)
{
    (void)unused;
    run_to_end(want_all, NULL);
    return NULL;
}

START_TEST(what_waits_makes_room_for_other_shards)
{
    pthread_t other;
    begin();
    ck_assert_int_eq(pthread_barrier_init(&is_kept, NULL, 2), 0);
    ck_assert_int_eq(pthread_create(&other, NULL, run_other_shard, NULL), 0);
    run_to_end(keep_until_asked, NULL);
    ck_assert_int_eq(pthread_join(other, NULL), 0);
    ck_assert_uint_eq(atomic_load(&remote.memory.used), 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("remote followed");
    TCase *cases = tcase_create("followed");
    tcase_set_timeout(cases, 120);
    tcase_add_test(cases, what_waits_holds_what_is_counted);
    tcase_add_test(cases, what_waits_is_held_for_who_completes);
    tcase_add_test(cases, nothing_is_kept_of_an_upload_that_has_ended);
    tcase_add_test(cases, what_waits_makes_room_for_other_shards);
    suite_add_tcase(suite, cases);
    return run_suite(suite);
}
