/* tests/unit/embedded/ledger_spool_test.c -- spools of the ledger over restarts: found ones are drained, and only
 * frozen records leave. */
#include "tests/unit/embedded/ledger_fixture.h"

#include <stdio.h>

static void expect_no_spool(struct bucket_store *store, unsigned shard, void *argument)
{
    (void)shard, (void)argument;
    ck_assert_uint_eq(count_spools(store), 0);
    ck_assert_uint_eq(freeze(store), 0);
    ck_assert_uint_eq(count_spools(store), 0);
}

START_TEST(a_process_that_adds_nothing_leaves_nothing)
{
    char path[64];
    folder_make(path);
    for (unsigned i = 0; i < 100; i++)
        with_store(path, expect_no_spool, NULL);
    folder_remove(path);
}
END_TEST

static void write_one_more(struct bucket_store *store, unsigned shard, void *argument)
{
    (void)shard;
    unsigned *round = argument;
    char key[32];
    (void)snprintf(key, sizeof key, "key-%u", *round);
    ck_assert_uint_eq(count_spools(store), *round);
    write_thing(store, key, &(struct thing){.original = 1000, .body = "0123456789"});
    ck_assert_uint_eq(count_spools(store), *round + 1);
    EXPECT(store, *round + 1, 1000 * (*round + 1), 10 * (*round + 1));
}

static void drain(struct bucket_store *store, unsigned shard, void *argument)
{
    (void)shard, (void)argument;
    send_all(store, false); /* and all of it again, after an answer that was lost */
    EXPECT(store, 20, 20000, 200);
    send_all(store, true);
    ck_assert_uint_eq(count_spools(store), 0);
    EXPECT(store, 20, 20000, 200);
}

START_TEST(found_spools_are_drained_under_their_own_ids)
{
    char path[64];
    folder_make(path);
    with_store(path, make_first, NULL);
    for (unsigned round = 0; round < 20; round++)
        with_store(path, write_one_more, &round);
    with_store(path, drain, NULL);
    folder_remove(path);
}
END_TEST

static void misuse(struct bucket_store *store, unsigned shard, void *argument)
{
    (void)shard, (void)argument;
    struct error error;
    struct spool *spool = embedded_spool(store);
    make_bucket(store);
    write_thing(store, "a", &(struct thing){.original = 100, .body = "abc"});
    struct buffer infos;
    buffer_init(&infos, 0);
    ck_assert(spool_list(spool, &infos, &error));
    struct spool_info info;
    memcpy(&info, infos.data, sizeof info);
    ck_assert(info.is_own && info.has_open && info.last_frozen == 0 && info.first == 1);
    ck_assert(!spool_trim(spool, info.id, 1, &error)); /* it is open */
    ck_assert(!spool_remove(spool, info.id, &error));
    ck_assert(!spool_read(spool, info.id, 2, &infos, &error));
    ck_assert_int_eq(error.kind, ERROR_NOT_FOUND);
    ck_assert_uint_eq(freeze(store), 1);
    ck_assert_uint_eq(freeze(store), 1); /* nothing new */
    write_thing(store, "b", &(struct thing){.original = 100, .body = "abc"});
    struct buffer before;
    struct buffer after;
    buffer_init(&before, 0);
    buffer_init(&after, 0);
    ck_assert(spool_read(spool, info.id, 1, &before, &error));
    write_thing(store, "c", &(struct thing){.original = 100, .body = "abc"});
    ck_assert(spool_read(spool, info.id, 1, &after, &error)); /* frozen is frozen */
    ck_assert(span_equal(buffer_span(&before), buffer_span(&after)));
    ck_assert(!spool_trim(spool, info.id, 2, &error));
    ck_assert_uint_eq(freeze(store), 2);
    ck_assert(spool_trim(spool, info.id, 1, &error));
    ck_assert(!spool_read(spool, info.id, 1, &infos, &error));
    ck_assert(spool_trim(spool, info.id, 1, &error)); /* again: nothing to do */
    buffer_clear(&after);
    ck_assert(spool_read(spool, info.id, 2, &after, &error)); /* those behind stay */
    write_thing(store, "d", &(struct thing){.original = 100, .body = "abc"});
    ck_assert(spool_trim(spool, info.id, 2, &error));
    ck_assert(!spool_read(spool, info.id, 2, &infos, &error));
    ck_assert(spool_read(spool, info.id, 3, &after, &error)); /* the open one, too */
    uint8_t unknown[SPOOL_ID_BYTES] = {1};
    ck_assert(spool_trim(spool, unknown, 5, &error));
    ck_assert(spool_remove(spool, unknown, &error));
    buffer_free(&before);
    buffer_free(&after);
    buffer_free(&infos);
}

START_TEST(only_frozen_records_leave)
{
    with_new_store(misuse, NULL);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("embedded ledger spool");
    TCase *operations = tcase_create("ledger");
    tcase_set_timeout(operations, 120);
    tcase_add_checked_fixture(operations, begin_test, NULL);
    tcase_add_test(operations, a_process_that_adds_nothing_leaves_nothing);
    tcase_add_test(operations, found_spools_are_drained_under_their_own_ids);
    tcase_add_test(operations, only_frozen_records_leave);
    suite_add_tcase(suite, operations);
    return run_suite(suite);
}
