/* tests/sim/oracle/segments.c -- the account of segments and generations, and the judgement of every fold. */
#include "tests/sim/oracle/segments.h"

#include "runtime/base/assert.h"
#include "tests/sim/coverage.h"
#include "tests/sim/oracle/fates.h"
#include "tests/sim/simulation.h"

#include <stdlib.h>

static struct {
    struct known_segment segments[SEGMENTS_MAX];
    struct buffer bodies[SEGMENTS_MAX];
    unsigned count;
    struct entries index; /* stored key -> number */
    struct known_commit commits[SEGMENTS_MAX];
    unsigned commits_count;
    struct known_generation *generations;
    size_t generations_count, generations_capacity;
    unsigned places;
    uint32_t numbers[BATCHES_MAX * TRIES_MAX];
    uint64_t number_folded[BATCHES_MAX]; /* generation; 0: none */
    bool number_has_id[BATCHES_MAX];
    struct layer reference;
    uint64_t reference_digest;
    struct entries opened; /* spool -> generation in which it was opened first */
} known;

void segments_begin(void)
{
    for (unsigned i = 0; i < known.count; i++)
        buffer_free(&known.bodies[i]);
    entries_free(&known.index);
    entries_free(&known.opened);
    layer_free(&known.reference);
    known.count = known.commits_count = known.places = 0;
    known.generations_count = 0;
    known.reference_digest = 0;
    memset(known.number_folded, 0, sizeof known.number_folded);
}

/* ---- segments ---- */

int segment_index(const struct segment_key *key)
{
    uint8_t stored[SEGMENT_KEY_STORED_BYTES];
    segment_key_store(key, stored);
    struct span span = span_of(stored, sizeof stored);
    uint64_t hash = entries_hash(span);
    const struct entry *entry = entries_find(&known.index, span, hash);
    if (entry != NULL)
        return (int)load_u32_le(entry_value(entry).data);
    ASSERT(known.count < SEGMENTS_MAX);
    uint32_t index = known.count++;
    known.segments[index] = (struct known_segment){.key = *key};
    known.bodies[index] = (struct buffer){0};
    (void)entries_put(&known.index, span, hash, span_of(&index, sizeof index));
    return (int)index;
}

struct known_segment *segment_known(int index)
{
    ASSERT(index >= 0 && (unsigned)index < known.count);
    return &known.segments[index];
}

unsigned segments_count(void)
{
    return known.count;
}

static uint32_t number_of(struct span ops)
{
    struct cursor cursor = cursor_of(ops);
    for (struct op op; op_read(&cursor, &op) == OP_READ;) {
        if (op.kind == OP_LIST_APPEND && span_equal(op.key, SPAN("all")) && op.value.size == 4)
            return load_u32_le(op.value.data);
    }
    return NO_BATCH;
}

void segment_learn_body(int index, struct span body)
{
    struct known_segment *known_segment = segment_known(index);
    struct segment segment;
    struct error error;
    if (known_segment->has_body || !segment_decode(body, &segment, &error) ||
        !segment_key_equal(&segment.key, &known_segment->key))
        return;
    known_segment->has_body = true;
    buffer_append(&known.bodies[index], body);
    struct cursor cursor = cursor_of(segment.batches);
    for (struct batch batch; segment_next_batch(&cursor, &batch);) {
        ASSERT(known_segment->batches_count < SEGMENT_BATCHES_MAX);
        known_segment->batches[known_segment->batches_count++] =
            (struct known_batch){number_of(batch.ops), !journal_id_is_zero(&batch.id)};
    }
}

const struct known_commit *commits(unsigned *ret_count)
{
    *ret_count = known.commits_count;
    return known.commits;
}

void segment_told(const struct segment_key *key, enum journal_outcome outcome)
{
    int index = segment_index(key);
    struct known_segment *segment = segment_known(index);
    if (outcome == JOURNAL_COMMITTED && !segment->is_committed) {
        if (segment->is_rejected && !segment->is_touched)
            violate("J3", -1, "committed, and somebody was told rejected");
        segment->is_committed = true;
        known.commits[known.commits_count++] = (struct known_commit){index, world_now()};
    } else if (outcome == JOURNAL_REJECTED && !segment->is_rejected) {
        if (segment->is_committed && !segment->is_touched)
            violate("J3", -1, "rejected, and somebody was told committed");
        else if (segment->covered != 0)
            violate("J2", -1, "rejected, and it is in a checkpoint");
        segment->is_rejected = true;
    }
}

