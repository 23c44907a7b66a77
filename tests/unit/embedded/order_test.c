/* tests/unit/embedded/order_test.c -- a key of a table is damaged under a process that reads and writes around it,
 * against a model: what is there is found, whatever LMDB's search meets; nothing is written where it will not be found;
 * and the next opening puts right what can be. */
#include "store/embedded/catalogue/catalogue.h"
#include "tests/unit/embedded/fixture.h"
#include "tests/unit/embedded/flips.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

enum { KEYS = 400, ROUNDS = 80, STEPS = 120, KEY_BYTES = 60, VALUE_BYTES_MAX = 400 };

static const uint8_t uuid[STORE_UUID_BYTES] = "sixteen bytes...";

struct model {
    struct random_seeded state;
    struct random_source random;
    struct catalogue catalogue;
    MDB_txn *txn;
    char path[64];
    unsigned seeds[KEYS]; /* of each key's value; 0: it is not there */
    unsigned damaged;     /* whose row it was; KEYS: it has been written since */
    unsigned wrong_bits;  /* of that one's key */
    unsigned done;        /* writes */
};

static struct span key_of(unsigned number, uint8_t bytes[KEY_BYTES])
{
    memset(bytes, 'k', KEY_BYTES);
    (void)snprintf((char *)bytes, 16, "%04u", number);
    bytes[4] = '/';
    return span_of(bytes, KEY_BYTES - number % 9);
}

static struct span value_of(unsigned seed, uint8_t bytes[VALUE_BYTES_MAX])
{
    size_t size = seed % VALUE_BYTES_MAX + 1;
    fill_bytes(seed, bytes, size);
    return span_of(bytes, size);
}

static void begin(struct model *model, unsigned flags)
{
    ck_assert_int_eq(mdb_txn_begin(model->catalogue.env, NULL, flags, &model->txn), 0);
}

/* ---- steps ---- */

static void end_write(struct model *model, unsigned number, bool done, unsigned seed, const struct error *error)
{
    if (!done) {
        ck_assert_msg(error->kind == ERROR_DAMAGED, "%s", error->message);
        mdb_txn_abort(model->txn);
        return;
    }
    ck_assert_int_eq(mdb_txn_commit(model->txn), 0);
    model->seeds[number] = seed;
    model->done++;
    if (number == model->damaged)
        model->damaged = KEYS;
}

static void put_one(struct model *model, unsigned number)
{
    uint8_t key[KEY_BYTES];
    uint8_t value[VALUE_BYTES_MAX];
    struct error error;
    unsigned seed = 1 + (unsigned)random_below(&model->random, 100000);
    begin(model, 0);
    bool done =
        catalogue_put(model->txn, model->catalogue.sidecars, key_of(number, key), value_of(seed, value), 0, &error);
    end_write(model, number, done, seed, &error);
}

static void delete_one(struct model *model, unsigned number)
{
    uint8_t key[KEY_BYTES];
    struct error error;
    if (number == model->damaged) /* what is deleted is looked at before */
        return;
    begin(model, 0);
    bool done = catalogue_delete(model->txn, model->catalogue.sidecars, key_of(number, key), &error);
    end_write(model, number, done, 0, &error);
}

static void expect_one(const struct model *model, unsigned number)
{
    uint8_t key[KEY_BYTES];
    uint8_t value[VALUE_BYTES_MAX];
    struct span found;
    struct error error;
    enum lookup lookup = catalogue_get(model->txn, model->catalogue.sidecars, key_of(number, key), &found, &error);
    unsigned seed = model->seeds[number];
    ck_assert(lookup != LOOKUP_FAILED || error.kind == ERROR_DAMAGED);
    if (lookup == LOOKUP_FOUND)
        ck_assert(seed != 0 && span_equal(found, value_of(seed, value)));
    else if (number == model->damaged)
        ck_assert(lookup == LOOKUP_FAILED || model->wrong_bits > 1);
    else
        ck_assert_msg(seed == 0, "key %u is hidden by that of %u", number, model->damaged);
}

/* A walk from any key has all that is there behind it, in order, up to what is damaged. */
static void expect_walk(struct model *model, unsigned first)
{
    uint8_t bytes[KEY_BYTES];
    MDB_cursor *cursor;
    MDB_val key, value;
    ck_assert_int_eq(mdb_cursor_open(model->txn, model->catalogue.sidecars, &cursor), 0);
    int result = catalogue_seek(cursor, key_of(first, bytes), &key, &value);
    for (unsigned number = first; result == 0 && catalogue_is_sound(&key, &value); number++) {
        for (; number < KEYS && (model->seeds[number] == 0 || number == model->damaged); number++)
            ;
        struct span found = span_of(key.mv_data, key.mv_size);
        if (model->damaged < number && span_equal(found, key_of(model->damaged, bytes))) { /* it was put right */
            number--;
        } else {
            ck_assert_uint_lt(number, KEYS);
            ck_assert(span_equal(found, key_of(number, bytes)));
        }
        result = mdb_cursor_get(cursor, &key, &value, MDB_NEXT);
    }
    ck_assert(result == 0 || result == MDB_NOTFOUND);
    mdb_cursor_close(cursor);
}

