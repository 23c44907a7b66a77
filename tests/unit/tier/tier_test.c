/* tests/unit/tier/tier_test.c -- a tier on a disk: blocks kept, found again by the next process, and never more of them
 * than was said. */
#include "tests/unit/tier/fixture.h"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

static const uint64_t mebibyte = 1 << 20;

static void keep_ten(struct tier *tier, void *argument)
{
    (void)argument;
    keep_all(tier, 1, 10 * mebibyte);
    keep_all(tier, 2, 100);
    ck_assert_uint_eq(read_all(tier, 1, 10 * mebibyte), 10 * mebibyte);
    ck_assert_uint_eq(read_all(tier, 2, 100), 100);
    ck_assert_uint_eq(read_all(tier, 3, mebibyte), 0);
    const struct tier_counters *counters = tier_counters(tier, 0);
    ck_assert_uint_eq(metric_read(&counters->from_memory), 0);
    ck_assert_uint_eq(metric_read(&counters->from_disk), 10 * mebibyte + 100);
    ck_assert_uint_eq(metric_read(&counters->unsound), 0);
    ck_assert_uint_lt(metric_read(&counters->disk.reads), 10 * mebibyte / 100000); /* neighbours in one read */
}

static void expect_ten(struct tier *tier, void *argument)
{
    (void)argument;
    wait_for_loading(tier);
    ck_assert_uint_eq(read_all(tier, 1, 10 * mebibyte), 10 * mebibyte);
    ck_assert_uint_eq(read_all(tier, 2, 100), 100);
}

START_TEST(what_was_kept_is_there_after_a_restart)
{
    char folder[64];
    folder_make(folder);
    struct tier_options options = options_of(folder);
    with_tier(&options, keep_ten, NULL);
    with_tier(&options, expect_ten, NULL);
    with_tier(&options, expect_ten, NULL);
    folder_remove(folder);
}
END_TEST

/* ---- a kill ---- */

static void keep_and_die(struct tier *tier, void *argument)
{
    (void)argument;
    keep_all(tier, 1, 20 * mebibyte); /* two slabs and a half */
    (void)kill(getpid(), SIGKILL);
}

static void expect_most(struct tier *tier, void *argument)
{
    wait_for_loading(tier);
    uint64_t found = read_all(tier, 1, 20 * mebibyte);
    ck_assert_uint_ge(found, 20 * mebibyte - SLAB_BYTES_LEAST);
    ck_assert_uint_lt(found, 20 * mebibyte); /* the slab that was being filled has gone */
    ck_assert_uint_eq(metric_read(&tier_counters(tier, 0)->unsound), 0);
    ck_assert_uint_eq(folder_count(argument, ".slab"), 2);
}

