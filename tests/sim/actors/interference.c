/* tests/sim/actors/interference.c -- deeds, how they are undone, and the alarms that must follow. */
#include "tests/sim/actors/interference.h"

#include "journal/ground/ground.h"
#include "tests/sim/coverage.h"
#include "tests/sim/oracle/fates.h"
#include "tests/sim/world/damage.h"
#include "tests/sim/world/faults.h"
#include "tests/sim/world/objects.h"

#include <stdio.h>
#include <stdlib.h>

enum { SAVED_MAX = 16, HEADS_KEPT = 8, EXPECTED_MAX = 64 };

/* Something that will be put back as it was. */
struct saved {
    char name[JOURNAL_NAME_BYTES];
    struct buffer body;
    uint64_t until;
};

/* A replica that held a segment when it vanished must say so. */
struct expected {
    struct actor *actor;
    struct journal *journal;
    struct segment_key key;
    uint64_t alarms, ticks;
};

static struct saved saved[SAVED_MAX];
static unsigned saved_count;
static struct buffer heads[HEADS_KEPT]; /* the newest first */
static unsigned heads_count;
static enum head_deed head_deed;
static uint64_t head_since, old_generation;
static bool is_orphaned;
static uint64_t ticks_then[REPLICAS_MAX + 1]; /* of the journals that ran */
static struct expected expected[EXPECTED_MAX];
static unsigned expected_count;

void interference_begin(void)
{
    head_deed = HEAD_IS_TRUE;
    is_orphaned = false;
    saved_count = heads_count = expected_count = 0;
}

void interference_end(void)
{
    for (unsigned i = 0; i < saved_count; i++)
        buffer_free(&saved[i].body);
    for (unsigned i = 0; i < heads_count; i++)
        buffer_free(&heads[i]);
    saved_count = heads_count = 0;
}

enum head_deed interference_head(void)
{
    return head_deed;
}

uint64_t interference_head_since(void)
{
    return head_since;
}

void interference_head_published(struct span body)
{
    if (heads_count == HEADS_KEPT)
        buffer_free(&heads[--heads_count]);
    memmove(heads + 1, heads, heads_count * sizeof heads[0]);
    heads[0] = (struct buffer){0};
    buffer_append(&heads[0], body);
    heads_count++;
    head_deed = HEAD_IS_TRUE; /* whoever published it knew the true one */
}

static void undo_at_once(void *nothing)
{
    (void)nothing;
    interference_undo();
}

static void undo_at_once_dropped(void *nothing)
{
    (void)nothing;
}

bool interference_is_old(const struct head *head)
{
    if (head_deed == HEAD_IS_OLD && head->generation <= sim.head.generation) {
        /* A publication of then took effect, late or once more, on the old one that was put back. A replica that lags
         * behind by just so much cannot tell that it never was: so the operator is quick. */
        world_at(world_now(), undo_at_once, undo_at_once_dropped, NULL);
        return true;
    }
    if (head_deed != HEAD_IS_MISSING || head->generation != 1 || !sim.has_head)
        return false;
    head_deed = HEAD_IS_OLD;
    COVER(late_seeds);
    return true;
}

static const struct saved *find_saved(const char *name)
{
    for (unsigned i = 0; i < saved_count; i++) {
        if (strcmp(saved[i].name, name) == 0)
            return &saved[i];
    }
    return NULL;
}

bool interference_find(const char *name, struct span *ret_body)
{
    const struct saved *one = find_saved(name);
    if (one != NULL)
        *ret_body = buffer_span(&one->body);
    return one != NULL || world_object(name, ret_body);
}

/* ---- putting back ---- */

static bool save(const char *name, struct span body, uint64_t until)
{
    if (saved_count == SAVED_MAX || find_saved(name) != NULL)
        return false;
    struct saved *one = &saved[saved_count++];
    *one = (struct saved){.until = until};
    (void)snprintf(one->name, sizeof one->name, "%s", name);
    buffer_append(&one->body, body);
    return true;
}

