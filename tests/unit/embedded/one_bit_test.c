/* tests/unit/embedded/one_bit_test.c -- one bit of a row of any table is wrong: its checksum tells which, so that a
 * repair leaves what was there before, to the byte. */
#include "tests/unit/embedded/fixture.h"
#include "tests/unit/embedded/flips.h"
#include "tests/unit/embedded/uploads.h"

#include <stdio.h>
#include <stdlib.h>

enum {
    OBJECTS = 30,
    BODY_BYTES = 9000,
    ROWS_OF_A_TABLE = 3,
    PLACES_OF_A_ROW = 5,
    PLACES_MAX = 300,
    LONG_KEY_BYTES = 700
};
static const struct span bucket = SPAN("bucket");

static void put_all(struct bucket_store *store, size_t size)
{
    static uint8_t body[BODY_BYTES];
    char key[LONG_KEY_BYTES + 1];
    for (unsigned i = 0; i < OBJECTS; i++) {
        (void)snprintf(key, sizeof key, "thing-%03u", i);
        fill_bytes(i, body, size);
        put(store, bucket, text(key), span_of(body, size));
    }
    memset(key, 'k', LONG_KEY_BYTES);
    put(store, bucket, span_of(key, LONG_KEY_BYTES), span_of(body, size));
}

/* Rows in all tables but those of what is large: small and large bodies, former versions and markers, uploads. */
static void fill(struct bucket_store *store, unsigned shard, void *argument)
{
    (void)shard, (void)argument;
    const struct test_part part = {1, 7, 10000};
    struct delete_item item = {.key = text("thing-003")};
    char id[UPLOAD_ID_BYTES];
    struct error error;
    create_bucket(store, bucket);
    put_all(store, 100);
    begin_upload(store, bucket, text("done"), id);
    put_part(store, bucket, text("done"), id, &part);
    complete(store, bucket, text("done"), id, &part, 1);
    begin_upload(store, bucket, text("open"), id);
    put_part(store, bucket, text("open"), id, &part);
    ck_assert(bucket_set_versioning(store, bucket, VERSIONING_ENABLED, &error));
    put_all(store, BODY_BYTES);
    ck_assert(bucket_delete_objects(store, bucket, &item, 1, &error) && item.is_marker);
}

/* ---- rows ---- */

struct places {
    unsigned count, tables;
    long at[PLACES_MAX];
};

/* The ends of key and value, and what is between those of the value. */
static void add_row(struct places *places, const struct flips_view *view, const MDB_val *key, const MDB_val *value)
{
    const long key_at = flips_place(view, key->mv_data);
    const long value_at = flips_place(view, value->mv_data);
    const long row[PLACES_OF_A_ROW] = {key_at, key_at + (long)key->mv_size - 1, value_at,
                                       value_at + (long)value->mv_size / 2, value_at + (long)value->mv_size - 1};
    for (unsigned i = 0; i < PLACES_OF_A_ROW; i++) {
        ck_assert_uint_lt(places->count, PLACES_MAX);
        places->at[places->count++] = row[i];
    }
}

static void find_places(const char *path, struct places *places)
{
    static struct flips_view view;
    MDB_dbi tables[CATALOGUE_TABLES_MAX];
    flips_view_open(&view, path);
    unsigned count = catalogue_list_tables(&view.catalogue, tables);
    for (unsigned i = 0; i < count; i++) {
        MDB_cursor *cursor;
        MDB_val key, value;
        unsigned rows = 0;
        ck_assert_int_eq(mdb_cursor_open(view.txn, tables[i], &cursor), 0);
        for (; rows < ROWS_OF_A_TABLE && mdb_cursor_get(cursor, &key, &value, MDB_NEXT) == 0; rows++)
            add_row(places, &view, &key, &value);
        places->tables += rows > 0;
        mdb_cursor_close(cursor);
    }
    flips_view_close(&view);
}

/* All of all tables, one behind the other. */
static void read_rows(const char *path, struct buffer *ret_rows)
{
    static struct flips_view view;
    MDB_dbi tables[CATALOGUE_TABLES_MAX];
    buffer_init(ret_rows, 0);
    flips_view_open(&view, path);
    unsigned count = catalogue_list_tables(&view.catalogue, tables);
    for (unsigned i = 0; i < count; i++) {
        MDB_cursor *cursor;
        MDB_val key, value;
        ck_assert_int_eq(mdb_cursor_open(view.txn, tables[i], &cursor), 0);
        while (mdb_cursor_get(cursor, &key, &value, MDB_NEXT) == 0) {
            buffer_append_format(ret_rows, "%u %zu %zu ", i, key.mv_size, value.mv_size);
            buffer_append(ret_rows, span_of(key.mv_data, key.mv_size));
            buffer_append(ret_rows, span_of(value.mv_data, value.mv_size));
        }
        mdb_cursor_close(cursor);
    }
    flips_view_close(&view);
}

/* ---- the test ---- */

static void flip_and_repair(const char *template, long at, const struct buffer *rows)
{
    char path[64];
    struct embedded_report report = {0};
    struct error error;
    struct buffer found;
    flips_copy_folder(template, path);
    flips_flip(path, at, (unsigned)at % 8);
    ck_assert(!embedded_check(path, false, &report, &error));
    report = (struct embedded_report){0};
    bool is_mended = embedded_check(path, true, &report, &error);
    ck_assert_msg(is_mended, "byte %ld: %s", at, is_mended ? "" : error.message);
    ck_assert_uint_eq(report.damaged, 1);
    ck_assert_uint_eq(report.repaired, 1);
    read_rows(path, &found);
    ck_assert_msg(span_equal(buffer_span(&found), buffer_span(rows)), "byte %ld is not what it was", at);
    buffer_free(&found);
    folder_remove(path);
}

START_TEST(a_repair_puts_one_wrong_bit_right)
{
    static struct places places;
    char template[64];
    struct buffer rows;
    folder_make(template);
    with_store(template, fill, NULL);
    expect_sound_store(template);
    find_places(template, &places);
    ck_assert_uint_ge(places.tables, 14);
    read_rows(template, &rows);
    for (unsigned i = 0; i < places.count; i++)
        flip_and_repair(template, places.at[i], &rows);
    buffer_free(&rows);
    folder_remove(template);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("one wrong bit");
    TCase *tests = tcase_create("one bit");
    tcase_set_timeout(tests, 240);
    tcase_add_test(tests, a_repair_puts_one_wrong_bit_right);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
