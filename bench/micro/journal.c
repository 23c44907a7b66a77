/* bench/micro/journal.c -- a segment of the journal as its writer makes it, and as every replica reads it: 64 batches
 * of 16 ops (bench/journal/journal_work.h). What applying them costs on top says build/bench/journal_compute. */
#include "bench/journal/journal_work.h"
#include "bench/micro/micro.h"
#include "journal/format/segment.h"

enum { BATCHES = 64, BATCH_OPS = 16, KEYS = 100000 };

struct segments {
    struct segment header;
    struct buffer ops[BATCHES];
    struct buffer body;
};

static bool encode(void *state)
{
    struct segments *segments = state;
    struct error error;
    segment_begin(&segments->body, &segments->header);
    for (unsigned i = 0; i < BATCHES; i++)
        segment_add_batch(&segments->body,
                          &(struct batch){.ops_count = BATCH_OPS, .ops = buffer_span(&segments->ops[i])});
    return segment_end(&segments->body, &error);
}

static bool decode(void *state)
{
    const struct segments *segments = state;
    struct segment segment;
    struct batch batch;
    struct op op;
    struct error error;
    unsigned count = 0;
    if (!segment_decode(buffer_span(&segments->body), &segment, &error))
        return false;
    for (struct cursor batches = cursor_of(segment.batches); segment_next_batch(&batches, &batch);)
        for (struct cursor ops = cursor_of(batch.ops); op_read(&ops, &op) == OP_READ;)
            count++;
    return count == BATCHES * BATCH_OPS;
}

void micro_journal(struct micro *micro)
{
    struct segments segments = {.header = {.key = {.base = 1, .clock = 1, .sequence = UINT64_C(1) << 32}}};
    struct random_seeded state;
    struct random_source random = random_seeded(&state, 1);
    const struct journal_work work = {&random, KEYS};
    buffer_init(&segments.body, SEGMENT_BYTES_MAX);
    for (unsigned i = 0; i < BATCHES; i++)
        journal_work_put_ops(&work, &segments.ops[i], BATCH_OPS);
    (void)encode(&segments);
    micro_measure(micro, &(struct micro_case){"journal/segment-encode", segments.body.size, encode, &segments});
    micro_measure(micro, &(struct micro_case){"journal/segment-decode", segments.body.size, decode, &segments});
    for (unsigned i = 0; i < BATCHES; i++)
        buffer_free(&segments.ops[i]);
    buffer_free(&segments.body);
}
