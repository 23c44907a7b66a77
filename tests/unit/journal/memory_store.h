/* tests/unit/journal/memory_store.h -- an object store in memory, on fibers, that breaks the promises it is told to
 * break, answers no more from some request on, and whose bytes a test may change. */
#pragma once

#include "journal/fiber_scheduler.h"
#include "journal/journal.h"
#include "journal/store.h"
#include "runtime/base/list.h"

enum { MEMORY_OBJECTS_MAX = 4096 };

struct memory_object {
    char name[JOURNAL_NAME_BYTES];
    struct buffer body;
    struct buffer earlier; /* the version before */
    uint64_t version;
};

/* What happens to the request at which the caller dies. */
enum memory_death { DEATH_BEFORE, DEATH_AFTER, DEATH_LATE };

struct memory_store {
    struct journal_store base;
    struct journal_scheduler *scheduler;
    struct memory_object *objects; /* by name */
    unsigned count;
    uint64_t versions;
    uint64_t requests;
    uint64_t writes;

    /* promises that are not kept */
    bool ignores_create_condition, ignores_replace_condition;
    bool checks_then_acts; /* others run between the check of a condition and what it guards */
    bool creates_on_replace, refuses_conditions, refuses_writes;
    bool reads_are_stale; /* a read shows the version before */
    bool hides_new_names; /* a listing lacks the newest object */
    bool etags_repeat, calls_unchanged;
    unsigned lost_permille; /* answers */

    uint64_t dies_at; /* number of a request; 0: never */
    enum memory_death death;
    bool is_dead;
    struct memory_object late; /* what takes effect after the restart */
    bool has_late, late_is_creation;
    uint64_t late_version;
    char (*late_deletions)[JOURNAL_NAME_BYTES];
};

void memory_store_init(struct memory_store *store, struct journal_scheduler *scheduler);
void memory_store_free(struct memory_store *store);
/* All of it into another store, as `cp -a` does. */
void memory_store_copy(const struct memory_store *from, struct memory_store *to);
struct memory_object *memory_find(struct memory_store *store, const char *name);
/* The first or last object whose name begins so, or NULL. */
struct memory_object *memory_first(struct memory_store *store, const char *prefix);
struct memory_object *memory_last(struct memory_store *store, const char *prefix);
void memory_remove(struct memory_store *store, const char *name);
void memory_put(struct memory_store *store, const char *name, struct span body);
unsigned memory_count(const struct memory_store *store, const char *prefix);
/* The process has started again: requests are answered, and what was under way may take effect. */
void memory_revive(struct memory_store *store);
void memory_deliver_late(struct memory_store *store);

/* ---- a journal on it ---- */

struct machine {
    struct fiber_scheduler scheduler;
    struct journal_environment environment;
    struct journal *journal;
};

/* Environment only. */
void machine_prepare(struct machine *machine, struct memory_store *store, uint8_t place);
/* Quick generations. Waits until the journal runs. */
void machine_start(struct machine *machine, struct memory_store *store, uint8_t place);
void machine_stop(struct machine *machine);
void machine_add(struct machine *machine, int64_t amount);
int64_t machine_sum(const struct machine *machine);
/* Until that many more generations were published. */
void machine_fold(struct machine *machine, unsigned generations);
enum journal_condition machine_wait_condition(struct machine *machine, enum journal_condition condition);
void pause_ms(unsigned milliseconds);
