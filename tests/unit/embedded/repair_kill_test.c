/* tests/unit/embedded/repair_kill_test.c -- a repair that is killed anywhere, and at each of its findings: the store
 * opens with everything in it, or it says that the repair is to be run again; run again, it ends as if nobody had
 * disturbed it. */
#include "tests/unit/embedded/fixture.h"
#include "tests/unit/embedded/flips.h"
#include "tests/unit/fork_to_kill.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { LARGE = 400, LARGE_BYTES = 9000, ROUNDS = 7 };
static const struct span bucket = SPAN("bucket");

static struct span body_of(unsigned index)
{
    static uint8_t body[LARGE_BYTES];
    fill_bytes(index, body, sizeof body);
    return span_of(body, sizeof body);
}

static void fill(struct bucket_store *store, unsigned shard, void *argument)
{
    (void)shard, (void)argument;
    char key[32];
    create_bucket(store, bucket);
    for (unsigned i = 0; i < LARGE; i++) {
        (void)snprintf(key, sizeof key, "large-%05u", i);
        put(store, bucket, text(key), body_of(i));
    }
}

/* All of them; new bodies take nobody's blocks. */
static void expect_all(struct bucket_store *store, unsigned shard, void *argument)
{
    (void)shard, (void)argument;
    char key[32];
    put(store, bucket, text("new"), body_of(LARGE));
    for (unsigned i = 0; i < LARGE; i++) {
        (void)snprintf(key, sizeof key, "large-%05u", i);
        expect_body(store, bucket, text(key), body_of(i));
    }
}

/* ---- what a repair has to do ---- */

static void lose_catalogue(const char *path)
{
    char file[128];
    (void)snprintf(file, sizeof file, "%s/catalogue/data.mdb", path);
    ck_assert_int_eq(unlink(file), 0);
}

/* In each row of the tables that a folder cannot be opened without. */
static void damage_volumes(const char *path)
{
    static struct flips_view view;
    MDB_cursor *cursor;
    MDB_val key;
    MDB_val value;
    long places[64];
    unsigned count = 0;
    flips_view_open(&view, path);
    const MDB_dbi tables[] = {view.catalogue.volumes, view.catalogue.space};
    for (unsigned i = 0; i < 2; i++) {
        ck_assert_int_eq(mdb_cursor_open(view.txn, tables[i], &cursor), 0);
        while (count < 64 && mdb_cursor_get(cursor, &key, &value, MDB_NEXT) == 0)
            places[count++] = flips_place(&view, value.mv_data);
        mdb_cursor_close(cursor);
    }
    flips_view_close(&view);
    ck_assert_uint_gt(count, 1);
    for (unsigned i = 0; i < count; i++)
        flips_damage(path, places[i]);
}

/* A copy of a key in a branch page, so that keys are out of order. */
static void damage_order(const char *path)
{
    enum { PLACES_MAX = 64 };
    long places[PLACES_MAX];
    struct embedded_report report = {0};
    struct error error;
    unsigned count = flips_branch_keys(path, places, PLACES_MAX);
    bool is_sound = true; /* a page may be one that a transaction has left behind */
    for (unsigned i = 0; is_sound && i < count; i++) {
        flips_flip(path, places[i], 4);
        is_sound = embedded_check(path, false, &report, &error);
    }
    ck_assert(!is_sound && strstr(error.message, "out of order") != NULL);
}

struct work {
    const char *name;
    void (*damage)(const char *path);
    bool has_copy;
};
static const struct work works[] = {
    {"from labels", lose_catalogue, false},
    {"from a copy", lose_catalogue, true},
    {"volumes", damage_volumes, false},
    {"order", damage_order, false},
};

/* ---- the repair, and its end ---- */

static bool repair_reporting(const struct work *work, const char *path, const char *copy,
                             struct embedded_report *report, struct error *error)
{
    return work->has_copy ? embedded_restore(path, copy, report, error) : embedded_check(path, true, report, error);
}

static bool repair(const struct work *work, const char *path, const char *copy, struct error *error)
{
    struct embedded_report report = {0};
    return repair_reporting(work, path, copy, &report, error);
}

/* How long an undisturbed one takes. */
static useconds_t measure(const struct work *work, const char *template, const char *copy)
{
    char path[64];
    struct error error;
    flips_copy_folder(template, path);
    work->damage(path);
    uint64_t begun_ns = clock_monotonic_ns(clock_system());
    ck_assert(repair(work, path, copy, &error));
    uint64_t taken_ns = clock_monotonic_ns(clock_system()) - begun_ns;
    folder_remove(path);
    return (useconds_t)(taken_ns / 1000);
}

