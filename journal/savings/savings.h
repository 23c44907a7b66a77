/* journal/savings/savings.h -- the savings ledger as people and programs read it: a row for each bucket, and their
 * total.
 *
 * Rows are by name and in the order of names: what the ledger keeps apart (a bucket, and earlier ones of its name) is
 * summed. Figures are as they are counted, also negative ones; readers see that something is wrong. */
#pragma once

#include "journal/format/head.h"
#include "journal/savings/ledger.h"

struct savings_row {
    char bucket[BUCKET_NAME_BYTES_MAX + 1];
    struct ledger_amounts amounts;
    uint64_t
        uncertain; /* changes of which nobody knows whether they happened: none on a store that commits both in one */
};

/* Why figures may be wrong; each has a sentence with a remedy. */
enum savings_doubt {
    SAVINGS_LOST,       /* damage took objects that are still counted, or amounts that were not counted yet */
    SAVINGS_CUT_OFF,    /* the journal has lost records that it had taken over from a spool */
    SAVINGS_DAMAGED,    /* a record that waits in a spool cannot be read */
    SAVINGS_QUARANTINE, /* what segments in quarantine hold of other stores is not counted */
    SAVINGS_DOUBTS,
};
const char *savings_doubt_name(enum savings_doubt doubt); /* "cut-off" */
const char *savings_doubt_text(enum savings_doubt doubt);

/* A zeroed struct is empty. */
struct savings {
    struct savings_row *rows;
    size_t count;
    size_t capacity;
    struct savings_row total; /* its bucket is empty */
    bool doubts[SAVINGS_DOUBTS];
};

void savings_free(struct savings *savings);
void savings_add(struct savings *savings, struct span bucket, const struct ledger_amounts *amounts);
void savings_add_sums(struct savings *savings, const struct ledger_sums *sums);
/* Sorts, sums what has one name; afterwards nothing is added. */
void savings_finish(struct savings *savings);

/* What is known to be wrong with sums of this state and this store's spools. `head` may be NULL: there is no journal.
 * Does not suspend. False: the spools could not be read. */
bool savings_find_doubts(const struct state *state, const struct head *head, const struct ledger_sums *sums,
                         struct spool *spool, bool ret_doubts[SAVINGS_DOUBTS], struct error *error);
bool savings_are_exact(const bool doubts[SAVINGS_DOUBTS]);

/* {"buckets":[{"bucket":"b","objects":1,"original_bytes":2,"stored_bytes":1,"former_versions":0,...,"uncertain":0}],
 * "total":{"objects":1,...},"exact":true,"why_not":[]} and a newline. */
void savings_put_json(const struct savings *savings, struct buffer *text);