/* The head is put back as the newest true one, whatever it was when it was taken. */
static void put_back(unsigned index)
{
    struct saved *one = &saved[index];
    if (strcmp(one->name, HEAD_NAME) != 0)
        (void)object_put(one->name, buffer_span(&one->body));
    else if (head_deed != HEAD_IS_TRUE)
        (void)object_put(HEAD_NAME, buffer_span(&heads[0]));
    if (strcmp(one->name, HEAD_NAME) == 0)
        head_deed = HEAD_IS_TRUE;
    buffer_free(&one->body);
    saved[index] = saved[--saved_count];
}

void interference_undo(void)
{
    while (saved_count > 0)
        put_back(0);
}

/* ---- choosing ---- */

static char chosen[JOURNAL_NAME_BYTES];
static unsigned seen;

static void choose(const char *name)
{
    if (world_below(++seen) == 0) /* each of those seen with equal chance */
        memcpy(chosen, name, JOURNAL_NAME_BYTES);
}

static bool choose_object(const char *prefix)
{
    seen = 0;
    return world_names(prefix, choose) > 0;
}

static bool is_covered(const struct segment_key *key)
{
    return segment_known(segment_index(key))->covered != 0;
}

/* ---- deeds ---- */

static void expect_alarms(const struct segment_key *key)
{
    for (unsigned i = 0; i < sim.actors_count && expected_count < EXPECTED_MAX; i++) {
        struct actor *actor = &sim.actors[i];
        if (actor->journal == NULL || actor->process.is_dead || !actor->journal->shown.is_ready)
            continue;
        const struct tail_segment *item = tail_find(actor->journal, key);
        if (item == NULL || !item->is_live)
            continue;
        expected[expected_count++] =
            (struct expected){actor, actor->journal, *key, actor->journal->counters.alarms[ALARM_SEGMENT_VANISHED],
                              actor->journal->counters.ticks};
    }
}

static void take_segment(void)
{
    struct segment_key key;
    if (!choose_object(SEGMENTS_PREFIX) || !segment_name_parse(span_from_string(chosen), &key))
        return;
    bool is_live = !is_covered(&key) && key.base + sim.head.window > sim.head.generation;
    COVER_IF(is_live, live_segment_deleted);
    COVER_IF(!is_live, covered_segment_deleted);
    if (is_live) {
        fate_touch(&key);
        expect_alarms(&key);
    }
    object_delete(chosen);
}

static void damage_segment(void)
{
    struct segment_key key;
    if (!choose_object(SEGMENTS_PREFIX) || !segment_name_parse(span_from_string(chosen), &key) || fate_is_touched(&key))
        return;
    fate_touch(&key);
    COVER(segment_damaged);
    damage_object(object_find(chosen));
}

/* Nobody puts it back: a replica that meets it writes over it. */
static void damage_bell(void)
{
    struct object *bell = object_find(BELL_NAME);
    if (bell == NULL)
        return;
    COVER(bell_damaged);
    damage_object(bell);
}

static void damage_copy(void)
{
    if (!choose_object(HEADS_PREFIX))
        return;
    COVER(copy_damaged);
    damage_object(object_find(chosen));
}

static void damage_or_take(const char *name, bool is_taken)
{
    if (is_taken)
        object_delete(name);
    else
        damage_object(object_find(name));
}

static void damage_ground(void)
{
    struct span body;
    if (!world_object(GROUND_NAME, &body) ||
        !save(GROUND_NAME, body, world_now() + world_heavy_tail(UINT64_C(8000) * MS)))
        return;
    COVER(ground_damaged);
    damage_object(object_find(GROUND_NAME));
}

static void spoil_part(void)
{
    struct span body;
    struct part_name part;
    if (!choose_object(PARTS_PREFIX) || !part_name_parse(span_from_string(chosen), &part) ||
        part.generation > sim.head.generation || !world_object(chosen, &body) ||
        !save(chosen, body, world_now() + world_heavy_tail(UINT64_C(8000) * MS)))
        return;
    bool is_taken = world_below(2);
    COVER_IF(is_taken, part_deleted);
    COVER_IF(!is_taken, part_damaged);
    damage_or_take(chosen, is_taken);
}

