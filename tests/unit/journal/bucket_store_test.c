/* tests/unit/journal/bucket_store_test.c -- a journal's requests on a real embedded store: every answer, conditions,
 * pages, deadlines; and a whole journal on it. */
#include "journal/bucket_store.h"
#include "journal/fiber_scheduler.h"
#include "journal/journal.h"
#include "tests/unit/embedded/fixture.h"

#include <stdio.h>
#include <stdlib.h>

#define SYSTEM SPAN(".bale")

static deadline_t soon(void)
{
    return deadline_after_ms(300000);
}

static void make_system_bucket(struct bucket_store *store)
{
    struct error error;
    ck_assert(bucket_create(store, &(struct bucket_intent){.name = SYSTEM}, &error));
}

static struct journal_store *open_bucket(struct bucket_store *store, const char *prefix,
                                         struct journal_bucket **ret_bucket)
{
    *ret_bucket = journal_bucket_open(store, SYSTEM, text(prefix));
    return journal_bucket_store(*ret_bucket);
}

static enum store_answer get_text(struct journal_store *store, const char *name, const struct store_etag *known,
                                  char *ret_text, size_t size, struct store_etag *ret_etag)
{
    struct buffer body;
    buffer_init(&body, size - 1);
    enum store_answer answer = store->get(store, name, known, &body, ret_etag, soon());
    memset(ret_text, 0, size);
    if (body.size > 0)
        memcpy(ret_text, body.data, body.size);
    buffer_free(&body);
    return answer;
}

/* ---- answers ---- */

static void ask_everything(struct bucket_store *objects, unsigned shard, void *argument)
{
    (void)shard;
    make_system_bucket(objects);
    struct journal_bucket *bucket;
    struct journal_store *store = open_bucket(objects, argument, &bucket);
    struct store_etag etag, older;
    char body[16];

    ck_assert_int_eq(get_text(store, "head", NULL, body, sizeof body, &etag), STORE_NOT_FOUND);
    (void)snprintf(etag.text, sizeof etag.text, "d41d8cd98f00b204e9800998ecf8427e");
    ck_assert_int_eq(get_text(store, "head", &etag, body, sizeof body, &etag), STORE_NOT_FOUND);
    ck_assert_int_eq(store->replace(store, "head", &etag, text("x"), &etag, soon()), STORE_NOT_FOUND);

    ck_assert_int_eq(store->create(store, "head", text("first"), soon()), STORE_DONE);
    ck_assert_int_eq(store->create(store, "head", text("other"), soon()), STORE_CONDITION_FAILED);
    ck_assert_int_eq(store->create(store, "head", text("first"), soon()), STORE_CONDITION_FAILED);
    ck_assert_int_eq(get_text(store, "head", NULL, body, sizeof body, &etag), STORE_DONE);
    ck_assert_str_eq(body, "first");
    ck_assert_int_eq(get_text(store, "head", &etag, body, sizeof body, &etag), STORE_UNCHANGED);

    older = etag;
    ck_assert_int_eq(store->replace(store, "head", &older, text("second"), &etag, soon()), STORE_DONE);
    ck_assert_str_ne(older.text, etag.text);
    ck_assert_int_eq(store->replace(store, "head", &older, text("third"), &older, soon()), STORE_CONDITION_FAILED);
    ck_assert_int_eq(get_text(store, "head", &older, body, sizeof body, &older), STORE_DONE);
    ck_assert_str_eq(body, "second");
    ck_assert_str_eq(older.text, etag.text); /* what replace and get say of one version is the same */

    ck_assert_int_eq(get_text(store, "head", NULL, body, 4, &older), STORE_DAMAGED); /* beyond the buffer's limit */
    ck_assert_str_eq(older.text, etag.text);
    ck_assert_int_eq(store->create(store, "late", text("x"), 1), STORE_UNKNOWN);
    journal_bucket_close(bucket); /* waits for the late one */
}

