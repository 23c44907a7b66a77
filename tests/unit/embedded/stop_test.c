/* tests/unit/embedded/stop_test.c -- a catalogue that was stopped cleanly and not touched since is looked at while it
 * is in use, and any other one before: what is damaged is found either way. */
#include "store/embedded/catalogue/pages.h"
#include "store/embedded/catalogue/stop_mark.h"
#include "store/embedded/state.h"
#include "tests/unit/embedded/fixture.h"
#include "tests/unit/embedded/flips.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum { FIBERS = 250, OBJECTS = 3000, BODY_BYTES = 1900, PATIENCE_MS = 60000 };
static const struct span bucket = SPAN("bucket");

static void put_numbered(struct bucket_store *store, unsigned number)
{
    uint8_t body[BODY_BYTES];
    char key[32];
    (void)snprintf(key, sizeof key, "key-%06u", number);
    fill_bytes(number, body, sizeof body);
    put(store, bucket, text(key), span_of(body, sizeof body));
}

static void put_some(unsigned index, void *store)
{
    for (unsigned i = index; i < OBJECTS; i += FIBERS)
        put_numbered(store, i);
}

static void fill(struct bucket_store *store, unsigned shard, void *argument)
{
    (void)shard, (void)argument;
    create_bucket(store, bucket);
    run_fibers(FIBERS, put_some, store);
}

static void expect_numbered(struct bucket_store *store, unsigned number)
{
    uint8_t body[BODY_BYTES];
    char key[32];
    (void)snprintf(key, sizeof key, "key-%06u", number);
    fill_bytes(number, body, sizeof body);
    expect_body(store, bucket, text(key), span_of(body, sizeof body));
}

static void expect_all(struct bucket_store *store, unsigned shard, void *argument)
{
    (void)shard, (void)argument;
    for (unsigned i = 0; i < OBJECTS; i++)
        expect_numbered(store, i);
    put_numbered(store, OBJECTS);
    expect_numbered(store, OBJECTS);
}

/* A folder whose catalogue is large enough for a mark, and has one. */
static void make_stopped(char ret_path[64])
{
    folder_make(ret_path);
    with_store(ret_path, fill, NULL);
    with_store(ret_path, expect_all, NULL); /* a new one is not looked at, and leaves none */
}

static void path_in(const char *path, const char *name, char ret_path[128])
{
    (void)snprintf(ret_path, 128, "%s/catalogue/%s", path, name);
}

static bool has_mark(const char *path)
{
    char mark[128];
    path_in(path, "stopped", mark);
    return access(mark, F_OK) == 0;
}

/* Does it open without a look? It is closed as it was. */
static bool opens_as_left_within(const char *path, uint64_t catalogue_max_bytes)
{
    const struct embedded_options options = {.shards = 1, .catalogue_max_bytes = catalogue_max_bytes};
    struct bucket_store *store = open_store(path, &options);
    bool is_as_left = embedded_of(store)->catalogue.is_as_left;
    ck_assert(!has_mark(path));
    embedded_close(store);
    return is_as_left;
}

static bool opens_as_left(const char *path)
{
    return opens_as_left_within(path, 0);
}

static void run(const char *format, const char *path)
{
    char command[512];
    (void)snprintf(command, sizeof command, format, path, path);
    ck_assert_int_eq(system(command), 0); /* NOLINT(cert-env33-c) */
}

/* ---- does the mark hold? ---- */

START_TEST(a_clean_stop_is_believed)
{
    char path[64];
    make_stopped(path);
    ck_assert(opens_as_left(path));
    ck_assert(opens_as_left(path)); /* it is handed on, also by who stopped before all was looked at */
    with_store(path, expect_all, NULL);
    ck_assert(opens_as_left(path));
    expect_sound_store(path);
    ck_assert(opens_as_left(path)); /* `bale check` has written nothing */
    folder_remove(path);
}
END_TEST

