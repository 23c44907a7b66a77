/* tests/unit/embedded/versions_damage_test.c -- damaged rows of versions: a repair costs the version whose row it was,
 * and no other one. */
#include "store/embedded/catalogue/version_rows.h"
#include "tests/unit/embedded/fixture.h"
#include "tests/unit/embedded/flips.h"

#include <stdio.h>
#include <unistd.h>

enum { ENTRIES_MAX = 20, LONG_KEY_BYTES = 700 };

static const struct span bucket = SPAN("bucket");
static char long_key[LONG_KEY_BYTES + 1];

/* What one key goes through: 'p' a PUT, 'd' a DELETE, 'e' and 's' what the bucket does from then on. */
struct history {
    const char *steps;
    const char *kept; /* what a repair leaves, from the newest on: the number of the step that made it, 'd' a marker */
    const char *lost; /* the rows that are damaged: 'c' that of the current version, 'n' that of the former null
                         version, 'm' that of the newest former one */
};

static const struct history histories[] = {
    {"pepppp", "5432", "n"}, {"pepp", "20", "c"},     {"pep", "0", "c"},       {"epdp", "d1", "c"},
    {"epsp", "1", "c"},      {"peppd", "d32", "n"},   {"epspep", "51", "n"},   {"pepsdep", "6d2", ""},
    {"ep", "", "c"},         {"ep", "", "c"},         {"p", "", "c"},          {"p", "", "c"},
    {"pepppp", "5320", "m"}, {"pepppp", "5320", "m"}, {"pepppp", "320", "cm"}, {"pepppp", "320", "cm"},
    {"peppdp", "32", "cmn"}, {"peppd", "320", "m"},
};
enum { HISTORIES = sizeof histories / sizeof histories[0] };

static void key_of(unsigned history, char ret_key[LONG_KEY_BYTES + 16])
{
    (void)sprintf(ret_key, "%s%u", history % 2 == 0 ? "" : long_key, history);
}

static void take_step(struct bucket_store *store, struct span key, const struct history *history, unsigned step)
{
    struct error error;
    struct delete_item item = {.key = key};
    char body[2] = {(char)('0' + step), 0};
    switch (history->steps[step]) {
    case 'p':
        put(store, bucket, key, text(body));
        return;
    case 'd':
        ck_assert(bucket_delete_objects(store, bucket, &item, 1, &error) && item.is_deleted);
        return;
    default:
        ck_assert(bucket_set_versioning(
            store, bucket, history->steps[step] == 'e' ? VERSIONING_ENABLED : VERSIONING_SUSPENDED, &error));
    }
}

/* Each of a bucket that was never versioned before. */
static void make_history(struct bucket_store *store, unsigned shard, void *argument)
{
    (void)shard;
    const unsigned *history = argument;
    char key[LONG_KEY_BYTES + 16];
    key_of(*history, key);
    create_bucket(store, bucket);
    for (unsigned i = 0; i < strlen(histories[*history].steps); i++)
        take_step(store, text(key), &histories[*history], i);
}

/* Of the row that the history loses. */
static long find_place(const char *path, struct span key, char lost)
{
    struct flips_view view;
    struct bucket_row row;
    struct version_group group;
    struct span object;
    struct error error;
    flips_view_open(&view, path);
    const struct key_table keys = {.txn = view.txn, .table = view.catalogue.objects};
    ck_assert_int_eq(catalogue_find_bucket(view.txn, &view.catalogue, bucket, &row, &error), LOOKUP_FOUND);
    if (lost == 'c') {
        ck_assert_int_eq(key_find(&keys, row.number, key, &object, &error), LOOKUP_FOUND);
    } else {
        ck_assert_int_eq(version_find_group(view.txn, &view.catalogue, row.number, key, &group, &error), LOOKUP_FOUND);
        uint64_t order = group.null_order;
        ck_assert_int_eq(lost == 'n' ? version_get(view.txn, &view.catalogue, group.number, order, &object, &error)
                                     : version_newest(view.txn, &view.catalogue, group.number, &order, &object, &error),
                         LOOKUP_FOUND);
    }
    long place = flips_place(&view, object.data + object.size / 2);
    flips_view_close(&view);
    return place;
}