START_TEST(each_answer_is_told)
{
    with_new_store(ask_everything, "");
    with_new_store(ask_everything, ".bale/journal/");
}
END_TEST

static void ask_without_bucket(struct bucket_store *objects, unsigned shard, void *argument)
{
    (void)shard, (void)argument;
    struct journal_bucket *bucket;
    struct journal_store *store = open_bucket(objects, "", &bucket);
    struct store_page *page = malloc(sizeof *page);
    struct store_etag etag = {"x"};
    char body[16];
    ck_assert_int_eq(get_text(store, "head", NULL, body, sizeof body, &etag), STORE_NOT_FOUND);
    ck_assert_int_eq(store->list(store, "", "", page, soon()), STORE_DONE);
    ck_assert_uint_eq(page->count, 0);
    ck_assert(!page->is_truncated);
    ck_assert_int_eq(store->create(store, "head", text("x"), soon()), STORE_REFUSED);
    ck_assert_int_eq(store->replace(store, "head", &etag, text("x"), &etag, soon()), STORE_REFUSED);
    free(page);
    journal_bucket_close(bucket);
}

START_TEST(a_missing_bucket_is_an_empty_one)
{
    with_new_store(ask_without_bucket, NULL);
}
END_TEST

static void write_large(struct bucket_store *objects, unsigned shard, void *argument)
{
    (void)shard, (void)argument;
    make_system_bucket(objects);
    struct journal_bucket *bucket;
    struct journal_store *store = open_bucket(objects, "", &bucket);
    size_t size = (9 << 20) + 12345;
    uint8_t *bytes = malloc(size);
    fill_bytes(5, bytes, size);
    struct buffer body;
    struct store_etag etag;
    buffer_init(&body, 16 << 20);
    ck_assert_int_eq(store->create(store, "parts/large", span_of(bytes, size), soon()), STORE_DONE);
    ck_assert_int_eq(store->get(store, "parts/large", NULL, &body, &etag, soon()), STORE_DONE);
    ck_assert(span_equal(buffer_span(&body), span_of(bytes, size)));
    ck_assert_uint_eq(journal_bucket_counters(bucket)->bytes_written, size);
    buffer_free(&body);
    free(bytes);
    journal_bucket_close(bucket);
}

START_TEST(large_bodies_come_back)
{
    with_new_store(write_large, NULL);
}
END_TEST

/* ---- a caller that is cancelled ---- */

struct cancelled {
    struct journal_store *store;
    struct fiber *fiber;
    enum store_answer answer, later;
    bool has_ended;
};

static void create_and_be_cancelled(void *argument)
{
    struct cancelled *cancelled = argument;
    cancelled->fiber = fiber_current();
    cancelled->answer = cancelled->store->create(cancelled->store, "cancelled", text("body"), soon());
    cancelled->later = cancelled->store->create(cancelled->store, "never-asked", text("body"), soon());
    cancelled->has_ended = true;
}

static void cancel_caller(struct bucket_store *objects, unsigned shard, void *argument)
{
    (void)shard, (void)argument;
    make_system_bucket(objects);
    struct journal_bucket *bucket;
    struct cancelled cancelled = {.store = open_bucket(objects, "", &bucket)};
    struct store_etag etag;
    struct error error;
    char body[16];
    ck_assert(fiber_spawn("caller", create_and_be_cancelled, &cancelled, &error));
    while (cancelled.fiber == NULL)
        fiber_yield();
    fiber_cancel(cancelled.fiber);
    while (!cancelled.has_ended)
        fiber_yield();
    ck_assert_int_eq(cancelled.answer, STORE_UNKNOWN);
    ck_assert_int_eq(cancelled.later, STORE_UNKNOWN);
    ck_assert_uint_eq(journal_bucket_counters(bucket)->unknown[JOURNAL_REQUEST_CREATE], 2);
    deadline_t deadline = soon(); /* nobody waits for the requests any more: they are made all the same */
    while (get_text(cancelled.store, "cancelled", NULL, body, sizeof body, &etag) != STORE_DONE)
        ck_assert(loop_now_ns() < deadline);
    journal_bucket_close(bucket);
}

