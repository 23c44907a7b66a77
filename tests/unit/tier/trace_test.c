/* tests/unit/tier/trace_test.c -- which blocks a tier keeps, on a drawn trace (bench/tier/trace.h), beside LRU and
 * S3-FIFO; that the model of a tier chooses as the tier does, and that samples of other sizes do. */
#include "tests/unit/tier/fixture.h"

#include "bench/tier/contest.h"
#include "bench/tier/rivals.h"
#include "runtime/fiber/loop.h"
#include "runtime/io/io.h"
#include "store/tier/ghosts.h"

#include <inttypes.h>
#include <stdio.h>

static struct tier_model *model_of(uint64_t disk_bytes)
{
    struct error error;
    struct tier_model *model = tier_model_create(disk_bytes, &error);
    ck_assert_msg(model != NULL, "%s", model == NULL ? error.message : "");
    return model;
}

/* ---- beside others ---- */

START_TEST(rivals_that_keep_one_block_hit_only_that)
{
    struct lru *lru = lru_begin(2, 1);
    struct s3_fifo *fifo = s3_fifo_begin(2, 1);
    unsigned hits_of_lru = 0;
    unsigned hits_of_fifo = 0;
    for (uint32_t read = 0; read < 100; read++) {
        hits_of_lru += lru_read(lru, read / 2 % 2);
        hits_of_fifo += s3_fifo_read(fifo, read / 2 % 2);
    }
    ck_assert_uint_eq(hits_of_lru, 50);
    ck_assert_uint_eq(hits_of_fifo, 50);
    lru_end(lru);
    s3_fifo_end(fifo);
}
END_TEST

/* Behind so many reads that what a tier takes in at first, which is everything, has gone. */
static void compete(const struct trace_options *options)
{
    enum { READS = 2000000, KEPT_PERCENT = 10 };
    struct contest_figures figures;
    struct contest *contest = contest_begin(options, KEPT_PERCENT, 3 * READS);
    contest_read(contest, READS, &figures);
    contest_read(contest, READS, &figures);
    contest_end(contest);
    for (unsigned i = 0; i < CONTESTANTS; i++)
        (void)printf("%s hits %.3f and writes %.3f; ", (const char *[]){"LRU", "S3-FIFO", "the tier"}[i],
                     (double)figures.hits[i] / (double)figures.reads,
                     (double)figures.written[i] / (double)figures.reads);
    (void)printf("\n");
    const uint64_t *hits = figures.hits;
    ck_assert_uint_ge(hits[CONTESTANT_TIER], hits[CONTESTANT_LRU] + READS / 100 * 6);
    ck_assert_uint_ge(hits[CONTESTANT_TIER], hits[CONTESTANT_S3_FIFO] - READS / 100);
    ck_assert_uint_le(figures.written[CONTESTANT_TIER], figures.written[CONTESTANT_LRU] / 6);
    ck_assert_uint_gt(figures.hits_walked[CONTESTANT_TIER], 0);
}

START_TEST(it_hits_more_than_lru_and_writes_a_sixth)
{
    compete(&(struct trace_options){
        .seed = 15, .objects = 20000, .skew = 0.9, .walk_percent = 28, .drift_every = 3000, .range_blocks_max = 8});
}
END_TEST

START_TEST(the_same_beside_what_is_never_asked_for_again)
{
    compete(&(struct trace_options){.seed = 15,
                                    .objects = 20000,
                                    .skew = 0.9,
                                    .walk_percent = 28,
                                    .once_percent = 30,
                                    .drift_every = 3000,
                                    .range_blocks_max = 8});
}
END_TEST

/* ---- other sizes ---- */

static struct block_revision revision_in(const struct trace_range *range)
{
    struct block_revision revision = {.stored_size = (uint64_t)range->object_blocks * BLOCK_PAYLOAD_BYTES};
    uint64_t spread = (range->object + UINT64_C(1)) * UINT64_C(0x9e3779b97f4a7c15);
    memcpy(revision.bytes, &spread, sizeof spread);
    return revision;
}