static unsigned warm_replicas(void)
{
    unsigned count = 0;
    for (unsigned i = 0; i < sim.actors_count; i++) {
        const struct actor *actor = &sim.actors[i];
        count += actor->journal != NULL && !actor->process.is_dead && actor->journal->shown.is_ready;
    }
    return count;
}

static uint64_t newest_copy;

static void note_copy(const char *name)
{
    uint64_t generation;
    struct journal_id nonce;
    if (head_copy_name_parse(span_from_string(name), &generation, &nonce) && generation > newest_copy)
        newest_copy = generation;
}

/* ---- the head ---- */

/* Of this lineage, sound, and from before the deed; its base is of a later generation than the old head's. */
static bool has_proof;

static void look_for_proof(const char *name)
{
    struct segment_key key;
    const struct fate *fate = fate_of(name);
    if (segment_name_parse(span_from_string(name), &key) && key.base > old_generation && fate->created_at != 0 &&
        fate->created_at < head_since && !(fate->flags & FATE_TOUCHED))
        has_proof = true;
}

static bool there_is_proof(void)
{
    has_proof = false;
    (void)world_names(SEGMENTS_PREFIX, look_for_proof);
    return has_proof;
}

bool interference_is_hidden(const struct actor *actor)
{
    const struct journal *journal = actor->journal;
    if (head_deed == HEAD_IS_SIBLING)
        return journal->shown.head->generation < sim.head.generation;
    if (head_deed != HEAD_IS_OLD || journal->shown.head->generation > old_generation)
        return false;
    bool has_looked = actor->started_at > head_since ||
                      journal->counters.ticks >= ticks_then[actor - sim.actors] + 2; /* one may have been under way */
    return !has_looked || !there_is_proof();
}

/* One of the heads that were, older than the newest copy, or 0. That the newest head of which there is no copy is put
 * back by one is not to be told from a publication that never happened, and does no harm: nothing was deleted in its
 * name. */
static unsigned older_than_copies(void)
{
    newest_copy = 0;
    (void)world_names(HEADS_PREFIX, note_copy);
    unsigned back = heads_count == 0 ? 0 : (unsigned)world_below(heads_count);
    return sim.head.generation - back < newest_copy ? back : 0;
}

static uint64_t copies_until;

static void take_later_copy(const char *name)
{
    struct span body;
    struct journal_id nonce;
    uint64_t generation;
    if (head_copy_name_parse(span_from_string(name), &generation, &nonce) && generation > old_generation &&
        world_object(name, &body))
        (void)save(name, body, copies_until);
}

/* Whoever puts an old head back may have taken away the copies of later ones: only segments say then what was. Returns
 * how old a head: as old as was chosen, or as there are segments that tell. */
static unsigned roll_back_copies(unsigned back, uint64_t until)
{
    unsigned any = 1 + (unsigned)world_below(heads_count - 1);
    old_generation = sim.head.generation - any;
    copies_until = until;
    if (!there_is_proof() || world_names(HEADS_PREFIX, NULL) + 1 > SAVED_MAX - saved_count)
        return back;
    unsigned first = saved_count;
    (void)world_names(HEADS_PREFIX, take_later_copy);
    for (unsigned i = first; i < saved_count; i++)
        object_delete(saved[i].name);
    COVER(copies_rolled_back);
    return any;
}

static void put_sibling(void)
{
    static struct head sibling;
    struct error error;
    struct buffer body = {0};
    bool is_made = head_decode(buffer_span(&heads[0]), &sibling, &error);
    random_fill(world_random(), &sibling.ancestors[0].nonce, sizeof sibling.ancestors[0].nonce);
    if (is_made && head_encode(&sibling, &body, &error))
        (void)object_put(HEAD_NAME, buffer_span(&body));
    buffer_free(&body);
    COVER(head_is_sibling);
}

static void forget_all(void)
{
    for (unsigned i = 0; i < sim.actors_count; i++) {
        if (sim.actors[i].journal != NULL)
            process_kill(&sim.actors[i].process);
    }
}

static enum head_deed choose_deed(unsigned back)
{
    enum head_deed deed = (enum head_deed)(1 + world_below(4));
    if (deed == HEAD_IS_OLD && back == 0)
        deed = HEAD_IS_MISSING;
    if (deed == HEAD_IS_SIBLING && sim.head.ancestors[0].folded_count == 0)
        deed = HEAD_IS_DAMAGED; /* nothing would be wrong with the sibling */
    return deed;
}

