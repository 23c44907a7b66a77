/* tests/sim/run.c -- actors and oracles. */
#include "tests/sim/run.h"

#include "journal/journal.h"
#include "journal/part.h"
#include "journal/replica.h"
#include "runtime/base/assert.h"

#include <stdio.h>
#include <stdlib.h>

enum { BATCHES_MAX = 512, TRIES_MAX = 4, REPLICAS_MAX = 5, CALLERS_MAX = 3, STEPS_MAX = 400000 };

/* The truth about one batch; its number is what it appends to the lists. */
struct truth {
    struct journal_id id;
    bool has_id, is_committed, is_maybe, is_submitted;
    uint64_t committed_at;
    int after_program, after_cause; /* batches that must count before it, or -1 */
    unsigned tries;
    struct segment_key keys[TRIES_MAX];
    enum journal_outcome outcomes[TRIES_MAX];
};

struct actor {
    struct process process;
    struct journal *journal;
    uint64_t restart_at;
    uint64_t seen_digest, seen_generation, seen_good_tick;
    size_t seen_applied;
    bool visible[BATCHES_MAX];
    int last_committed;
    unsigned callers;
};

static struct run_result *result;
static struct journal_options options;
static struct truth truths[BATCHES_MAX];
static unsigned truths_count, batches_wanted;
static struct actor actors[REPLICAS_MAX];
static unsigned actors_count;
static bool is_ending, had_multi_page;
static struct head true_head;
static bool has_true_head;
static uint64_t multi_page_before;
static struct entries covered; /* stored key -> generation, as published */

static void violate(const char *rule, int batch, const char *text)
{
    if (result->is_violated)
        return;
    result->is_violated = true;
    (void)snprintf(result->violation, sizeof result->violation, "%s: batch %d: %s (at %llu ms)", rule, batch, text,
                   (unsigned long long)(world_now() / MS));
}

/* ---- what a replica serves ---- */

/* Marks what the list holds; -1, or the batch that is there twice. */
static int list_read(const struct state *state, struct span name, bool *ret_visible, unsigned *ret_count,
                     int *ret_order)
{
    struct cursor cursor = cursor_of(state_list(state, SPACE_TEST, SPAN("order"), name));
    int twice = -1;
    *ret_count = 0;
    memset(ret_visible, 0, BATCHES_MAX);
    while (cursor.rest.size > 0 && !cursor.failed) {
        (void)cursor_u32(&cursor);
        uint32_t number = cursor_u32(&cursor);
        if (number >= BATCHES_MAX)
            return (int)number;
        if (ret_visible[number])
            twice = (int)number;
        ret_visible[number] = true;
        if (ret_order != NULL)
            ret_order[number] = (int)*ret_count;
        ++*ret_count;
    }
    return twice;
}

static void check_state(const struct state *state, bool *ret_visible, int *ret_order)
{
    static bool twins[BATCHES_MAX];
    unsigned count, twins_count;
    int twice = list_read(state, SPAN("all"), ret_visible, &count, ret_order);
    if (twice >= 0)
        violate("J11", twice, "counts twice");
    (void)list_read(state, SPAN("twin"), twins, &twins_count, NULL);
    if (count != twins_count || memcmp(twins, ret_visible, sizeof twins) != 0)
        violate("J4", -1, "a batch is visible in part");
    int64_t sum = state_counter(state, SPACE_TEST, SPAN("sum"), SPAN("all"));
    int64_t expected = 0;
    for (unsigned i = 0; i < truths_count; i++) {
        expected += ret_visible[i] ? (i % 3 == 0 ? -100 : 70) : 0;
        if (ret_visible[i] && !truths[i].is_submitted)
            violate("J6", (int)i, "was never submitted");
    }
    if (sum != expected)
        violate("J11", -1, "the counter is not the sum of what is visible");
}

/* What a try showed that was never committed may be withdrawn (J6), also when another try of the same batch has been
 * committed meanwhile. */
static bool was_tried_again(const struct truth *truth)
{
    return truth->tries > 1;
}

