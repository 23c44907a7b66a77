/* journal/repair/cold.h -- reads a journal as a process without memory does, straight from the store and without
 * writing.
 *
 * What a replica keeps step by step (journal/replica/replica.h) is derived here at one go, from the same bytes by code
 * of its own: reports and restores stand on it, and tests compare the two. Operators wait for it: deadlines are long,
 * and a body counts as damaged only after it has been read several times. Errors: ERROR_NOT_FOUND, ERROR_DAMAGED,
 * ERROR_UNSUPPORTED (sound, of a later version), ERROR_BUSY (the store does not answer); the message names the object.
 */
#pragma once

#include "journal/format/head.h"
#include "journal/format/segment.h"
#include "journal/format/state.h"
#include "journal/replica/covered.h"
#include "journal/store.h"

enum { COLD_REQUEST_MS = 10000 };

/* A head and what it names. A zeroed one is empty. */
struct checkpoint {
    struct head head;
    struct buffer head_body;
    struct store_etag etag;
    struct covered covered;
    struct layer base;
    uint64_t bytes;      /* of the parts that were read */
    uint64_t lost_rolls; /* that cold_load_without_rolls did without */
    uint64_t lost_until; /* the newest of their generations */
};

enum cold_segment_state { COLD_GOOD, COLD_DAMAGED, COLD_NEWER, COLD_GONE };

struct cold_segment {
    struct segment_key key;
    enum cold_segment_state state;
    bool is_live; /* counts in the state */
    bool is_held; /* would, but for a predecessor that is not there, or is only taken for folded */
    bool is_other_lineage;
    struct buffer body;
    struct segment segment; /* when COLD_GOOD */
};

/* What is listed in the window, in canonical order, without what is folded or in quarantine. */
struct cold_segments {
    struct cold_segment *items;
    size_t count, capacity;
};

deadline_t cold_deadline(const struct journal_environment *environment);
/* ERROR_DAMAGED: also where the store itself says so; *ret_etag is set as far as it is known, as in journal/store.h. */
SUSPENDS bool cold_get(const struct journal_environment *environment, const char *name, struct buffer *ret_body,
                       struct store_etag *ret_etag, struct error *error);
/* Every name that begins with the prefix, a page at a time. `visit` may suspend; false from it ends the walk. */
SUSPENDS bool cold_list(const struct journal_environment *environment, const char *prefix, const char *after,
                        bool (*visit)(const char *name, void *context, struct error *error), void *context,
                        struct error *error);

/* HEAD_NAME or a copy. Fills head, head_body and etag. */
SUSPENDS bool cold_read_head(const struct journal_environment *environment, const char *name, struct checkpoint *ret,
                             struct error *error);
/* Its rolls and layers; the digest must come out right. */
SUSPENDS bool cold_load(const struct journal_environment *environment, struct checkpoint *checkpoint,
                        struct error *error);
/* The same where rolls are damaged or missing, for an operator who has nothing better. The state is whole all the same;
 * what is not known is which segments those generations folded. Of those two generations old nothing is left, if
 * cleanup could delete it, and what is left of that time is taken for folded. */
SUSPENDS bool cold_load_without_rolls(const struct journal_environment *environment, struct checkpoint *checkpoint,
                                      struct error *error);
void checkpoint_free(struct checkpoint *checkpoint);

/* Copies of heads, the last of those that are listed. A zeroed one is empty. */
enum { COLD_COPIES_MAX = 64 };

struct cold_copy {
    uint64_t generation;
    struct journal_id nonce;
};

struct cold_copies {
    unsigned count;
    struct cold_copy items[COLD_COPIES_MAX]; /* the newest last */
};

/* Names are shown in their order; those of no copy are passed over. */
void cold_take_copy(struct cold_copies *copies, const char *name);
/* ERROR_DAMAGED also where it holds another head than its name says. */
SUSPENDS bool cold_read_copy(const struct journal_environment *environment, const struct cold_copy *copy,
                             struct checkpoint *ret, struct error *error);
/* Is this head not the newest of its journal? The newest sound copy says so, when it is of a later generation or of one
 * that this head knows by another nonce (a first head whose creation came late); and a segment of this lineage that was
 * written under a later head. A name alone says nothing, for anybody can give one. *ret_generation: of what says so; 0:
 * nothing does. */
SUSPENDS bool cold_find_denying_copy(const struct journal_environment *environment, const struct head *head,
                                     const struct cold_copies *copies, uint64_t *ret_generation, struct error *error);
SUSPENDS bool cold_find_later_base(const struct journal_environment *environment, const struct head *head,
                                   uint64_t *ret_generation, struct error *error);

/* Folded, or taken for folded where rolls are lost; in quarantine, or before the window. */
bool checkpoint_settles(const struct checkpoint *checkpoint, const struct segment_key *key);

/* Lists the window, reads every body and says which are live. One that is gone is marked so: the head may have moved.
 */
SUSPENDS bool cold_read_segments(const struct journal_environment *environment, const struct checkpoint *checkpoint,
                                 struct cold_segments *ret_segments, struct error *error);
void cold_segments_free(struct cold_segments *segments);

/* Head, checkpoint and segments that belong together, with the fleet at work or not. */
SUSPENDS bool cold_read(const struct journal_environment *environment, struct checkpoint *ret_checkpoint,
                        struct cold_segments *ret_segments, struct error *error);

/* The state: the checkpoint and what is live (and held, if wanted) over it. `state` looks into the checkpoint. */
void cold_derive(const struct checkpoint *checkpoint, const struct cold_segments *segments, bool held_too,
                 uint64_t generation, struct state *ret_state);
