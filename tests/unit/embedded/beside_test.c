/* tests/unit/embedded/beside_test.c -- a row's key is damaged while the store is open, in the tables where a missing
 * row has a meaning: space (all is free), volumes (its file may be made anew), buckets, meta (counting begins anew).
 * Whatever is written to the table then, the damaged row stays for a repair to find, and no block that is taken becomes
 * free. */
#include "store/embedded/change/bucket_batch.h"
#include "store/embedded/volumes/bitmap.h"
#include "store/embedded/volumes/space.h"
#include "tests/unit/embedded/fixture.h"
#include "tests/unit/embedded/flips.h"

#include <stdio.h>
#include <stdlib.h>

enum {
    VOLUMES = 12,
    PARTS = 2,
    BLOCKS = PARTS * SPACE_PART_BLOCKS,
    TAKEN = 100, /* the first ones of every part */
    FREED = 7,
    FREE = 200,
    BUCKETS = 40,
    PLACES_MAX = 1024
};
static const char *const counters[] = {"next_group", "last_order", "ledger", "ledger_doubt", "recounts"};
enum { COUNTERS = sizeof counters / sizeof counters[0] };

/* ---- writes to the tables ---- */

static bool take(const struct catalogue *catalogue, MDB_txn *txn, unsigned index, struct error *error)
{
    struct space_change change;
    struct extent extent = {1 + index / PARTS, index % PARTS * SPACE_PART_BLOCKS + FREE, 1};
    space_change_begin(&change, txn, catalogue);
    bool done = space_take(&change, extent, error) && space_change_write(&change, error);
    space_change_end(&change);
    return done;
}

static bool give_back(const struct catalogue *catalogue, MDB_txn *txn, unsigned index, struct error *error)
{
    struct space_change change;
    struct extent extent = {1 + index / PARTS, index % PARTS * SPACE_PART_BLOCKS + FREED, 1};
    space_change_begin(&change, txn, catalogue);
    bool done = space_free(&change, extent, error) && space_change_write(&change, error);
    space_change_end(&change);
    return done;
}

/* Volumes that there were not. */
static bool add_space(const struct catalogue *catalogue, MDB_txn *txn, unsigned index, struct error *error)
{
    static const uint64_t taken[BITMAP_WORDS(BLOCKS)];
    return space_store(txn, catalogue, VOLUMES + 1 + index * 3, BLOCKS, taken, error);
}

static bool put_volume(const struct catalogue *catalogue, MDB_txn *txn, unsigned index, struct error *error)
{
    return batch_put_volume(txn, catalogue, 1 + index, BLOCKS, true, error);
}

static bool put_bucket(const struct catalogue *catalogue, MDB_txn *txn, unsigned index, struct error *error)
{
    struct bucket_row row = {.number = 10 + index, .info.owner = "alice"};
    (void)snprintf(row.info.name, sizeof row.info.name, "bucket-%02u", index);
    return catalogue_put_bucket(txn, catalogue, &row, error);
}

static bool count(const struct catalogue *catalogue, MDB_txn *txn, unsigned index, struct error *error)
{
    return catalogue_put_counter(txn, catalogue, counters[index], 100 + index, error);
}

/* ---- what must hold ---- */

static unsigned count_damaged(MDB_txn *txn, MDB_dbi table)
{
    MDB_cursor *cursor;
    MDB_val key;
    MDB_val value;
    unsigned damaged = 0;
    ck_assert_int_eq(mdb_cursor_open(txn, table, &cursor), 0);
    while (mdb_cursor_get(cursor, &key, &value, MDB_NEXT) == 0)
        damaged += !catalogue_is_sound(&key, &value);
    mdb_cursor_close(cursor);
    return damaged;
}

/* A volume that is handed out says that all is taken that was. */
static void expect_claims(const struct catalogue *catalogue, MDB_txn *txn)
{
    static uint64_t taken[BITMAP_WORDS(BLOCKS)];
    for (uint32_t volume = 1; volume <= VOLUMES; volume++) {
        bool is_whole;
        struct error error;
        if (!space_load(txn, catalogue, volume, BLOCKS, taken, &is_whole, &error)) {
            ck_assert_int_eq(error.kind, ERROR_DAMAGED);
            continue;
        }
        for (uint32_t part = 0; part < PARTS; part++)
            ck_assert_msg(bitmap_is(taken, part * SPACE_PART_BLOCKS + FREED + 1, TAKEN - FREED - 1, true),
                          "part %u of volume %u is free", part, volume);
    }
}

/* ---- one bit, one write ---- */

typedef bool write_row(const struct catalogue *catalogue, MDB_txn *txn, unsigned index, struct error *error);

struct subject {
    size_t table; /* where it is in struct catalogue */
    unsigned writes;
    write_row *write;
    bool is_space;
};

