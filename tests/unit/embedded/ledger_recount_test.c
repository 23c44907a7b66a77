/* tests/unit/embedded/ledger_recount_test.c -- the ledger counted anew: of an earlier Bale's folder, after a restore of
 * the journal or a repair, and while others write. */
#include "tests/unit/embedded/ledger_fixture.h"

#include <stdio.h>
#include <stdlib.h>

/* ---- an earlier Bale's folder ---- */

static void expect_counted(struct bucket_store *store, unsigned shard, void *argument)
{
    (void)shard, (void)argument;
    EXPECT(store, 10, 25022,
           24035); /* what format_test put there: 10 objects, one of 1000 bytes in 6 and a sidecar of 7 */
    ck_assert_uint_eq(count_spools(store), 1);
}

static void copy_vectors(char path[64])
{
    char command[512];
    folder_make(path);
    (void)snprintf(command, sizeof command, "cp -R '%s'/store-v1/. '%s'", BALE_VECTORS, path);
    ck_assert_int_eq(system(command), 0);
}

START_TEST(an_earlier_folder_is_counted_once)
{
    char path[64];
    struct error error;
    copy_vectors(path);
    ck_assert_ptr_null(embedded_open_snapshot(path, &error)); /* it makes no tables */
    ck_assert_int_eq(error.kind, ERROR_UNSUPPORTED);
    with_store(path, expect_counted, NULL);
    with_store(path, expect_counted, NULL);
    with_store(path, expect_counted, NULL);
    char command[128];
    (void)snprintf(command, sizeof command, "grep -q '^bale store 3$' '%s/FORMAT'", path);
    ck_assert_int_eq(system(command), 0); /* an earlier Bale would write without counting */
    folder_remove(path);
}
END_TEST

/* ---- counting anew ---- */

static void put_wrong(struct bucket_store *store, int64_t objects, uint64_t recounts, bool expected)
{
    struct error error;
    struct bucket_info info;
    struct buffer amounts;
    ck_assert(bucket_find(store, bucket, &info, &error));
    buffer_init(&amounts, 0);
    spool_put_amounts(&amounts, &(struct spool_amounts){bucket, info.creation_id, {objects, 5, -7}});
    const struct embedded_correction correction = {.amounts = buffer_span(&amounts), .recounts = recounts};
    bool done = embedded_correct(store, &correction, &error);
    ck_assert(done == expected);
    if (!done)
        ck_assert_int_eq(error.kind, ERROR_CONFLICT);
    buffer_free(&amounts);
}

static void count_difference(void *context, const struct ledger_difference *difference)
{
    unsigned *count = context;
    ck_assert(span_equal(difference->bucket, bucket));
    ++*count;
}

static unsigned recount(struct bucket_store *store)
{
    unsigned differences = 0;
    struct error error;
    bool done = ledger_recount(store, &state, count_difference, &differences, &error);
    ck_assert_msg(done, "%s", done ? "" : error.message);
    return differences;
}

/* What ledger_recount does, and clients that go on between its steps. */
static void correct_while_written(struct bucket_store *store)
{
    struct error error;
    struct embedded_ledger ledger;
    struct buffer bytes;
    buffer_init(&bytes, 0);
    struct bucket_store *snapshot = embedded_snapshot(store, &error);
    ck_assert(embedded_ledger(snapshot, &ledger, &error) && ledger.is_counted && !ledger.is_in_doubt);
    write_thing(store, "late", &(struct thing){.original = 9, .body = "1"}); /* not in the snapshot */
    drop(store, "a");
    freeze(store);
    ck_assert(ledger_compare(snapshot, &state, NULL, NULL, &bytes, &error));
    embedded_close(snapshot);
    send_all(store, true);
    const struct embedded_correction correction = {.amounts = buffer_span(&bytes), .recounts = ledger.recounts};
    ck_assert(embedded_correct(store, &correction, &error));
    ck_assert(!embedded_correct(store, &correction, &error)); /* never twice */
    buffer_free(&bytes);
}

static void make_wrong(struct bucket_store *store, unsigned shard, void *argument)
{
    (void)shard, (void)argument;
    make_bucket(store);
    write_thing(store, "a", &(struct thing){.original = 100, .body = "abc"});
    write_thing(store, "b", &(struct thing){.original = 100, .body = "abc"});
    freeze(store);
    send_all(store, true);
    put_wrong(store, 3, 1, false);
    put_wrong(store, -30, 0, true);
    freeze(store);
    send_all(store, false);
    ck_assert_int_eq(figure_of(store, bucket).objects, -28); /* never clamped */
    correct_while_written(store);
    EXPECT(store, 2, 109, 4);
    put_wrong(store, 7, 2, true);
    ck_assert_uint_eq(recount(store), 1);
    EXPECT(store, 2, 109, 4);
    ck_assert_uint_eq(recount(store), 0);
    EXPECT(store, 2, 109, 4);
}