START_TEST(a_cancelled_caller_is_answered)
{
    with_new_store(cancel_caller, NULL);
}
END_TEST

/* ---- pages ---- */

enum { NAMES = 2345 };

static void name_number(unsigned i, char ret_name[JOURNAL_NAME_BYTES])
{
    (void)snprintf(ret_name, JOURNAL_NAME_BYTES, "segments/%08u", i);
}

static unsigned list_all(struct journal_store *store, const char *prefix, const char *first, struct store_page *page)
{
    char after[JOURNAL_NAME_BYTES];
    unsigned count = 0;
    (void)snprintf(after, sizeof after, "%s", first);
    do {
        ck_assert_int_eq(store->list(store, prefix, after, page, soon()), STORE_DONE);
        ck_assert(page->count > 0 || !page->is_truncated);
        for (unsigned i = 0; i < page->count; i++) {
            ck_assert_int_gt(strcmp(page->names[i], after), 0);
            memcpy(after, page->names[i], sizeof after);
            count++;
        }
    } while (page->is_truncated);
    return count;
}

/* Many fibers share the commits. */
struct filling {
    struct bucket_store *objects;
    struct journal_store *store;
    const char *prefix;
    unsigned next;
};

static void create_names(unsigned index, void *argument)
{
    (void)index;
    struct filling *filling = argument;
    while (filling->next < NAMES) {
        char name[JOURNAL_NAME_BYTES];
        name_number(filling->next++, name);
        ck_assert_int_eq(filling->store->create(filling->store, name, text("body"), soon()), STORE_DONE);
    }
}

static void put_long_names(unsigned index, void *argument)
{
    (void)index;
    struct filling *filling = argument;
    while (filling->next < NAMES + 1100) {
        char key[300];
        (void)snprintf(key, sizeof key, "%ssegments/00000100-%0200u", filling->prefix, filling->next++);
        put(filling->objects, SYSTEM, text(key), text("foreign"));
    }
}

static void list_pages(struct bucket_store *objects, unsigned shard, void *argument)
{
    (void)shard;
    make_system_bucket(objects);
    struct journal_bucket *bucket;
    struct journal_store *store = open_bucket(objects, argument, &bucket);
    struct store_page *page = malloc(sizeof *page);
    char(*names)[JOURNAL_NAME_BYTES] = malloc(1000 * sizeof *names);
    struct filling filling = {objects, store, argument, 0};
    run_fibers(100, create_names, &filling);
    ck_assert_int_eq(store->create(store, "bell", text("body"), soon()), STORE_DONE);
    ck_assert_uint_eq(list_all(store, "segments/", "", page), NAMES);
    ck_assert_uint_eq(list_all(store, "", "", page), NAMES + 1);
    ck_assert_uint_eq(list_all(store, "segments/", "segments/00001999", page), NAMES - 2000);
    ck_assert_uint_eq(list_all(store, "parts/", "parts/", page), 0);

    run_fibers(100, put_long_names, &filling); /* more than a page of names that are none of a journal */
    ck_assert_uint_eq(list_all(store, "segments/", "", page), NAMES);

    unsigned left = NAMES;
    while (left > 0) { /* some are gone already: deletions are idempotent */
        unsigned count = left < 1000 ? left : 1000;
        for (unsigned i = 0; i < count; i++)
            name_number(left - 1 - i, names[i]);
        name_number(NAMES + 7, names[count - 1]);
        ck_assert_int_eq(store->delete_names(store, names, count, soon()), STORE_DONE);
        left -= count - 1 > 0 ? count - 1 : 1;
    }
    ck_assert_uint_le(list_all(store, "segments/", "", page), 1);
    free(names);
    free(page);
    journal_bucket_close(bucket);
}

