/* store/embedded/repair/rebuild_versions.h -- versions of a rebuilt catalogue.
 *
 * A label does not say which version its body became, so each gets a new id, in the order in which they were written.
 * Labels come newest first: the first of a key is its current version, the others are former ones. */
#pragma once

#include "store/embedded/catalogue/version_rows.h"
#include "store/embedded/repair/check.h"

struct rebuilt_versions {
    const struct catalogue *catalogue;
    MDB_txn *txn;
    uint64_t *next_group;
    struct buffer *scratch;
    uint64_t last_order;  /* the greatest that was given */
    uint64_t order_below; /* what comes next is older than all before it */
    int64_t moment_ms;    /* of the versions that were noted last: */
    struct buffer noted;  /* each a size u32, then what tells it from others of its millisecond */
};

/* Gives the row its version and order, and what the bucket's lock has for it. */
void rebuilt_version_name(struct rebuilt_versions *versions, const struct bucket_info *bucket, struct row *row);
/* A version that was packed anew has two labels of one time, and its old body may be there still. True: a body of that
 * version was restored already. Else this one is noted. */
bool rebuilt_version_is_again(struct rebuilt_versions *versions, uint64_t bucket, struct span key,
                              const struct row *row);
/* Puts it among the former versions of the key, whose current one is there. */
bool rebuilt_version_put(struct rebuilt_versions *versions, uint64_t bucket, struct span key, struct row *row,
                         struct error *error);
/* The current version is about to be written over by a newer one, `by`, which has its name: it becomes a former one.
 * Unless it is the same version with its former body: then the name stays. */
bool rebuilt_version_supersede(struct rebuilt_versions *versions, uint64_t bucket, struct span key, struct row *by,
                               struct error *error);
