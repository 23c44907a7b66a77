/* server/lifecycle/claimed_value.h -- a value in the journal's state that processes replace, each upon the whole of
 * what it has seen: so no two of them can both believe that theirs stands. Name space `lifecycle`. */
#pragma once

#include "journal/journal.h"

struct claimed_value {
    struct span table;
    struct span key;
    bool is_there; /* something stood there, which was ... */
    struct span before;
};

/* True: `value` stands where `claimed->before` stood, or something else did by then and stands still: the state, which
 * has it, tells. ERROR_BUSY: nobody knows yet, or the journal takes nothing. */
SUSPENDS bool claimed_value_put(struct journal *journal, const struct journal_environment *environment,
                                const struct claimed_value *claimed, struct span value, struct error *error);
/* How often a holder writes its value anew, so that nobody takes over what stands still for takeover_ms: five times in
 * that while, and once a minute at least. */
uint64_t claimed_value_renewal_ns(uint64_t takeover_ms);
/* Ops of any kind. True: they are committed. */
SUSPENDS bool claimed_value_submit(struct journal *journal, const struct buffer *ops, struct error *error);
