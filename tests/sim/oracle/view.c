/* tests/sim/oracle/view.c -- what each replica serves, looked at after every step; and the history of what it served:
 * each view is compared with the one before and with every answer that was given, by time. */
#include "tests/sim/oracle/oracle.h"

#include "runtime/base/assert.h"
#include "tests/sim/actors/disk.h"
#include "tests/sim/actors/interference.h"
#include "tests/sim/actors/pipes.h"
#include "tests/sim/coverage.h"
#include "tests/sim/oracle/fates.h"
#include "tests/sim/world/faults.h"

enum { SLOW_AGE_MS_MAX = 60000, CALM_AGE_MS_MAX = 2500 + 4000 }; /* the default poll with its jitter, and a tick */

/* ---- what the lists hold ---- */

/* How often the list holds each number. False: it holds one that is none. */
static bool list_read(const struct state *state, struct span name, uint8_t *ret_times)
{
    struct cursor cursor = cursor_of(state_list(state, SPACE_TEST, SPAN("order"), name));
    memset(ret_times, 0, BATCHES_MAX);
    while (cursor.rest.size > 0 && !cursor.failed) {
        (void)cursor_u32(&cursor);
        uint32_t number = cursor_u32(&cursor);
        if (number >= BATCHES_MAX)
            return false;
        ret_times[number]++;
    }
    return true;
}

/* What a lost head may have rejected counts after a restore, which says so; and so does another try of it. */
static bool may_repeat(const struct truth *truth)
{
    bool was_rejected = false;
    for (unsigned t = 0; t < truth->tries; t++)
        was_rejected |= truth->outcomes[t] == JOURNAL_REJECTED;
    return sim.counts_undecided && was_rejected && !truth->has_id;
}

/* Nothing was ever written, each answer said. Rejected ones may still be seen where an older head is known (J6). */
static bool is_refused(const struct truth *truth)
{
    return truth->refusals > 0 && truth->refusals == truth->submissions && truth->under_way == 0;
}

void check_state(const struct state *state, bool *ret_visible)
{
    static uint8_t times[BATCHES_MAX], twins[BATCHES_MAX];
    if (!list_read(state, SPAN("all"), times))
        violate("J6", -1, "a number is in the list that nobody wrote");
    (void)list_read(state, SPAN("twin"), twins);
    if (memcmp(twins, times, sizeof twins) != 0)
        violate("J4", -1, "a batch is visible in part");
    int64_t sum = state_counter(state, SPACE_TEST, SPAN("sum"), SPAN("all"));
    int64_t expected = 0;
    memset(ret_visible, 0, BATCHES_MAX);
    for (unsigned i = 0; i < sim.truths_count; i++) {
        const struct truth *truth = &sim.truths[i];
        ret_visible[i] = times[i] > 0;
        expected += times[i] * truth_amount(i);
        if (times[i] > 1 && !may_repeat(truth))
            violate("J11", (int)i, "counts twice");
        if (ret_visible[i] && !truth->is_submitted)
            violate("J6", (int)i, "was never submitted");
        if (ret_visible[i] && is_refused(truth))
            violate("J2", (int)i, "was refused, and is there");
    }
    if (sum != expected)
        violate("J11", -1, "the counter is not the sum of what is visible");
}

/* ---- which segments count ---- */

static int index_in_view(const struct view *view, int segment)
{
    for (unsigned i = 0; i < view->applied_count; i++) {
        if (view->applied[i] == segment)
            return (int)i;
    }
    return -1;
}

bool view_shows(const struct view *view, int segment)
{
    const struct known_segment *known = segment_known(segment);
    return (known->covered != 0 && known->covered <= view->generation) || index_in_view(view, segment) >= 0;
}

static void take_view(struct actor *actor, struct view *ret_view)
{
    const struct journal *journal = actor->journal;
    ASSERT(journal->tail.applied_count <= VIEW_SEGMENTS_MAX);
    ret_view->generation = journal->shown.head->generation;
    ret_view->applied_count = 0;
    for (size_t i = 0; i < journal->tail.count; i++) {
        const struct tail_segment *item = journal->tail.items[i];
        if (!item->is_applied)
            continue;
        int index = segment_index(&item->key);
        segment_learn_body(index, buffer_span(&item->body));
        ret_view->applied[ret_view->applied_count++] = index;
    }
}

