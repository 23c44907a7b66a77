/* journal/savings/recounts.h -- how often the objects of a bucket's fleet have been counted anew.
 *
 * What a recount corrects is a record of a spool that is nobody's, one for each bucket that was counted: of two that
 * are made of one moment, one counts. So the number of its last record tells whether somebody has counted since. */
#pragma once

#include "journal/format/state.h"

static const struct journal_id recounts_spool = {"bale's recounts"};

/* 0: nobody has. */
static inline uint64_t recounts_in_state(const struct state *state)
{
    uint64_t last = 0;
    return state_spool_last(state, &recounts_spool, &last) ? last : 0;
}
