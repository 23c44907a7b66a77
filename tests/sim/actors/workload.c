/* tests/sim/actors/workload.c -- what a seed is made of, and the callers that submit, ask again and submit again. */
#include "tests/sim/actors/workload.h"

#include "runtime/base/assert.h"
#include "tests/sim/actors/changers.h"
#include "tests/sim/actors/disk.h"
#include "tests/sim/actors/interference.h"
#include "tests/sim/actors/pipes.h"
#include "tests/sim/coverage.h"
#include "tests/sim/oracle/fates.h"
#include "tests/sim/oracle/oracle.h"
#include "tests/sim/world/faults.h"
#include "tests/sim/world/objects.h"

#include <stdlib.h>

enum { CALLERS_MAX = 3, CAUSES_MAX = 24, CALM_ACK_MS_MAX = 10000 }; /* of requests that take up to 200 ms each */

/* No faults, and the proportions of the default options: here writers must get on (J52), and readers be fresh (J20). */
static void draw_calm(void)
{
    sim.is_calm = true;
    world_rates.special = SPECIAL_NONE;
    world_rates.page_names = STORE_PAGE_NAMES_MAX;
    world_rates.quiet_latency_ms_max = 20 + world_below(80);
    sim.options.window = 6;
    sim.options.horizon = 24;
    sim.options.fold_gap_ms = 1000;
    sim.options.poll_ms = 2000;
    sim.options.request_ms = 2000;
    sim.options.fold_age_ms = 500 + (unsigned)world_below(2000);
    sim.options.fold_segments_max = 0;
}

/* What chance alone hardly ever meets is sought in a part of the seeds. */
static void draw_bias(void)
{
    switch (world_below(10)) {
    case 0:
        draw_calm();
        break;
    case 1: /* generations that come faster than requests are answered, and tasks that stand still between two steps */
    case 2:
        sim.hasty_count = 1 + (unsigned)world_below(sim.actors_count);
        world_rates.latency_ms_max = 1 + world_below(8);
        world_rates.late = 200;
        world_rates.late_ms_max = 2000;
        world_rates.pause = 10 + (unsigned)world_below(20);
        world_rates.pause_ms_max = 300 + world_below(1000);
        if (world_below(2)) { /* and one of them looks at old listings, while others leave much to do */
            sim.has_stale_lists = true;
            sim.slow_list_ms = 150 + world_below(600);
            sim.options.request_ms = 2000;
            sim.options.fold_segments_max = 1;
            sim.options.poll_ms = 50;
            sim.think_ms = 30;
        }
        break;
    case 3: /* the one compactor's listings last longer than it takes to see and to write */
        sim.has_one_compactor = true;
        sim.options.fold_age_ms = 20;
        sim.options.fold_gap_ms = 300;
        sim.slow_list_ms = 20 + world_below(200);
        world_rates.page_names = 1 + (unsigned)world_below(2);
        world_rates.latency_ms_max = 1 + world_below(20);
        sim.think_ms = 30;
        sim.options.linger_ms = 1;
        sim.options.poll_ms = 50;
        sim.options.request_ms = 2000;
        break;
    case 4: /* it publishes long after it has listed; who dies while he writes starts again when that has landed */
        sim.has_one_compactor = sim.has_stale_lists = sim.restarts_late = true;
        sim.has_spools |= world_rates.special == SPECIAL_NONE;
        sim.options.window = 4;
        sim.options.horizon = 10;
        sim.options.fold_age_ms = 20;
        sim.options.fold_gap_ms = 60;
        sim.slow_list_ms = 300 + world_below(500);
        sim.options.poll_ms = 50;
        sim.options.request_ms = 2000;
        world_rates.latency_ms_max = 1 + world_below(20);
        world_rates.page_names = STORE_PAGE_NAMES_MAX;
        world_rates.crash = world_rates.crash_at_point = 0; /* but for those who write: tests/sim/world/requests.c */
        break;
    default:
        break;
    }
}

