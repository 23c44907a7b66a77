/* tests/sim/world/progress.h -- where in the journal's procedures a task stands, told from its requests alone; and so
 * at which of the numbered points C1..C16 of the specification a process may be made to die. */
#pragma once

#include "journal/store.h"

enum verb { VERB_CREATE, VERB_REPLACE, VERB_GET, VERB_LIST, VERB_DELETE };

/* Points at a request: there the process dies before it was sent, after its effect, or with the effect after the
 * restart. */
enum crash_point {
    POINT_SEGMENT_PUT,  /* C1, C2 */
    POINT_BELL,         /* C3: stored and answered, before the decision */
    POINT_ACK_CHECK,    /* C4: decided by this head, before the state shows it */
    POINT_LIST_MORE,    /* C6 */
    POINT_TICK_HEAD,    /* C7 */
    POINT_TICK_BODY,    /* C8 */
    POINT_PART_PUT,     /* C9, C10 */
    POINT_HEAD_PUT,     /* C10, C11 */
    POINT_CLEANUP_COPY, /* C12 */
    POINT_DELETE,       /* C13, C14 */
    POINT_SEED,         /* C15 */
    CRASH_POINTS,
    POINT_NONE = CRASH_POINTS,
};

enum crash_effect { EFFECT_NEVER, EFFECT_BEFORE, EFFECT_AFTER_RESTART, CRASH_EFFECTS };

/* Of a compactor, in the order in which it passes through them. */
enum stage { STAGE_NONE, STAGE_HEAD_READ, STAGE_LISTED, STAGE_PARTS, STAGE_PUBLISHED, STAGE_DELETED };

enum { HEADS_REMEMBERED = 8 };

/* No two heads have equal bytes (J31), so one that is read again is the same, whatever was read in between. */
struct head_reading {
    struct store_etag etag;
    uint64_t at; /* when it was read first */
};

struct progress {
    const char *task; /* its name */
    enum stage stage;
    uint64_t writing_base; /* of the writer's last segment; has_written: it was answered */
    bool has_written, is_writing;
    unsigned pages; /* of the listing under way */
    uint64_t names_changed;
    struct head_reading heads[HEADS_REMEMBERED]; /* that this task has read, in a ring */
    unsigned heads_next;
    uint64_t listed_at; /* when its last listing of segments began */
    bool listing_moved; /* the fold's listing had several pages, and names came or went between them */
};

/* Before the request is sent. */
enum crash_point progress_at(struct progress *progress, enum verb verb, const char *name, const char *after);
/* When its answer is there. */
void progress_answered(struct progress *progress, enum verb verb, const char *name, enum store_answer answer,
                       struct span body);
void progress_slept(struct progress *progress);
const char *crash_point_name(enum crash_point point);
