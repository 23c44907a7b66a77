/* tests/unit/tier/faults_test.c -- a tier's disk may do what it likes: no wrong byte is given, and nobody fails. */
#include "tests/unit/tier/fixture.h"

#include "runtime/base/random.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static const uint64_t mebibyte = 1 << 20;

static void keep_thirty(struct tier *tier, void *argument)
{
    (void)argument;
    keep_all(tier, 1, 30 * mebibyte);
}

static void visit_slabs(const char *folder, void (*visit)(int fd, void *argument), void *argument)
{
    char path[512];
    DIR *entries = opendir(folder);
    const struct dirent *entry;
    while ((entry = readdir(entries)) != NULL) {
        if (!span_ends_with(span_from_string(entry->d_name), SPAN(".slab")))
            continue;
        (void)snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
        int fd = open(path, O_RDWR);
        ck_assert_int_ge(fd, 0);
        visit(fd, argument);
        (void)close(fd);
    }
    (void)closedir(entries);
}

/* ---- flipped bits ---- */

enum { FLIPS_A_SLAB = 125, ROUNDS = 4 };

static void flip_some(int fd, void *argument)
{
    const struct random_source *random = argument;
    for (unsigned i = 0; i < FLIPS_A_SLAB; i++) {
        uint8_t byte;
        off_t at = (off_t)random_below(random, SLAB_BYTES_LEAST);
        ck_assert_int_eq(pread(fd, &byte, 1, at), 1);
        byte ^= (uint8_t)(1 << random_below(random, 8));
        ck_assert_int_eq(pwrite(fd, &byte, 1, at), 1);
    }
}

static void expect_no_wrong_byte(struct tier *tier, void *argument)
{
    (void)argument;
    wait_for_loading(tier);
    uint64_t found = read_all(tier, 1, 30 * mebibyte); /* fails at a wrong one */
    ck_assert_uint_lt(found, 30 * mebibyte);
    ck_assert_uint_le(read_all(tier, 1, 30 * mebibyte), found);
}

START_TEST(flipped_bits_are_absent_blocks)
{
    struct random_seeded state;
    struct random_source random = random_seeded(&state, 15);
    for (unsigned round = 0; round < ROUNDS; round++) { /* 2,000 in all */
        char folder[64];
        folder_make(folder);
        struct tier_options options = options_of(folder);
        with_tier(&options, keep_thirty, NULL);
        ck_assert_uint_eq(folder_count(folder, ".slab"), 4);
        visit_slabs(folder, flip_some, &random);
        with_tier(&options, expect_no_wrong_byte, NULL);
        folder_remove(folder);
    }
}
END_TEST

/* Under a tier that is in use: what it has not read yet is wrong on the disk. */
static void flip_while_open(struct tier *tier, void *argument)
{
    struct random_seeded state;
    struct random_source random = random_seeded(&state, 16);
    keep_all(tier, 1, 30 * mebibyte);
    visit_slabs(argument, flip_some, &random);
    ck_assert_uint_lt(read_all(tier, 1, 30 * mebibyte), 30 * mebibyte);
    ck_assert_uint_gt(metric_read(&tier_counters(tier, 0)->unsound), SLAB_FAULTS_MAX);
    ck_assert_uint_lt(folder_count(argument, ".slab"), 4); /* a slab with many is taken out */
}

START_TEST(a_slab_that_reads_badly_goes)
{
    char folder[64];
    folder_make(folder);
    struct tier_options options = options_of(folder);
    with_tier(&options, flip_while_open, folder);
    folder_remove(folder);
}
END_TEST

/* ---- files that go, or shrink ---- */

static void cut(int fd, void *argument)
{
    (void)argument;
    ck_assert_int_eq(ftruncate(fd, 3 << 20), 0);
}

static void cut_while_open(struct tier *tier, void *argument)
{
    keep_all(tier, 1, 30 * mebibyte);
    visit_slabs(argument, cut, NULL);
    uint64_t found = read_all(tier, 1, 30 * mebibyte);
    ck_assert(found > 0 && found <= 12 * mebibyte);
    keep_all(tier, 2, 10 * mebibyte); /* and it goes on */
    ck_assert_uint_eq(read_all(tier, 2, 10 * mebibyte), 10 * mebibyte);
}

START_TEST(a_file_that_was_cut_is_an_absent_one)
{
    char folder[64];
    folder_make(folder);
    struct tier_options options = options_of(folder);
    with_tier(&options, cut_while_open, folder);
    folder_remove(folder);
}
END_TEST

static void remove_while_open(struct tier *tier, void *argument)
{
    keep_all(tier, 1, 30 * mebibyte);
    folder_remove(argument);
    ck_assert_uint_eq(read_all(tier, 1, 30 * mebibyte), 30 * mebibyte); /* open slabs live on */
    keep_all(tier, 2, 10 * mebibyte);                                   /* a new one cannot be made */
    const struct slab_writer_counters *writer = &tier_counters(tier, 0)->writer;
    ck_assert_uint_gt(metric_read(&writer->dropped_full), 0);
    ck_assert_ptr_nonnull(atomic_load(&writer->pause));
}

START_TEST(a_folder_that_is_removed_ends_filling)
{
    char folder[64];
    folder_make(folder);
    struct tier_options options = options_of(folder);
    with_tier(&options, remove_while_open, folder);
}
END_TEST

static void keep_on_a_full_disk(struct tier *tier, void *argument)
{
    (void)argument;
    keep_all(tier, 1, mebibyte);
    const struct slab_writer_counters *writer = &tier_counters(tier, 0)->writer;
    ck_assert_uint_gt(metric_read(&writer->dropped_full), 0);
    ck_assert_uint_eq(read_all(tier, 1, mebibyte), 0);
    struct tier_usage usage;
    tier_usage(tier, &usage);
    ck_assert_uint_eq(usage.slabs.bytes, 0);
}