/* What goes away while a view is being made that has it: views take as long as polls, in slices of a batch or two. */
static void draw_slow_views(void)
{
    sim.options.slice_bytes = 200 + (size_t)world_below(400);
    sim.options.poll_ms = 50;
    sim.options.fold_age_ms = 500;
    world_rates.slice_ms_max = 20 + world_below(100);
    world_rates.interference = 100;
}

void workload_draw(void)
{
    sim.is_calm = false;
    sim.has_spools = world_below(2) && (world_rates.special == SPECIAL_NONE || world_rates.special == SPECIAL_REFUSES ||
                                        world_rates.special == SPECIAL_VANISH || world_rates.special == SPECIAL_DAMAGE);
    sim.disk_copies = sim.has_spools && world_below(4) == 0 ? 2 : 0;
    sim.has_former = world_rates.special == SPECIAL_MIXED && world_below(2);
    for (unsigned i = 0; i <= REPLICAS_MAX; i += 2)
        sim.actors[i].is_upgraded = sim.has_former; /* so every other process is of the former version */
    sim.hasty_count = 0;
    sim.slow_list_ms = 0;
    sim.has_stale_lists = sim.has_one_compactor = sim.restarts_late = false;
    sim.think_ms = 300;
    sim.options =
        (struct journal_options){.window = 4 + (unsigned)world_below(3), .may_seed = true, .trusts_store = true};
    sim.options.horizon = sim.options.window + 4 + (unsigned)world_below(8);
    sim.options.fold_gap_ms = 60 + (unsigned)world_below(300);
    sim.options.poll_ms = 50 + (unsigned)world_below(400);
    sim.options.linger_ms = 1 + (unsigned)world_below(20);
    sim.options.request_ms = 300 + (unsigned)world_below(500);
    sim.options.decide_ms = 3000 + (unsigned)world_below(6000);
    sim.options.fold_age_ms = 50 + (unsigned)world_below(600);
    sim.options.queue_ms = world_below(2) ? 0 : 60000;
    sim.options.slice_bytes = world_below(2) ? 0 : 500 + (size_t)world_below(20000);
    sim.options.fold_segments_max = world_below(2) ? 0 : 1 + (unsigned)world_below(8);
    sim.options.quarantine_max = world_below(2) ? 0 : 1 + (unsigned)world_below(2);
    sim.batches_wanted = 101 + (unsigned)world_below(40);
    sim.actors_count = 2 + (unsigned)world_below(REPLICAS_MAX - 1);
    if (world_rates.special == SPECIAL_SHAPES) {
        sim.options.segment_bytes_max = 64 << 10;
        sim.options.live_bytes_max = 512 << 10;
    }
    if (world_rates.special == SPECIAL_SLOW) /* slower than the folds, and not than any request may last */
        sim.options.request_ms = 2000;
    if (world_rates.special == SPECIAL_IDLE) { /* whoever looks often makes the hours long */
        sim.options.poll_ms = 2000;
        sim.options.fold_gap_ms = 1000;
    }
    if (world_rates.special == SPECIAL_BAD_STORE || world_rates.special == SPECIAL_TESTED)
        sim.options.trusts_store = false;
    else if (world_rates.special != SPECIAL_IDLE && world_rates.special != SPECIAL_SLOW)
        draw_bias();
    if (world_rates.special == SPECIAL_VANISH && world_below(2))
        draw_slow_views();
}

static unsigned new_truth(void)
{
    struct truth *truth = &sim.truths[sim.truths_count];
    *truth = (struct truth){.has_id = world_below(2)};
    random_fill(world_random(), &truth->id, sizeof truth->id);
    if (!truth->has_id)
        memset(&truth->id, 0, sizeof truth->id);
    return sim.truths_count++;
}