static void check_replica(struct actor *actor)
{
    struct journal *journal = actor->journal;
    const struct state *state = journal == NULL ? NULL : journal_state(journal);
    if (state == NULL || actor->process.is_dead)
        return;
    static bool visible[BATCHES_MAX];
    if (state->digest != actor->seen_digest || journal->head->generation != actor->seen_generation ||
        journal->applied_count != actor->seen_applied) {
        check_state(state, visible, NULL);
        for (unsigned i = 0; i < truths_count; i++) {
            if (actor->visible[i] && truths[i].is_committed && !visible[i] && !was_tried_again(&truths[i]))
                violate("J19", (int)i, "was visible, is committed, and went away");
        }
        memcpy(actor->visible, visible, sizeof visible);
        actor->seen_digest = state->digest;
        actor->seen_generation = journal->head->generation;
        actor->seen_applied = journal->applied_count;
    }
    if (journal->good_tick_ns == actor->seen_good_tick)
        return;
    actor->seen_good_tick = journal->good_tick_ns;
    for (unsigned i = 0; i < truths_count; i++) {
        if (truths[i].is_committed && truths[i].committed_at < journal->good_tick_ns && !actor->visible[i])
            violate("J20", (int)i, "was committed before a good poll, and is not visible");
    }
}

static void after_step(void)
{
    for (unsigned i = 0; i < actors_count && !result->is_violated; i++)
        check_replica(&actors[i]);
    had_multi_page |= world_coverage.multi_page > multi_page_before;
}

/* ---- what the store shows ---- */

static void head_written(struct span body)
{
    static struct head head;
    struct error error;
    if (!head_decode(body, &head, &error)) {
        violate("J28", -1, "a head that cannot be read was published");
        return;
    }
    if (has_true_head &&
        (head.generation != true_head.generation + 1 || !journal_id_equal(&head.lineage, &true_head.lineage) ||
         head_ancestor(&head, true_head.generation) == NULL ||
         !journal_id_equal(&head_ancestor(&head, true_head.generation)->nonce, head_nonce(&true_head))))
        violate("J28", -1, "a head does not follow its predecessor");
    true_head = head;
    has_true_head = true;
    if (head.ancestors[0].folded_count == 0)
        return;
    struct part_name part = {head.generation, *head_nonce(&head), PART_LEDGER};
    char name[JOURNAL_NAME_BYTES];
    struct span ledger;
    struct segment_key *keys;
    uint32_t count;
    if (MUTATED(part_names_without_nonce))
        memset(&part.nonce, 0, sizeof part.nonce);
    part_name_format(&part, name);
    if (!world_object(name, &ledger) || !ledger_decode(ledger, &part, &keys, &count, &error)) {
        violate("J51", -1, "a head was published whose ledger is not there");
        return;
    }
    for (uint32_t i = 0; i < count; i++) {
        uint8_t stored[SEGMENT_KEY_STORED_BYTES];
        segment_key_store(&keys[i], stored);
        struct span key = span_of(stored, sizeof stored);
        if (entries_find(&covered, key, entries_hash(key)) != NULL)
            violate("J25", -1, "a segment was folded twice");
        (void)entries_put(&covered, key, entries_hash(key), span_of(&head.generation, 8));
    }
    free(keys);
}

static void name_deleted(const char *name)
{
    struct segment_key key;
    if (!segment_name_parse(span_from_string(name), &key))
        return;
    uint8_t stored[SEGMENT_KEY_STORED_BYTES];
    segment_key_store(&key, stored);
    struct span span = span_of(stored, sizeof stored);
    const struct entry *entry = entries_find(&covered, span, entries_hash(span));
    if (entry == NULL && key.base + true_head.window > true_head.generation)
        violate("J29", -1, "a segment was deleted that is live");
    else if (entry != NULL && load_u64_le(entry_value(entry).data) + 1 > true_head.generation)
        violate("J29", -1, "a segment was deleted under the head that covers it");
}

/* ---- callers ---- */

static int some_visible(const struct actor *actor)
{
    for (unsigned i = 0; i < 8 && truths_count > 0; i++) {
        unsigned number = (unsigned)world_below(truths_count);
        if (actor->visible[number])
            return (int)number;
    }
    return -1;
}