static const struct subject subjects[] = {
    {offsetof(struct catalogue, space), VOLUMES *PARTS, take, true},
    {offsetof(struct catalogue, space), VOLUMES *PARTS, give_back, true},
    {offsetof(struct catalogue, space), VOLUMES, add_space, true},
    {offsetof(struct catalogue, volumes), VOLUMES + 4, put_volume, false},
    {offsetof(struct catalogue, buckets), BUCKETS, put_bucket, false},
    {offsetof(struct catalogue, meta), COUNTERS, count, false},
};

static MDB_dbi table_of(const struct subject *subject, const struct catalogue *catalogue)
{
    MDB_dbi table;
    memcpy(&table, (const uint8_t *)catalogue + subject->table, sizeof table);
    return table;
}

static MDB_txn *begin(const struct catalogue *catalogue)
{
    MDB_txn *txn;
    ck_assert_int_eq(mdb_txn_begin(catalogue->env, NULL, 0, &txn), 0);
    return txn;
}

/* Returns how many writes were done, of all. */
static unsigned write_all(const struct catalogue *catalogue, const struct subject *subject, long at)
{
    unsigned done = 0;
    for (unsigned index = 0; index < subject->writes; index++) {
        MDB_txn *txn = begin(catalogue);
        struct error error;
        bool is_done = subject->write(catalogue, txn, index, &error);
        ck_assert_msg(is_done || error.kind == ERROR_DAMAGED, "byte %ld, write %u: %s", at, index,
                      is_done ? "" : error.message);
        ck_assert_msg(!is_done || count_damaged(txn, table_of(subject, catalogue)) == 1,
                      "byte %ld, write %u: the damaged row is gone", at, index);
        if (is_done && subject->is_space)
            expect_claims(catalogue, txn);
        mdb_txn_abort(txn);
        done += is_done;
    }
    return done;
}

/* ---- all rows ---- */

static void fill(const struct catalogue *catalogue)
{
    MDB_txn *txn = begin(catalogue);
    struct error error;
    static uint64_t taken[BITMAP_WORDS(BLOCKS)];
    for (uint32_t part = 0; part < PARTS; part++)
        bitmap_fill(taken, part * SPACE_PART_BLOCKS, TAKEN, true);
    for (unsigned i = 0; i < VOLUMES; i++) {
        ck_assert(put_volume(catalogue, txn, i, &error));
        ck_assert(space_store(txn, catalogue, 1 + i, BLOCKS, taken, &error));
    }
    for (unsigned i = 0; i < BUCKETS; i++)
        ck_assert(put_bucket(catalogue, txn, i, &error));
    for (unsigned i = 0; i < COUNTERS; i++)
        ck_assert(count(catalogue, txn, i, &error));
    ck_assert_int_eq(mdb_txn_commit(txn), 0);
}

struct places {
    unsigned count;
    long at[PLACES_MAX];
};

/* Every byte of every key. */
static void find_places(const char *path, const struct subject *subject, struct places *ret_places)
{
    static struct flips_view view;
    MDB_cursor *cursor;
    MDB_val key;
    MDB_val value;
    ret_places->count = 0;
    flips_view_open(&view, path);
    ck_assert_int_eq(mdb_cursor_open(view.txn, table_of(subject, &view.catalogue), &cursor), 0);
    while (mdb_cursor_get(cursor, &key, &value, MDB_NEXT) == 0) {
        ck_assert_uint_le(ret_places->count + key.mv_size, PLACES_MAX);
        for (size_t i = 0; i < key.mv_size; i++)
            ret_places->at[ret_places->count++] = flips_place(&view, key.mv_data) + (long)i;
    }
    mdb_cursor_close(cursor);
    flips_view_close(&view);
}

static void open_catalogue(const char *path, bool create, struct catalogue *ret_catalogue)
{
    struct folder folder;
    struct error error;
    ck_assert(folder_open(path, create, random_system(), &folder, &error));
    ck_assert(catalogue_open(path, 1 << 30, folder.uuid, create, ret_catalogue, &error));
    ck_assert(!create || folder_finish(&folder, &error));
    folder_close(&folder);
}

START_TEST(a_damaged_key_stays_whatever_is_written_beside_it)
{
    static struct places places;
    static struct catalogue catalogue;
    const struct subject *subject = &subjects[_i];
    char path[64];
    unsigned done = 0;
    folder_make(path);
    open_catalogue(path, true, &catalogue);
    fill(&catalogue);
    catalogue_close(&catalogue);
    find_places(path, subject, &places);
    open_catalogue(path, false, &catalogue);
    for (unsigned i = 0; i < places.count; i++) {
        unsigned bit = i % 8;
        flips_flip(path, places.at[i], bit);
        done += write_all(&catalogue, subject, places.at[i]);
        flips_flip(path, places.at[i], bit);
    }
    catalogue_close(&catalogue);
    ck_assert_uint_gt(done, places.count * subject->writes / 2); /* it is no reason to refuse everything */
    folder_remove(path);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("beside");
    TCase *tests = tcase_create("damaged keys");
    tcase_set_timeout(tests, 60);
    tcase_add_loop_test(tests, a_damaged_key_stays_whatever_is_written_beside_it, 0,
                        sizeof subjects / sizeof subjects[0]);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