static void expect_entry(struct bucket_store *store, struct span key, const struct list_entry *entry, char expected)
{
    struct object_name name = name_of(bucket, key);
    struct bucket_object *object;
    struct error error;
    char found;
    ck_assert_int_eq(entry->is_delete_marker, expected == 'd');
    if (expected == 'd')
        return;
    name.version = text(entry->version);
    ck_assert(bucket_open(store, &name, NULL, &object, &error));
    ck_assert(bucket_read(object, 0, (uint8_t *)&found, 1, &error));
    ck_assert_int_eq(found, expected);
    bucket_close(object);
}

static void expect_kept(struct bucket_store *store, unsigned shard, void *argument)
{
    (void)shard;
    const struct history *history = &histories[*(const unsigned *)argument];
    const struct version_list_request request = {.bucket = bucket, .entries_max = ENTRIES_MAX};
    char key[LONG_KEY_BYTES + 16];
    struct arena arena;
    struct list_page page;
    struct error error;
    key_of(*(const unsigned *)argument, key);
    arena_init(&arena, 1 << 16);
    ck_assert(bucket_list_versions(store, &request, &arena, &page, &error));
    ck_assert_uint_eq(page.count, strlen(history->kept));
    for (unsigned i = 0; i < page.count; i++) {
        ck_assert_int_eq(page.entries[i].is_latest, i == 0);
        expect_entry(store, text(key), &page.entries[i], history->kept[i]);
    }
    if (page.count > 0 && history->kept[0] != 'd')
        expect_body(store, bucket, text(key), span_of(history->kept, 1));
    else
        expect_missing(store, bucket, text(key));
    if (page.count == 0) { /* nothing is left of the key that would keep the bucket */
        ck_assert_msg(bucket_delete(store, bucket, &error), "%s", error.message);
        create_bucket(store, bucket);
    }
    put(store, bucket, text(key), text("newer")); /* and life goes on */
    for (unsigned i = 0; i < page.count; i++) {
        struct delete_item item = {.key = text(key), .version = text(page.entries[i].version)};
        ck_assert(bucket_delete_objects(store, bucket, &item, 1, &error) && item.is_deleted);
    }
    expect_body(store, bucket, text(key), text("newer"));
    arena_free(&arena);
}

START_TEST(a_repair_costs_the_damaged_version_alone)
{
    char path[64];
    char key[LONG_KEY_BYTES + 16];
    unsigned history = (unsigned)_i;
    struct embedded_report report = {.line = NULL};
    struct error error;
    memset(long_key, 'k', LONG_KEY_BYTES);
    key_of(history, key);
    folder_make(path);
    with_store(path, make_history, &history);
    const char *lost = histories[history].lost;
    long places[ENTRIES_MAX];
    for (unsigned i = 0; lost[i] != '\0'; i++) /* all are found before one is damaged */
        places[i] = find_place(path, text(key), lost[i]);
    for (unsigned i = 0; lost[i] != '\0'; i++)
        flips_damage(path, places[i]);
    ck_assert_int_eq(embedded_check(path, false, &report, &error), lost[0] == '\0');
    ck_assert_msg(embedded_check(path, true, &report, &error), "%s", error.message);
    with_store(path, expect_kept, &history);
    report = (struct embedded_report){.line = NULL};
    ck_assert(embedded_check(path, false, &report, &error));
    ck_assert_uint_eq(report.objects, 1);
    folder_remove(path);
}
END_TEST

/* ---- before a repair ---- */

static const struct history written_over[] = {{.steps = "pepps", .lost = "n"},
                                              {.steps = "epd", .lost = "m"},
                                              {.steps = "epsd", .lost = "m"},
                                              {.steps = "pep", .lost = "c"}};
enum { WRITTEN_OVER = sizeof written_over / sizeof written_over[0] };

static void make_written(struct bucket_store *store, unsigned shard, void *argument)
{
    (void)shard;
    const struct history *history = &written_over[*(const unsigned *)argument];
    create_bucket(store, bucket);
    for (unsigned i = 0; i < strlen(history->steps); i++)
        take_step(store, text("k"), history, i);
}

