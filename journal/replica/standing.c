/* journal/replica/standing.c -- the conditions that stop a replica, and what ends them. */
#include "journal/replica/standing.h"

#include <stdio.h>

static bool is_obstacle(enum journal_condition ground)
{
    return ground != JOURNAL_RUNS && ground != JOURNAL_NOT_READY;
}

enum journal_condition standing_condition(const struct standing *standing, bool is_ready)
{
    if (is_obstacle(standing->ground))
        return standing->ground;
    if (standing_is_halted(standing))
        return standing->head;
    return is_ready ? standing->ground : JOURNAL_NOT_READY;
}

bool standing_may_write(const struct standing *standing)
{
    return standing->head == JOURNAL_RUNS && standing->ground == JOURNAL_RUNS;
}

bool standing_is_halted(const struct standing *standing)
{
    return standing->head != JOURNAL_RUNS;
}

bool standing_halt(struct standing *standing, enum journal_condition why)
{
    bool is_new = standing->head != why;
    standing->head = why;
    return is_new;
}

/* A good head ends what a bad one began. That its checkpoint can be loaded, and the store listed, shows later. */
static enum standing_event end_of(enum journal_condition halt)
{
    return halt == JOURNAL_CHECKPOINT_LOST ? STANDING_CHECKPOINT_LOADED
           : halt == JOURNAL_STORE_DAMAGED ? STANDING_LISTED
                                           : STANDING_HEAD_READ;
}

void standing_note(struct standing *standing, enum standing_event event)
{
    if (standing_is_halted(standing) && end_of(standing->head) == event)
        standing->head = JOURNAL_RUNS;
}

bool standing_wants_ground(const struct standing *standing)
{
    return standing->ground != JOURNAL_RUNS && !standing->is_final;
}

bool standing_take_ground(struct standing *standing, enum journal_condition ground, const struct error *error)
{
    bool is_new = ground != standing->ground && is_obstacle(ground);
    bool is_broken = ground == JOURNAL_STORE_BROKEN;
    standing->ground = ground;
    standing->is_final = is_broken && error->kind != ERROR_DENIED;
    (void)snprintf(standing->detail, sizeof standing->detail, "%s", is_broken ? error->message : "");
    return is_new;
}