/* A sixteenth of the blocks, beside models that see all of them. */
START_TEST(ghosts_hit_as_often_as_tiers_of_their_size)
{
    enum { READS = 1000000 };
    const uint64_t disk_bytes = UINT64_C(4) << 30;
    const struct trace_options options = {
        .seed = 17, .objects = 20000, .skew = 0.9, .walk_percent = 28, .drift_every = 3000, .range_blocks_max = 8};
    struct error error;
    struct trace *trace = trace_begin(&options);
    struct ghosts *ghosts = ghosts_create(disk_bytes, &error);
    ck_assert_ptr_nonnull(ghosts);
    struct tier_model *models[GHOSTS];
    for (unsigned i = 0; i < GHOSTS; i++)
        models[i] = model_of(disk_bytes / 2 << i);
    for (uint64_t reads = 0; reads < READS;) {
        struct trace_range range = trace_next(trace);
        struct block_name name = {.revision = revision_in(&range), .number = range.first};
        for (uint32_t i = 0; i < range.count; i++, reads++, name.number++) {
            ghosts_read(ghosts, &name, true);
            for (unsigned size = 0; size < GHOSTS; size++)
                (void)tier_model_read(models[size], &name, true);
        }
    }
    struct ghost_figures figures[GHOSTS];
    ghosts_figures(ghosts, tier_model_figures(models[0])->blocks_read, figures);
    for (unsigned i = 0; i < GHOSTS; i++) {
        const struct tier_model_figures *all = tier_model_figures(models[i]);
        double share_had = (double)all->blocks_had / (double)all->blocks_read;
        (void)printf("a tier of %" PRIu64 " MiB hits %.3f, by the sample %.3f\n", figures[i].disk_bytes >> 20,
                     share_had, figures[i].share_had);
        ck_assert_uint_eq(figures[i].disk_bytes, disk_bytes / 2 << i);
        ck_assert(figures[i].was_full == all->was_full);
        ck_assert_double_eq_tol(figures[i].share_had, share_had, 0.01);
        tier_model_destroy(models[i]);
    }
    ghosts_destroy(ghosts);
    trace_end(trace);
}
END_TEST

/* ---- beside a tier ---- */

enum {
    AGREE_OBJECTS = 40000, /* more than twice what the tier has room for */
    AGREE_READS = 60000,
    AGREE_BYTES =
        BLOCK_UNIT_BYTES - BLOCK_HEADER_BYTES, /* of each object: a unit, so that many fit into a small tier */
};

/* Does the tier have it? If it is worth it, it is kept. */
static bool read_of_tier(struct tier *tier, const struct block_revision *revision)
{
    static const uint8_t payload[AGREE_BYTES];
    uint8_t bytes[AGREE_BYTES];
    const struct block_name name = block_of(revision, 0);
    if (tier_read(tier, revision, 0, bytes, sizeof bytes) == sizeof bytes)
        return true;
    if (tier_note_sight(tier, &name))
        tier_keep(tier, &name, span_of(payload, sizeof payload));
    return false;
}

/* So that no block finds the writer busy. */
static void leave_room(struct tier *tier)
{
    enum { WAITING_MAX = 256 /* a piece of units */ };
    const struct slab_writer_counters *writer = &tier_counters(tier, 0)->writer;
    while (metric_read(&writer->taken) - metric_read(&writer->settled) > WAITING_MAX)
        (void)io_sleep_until(deadline_after_ms(1));
}

static void read_of_both(struct tier *tier, void *argument)
{
    struct tier_model *model = argument;
    const struct trace_options options = {.seed = 16,
                                          .objects = AGREE_OBJECTS,
                                          .skew = 0.5,
                                          .walk_percent = 28,
                                          .drift_every = 300,
                                          .range_blocks_max = 1};
    struct trace *trace = trace_begin(&options);
    uint64_t had = 0;
    for (unsigned i = 0; i < AGREE_READS; i++) {
        struct trace_range range = trace_next(trace);
        struct block_revision revision = revision_of(tier, range.object, AGREE_BYTES);
        const struct block_name name = block_of(&revision, 0);
        had += read_of_tier(tier, &revision);
        (void)tier_model_read(model, &name, true);
        leave_room(tier);
    }
    const struct tier_model_figures *figures = tier_model_figures(model);
    const struct slab_writer_counters *writer = &tier_counters(tier, 0)->writer;
    (void)printf("of %d reads the tier had %" PRIu64 ", its model %" PRIu64 "; %" PRIu64 " and %" PRIu64
                 " blocks were written\n",
                 AGREE_READS, had, figures->blocks_had, (uint64_t)metric_read(&writer->blocks),
                 figures->blocks_written);
    ck_assert(figures->was_full);
    ck_assert_uint_gt(metric_read(&writer->moved), 0);
    ck_assert_uint_gt(figures->blocks_moved, 0);
    uint64_t apart = had > figures->blocks_had ? had - figures->blocks_had : figures->blocks_had - had;
    ck_assert_uint_le(apart, AGREE_READS / 200); /* half a point */
    trace_end(trace);
}

START_TEST(its_model_has_what_it_has)
{
    char folder[64];
    folder_make(folder);
    struct tier_options options = options_of(folder);
    options.memory_bytes = 4 << 20; /* what is on its way to the disk is found meanwhile, as the model has it */
    struct tier_model *model = model_of(options.disk_bytes);
    with_tier(&options, read_of_both, model);
    tier_model_destroy(model);
    folder_remove(folder);
}
END_TEST

int main(void)
{
    TCase *all = tcase_create("trace");
    tcase_set_timeout(all, 100);
    tcase_add_test(all, rivals_that_keep_one_block_hit_only_that);
    tcase_add_test(all, it_hits_more_than_lru_and_writes_a_sixth);
    tcase_add_test(all, the_same_beside_what_is_never_asked_for_again);
    tcase_add_test(all, ghosts_hit_as_often_as_tiers_of_their_size);
    tcase_add_test(all, its_model_has_what_it_has);
    Suite *suite = suite_create("tier trace");
    suite_add_tcase(suite, all);
    return run_suite(suite);
}