static unsigned new_truth(void)
{
    struct truth *truth = &truths[truths_count];
    *truth = (struct truth){.has_id = world_below(2), .after_program = -1, .after_cause = -1};
    random_fill(world_random(), &truth->id, sizeof truth->id);
    if (!truth->has_id)
        memset(&truth->id, 0, sizeof truth->id);
    return truths_count++;
}

static void put_ops(struct buffer *ops, uint32_t number)
{
    struct span value = span_of(&number, sizeof number);
    op_put(ops, &(struct op){OP_LIST_APPEND, SPACE_TEST, SPAN("order"), SPAN("all"), value});
    op_put_counter_add(ops, SPACE_TEST, SPAN("sum"), SPAN("all"), number % 3 == 0 ? -100 : 70);
    if (number % 4 == 0)
        op_put(ops, &(struct op){OP_MAP_PUT, SPACE_TEST, SPAN("map"), span_take(value, 1), value});
    if (number % 5 == 0)
        op_put(ops, &(struct op){OP_MAP_DELETE, SPACE_TEST, SPAN("map"), span_take(value, 1), SPAN_EMPTY});
    op_put(ops, &(struct op){OP_LIST_APPEND, SPACE_TEST, SPAN("order"), SPAN("twin"), value});
}

/* One try. Returns what became of it. */
static enum journal_outcome submit(struct actor *actor, unsigned number)
{
    struct truth *truth = &truths[number];
    struct journal *journal = actor->journal;
    struct buffer ops = {0};
    struct error error;
    put_ops(&ops, number);
    struct journal_batch batch = {truth->id, truth->tries > 0 ? truth->keys[0].base : 0, buffer_span(&ops)};
    truth->is_submitted = true;
    if (truth->tries == 0) {
        truth->after_program = actor->last_committed;
        truth->after_cause = some_visible(actor);
    }
    struct journal_answer answer = journal_submit(journal, &batch, &error);
    buffer_free(&ops);
    bool is_crashed = actor->process.is_dead || journal->is_stopping;
    if (is_crashed)
        answer.outcome = JOURNAL_UNKNOWN; /* what a process knew that died, nobody knows */
    if (answer.has_key && truth->tries < TRIES_MAX) {
        truth->keys[truth->tries] = answer.key;
        truth->outcomes[truth->tries++] = answer.outcome;
    }
    truth->is_maybe |= answer.outcome == JOURNAL_UNKNOWN || answer.outcome == JOURNAL_DAMAGED;
    if (answer.outcome == JOURNAL_COMMITTED) {
        truth->is_committed = true;
        truth->committed_at = world_now();
        static bool visible[BATCHES_MAX];
        const struct state *state = journal_state(journal);
        if (state == NULL) {
            violate("J18", (int)number, "committed, and the replica serves nothing");
        } else {
            check_state(state, visible, NULL);
            if (!visible[number])
                violate("J18", (int)number, "committed, and not visible where it was");
        }
        actor->last_committed = (int)number;
        actor->visible[number] = true;
    }
    return answer.outcome;
}

static void flush(struct actor *actor)
{
    static bool visible[BATCHES_MAX];
    uint64_t began = world_now();
    struct error error;
    if (!journal_flush(actor->journal, &error) || actor->process.is_dead)
        return;
    check_state(journal_state(actor->journal), visible, NULL);
    for (unsigned i = 0; i < truths_count; i++) {
        if (truths[i].is_committed && truths[i].committed_at <= began && !visible[i])
            violate("J22", (int)i, "was committed before the flush, and is not visible");
    }
}

static void caller_run(void *argument)
{
    struct actor *actor = argument;
    while (!actor->process.is_dead && !actor->journal->is_stopping && truths_count < batches_wanted && !is_ending) {
        world_sleep_ms(world_below(300) + (world_chance(10) ? world_below(20000) : 0));
        if (actor->process.is_dead || journal_state(actor->journal) == NULL)
            continue;
        if (world_chance(30))
            flush(actor);
        if (actor->process.is_dead || truths_count >= batches_wanted)
            continue;
        unsigned number = new_truth();
        enum journal_outcome outcome = submit(actor, number);
        /* surely not applied: another try is a new one; unknown: only with an id */
        for (unsigned i = 0; i < 2 && !actor->process.is_dead &&
                             (outcome == JOURNAL_REJECTED || (outcome == JOURNAL_UNKNOWN && truths[number].has_id));
             i++) {
            world_sleep_ms(world_below(500));
            if (!actor->process.is_dead)
                outcome = submit(actor, number);
        }
    }
    actor->callers--;
}