/* F29: many small ops, or a large one. */
static void put_bulk(struct buffer *ops)
{
    static uint8_t bytes[48 << 10];
    unsigned count = world_below(4) == 0 ? 200 : (unsigned)world_below(3);
    size_t size = world_below(4) == 0 ? (size_t)world_below(sizeof bytes) : (size_t)world_below(20);
    COVER_IF(size > 32 << 10, huge_batches);
    for (unsigned i = 0; i < count; i++) {
        uint16_t key = (uint16_t)world_below(500);
        op_put(ops, &(struct op){OP_MAP_PUT, SPACE_TEST, SPAN("bulk"), span_of(&key, sizeof key),
                                 span_of(bytes, i == 0 ? size : size % 20)});
    }
}

/* F29: too large, not to be encoded, of a kind that nobody knows. Refused, and nobody else notices (J5). */
static void submit_nonsense(struct actor *actor)
{
    static uint8_t bytes[OP_VALUE_BYTES_MAX + 1];
    struct buffer ops = {0};
    struct error error;
    enum op_kind kind = world_below(2) ? OP_MAP_PUT : (enum op_kind)(OP_KIND_LAST + 1 + world_below(100));
    op_put(&ops, &(struct op){kind, SPACE_TEST, SPAN("bulk"), SPAN("k"), span_of(bytes, sizeof bytes)});
    struct journal_batch batch = {.ops = span_take(buffer_span(&ops), world_below(2) ? ops.size : ops.size - 1)};
    struct journal_answer answer = journal_submit(actor->journal, &batch, &error);
    if (answer.outcome != JOURNAL_REFUSED)
        violate("J5", -1, "a batch that cannot be written was admitted");
    COVER(nonsense_refused);
    buffer_free(&ops);
}

/* J40: ops that old processes do not know, and that leave nothing behind: the tasks of the ending know every op, and
 * what they have read for a journal of the former version its own tasks may fold. */
static void put_newer(struct buffer *ops)
{
    struct journal_id spool;
    random_fill(world_random(), &spool, sizeof spool);
    op_put_spool_open(ops, &spool);
    op_put_spool_close(ops, &spool);
}

static void put_ops(struct buffer *ops, uint32_t number)
{
    struct span value = span_of(&number, sizeof number);
    op_put(ops, &(struct op){OP_LIST_APPEND, SPACE_TEST, SPAN("order"), SPAN("all"), value});
    op_put_counter_add(ops, SPACE_TEST, SPAN("sum"), SPAN("all"), truth_amount(number));
    if (number % 4 == 0)
        op_put(ops, &(struct op){OP_MAP_PUT, SPACE_TEST, SPAN("map"), span_take(value, 1), value});
    if (number % 5 == 0)
        op_put(ops, &(struct op){OP_MAP_DELETE, SPACE_TEST, SPAN("map"), span_take(value, 1), SPAN_EMPTY});
    if (world_rates.special == SPECIAL_SHAPES)
        put_bulk(ops);
    op_put(ops, &(struct op){OP_LIST_APPEND, SPACE_TEST, SPAN("order"), SPAN("twin"), value});
}

/* Whoever acknowledges has read a head after the PUT was answered: it was there then (J36). What was acknowledged under
 * an old head that somebody put back is nobody's promise. */
static void check_ack_without_head(const struct actor *actor, const struct segment_key *key, int number)
{
    char name[JOURNAL_NAME_BYTES];
    segment_name_format(key, name);
    if (interference_is_hidden(actor)) {
        if (interference_head() == HEAD_IS_OLD)
            fate_touch(key);
        return;
    }
    if (interference_head() != HEAD_IS_TRUE && fate_of(name)->created_at > interference_head_since())
        violate("J36", number, "was acknowledged while the head was missing, damaged or an old one");
}

static uint32_t ops_count(struct span ops)
{
    uint32_t count = 0;
    struct error error;
    (void)ops_check(ops, &count, &error);
    return count;
}

