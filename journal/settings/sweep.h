/* journal/settings/sweep.h -- removes what no bucket and no record needs any more.
 *
 * A sweep goes through all documents. One that no record names, or whose bucket is not there, is noted; if the sweep
 * before noted it as well, it goes (with the bucket's records first). Then it goes through the records, and those of
 * buckets that are not there go in the same way: what has been unset has no document. So nothing is removed that is
 * younger than the time between two sweeps: a document whose record is on its way, a bucket that is just being made,
 * what a reader with an older view still wants. Writers keep to less than that (settings_change's deadline). No clocks
 * are compared.
 *
 * Where the store does not know all buckets (bucket_capabilities.lists_all), a bucket is taken to be there: another
 * process may see it, and its policy must not go. Only documents that no record names are removed then.
 *
 * Nothing is removed while the journal cannot say all (segments in quarantine, or not read) or buckets cannot be
 * listed.
 */
#pragma once

#include "journal/journal.h"
#include "journal/settings/documents.h"
#include "store/bucket.h"

struct settings_sweep {
    struct document_name *noted; /* by the last sweep, in order; document 0: the bucket's records */
    size_t noted_count;
    uint64_t documents;         /* that the last sweep found */
    uint64_t documents_removed; /* by all */
    uint64_t buckets_removed;   /* gone buckets whose records were removed, by all */
};

/* One whole sweep. False: it was not finished, and noted nothing; what it removed is removed. */
SUSPENDS bool settings_sweep(struct settings_sweep *sweep, struct journal *journal,
                             const struct journal_environment *environment, struct journal_store *documents,
                             struct bucket_store *store, struct error *error);
void settings_sweep_free(struct settings_sweep *sweep);
