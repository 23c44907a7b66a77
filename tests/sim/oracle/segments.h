/* tests/sim/oracle/segments.h -- the oracles' own account of every segment and every generation: what a segment holds,
 * who was told what became of it, which head folded it, and what must count before it. */
#pragma once

#include "journal/replica/replica.h"

enum { SEGMENTS_MAX = 4096, SEGMENT_BATCHES_MAX = 64, SEGMENT_PAIRS_MAX = 32, NO_SEGMENT = -1, NO_BATCH = 0xffffffff };

/* One batch of a segment: the number that it appends to the lists. */
struct known_batch {
    uint32_t number; /* NO_BATCH: it appends none */
    bool has_id;
};

/* A segment that must count before another. */
struct known_pair {
    int before;
    bool is_program; /* J9; else J10 */
};

struct known_segment {
    struct segment_key key;
    bool has_body, is_committed, is_rejected; /* the last two: somebody was told so */
    bool is_touched;                          /* from outside: its own fate is not judged (tests/sim/oracle/fates.h) */
    uint64_t covered;                         /* the generation that folded it; 0: none has */
    unsigned place;                           /* when covered: among all that were ever folded */
    const struct fate *fate;                  /* once somebody has asked for it; its own module's */
    unsigned batches_count, pairs_count;
    struct known_batch batches[SEGMENT_BATCHES_MAX];
    struct known_pair pairs[SEGMENT_PAIRS_MAX];
};

struct known_commit {
    int segment;
    uint64_t time;
};

/* What was folded up to a generation, and what the head said of it. */
struct known_generation {
    struct journal_id nonce;
    uint64_t digest, published_at, body_hash;
    unsigned places;  /* segments folded up to here */
    unsigned numbers; /* entries of the list up to here */
};

void segments_begin(void);
int segment_index(const struct segment_key *key); /* finds it, or adds it */
struct known_segment *segment_known(int index);
unsigned segments_count(void);
void segment_learn_body(int index, struct span body);

/* Somebody was told this outcome: it must agree with every other answer, and with the heads (J2, J3). */
void segment_told(const struct segment_key *key, enum journal_outcome outcome);
/* In the order of time. */
const struct known_commit *commits(unsigned *ret_count);
/* `before` was committed to the writer of `after` before it submitted that (J9), or was visible where it did (J10). */
void segment_must_follow(int after, int before, bool is_program);

/* The newest published generation; 0: none. */
uint64_t generations_count(void);
const struct known_generation *generation_known(uint64_t generation);
/* A head was published: what it folded, in order. Judges the folds. */
void generation_publish(const struct known_generation *generation, const struct head *head,
                        const struct segment_key *keys, uint32_t count);

/* The numbers that a list holds when everything up to a generation has been folded: generation's `numbers` of them. */
const uint32_t *folded_numbers(void);
/* That number was folded at or before the generation. */
bool number_is_folded(uint32_t number, uint64_t generation);
/* The checkpoint's state, folded by the oracle with every rule in force. */
const struct layer *reference_layer(void);