void workload_put_relic(void)
{
    struct buffer ops = {0};
    struct buffer body = {0};
    struct segment relic = {
        .key = {.base = sim.head.generation, .clock = world_below(2000000), .sequence = UINT64_C(1) << 32}};
    char name[JOURNAL_NAME_BYTES];
    struct error error;
    if (!sim.has_head || sim.truths_count + 1 >= sim.batches_wanted)
        return;
    random_fill(world_random(), &relic.lineage, sizeof relic.lineage);
    random_fill(world_random(), &relic.key.writer, sizeof relic.key.writer);
    put_ops(&ops, new_truth());
    segment_begin(&body, &relic);
    const struct batch batch = {.ops_count = ops_count(buffer_span(&ops)), .ops = buffer_span(&ops)};
    segment_add_batch(&body, &batch);
    relic.key.sequence |= segment_end(&body, &error) ? segment_checksum(buffer_span(&body)) : 0;
    segment_begin(&body, &relic);
    segment_add_batch(&body, &batch);
    if (segment_end(&body, &error)) {
        segment_name_format(&relic.key, name);
        (void)object_put(name, buffer_span(&body));
    }
    buffer_free(&ops);
    buffer_free(&body);
}

/* What the caller was told, and what its batch must count behind. */
static void note_answer(struct actor *actor, unsigned number, const struct journal_answer *answer, int program,
                        const struct view *seen)
{
    struct truth *truth = &sim.truths[number];
    truth->is_maybe |= answer->outcome == JOURNAL_UNKNOWN || answer->outcome == JOURNAL_DAMAGED;
    if (!answer->has_key)
        return;
    int segment = segment_index(&answer->key);
    if (truth->tries < TRIES_MAX) {
        truth->keys[truth->tries] = answer->key;
        truth->outcomes[truth->tries++] = answer->outcome;
    }
    segment_must_follow(segment, program, true);
    for (unsigned i = seen->applied_count > CAUSES_MAX ? seen->applied_count - CAUSES_MAX : 0; i < seen->applied_count;
         i++)
        segment_must_follow(segment, seen->applied[i], false);
    segment_told(&answer->key, answer->outcome);
    if (answer->outcome != JOURNAL_COMMITTED)
        return;
    truth->is_committed = true;
    actor->last_committed = segment;
    actor->seen_digest++; /* look again: one segment may have gone as another came that holds the same batch */
    check_replica(actor);
    check_ack_without_head(actor, &answer->key, (int)number);
    bool is_shown = actor->has_view && view_shows(&actor->view, segment) && actor->visible[number];
    if (!is_shown && !fate_is_shadowed(&answer->key, actor->view.generation, actor->process.is_old))
        violate("J18", (int)number, "committed, and not visible where it was");
    if (world_faults && world_chance(world_rates.crash_at_point)) { /* C5 */
        COVER(acked_crash);
        process_kill(&actor->process);
    }
}

/* One try. Returns what became of it. */
static enum journal_outcome submit(struct actor *actor, unsigned number)
{
    struct truth *truth = &sim.truths[number];
    struct journal *journal = actor->journal;
    struct buffer ops = {0};
    struct error error;
    put_ops(&ops, number);
    bool is_newer = world_rates.special == SPECIAL_MIXED && !actor->process.is_old && number % 4 == 1;
    if (is_newer)
        put_newer(&ops);
    bool is_permitted = !is_newer || !sim.has_head || sim.head.op_kind_last == OP_KIND_LAST;
    struct journal_batch batch = {truth->id, truth->tries > 0 ? truth->keys[0].base : 0, buffer_span(&ops)};
    truth->is_submitted = true;
    truth->submissions++;
    truth->under_way++;
    int program = actor->last_committed;
    struct view *seen = malloc(sizeof *seen); /* what its readers could see: too large for a task's stack */
    ASSERT(seen != NULL);
    *seen = actor->view;
    if (!actor->has_view)
        seen->applied_count = 0;
    uint64_t began = world_now();
    bool is_first = truth->tries == 0 && journal_state(journal) != NULL;
    struct journal_answer answer = journal_submit(journal, &batch, &error);
    buffer_free(&ops);
    truth->under_way--;
    if (actor->process.is_dead || journal->is_stopping)
        answer.outcome = JOURNAL_UNKNOWN; /* what a process knew that died, nobody knows */
    truth->refusals += answer.outcome == JOURNAL_REFUSED;
    if (!is_permitted && answer.outcome != JOURNAL_REFUSED && !actor->process.is_dead)
        violate("J40", (int)number, "was written though the head does not permit its kind");
    COVER_IF(!is_permitted && answer.outcome == JOURNAL_REFUSED, newer_not_permitted);
    note_answer(actor, number, &answer, program, seen);
    free(seen);
    if (sim.is_calm && is_first && !sim.is_ending) {
        sim.result->first_tries++;
        sim.result->first_commits += answer.outcome == JOURNAL_COMMITTED;
        if (!actor->process.is_dead && world_now() - began > CALM_ACK_MS_MAX * UINT64_C(1000000))
            violate("J52", (int)number, "took longer than it may without faults");
    }
    return answer.outcome;
}