START_TEST(what_others_count_on_stays_free)
{
    char folder[64];
    folder_make(folder);
    struct tier_options options = options_of(folder);
    options.keep_free = 100;
    with_tier(&options, keep_on_a_full_disk, NULL);
    folder_remove(folder);
}
END_TEST

/* Nothing is found of what was not written, and nothing of the slab that could not be gone on with. */
static void keep_while_writes_fail(struct tier *tier, void *argument)
{
    (void)argument;
    struct rlimit before;
    ck_assert_int_eq(getrlimit(RLIMIT_FSIZE, &before), 0);
    const struct rlimit limit = {.rlim_cur = 2 * mebibyte, .rlim_max = before.rlim_max};
    keep_all(tier, 1, mebibyte);
    struct tier_usage usage;
    tier_usage(tier, &usage);
    ck_assert_uint_gt(usage.index_count, 0);
    ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &limit), 0); /* the slab has its size by now; writes behind this fail */
    for (unsigned i = 0; i < 3; i++)
        keep_all(tier, 2 + i, mebibyte);
    ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &before), 0);
    const struct slab_writer_counters *writer = &tier_counters(tier, 0)->writer;
    ck_assert_uint_eq(metric_read(&writer->failures), 1);
    tier_usage(tier, &usage);
    ck_assert_uint_eq(usage.index_count, 0);
}

START_TEST(what_was_not_written_is_not_found)
{
    char folder[64];
    folder_make(folder);
    struct tier_options options = options_of(folder);
    (void)signal(SIGXFSZ, SIG_IGN);
    with_tier(&options, keep_while_writes_fail, NULL);
    folder_remove(folder);
}
END_TEST

/* ---- patience ---- */

static void read_hastily(struct tier *tier, void *argument)
{
    (void)argument;
    keep_all(tier, 1, 5 * mebibyte);
    for (unsigned i = 0; i < 20; i++)
        (void)read_all(tier, 1, 5 * mebibyte); /* right, as far as it came in time */
    const struct tier_disk_counters *disk = &tier_counters(tier, 0)->disk;
    ck_assert_uint_gt(metric_read(&disk->reads), 0);
}

START_TEST(a_late_read_is_left_to_itself)
{
    char folder[64];
    folder_make(folder);
    struct tier_options options = options_of(folder);
    options.patience_ms = 1;
    with_tier(&options, read_hastily, NULL);
    options.patience_ms = 0;
    with_tier(&options, read_hastily, NULL);
    folder_remove(folder);
}
END_TEST

/* ---- whose folder ---- */

static void expect_nothing(struct tier *tier, void *argument)
{
    (void)argument;
    wait_for_loading(tier);
    ck_assert_uint_eq(read_all(tier, 1, 30 * mebibyte), 0);
}

START_TEST(the_tier_of_another_backend_is_emptied)
{
    char folder[64];
    folder_make(folder);
    struct tier_options options = options_of(folder);
    with_tier(&options, keep_thirty, NULL);
    options.backend = "another backend";
    with_tier(&options, expect_nothing, NULL);
    ck_assert_uint_eq(folder_count(folder, ".slab"), 0);
    folder_remove(folder);
}
END_TEST

static void expect_refusal(const char *folder, const char *part)
{
    struct error error;
    struct tier_options options = options_of(folder);
    ck_assert_ptr_null(tier_open(&options, &error));
    ck_assert_msg(strstr(error.message, part) != NULL, "%s", error.message);
}

static void write_file(const char *folder, const char *name, const char *text)
{
    char path[256];
    (void)snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = fopen(path, "w");
    ck_assert(file != NULL && fputs(text, file) >= 0 && fclose(file) == 0);
}

START_TEST(what_is_no_tier_is_not_touched)
{
    char folder[64];
    folder_make(folder);
    write_file(folder, "letter.txt", "dear");
    expect_refusal(folder, "holds other files");
    folder_remove(folder);
    folder_make(folder);
    write_file(folder, "FORMAT", "bale tier 2\nwho knows\n");
    expect_refusal(folder, "newer Bale");
    write_file(folder, "FORMAT", "bale 1\n");
    expect_refusal(folder, "holds other files");
    folder_remove(folder);
    expect_refusal("/proc/no/such/folder", "cannot be made");
}
END_TEST

static void open_again(struct tier *tier, void *argument)
{
    (void)tier;
    expect_refusal(argument, "is in use by process");
}

START_TEST(two_processes_do_not_share_a_folder)
{
    char folder[64];
    folder_make(folder);
    struct tier_options options = options_of(folder);
    with_tier(&options, open_again, folder);
    folder_remove(folder);
}
END_TEST

int main(void)
{
    TCase *all = tcase_create("faults");
    tcase_set_timeout(all, 100);
    tcase_add_test(all, flipped_bits_are_absent_blocks);
    tcase_add_test(all, a_slab_that_reads_badly_goes);
    tcase_add_test(all, a_file_that_was_cut_is_an_absent_one);
    tcase_add_test(all, a_folder_that_is_removed_ends_filling);
    tcase_add_test(all, what_others_count_on_stays_free);
    tcase_add_test(all, what_was_not_written_is_not_found);
    tcase_add_test(all, a_late_read_is_left_to_itself);
    tcase_add_test(all, the_tier_of_another_backend_is_emptied);
    tcase_add_test(all, what_is_no_tier_is_not_touched);
    tcase_add_test(all, two_processes_do_not_share_a_folder);
    Suite *suite = suite_create("tier faults");
    suite_add_tcase(suite, all);
    return run_suite(suite);
}