START_TEST(a_recount_holds_whatever_is_written_meanwhile)
{
    with_new_store(make_wrong, NULL);
}
END_TEST

static void send_three(struct bucket_store *store, unsigned shard, void *argument)
{
    (void)shard, (void)argument;
    static const char *const keys[] = {"a", "b", "c"};
    make_bucket(store);
    for (unsigned i = 0; i < 3; i++) {
        write_thing(store, keys[i], &(struct thing){.original = 100, .body = "abc"});
        freeze(store);
        send_all(store, true);
    }
    write_thing(store, "d", &(struct thing){.original = 1000, .body = "abcd"});
    freeze(store);
}

static void after_restore(struct bucket_store *store, unsigned shard, void *argument)
{
    (void)shard, (void)argument;
    state_free(&state); /* the journal has lost what it had */
    state_init(&state, NULL, 0);
    ck_assert_int_eq(figure_of(store, bucket).objects, 1);
    ck_assert_uint_eq(count_spools(store), 1);
    ck_assert_uint_eq(recount(store), 1);
    EXPECT(store, 4, 1300, 13);
    freeze(store);
    send_all(store, true); /* and nothing waits for records that never come */
    EXPECT(store, 4, 1300, 13);
    ck_assert_int_eq(ledger_in_state(&state, bucket, 1).objects, 4);
    ck_assert_uint_eq(count_spools(store), 1); /* the own one */
}

START_TEST(a_journal_that_was_restored_gets_the_ledger_back)
{
    char path[64];
    folder_make(path);
    with_store(path, send_three, NULL);
    with_store(path, after_restore, NULL);
    folder_remove(path);
}
END_TEST

static void put_to_damage(struct bucket_store *store, unsigned shard, void *argument)
{
    (void)shard;
    make_bucket(store);
    write_thing(store, "good", &(struct thing){.original = 100, .body = "abc"});
    put(store, bucket, text("bad"), span_of(argument, 5000));
}

static void after_repair(struct bucket_store *store, unsigned shard, void *argument)
{
    (void)shard, (void)argument;
    struct error error;
    struct embedded_ledger ledger;
    ck_assert(embedded_ledger(store, &ledger, &error) && ledger.is_in_doubt);
    expect_missing(store, bucket, text("bad"));
    ck_assert_int_eq(figure_of(store, bucket).objects, 2);
    ck_assert_uint_eq(recount(store), 1);
    EXPECT(store, 1, 100, 3);
    ck_assert(embedded_ledger(store, &ledger, &error) && !ledger.is_in_doubt);
}

START_TEST(repair_leaves_the_ledger_in_doubt_until_a_recount)
{
    char path[64];
    char file[160];
    static uint8_t body[5000];
    struct error error;
    struct embedded_report report = {0};
    folder_make(path);
    fill_bytes(5, body, sizeof body);
    with_store(path, put_to_damage, body);
    (void)snprintf(file, sizeof file, "%s/volumes/00000001", path);
    FILE *volume = fopen(file, "r+b");
    ck_assert_ptr_nonnull(volume);
    ck_assert_int_eq(fputc(body[0] ^ 1, volume), body[0] ^ 1); /* the first body lies at the start */
    ck_assert_int_eq(fclose(volume), 0);
    ck_assert(!embedded_check(path, false, &report, &error));
    ck_assert(embedded_check(path, true, &report, &error));
    with_store(path, after_repair, NULL);
    folder_remove(path);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("embedded ledger recount");
    TCase *operations = tcase_create("ledger");
    tcase_set_timeout(operations, 120);
    tcase_add_checked_fixture(operations, begin_test, NULL);
    tcase_add_test(operations, an_earlier_folder_is_counted_once);
    tcase_add_test(operations, a_recount_holds_whatever_is_written_meanwhile);
    tcase_add_test(operations, a_journal_that_was_restored_gets_the_ledger_back);
    tcase_add_test(operations, repair_leaves_the_ledger_in_doubt_until_a_recount);
    suite_add_tcase(suite, operations);
    return run_suite(suite);
}