static void expect_all(struct model *model)
{
    begin(model, MDB_RDONLY);
    for (unsigned number = 0; number < KEYS; number++)
        expect_one(model, number);
    for (unsigned i = 0; i < 10; i++)
        expect_walk(model, (unsigned)random_below(&model->random, KEYS));
    mdb_txn_abort(model->txn);
}

/* ---- the damage ---- */

/* Bits of the key of one row, which is there. */
static void flip_key(struct model *model, const char *map_of)
{
    struct flips_view view = {.map = map_of};
    uint8_t bytes[KEY_BYTES];
    MDB_cursor *cursor;
    MDB_val key, value;
    do
        model->damaged = (unsigned)random_below(&model->random, KEYS);
    while (model->seeds[model->damaged] == 0);
    struct span wanted = key_of(model->damaged, bytes);
    begin(model, MDB_RDONLY);
    ck_assert_int_eq(mdb_cursor_open(model->txn, model->catalogue.sidecars, &cursor), 0);
    key = (MDB_val){wanted.size, bytes};
    ck_assert_int_eq(mdb_cursor_get(cursor, &key, &value, MDB_SET_KEY), 0);
    size_t first = random_below(&model->random, 5);
    long at = flips_place(&view, key.mv_data) + (long)first;
    mdb_cursor_close(cursor);
    mdb_txn_abort(model->txn);
    model->wrong_bits = 1 + (unsigned)random_below(&model->random, 2);
    unsigned bit = (unsigned)random_below(&model->random, 8);
    for (unsigned i = 0; i < model->wrong_bits; i++)
        flips_flip(model->path, at, (bit + 3 * i) % 8);
}

static void open_model(struct model *model)
{
    struct error error;
    bool done = catalogue_open(model->path, 1 << 30, uuid, true, &model->catalogue, &error);
    ck_assert_msg(done, "%s", done ? "" : error.message);
    ck_assert_int_eq(mdb_env_set_flags(model->catalogue.env, MDB_NOSYNC, 1), 0);
}

static void make_empty(struct model *model, uint64_t seed)
{
    char directory[128];
    *model = (struct model){.damaged = KEYS};
    model->random = random_seeded(&model->state, seed);
    folder_make(model->path);
    (void)snprintf(directory, sizeof directory, "%s/catalogue", model->path);
    ck_assert_int_eq(mkdir(directory, 0755), 0);
    open_model(model);
}

static void make_model(struct model *model, uint64_t seed)
{
    make_empty(model, seed);
    for (unsigned i = 0; i < KEYS / 4; i++)
        put_one(model, (unsigned)random_below(&model->random, KEYS));
}

static void change(struct model *model)
{
    for (unsigned i = 0; i < STEPS; i++) {
        unsigned number = (unsigned)random_below(&model->random, KEYS);
        if (random_below(&model->random, 3) == 0)
            delete_one(model, number);
        else
            put_one(model, number);
        if (i % 20 == 0)
            expect_all(model);
    }
    expect_all(model);
    ck_assert_uint_gt(model->done, 0);
}

/* The next opening. A page that was split meanwhile may have a damaged key in the branch above: then there is none. */
static unsigned open_again(struct model *model)
{
    char file[128];
    struct inspection inspection;
    struct error error;
    unsigned count = 0;
    (void)snprintf(file, sizeof file, "%s/catalogue/data.mdb", model->path);
    if (!catalogue_inspect(file, UINT64_MAX, &inspection, &error)) {
        ck_assert_ptr_nonnull(strstr(error.message, "out of order"));
        return 0;
    }
    open_model(model);
    ck_assert_msg(catalogue_correct(&model->catalogue, false, &count, &error), "%s", count > 0 ? error.message : "");
    expect_all(model);
    catalogue_close(&model->catalogue);
    return count;
}

START_TEST(a_damaged_key_hides_no_other)
{
    static struct model model;
    unsigned put_right = 0;
    for (unsigned round = 0; round < ROUNDS; round++) {
        make_model(&model, round);
        flip_key(&model, flips_map(model.path));
        expect_all(&model);
        if (round % 4 != 0)
            change(&model);
        catalogue_close(&model.catalogue);
        put_right += open_again(&model);
        folder_remove(model.path);
    }
    ck_assert_uint_gt(put_right, 0);
}
END_TEST

/* ---- numbers, which are put behind the last one ---- */

enum { NUMBERS = 60, MORE = 100 };

static void append(struct model *model, uint64_t number)
{
    uint8_t key[CATALOGUE_NUMBER_BYTES];
    struct error error;
    catalogue_number_key(number, key);
    bool done = catalogue_put(model->txn, model->catalogue.bodies, span_of(key, sizeof key), span_of(key, sizeof key),
                              MDB_APPEND, &error);
    ck_assert_msg(done, "%s", done ? "" : error.message);
}

