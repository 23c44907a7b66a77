/* tests/unit/tier/trace_test.c -- which blocks a tier keeps, on a drawn trace (bench/tier/trace.h), beside LRU and
 * S3-FIFO; and that the model of a tier chooses as the tier does. */
#include "tests/unit/tier/fixture.h"

#include "bench/tier/rivals.h"
#include "bench/tier/trace.h"
#include "runtime/fiber/loop.h"
#include "runtime/io/io.h"
#include "store/tier/model.h"

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

/* The revision of an object of the trace, without a key: its digest is its number, spread. */
static struct block_revision revision_of_object(const struct trace_range *range)
{
    struct block_revision revision = {.stored_size = (uint64_t)range->object_blocks * BLOCK_PAYLOAD_BYTES};
    uint64_t spread = (range->object + UINT64_C(1)) * UINT64_C(0x9e3779b97f4a7c15);
    memcpy(revision.bytes, &spread, sizeof spread);
    return revision;
}

static void model_read_range(struct tier_model *model, const struct trace_range *range)
{
    struct block_name name = {.revision = revision_of_object(range), .number = range->first};
    for (uint32_t i = 0; i < range->count; i++, name.number++)
        (void)tier_model_read(model, &name, true);
}

START_TEST(rivals_that_keep_one_block_hit_only_that)
{
    struct lru *lru = lru_begin(2, 1);
    struct s3_fifo *fifo = s3_fifo_begin(2, 1);
    struct rival_figures of_lru = {0};
    struct rival_figures of_fifo = {0};
    for (uint32_t read = 0; read < 100; read++) {
        lru_read(lru, read / 2 % 2, &of_lru);
        s3_fifo_read(fifo, read / 2 % 2, &of_fifo);
    }
    ck_assert_uint_eq(of_lru.hits, 50);
    ck_assert_uint_eq(of_fifo.hits, 50);
    lru_end(lru);
    s3_fifo_end(fifo);
}
END_TEST

struct contest {
    struct trace *trace;
    struct lru *lru;
    struct s3_fifo *fifo;
    struct tier_model *model;
    struct rival_figures of_lru;
    struct rival_figures of_fifo;
};

static void read_on(struct contest *contest, uint64_t reads)
{
    for (uint64_t end = contest->of_lru.reads + reads; contest->of_lru.reads < end;) {
        struct trace_range range = trace_next(contest->trace);
        for (uint32_t i = 0; i < range.count; i++) {
            lru_read(contest->lru, range.block + i, &contest->of_lru);
            s3_fifo_read(contest->fifo, range.block + i, &contest->of_fifo);
        }
        model_read_range(contest->model, &range);
    }
}

/* Behind so many reads that what a tier takes in at first, which is everything, has gone. */
START_TEST(it_hits_more_than_lru_and_writes_a_sixth)
{
    enum { READS = 2000000 };
    const struct trace_options options = {
        .seed = 15, .objects = 20000, .skew = 0.9, .walk_percent = 28, .drift_every = 3000, .range_blocks_max = 8};
    struct contest contest = {.trace = trace_begin(&options)};
    const uint32_t blocks = trace_blocks(contest.trace);
    const uint32_t most = blocks / 10;
    contest.lru = lru_begin(blocks, most);
    contest.fifo = s3_fifo_begin(blocks, most);
    contest.model = model_of((uint64_t)most * BLOCK_BYTES);
    read_on(&contest, READS);
    const struct tier_model_figures *figures = tier_model_figures(contest.model);
    const struct contest before = contest;
    const struct tier_model_figures figures_before = *figures;
    read_on(&contest, READS);
    uint64_t reads = contest.of_lru.reads - before.of_lru.reads;
    uint64_t of_lru = contest.of_lru.hits - before.of_lru.hits;
    uint64_t of_fifo = contest.of_fifo.hits - before.of_fifo.hits;
    uint64_t of_tier = figures->blocks_had - figures_before.blocks_had;
    uint64_t written = figures->blocks_written - figures_before.blocks_written;
    (void)printf("of %" PRIu64 " reads LRU hits %.3f, S3-FIFO %.3f, the tier %.3f and writes %.3f\n", reads,
                 (double)of_lru / (double)reads, (double)of_fifo / (double)reads, (double)of_tier / (double)reads,
                 (double)written / (double)reads);
    ck_assert_uint_eq(figures->blocks_read, contest.of_lru.reads);
    ck_assert_uint_ge(of_tier, of_lru + READS / 100 * 6);
    ck_assert_uint_ge(of_tier, of_fifo - READS / 100);
    ck_assert_uint_le(written, (reads - of_lru) / 6);
    tier_model_destroy(contest.model);
    lru_end(contest.lru);
    s3_fifo_end(contest.fifo);
    trace_end(contest.trace);
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
    tcase_add_test(all, its_model_has_what_it_has);
    Suite *suite = suite_create("tier trace");
    suite_add_tcase(suite, all);
    return run_suite(suite);
}