/* Takes up, after a restart, what an earlier incarnation left open. */
static void retry_run(void *argument)
{
    struct actor *actor = argument;
    for (unsigned i = 0; i < truths_count && !actor->process.is_dead && !is_ending; i++) {
        struct truth *truth = &truths[i];
        if (!truth->has_id || truth->is_committed || !truth->is_maybe || truth->tries == 0 ||
            truth->tries >= TRIES_MAX || world_below(3) != 0)
            continue;
        world_sleep_ms(world_below(400));
        if (!actor->process.is_dead && journal_state(actor->journal) != NULL)
            (void)submit(actor, i);
    }
    actor->callers--;
}

/* ---- processes ---- */

static void crashed(struct process *process)
{
    struct actor *actor = LIST_ELEMENT(process, struct actor, process);
    journal_stop(actor->journal);
    actor->restart_at = world_now() + world_below(3000) * MS;
}

static void start(struct actor *actor)
{
    actor->process.crashed = crashed;
    process_begin(&actor->process, (unsigned)(actor - actors));
    struct journal_environment environment = {&actor->process.store, &actor->process.clock, world_random(),
                                              &actor->process.scheduler};
    actor->seen_digest = actor->seen_generation = actor->seen_good_tick = 0;
    actor->seen_applied = SIZE_MAX;
    memset(actor->visible, 0, sizeof actor->visible);
    actor->last_committed = -1;
    actor->journal = journal_open(&environment, &options);
    if (is_ending)
        return;
    actor->callers = 1 + (unsigned)world_below(CALLERS_MAX);
    for (unsigned i = 1; i < actor->callers; i++)
        (void)world_spawn(&actor->process, caller_run, actor);
    (void)world_spawn(&actor->process, retry_run, actor);
}

/* F31: the process and its memory are there twice; both go on under one writer id. */
static void clone_writer(void)
{
    const struct actor *from = &actors[world_below(actors_count)];
    struct actor *to = &actors[world_below(actors_count)];
    if (from == to || from->process.is_dead || to->process.is_dead || from->journal == NULL || to->journal == NULL)
        return;
    to->journal->writer = from->journal->writer;
    to->journal->sequence = from->journal->sequence;
    to->journal->clock = from->journal->clock;
    to->process.wall_offset_ms = from->process.wall_offset_ms;
}

static void supervisor_run(void *argument)
{
    bool *is_over = argument;
    while (!*is_over) {
        world_sleep_ms(100);
        if (*is_over)
            break;
        if (world_faults && world_chance(3))
            clone_writer();
        for (unsigned i = 0; i < actors_count; i++) {
            struct actor *actor = &actors[i];
            if (actor->journal != NULL && actor->process.is_dead && world_tasks_of(&actor->process) == 0 &&
                journal_is_idle(actor->journal)) {
                journal_free(actor->journal);
                actor->journal = NULL;
            }
            if (actor->journal == NULL && world_now() >= actor->restart_at)
                start(actor);
        }
    }
}

/* ---- the end ---- */

static bool never(void)
{
    return result->is_violated;
}

static bool is_worked_off(void)
{
    if (result->is_violated)
        return true;
    return truths_count >= batches_wanted;
}

static void do_nothing(void)
{
}

static unsigned end_done;

static void resolve_run(void *argument)
{
    struct actor *actor = argument;
    struct error error;
    for (unsigned i = 0; i < 60 && !journal_flush(actor->journal, &error); i++)
        world_sleep_ms(500);
    for (unsigned i = 0; i < truths_count && !result->is_violated; i++) {
        struct truth *truth = &truths[i];
        for (unsigned t = 0; t < truth->tries; t++) {
            struct journal_answer answer = journal_resolve(actor->journal, &truth->keys[t]);
            enum journal_outcome *known = &truth->outcomes[t];
            if (answer.outcome == JOURNAL_UNKNOWN)
                continue;
            if (*known != JOURNAL_UNKNOWN && *known != answer.outcome)
                violate("J3", (int)i, "two answers about one key");
            *known = answer.outcome;
            truth->is_committed |= answer.outcome == JOURNAL_COMMITTED;
        }
    }
    (void)journal_flush(actor->journal, &error);
    end_done++;
}

