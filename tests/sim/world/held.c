/* tests/sim/world/held.c -- which effects wait, and for what. */
#include "tests/sim/world/held.h"

#include "runtime/base/assert.h"
#include "tests/sim/coverage.h"
#include "tests/sim/simulation.h"

#include <stdlib.h>

enum { HELD_MAX = 8, PATIENCE_MS = 15000, RESTART_MS = 20 };

struct held {
    uint64_t base;
    unsigned process, references; /* events that will look at it */
    bool is_chosen, has_gone;
    void (*land)(void *request);
    void (*drop)(void *request);
    void *request;
};

static struct held *held[HELD_MAX];

/* One event has happened, or will not. */
static void release(struct held *one, void (*with_request)(void *request))
{
    if (!one->has_gone && (with_request == one->land || one->references == 1))
        with_request(one->request);
    one->has_gone |= with_request == one->land;
    if (--one->references > 0)
        return;
    for (unsigned i = 0; i < HELD_MAX; i++) {
        if (held[i] == one)
            held[i] = NULL;
    }
    free(one);
}

static void let_go(void *argument)
{
    struct held *one = argument;
    release(one, one->land);
}

static void drop_it(void *argument)
{
    struct held *one = argument;
    release(one, one->drop);
}

bool held_take(const char *name, void (*land)(void *request), void (*drop)(void *request), void *request)
{
    struct segment_key key;
    unsigned at = 0;
    const struct process *process = world_process();
    while (at < HELD_MAX && held[at] != NULL)
        at++;
    if (!sim.restarts_late || at == HELD_MAX || process->number == 0 || process->number >= sim.actors_count ||
        !segment_name_parse(span_from_string(name), &key))
        return false;
    held[at] = malloc(sizeof *held[at]);
    ASSERT(held[at] != NULL);
    *held[at] = (struct held){key.base, process->number, 1, false, false, land, drop, request};
    world_at(world_now() + (uint64_t)PATIENCE_MS * MS, let_go, drop_it, held[at]);
    return true;
}

static void land_now(void *argument)
{
    struct held *one = argument;
    struct actor *actor = &sim.actors[one->process];
    if (!one->has_gone && actor->process.is_dead)
        actor->restart_at = world_now() + (uint64_t)RESTART_MS * MS;
    COVER_IF(!one->has_gone, landed_behind_a_listing);
    release(one, one->land);
}

void held_look(const struct progress *progress, enum verb verb, const char *name, const char *after, uint64_t effect)
{
    struct segment_key key;
    bool is_of_fold = progress->stage == STAGE_LISTED; /* which only compactors come to */
    if (!sim.restarts_late || !is_of_fold || verb != VERB_LIST || strcmp(name, SEGMENTS_PREFIX) != 0 ||
        segment_name_parse(span_from_string(after), &key))
        return;
    for (unsigned i = 0; i < HELD_MAX; i++) {
        if (held[i] == NULL || held[i]->is_chosen || held[i]->base + sim.options.window > sim.head.generation + 1)
            continue;
        held[i]->is_chosen = true;
        held[i]->references++;
        world_at(effect + MS, land_now, drop_it, held[i]);
    }
}