static void spoil_head(void)
{
    struct span body;
    uint64_t until = world_now() + world_heavy_tail(UINT64_C(12000) * MS);
    if (head_deed != HEAD_IS_TRUE || heads_count == 0 || world_names(HEADS_PREFIX, NULL) == 0 ||
        !world_object(HEAD_NAME, &body) || !save(HEAD_NAME, body, until))
        return;
    head_since = world_now();
    unsigned back = older_than_copies();
    head_deed = choose_deed(back);
    if (head_deed == HEAD_IS_OLD && world_below(2))
        back = roll_back_copies(back, until);
    old_generation = sim.head.generation - back;
    for (unsigned i = 0; i < sim.actors_count; i++)
        ticks_then[i] = sim.actors[i].journal == NULL ? 0 : sim.actors[i].journal->counters.ticks;
    if (world_below(4) == 0)
        forget_all(); /* with nobody who remembers it */
    bool is_missing = head_deed == HEAD_IS_MISSING;
    COVER_IF(is_missing && warm_replicas() > 0, head_deleted_warm);
    COVER_IF(is_missing && warm_replicas() == 0, head_deleted_cold);
    COVER_IF(head_deed == HEAD_IS_DAMAGED, head_damaged);
    COVER_IF(head_deed == HEAD_IS_OLD, head_rolled_back);
    if (head_deed == HEAD_IS_OLD)
        (void)object_put(HEAD_NAME, buffer_span(&heads[back]));
    else if (head_deed == HEAD_IS_SIBLING)
        put_sibling();
    else
        damage_or_take(HEAD_NAME, is_missing);
}

/* Once: nobody is left who has made or seen a head of which there is no copy yet, and those that start serve it before
 * they know the ground, and so may write. */
static void orphan_first_head(void)
{
    if (is_orphaned || !sim.has_head || world_names(HEADS_PREFIX, NULL) > 0)
        return;
    is_orphaned = true;
    if (world_below(2))
        return;
    COVER(first_head_orphaned);
    forget_all();
    damage_ground();
}

static void do_a_deed(void)
{
    switch (world_rates.special) {
    case SPECIAL_VANISH:
        take_segment();
        break;
    case SPECIAL_DAMAGE:
        if (world_below(4) != 0)
            damage_segment();
        else if (world_below(2))
            damage_bell();
        else
            damage_copy();
        break;
    case SPECIAL_PARTS:
        spoil_part();
        break;
    case SPECIAL_TESTED:
        damage_ground();
        break;
    case SPECIAL_HEAD:
        spoil_head();
        break;
    default:
        break;
    }
}

/* ---- the operator ---- */

void operator_release(struct actor *actor)
{
    static struct head_quarantine list[HEAD_QUARANTINE_MAX];
    uint32_t count = sim.head.quarantine_count;
    memcpy(list, sim.head.quarantine, count * sizeof list[0]);
    for (uint32_t i = 0; i < count && !actor->process.is_dead; i++) {
        uint8_t stored[SEGMENT_KEY_STORED_BYTES];
        segment_key_store(&list[i].key, stored);
        struct buffer ops = {0};
        struct error error;
        op_put(&ops, &(struct op){OP_RELEASE, SPACE_JOURNAL, SPAN_EMPTY, span_of(stored, sizeof stored), SPAN_EMPTY});
        struct journal_batch batch = {.ops = buffer_span(&ops)};
        struct journal_answer answer = journal_submit(actor->journal, &batch, &error);
        COVER_IF(answer.outcome == JOURNAL_COMMITTED, released);
        buffer_free(&ops);
    }
}

static void release_run(void *argument)
{
    operator_release(argument);
}

