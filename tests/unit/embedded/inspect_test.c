/* tests/unit/embedded/inspect_test.c -- what LMDB writes passes; one flipped bit is found, or LMDB reads the same rows.
 */
#include "store/embedded/catalogue/catalogue.h"
#include "store/embedded/catalogue/inspect.h"
#include "store/embedded/catalogue/pages.h"
#include "tests/unit/embedded/fixture.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { COMMITS = 400, ROWS_OF_A_COMMIT = 12, VALUE_BYTES_MAX = 20000 };

static const uint8_t uuid[STORE_UUID_BYTES] = "sixteen bytes...";

static uint64_t draw(uint64_t below)
{
    static uint64_t state = 88172645463325252;
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state % below;
}

static MDB_dbi draw_table(const struct catalogue *catalogue)
{
    const MDB_dbi tables[] = {catalogue->objects, catalogue->bodies, catalogue->sidecars, catalogue->spools};
    return tables[draw(4)];
}

/* Keys that share beginnings, of all lengths; values in a page, and in pages of their own. */
static void write_row(const struct catalogue *catalogue, MDB_txn *txn, unsigned keys)
{
    static uint8_t value[VALUE_BYTES_MAX];
    uint8_t key[PAGES_KEY_BYTES_MAX];
    struct error error;
    uint64_t number = draw(keys);
    size_t key_bytes = number % 7 == 0 ? 505 : 8 + number % 40;
    size_t value_bytes = draw(20) == 0 ? draw(VALUE_BYTES_MAX) : draw(300);
    memset(key, 'k', sizeof key);
    (void)snprintf((char *)key + key_bytes - 7, 8, "%07llu", (unsigned long long)number);
    fill_bytes(draw(1 << 30), value, value_bytes);
    MDB_dbi table = draw_table(catalogue);
    if (draw(3) == 0)
        ck_assert(catalogue_delete(txn, table, span_of(key, key_bytes), &error));
    else
        ck_assert(catalogue_put(txn, table, span_of(key, key_bytes), span_of(value, value_bytes), 0, &error));
}

static void write_rows(const struct catalogue *catalogue, unsigned keys)
{
    MDB_txn *txn;
    ck_assert_int_eq(mdb_txn_begin(catalogue->env, NULL, 0, &txn), 0);
    for (unsigned i = 0; i < ROWS_OF_A_COMMIT; i++)
        write_row(catalogue, txn, keys);
    if (draw(10) == 0)
        mdb_txn_abort(txn);
    else
        ck_assert_int_eq(mdb_txn_commit(txn), 0);
}

static void make_folder(char ret_path[64])
{
    char directory[128];
    folder_make(ret_path);
    (void)snprintf(directory, sizeof directory, "%s/catalogue", ret_path);
    ck_assert_int_eq(mkdir(directory, 0755), 0);
}

static void open_catalogue(const char *path, bool create, struct catalogue *ret_catalogue)
{
    struct error error;
    if (!catalogue_open(path, 1 << 30, uuid, create, ret_catalogue, &error))
        ck_abort_msg("%s", error.message);
}

static void expect_sound(const char *path)
{
    struct inspection inspection;
    struct error error;
    if (!catalogue_inspect(path, UINT64_MAX, &inspection, &error))
        ck_abort_msg("%s", error.message);
    ck_assert_uint_eq(inspection.damaged_rows, 0);
    ck_assert_uint_eq(inspection.lost_pages, 0);
}

START_TEST(what_was_written_passes)
{
    static const unsigned keys[] = {20, 300, 5000};
    for (unsigned k = 0; k < sizeof keys / sizeof keys[0]; k++) {
        char path[64];
        struct catalogue catalogue;
        make_folder(path);
        open_catalogue(path, true, &catalogue);
        for (unsigned i = 0; i < COMMITS; i++) {
            write_rows(&catalogue, keys[k]);
            expect_sound(catalogue.path);
            if (draw(30) == 0) {
                catalogue_close(&catalogue);
                open_catalogue(path, false, &catalogue);
            }
        }
        catalogue_close(&catalogue);
        folder_remove(path);
    }
}
END_TEST

