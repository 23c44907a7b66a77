/* journal/replica/rules.h -- the rules of the protocol that can be said in a line, and beside each what becomes of it
 * when the simulator takes it out (journal/mutation.h); private to journal/.
 *
 * The files of this room ask for a rule by its name, and read as if none could be missing. Rules about the order of
 * requests are taken out by the store that the simulator has (tests/sim/mutants.c). */
#pragma once

#include "journal/replica/replica.h"

#ifdef JOURNAL_MUTATIONS
/* tests/sim/mutants.c */
uint64_t mutant_coverage_by_stamp(const struct journal *journal, const struct segment_key *key);
SUSPENDS void mutant_tidy(struct journal *journal, const struct head *head);
#else
#define mutant_coverage_by_stamp(journal, key) 0
#define mutant_tidy(journal, head) ((void)0)
#endif

/* ---- writing ---- */

/* The first head has been copied by this process. That it serves readers says nothing: before it knew its ground it
 * wrote no copy either. */
static inline bool rule_trusts_copy(const struct journal *journal)
{
    return RULE(first_head_copied_by_ticks, journal->shown.is_ready, journal->shown.is_first_copied);
}

/* b: the generation that this replica's readers see. */
static inline uint64_t rule_base(const struct journal *journal)
{
    uint64_t seen = journal->shown.head->generation;
    bool is_near = journal->writer.has_committed && journal->writer.last_committed.base + 3 > seen;
    return RULE(base_older_than_published, is_near ? journal->writer.last_committed.base : seen, seen);
}

/* A 2xx alone says that a segment is stored; 409 says that somebody else was at it. */
static inline bool rule_says_stored(enum store_answer answer)
{
    return answer == STORE_DONE || RULE(conflict_means_exists, answer == STORE_CONFLICT, false);
}

/* 412: it is mine if every byte is. */
static inline bool rule_is_mine(struct span found, struct span written)
{
    return RULE(blind_412, true, RULE(compared_by_size, found.size == written.size, span_equal(found, written)));
}

/* A head whose GET began after the PUT was answered is young enough: the fold that must take the segment has not listed
 * yet. */
static inline bool rule_may_acknowledge(const struct journal *journal, bool is_read, const struct head *head,
                                        const struct segment_key *key)
{
    const struct head *earlier = journal->shown.head; /* what this replica knows from before */
    bool is_young = is_read && head->generation + 2 <= key->base + head->window;
    return RULE(ack_before_check, true,
                RULE(ack_one_generation_lax, is_read && head->generation + 1 <= key->base + head->window,
                     RULE(ack_from_earlier_head, earlier->generation + 2 <= key->base + earlier->window, is_young)));
}

/* Outcomes are remembered for L generations. */
static inline bool rule_is_beyond_horizon(const struct head *head, const struct segment_key *key)
{
    return RULE(rejected_before_unknown, false, head->generation > key->base + head->horizon);
}

/* Only what was surely never stored under its key is written under another. */
static inline bool rule_wants_another_key(bool is_foreign, enum journal_outcome outcome, unsigned attempt)
{
    return RULE(retry_under_new_key, outcome == JOURNAL_UNKNOWN && attempt < 2, false) || (is_foreign && attempt < 4);
}

/* Other replicas may not know a kind of op that the head does not permit (J40). */
static inline bool rule_may_use(const struct head *head, struct span ops)
{
    return RULE(kinds_used_early, true, ops_are_permitted(ops, head->op_kind_last));
}

/* Nothing is admitted before the first tick. */
static inline bool rule_may_admit(const struct journal *journal)
{
    return journal->shown.is_ready || RULE(writes_before_first_tick, true, false);
}

/* What polls see has bytes that never repeat. */
static inline void rule_fill_bell(const struct journal *journal, void *bytes, size_t size)
{
    if (!RULE(bell_bytes_repeated, true, false))
        random_fill(journal->environment.random, bytes, size);
}

/* ---- what counts ---- */

/* The generation whose roll names the key, or 0. */
static inline uint64_t rule_folded_in(const struct journal *journal, const struct segment_key *key)
{
    return RULE(no_roll, 0,
                RULE(coverage_by_stamp, mutant_coverage_by_stamp(journal, key),
                     covered_generation(&journal->shown.covered, key)));
}

/* Generations whose rolls are kept. */
static inline uint64_t rule_rolls_kept(const struct head *head)
{
    return RULE(short_roll, 2, head->horizon);
}

static inline bool rule_is_before_window(const struct head *head, const struct segment_key *key)
{
    return RULE(no_rejection_window, false, key->base < head_window_begin(head));
}

static inline bool rule_is_of_lineage(const struct journal_id *lineage, const struct journal_id *mine)
{
    return RULE(lineage_ignored, true, journal_id_equal(lineage, mine));
}

/* What its writer had committed before it comes first. */
static inline bool rule_has_predecessor(const struct segment *segment)
{
    return RULE(no_predecessor_rule, false, segment->has_predecessor);
}

static inline bool rule_comes_before_others(const struct journal *journal, const struct segment_key *key)
{
    return RULE(unordered_apply, false,
                journal->tail.applied_count > 0 && segment_key_compare(key, &journal->tail.last_applied) < 0);
}

/* The hybrid clock is above every clock that readers can see. */
static inline uint64_t rule_clock_after(const struct journal *journal, const struct segment_key *seen)
{
    uint64_t later = seen->clock > journal->writer.clock ? seen->clock : journal->writer.clock;
    return RULE(clock_not_merged, journal->writer.clock, later);
}

