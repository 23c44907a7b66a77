/* journal/report/report.h -- what an operator sees of a journal: the one document that `bale journal` prints and the
 * admin endpoint serves.
 *
 * Filled either from a journal that runs here (report_of_journal) or cold, from the store alone, without writing
 * anything (report_of_store): then also with every object read and checked, if asked for. Amounts of time are by the
 * writers' clocks, which nothing else depends on. The report owns its lists; report_free may be called twice. The
 * struct is large (a head is in it): not for a fiber's stack. */
#pragma once

#include "journal/journal.h"
#include "store/spool.h"

#include <stdbool.h>

enum { REPORT_FINDINGS_MAX = 1000 };

struct report_spool {
    uint8_t id[SPOOL_ID_BYTES];
    bool is_open;  /* in the journal's state */
    uint64_t last; /* the last record that counts there */
    bool is_local; /* in the store that the report was made beside; the fields below are known */
    bool is_own;
    uint64_t last_frozen; /* records after `last` up to here wait to be sent */
    bool has_unsent;
    bool is_cut_off; /* the journal has lost records that it had taken over, and takes no more (savings/ledger.h) */
    int64_t created_ms;
};

/* A replica that has written in the window: one incarnation of a process. */
struct report_writer {
    struct journal_id id;
    uint64_t segments; /* live ones */
    uint64_t clock;    /* the newest */
};

struct report_finding {
    char name[JOURNAL_NAME_BYTES]; /* of the object; empty: the journal as a whole */
    char text[160];
    bool is_harmless; /* nothing depends on the object any more: a later fold removes it */
};

struct journal_report {
    enum journal_condition condition;
    char detail[160];
    bool has_head;
    struct head head;
    uint64_t entries, state_bytes; /* of the state, live segments included */
    uint64_t live_segments, live_bytes, held_segments;
    uint64_t oldest_clock; /* of the live segments; 0: there is none */
    int64_t now_ms;
    struct report_spool *spools;
    unsigned spools_count;
    struct report_writer *writers;
    unsigned writers_count;

    /* of a journal that runs here */
    bool is_running;
    uint64_t age_ms; /* since the last good look at the store began */
    struct journal_counters counters;

    /* of a cold look */
    bool is_verified;
    uint64_t checked_objects, checked_bytes, leftovers;
    struct report_finding *findings;
    unsigned findings_count, harmless_count;
    uint64_t findings_dropped;
};

/* `spool` may be NULL: the spools of this store, of which the state may know nothing yet. */
void report_of_journal(const struct journal *journal, struct spool *spool, struct journal_report *ret_report);
/* False: the store could not be read (nobody knows how it stands). A damaged journal is a report, not an error. */
SUSPENDS bool report_of_store(const struct journal_environment *environment, bool verify, struct spool *spool,
                              struct journal_report *ret_report, struct error *error);
void report_free(struct journal_report *report);

/* Nothing needs an operator: it runs, nothing in quarantine, no spool cut off, nothing found. */
bool report_is_sound(const struct journal_report *report);
/* One JSON object and a newline. */
void report_put_json(const struct journal_report *report, struct buffer *text);
/* For people. */
void report_put_text(const struct journal_report *report, struct buffer *text);