static void put_and_delete_large_rows(const struct catalogue *catalogue)
{
    static uint8_t value[VALUE_BYTES_MAX];
    struct error error;
    for (unsigned i = 0; i < 2; i++) {
        MDB_txn *txn;
        ck_assert_int_eq(mdb_txn_begin(catalogue->env, NULL, 0, &txn), 0);
        for (unsigned row = 0; row < 8; row++) {
            struct span key = span_of(&row, sizeof row);
            ck_assert(i == 0 ? catalogue_put(txn, catalogue->objects, key, span_of(value, sizeof value), 0, &error)
                             : catalogue_delete(txn, catalogue->objects, key, &error));
        }
        ck_assert_int_eq(mdb_txn_commit(txn), 0);
    }
}

/* What a transaction takes at the end of the file and gives back was never written: the file may be shorter than its
 * pages. */
START_TEST(free_pages_need_not_be_in_the_file)
{
    char path[64];
    struct catalogue catalogue;
    struct inspection inspection;
    struct error error;
    struct stat status;
    unsigned missing = 0;
    make_folder(path);
    open_catalogue(path, true, &catalogue);
    write_rows(&catalogue, 20);
    put_and_delete_large_rows(&catalogue);
    for (unsigned i = 0; i < 8; i++)
        write_rows(&catalogue, 5); /* what is in use moves to the front */
    for (;; missing++) {
        ck_assert_int_eq(stat(catalogue.path, &status), 0);
        catalogue_close(&catalogue);
        ck_assert_int_eq(truncate(catalogue.path, status.st_size - PAGES_BYTES), 0);
        if (!catalogue_inspect(catalogue.path, UINT64_MAX, &inspection, &error))
            break; /* that one was in use */
        open_catalogue(path, false, &catalogue);
    }
    ck_assert_int_eq(error.kind, ERROR_DAMAGED);
    ck_assert_uint_gt(missing, 0);
    folder_remove(path);
}
END_TEST

/* ---- beside the writer ---- */

static void expect_walk(const struct catalogue *catalogue, unsigned commits, bool is_stopped)
{
    MDB_txn *reader;
    struct inspection before;
    struct inspection found;
    struct error error;
    _Atomic bool stopped = is_stopped;
    ck_assert(catalogue_inspect(catalogue->path, UINT64_MAX, &before, &error));
    ck_assert_int_eq(mdb_txn_begin(catalogue->env, NULL, MDB_RDONLY, &reader), 0);
    struct inspecting *inspecting = inspecting_begin(catalogue->path, &error);
    ck_assert_ptr_nonnull(inspecting);
    for (unsigned i = 0; i < commits; i++)
        write_rows(catalogue, 300);
    bool is_sound = inspecting_walk(inspecting, UINT64_MAX, &stopped, &found, &error);
    ck_assert_msg(is_sound, "%s", is_sound ? "" : error.message);
    ck_assert(found.is_cut_off == is_stopped);
    ck_assert(is_stopped || (found.pages == before.pages && found.rows == before.rows && found.lost_pages == 0));
    inspecting_end(inspecting);
    mdb_txn_abort(reader);
}

START_TEST(what_is_written_meanwhile_does_not_matter)
{
    char path[64];
    struct catalogue catalogue;
    make_folder(path);
    open_catalogue(path, true, &catalogue);
    for (unsigned i = 0; i < COMMITS / 4; i++)
        write_rows(&catalogue, 300);
    for (unsigned commits = 0; commits < 12; commits++) /* each is a sync */
        expect_walk(&catalogue, commits, commits == 9);
    catalogue_close(&catalogue);
    folder_remove(path);
}
END_TEST

/* ---- flipped bits ---- */

/* All rows in order, but for those that are damaged; and those that are found by their keys. */
static uint32_t read_table(MDB_txn *txn, MDB_dbi table, uint64_t *ret_sound)
{
    MDB_cursor *cursor;
    MDB_val key;
    MDB_val value;
    uint32_t sum = 0;
    ck_assert_int_eq(mdb_cursor_open(txn, table, &cursor), 0);
    while (mdb_cursor_get(cursor, &key, &value, MDB_NEXT) == 0) {
        MDB_val found;
        bool met_damage;
        if (!catalogue_is_sound(&key, &value))
            continue;
        ++*ret_sound;
        for (size_t i = 0; i < value.mv_size; i++)
            sum = sum * 31 + ((const uint8_t *)value.mv_data)[i];
        ck_assert_int_eq(catalogue_find(txn, table, span_of(key.mv_data, key.mv_size), &found, &met_damage), 0);
        ck_assert_ptr_eq(found.mv_data, value.mv_data);
    }
    mdb_cursor_close(cursor);
    return sum;
}