static bool all_have_ended(void)
{
    return result->is_violated || end_done == actors_count;
}

static void check_end(void)
{
    static bool visible[BATCHES_MAX];
    static int order[BATCHES_MAX];
    for (unsigned i = 0; i < actors_count; i++) {
        const struct state *state = journal_state(actors[i].journal);
        if (state == NULL) {
            violate("J35", -1, "a replica is not ready at the end");
            return;
        }
        check_state(state, visible, order);
        if (actors[i].journal->head->generation == actors[0].journal->head->generation &&
            state->digest != journal_state(actors[0].journal)->digest)
            violate("J23", -1, "two replicas have different states");
        for (unsigned b = 0; b < truths_count; b++) {
            const struct truth *truth = &truths[b];
            if (truth->is_committed && !visible[b])
                violate("J1", (int)b, "was committed, and is lost");
            bool all_rejected = truth->tries > 0 && !truth->is_committed && !truth->is_maybe;
            for (unsigned t = 0; t < truth->tries; t++)
                all_rejected &= truth->outcomes[t] == JOURNAL_REJECTED;
            if (all_rejected && visible[b])
                violate("J2", (int)b, "was rejected, and is there");
            int before = truth->after_program;
            if (visible[b] && before >= 0 && visible[before] && order[before] > order[b])
                violate("J9", (int)b, "counts before what its caller had committed first");
            before = truth->after_cause;
            if (visible[b] && before >= 0 && truths[before].is_committed && visible[before] &&
                order[before] > order[b] && !had_multi_page)
                violate("J10", (int)b, "counts before what its writer could see");
        }
        if (actors[i].journal->counters.alarms[ALARM_DIGEST] > 0)
            violate("J24", -1, "a warm state was not the cold one");
    }
}

/* J32: after some more generations nothing is left but the window, the head and what it names. */
static void drive_run(void *argument)
{
    struct actor *actor = argument;
    for (unsigned i = 0; i < 3 * (options.window + 4) && actor->journal->has_head; i++) {
        actor->journal->must_drive = true;
        world_sleep_ms(2 * options.fold_gap_ms);
    }
    end_done = actors_count;
}

static void check_leftover(const char *name)
{
    struct segment_key key;
    if (segment_name_parse(span_from_string(name), &key) && key.base + true_head.window + 4 < true_head.generation)
        violate("J32", -1, "a dead segment was never removed");
}

static void check_leftovers(void)
{
    (void)world_names(SEGMENTS_PREFIX, check_leftover);
    if (world_names(PARTS_PREFIX, NULL) > options.horizon + 4 + HEAD_LAYERS_MAX)
        violate("J32", -1, "parts pile up");
    if (world_names(HEADS_PREFIX, NULL) > 8)
        violate("J32", -1, "copies of heads pile up");
}

static void draw_parameters(void)
{
    static const unsigned choices[] = {0, 0, 5, 20, 60, 200};
    unsigned *rates[] = {&world_rates.lost, &world_rates.answer_lost, &world_rates.late, &world_rates.twice,
                         &world_rates.conflict};
    for (unsigned i = 0; i < 5; i++)
        *rates[i] = choices[world_below(6)];
    world_rates.crash = (unsigned)(world_below(3) * world_below(4));
    world_rates.pause = (unsigned)(world_below(3) * world_below(8));
    world_rates.delete_part = world_below(2) ? 0 : 300;
    world_rates.late_ms_max = world_below(2) ? 2000 : 30000;
    world_rates.pause_ms_max = world_below(2) ? 1000 : 20000;
    world_rates.latency_ms_max = world_below(2) ? 20 : 120;
    world_rates.page_names = world_below(2) ? 1000 : 1 + (unsigned)world_below(12);
    options = (struct journal_options){.window = 4 + (unsigned)world_below(3), .may_seed = true};
    options.horizon = options.window + 4 + (unsigned)world_below(8);
    options.fold_gap_ms = 60 + (unsigned)world_below(300);
    options.poll_ms = 50 + (unsigned)world_below(400);
    options.linger_ms = 1 + (unsigned)world_below(20);
    options.request_ms = 300 + (unsigned)world_below(500);
    options.decide_ms = 3000 + (unsigned)world_below(6000);
    options.fold_age_ms = 50 + (unsigned)world_below(600);
    options.fold_segments_max = world_below(2) ? 0 : 1 + (unsigned)world_below(8);
    batches_wanted = 100 + (unsigned)world_below(60);
    actors_count = 2 + (unsigned)world_below(REPLICAS_MAX - 1);
}