static enum journal_outcome submit_again(struct actor *actor, unsigned number, enum journal_outcome before)
{
    COVER_IF(before == JOURNAL_REJECTED, rejected_and_resubmitted);
    return submit(actor, number);
}

static void flush(struct actor *actor)
{
    uint64_t began = world_now();
    struct error error;
    if (!journal_flush(actor->journal, &error) || actor->process.is_dead)
        return;
    check_replica(actor);
    check_shows_commits(actor, began, "J22", "was committed before the flush, and is not visible");
}

static void caller_run(void *argument)
{
    struct actor *actor = argument;
    while (!actor->process.is_dead && !actor->journal->is_stopping && sim.truths_count < sim.batches_wanted &&
           !sim.is_ending) {
        world_sleep_ms(world_below(sim.think_ms) + (world_chance(10) ? world_below(20000) : 0));
        if (actor->process.is_dead || (journal_state(actor->journal) == NULL && !world_chance(100)))
            continue;
        if (world_chance(30))
            flush(actor);
        if (world_rates.special == SPECIAL_SHAPES && !actor->process.is_dead && world_chance(200))
            submit_nonsense(actor);
        if (actor->process.is_dead || sim.truths_count >= sim.batches_wanted)
            continue;
        unsigned number = new_truth();
        enum journal_outcome outcome = submit(actor, number);
        /* surely not applied: another try is a new one; unknown: only with an id */
        for (unsigned i = 0; i < 2 && !actor->process.is_dead &&
                             (outcome == JOURNAL_REJECTED || (outcome == JOURNAL_UNKNOWN && sim.truths[number].has_id));
             i++) {
            world_sleep_ms(world_below(500));
            if (!actor->process.is_dead)
                outcome = submit_again(actor, number, outcome);
        }
    }
    actor->callers--;
}

/* Takes up, after a restart, what an earlier incarnation left open. */
static void retry_run(void *argument)
{
    struct actor *actor = argument;
    for (unsigned i = 0; i < sim.truths_count && !actor->process.is_dead && !sim.is_ending; i++) {
        struct truth *truth = &sim.truths[i];
        if (!truth->has_id || truth->is_committed || !truth->is_maybe || truth->tries == 0 ||
            truth->tries >= TRIES_MAX || world_below(3) != 0)
            continue;
        world_sleep_ms(world_below(400));
        if (!actor->process.is_dead && journal_state(actor->journal) != NULL)
            (void)submit(actor, i);
    }
    actor->callers--;
}

void workload_start(struct actor *actor)
{
    actor->callers = 1 + (unsigned)world_below(CALLERS_MAX);
    if (actor == sim.actors && actor->callers == 1)
        actor->callers = 2; /* some work in every seed */
    for (unsigned i = 1; i < actor->callers; i++)
        world_spawn(&actor->process, caller_run, actor);
    world_spawn(&actor->process, retry_run, actor);
    for (unsigned i = 0; i < 2 && sim.has_spools; i++)
        world_spawn(&actor->process, disk_run, actor);
    if (sim.has_spools && world_below(2))
        world_spawn(&actor->process, pipe_run, actor);
    if (sim.has_settings && !sim.has_former && !actor->process.is_old) /* a record stays behind: put_newer */
        world_spawn(&actor->process, changer_run, actor);
}
