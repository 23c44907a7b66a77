/* tests/unit/embedded/damage_test.c -- flipped bits, cut files, a lost catalogue: found, named, and repaired as far as
 * docs/store-format.md promises. */
#include "tests/unit/embedded/fixture.h"
#include "tests/unit/embedded/flips.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { ONE_BIT = 4, TWO_BITS = 0x14 }; /* the first a row's checksum can put right */
enum { SMALL = 40, LARGE = 40, LARGE_BYTES = 50000, STREAMED_BYTES = 2 << 20 };
static const struct span bucket = SPAN("bucket");

static void name_file(char ret_path[160], const char *folder, const char *file)
{
    (void)snprintf(ret_path, 160, "%s/%s", folder, file);
}

/* ---- what is in the folder ---- */

static void put_numbered(struct bucket_store *store, const char *prefix, unsigned index, uint64_t seed, size_t size)
{
    uint8_t *body = malloc(STREAMED_BYTES);
    char key[64];
    (void)snprintf(key, sizeof key, "%s-%03u", prefix, index);
    fill_bytes(seed, body, size);
    put(store, bucket, text(key), span_of(body, size));
    free(body);
}

static void fill_store(struct bucket_store *store, unsigned shard, void *argument)
{
    (void)shard, (void)argument;
    struct error error;
    create_bucket(store, text("removed"));
    create_bucket(store, bucket);
    ck_assert(bucket_create(store, &(struct bucket_intent){.name = text("empty"), .owner = text("bob")}, &error));
    ck_assert(bucket_delete(store, text("removed"), &error));
    for (unsigned i = 0; i < SMALL; i++)
        put_numbered(store, "small", i, i, 100);
    for (unsigned i = 0; i < LARGE; i++) {
        put_numbered(store, "large", i, 5000 + i, LARGE_BYTES); /* overwritten: must not come back */
        put_numbered(store, "large", i, 1000 + i, LARGE_BYTES);
    }
    put_numbered(store, "streamed", 0, 77, STREAMED_BYTES);
}

static void make_folder(char ret_path[64])
{
    folder_make(ret_path);
    with_store(ret_path, fill_store, NULL);
}

struct expectation {
    int missing_small; /* index, or -1: none, or -2: all */
    int missing_large;
};

static void expect_numbered(struct bucket_store *store, const char *prefix, unsigned index, uint64_t seed, size_t size,
                            bool is_missing)
{
    uint8_t *body = malloc(STREAMED_BYTES);
    char key[64];
    (void)snprintf(key, sizeof key, "%s-%03u", prefix, index);
    fill_bytes(seed, body, size);
    if (is_missing)
        expect_missing(store, bucket, text(key));
    else
        expect_body(store, bucket, text(key), span_of(body, size));
    free(body);
}

static void expect_store(struct bucket_store *store, unsigned shard, void *argument)
{
    (void)shard;
    const struct expectation *expected = argument;
    for (unsigned i = 0; i < SMALL; i++)
        expect_numbered(store, "small", i, i, 100, expected->missing_small == -2 || expected->missing_small == (int)i);
    for (unsigned i = 0; i < LARGE; i++)
        expect_numbered(store, "large", i, 1000 + i, LARGE_BYTES, expected->missing_large == (int)i);
    expect_numbered(store, "streamed", 0, 77, STREAMED_BYTES, false);
    struct bucket_info info;
    struct error error;
    ck_assert(bucket_find(store, text("empty"), &info, &error));
    ck_assert_str_eq(info.owner, "bob");
    ck_assert(!bucket_find(store, text("removed"), &info, &error));
    put_numbered(store, "new", 1, 1, LARGE_BYTES); /* and it can be written */
    expect_numbered(store, "new", 1, 1, LARGE_BYTES, false);
}

/* ---- bits and bytes ---- */