START_TEST(a_kill_loses_one_slab_at_most)
{
    char folder[64];
    int status;
    folder_make(folder);
    struct tier_options options = options_of(folder);
    pid_t child = fork();
    if (child == 0) {
        with_tier(&options, keep_and_die, NULL);
        _exit(1);
    }
    ck_assert(waitpid(child, &status, 0) == child && WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
    with_tier(&options, expect_most, folder);
    folder_remove(folder);
}
END_TEST

/* ---- bounds ---- */

static void keep_much(struct tier *tier, void *argument)
{
    struct tier_usage usage;
    for (uint64_t seed = 0; seed < 12; seed++) {
        keep_all(tier, seed, 10 * mebibyte);
        tier_usage(tier, &usage);
        ck_assert_uint_le(usage.slabs.bytes, FIXTURE_DISK_BYTES);
        ck_assert_uint_le(folder_count(argument, ".slab"), FIXTURE_DISK_BYTES / SLAB_BYTES_LEAST);
    }
    ck_assert_uint_eq(read_all(tier, 11, 10 * mebibyte), 10 * mebibyte);
    ck_assert_uint_eq(read_all(tier, 0, 10 * mebibyte), 0);
    ck_assert_uint_gt(metric_read(&tier_counters(tier, 0)->writer.slabs_gone), 5);
}

START_TEST(a_tier_takes_no_more_than_its_size)
{
    char folder[64];
    folder_make(folder);
    struct tier_options options = options_of(folder);
    with_tier(&options, keep_much, folder);
    folder_remove(folder);
}
END_TEST

/* However often it is kept: while it waits for the disk, of which there are many pieces, and when it lies there. */
static void keep_again(struct tier *tier, void *argument)
{
    enum { BLOCKS = 20, KEEPINGS = 3 };
    static uint8_t payload[BLOCK_PAYLOAD_BYTES];
    const struct slab_writer_counters *writer = &tier_counters(tier, 0)->writer;
    struct block_revision revision = revision_of(tier, 1, 2 * mebibyte);
    (void)argument;
    for (unsigned keeping = 0; keeping < KEEPINGS; keeping++) {
        for (uint64_t number = 0; number < BLOCKS; number++) {
            struct block_name name = block_of(&revision, number);
            fill_stored(1, block_offset(number), payload, sizeof payload);
            tier_keep(tier, &name, span_of(payload, sizeof payload));
        }
        if (keeping > 0)
            wait_for_writer(tier);
    }
    ck_assert_uint_eq(metric_read(&tier_counters(tier, 0)->kept), BLOCKS);
    ck_assert_uint_eq(metric_read(&writer->blocks), BLOCKS);
    ck_assert_uint_eq(metric_read(&writer->bytes), BLOCKS * BLOCK_BYTES);
    ck_assert_uint_eq(read_all(tier, 1, 2 * mebibyte), BLOCKS * BLOCK_PAYLOAD_BYTES);
}

START_TEST(a_block_is_written_once)
{
    char folder[64];
    folder_make(folder);
    struct tier_options options = options_of(folder);
    with_tier(&options, keep_again, NULL);
    folder_remove(folder);
}
END_TEST

static void use_one_of_many(struct tier *tier, void *argument)
{
    (void)argument;
    keep_all(tier, 1000, mebibyte);
    for (uint64_t seed = 0; seed < 12; seed++) {
        keep_all(tier, seed, 10 * mebibyte);
        ck_assert_uint_eq(read_all(tier, 1000, mebibyte), mebibyte);
        ck_assert_uint_eq(read_all(tier, 1000, mebibyte), mebibyte);
    }
    ck_assert_uint_gt(metric_read(&tier_counters(tier, 0)->writer.moved), 0);
    ck_assert_uint_eq(metric_read(&tier_counters(tier, 0)->unsound), 0);
}

START_TEST(what_is_used_outlives_its_slab)
{
    char folder[64];
    folder_make(folder);
    struct tier_options options = options_of(folder);
    with_tier(&options, use_one_of_many, NULL);
    folder_remove(folder);
}
END_TEST

static void keep_beyond_limit(struct tier *tier, void *argument)
{
    (void)argument;
    keep_all(tier, 1, 30 * mebibyte);
    const struct slab_writer_counters *writer = &tier_counters(tier, 0)->writer;
    ck_assert_uint_le(metric_read(&writer->bytes), 20 * mebibyte);
    ck_assert_uint_gt(metric_read(&writer->dropped_limit), 0);
    ck_assert_uint_gt(read_all(tier, 1, 30 * mebibyte), 10 * mebibyte); /* reads go on */
}

START_TEST(a_day_has_its_limit_of_writing)
{
    char folder[64];
    folder_make(folder);
    struct tier_options options = options_of(folder);
    options.bytes_a_day = 16 * mebibyte;
    with_tier(&options, keep_beyond_limit, NULL);
    folder_remove(folder);
}
END_TEST

static void keep_hundred(struct tier *tier, void *argument)
{
    (void)argument;
    for (uint64_t seed = 0; seed < 10; seed++)
        keep_all(tier, seed, 10 * mebibyte);
    ck_assert_uint_eq(read_all(tier, 0, 10 * mebibyte), 10 * mebibyte);
}

static void expect_the_youngest(struct tier *tier, void *argument)
{
    (void)argument;
    wait_for_loading(tier);
    ck_assert_uint_eq(read_all(tier, 0, 10 * mebibyte), 0);
    ck_assert_uint_eq(read_all(tier, 9, 10 * mebibyte), 10 * mebibyte);
}

START_TEST(a_smaller_tier_forgets_the_oldest)
{
    char folder[64];
    folder_make(folder);
    struct tier_options options = options_of(folder);
    options.disk_bytes = 2 * (uint64_t)FIXTURE_DISK_BYTES;
    with_tier(&options, keep_hundred, NULL);
    options.disk_bytes = FIXTURE_DISK_BYTES;
    with_tier(&options, expect_the_youngest, NULL);
    ck_assert_uint_le(folder_count(folder, ".slab"), FIXTURE_DISK_BYTES / SLAB_BYTES_LEAST);
    folder_remove(folder);
}
END_TEST

static void drop_all(struct tier *tier, void *argument)
{
    keep_all(tier, 1, 20 * mebibyte);
    ck_assert_uint_eq(read_all(tier, 1, 20 * mebibyte), 20 * mebibyte);
    ck_assert(tier_drop_all(tier));
    ck_assert_uint_eq(read_all(tier, 1, 20 * mebibyte), 0);
    ck_assert_uint_eq(folder_count(argument, ".slab"), 0);
    keep_all(tier, 2, mebibyte);
    ck_assert_uint_eq(read_all(tier, 2, mebibyte), mebibyte);
}

START_TEST(everything_can_be_forgotten)
{
    char folder[64];
    folder_make(folder);
    struct tier_options options = options_of(folder);
    options.memory_bytes = 64 * mebibyte;
    with_tier(&options, drop_all, folder);
    folder_remove(folder);
}
END_TEST

/* Two blocks, the first of which is forgotten before and after it was written. */
static void forget_one(struct tier *tier, void *argument)
{
    (void)argument;
    const uint64_t size = 2 * BLOCK_PAYLOAD_BYTES;
    struct block_revision revision = revision_of(tier, 1, size);
    struct block_name first = block_of(&revision, 0);
    struct block_name second = block_of(&revision, 1);
    static uint8_t bytes[2 * BLOCK_PAYLOAD_BYTES];
    fill_stored(1, 0, bytes, sizeof bytes);
    for (unsigned i = 0; i < 2; i++) {
        tier_keep(tier, &first, span_of(bytes, BLOCK_PAYLOAD_BYTES));
        tier_keep(tier, &second, span_of(bytes + BLOCK_PAYLOAD_BYTES, BLOCK_PAYLOAD_BYTES));
        if (i == 1)
            wait_for_writer(tier);
        ck_assert(tier_forget(tier, &first));
        wait_for_writer(tier);
        ck_assert(!tier_has(tier, &first));
        ck_assert(tier_has(tier, &second));
    }
    ck_assert_uint_eq(read_all(tier, 1, size), BLOCK_PAYLOAD_BYTES);
    ck_assert_uint_eq(metric_read(&tier_counters(tier, 0)->unsound), 0);
}

START_TEST(a_block_can_be_forgotten)
{
    char folder[64];
    folder_make(folder);
    struct tier_options options = options_of(folder);
    with_tier(&options, forget_one, NULL);
    folder_remove(folder);
}
END_TEST

/* A disk that is busy may have taken less than it was given. */
static uint64_t count_blocks(struct tier *tier, uint64_t seed, uint64_t stored_size)
{
    uint64_t count = 0;
    struct block_revision revision = revision_of(tier, seed, stored_size);
    for (struct block_name name = block_of(&revision, 0); block_offset(name.number) < stored_size; name.number++)
        count += tier_has(tier, &name);
    return count;
}

/* Also by the next process, which believes the table that was written before: what is erased is no damage. */
static void forget_some_of_many(struct tier *tier, void *argument)
{
    uint64_t *left = argument;
    keep_all(tier, 1, 16 * mebibyte); /* fills a slab, and begins the next */
    struct block_revision revision = revision_of(tier, 1, 16 * mebibyte);
    for (uint64_t number = 0; number < 20; number++) {
        struct block_name name = block_of(&revision, number);
        ck_assert(tier_forget(tier, &name));
        ck_assert(!tier_has(tier, &name));
    }
    *left = read_all(tier, 1, 16 * mebibyte);
}

static void find_others(struct tier *tier, void *argument)
{
    const uint64_t *left = argument;
    wait_for_loading(tier);
    for (unsigned i = 0; i < 2; i++)
        ck_assert_uint_eq(read_all(tier, 1, 16 * mebibyte), *left);
    ck_assert_uint_gt(*left, 0);
    ck_assert_uint_eq(metric_read(&tier_counters(tier, 0)->unsound), 0);
}

START_TEST(what_was_forgotten_does_not_come_back)
{
    char folder[64];
    folder_make(folder);
    struct tier_options options = options_of(folder);
    uint64_t left;
    with_tier(&options, forget_some_of_many, &left);
    with_tier(&options, find_others, &left);
    folder_remove(folder);
}
END_TEST

static void forget_revision(struct tier *tier, void *argument)
{
    (void)argument;
    uint64_t blocks;
    struct block_revision revision = revision_of(tier, 1, 3 * mebibyte);
    keep_all(tier, 1, 3 * mebibyte);
    keep_all(tier, 2, mebibyte);
    uint64_t there = count_blocks(tier, 1, 3 * mebibyte);
    uint64_t of_the_other = read_all(tier, 2, mebibyte);
    ck_assert_uint_gt(there, 0);
    ck_assert(tier_forget_all(tier, &revision, &blocks));
    ck_assert_uint_eq(blocks, there);
    ck_assert_uint_eq(read_all(tier, 1, 3 * mebibyte), 0);
    ck_assert_uint_eq(read_all(tier, 2, mebibyte), of_the_other);
    ck_assert(tier_forget_all(tier, &revision, &blocks));
    ck_assert_uint_eq(blocks, 0);
}

START_TEST(a_revision_can_be_forgotten)
{
    char folder[64];
    folder_make(folder);
    struct tier_options options = options_of(folder);
    with_tier(&options, forget_revision, NULL);
    folder_remove(folder);
    options = options_of(NULL);
    options.disk_bytes = 0;
    options.memory_bytes = 8 * mebibyte;
    with_tier(&options, forget_revision, NULL);
}
END_TEST

/* ---- memory alone ---- */

static void keep_in_memory(struct tier *tier, void *argument)
{
    (void)argument;
    keep_all(tier, 1, mebibyte);
    ck_assert_uint_eq(read_all(tier, 1, mebibyte), mebibyte);
    ck_assert_uint_eq(metric_read(&tier_counters(tier, 0)->from_memory), mebibyte);
    struct block_revision revision = revision_of(tier, 1, mebibyte);
    struct block_name name = block_of(&revision, 3);
    ck_assert(tier_has(tier, &name));
    ck_assert(tier_forget(tier, &name));
    ck_assert(!tier_has(tier, &name));
    ck_assert_uint_eq(read_all(tier, 1, mebibyte), mebibyte - BLOCK_PAYLOAD_BYTES);
}

/* All of it or nothing; and what is lent stays, whatever goes. */
static void lend_from_memory(struct tier *tier, void *argument)
{
    enum { SIZE = BUCKET_LOAN_BYTES_MAX };
    static uint8_t expected[SIZE];
    const uint64_t stored_size = 3 * mebibyte,
                   places[] = {0, 1, BLOCK_PAYLOAD_BYTES - 1, BLOCK_PAYLOAD_BYTES, 2 * mebibyte};
    struct block_revision revision = revision_of(tier, 1, stored_size), other = revision_of(tier, 2, stored_size);
    struct bucket_loan loan;
    (void)argument;
    keep_all(tier, 1, stored_size);
    ck_assert(!tier_borrow(tier, &other, 0, 1, &loan) && loan.count == 0);
    for (unsigned i = 0; i < sizeof places / sizeof *places; i++) {
        uint64_t before = metric_read(&tier_counters(tier, 0)->from_memory);
        size_t at = 0;
        ck_assert(tier_borrow(tier, &revision, places[i], SIZE, &loan));
        ck_assert_uint_eq(metric_read(&tier_counters(tier, 0)->from_memory), before + SIZE);
        if (i % 2 == 1)
            (void)tier_drop_all(tier);
        fill_stored(1, places[i], expected, SIZE);
        for (unsigned k = 0; k < loan.count; at += loan.spans[k++].size)
            ck_assert(loan.spans[k].size <= SIZE - at &&
                      memcmp(loan.spans[k].data, expected + at, loan.spans[k].size) == 0);
        ck_assert_uint_eq(at, SIZE);
        tier_give_back(&loan);
        keep_all(tier, 1, stored_size);
    }
    struct block_name name = block_of(&revision, 7);
    ck_assert(tier_forget(tier, &name));
    ck_assert(!tier_borrow(tier, &revision, 0, SIZE, &loan) && loan.count == 0);
    ck_assert(tier_borrow(tier, &revision, 0, 7 * BLOCK_PAYLOAD_BYTES, &loan) && loan.count == 7);
    tier_give_back(&loan);
}

START_TEST(memory_lends)
{
    struct tier_options options = options_of(NULL);
    options.disk_bytes = 0;
    options.memory_bytes = 64 * mebibyte;
    with_tier(&options, lend_from_memory, NULL);
}
END_TEST

START_TEST(memory_alone_is_a_tier)
{
    struct tier_options options = options_of(NULL);
    options.disk_bytes = 0;
    options.memory_bytes = 64 * mebibyte;
    with_tier(&options, keep_in_memory, NULL);
}
END_TEST

/* ---- sights ---- */

static void look_twice(struct tier *tier, void *argument)
{
    (void)argument;
    struct block_revision revision = revision_of(tier, 1000, 10 * mebibyte);
    struct block_name name = block_of(&revision, 3);
    ck_assert(tier_note_sight(tier, &name)); /* there is room for all */
    for (uint64_t seed = 0; seed < 7; seed++)
        keep_all(tier, seed, 10 * mebibyte);
    name.number = 4;
    ck_assert(!tier_note_sight(tier, &name));
    ck_assert(tier_note_sight(tier, &name));
}

START_TEST(a_full_tier_wants_to_see_a_block_twice)
{
    char folder[64];
    folder_make(folder);
    struct tier_options options = options_of(folder);
    with_tier(&options, look_twice, NULL);
    folder_remove(folder);
}
END_TEST

int main(void)
{
    TCase *all = tcase_create("blocks");
    tcase_set_timeout(all, 100);
    tcase_add_test(all, what_was_kept_is_there_after_a_restart);
    tcase_add_test(all, a_kill_loses_one_slab_at_most);
    tcase_add_test(all, a_tier_takes_no_more_than_its_size);
    tcase_add_test(all, a_block_is_written_once);
    tcase_add_test(all, what_is_used_outlives_its_slab);
    tcase_add_test(all, a_day_has_its_limit_of_writing);
    tcase_add_test(all, a_smaller_tier_forgets_the_oldest);
    tcase_add_test(all, everything_can_be_forgotten);
    tcase_add_test(all, a_block_can_be_forgotten);
    tcase_add_test(all, what_was_forgotten_does_not_come_back);
    tcase_add_test(all, a_revision_can_be_forgotten);
    tcase_add_test(all, memory_alone_is_a_tier);
    tcase_add_test(all, memory_lends);
    tcase_add_test(all, a_full_tier_wants_to_see_a_block_twice);
    Suite *suite = suite_create("tier on a disk");
    suite_add_tcase(suite, all);
    return run_suite(suite);
}
