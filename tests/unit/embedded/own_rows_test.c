/* tests/unit/embedded/own_rows_test.c -- the rows that Bale keeps for itself, damaged one byte at a time: which volumes
 * there are, what is free in them, whose catalogue it is, its numbers. The store serves all objects or says in a
 * sentence why not; after a repair all of them are there. */
#include "store/embedded/catalogue/folder.h"
#include "tests/unit/embedded/fixture.h"
#include "tests/unit/embedded/flips.h"

#include <stdio.h>

enum { OBJECTS = 4, BODY_BYTES = 9000, PLACES_MAX = 4096, ROW_ENDS = 12, BETWEEN = 97 };
static const struct span bucket = SPAN("bucket");

/* ---- what is in the folder ---- */

static void put_numbered(struct bucket_store *store, const char *prefix, unsigned index, size_t size)
{
    static uint8_t body[BODY_BYTES];
    char key[64];
    (void)snprintf(key, sizeof key, "%s-%03u", prefix, index);
    fill_bytes(index, body, size);
    put(store, bucket, text(key), span_of(body, size));
}

static void expect_numbered(struct bucket_store *store, const char *prefix, unsigned index, size_t size)
{
    static uint8_t body[BODY_BYTES];
    char key[64];
    (void)snprintf(key, sizeof key, "%s-%03u", prefix, index);
    fill_bytes(index, body, size);
    expect_body(store, bucket, text(key), span_of(body, size));
}

static void fill(struct bucket_store *store, unsigned shard, void *argument)
{
    (void)shard, (void)argument;
    create_bucket(store, bucket);
    for (unsigned i = 0; i < OBJECTS; i++) {
        put_numbered(store, "small", i, 100);
        put_numbered(store, "large", i, BODY_BYTES);
    }
}

static void expect_deletion(struct bucket_store *store, const char *key)
{
    struct error error;
    bool is_deleted = try_delete(store, bucket, text(key), &error);
    ck_assert_msg(is_deleted, "%s: %s", key, is_deleted ? "" : error.message);
}

static void expect_all(struct bucket_store *store, unsigned shard, void *argument)
{
    (void)shard, (void)argument;
    for (unsigned i = 0; i < OBJECTS; i++) {
        expect_numbered(store, "small", i, 100);
        expect_numbered(store, "large", i, BODY_BYTES);
    }
    put_numbered(store, "new", 7, BODY_BYTES); /* and it is written to */
    expect_numbered(store, "new", 7, BODY_BYTES);
    expect_deletion(store, "new-007");
    expect_deletion(store, "large-000"); /* blocks are given back, or are not */
    put_numbered(store, "large", 0, BODY_BYTES);
}

/* ---- where its own rows are ---- */

struct places {
    unsigned count;
    long at[PLACES_MAX];
};

/* Of the ends every byte, in between some. */
static void add_places(struct places *places, long first, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        bool is_near_end = i < ROW_ENDS || i + ROW_ENDS >= size;
        if (!is_near_end && i % BETWEEN != 0)
            continue;
        ck_assert_uint_lt(places->count, PLACES_MAX);
        places->at[places->count++] = first + (long)i;
    }
}

static void add_table(struct places *places, const struct flips_view *view, MDB_dbi table)
{
    MDB_cursor *cursor;
    MDB_val key;
    MDB_val value;
    ck_assert_int_eq(mdb_cursor_open(view->txn, table, &cursor), 0);
    while (mdb_cursor_get(cursor, &key, &value, MDB_NEXT) == 0) {
        add_places(places, flips_place(view, key.mv_data), key.mv_size);
        add_places(places, flips_place(view, value.mv_data), value.mv_size);
    }
    mdb_cursor_close(cursor);
}

static void find_places(const char *path, struct places *ret_places)
{
    static struct flips_view view;
    ret_places->count = 0;
    flips_view_open(&view, path);
    add_table(ret_places, &view, view.catalogue.meta);
    add_table(ret_places, &view, view.catalogue.volumes);
    add_table(ret_places, &view, view.catalogue.space);
    flips_view_close(&view);
}

/* ---- one byte ---- */

static void expect_sentence(const char *path, const struct error *error, long at)
{
    ck_assert_msg(error->kind == ERROR_DAMAGED && strstr(error->message, "bale check") != NULL, "byte %ld of %s: %s",
                  at, path, error->message);
}

static bool opens(const char *path, long at)
{
    struct embedded_options options = {.shards = 1, .catalogue_max_bytes = 1 << 30};
    struct error error;
    struct bucket_store *store = embedded_open(path, &options, &error);
    if (store == NULL)
        expect_sentence(path, &error, at);
    else
        embedded_close(store);
    return store != NULL;
}

static void damage_and_mend(const char *template, long at)
{
    char path[64];
    struct error error;
    struct embedded_report report = {0};
    flips_copy_folder(template, path);
    flips_damage(path, at);
    if (opens(path, at))
        with_store(path, expect_all, NULL);
    bool is_mended = embedded_check(path, true, &report, &error);
    ck_assert_msg(is_mended, "byte %ld: %s", at, is_mended ? "" : error.message);
    with_store(path, expect_all, NULL);
    report = (struct embedded_report){0};
    ck_assert(embedded_check(path, false, &report, &error));
    ck_assert_uint_eq(report.objects, 2 * OBJECTS);
    folder_remove(path);
}

START_TEST(a_damaged_byte_in_its_own_rows_costs_no_object)
{
    static struct places places;
    char template[64];
    folder_make(template);
    with_store(template, fill, NULL);
    find_places(template, &places);
    ck_assert_uint_gt(places.count, 100);
    for (unsigned i = 0; i < places.count; i++)
        damage_and_mend(template, places.at[i]);
    folder_remove(template);
}
END_TEST

/* ---- rows that are gone ---- */

static void lose_volume_rows(const char *path)
{
    struct folder folder;
    struct catalogue catalogue;
    struct error error;
    MDB_txn *txn;
    ck_assert(folder_open(path, false, random_system(), &folder, &error));
    ck_assert(catalogue_open(path, 1 << 30, folder.uuid, false, &catalogue, &error));
    ck_assert_int_eq(mdb_txn_begin(catalogue.env, NULL, 0, &txn), 0);
    ck_assert_int_eq(mdb_drop(txn, catalogue.volumes, 0), 0);
    ck_assert_int_eq(mdb_txn_commit(txn), 0);
    catalogue_close(&catalogue);
    folder_close(&folder);
}

/* Nothing is damaged: a repair that believed the table would drop every body as lying in no volume. */
START_TEST(volumes_without_rows_get_them_again)
{
    char path[64];
    struct error error;
    struct embedded_report report = {0};
    folder_make(path);
    with_store(path, fill, NULL);
    lose_volume_rows(path);
    ck_assert(!embedded_check(path, false, &report, &error));
    report = (struct embedded_report){0};
    bool is_mended = embedded_check(path, true, &report, &error);
    ck_assert_msg(is_mended, "%s", is_mended ? "" : error.message);
    ck_assert_uint_gt(report.repaired, 0);
    with_store(path, expect_all, NULL);
    expect_sound_store(path);
    folder_remove(path);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("own rows");
    TCase *tests = tcase_create("rows");
    tcase_set_timeout(tests, 240);
    tcase_add_test(tests, a_damaged_byte_in_its_own_rows_costs_no_object);
    tcase_add_test(tests, volumes_without_rows_get_them_again);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
