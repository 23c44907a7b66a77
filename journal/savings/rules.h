/* journal/savings/rules.h -- the rules of spools that can be said in a line, each beside what becomes of it when the
 * simulator takes it out, as in journal/replica/rules.h; private to journal/savings/. */
#pragma once

#include "journal/format/name.h"
#include "journal/mutation.h"

/* The batch ids of an open and of a close are made of the spool's: the same for every process that has this spool, so
 * that the state sees a repetition. */
static inline struct journal_id rule_spool_batch_id(const struct journal_id *spool, uint8_t mask)
{
    struct journal_id id;
    for (unsigned i = 0; i < JOURNAL_ID_BYTES; i++)
        id.bytes[i] = spool->bytes[i] ^ mask;
    return id;
}

static inline struct journal_id rule_open_batch_id(const struct journal_id *spool)
{
    static const struct journal_id none;
    return RULE(spool_opened_without_id, none, rule_spool_batch_id(spool, 0xa5));
}

static inline struct journal_id rule_close_batch_id(const struct journal_id *spool)
{
    return rule_spool_batch_id(spool, 0x5a);
}

/* A record that is sent again keeps its number. */
static inline uint64_t rule_record_number(uint64_t record, bool is_repeated)
{
    return RULE(spool_record_renumbered, record + is_repeated, record);
}

/* What is sent stays until it counts. */
static inline bool rule_trims_what_is_sent(void)
{
    return RULE(spool_trimmed_before_commit, true, false);
}

/* A spool that is drained is closed. But not while a segment cannot be read: what it holds of the spool may come back,
 * and would count again. */
static inline bool rule_may_close(bool has_unread)
{
    return RULE(spool_left_open, false, !has_unread);
}

/* Up to which record a spool may be trimmed: what stands in a published head. What is committed, or is in the view, may
 * still be withdrawn: a segment may be found damaged, or be taken away. */
static inline uint64_t rule_trimmable(uint64_t published, uint64_t committed, uint64_t in_view)
{
    (void)committed, (void)in_view; /* mutants look at them */
    return RULE(spool_trimmed_by_view, committed > in_view ? committed : in_view,
                RULE(spool_trimmed_unpublished, committed, published));
}