START_TEST(names_come_in_pages)
{
    with_new_store(list_pages, "");
    with_new_store(list_pages, ".bale/journal/");
}
END_TEST

/* ---- a journal on it ---- */

struct machine {
    struct journal_bucket *bucket;
    struct fiber_scheduler scheduler;
    struct journal_environment environment;
    struct journal *journal;
};

static void machine_prepare(struct machine *machine, struct bucket_store *objects)
{
    machine->bucket = journal_bucket_open(objects, SYSTEM, SPAN_EMPTY);
    fiber_scheduler_init(&machine->scheduler);
    machine->environment = (struct journal_environment){.store = journal_bucket_store(machine->bucket),
                                                        .clock = clock_system(),
                                                        .random = random_system(),
                                                        .scheduler = &machine->scheduler.base};
}

static void machine_start(struct machine *machine, struct bucket_store *objects)
{
    machine_prepare(machine, objects);
    const struct journal_options options = {.may_seed = true, .fold_gap_ms = 50, .poll_ms = 100, .fold_age_ms = 100};
    machine->journal = journal_open(&machine->environment, &options);
}

static void machine_stop(struct machine *machine)
{
    journal_stop(machine->journal);
    ck_assert(fiber_scheduler_stop(&machine->scheduler, soon()));
    ck_assert(fiber_scheduler_stop(&machine->scheduler, soon())); /* again is harmless */
    ck_assert(journal_is_idle(machine->journal));
    journal_free(machine->journal);
    journal_bucket_close(machine->bucket);
}

static void wait_until_ready(struct journal *journal)
{
    struct wait_queue nobody;
    struct error error;
    deadline_t deadline = soon();
    wait_queue_init(&nobody);
    while (journal_state(journal) == NULL) {
        ck_assert(loop_now_ns() < deadline);
        (void)wait_for(&nobody, deadline_after_ms(5), &error);
    }
}

static void add(struct journal *journal, int64_t amount)
{
    struct buffer ops;
    struct error error;
    buffer_init(&ops, 0);
    op_put_counter_add(&ops, SPACE_TEST, text("table"), text("key"), amount);
    const struct journal_batch batch = {.ops = buffer_span(&ops)};
    struct journal_answer answer = journal_submit(journal, &batch, &error);
    ck_assert_int_eq(answer.outcome, JOURNAL_COMMITTED);
    buffer_free(&ops);
}

static void add_from_fiber(unsigned index, void *argument)
{
    (void)index;
    for (unsigned i = 0; i < 10; i++)
        add(argument, 1);
}

static int64_t counter(const struct journal *journal)
{
    return state_counter(journal_state(journal), SPACE_TEST, text("table"), text("key"));
}

static void run_journal(struct bucket_store *objects, unsigned shard, void *argument)
{
    (void)shard, (void)argument;
    struct machine machine, other;
    struct error error;
    struct journal_options options = {0};
    machine_prepare(&other, objects);
    ck_assert_ptr_null(journal_load(&other.environment, &options, &error)); /* neither bucket ... */
    ck_assert_int_eq(error.kind, ERROR_NOT_FOUND);
    make_system_bucket(objects);
    ck_assert_ptr_null(journal_load(&other.environment, &options, &error)); /* ... nor journal */
    ck_assert_int_eq(error.kind, ERROR_NOT_FOUND);

    machine_start(&machine, objects);
    wait_until_ready(machine.journal);
    run_fibers(20, add_from_fiber, machine.journal);
    ck_assert_int_eq(counter(machine.journal), 200);

    uint64_t writes = journal_bucket_counters(other.bucket)->bytes_written;
    struct journal *loaded = journal_load(&other.environment, &options, &error);
    ck_assert_ptr_nonnull(loaded);
    ck_assert_int_eq(counter(loaded), 200);
    ck_assert_uint_eq(journal_bucket_counters(other.bucket)->bytes_written, writes);
    struct journal_answer answer = journal_submit(loaded, &(struct journal_batch){.ops = SPAN_EMPTY}, &error);
    ck_assert_int_eq(answer.outcome, JOURNAL_REFUSED);
    journal_free(loaded);
    journal_bucket_close(other.bucket);
    machine_stop(&machine);

    machine_start(&machine, objects); /* another incarnation goes on */
    wait_until_ready(machine.journal);
    ck_assert_int_eq(counter(machine.journal), 200);
    add(machine.journal, -50);
    ck_assert_int_eq(counter(machine.journal), 150);
    machine_stop(&machine);
}