/* ---- order ---- */

/* `after` is covered: under this generation what must count before it is covered before it, or never counts. */
static void check_pair(const struct known_segment *after, const struct known_pair *pair, uint64_t generation)
{
    const struct known_segment *before = segment_known(pair->before);
    if (before->is_touched || after->is_touched)
        return;
    if (before->covered != 0 && before->place < after->place)
        return;
    if (pair->is_program)
        violate("J9", -1, "a segment was folded before one that its writer had committed first");
    else if (before->covered != 0 || before->key.base + sim.options.window > generation)
        violate("J10", -1, "a segment was folded before one that its writer could see");
}

void segment_must_follow(int after, int before, bool is_program)
{
    struct known_segment *segment = segment_known(after);
    if (before == NO_SEGMENT || before == after || segment->pairs_count == SEGMENT_PAIRS_MAX)
        return;
    for (unsigned i = 0; i < segment->pairs_count; i++) {
        if (segment->pairs[i].before == before && segment->pairs[i].is_program == is_program)
            return;
    }
    struct known_pair *pair = &segment->pairs[segment->pairs_count++];
    *pair = (struct known_pair){before, is_program};
    if (segment->covered != 0)
        check_pair(segment, pair, known.generations_count);
}

/* ---- generations ---- */

uint64_t generations_count(void)
{
    return known.generations_count;
}

const struct known_generation *generation_known(uint64_t generation)
{
    ASSERT(generation >= 1 && generation <= known.generations_count);
    return &known.generations[generation - 1];
}

const uint32_t *folded_numbers(void)
{
    return known.numbers;
}

bool number_is_folded(uint32_t number, uint64_t generation)
{
    return number < BATCHES_MAX && known.number_folded[number] != 0 && known.number_folded[number] <= generation;
}

const struct layer *reference_layer(void)
{
    return &known.reference;
}

/* Appends what the segment's batches append; an id that has counted makes a batch nothing. */
static unsigned fold_numbers(const struct known_segment *segment, uint64_t generation, unsigned numbers)
{
    for (unsigned i = 0; i < segment->batches_count; i++) {
        const struct known_batch *batch = &segment->batches[i];
        if (batch->number >= BATCHES_MAX || (batch->has_id && known.number_folded[batch->number] != 0))
            continue;
        if (known.number_folded[batch->number] != 0)
            violate("J11", (int)batch->number, "was folded twice");
        known.number_folded[batch->number] = generation;
        ASSERT(numbers < sizeof known.numbers / sizeof *known.numbers);
        known.numbers[numbers++] = batch->number;
    }
    return numbers;
}

static void fold_segment(int index, uint64_t generation, uint64_t window)
{
    struct known_segment *segment = segment_known(index);
    if (segment->covered != 0)
        violate("J25", -1, "a segment was folded twice");
    else if (segment->is_rejected)
        violate("J2", -1, "a segment was folded of which somebody was told that it is rejected");
    else if (segment->key.base + window < generation && !segment->is_touched)
        violate("J25", -1, "a segment was folded that the head before rejects");
    if (!segment->has_body)
        violate("J25", -1, "a segment was folded that nobody wrote");
    segment->covered = generation;
    segment->place = known.places++;
}

static uint64_t stored_at(const struct known_segment *segment)
{
    char name[JOURNAL_NAME_BYTES];
    segment_name_format(&segment->key, name);
    return fate_of(name)->created_at;
}

/* What was stored before a segment and sorts in front of it may be what its writer saw: a fold takes both or neither.
 * What must be taken because of its age is taken in any case. */
static void check_closed(const struct known_segment *after, uint64_t generation, uint64_t window)
{
    uint64_t after_at = stored_at(after);
    if (after->key.base + window <= generation || after->is_touched)
        return;
    for (unsigned i = 0; i < known.count; i++) {
        const struct known_segment *before = &known.segments[i];
        if (before->covered != 0 || before->is_touched || before->key.base + window <= generation ||
            segment_key_compare(&before->key, &after->key) >= 0)
            continue;
        uint64_t before_at = stored_at(before);
        if (before_at != 0 && before_at < after_at && !fate_is_shadowed(&before->key, generation, false))
            violate("J26", -1, "a fold passed over what was stored before and sorts in front");
    }
}

