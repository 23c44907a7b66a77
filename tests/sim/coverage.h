/* tests/sim/coverage.h -- how often what was to be tried has been tried: a fault that never happened proves nothing.
 *
 * A set of COVERAGE_SEEDS seeds or more in which a MUST counter stays at zero fails. MAY is also what one seed in some
 * thousand does many times at once, so that one set of twenty has none of it. */
#pragma once

#include "tests/sim/world/progress.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

enum { COVERAGE_SEEDS = 10000 };

/* MUST or MAY, name, what is printed */
#define COVERAGE_LIST(X)                                                                  \
    X(MAY, requests, "requests")                                                          \
    X(MUST, lost, "F1 request lost")                                                      \
    X(MUST, answers_lost, "F2 answer lost")                                               \
    X(MUST, late, "F3 effect delayed")                                                    \
    X(MUST, late_beyond_retention, "F3 effect beyond the horizon")                        \
    X(MUST, twice, "F4 effect twice")                                                     \
    X(MUST, answers_late, "F5 answer after the deadline")                                 \
    X(MUST, outages, "F6 outage")                                                         \
    X(MUST, failed_at_once, "F6 5xx or 429")                                              \
    X(MUST, condition_failed, "F7 F8 412")                                                \
    X(MUST, own_412, "F7 412 for one's own success")                                      \
    X(MUST, conflicts, "F8 409")                                                          \
    X(MAY, pages, "F10 pages")                                                            \
    X(MUST, multi_page, "F10 page with more behind")                                      \
    X(MUST, clock_jumps, "F14 wall clock stepped")                                        \
    X(MUST, clock_far, "F12 F14 writers' clocks further apart than any retention")        \
    X(MUST, crashes, "F15 crash")                                                         \
    X(MUST, acked_crash, "F15 C5 right after an ack")                                     \
    X(MUST, pauses, "F16 pause")                                                          \
    X(MUST, pause_beyond_retention, "F16 C16 pause beyond the horizon")                   \
    X(MUST, isolations, "F17 isolation")                                                  \
    X(MUST, deletes_skipped, "F18 delete skipped")                                        \
    X(MUST, starts_together, "F19 several heads created at once")                         \
    X(MUST, publish_races, "F20 publish lost to another")                                 \
    X(MUST, absent_is_404, "F9 If-Match on an absent key: 404")                           \
    X(MUST, absent_is_412, "F9 If-Match on an absent key: 412")                           \
    X(MUST, damaged_reads, "F21 body damaged on its way")                                 \
    X(MUST, damaged_empty, "F21 body empty")                                              \
    X(MUST, damaged_cut, "F21 body truncated")                                            \
    X(MUST, damaged_bit, "F21 bit flipped")                                               \
    X(MUST, unreadable_with_etag, "F21 object that the store finds damaged")              \
    X(MUST, unreadable_without_etag, "F21 and its row, so that it has no ETag")           \
    X(MUST, bell_damaged, "F21 bell damaged for good")                                    \
    X(MUST, copy_damaged, "F21 copy of a head damaged for good")                          \
    X(MUST, ground_damaged, "F21 ground damaged for good")                                \
    X(MUST, first_head_orphaned, "F21 and no copy of the head, nor whoever made it")      \
    X(MUST, told_bell_damaged, "F21 and the bell met by a replica")                       \
    X(MUST, told_listing_damaged, "F21 damaged row in a listing")                         \
    X(MUST, segment_damaged, "F21 segment damaged for good")                              \
    X(MUST, part_damaged, "F21 part damaged for good")                                    \
    X(MUST, head_damaged, "F21 head damaged for good")                                    \
    X(MUST, live_segment_deleted, "F22 live segment deleted")                             \
    X(MUST, vanished_noticed, "F22 and noticed by a replica that showed it")              \
    X(MUST, vanished_beside_view, "F22 and missed while a view was made that had it")     \
    X(MUST, covered_segment_deleted, "F22 covered segment deleted")                       \
    X(MUST, part_deleted, "F22 part deleted")                                             \
    X(MUST, head_deleted_warm, "F22 head deleted, a warm replica alive")                  \
    X(MUST, head_deleted_cold, "F22 head deleted, no warm replica")                       \
    X(MUST, told_head_missing, "F22 and read by a replica")                               \
    X(MUST, head_rolled_back, "F23 head rolled back")                                     \
    X(MUST, copies_rolled_back, "F23 head rolled back, and the copies with it")           \
    X(MUST, head_is_sibling, "F23 head of another nonce in place of the true one")        \
    X(MAY, late_seeds, "F22 and then the first head of all is created late")              \
    X(MUST, restored, "F22 head lost with every process, restored by operators")          \
    X(MUST, restored_from_older, "F22 and with it the newest copy")                       \
    X(MUST, adopted, "F26 copy with pieces missing, adopted by operators")                \
    X(MAY, adopted_without_rolls, "F26 and rolls among them, and what follows held")      \
    X(MUST, refused_early_checks, "F24 store with several winners, refused")              \
    X(MUST, refused_no_conditions, "F24 store without conditions, refused")               \
    X(MUST, refused_absent, "F9 F24 store that replaces what is absent, refused")         \
    X(MUST, tested_sound_store, "a sound store tested among faults")                      \
    X(MUST, slow_reads, "F28 read of a slow reader")                                      \
    X(MUST, huge_batches, "F29 huge batch")                                               \
    X(MUST, nonsense_refused, "F29 batch that cannot be written, refused")                \
    X(MUST, idle_hours, "F30 hour of silence")                                            \
    X(MUST, newer_met, "J40 op of a later version met")                                   \
    X(MUST, newer_not_permitted, "J40 op that the head does not permit yet, refused")     \
    X(MUST, deletes_refused, "F25 delete refused")                                        \
    X(MUST, writes_refused, "F25 conditional write refused")                              \
    X(MUST, short_lives, "F27 short life of a writer")                                    \
    X(MUST, landed_behind_a_listing, "F3 segment behind the listing that had to show it") \
    X(MUST, clones, "F31 clone")                                                          \
    X(MUST, copied_disks, "F31 spools of a copied disk")                                  \
    X(MUST, opened_again, "F31 and a spool opened by both, the second time in vain")      \
    X(MUST, recounted, "F31 and one of them cut off, until an operator recounts")         \
    X(MAY, drained_late, "F15 spools of many deaths, drained in more rounds")             \
    X(MUST, late_after_answer_folded, "F2+F3+fold of the same key")                       \
    X(MUST, again_after_deletion, "F4 second effect after deletion")                      \
    X(MUST, again_after_rejection, "F4 second effect after the rejection horizon")        \
    X(MUST, fold_of_moving_listing, "F10 fold of a listing that moved between pages")     \
    X(MUST, pause_before_publish, "F16 in a compactor, head read, not published")         \
    X(MUST, pause_before_delete, "F16 in a compactor, published, not deleted")            \
    X(MUST, delete_for_earlier_head, "F16 and deletes in the name of an earlier head")    \
    X(MUST, again_after_skipped_delete, "F18 then F4")                                    \
    X(MUST, isolation_beyond_horizon, "F17 longer than the rolls")                        \
    X(MUST, race_with_lost_answer, "F20 with F2 on the winner")                           \
    X(MUST, rejected_and_resubmitted, "a rejected batch submitted again")                 \
    X(MUST, predecessor_missing, "a predecessor missing from a listing")                  \
    X(MUST, asked_beyond_horizon, "an outcome asked beyond the horizon")                  \
    X(MUST, publish_landed_late, "an ambiguous publish that landed after the next step")  \
    X(MUST, forced_while_held, "a forced segment that was held")                          \
    X(MUST, resolved_without_traffic, "a generation that folded nothing")                 \
    X(MUST, wait_at_the_edge, "a wait at b+K-1")                                          \
    X(MUST, foreign_bodies, "412 on foreign bytes")                                       \
    X(MUST, foreign_of_equal_length, "412 on foreign bytes, as many as one's own")        \
    X(MUST, quarantined, "quarantine")                                                    \
    X(MUST, released, "quarantine released by an operator")                               \
    X(MUST, given_up, "quarantine full, a damaged segment given up")                      \
    X(MUST, delete_after_recreation, "C14 a late delete met a re-created object")         \
    X(MUST, gone_between_list_and_fetch, "C8 a segment gone between listing and GET")

#define MUST true
#define MAY false

enum coverage {
#define X(is_mandatory, name, text) COVER_##name,
    COVERAGE_LIST(X)
#undef X
        COVER_COUNT,
};

struct coverage_table {
    uint64_t counts[COVER_COUNT];
    uint64_t crashes[CRASH_POINTS][CRASH_EFFECTS];
};

extern struct coverage_table coverage;

#define COVER(name) (coverage.counts[COVER_##name]++)
#define COVER_IF(condition, name) (coverage.counts[COVER_##name] += (condition) ? 1 : 0)

/* Reads cannot take effect after the restart. */
bool coverage_effect_makes_sense(enum crash_point point, enum crash_effect effect);
void coverage_add(const struct coverage_table *table);
void coverage_print(FILE *file);
/* Prints what must not be zero and is; returns whether nothing is missing. */
bool coverage_check(FILE *file);