/* Flips two bits `behind` bytes after the start of each place where `what` occurs in the file. */
static unsigned flip_after(const char *path, const void *what, size_t size, size_t behind)
{
    int fd = open(path, O_RDWR);
    struct stat status;
    ck_assert(fd >= 0 && fstat(fd, &status) == 0);
    uint8_t *map = mmap(NULL, (size_t)status.st_size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    ck_assert(map != MAP_FAILED);
    unsigned count = 0;
    uint8_t *end = map + status.st_size;
    for (uint8_t *found = map; (found = memmem(found, (size_t)(end - found), what, size)) != NULL; found++, count++)
        found[behind] ^= TWO_BITS;
    (void)munmap(map, (size_t)status.st_size);
    close(fd);
    return count;
}

static void count_line(void *context, const char *line)
{
    ck_assert_ptr_nonnull(line);
    ++*(unsigned *)context;
}

static bool check(const char *path, bool repair, struct embedded_report *report)
{
    unsigned lines = 0;
    *report = (struct embedded_report){.line = count_line, .context = &lines};
    struct error error;
    bool is_sound = embedded_check(path, repair, report, &error);
    ck_assert_uint_eq(lines, report->damaged);
    return is_sound;
}

static void check_repair_expect(const char *path, uint64_t damaged_least, struct expectation expected)
{
    struct embedded_report report;
    ck_assert(!check(path, false, &report));
    ck_assert_uint_ge(report.damaged, damaged_least);
    ck_assert(check(path, true, &report));
    ck_assert(check(path, false, &report));
    ck_assert_uint_eq(report.damaged, 0);
    with_store(path, expect_store, &expected);
    ck_assert(check(path, false, &report));
}

START_TEST(a_sound_folder_is_sound)
{
    char path[64];
    make_folder(path);
    struct embedded_report report;
    ck_assert(check(path, false, &report));
    ck_assert_uint_eq(report.buckets, 2);
    ck_assert_uint_eq(report.objects, SMALL + LARGE + 1);
    ck_assert_uint_eq(report.bodies_bytes, SMALL * 100 + LARGE * LARGE_BYTES + STREAMED_BYTES);
    folder_remove(path);
}
END_TEST

static void expect_refusal(struct bucket_store *store, unsigned shard, void *argument)
{
    (void)shard;
    struct error error;
    struct object_name name = name_of(bucket, text(argument));
    struct bucket_object *object;
    ck_assert(!bucket_open(store, &name, NULL, &object, &error));
    ck_assert_int_eq(error.kind, ERROR_DAMAGED);
    ck_assert_str_eq(error.code, "InternalError");
}

START_TEST(a_flipped_bit_in_a_row_is_found)
{
    char path[64];
    char file[160];
    make_folder(path);
    name_file(file, path, "catalogue/data.mdb");
    ck_assert_uint_gt(flip_after(file, "small-007", 9, 40), 0);
    with_store(path, expect_refusal, "small-007");
    check_repair_expect(path, 1, (struct expectation){7, -1});
    folder_remove(path);
}
END_TEST

START_TEST(a_flipped_bit_in_a_small_body_is_found)
{
    char path[64];
    char file[160];
    uint8_t body[100];
    make_folder(path);
    fill_bytes(9, body, sizeof body);
    name_file(file, path, "catalogue/data.mdb");
    ck_assert_uint_gt(flip_after(file, body, sizeof body, 50), 0);
    with_store(path, expect_refusal, "small-009");
    check_repair_expect(path, 1, (struct expectation){9, -1});
    folder_remove(path);
}
END_TEST

/* Repair does not know which objects were in it: so it drops none. */
START_TEST(damage_to_the_row_of_a_bucket_costs_no_object)
{
    static struct flips_view view;
    char path[64];
    struct embedded_report report;
    make_folder(path);
    flips_view_open(&view, path);
    MDB_val key = {bucket.size, (void *)(uintptr_t)bucket.data};
    MDB_val value;
    ck_assert_int_eq(mdb_get(view.txn, view.catalogue.buckets, &key, &value), 0);
    long at = flips_place(&view, (const uint8_t *)value.mv_data + 10);
    flips_view_close(&view);
    flips_damage(path, at);
    with_store(path, expect_refusal, "large-001");
    ck_assert(!check(path, true, &report));
    ck_assert_uint_eq(report.objects, SMALL + LARGE + 1);
    flips_view_open(&view, path); /* a backup would have brought it back */
    key = (MDB_val){bucket.size, (void *)(uintptr_t)bucket.data};
    ck_assert_int_eq(mdb_get(view.txn, view.catalogue.buckets, &key, &value), 0);
    at = flips_place(&view, (const uint8_t *)value.mv_data + 10);
    flips_view_close(&view);
    flips_damage(path, at);
    with_store(path, expect_store, &(struct expectation){-1, -1});
    folder_remove(path);
}
END_TEST

START_TEST(a_flipped_bit_in_a_volume_is_found)
{
    char path[64];
    char file[160];
    uint8_t body[64];
    make_folder(path);
    fill_bytes(1011, body, sizeof body);
    name_file(file, path, "volumes/00000001");
    ck_assert_uint_eq(flip_after(file, body, sizeof body, 20), 1);
    with_store(path, expect_refusal, "large-011");
    check_repair_expect(path, 1, (struct expectation){-1, 11});
    folder_remove(path);
}
END_TEST

static void expect_nothing(struct bucket_store *store, unsigned shard, void *argument)
{
    (void)store, (void)shard, (void)argument;
}

/* ---- every byte of a row ---- */

enum { ROW_PLACES_MAX = 64, KEY_FROM = -6, KEY_TO = 9, ROW_TO = KEY_TO + 8 + 112 };

/* Where the rows of "small-007" are in the file, those included that transactions have left behind. */
static unsigned find_rows(const char *file, long ret_places[ROW_PLACES_MAX])
{
    int fd = open(file, O_RDONLY);
    struct stat status;
    ck_assert(fd >= 0 && fstat(fd, &status) == 0);
    uint8_t *map = mmap(NULL, (size_t)status.st_size, PROT_READ, MAP_SHARED, fd, 0);
    ck_assert(map != MAP_FAILED);
    unsigned count = 0;
    const uint8_t *end = map + status.st_size;
    for (uint8_t *at = map; (at = memmem(at, (size_t)(end - at), "small-007", 9)) != NULL; at++, count++) {
        ck_assert_uint_lt(count, ROW_PLACES_MAX);
        ret_places[count] = at - map;
    }
    (void)munmap(map, (size_t)status.st_size);
    close(fd);
    ck_assert_uint_gt(count, 0);
    return count;
}

static void flip_at(const char *file, const long *places, unsigned count, int behind, uint8_t bits)
{
    int fd = open(file, O_RDWR);
    for (unsigned i = 0; i < count; i++) {
        uint8_t byte;
        ck_assert_int_eq(pread(fd, &byte, 1, places[i] + behind), 1);
        byte ^= bits;
        ck_assert_int_eq(pwrite(fd, &byte, 1, places[i] + behind), 1);
    }
    close(fd);
}

static void expect_listing(struct bucket_store *store, unsigned page_entries)
{
    struct arena arena;
    struct error error;
    struct list_page page;
    struct list_request request = {.bucket = bucket, .entries_max = page_entries};
    char after[64] = "";
    unsigned sound = 0;
    unsigned damaged = 0;
    arena_init(&arena, 1 << 20);
    if (page_entries == 1000) {
        ck_assert(!bucket_list(store, &request, &arena, &page, &error));
        ck_assert_int_eq(error.kind, ERROR_DAMAGED);
    }
    request.is_damage_listed = true;
    for (page.is_truncated = true; page.is_truncated;) {
        arena_reset(&arena);
        request.after = text(after);
        ck_assert(bucket_list(store, &request, &arena, &page, &error));
        for (unsigned i = 0; i < page.count; i++) {
            damaged += page.entries[i].is_damaged;
            sound += !page.entries[i].is_damaged;
        }
        if (page.is_truncated) {
            const struct list_entry *last = &page.entries[page.count - 1];
            ck_assert(!last->is_damaged);
            (void)snprintf(after, sizeof after, "%.*s", SPAN_FORMAT(last->key));
        }
    }
    ck_assert_uint_eq(sound, SMALL + LARGE); /* and one that streamed, but for the damaged one */
    ck_assert_uint_ge(damaged, 1);
    arena_free(&arena);
}

static void expect_others(struct bucket_store *store)
{
    for (unsigned i = 0; i < SMALL; i++) {
        if (i != 7)
            expect_numbered(store, "small", i, i, 100, false);
    }
    expect_numbered(store, "large", 0, 1000, LARGE_BYTES, false);
    expect_numbered(store, "streamed", 0, 77, STREAMED_BYTES, false);
}

static void expect_one_damaged(struct bucket_store *store, unsigned shard, void *argument)
{
    (void)argument;
    expect_refusal(store, shard, "small-007");
    expect_others(store);
    expect_listing(store, 1000);
    expect_listing(store, 7);
}

/* In a key two: that is more than its checksum can put right. */
START_TEST(a_flipped_bit_anywhere_in_a_row_hides_nothing_else)
{
    char path[64];
    char file[160];
    long places[ROW_PLACES_MAX];
    make_folder(path);
    name_file(file, path, "catalogue/data.mdb");
    with_store(path, expect_nothing, NULL); /* what opening has to write is written */
    unsigned count = find_rows(file, places);
    for (int behind = KEY_FROM; behind < ROW_TO; behind += behind < KEY_TO + 8 ? 1 : 7) {
        uint8_t bits = behind < KEY_TO ? TWO_BITS : ONE_BIT;
        flip_at(file, places, count, behind, bits);
        with_store(path, expect_one_damaged, NULL);
        flip_at(file, places, count, behind, bits);
    }
    with_store(path, expect_store, &(struct expectation){-1, -1});
    folder_remove(path);
}
END_TEST

START_TEST(opening_puts_one_bit_of_a_key_right)
{
    char template[64];
    char file[160];
    long places[ROW_PLACES_MAX];
    make_folder(template);
    name_file(file, template, "catalogue/data.mdb");
    with_store(template, expect_nothing, NULL);
    unsigned count = find_rows(file, places);
    for (int behind = KEY_FROM; behind < KEY_TO; behind++) {
        char path[64];
        struct embedded_report report;
        flips_copy_folder(template, path);
        name_file(file, path, "catalogue/data.mdb");
        flip_at(file, places, count, behind, ONE_BIT);
        with_store(path, expect_store, &(struct expectation){-1, -1});
        ck_assert(check(path, false, &report));
        folder_remove(path);
    }
    folder_remove(template);
}
END_TEST

static void write_around(struct bucket_store *store, unsigned shard, void *argument)
{
    const int *behind = argument;
    struct error error;
    struct write_condition condition = {.over_damage = true};
    bool is_key_damaged = *behind < KEY_TO;
    put(store, bucket, text("small-006a"), text("beside"));
    put(store, bucket, text("small-008a"), text("beside"));
    expect_body(store, bucket, text("small-006a"), text("beside"));
    expect_body(store, bucket, text("small-008a"), text("beside"));
    expect_others(store);
    ck_assert(!try_put(store, bucket, text("small-006"), text("x"), &condition, &error));
    ck_assert_str_eq(error.code, "PreconditionFailed");
    ck_assert(!try_put(store, bucket, text("new"), text("x"), &condition, &error));
    ck_assert_str_eq(error.code, "NoSuchKey");
    if (!is_key_damaged) {
        condition = (struct write_condition){.if_none_match = SPAN("*")};
        ck_assert(!try_put(store, bucket, text("small-007"), text("x"), &condition, &error));
        ck_assert_str_eq(error.code, "PreconditionFailed");
        condition = (struct write_condition){.if_match = SPAN("\"x\"")};
        ck_assert(!try_put(store, bucket, text("small-007"), text("x"), &condition, &error));
        ck_assert_int_eq(error.kind, ERROR_DAMAGED);
        expect_refusal(store, shard, "small-007");
        condition = (struct write_condition){.over_damage = true};
        ck_assert(try_put(store, bucket, text("small-007"), text("over damage"), &condition, &error));
    } else {
        put(store, bucket, text("small-007"), text("over damage"));
    }
    expect_body(store, bucket, text("small-007"), text("over damage"));
    ck_assert(try_delete(store, bucket, text("small-007"), &error));
    expect_others(store);
    put_numbered(store, "small", 7, 7, 100);
}

static void delete_damaged(struct bucket_store *store, unsigned shard, void *argument)
{
    (void)shard, (void)argument;
    struct error error;
    ck_assert(try_delete(store, bucket, text("small-007"), &error));
    expect_missing(store, bucket, text("small-007"));
    expect_others(store);
    put_numbered(store, "small", 7, 7, 100);
}

START_TEST(what_is_damaged_can_be_written_over_and_deleted)
{
    static const int flipped[] = {-6, -1, 0, 5, 8, KEY_TO, KEY_TO + 30};
    for (unsigned i = 0; i < sizeof flipped / sizeof flipped[0]; i++) {
        char path[64];
        char file[160];
        long places[ROW_PLACES_MAX];
        struct embedded_report report;
        int behind = flipped[i];
        make_folder(path);
        name_file(file, path, "catalogue/data.mdb");
        unsigned count = find_rows(file, places);
        flip_at(file, places, count, behind, behind < KEY_TO ? TWO_BITS : ONE_BIT);
        with_store(path, behind == KEY_TO + 30 ? delete_damaged : write_around, &behind);
        (void)check(path, true, &report);
        ck_assert(check(path, false, &report));
        with_store(path, expect_store, &(struct expectation){-1, -1});
        folder_remove(path);
    }
}
END_TEST

/* ---- a damaged object whose key is the beginning of longer ones ---- */

enum { LONG_KEY_BYTES = 505 };

static void put_long_keys(struct bucket_store *store, unsigned shard, void *argument)
{
    (void)shard;
    uint8_t *key = argument;
    uint8_t body[3000];
    create_bucket(store, bucket);
    fill_bytes(4242, body, sizeof body);
    put(store, bucket, span_of(key, LONG_KEY_BYTES), span_of(body, sizeof body));
    put(store, bucket, span_of(key, LONG_KEY_BYTES + 1), text("one more"));
    put(store, bucket, span_of(key, OBJECT_KEY_BYTES_MAX), text("many more"));
}

static void expect_longer_keys(struct bucket_store *store, unsigned shard, void *argument)
{
    (void)shard;
    uint8_t *key = argument;
    expect_missing(store, bucket, span_of(key, LONG_KEY_BYTES));
    expect_body(store, bucket, span_of(key, LONG_KEY_BYTES + 1), text("one more"));
    expect_body(store, bucket, span_of(key, OBJECT_KEY_BYTES_MAX), text("many more"));
}

START_TEST(repair_keeps_the_keys_behind_a_damaged_one)
{
    char path[64];
    char file[160];
    uint8_t key[OBJECT_KEY_BYTES_MAX];
    uint8_t body[64];
    struct embedded_report report;
    folder_make(path);
    memset(key, 'k', sizeof key);
    with_store(path, put_long_keys, key);
    fill_bytes(4242, body, sizeof body);
    name_file(file, path, "volumes/00000001");
    ck_assert_uint_eq(flip_after(file, body, sizeof body, 20), 1);
    ck_assert(!check(path, false, &report));
    ck_assert(check(path, true, &report));
    with_store(path, expect_longer_keys, key);
    ck_assert(check(path, false, &report));
    folder_remove(path);
}
END_TEST

/* ---- a lost catalogue ---- */

static void expect_no_opening(const char *path)
{
    struct error error;
    struct embedded_options options = {.shards = 1, .catalogue_max_bytes = 1 << 30};
    ck_assert_ptr_null(embedded_open(path, &options, &error));
    ck_assert_ptr_nonnull(strstr(error.message, "bale check"));
}

START_TEST(a_lost_catalogue_is_rebuilt)
{
    char path[64];
    char file[160];
    make_folder(path);
    name_file(file, path, "catalogue/data.mdb");
    ck_assert_int_eq(unlink(file), 0);
    expect_no_opening(path);
    check_repair_expect(path, 1, (struct expectation){-2, -1});
    folder_remove(path);
}
END_TEST

START_TEST(a_cut_catalogue_is_refused_and_rebuilt)
{
    char path[64];
    char file[160];
    make_folder(path);
    name_file(file, path, "catalogue/data.mdb");
    ck_assert_int_eq(truncate(file, 40960), 0);
    expect_no_opening(path);
    check_repair_expect(path, 1, (struct expectation){-2, -1});
    folder_remove(path);
}
END_TEST

/* What a full disk or a crash leaves of `buckets`: lines are missing. */
START_TEST(the_file_of_buckets_is_brought_up_to_date)
{
    char path[64];
    char file[160];
    make_folder(path);
    name_file(file, path, "buckets");
    FILE *buckets = fopen(file, "w");
    ck_assert_ptr_nonnull(buckets);
    ck_assert_int_ge(fputs("+ removed 1 00\n+ emp", buckets), 0);
    (void)fclose(buckets);
    with_store(path, expect_nothing, NULL);
    char line[128] = "";
    unsigned lines = 0;
    ck_assert_ptr_nonnull(buckets = fopen(file, "r"));
    while (fgets(line, sizeof line, buckets) != NULL)
        lines += strncmp(line, "+ ", 2) == 0;
    (void)fclose(buckets);
    ck_assert_uint_eq(lines, 2); /* none for what was removed */
    name_file(file, path, "catalogue/data.mdb");
    ck_assert_int_eq(unlink(file), 0);
    check_repair_expect(path, 1, (struct expectation){-2, -1});
    folder_remove(path);
}
END_TEST

/* Rebuilding gives up small bodies: never because of something that is in the way today and gone tomorrow. */
START_TEST(a_catalogue_that_cannot_be_opened_is_not_replaced)
{
    char path[64];
    char file[160];
    make_folder(path);
    name_file(file, path, "catalogue/lock.mdb");
    (void)unlink(file);
    ck_assert_int_eq(mkdir(file, 0755), 0);
    struct embedded_report report;
    ck_assert(!check(path, true, &report));
    ck_assert_int_eq(rmdir(file), 0);
    ck_assert(check(path, false, &report));
    with_store(path, expect_store, &(struct expectation){-1, -1});
    folder_remove(path);
}
END_TEST

static void cut_and_read(struct bucket_store *store, unsigned shard, void *argument)
{
    (void)shard;
    ck_assert_int_eq(truncate(argument, 8192), 0);
    struct error error;
    struct object_name name = name_of(bucket, text("small-001"));
    struct bucket_object *object;
    (void)bucket_open(store, &name, NULL, &object, &error);
    _exit(1); /* not reached */
}

START_TEST(a_fault_in_the_map_says_what_to_do)
{
    char path[64];
    char file[160];
    make_folder(path);
    name_file(file, path, "catalogue/data.mdb");
    int ends[2];
    ck_assert_int_eq(pipe(ends), 0);
    pid_t pid = fork();
    ck_assert_int_ge(pid, 0);
    if (pid == 0) {
        (void)dup2(ends[1], STDERR_FILENO);
        with_store(path, cut_and_read, file);
        _exit(2);
    }
    close(ends[1]);
    char said[1024] = "";
    size_t size = 0;
    ssize_t got;
    while (size < sizeof said - 1 && (got = read(ends[0], said + size, sizeof said - 1 - size)) > 0)
        size += (size_t)got;
    int status;
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    ck_assert(WIFEXITED(status) && WEXITSTATUS(status) == 70);
    ck_assert_ptr_nonnull(strstr(said, "data.mdb"));
    ck_assert_ptr_nonnull(strstr(said, "bale check"));
    folder_remove(path);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("embedded damage");
    TCase *tests = tcase_create("damage");
    tcase_set_timeout(tests, 120);
    tcase_add_test(tests, a_sound_folder_is_sound);
    tcase_add_test(tests, a_flipped_bit_in_a_row_is_found);
    tcase_add_test(tests, a_flipped_bit_in_a_small_body_is_found);
    tcase_add_test(tests, damage_to_the_row_of_a_bucket_costs_no_object);
    tcase_add_test(tests, a_flipped_bit_in_a_volume_is_found);
    tcase_add_test(tests, a_flipped_bit_anywhere_in_a_row_hides_nothing_else);
    tcase_add_test(tests, opening_puts_one_bit_of_a_key_right);
    tcase_add_test(tests, what_is_damaged_can_be_written_over_and_deleted);
    tcase_add_test(tests, a_lost_catalogue_is_rebuilt);
    tcase_add_test(tests, the_file_of_buckets_is_brought_up_to_date);
    tcase_add_test(tests, a_cut_catalogue_is_refused_and_rebuilt);
    tcase_add_test(tests, a_catalogue_that_cannot_be_opened_is_not_replaced);
    tcase_add_test(tests, repair_keeps_the_keys_behind_a_damaged_one);
    tcase_add_test(tests, a_fault_in_the_map_says_what_to_do);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