static void expect_number(const struct model *model, uint64_t number, bool may_be_refused)
{
    uint8_t key[CATALOGUE_NUMBER_BYTES];
    struct span found;
    struct error error;
    catalogue_number_key(number, key);
    enum lookup lookup = catalogue_get(model->txn, model->catalogue.bodies, span_of(key, sizeof key), &found, &error);
    ck_assert(lookup == LOOKUP_FOUND || (may_be_refused && lookup == LOOKUP_FAILED));
    ck_assert(lookup != LOOKUP_FOUND || span_equal(found, span_of(key, sizeof key)));
}

/* Each bit of the last one's. */
START_TEST(a_damaged_last_number_keeps_none_from_following)
{
    static struct model model;
    for (unsigned bit = 0; bit < 8 * CATALOGUE_NUMBER_BYTES; bit++) {
        struct flips_view view;
        uint8_t key[CATALOGUE_NUMBER_BYTES];
        MDB_val name = {sizeof key, key};
        MDB_val value;
        make_empty(&model, bit);
        begin(&model, 0);
        for (uint64_t number = 1; number <= NUMBERS; number++)
            append(&model, number);
        ck_assert_int_eq(mdb_txn_commit(model.txn), 0);
        begin(&model, MDB_RDONLY);
        catalogue_number_key(NUMBERS, key);
        ck_assert_int_eq(mdb_get(model.txn, model.catalogue.bodies, &name, &value), 0);
        view.map = flips_map(model.path);
        long at = flips_place(&view, value.mv_data) - CATALOGUE_NUMBER_BYTES; /* a value follows its key */
        mdb_txn_abort(model.txn);
        flips_flip(model.path, at + bit / 8, bit % 8);
        begin(&model, 0);
        for (uint64_t number = NUMBERS + 1; number <= NUMBERS + MORE; number++)
            append(&model, number);
        ck_assert_int_eq(mdb_txn_commit(model.txn), 0);
        begin(&model, MDB_RDONLY);
        for (uint64_t number = 1; number <= NUMBERS + MORE; number++)
            expect_number(&model, number, number == NUMBERS);
        mdb_txn_abort(model.txn);
        catalogue_close(&model.catalogue);
        folder_remove(model.path);
    }
}
END_TEST

/* ---- a damaged copy of a key, in a branch page ---- */

enum { OBJECTS = 80, BRANCH_KEYS_MAX = 64 };
static const struct span bucket = SPAN("bucket");

static void fill(struct bucket_store *store, unsigned shard, void *argument)
{
    (void)shard, (void)argument;
    char key[32];
    create_bucket(store, bucket);
    for (unsigned i = 0; i < OBJECTS; i++) {
        (void)snprintf(key, sizeof key, "thing-%03u", i);
        put(store, bucket, text(key), text(key));
    }
}

static void expect_filled(struct bucket_store *store, unsigned shard, void *argument)
{
    (void)shard, (void)argument;
    char key[32];
    put(store, bucket, text("new"), text("new"));
    for (unsigned i = 0; i < OBJECTS; i++) {
        (void)snprintf(key, sizeof key, "thing-%03u", i);
        expect_body(store, bucket, text(key), text(key));
    }
}

static bool check_folder(const char *path, bool repair, struct embedded_report *ret_report)
{
    struct error error;
    *ret_report = (struct embedded_report){0};
    return embedded_check(path, repair, ret_report, &error);
}

/* Small objects, too, of which labels know nothing: repair has no need of them. */
START_TEST(a_flipped_bit_of_a_branch_costs_nothing)
{
    char template[64];
    long places[BRANCH_KEYS_MAX];
    unsigned refused = 0;
    folder_make(template);
    with_store(template, fill, NULL);
    unsigned count = flips_branch_keys(template, places, BRANCH_KEYS_MAX);
    for (unsigned i = 0; i < count; i++) {
        char path[64];
        struct embedded_report report;
        flips_copy_folder(template, path);
        flips_flip(path, places[i], 4);
        if (!check_folder(path, false, &report)) {
            const struct embedded_options options = {.shards = 1, .catalogue_max_bytes = 1 << 30};
            struct error error;
            refused++;
            ck_assert_ptr_null(embedded_open(path, &options, &error));
            ck_assert_ptr_nonnull(strstr(error.message, "bale check"));
            ck_assert(check_folder(path, true, &report));
            ck_assert_uint_eq(report.damaged, report.repaired);
        }
        with_store(path, expect_filled, NULL);
        expect_sound_store(path);
        folder_remove(path);
    }
    ck_assert_uint_gt(refused, 0);
    folder_remove(template);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("embedded order");
    TCase *tests = tcase_create("order");
    tcase_set_timeout(tests, 240);
    tcase_add_test(tests, a_damaged_key_hides_no_other);
    tcase_add_test(tests, a_damaged_last_number_keeps_none_from_following);
    tcase_add_test(tests, a_flipped_bit_of_a_branch_costs_nothing);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