static uint32_t read_rows(const struct catalogue *catalogue, uint64_t *ret_sound)
{
    MDB_txn *txn;
    *ret_sound = 0;
    ck_assert_int_eq(mdb_txn_begin(catalogue->env, NULL, MDB_RDONLY, &txn), 0);
    const MDB_dbi tables[] = {catalogue->meta, catalogue->objects, catalogue->bodies, catalogue->sidecars,
                              catalogue->spools};
    uint32_t sum = 0;
    for (unsigned i = 0; i < sizeof tables / sizeof tables[0]; i++)
        sum = sum * 31 + read_table(txn, tables[i], ret_sound);
    mdb_txn_abort(txn);
    return sum;
}

struct outcome {
    unsigned refused, damaged, harmless;
};

/* It does not open, or has one damaged row, or all of them are there. */
static void judge(const char *path, uint32_t sum, uint64_t rows, struct outcome *outcome)
{
    struct catalogue catalogue;
    struct inspection inspection;
    struct error error;
    char file[160];
    (void)snprintf(file, sizeof file, "%s/catalogue/data.mdb", path);
    if (!catalogue_inspect(file, UINT64_MAX, &inspection, &error)) {
        ck_assert_int_eq(error.kind, ERROR_DAMAGED);
        outcome->refused++;
        return;
    }
    uint64_t sound;
    if (!catalogue_open(path, 1 << 30, uuid, false, &catalogue, &error)) {
        ck_assert_uint_eq(inspection.damaged_rows, 1); /* the uuid's */
        outcome->refused++;
        return;
    }
    uint32_t found = read_rows(&catalogue, &sound);
    ck_assert_uint_le(inspection.damaged_rows, 1);
    ck_assert_uint_eq(sound + inspection.damaged_rows, rows);
    ck_assert(inspection.damaged_rows == 1 || found == sum);
    outcome->damaged += inspection.damaged_rows == 1;
    outcome->harmless += inspection.damaged_rows == 0;
    catalogue_close(&catalogue);
}

START_TEST(a_flipped_bit_is_found_or_does_nothing)
{
    char path[64];
    char file[160];
    struct catalogue catalogue;
    struct outcome outcome = {0};
    uint64_t rows;
    make_folder(path);
    open_catalogue(path, true, &catalogue);
    for (unsigned i = 0; i < COMMITS; i++)
        write_rows(&catalogue, 150);
    uint32_t sum = read_rows(&catalogue, &rows);
    catalogue_close(&catalogue);
    (void)snprintf(file, sizeof file, "%s/catalogue/data.mdb", path);
    int fd = open(file, O_RDWR);
    off_t size = lseek(fd, 0, SEEK_END);
    const unsigned flips = amount(3000, 1000);
    for (unsigned i = 0; i < flips; i++) {
        off_t at = (off_t)draw((uint64_t)size);
        if (i % 2 == 0)
            at = at / PAGES_BYTES * PAGES_BYTES + (off_t)draw(80); /* what LMDB keeps */
        uint8_t byte;
        uint8_t flipped;
        ck_assert_int_eq(pread(fd, &byte, 1, at), 1);
        flipped = byte ^ (uint8_t)(1U << draw(8));
        ck_assert_int_eq(pwrite(fd, &flipped, 1, at), 1);
        judge(path, sum, rows, &outcome);
        ck_assert_int_eq(pwrite(fd, &byte, 1, at), 1);
    }
    close(fd);
    ck_assert_uint_gt(outcome.refused, flips / 100);
    ck_assert_uint_gt(outcome.damaged, flips / 100);
    ck_assert_uint_gt(outcome.harmless, flips / 100); /* in pages that are free */
    folder_remove(path);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("embedded inspect");
    TCase *tests = tcase_create("inspect");
    tcase_set_timeout(tests, 240);
    tcase_add_test(tests, what_was_written_passes);
    tcase_add_test(tests, free_pages_need_not_be_in_the_file);
    tcase_add_test(tests, what_is_written_meanwhile_does_not_matter);
    tcase_add_test(tests, a_flipped_bit_is_found_or_does_nothing);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
