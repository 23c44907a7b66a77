/* tests/fuzz/journal/objects_fuzz.c -- any bytes as any object of the journal.
 *
 * The first byte says which kind. The frame around the rest is made sound, so that the fuzzer need not guess checksums;
 * with the highest bit set the rest is taken as it is. What decodes must encode to the same bytes again, or apply. */
#include "journal/format/frame.h"
#include "journal/format/head.h"
#include "journal/format/part.h"
#include "journal/format/segment.h"
#include "journal/ground/ground.h"
#include "runtime/base/assert.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void try_segment(struct span body)
{
    struct segment segment;
    struct error error;
    if (!segment_decode(body, &segment, &error))
        return;
    struct buffer again = {0};
    struct state state;
    state_init(&state, NULL, 0);
    segment_begin(&again, &segment);
    struct cursor cursor = cursor_of(segment.batches);
    for (struct batch batch; segment_next_batch(&cursor, &batch);) {
        (void)state_apply_batch(&state, &batch.id, 1, batch.ops);
        segment_add_batch(&again, &batch);
    }
    ASSERT(segment_end(&again, &error));
    ASSERT(span_equal(buffer_span(&again), body));
    ASSERT(layer_digest(&state.changes) == state.digest);
    state_free(&state);
    buffer_free(&again);
}

static void try_head(struct span body)
{
    static struct head head;
    struct error error;
    if (!head_decode(body, &head, &error))
        return;
    struct buffer again = {0};
    ASSERT(head_encode(&head, &again, &error) && span_equal(buffer_span(&again), body));
    buffer_free(&again);
}

static struct part_name name_in(struct span body)
{
    struct part_name name = {0};
    if (body.size >= FRAME_HEADER_BYTES + 8 + JOURNAL_ID_BYTES) {
        name.generation = load_u64_le(body.data + FRAME_HEADER_BYTES);
        memcpy(&name.nonce, body.data + FRAME_HEADER_BYTES + 8, JOURNAL_ID_BYTES);
    }
    return name;
}

static void try_roll(struct span body)
{
    struct part_name name = name_in(body);
    struct segment_key *keys;
    uint32_t count;
    struct error error;
    if (!roll_decode(body, &name, &keys, &count, &error))
        return;
    struct buffer again = {0};
    ASSERT(roll_encode(&name, keys, count, &again, &error) && span_equal(buffer_span(&again), body));
    buffer_free(&again);
    free(keys);
}

static void try_state(struct span body)
{
    struct part_name name = name_in(body);
    struct layer layer = {0};
    struct error error;
    if (state_part_decode(body, &name, &layer, &error)) {
        struct buffer again = {0};
        ASSERT(state_part_encode(&name, &layer, true, &again, &error) && again.size <= body.size);
        buffer_free(&again);
    }
    layer_free(&layer);
}

static void try_ground(struct span body)
{
    struct ground ground;
    struct error error;
    if (!ground_decode(body, &ground, &error))
        return;
    struct buffer again = {0};
    ASSERT(ground_encode(&ground, &again, &error) && span_equal(buffer_span(&again), body));
    buffer_free(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static void (*const tries[])(struct span) = {try_segment, try_head, try_roll, try_state, try_ground};
    static const char *const magics[] = {SEGMENT_MAGIC, HEAD_MAGIC, ROLL_MAGIC, STATE_MAGIC, GROUND_MAGIC};
    if (size == 0)
        return 0;
    unsigned kind = (data[0] & 0x7f) % 5;
    struct span rest = span_of(data + 1, size - 1);
    if (data[0] & 0x80) {
        tries[kind](rest);
        return 0;
    }
    struct buffer body = {0};
    struct error error;
    size_t begin = frame_begin(&body);
    buffer_append(&body, rest);
    ASSERT(frame_end(&body, begin, magics[kind], &error));
    tries[kind](buffer_span(&body));
    buffer_free(&body);
    return 0;
}