static inline const struct journal_id *rule_batch_id(const struct batch *batch)
{
    static const struct journal_id none;
    return RULE(no_batch_ids, &none, &batch->id);
}

/* ---- heads ---- */

/* Of the same lineage, and where it remembers the generation of the known one it is that. */
static inline bool rule_is_successor(const struct head *head, const struct head *known)
{
    const struct head_ancestor *then = head_ancestor(head, known->generation);
    bool is_same = journal_id_equal(&head->lineage, &known->lineage);
    bool is_same_nonce = then == NULL || journal_id_equal(&then->nonce, head_nonce(known));
    return RULE(lineage_ignored, true, is_same && RULE(other_nonce_accepted, true, is_same_nonce));
}

/* Asked after we knew better: not a late answer. Or a copy says that this generation was another head. */
static inline bool rule_went_back(const struct head *head, uint64_t known, bool is_denied)
{
    return RULE(older_head_accepted, false, head->generation < known || is_denied);
}

static inline bool rule_proves_later_head(const struct tail_segment *item)
{
    return RULE(later_segments_ignored, false, item->state == BODY_GOOD);
}

/* An absent head is not an empty journal: everything is listed before one is made. */
static inline bool rule_trusts_absence(void)
{
    return RULE(seed_on_404, true, false);
}

/* ---- ticks ---- */

/* The first base that may be live. */
static inline uint64_t rule_window_begin(const struct journal *journal)
{
    uint64_t begin = journal->shown.has_head ? head_window_begin(journal->shown.head) : 0;
    return RULE(window_listed_short, begin + 1, begin);
}

static inline bool rule_has_vanished(const struct tail_segment *item, uint64_t round)
{
    return item->seen_round < round || RULE(own_write_evicted_early, item->is_own, false);
}

/* Bodies outlive a tick that fails (J45). */
static inline bool rule_drops_bodies(bool is_good_tick)
{
    return RULE(bodies_dropped_on_error, !is_good_tick, false);
}

/* What goes away leaves the tail together with the view. */
static inline bool rule_removes_early(void)
{
    return RULE(removed_before_derived, true, false);
}

/* ---- folds ---- */

/* Folds that follow each other more quickly outrun writers (J52). */
static inline bool rule_is_too_soon(const struct journal *journal)
{
    uint64_t gap_ns = journal->options.fold_gap_ms * UINT64_C(1000000);
    return RULE(no_fold_gap, false, replica_now(journal) - journal->shown.first_read_ns < gap_ns);
}

/* One page shows what every segment in it was caused by; several do not. */
static inline bool rule_is_snapshot(unsigned pages)
{
    return RULE(pages_listed_once, true, pages == 1);
}

/* The next generation would put it out of reach. */
static inline bool rule_must_fold(const struct head *next, const struct segment_key *key)
{
    return RULE(no_forced_fold, false, key->base + next->window <= next->generation);
}

/* The next head permits what this program knows. Who knows less stops there. */
static inline uint32_t rule_permitted_kinds(const struct head *head)
{
    return head->op_kind_last > OP_KIND_LAST_KNOWN ? head->op_kind_last : OP_KIND_LAST_KNOWN;
}

/* What must be folded is folded without its predecessor, too. */
static inline bool rule_takes_held(void)
{
    return RULE(forced_fold_skips_held, false, true);
}

/* Whoever waits for generations gets some that fold nothing (J33). */
static inline bool rule_may_be_empty(bool somebody_waits)
{
    return RULE(no_empty_folds, false, somebody_waits);
}

/* No two heads have equal bytes (J31). */
static inline struct journal_id rule_new_nonce(const struct journal *journal)
{
    struct journal_id nonce = {{0}};
    if (!RULE(head_bytes_repeated, true, false))
        random_fill(journal->environment.random, &nonce, sizeof nonce);
    return nonce;
}

/* A part has the name of the head that it was made for, and no other part ever has it (J51). */
static inline struct part_name rule_part_name(uint64_t generation, const struct journal_id *nonce, enum part_kind kind)
{
    static const struct journal_id none;
    return (struct part_name){generation, RULE(part_names_without_nonce, none, *nonce), kind};
}

/* It may land later: its parts stay. */
static inline void rule_leave_parts(struct journal *journal, const struct head *head)
{
    if (RULE(tidy_after_ambiguous_publish, true, false))
        mutant_tidy(journal, head);
    (void)journal;
    (void)head;
}

/* ---- cleanup ---- */

/* Folded, or rejected for good, under this head and the two before it: so each of the copies that are kept covers what
 * is missing, and an operator may restore from any of them. What was released from quarantine is folded long after its
 * base has left the window: while a roll says in which generation, that one counts. */
static inline bool rule_is_dead(const struct head *head, const struct segment_key *key, uint64_t folded)
{
    uint64_t settled = folded != 0 ? folded : key->base + head->window;
    bool is_dead = settled + 2 <= head->generation;
    return is_dead || RULE(delete_before_publish, key->base + 1 < head->generation,
                           RULE(delete_at_once, folded != 0,
                                RULE(delete_one_generation_early, settled + 1 <= head->generation, false)));
}

/* The head by which names are judged, of which there is a copy; the mutant takes the one that the replica has come to
 * since. */
static inline const struct head *rule_head_of_deletion(const struct journal *journal, const struct head *copied)
{
    return RULE(deleted_by_later_head, journal->shown.head, copied);
}

/* Of a fold that may still be published. */
static inline bool rule_may_be_published(const struct head *head, const struct part_name *part)
{
    return RULE(part_names_without_nonce, true, part->generation > head->generation);
}