/* What a look keeps from being used again would be what a catalogue near its greatest size lives on. */
START_TEST(a_catalogue_that_cannot_grow_is_looked_at)
{
    char path[64];
    make_stopped(path);
    ck_assert(!opens_as_left_within(path, UINT64_C(256) << 20));
    ck_assert(opens_as_left_within(path, UINT64_C(512) << 20));
    folder_remove(path);
}
END_TEST

/* ---- its removal is on the disk before anything else is ---- */

static unsigned removals_synced;
static bool is_watching;

static bool is_folder(int fd)
{
    struct stat status;
    return fstat(fd, &status) == 0 && S_ISDIR(status.st_mode);
}

/* In place of the C library's. */
int fsync(int fd)
{
    removals_synced += is_watching && is_folder(fd) && faccessat(fd, "stopped", F_OK, 0) != 0;
    return (int)syscall(SYS_fsync, fd);
}

START_TEST(a_removed_mark_stays_removed)
{
    char path[64];
    make_stopped(path);
    is_watching = true;
    ck_assert(stop_mark_take(path));
    is_watching = false;
    ck_assert_uint_eq(removals_synced, 1);
    ck_assert(!stop_mark_take(path));
    folder_remove(path);
}
END_TEST

START_TEST(a_small_catalogue_has_no_mark)
{
    char path[64];
    folder_make(path);
    for (unsigned i = 0; i < 3; i++)
        ck_assert(!opens_as_left(path));
    ck_assert(!has_mark(path));
    folder_remove(path);
}
END_TEST

START_TEST(a_killed_process_leaves_none)
{
    char path[64];
    int status;
    make_stopped(path);
    pid_t child = fork();
    if (child == 0) {
        (void)open_store(path, NULL);
        (void)raise(SIGKILL);
    }
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
    ck_assert(!opens_as_left(path));
    ck_assert(opens_as_left(path));
    folder_remove(path);
}
END_TEST

/* Each of these might have changed the catalogue. */
START_TEST(what_was_touched_is_looked_at)
{
    static const char *const touches[] = {
        "touch -r %s/FORMAT %s/catalogue/data.mdb",
        "dd if=%s/catalogue/data.mdb of=%s/catalogue/data.mdb conv=notrunc bs=1 count=1 status=none",
        "cd %s/catalogue && cp -p data.mdb copy && mv copy data.mdb",
        "sed -i 's/^boot ./boot x/' %s/catalogue/stopped",
        "truncate -s 40 %s/catalogue/stopped",
        "echo >> %s/catalogue/stopped",
        "rm %s/catalogue/stopped",
    };
    char path[64];
    make_stopped(path);
    for (unsigned i = 0; i < sizeof touches / sizeof touches[0]; i++) {
        ck_assert(has_mark(path));
        run(touches[i], path);
        ck_assert_msg(!opens_as_left(path), "%s", touches[i]);
        ck_assert(opens_as_left(path));
    }
    folder_remove(path);
}
END_TEST

/* ---- damage that the mark does not show, as a disk's own would not be ---- */

static void flip_in_file(int fd, off_t at, uint8_t bits)
{
    uint8_t byte;
    ck_assert_int_eq(pread(fd, &byte, 1, at), 1);
    byte ^= bits;
    ck_assert_int_eq(pwrite(fd, &byte, 1, at), 1);
}

/* A page in use in the middle, which no opening needs, becomes one of another kind. */
static void damage_page(const char *path)
{
    char file[128];
    struct stat status;
    struct inspection inspection;
    struct error error;
    path_in(path, "data.mdb", file);
    int fd = open(file, O_RDWR | O_CLOEXEC);
    ck_assert(fd >= 0 && fstat(fd, &status) == 0);
    off_t page = status.st_size / PAGES_BYTES / 2;
    for (;; page++) {
        off_t flags = page * PAGES_BYTES + 10;
        flip_in_file(fd, flags, PAGE_OVERFLOW);
        if (!catalogue_inspect(file, UINT64_MAX, &inspection, &error))
            break;
        flip_in_file(fd, flags, PAGE_OVERFLOW); /* it was free */
    }
    close(fd);
    ck_assert_int_eq(error.kind, ERROR_DAMAGED);
}

