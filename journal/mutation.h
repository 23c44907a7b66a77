/* journal/mutation.h -- rules of the protocol that the simulator can take out, to see that its oracles notice.
 *
 * Only the simulator is built with JOURNAL_MUTATIONS; anywhere else MUTATED() is false when the program is compiled.
 *
 * A mutant stands beside the rule that it replaces, in the rules.h of its room and wherever else RULE() is, or is what
 * the simulated store does (tests/sim/mutants.c).
 *
 * The journal looks at no stamp of the store; coverage_by_stamp takes the hybrid clock for one. blind_412 is also "412
 * without comparing": there is one answer 412 that says something, that to the creation of a segment. What a 412 to a
 * head's replacement means need not be known: cleanup goes by what is read back. old_amounts_from_head is a rule of the
 * store that keeps a spool, here of the simulator's disks. */
#pragma once

#define JOURNAL_MUTATION_LIST(X)    \
    X(ack_before_check)             \
    X(ack_one_generation_lax)       \
    X(ack_from_earlier_head)        \
    X(coverage_by_stamp)            \
    X(no_roll)                      \
    X(short_roll)                   \
    X(no_rejection_window)          \
    X(head_before_list_on_read)     \
    X(list_before_head_on_fold)     \
    X(pages_listed_once)            \
    X(delete_before_publish)        \
    X(delete_at_once)               \
    X(delete_one_generation_early)  \
    X(deleted_by_later_head)        \
    X(first_head_copied_by_ticks)   \
    X(no_forced_fold)               \
    X(no_predecessor_rule)          \
    X(retry_under_new_key)          \
    X(blind_412)                    \
    X(compared_by_size)             \
    X(conflict_means_exists)        \
    X(seed_on_404)                  \
    X(bodies_dropped_on_error)      \
    X(own_write_evicted_early)      \
    X(removed_before_derived)       \
    X(head_bytes_repeated)          \
    X(unordered_apply)              \
    X(rejected_before_unknown)      \
    X(forced_fold_skips_held)       \
    X(clock_not_merged)             \
    X(base_older_than_published)    \
    X(older_head_accepted)          \
    X(other_nonce_accepted)         \
    X(newer_head_accepted)          \
    X(kinds_used_early)             \
    X(later_segments_ignored)       \
    X(tidy_after_ambiguous_publish) \
    X(part_names_without_nonce)     \
    X(window_listed_short)          \
    X(writes_before_first_tick)     \
    X(no_empty_folds)               \
    X(no_fold_gap)                  \
    X(no_batch_ids)                 \
    X(bell_after_ack)               \
    X(bell_bytes_repeated)          \
    X(spool_trimmed_before_commit)  \
    X(spool_trimmed_by_view)        \
    X(spool_trimmed_unpublished)    \
    X(spool_opened_without_id)      \
    X(spool_record_renumbered)      \
    X(spool_left_open)              \
    X(spool_number_lax)             \
    X(counter_clamped)              \
    X(old_amounts_from_head)        \
    X(lineage_ignored)              \
    X(setting_changed_by_view)      \
    X(setting_revision_kept)

enum journal_mutation {
    MUTATION_none,
#define X(name) MUTATION_##name,
    JOURNAL_MUTATION_LIST(X)
#undef X
        MUTATION_count,
};

#ifdef JOURNAL_MUTATIONS
extern enum journal_mutation journal_mutation;
/* Versions mix (J40): what the running process knows of ops, and up to which it takes heads that permit them. */
extern unsigned journal_op_kind_last, journal_head_kind_last;
#define OP_KIND_LAST_KNOWN journal_op_kind_last
#define HEAD_KIND_LAST_KNOWN journal_head_kind_last
#define MUTATED(name) (journal_mutation == MUTATION_##name)
#else
#define OP_KIND_LAST_KNOWN OP_KIND_LAST
#define HEAD_KIND_LAST_KNOWN OP_KIND_LAST
#define MUTATED(name) false
#endif

/* What a rule says; where it is taken out, what the mutant says. */
#define RULE(mutation, mutant, truth) (MUTATED(mutation) ? (mutant) : (truth))
