/* tools/bale/transfer/crew.c -- starts the members, and waits for the last of them. */
#include "tools/bale/transfer/crew.h"

#include "runtime/base/assert.h"
#include "runtime/fiber/wait.h"

#include <stdlib.h>

struct member {
    struct crew *crew;
    struct fiber *fiber; /* NULL: it has not begun, or has ended */
};

struct crew {
    crew_work *work;
    void *context;
    struct member *members;
    unsigned count;
    unsigned working;
    struct wait_queue ended;
    bool has_failed;
    struct error error; /* the first one's */
};

static void fail(struct crew *crew, const struct error *error)
{
    if (crew->has_failed)
        return;
    crew->has_failed = true;
    crew->error = *error;
    for (unsigned i = 0; i < crew->count; i++) {
        if (crew->members[i].fiber != NULL && crew->members[i].fiber != fiber_current())
            fiber_cancel(crew->members[i].fiber);
    }
}

SUSPENDS static void run_member(void *argument)
{
    struct member *member = argument;
    struct crew *crew = member->crew;
    struct error error;
    member->fiber = fiber_current();
    if (!crew->has_failed && !crew->work(crew->context, &error))
        fail(crew, &error);
    member->fiber = NULL;
    crew->working--;
    wait_wake_all(&crew->ended);
}

SUSPENDS bool crew_run(const char *name, unsigned members, crew_work *work, void *context, struct error *error)
{
    struct crew crew = {.work = work, .context = context, .members = calloc(members, sizeof *crew.members)};
    struct error reason;
    ASSERT(members > 0 && members <= CREW_MEMBERS_MAX && crew.members != NULL);
    wait_queue_init(&crew.ended);
    for (; crew.count < members && !crew.has_failed; crew.count++) {
        crew.members[crew.count].crew = &crew;
        if (fiber_spawn(name, run_member, &crew.members[crew.count], &reason))
            crew.working++;
        else
            fail(&crew, &reason);
    }
    bool is_cancelled = false;
    while (crew.working > 0) {
        if (!wait_for(&crew.ended, DEADLINE_NONE, &reason) && !is_cancelled) {
            is_cancelled = true; /* we are a member of another crew */
            fail(&crew, &reason);
        }
        if (is_cancelled)
            fiber_yield();
    }
    free(crew.members);
    if (crew.has_failed)
        *error = crew.error;
    return !crew.has_failed;
}