/* Live segments are live under this head, and have all behind them that must be. */
static void check_live(const struct view *view)
{
    for (unsigned i = 0; i < view->applied_count; i++) {
        const struct known_segment *segment = segment_known(view->applied[i]);
        if (segment->covered != 0 && segment->covered <= view->generation)
            violate("J11", -1, "a covered segment counts as a live one too");
        if (segment->key.base + sim.options.window <= view->generation)
            violate("J14", -1, "a segment counts that is out of the window");
        if (segment->key.base > view->generation)
            violate("J10", -1, "a segment counts whose base is of a later generation than the view");
        for (unsigned p = 0; p < segment->pairs_count; p++) {
            const struct known_pair *pair = &segment->pairs[p];
            const struct known_segment *before = segment_known(pair->before);
            int at = index_in_view(view, pair->before);
            bool is_covered = before->covered != 0 && before->covered <= view->generation;
            if (is_covered || (at >= 0 && (unsigned)at < i) || before->is_touched)
                continue;
            if (pair->is_program)
                violate("J9", -1, "a batch is visible without one that its writer had committed first");
            else if (at >= 0)
                violate("J10", -1, "a batch counts before one that its writer could see");
        }
    }
}

/* The list is what the folds made it, and then what the live segments append, in their order. */
static void check_list(const struct state *state, const struct view *view)
{
    static bool has_counted[BATCHES_MAX];
    struct span list = state_list(state, SPACE_TEST, SPAN("order"), SPAN("all"));
    struct cursor cursor = cursor_of(list);
    const uint32_t *folded = folded_numbers();
    unsigned folded_count = generation_known(view->generation)->numbers;
    bool is_same = true;
    for (unsigned i = 0; i < folded_count; i++) {
        (void)cursor_u32(&cursor);
        is_same &= cursor_u32(&cursor) == folded[i];
    }
    memset(has_counted, 0, sizeof has_counted);
    for (unsigned i = 0; i < view->applied_count; i++) {
        const struct known_segment *segment = segment_known(view->applied[i]);
        for (unsigned b = 0; b < segment->batches_count; b++) {
            uint32_t number = segment->batches[b].number;
            if (number >= BATCHES_MAX)
                continue;
            bool again = has_counted[number] || number_is_folded(number, view->generation);
            if (again && segment->batches[b].has_id)
                continue;
            has_counted[number] = true;
            (void)cursor_u32(&cursor);
            is_same &= cursor_u32(&cursor) == number;
        }
    }
    if (!is_same || !cursor_is_done(&cursor))
        violate("J7", -1, "the served order is not that of the folds and of the keys behind them");
}

/* ---- warm equals cold ---- */

/* The view made anew over the base, with every rule in force. */
static void check_cold(const struct journal *journal, const struct state *served)
{
    enum journal_mutation mutation = journal_mutation;
    uint64_t base_digest = generation_known(journal->shown.head->generation)->digest;
    struct state state;
    if (layer_count(&journal->shown.recent) > 0)
        return; /* moving into the base */
    if (layer_digest(&journal->shown.base) != base_digest)
        violate("J24", -1, "the base of a replica is not the checkpoint");
    journal_mutation = MUTATION_none;
    state_init(&state, &journal->shown.base, base_digest);
    for (size_t i = 0; i < journal->tail.count; i++) {
        const struct tail_segment *item = journal->tail.items[i];
        if (item->is_applied)
            apply_segment(&state, &item->segment, journal->shown.head->generation + 1);
    }
    if (state.digest != served->digest)
        violate("J24", -1, "what is served is not what a cold replica would derive");
    state_free(&state);
    journal_mutation = mutation;
}

/* ---- the history ---- */

/* From one view to the next nothing that was committed goes away. */
static void check_growth(const struct view *old, const struct view *new)
{
    if (new->generation < old->generation)
        violate("J19", -1, "a replica went back to an earlier generation");
    for (unsigned i = 0; i < old->applied_count; i++) {
        const struct known_segment *segment = segment_known(old->applied[i]);
        if (segment->is_committed && !fate_is_shadowed(&segment->key, new->generation, false) &&
            !view_shows(new, old->applied[i]))
            violate("J19", -1, "was visible, is committed, and went away");
    }
}