static void kill_repair(const struct work *work, const char *path, const char *copy, useconds_t after_us)
{
    int status;
    pid_t child = fork_to_kill();
    if (child == 0) {
        struct error error;
        _exit(repair(work, path, copy, &error) ? 0 : 1);
    }
    (void)usleep(after_us);
    (void)kill(child, SIGKILL);
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert(WIFSIGNALED(status) || WEXITSTATUS(status) == 0);
}

/* Did the store open? Then it had everything. */
static bool try_to_use(const char *path)
{
    const struct embedded_options options = {.shards = 1, .catalogue_max_bytes = 1 << 30};
    struct error error;
    struct bucket_store *store = embedded_open(path, &options, &error);
    if (store == NULL) {
        ck_assert_msg(error.kind == ERROR_NOT_FOUND || error.kind == ERROR_DAMAGED, "%s", error.message);
        ck_assert_msg(strstr(error.message, "bale check") != NULL, "%s", error.message);
        return false;
    }
    run_shards(store, 1, expect_all, NULL);
    embedded_close(store);
    return true;
}

/* The first at once, the others spread over its time and a little more. */
static useconds_t moment(const struct random_source *random, useconds_t whole_us, unsigned round)
{
    useconds_t part_us = (whole_us + whole_us / 8) / crash_rounds(ROUNDS) + 1;
    return round == 0 ? 0 : round * part_us + (useconds_t)random_below(random, part_us);
}

START_TEST(a_killed_repair_is_run_again)
{
    const struct work *work = &works[_i];
    char template[64];
    char copy[96];
    struct random_seeded state;
    struct random_source random = random_seeded(&state, 3 + (uint64_t)_i);
    struct error error;
    uint64_t bytes;
    folder_make(template);
    with_store(template, fill, NULL);
    (void)snprintf(copy, sizeof copy, "%s.copy", template);
    ck_assert(embedded_backup(template, copy, &bytes, &error));
    useconds_t whole_us = measure(work, template, copy);
    for (unsigned round = 0; round < crash_rounds(ROUNDS); round++) {
        char path[64];
        flips_copy_folder(template, path);
        work->damage(path);
        kill_repair(work, path, copy, moment(&random, whole_us, round));
        (void)try_to_use(path);
        ck_assert_msg(repair(work, path, copy, &error), "%s: %s", work->name, error.message);
        expect_sound_store(path);
        ck_assert(try_to_use(path));
        folder_remove(path);
    }
    ck_assert_int_eq(unlink(copy), 0);
    folder_remove(template);
}
END_TEST

/* ---- killed where it says what it has found ---- */

static void end_at_line(void *context, const char *line)
{
    unsigned *left = context;
    (void)line;
    if (--*left == 0)
        (void)raise(SIGKILL);
}

/* False: it had less to say, and came to its end. */
static bool kill_at_line(const struct work *work, const char *path, const char *copy, unsigned line)
{
    int status;
    pid_t child = fork_to_kill();
    if (child == 0) {
        struct embedded_report report = {.line = end_at_line, .context = &line};
        struct error error;
        _exit(repair_reporting(work, path, copy, &report, &error) ? 0 : 1);
    }
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert(WIFSIGNALED(status) || WEXITSTATUS(status) == 0);
    return WIFSIGNALED(status);
}

/* The first finding is what keeps the store closed: it is not mended yet. From some finding on it is open, as at the
 * end, and stays so. */
START_TEST(a_repair_that_is_killed_at_a_finding_is_run_again)
{
    const struct work *work = &works[_i];
    char template[64];
    char copy[96];
    struct error error;
    uint64_t bytes;
    bool is_killed = true;
    bool has_opened = false;
    folder_make(template);
    with_store(template, fill, NULL);
    (void)snprintf(copy, sizeof copy, "%s.copy", template);
    ck_assert(embedded_backup(template, copy, &bytes, &error));
    for (unsigned line = 1; is_killed; line++) {
        char path[64];
        flips_copy_folder(template, path);
        work->damage(path);
        ck_assert(!try_to_use(path));
        is_killed = kill_at_line(work, path, copy, line);
        bool is_open = try_to_use(path);
        ck_assert(line > 1 || (is_killed && !is_open));
        ck_assert(is_open || (is_killed && !has_opened));
        has_opened |= is_open;
        ck_assert_msg(repair(work, path, copy, &error), "%s: %s", work->name, error.message);
        expect_sound_store(path);
        ck_assert(try_to_use(path));
        folder_remove(path);
    }
    ck_assert_int_eq(unlink(copy), 0);
    folder_remove(template);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("embedded repair, killed");
    TCase *tests = tcase_create("kill");
    tcase_set_timeout(tests, 300);
    tcase_add_loop_test(tests, a_killed_repair_is_run_again, 0, sizeof works / sizeof works[0]);
    tcase_add_loop_test(tests, a_repair_that_is_killed_at_a_finding_is_run_again, 0, sizeof works / sizeof works[0]);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