static void end_phase(void)
{
    world_faults = false;
    is_ending = true;
    bool stuck = !world_run(never, after_step, world_now() + UINT64_C(60000) * MS, STEPS_MAX);
    for (unsigned i = 0; i < actors_count; i++) {
        if (actors[i].journal == NULL) {
            actors[i].restart_at = 0;
            start(&actors[i]);
        }
    }
    end_done = 0;
    for (unsigned i = 0; i < actors_count && !result->is_violated; i++)
        (void)world_spawn(NULL, resolve_run, &actors[i]);
    stuck |= !world_run(all_have_ended, after_step, world_now() + UINT64_C(600000) * MS, STEPS_MAX);
    if (!result->is_violated && (stuck || end_done < actors_count))
        violate("J33", -1, "the end was not reached");
    end_done = 0; /* once more, when all that was undecided has been decided */
    for (unsigned i = 0; i < actors_count && !result->is_violated; i++)
        (void)world_spawn(NULL, resolve_run, &actors[i]);
    (void)world_run(all_have_ended, after_step, world_now() + UINT64_C(600000) * MS, STEPS_MAX);
    if (!result->is_violated)
        check_end();
    end_done = 0;
    world_rates.page_names = STORE_PAGE_NAMES_MAX;
    (void)world_spawn(NULL, drive_run, &actors[0]);
    (void)world_run(all_have_ended, after_step, world_now() + UINT64_C(600000) * MS, STEPS_MAX);
    if (!result->is_violated)
        check_leftovers();
}

/* Stops everything. What a seed has left open now would leak into the next one: J50. */
static void tear_down(bool *is_over)
{
    *is_over = true;
    world_faults = false;
    world_observer = (struct store_observer){NULL, NULL};
    struct run_result kept = *result;
    result->is_violated = false; /* run on */
    for (unsigned i = 0; i < actors_count; i++) {
        if (actors[i].journal != NULL)
            process_kill(&actors[i].process);
    }
    (void)world_run(never, do_nothing, world_now() + UINT64_C(700000) * MS, STEPS_MAX);
    *result = kept;
    for (unsigned i = 0; i < actors_count; i++) {
        if (actors[i].journal == NULL)
            continue;
        if (journal_is_idle(actors[i].journal))
            journal_free(actors[i].journal);
        else
            violate("J50", -1, "tasks of a stopped journal go on");
        actors[i].journal = NULL;
    }
}

void run_seed(uint64_t seed, struct run_result *ret_result)
{
    static bool is_over;
    *ret_result = (struct run_result){0};
    result = ret_result;
    world_begin(seed);
    multi_page_before = world_coverage.multi_page;
    truths_count = 0;
    is_over = is_ending = had_multi_page = has_true_head = false;
    entries_free(&covered);
    memset(actors, 0, sizeof actors);
    draw_parameters();
    world_observer = (struct store_observer){head_written, name_deleted};
    world_faults = true;
    (void)world_spawn(NULL, supervisor_run, &is_over);
    (void)world_run(is_worked_off, after_step, world_now() + UINT64_C(400000) * MS, STEPS_MAX);
    if (!result->is_violated)
        end_phase();
    result->trace = world_trace();
    result->generations = has_true_head ? true_head.generation : 0;
    result->batches = truths_count;
    for (unsigned i = 0; i < truths_count; i++) {
        result->committed += truths[i].is_committed;
        result->unknown += !truths[i].is_committed && truths[i].is_maybe;
    }
    result->rejected = truths_count - result->committed - result->unknown;
    tear_down(&is_over);
    world_end();
}