static void damage_row(const char *path)
{
    struct flips_view view;
    struct span value;
    uint8_t key[CATALOGUE_NUMBER_BYTES];
    struct error error;
    flips_view_open(&view, path);
    catalogue_number_key(OBJECTS / 2, key);
    ck_assert_int_eq(catalogue_get(view.txn, view.catalogue.bodies, span_of(key, sizeof key), &value, &error),
                     LOOKUP_FOUND);
    long at = flips_place(&view, value.data + 100);
    flips_view_close(&view);
    flips_damage(path, at);
}

static bool is_ready_before(const struct bucket_store *store, uint64_t deadline_ns, struct error *error)
{
    while (embedded_is_ready(store, error)) {
        if (clock_monotonic_ns(clock_system()) > deadline_ns)
            return true;
        (void)usleep(1000);
    }
    return false;
}

static void expect_no_writes(struct bucket_store *store, unsigned shard, void *argument)
{
    struct error error;
    (void)shard, (void)argument;
    ck_assert(!try_put(store, bucket, text("new"), SPAN("body"), NULL, &error));
    ck_assert_str_eq(error.code, "ServiceUnavailable");
    ck_assert(!try_delete(store, bucket, text("key-000000"), &error));
    ck_assert_str_eq(error.code, "ServiceUnavailable");
    expect_numbered(store, 0); /* what is sound is read */
}

START_TEST(a_damaged_page_ends_all_writing)
{
    char path[64];
    struct error error;
    make_stopped(path);
    damage_page(path);
    stop_mark_leave(path);
    struct bucket_store *store = open_store(path, NULL);
    ck_assert(embedded_of(store)->catalogue.is_as_left);
    uint64_t deadline_ns = clock_monotonic_ns(clock_system()) + PATIENCE_MS * UINT64_C(1000000);
    ck_assert(!is_ready_before(store, deadline_ns, &error));
    ck_assert_int_eq(error.kind, ERROR_DAMAGED);
    run_shards(store, 1, expect_no_writes, NULL);
    embedded_close(store);
    ck_assert(!has_mark(path));
    ck_assert_ptr_null(embedded_open(path, &(struct embedded_options){.shards = 1}, &error));
    ck_assert_int_eq(error.kind, ERROR_DAMAGED);
    ck_assert_ptr_nonnull(strstr(error.message, "page"));
    folder_remove(path);
}
END_TEST

/* The look is given more and more time. */
START_TEST(a_damaged_row_is_looked_at_by_the_next_start)
{
    char path[64];
    make_stopped(path);
    damage_row(path);
    stop_mark_leave(path);
    ck_assert(has_mark(path));
    for (unsigned ms = 1; ms < PATIENCE_MS && has_mark(path); ms *= 2) {
        struct bucket_store *store = open_store(path, NULL);
        ck_assert(embedded_of(store)->catalogue.is_as_left);
        (void)usleep(ms * 1000);
        embedded_close(store);
    }
    ck_assert(!has_mark(path));
    ck_assert(!opens_as_left(path));
    ck_assert(!has_mark(path)); /* it is damaged still */
    folder_remove(path);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("embedded stop");
    TCase *tests = tcase_create("stop");
    tcase_set_timeout(tests, 240);
    tcase_add_test(tests, a_clean_stop_is_believed);
    tcase_add_test(tests, a_catalogue_that_cannot_grow_is_looked_at);
    tcase_add_test(tests, a_removed_mark_stays_removed);
    tcase_add_test(tests, a_small_catalogue_has_no_mark);
    tcase_add_test(tests, a_killed_process_leaves_none);
    tcase_add_test(tests, what_was_touched_is_looked_at);
    tcase_add_test(tests, a_damaged_page_ends_all_writing);
    tcase_add_test(tests, a_damaged_row_is_looked_at_by_the_next_start);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
