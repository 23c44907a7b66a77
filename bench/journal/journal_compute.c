/* bench/journal/journal_compute.c -- what the journal computes by itself: replay, cold load, ticks, folds; no store, no
 * waiting.
 *
 *   journal_compute [segments [ops_per_segment [entries]]]
 *
 * Times are CPU time of this thread. A stretch is what a task of the journal does without letting others run. */
#include "bench/journal/journal_watch.h"
#include "bench/journal/journal_work.h"
#include "bench/journal/memory_store.h"
#include "journal/replica/window.h"
#include "runtime/base/assert.h"

#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>

enum { WRITERS = 4, OPS_PER_BATCH = 16 };

static struct random_seeded random_state;
static struct random_source randomness;

static struct journal_watch watch;

static double now_ms(void)
{
    return (double)thread_cpu_ns() / 1e6;
}

static struct journal *open_journal(struct memory_store *store)
{
    struct journal_environment environment = {&watch.store, clock_system(), &randomness, &watch.scheduler};
    struct journal_options options = {.may_seed = true, .live_bytes_max = UINT64_C(1) << 40};
    options.fold_segments_max = 1000000;
    options.trusts_store = true;
    journal_watch_init(&watch, &store->store, &store->scheduler);
    return journal_open(&environment, &options);
}

static void close_journal(struct journal *journal)
{
    journal_stop(journal);
    journal_free(journal);
}

static void tick_or_die(struct journal *journal)
{
    for (unsigned i = 0; i < 3; i++) { /* the first may seed */
        if (tick(journal))
            return;
    }
    ASSERT(false);
}

/* ---- segments, as writers would leave them ---- */

struct writers {
    struct segment_key last[WRITERS];
    uint64_t clock, sequence;
};

static void encode(const struct segment *segment, const struct buffer *ops, const struct journal_id *ids,
                   unsigned batches, struct buffer *ret_body)
{
    struct error error;
    struct cursor cursor = cursor_of(buffer_span(ops));
    segment_begin(ret_body, segment);
    for (unsigned i = 0; i < batches; i++) {
        struct batch batch = {.id = ids[i], .ops_count = OPS_PER_BATCH};
        const uint8_t *begin = cursor.rest.data;
        struct op op;
        for (unsigned k = 0; k < OPS_PER_BATCH; k++)
            ASSERT(op_read(&cursor, &op) == OP_READ);
        batch.ops = span_of(begin, (size_t)(cursor.rest.data - begin));
        segment_add_batch(ret_body, &batch);
    }
    ASSERT(segment_end(ret_body, &error));
}

static void write_segment(struct memory_store *store, const struct head *head, struct writers *writers,
                          const struct buffer *ops, unsigned batches)
{
    unsigned number = (unsigned)(writers->sequence % WRITERS);
    struct segment_key key = {head->generation, ++writers->clock, {{(uint8_t)number}}, ++writers->sequence << 32};
    struct segment segment = {.lineage = head->lineage,
                              .key = key,
                              .has_predecessor = writers->last[number].sequence != 0,
                              .predecessor = writers->last[number]};
    struct buffer body = {0};
    struct journal_id *ids = calloc(batches, sizeof *ids);
    ASSERT(ids != NULL);
    for (unsigned i = 0; i < batches; i += 2)
        random_fill(&randomness, &ids[i], sizeof ids[i]);
    encode(&segment, ops, ids, batches, &body);
    segment.key.sequence |= segment_checksum(buffer_span(&body));
    encode(&segment, ops, ids, batches, &body);
    char name[JOURNAL_NAME_BYTES];
    segment_name_format(&segment.key, name);
    ASSERT(store->store.create(&store->store, name, buffer_span(&body), DEADLINE_NONE) == STORE_DONE);
    writers->last[number] = segment.key;
    buffer_free(&body);
    free(ids);
}

static void write_segments(struct memory_store *store, const struct head *head, struct writers *writers,
                           uint64_t segments, unsigned ops_per_segment, uint64_t keys)
{
    struct journal_work work = {&randomness, keys};
    struct buffer ops = {0};
    for (uint64_t i = 0; i < segments; i++) {
        buffer_clear(&ops);
        journal_work_put_ops(&work, &ops, ops_per_segment);
        write_segment(store, head, writers, &ops, ops_per_segment / OPS_PER_BATCH);
    }
    buffer_free(&ops);
}

static void report(const char *what, double ms, double count, const char *unit)
{
    (void)printf("%-46s %10.1f ms %12.0f %s/s, longest stretch %.1f ms\n", what, ms, count / ms * 1e3, unit,
                 (double)watch.longest_ns / 1e6);
}

static double begin_ms(void)
{
    journal_watch_reset(&watch);
    return now_ms();
}