static void operate(void)
{
    struct actor *actor = &sim.actors[world_below(sim.actors_count)];
    if (sim.has_head && sim.head.quarantine_count > 0 && actor->journal != NULL && !actor->process.is_dead &&
        journal_state(actor->journal) != NULL && world_below(20) == 0)
        world_spawn(&actor->process, release_run, actor);
    for (unsigned i = 0; i < sim.actors_count; i++) { /* "start this process again" */
        actor = &sim.actors[i];
        if (actor->journal != NULL && head_deed == HEAD_IS_TRUE &&
            (actor->journal->standing.head == JOURNAL_OTHER_LINEAGE ||
             actor->journal->standing.head == JOURNAL_WENT_BACK) &&
            world_below(20) == 0)
            process_kill(&actor->process);
    }
}

void interference_run(void *argument)
{
    const bool *is_over = argument;
    while (!*is_over) {
        world_sleep_ms(50 + world_below(100));
        if (*is_over)
            break;
        for (unsigned i = 0; i < saved_count; i++) {
            if (saved[i].until <= world_now())
                put_back(i--);
        }
        if (world_faults && world_rates.special == SPECIAL_TESTED)
            orphan_first_head();
        if (world_faults && world_chance(world_rates.interference))
            do_a_deed();
        if (!sim.is_resolving)
            operate();
    }
}

/* ---- alarms ---- */

/* It has raised the alarm by its next await. */
static void check_told_of_damage(struct actor *actor)
{
    struct process *process = &actor->process;
    const struct journal *journal = actor->journal;
    bool is_alive = journal != NULL && !process->is_dead;
    COVER_IF(is_alive && process->was_told_bell_damaged, told_bell_damaged);
    COVER_IF(is_alive && process->was_told_row_damaged, told_listing_damaged);
    if (is_alive && process->was_told_bell_damaged && journal->counters.alarms[ALARM_BELL_DAMAGED] == 0)
        violate("J39", -1, "a replica has met a damaged bell, and does not alarm");
    if (is_alive && process->was_told_row_damaged && journal->counters.alarms[ALARM_LISTING_DAMAGED] == 0)
        violate("J39", -1, "a listing has shown a damaged row, and a replica does not alarm");
    process->was_told_bell_damaged = process->was_told_row_damaged = false;
}

/* A replica that has read that its head is gone has stopped before anybody else ran. */
static void check_told(struct actor *actor)
{
    check_told_of_damage(actor);
    if (!actor->process.was_told_head_missing)
        return;
    actor->process.was_told_head_missing = false;
    if (actor->journal == NULL || actor->process.is_dead || !actor->journal->shown.has_head)
        return;
    COVER(told_head_missing);
    if (!standing_is_halted(&actor->journal->standing) || actor->journal->counters.alarms[ALARM_HEAD_MISSING] == 0)
        violate("J36", -1, "a replica has read that the head is missing, and goes on");
}

static bool is_there(const struct segment_key *key)
{
    char name[JOURNAL_NAME_BYTES];
    segment_name_format(key, name);
    return object_find(name) != NULL;
}

static bool is_told(const struct expected *one)
{
    const struct journal *journal = one->journal;
    if (one->actor->journal != journal || one->actor->process.is_dead || standing_is_halted(&journal->standing) ||
        !journal->shown.is_ready)
        return true; /* there is nobody left who knew it */
    if (journal->counters.alarms[ALARM_SEGMENT_VANISHED] > one->alarms) {
        COVER(vanished_noticed);
        return true;
    }
    if (replica_is_settled(journal, &one->key) || is_there(&one->key))
        return true;                               /* it was folded meanwhile, or came late once more */
    if (journal->counters.ticks >= one->ticks + 4) /* one was under way, a fold may have listed before */
        violate("J38", -1, "a live segment vanished, and a replica that showed it says nothing");
    return false;
}

void interference_check(void)
{
    for (unsigned i = 0; i < expected_count; i++) {
        if (is_told(&expected[i]))
            expected[i--] = expected[--expected_count];
    }
    for (unsigned i = 0; i < sim.actors_count; i++) {
        struct actor *actor = &sim.actors[i];
        check_told(actor);
        if (actor->journal != NULL && actor->journal->shown.has_head &&
            actor->journal->shown.head->quarantine_count > 0 &&
            actor->journal->counters.alarms[ALARM_SEGMENT_DAMAGED] == 0)
            violate("J39", -1, "a segment is in quarantine, and a replica does not alarm");
    }
}
