/* tests/sim/world/objects.h -- what the simulated store holds: the truth, without requests and faults. */
#pragma once

#include "journal/store.h"

struct object {
    char name[JOURNAL_NAME_BYTES];
    struct buffer body;
    struct store_etag etag; /* equal bytes have equal ones: S12 */
    bool is_unreadable;     /* the store says so itself: STORE_DAMAGED */
    bool hides_etag;        /* with it, its row: a listing shows that */
};

/* What the oracles want to see. Called at the instant of the effect; not for what interference does. */
struct store_observer {
    void (*head_written)(struct span body);
    void (*name_deleted)(const char *name);
};

extern struct store_observer world_observer;

struct object *object_find(const char *name);
/* Creates or replaces it. */
struct object *object_put(const char *name, struct span body);
void object_delete(const char *name);
/* Names behind `after` that begin with the prefix, at most `most`. */
void objects_list(const char *prefix, const char *after, unsigned most, struct store_page *ret_page);
void objects_clear(void);

bool world_object(const char *name, struct span *ret_body);
/* How many begin with the prefix; `visit` may be NULL, and must not change them. */
unsigned world_names(const char *prefix, void (*visit)(const char *name));