static void write_over(struct bucket_store *store, unsigned shard, void *argument)
{
    (void)shard, (void)argument;
    struct error error;
    struct delete_item item = {.key = text("k")};
    put(store, bucket, text("k"), text("over"));
    expect_body(store, bucket, text("k"), text("over"));
    ck_assert(bucket_delete_objects(store, bucket, &item, 1, &error) && item.is_deleted && item.is_marker);
    expect_missing(store, bucket, text("k"));
    put(store, bucket, text("k"), text("again"));
}

static void expect_again(struct bucket_store *store, unsigned shard, void *argument)
{
    (void)shard, (void)argument;
    expect_body(store, bucket, text("k"), text("again"));
}

START_TEST(a_damaged_version_keeps_nobody_from_writing)
{
    char path[64];
    unsigned history = (unsigned)_i;
    struct embedded_report report = {.line = NULL};
    struct error error;
    folder_make(path);
    with_store(path, make_written, &history);
    flips_damage(path, find_place(path, text("k"), written_over[history].lost[0]));
    with_store(path, write_over, NULL);
    ck_assert_msg(embedded_check(path, true, &report, &error), "%s", error.message);
    with_store(path, expect_again, NULL);
    ck_assert_msg(embedded_check(path, false, &report, &error), "%s", error.message);
    folder_remove(path);
}
END_TEST

/* ---- a copy of the catalogue ---- */

enum { LARGE_BYTES = 50000, LARGE_SEED = 7 };

struct scene {
    char version[VERSION_TEXT_BYTES]; /* of the object behind the marker */
    char marker[VERSION_TEXT_BYTES];
    bool is_written_again; /* behind the copy */
};

static void put_large(struct bucket_store *store, uint64_t seed)
{
    static uint8_t body[LARGE_BYTES];
    fill_bytes(seed, body, sizeof body);
    put(store, bucket, text("k"), span_of(body, sizeof body));
}

static void make_marked(struct bucket_store *store, unsigned shard, void *argument)
{
    (void)shard;
    struct scene *scene = argument;
    struct object_name name = name_of(bucket, text("k"));
    struct delete_item marked = {.key = name.key};
    struct error error;
    const struct bucket_intent intent = {
        .name = bucket, .owner = text("alice"), .versioning = VERSIONING_ENABLED, .has_lock = true};
    ck_assert(bucket_create(store, &intent, &error));
    put_large(store, LARGE_SEED);
    ck_assert(bucket_write_legal_hold(store, &name, HOLD_ON, scene->version, &error));
    ck_assert(bucket_delete_objects(store, bucket, &marked, 1, &error) && marked.is_deleted);
    strcpy(scene->marker, marked.marker_version);
}

static void write_again(struct bucket_store *store, unsigned shard, void *argument)
{
    (void)shard, (void)argument;
    (void)usleep(5000); /* a later millisecond */
    put_large(store, LARGE_SEED + 1);
}

/* The version behind the marker is that of before, under its hold, and the marker hides it. */
static void expect_marked(struct bucket_store *store, unsigned shard, void *argument)
{
    (void)shard;
    const struct scene *scene = argument;
    const struct version_list_request request = {.bucket = bucket, .entries_max = ENTRIES_MAX};
    struct delete_item held = {.key = text("k"), .version = text(scene->version)};
    struct delete_item marker = {.key = text("k"), .version = text(scene->marker)};
    struct arena arena;
    struct list_page page;
    struct error error;
    unsigned newer = scene->is_written_again;
    arena_init(&arena, 1 << 16);
    ck_assert(bucket_list_versions(store, &request, &arena, &page, &error));
    ck_assert_uint_eq(page.count, 2 + newer);
    for (unsigned i = 0; i < page.count; i++)
        ck_assert_int_eq(page.entries[i].is_latest, i == 0);
    ck_assert_str_eq(page.entries[newer].version, scene->marker);
    ck_assert_str_eq(page.entries[newer + 1].version, scene->version);
    if (newer == 0)
        expect_missing(store, bucket, text("k"));
    ck_assert(bucket_delete_objects(store, bucket, &held, 1, &error) && !held.is_deleted);
    ck_assert(bucket_delete_objects(store, bucket, &marker, 1, &error) && marker.is_deleted);
    static uint8_t body[LARGE_BYTES];
    fill_bytes(LARGE_SEED + newer, body, sizeof body);
    expect_body(store, bucket, text("k"), span_of(body, sizeof body));
    arena_free(&arena);
}

