/* tests/unit/service/journal_service_test.c -- the journal beside requests: what it shows, and that its troubles are
 * its own. */
#include "server/journal_service.h"
#include "tests/unit/embedded/fixture.h"

#include <stdio.h>

static struct journal_service service; /* too large for a fiber's stack */

static const struct journal_service_options options = {.poll_ms = 100};

static struct backend backend;

/* As the server has one that is opened. */
static const struct backend *backend_of(struct bucket_store *store)
{
    static const struct backend_operations operations; /* no object tells that there was a journal */
    backend = (struct backend){.operations = &operations,
                               .store = store,
                               .requests = store,
                               .spool = embedded_spool(store),
                               .home = journal_home_of_store(store)};
    embedded_id(store, backend.home.place.bytes);
    return &backend;
}

static void pause_ms(uint64_t milliseconds)
{
    struct wait_queue nobody;
    struct error error;
    wait_queue_init(&nobody);
    (void)wait_for(&nobody, deadline_after_ms(milliseconds), &error);
}

static void start(struct bucket_store *store)
{
    struct error error;
    ck_assert(journal_service_start(&service, backend_of(store), &options, &error));
    deadline_t deadline = deadline_after_ms(300000);
    while (service.journal == NULL || journal_state(service.journal) == NULL) {
        ck_assert(loop_now_ns() < deadline);
        pause_ms(5);
    }
}

static void expect_savings(unsigned rows, int64_t objects, int64_t bytes)
{
    struct savings savings;
    struct error error;
    bool is_there = journal_service_savings(&service, 100, &savings, &error);
    ck_assert_msg(is_there, "%s", is_there ? "" : error.message);
    ck_assert_uint_eq(savings.count, rows);
    ck_assert_int_eq(savings.total.amounts.objects, objects);
    ck_assert_int_eq(savings.total.amounts.original_bytes, bytes);
    ck_assert_int_eq(savings.total.amounts.stored_bytes, bytes);
    savings_free(&savings);
}

static void put_some(struct bucket_store *store, unsigned first, unsigned count)
{
    for (unsigned i = first; i < first + count; i++) {
        char key[16];
        (void)snprintf(key, sizeof key, "key-%u", i);
        put(store, text("bucket"), text(key), text("ten bytes."));
    }
}

static void live_through_trouble(struct bucket_store *store, unsigned shard, void *argument)
{
    (void)shard, (void)argument;
    struct error error;
    struct savings savings;
    memset(&service, 0, sizeof service);
    ck_assert(journal_service_start(&service, backend_of(store), &options, &error));
    ck_assert(!journal_service_savings(&service, 100, &savings, &error)); /* nothing is known yet, and that is said */
    journal_service_stop(&service, 0);                                    /* before it has begun */

    start(store);
    struct bucket_info info;
    ck_assert(bucket_find(store, JOURNAL_SYSTEM_BUCKET, &info, &error));
    ck_assert_str_eq(info.owner, "");
    expect_savings(0, 0, 0); /* the journal's own objects are no savings */
    ck_assert(bucket_create(store, &(struct bucket_intent){.name = text("bucket"), .owner = text("alice")}, &error));
    ck_assert(bucket_create(store, &(struct bucket_intent){.name = text("empty"), .owner = text("alice")}, &error));
    expect_savings(2, 0, 0);
    put_some(store, 0, 10);
    expect_savings(2, 10, 100);
    ck_assert(spool_sender_flush(service.sender, deadline_after_ms(300000)));
    ck_assert_uint_eq(journal_service_records_waiting(&service), 0);
    expect_savings(2, 10, 100);
    ck_assert(journal_service_is_well(&service, &error));

    ck_assert(try_delete(store, JOURNAL_SYSTEM_BUCKET, text(HEAD_NAME), &error)); /* somebody, from outside */
    put_some(store, 5, 10);                                                       /* five of them are there already */
    deadline_t deadline = deadline_after_ms(300000);
    while (journal_service_is_well(&service, &error)) {
        ck_assert(loop_now_ns() < deadline);
        pause_ms(20);
    }
    ck_assert_ptr_nonnull(strstr(error.message, "head-missing"));
    put_some(store, 15, 5);
    expect_savings(2, 20, 200);
    ck_assert_uint_gt(journal_service_records_waiting(&service), 0);
    uint64_t began = loop_now_ns();
    journal_service_stop(&service, deadline_after_ms(60000));
    ck_assert(loop_now_ns() - began < UINT64_C(40000000000)); /* what cannot be sent is not waited for */
}

START_TEST(its_troubles_are_its_own)
{
    with_new_store(live_through_trouble, NULL);
}
END_TEST

static void begin(struct bucket_store *store, unsigned shard, void *argument)
{
    (void)shard, (void)argument;
    struct error error;
    memset(&service, 0, sizeof service);
    ck_assert(bucket_create(store, &(struct bucket_intent){.name = text("bucket"), .owner = text("alice")}, &error));
    put_some(store, 0, 7); /* before the journal is there */
    start(store);
    expect_savings(1, 7, 70);
    journal_service_stop(&service, deadline_after_ms(300000));
}

static void go_on(struct bucket_store *store, unsigned shard, void *argument)
{
    (void)shard, (void)argument;
    start(store);
    ck_assert_uint_eq(journal_service_records_waiting(&service), 0); /* the stop sent them */
    expect_savings(1, 7, 70);
    struct error error;
    ck_assert(try_delete(store, text("bucket"), text("key-3"), &error));
    expect_savings(1, 6, 60);
    journal_service_stop(&service, 0); /* without time to send */
}

static void find_all(struct bucket_store *store, unsigned shard, void *argument)
{
    (void)shard, (void)argument;
    start(store);
    expect_savings(1, 6, 60);
    ck_assert(spool_sender_flush(service.sender, deadline_after_ms(300000)));
    expect_savings(1, 6, 60);
    journal_service_stop(&service, deadline_after_ms(300000));
}

START_TEST(figures_outlive_the_process)
{
    char path[64];
    folder_make(path);
    with_store(path, begin, NULL);
    with_store(path, go_on, NULL);
    with_store(path, find_all, NULL);
    folder_remove(path);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("journal service");
    TCase *tests = tcase_create("service");
    tcase_set_timeout(tests, 120);
    tcase_add_test(tests, its_troubles_are_its_own);
    tcase_add_test(tests, figures_outlive_the_process);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