void check_shows_commits(struct actor *actor, uint64_t until, const char *rule, const char *text)
{
    unsigned count;
    const struct known_commit *all = commits(&count);
    for (; actor->commits_seen < count && all[actor->commits_seen].time < until; actor->commits_seen++) {
        int segment = all[actor->commits_seen].segment;
        if (!view_shows(&actor->view, segment) &&
            !fate_is_shadowed(&segment_known(segment)->key, actor->view.generation, actor->process.is_old))
            violate(rule, -1, text);
    }
}

static bool has_changed(const struct actor *actor, const struct state *state)
{
    const struct journal *journal = actor->journal;
    return !actor->has_view || state->digest != actor->seen_digest ||
           journal->shown.head->generation != actor->view.generation ||
           journal->tail.applied_count != actor->view.applied_count ||
           !segment_key_equal(&journal->tail.last_applied, &actor->seen_last_applied); /* one try instead of another */
}

static void check_view(struct actor *actor, const struct state *state)
{
    static struct view view;
    take_view(actor, &view);
    if (actor->process.is_old && !sim.has_former && actor->journal->shown.head->op_kind_last > OP_LIST_APPEND)
        violate("J40", -1, "a replica goes by a head that permits ops which it does not know");
    if (view.generation < 1 || view.generation > generations_count()) {
        violate("J28", -1, "a replica serves a generation that was never published");
        return;
    }
    check_state(state, actor->visible);
    check_live(&view);
    check_list(state, &view);
    check_pipes(state);
    check_savings((unsigned)(actor - sim.actors), state);
    if (world_now() / MS % COLD_CHECK_ONE_OF == 0)
        check_cold(actor->journal, state);
    if (actor->has_view)
        check_growth(&actor->view, &view);
    bool is_first = !actor->has_view;
    actor->view = view;
    actor->has_view = true;
    actor->seen_digest = state->digest;
    actor->seen_last_applied = actor->journal->tail.last_applied;
    if (is_first)
        check_shows_commits(actor, actor->started_at, "J21",
                            "was committed before the process began, and its first state lacks it");
}

/* A tick has found that something is gone which is in the view, and somebody makes the next one. */
static bool has_missed_one(const struct journal *journal)
{
    bool has_missed = false;
    for (size_t i = 0; i < journal->tail.count && journal->locks.is_busy; i++) {
        const struct tail_segment *item = journal->tail.items[i];
        has_missed |= item->is_applied && item->seen_round < journal->poller.round;
    }
    return has_missed;
}

void check_replica(struct actor *actor)
{
    struct journal *journal = actor->journal;
    const struct state *state = journal == NULL ? NULL : journal_state(journal);
    if (world_rates.special == SPECIAL_VANISH && state != NULL && journal->locks.is_deriving)
        COVER_IF(has_missed_one(journal), vanished_beside_view);
    if (state == NULL || actor->process.is_dead || journal->locks.is_deriving)
        return; /* while the next view is made this one is served, and has been judged */
    /* a segment that vanished and one that came may hold the same batch: then nothing but the segments differs */
    bool may_hide = world_rates.special == SPECIAL_VANISH && journal->poller.good_tick_ns != actor->seen_good_tick;
    if (may_hide || has_changed(actor, state))
        check_view(actor, state);
    if (sim.is_calm && world_now() - journal->poller.good_tick_ns > CALM_AGE_MS_MAX * UINT64_C(1000000))
        violate("J20", -1, "a replica grows old though nothing is in the way");
    if (world_rates.special == SPECIAL_SLOW && world_faults &&
        world_now() - journal->poller.good_tick_ns > SLOW_AGE_MS_MAX * UINT64_C(1000000))
        violate("J45", -1, "a replica that is slower than the folds does not get on");
    if (journal->poller.good_tick_ns != actor->seen_good_tick && actor->has_view) {
        actor->seen_good_tick = journal->poller.good_tick_ns;
        check_shows_commits(actor, journal->poller.good_tick_ns, "J20",
                            "was committed before a good poll, and is not visible");
    }
}