static void measure_replay(uint64_t segments, unsigned ops_per_segment)
{
    struct memory_store store;
    memory_store_init(&store);
    struct writers writers = {.clock = (uint64_t)clock_wall_ms(clock_system()) + 1000000};
    struct journal *first = open_journal(&store);
    tick_or_die(first);
    write_segments(&store, first->shown.head, &writers, segments, ops_per_segment, 100000);
    double ops = (double)segments * (ops_per_segment / OPS_PER_BATCH * OPS_PER_BATCH);
    struct journal *journal = open_journal(&store);
    uint64_t before = anonymous_bytes();
    double began = begin_ms();
    tick_or_die(journal);
    report("cold load of live segments", now_ms() - began, ops, "ops");
    (void)printf("  memory: %.1f MB for %.1f MB of live segments and %.1f MB of changes of the state\n",
                 (double)(anonymous_bytes() - before) / 1e6, (double)journal->tail.live_bytes / 1e6,
                 (double)layer_bytes(&journal->shown.view.changes) / 1e6);
    began = begin_ms();
    tick_or_die(journal);
    report("tick with nothing new", now_ms() - began, (double)segments, "live segments");
    began = begin_ms();
    for (unsigned i = 0; i < 100; i++) {
        write_segments(&store, first->shown.head, &writers, 1, OPS_PER_BATCH, 100000);
        const struct segment_key *key = &writers.last[(writers.sequence - 1) % WRITERS];
        tail_add(journal, key)->seen_round = journal->poller.round;
        ASSERT(window_fetch(journal, &journal->shown.head->lineage, key, 1, 1).all_read);
        replica_publish(journal);
    }
    report("publish one more segment (100 times)", now_ms() - began, 100, "segments");
    began = begin_ms();
    ASSERT(fold(journal, false));
    report("fold, adopt, clean up", now_ms() - began, ops, "ops");
    began = begin_ms();
    tick_or_die(first);
    tick_or_die(first);
    report("another replica comes to that generation", now_ms() - began, ops, "ops");
    ASSERT(journal->shown.view.digest == first->shown.view.digest);
    close_journal(journal);
    close_journal(first);
    memory_store_free(&store);
}

/* ---- a large checkpoint ---- */

static void measure_checkpoint(uint64_t entries)
{
    struct memory_store store;
    memory_store_init(&store);
    struct writers writers = {.clock = (uint64_t)clock_wall_ms(clock_system()) + 1000000};
    struct journal *journal = open_journal(&store);
    tick_or_die(journal);
    struct buffer ops = {0};
    for (uint64_t i = 0; i < entries;) {
        for (unsigned s = 0; s < 20 && i < entries; s++) {
            buffer_clear(&ops);
            for (unsigned k = 0; k < 4096; k++, i++)
                journal_work_put_entry(&ops, i);
            write_segment(&store, journal->shown.head, &writers, &ops, 4096 / OPS_PER_BATCH);
        }
        ASSERT(fold(journal, false));
    }
    buffer_free(&ops);
    uint64_t state_bytes = layer_bytes(&journal->shown.base);
    uint64_t count = layer_count(&journal->shown.base);
    (void)printf("\ncheckpoint of %llu entries, %.1f MB, %u layers; parts written per byte of state: %.2f\n",
                 (unsigned long long)count, (double)state_bytes / 1e6, journal->shown.head->layers_count,
                 (double)store.part_bytes_written / (double)state_bytes);
    double began = begin_ms();
    write_segments(&store, journal->shown.head, &writers, 64, 1024, entries);
    report("  (writing 65536 ops over it)", now_ms() - began, 65536, "ops");
    began = begin_ms();
    tick_or_die(journal);
    report("tick with them", now_ms() - began, 65536, "ops");
    began = begin_ms();
    ASSERT(fold(journal, false));
    report("fold of them", now_ms() - began, 65536, "ops");
    close_journal(journal);
    malloc_trim(0);
    uint64_t before = anonymous_bytes();
    began = begin_ms();
    journal = open_journal(&store);
    tick_or_die(journal);
    report("cold load of the checkpoint", now_ms() - began, (double)count, "entries");
    uint64_t peak = anonymous_bytes() - before;
    malloc_trim(0);
    uint64_t after = anonymous_bytes() - before;
    (void)printf("memory: %.1f MB at the end of the load, %.1f MB kept: %.2f bytes per byte of state\n",
                 (double)peak / 1e6, (double)after / 1e6, (double)after / (double)layer_bytes(&journal->shown.base));
    close_journal(journal);
    memory_store_free(&store);
}

int main(int argc, char **argv)
{
    uint64_t segments = argc > 1 ? strtoull(argv[1], NULL, 10) : 1000;
    unsigned ops_per_segment = argc > 2 ? (unsigned)strtoul(argv[2], NULL, 10) : 1024;
    uint64_t entries = argc > 3 ? strtoull(argv[3], NULL, 10) : 1000000;
    randomness = random_seeded(&random_state, 1);
    (void)printf("%llu live segments of %u ops\n", (unsigned long long)segments, ops_per_segment);
    measure_replay(segments, ops_per_segment);
    if (entries > 0)
        measure_checkpoint(entries);
    return 0;
}