/* No committed segment is put out of reach: J1, J13. */
static void check_reach(uint64_t generation, uint64_t window)
{
    for (unsigned i = 0; i < known.count; i++) {
        const struct known_segment *segment = &known.segments[i];
        if (segment->is_committed && segment->covered == 0 && !segment->is_touched &&
            segment->key.base + window <= generation)
            violate("J13", -1, "a committed segment was put out of reach");
    }
}

/* A spool that was drained and closed is not opened by whoever has a copy of it, while the id of the first open is
 * remembered; afterwards nobody can tell. Asked before the batch is applied. */
static void check_opens(const struct state *state, const struct batch *batch, const struct head *head)
{
    bool is_known = !journal_id_is_zero(&batch->id) && state_has_batch(state, &batch->id);
    struct cursor cursor = cursor_of(batch->ops);
    for (struct op op; op_read(&cursor, &op) == OP_READ;) {
        uint64_t last;
        struct journal_id spool;
        if (op.kind != OP_SPOOL_OPEN)
            continue;
        memcpy(&spool, op.key.data, sizeof spool);
        bool is_open = state_spool_last(state, &spool, &last);
        COVER_IF(is_known && !is_open, opened_again);
        if (is_known || is_open)
            continue;
        uint64_t hash = entries_hash(op.key);
        const struct entry *first = entries_find(&known.opened, op.key, hash);
        if (first != NULL && load_u64_le(entry_value(first).data) + head->horizon > head->generation)
            violate("Annex C", -1, "a spool was opened, drained and closed, and then opened again");
        (void)entries_put(&known.opened, op.key, hash, span_of(&head->generation, sizeof head->generation));
    }
}

static void fold_batches(struct state *state, const struct segment *segment, const struct head *head)
{
    struct cursor cursor = cursor_of(segment->batches);
    for (struct batch batch; segment_next_batch(&cursor, &batch);) {
        check_opens(state, &batch, head);
        (void)state_apply_batch(state, &batch.id, head->generation, batch.ops);
    }
}

/* The same fold once more, with every rule in force. */
static void fold_reference(const struct head *head, const struct segment_key *keys, uint32_t count)
{
    enum journal_mutation mutation = journal_mutation;
    journal_mutation = MUTATION_none;
    struct state state;
    state_init(&state, &known.reference, known.reference_digest);
    for (uint32_t i = 0; i < count; i++) {
        struct segment segment;
        struct error error;
        if (segment_decode(buffer_span(&known.bodies[segment_index(&keys[i])]), &segment, &error))
            fold_batches(&state, &segment, head);
    }
    if (head->generation > head->horizon)
        state_expire(&state, head->generation - head->horizon);
    known.reference_digest = state.digest;
    layer_absorb(&known.reference, &state.changes);
    journal_mutation = mutation;
    if (known.reference_digest != head->digest)
        violate("J25", -1, "the checkpoint's state is not the fold of what is covered");
}

void generation_publish(const struct known_generation *generation, const struct head *head,
                        const struct segment_key *keys, uint32_t count)
{
    if (known.generations_count == known.generations_capacity) {
        known.generations_capacity = known.generations_capacity == 0 ? 256 : 2 * known.generations_capacity;
        known.generations = realloc(known.generations, known.generations_capacity * sizeof *known.generations);
        ASSERT(known.generations != NULL);
    }
    unsigned numbers = 0;
    if (known.generations_count > 0)
        numbers = known.generations[known.generations_count - 1].numbers;
    for (uint32_t i = 0; i < count; i++) {
        int index = segment_index(&keys[i]);
        fold_segment(index, head->generation, head->window);
        numbers = fold_numbers(segment_known(index), head->generation, numbers);
    }
    for (uint32_t i = 0; i < count; i++) {
        const struct known_segment *segment = segment_known(segment_index(&keys[i]));
        for (unsigned p = 0; p < segment->pairs_count; p++)
            check_pair(segment, &segment->pairs[p], head->generation);
        check_closed(segment, head->generation, head->window);
    }
    fold_reference(head, keys, count);
    known.generations[known.generations_count] = *generation;
    known.generations[known.generations_count].places = known.places;
    known.generations[known.generations_count++].numbers = numbers;
    check_reach(head->generation, head->window);
}
