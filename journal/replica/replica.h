/* journal/replica/replica.h -- what one replica knows; private to journal/.
 *
 * Its parts are grouped by who changes them. `busy` is held by
 * whoever adopts heads (a tick) and by the compactor while it builds: the head, the base and what is in the roll stay
 * as they are meanwhile. `deriving` is held, for computing only, by whoever brings the view up to date; under it the
 * view changes by whole segments or all at once. Who needs both takes `busy` first. */
#pragma once

#include "journal/format/part.h"
#include "journal/format/segment.h"
#include "journal/journal.h"
#include "journal/mutation.h"
#include "journal/replica/covered.h"
#include "journal/replica/standing.h"

enum {
    FAILED_READS_ARE_DAMAGE = 3, /* one after the other, of one object */
    REQUESTS_AT_ONCE = 16,       /* of one tick or fold: a cold start must not wait for one body after the other */
};

enum body_state {
    BODY_ABSENT,
    BODY_GOOD,
    BODY_DAMAGED, /* in several readings; it is read again all the same */
    BODY_NEWER,
    BODY_FOREIGN, /* sound, and of another lineage: never applied (J28), and not kept */
};

struct tail_segment {
    struct segment_key key;
    enum body_state state;
    unsigned failed_reads, unanswered;
    bool is_own;  /* written and committed by this process */
    bool is_live; /* counts in the view, or in the one that is being made */
    bool is_applied;
    /* the last listing that showed it; for own ones at least the one under way when it was stored */
    uint64_t seen_round;
    uint64_t first_seen_ns;
    struct buffer body;
    struct segment segment; /* when BODY_GOOD */
};

struct pending_batch {
    struct list_link link;
    const struct journal_batch *batch;
    uint32_t ops_count;
    bool is_taken; /* out of the queue, into a segment */
    bool is_done;
    struct journal_answer answer;
    struct wait_queue done;
};

/* What readers are shown. Whoever holds `busy` brings it to another head, in one step; whoever holds `deriving` changes
 * the view under that head. */
struct shown {
    bool is_ready; /* the first tick has been good */
    bool has_head;
    bool is_first_copied; /* of this lineage */
    struct head *head;
    struct store_etag etag;
    struct buffer body;
    uint64_t first_read_ns; /* when this generation was first seen: G_min counts from here */
    uint64_t read_ns;       /* when a head was last read */
    struct layer base;
    struct layer recent; /* over the base, until it has been moved into it */
    struct covered covered;
    struct state view;
};

/* Every segment that was listed or written and is not covered, in canonical order. Anybody adds to it; ticks take out.
 */
struct tail {
    struct tail_segment **items;
    size_t count, capacity;
    size_t judged_count; /* from its beginning: looked at under this head, and applied if live */
    size_t applied_count;
    struct segment_key last_applied;
    uint64_t live_bytes;
    bool must_derive; /* something of the view has left it */
};

/* Of the poller, and of whoever else ticks: under `busy`. */
struct poller {
    struct store_etag bell;
    struct store_page *page;
    uint64_t round;           /* of listings */
    uint64_t good_tick_ns;    /* when the last good one began */
    uint64_t newest_known;    /* generation of the newest head that must have been: a sound copy of it, or a segment
                               * of this lineage that was written under it, was read */
    uint64_t copy_generation; /* of the newest sound copy, and its nonce; 0: none was found */
    struct journal_id copy_nonce;
    unsigned head_damaged_reads; /* one after the other */
    uint64_t lost_generation;    /* of the checkpoint that could not be loaded, and how often */
    unsigned lost_loads;
};

struct writer {
    struct journal_id id;
    uint64_t sequence;
    uint64_t clock; /* above every clock that the view shows */
    bool has_committed;
    struct segment_key last_committed;
    struct list_link queue;
    size_t queued_bytes;       /* of batches that have no answer yet */
    uint64_t writing_since_ns; /* 0: no segment is on its way */
    struct wait_queue grew;    /* the queue */
};

struct compactor {
    bool must_drive; /* somebody waits for generations */
    struct store_page *page;
};

/* Who waits for either waits at `idle`. */
struct locks {
    bool is_busy;     /* a tick is under way, or a fold builds */
    bool is_deriving; /* the view is being brought up to date */
    struct wait_queue idle;
};

struct journal {
    struct journal_environment environment;
    struct journal_options options;
    struct journal_counters counters;
    char alarm_objects[ALARM_COUNT][JOURNAL_NAME_BYTES]; /* for which each was raised last */
    bool is_stopping;
    unsigned tasks;
    size_t slice_bytes; /* of work that may still be done before others run */
    struct locks locks;
    struct standing standing;
    struct shown shown;
    struct tail tail;
    struct poller poller;
    struct writer writer;
    struct compactor compactor;
};