START_TEST(a_journal_runs_on_it)
{
    with_new_store(run_journal, NULL);
}
END_TEST

static void lose_head(struct bucket_store *objects, unsigned shard, void *argument)
{
    (void)shard, (void)argument;
    struct machine machine;
    struct error error;
    make_system_bucket(objects);
    machine_start(&machine, objects);
    wait_until_ready(machine.journal);
    add(machine.journal, 1);
    machine_stop(&machine);
    ck_assert(try_delete(objects, SYSTEM, text("head"), &error));
    machine_prepare(&machine, objects);
    const struct journal_options options = {0};
    ck_assert_ptr_null(journal_load(&machine.environment, &options, &error));
    ck_assert_int_eq(error.kind, ERROR_DAMAGED);
    journal_bucket_close(machine.bucket);
}

START_TEST(a_lost_head_is_no_empty_journal)
{
    with_new_store(lose_head, NULL);
}
END_TEST

/* ---- stopping ---- */

struct sleeper {
    struct fiber_scheduler *scheduler;
    struct wait_queue queue;
    bool has_slept, has_waited;
};

static void sleep_long(void *argument)
{
    struct sleeper *sleeper = argument;
    struct journal_scheduler *scheduler = &sleeper->scheduler->base;
    sleeper->has_slept = scheduler->sleep_until(scheduler, deadline_after_ms(100000));
}

static void wait_long(void *argument)
{
    struct sleeper *sleeper = argument;
    struct journal_scheduler *scheduler = &sleeper->scheduler->base;
    sleeper->has_waited = scheduler->wait(scheduler, &sleeper->queue, DEADLINE_NONE);
}

static void stop_sleepers(struct bucket_store *objects, unsigned shard, void *argument)
{
    (void)objects, (void)shard, (void)argument;
    struct fiber_scheduler scheduler;
    struct sleeper sleeper = {.scheduler = &scheduler, .has_slept = true, .has_waited = true};
    fiber_scheduler_init(&scheduler);
    wait_queue_init(&sleeper.queue);
    ck_assert(scheduler.base.spawn(&scheduler.base, "a", sleep_long, &sleeper));
    ck_assert(scheduler.base.spawn(&scheduler.base, "b", wait_long, &sleeper));
    fiber_yield();
    uint64_t began = loop_now_ns();
    ck_assert(fiber_scheduler_stop(&scheduler, deadline_after_ms(60000)));
    ck_assert(loop_now_ns() - began < UINT64_C(30000000000));
    ck_assert(!sleeper.has_slept && !sleeper.has_waited);
    ck_assert(!scheduler.base.spawn(&scheduler.base, "c", wait_long, &sleeper));
}

START_TEST(stopping_ends_sleeps_and_waits)
{
    with_new_store(stop_sleepers, NULL);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("journal over a bucket");
    TCase *tests = tcase_create("bucket");
    tcase_set_timeout(tests, 120);
    tcase_add_test(tests, each_answer_is_told);
    tcase_add_test(tests, a_missing_bucket_is_an_empty_one);
    tcase_add_test(tests, large_bodies_come_back);
    tcase_add_test(tests, a_cancelled_caller_is_answered);
    tcase_add_test(tests, names_come_in_pages);
    tcase_add_test(tests, a_journal_runs_on_it);
    tcase_add_test(tests, a_lost_head_is_no_empty_journal);
    tcase_add_test(tests, stopping_ends_sleeps_and_waits);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