START_TEST(a_copy_knows_what_is_behind_markers)
{
    char path[64];
    char copy[128];
    char file[128];
    uint64_t bytes;
    struct scene scene = {.is_written_again = _i == 1};
    struct embedded_report report = {.line = NULL};
    struct error error;
    folder_make(path);
    (void)snprintf(copy, sizeof copy, "%s.copy", path);
    (void)snprintf(file, sizeof file, "%s/catalogue/data.mdb", path);
    with_store(path, make_marked, &scene);
    ck_assert(embedded_backup(path, copy, &bytes, &error));
    if (scene.is_written_again)
        with_store(path, write_again, NULL);
    ck_assert_int_eq(remove(file), 0);
    ck_assert_msg(embedded_restore(path, copy, &report, &error), "%s", error.message);
    with_store(path, expect_marked, &scene);
    ck_assert_msg(embedded_check(path, false, &report, &error), "%s", error.message);
    ck_assert_int_eq(remove(copy), 0);
    folder_remove(path);
}
END_TEST

/* ---- a key that is the beginning of a longer one ---- */

enum { PIECE_BYTES = 505, SHORT_ONES = 1, LONG_ONES = 3 };

static void put_two_keys(struct bucket_store *store, unsigned shard, void *argument)
{
    (void)shard, (void)argument;
    struct error error;
    create_bucket(store, bucket);
    ck_assert(bucket_set_versioning(store, bucket, VERSIONING_ENABLED, &error));
    for (unsigned i = 0; i <= SHORT_ONES; i++)
        put(store, bucket, span_of(long_key, PIECE_BYTES), text("short"));
    for (unsigned i = 0; i <= LONG_ONES; i++)
        put(store, bucket, text(long_key), text("long"));
}

static void expect_longer(struct bucket_store *store, unsigned shard, void *argument)
{
    (void)shard, (void)argument;
    const struct version_list_request request = {.bucket = bucket, .entries_max = ENTRIES_MAX};
    struct arena arena;
    struct list_page page;
    struct error error;
    unsigned longer = 0;
    arena_init(&arena, 1 << 16);
    ck_assert(bucket_list_versions(store, &request, &arena, &page, &error));
    ck_assert_uint_eq(page.count, 1 + LONG_ONES + 1);
    for (unsigned i = 0; i < page.count; i++) {
        longer += page.entries[i].key.size == LONG_KEY_BYTES;
        struct delete_item item = {.key = page.entries[i].key, .version = text(page.entries[i].version)};
        ck_assert(bucket_delete_objects(store, bucket, &item, 1, &error) && item.is_deleted);
    }
    ck_assert_uint_eq(longer, LONG_ONES + 1);
    ck_assert(bucket_delete(store, bucket, &error));
    arena_free(&arena);
}

START_TEST(a_repair_keeps_the_versions_of_longer_keys)
{
    char path[64];
    struct embedded_report report = {.line = NULL};
    struct error error;
    memset(long_key, 'k', LONG_KEY_BYTES);
    folder_make(path);
    with_store(path, put_two_keys, NULL);
    flips_damage(path, find_place(path, span_of(long_key, PIECE_BYTES), 'm'));
    ck_assert(!embedded_check(path, false, &report, &error));
    ck_assert_msg(embedded_check(path, true, &report, &error), "%s", error.message);
    with_store(path, expect_longer, NULL);
    folder_remove(path);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("damaged versions");
    TCase *tests = tcase_create("damage");
    tcase_set_timeout(tests, 60);
    tcase_add_loop_test(tests, a_repair_costs_the_damaged_version_alone, 0, HISTORIES);
    tcase_add_loop_test(tests, a_damaged_version_keeps_nobody_from_writing, 0, WRITTEN_OVER);
    tcase_add_loop_test(tests, a_copy_knows_what_is_behind_markers, 0, 2);
    tcase_add_test(tests, a_repair_keeps_the_versions_of_longer_keys);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