/* ---- replica.c ---- */
void replica_alarm(struct journal *journal, enum journal_alarm alarm);
/* The same, with the name of the object. */
void replica_alarm_of(struct journal *journal, enum journal_alarm alarm, const char *name);
void replica_alarm_of_segment(struct journal *journal, enum journal_alarm alarm, const struct segment_key *key);
/* No acks and no folds from here on; alarms when it was not so already. */
void replica_halt(struct journal *journal, enum journal_condition why, enum journal_alarm alarm);
bool replica_may_write(const struct journal *journal);
uint64_t replica_now(const struct journal *journal);
deadline_t replica_deadline(const struct journal *journal);
/* Of a request that carries so many bytes: a slow line needs its time for them. */
deadline_t replica_deadline_for(const struct journal *journal, uint64_t bytes);
/* What came of reading a part that the head names. */
void replica_note_part(struct journal *journal, const struct part_name *part, enum store_answer answer, bool is_good);
/* A page of names, as journal_store.list; alarms for damaged ones, and when there is no listing for damage (J39). */
SUSPENDS enum store_answer replica_list(struct journal *journal, const char *prefix, const char *after,
                                        struct store_page *ret_page);
bool replica_sleep_ms(struct journal *journal, uint64_t milliseconds);
struct tail_segment *tail_find(struct journal *journal, const struct segment_key *key);
struct tail_segment *tail_add(struct journal *journal, const struct segment_key *key);
/* Does it leave the tail, when `round` is the last listing? */
typedef bool tail_judge(struct journal *journal, const struct tail_segment *item, uint64_t round);
/* Takes out what goes. Of what a reader sees nothing goes before the next publication: while the journal runs this is
 * done by replica_publish_without. */
void tail_remove(struct journal *journal, tail_judge *goes, uint64_t round);
bool replica_is_settled(const struct journal *journal, const struct segment_key *key);
/* The body of a segment of the tail has come. */
void tail_changed(struct journal *journal, const struct segment_key *key);
/* False when the journal is stopping. */
SUSPENDS bool replica_take_busy(struct journal *journal);
void replica_release_busy(struct journal *journal);
/* each(context, index) for every index, several at once. False: the journal is stopping, and some were left out. All
 * that began have ended when it returns. */
SUSPENDS bool replica_each(struct journal *journal, size_t count, void (*each)(void *context, size_t index),
                           void *context);
/* Between the slices of long computations: after some bytes of work others run. */
SUSPENDS void replica_breathe(struct journal *journal, size_t bytes);
SUSPENDS void replica_free_layer(struct journal *journal, struct layer *layer);
/* Which segments count now, and the view made of them, in slices; readers see a segment whole or not at all. Whoever
 * returns has all in the view that was in the tail when it called. */
SUSPENDS void replica_publish(struct journal *journal);
/* The same without what goes, which leaves tail and view in one step: whenever nobody makes a view, the one that is
 * shown has in it what is applied in the tail, no more and no less. */
SUSPENDS void replica_publish_without(struct journal *journal, tail_judge *goes, uint64_t round);
/* What it takes to come to another head. */
struct next_head {
    const struct head *head;
    struct span body;
    const struct store_etag *etag;
    struct layer *base;   /* instead of the present one; NULL: it stays */
    struct layer *recent; /* over it */
    struct covered_generation *folded;
    size_t folded_count;
};
/* Makes the view of that head beside the present one, then replaces head, base and view in one step. Takes the layers
 * and the keys of what was folded. Under `busy`. False: the journal is stopping. */
SUSPENDS bool replica_switch(struct journal *journal, struct next_head *next);
/* Batch ids that a fold which makes this generation forgets. */
SUSPENDS void replica_expire(struct journal *journal, struct state *state, const struct head *head,
                             uint64_t generation);
void apply_segment(struct state *state, const struct segment *segment, uint64_t generation);

/* ---- head_read.c ---- */
SUSPENDS enum store_answer head_read(struct journal *journal, struct head *ret_head, struct buffer *ret_body,
                                     struct store_etag *ret_etag);
/* Does a copy say that this head's generation was another one? */
bool head_is_denied(const struct journal *journal, const struct head *head);
/* Makes what was read the head of this replica: loads what it folded. Under `busy`. */
SUSPENDS bool head_adopt(struct journal *journal, const struct head *head, struct span body,
                         const struct store_etag *etag);

/* ---- copies.c ---- */
/* The newest sound copy of a head becomes known. Not STORE_DONE: what the store answered instead. */
SUSPENDS enum store_answer copies_look(struct journal *journal);
/* An operator restores from copies: one is written of every head in whose name something is deleted (J36). Of the head
 * that is shown when it is called; another may be when it returns. */
SUSPENDS bool copies_write(struct journal *journal);
/* Nothing is written under the first head of a lineage before there is a copy of it: a head that is lost later can
 * always be restored. By whoever may write, and is about to. True: there is one, or the head is a later one. */
SUSPENDS bool copies_write_first(struct journal *journal);

/* ---- tick.c, seed.c, bell.c, fold.c, cleanup.c, writer.c ---- */
SUSPENDS bool tick(struct journal *journal);
SUSPENDS void seed(struct journal *journal); /* or finds out why there is no head */
SUSPENDS bool bell_has_changed(struct journal *journal);
SUSPENDS bool bell_ring(struct journal *journal);
/* For those who do not depend on it. */
SUSPENDS void bell_ring_once(const struct journal_environment *environment, deadline_t deadline);
SUSPENDS bool fold(struct journal *journal, bool take_nothing_too);
SUSPENDS void cleanup(struct journal *journal);
void poller_run(void *argument);
void compactor_run(void *argument);
void writer_run(void *argument);
