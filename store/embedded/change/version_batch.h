/* store/embedded/change/version_batch.h -- versions inside the committer's transaction: what a new current version does
 * to the one before, and what a removed one leaves (docs/store-format.md, Versions).
 *
 * Orders are drawn here, so the order of versions is the order of commits (424). All calls: false breaks the batch,
 * unless they say otherwise; spans of rows in the map hold until the first write. */
#pragma once

#include "store/embedded/catalogue/version_rows.h"
#include "store/embedded/change/batch.h"

/* The key that a change is about. */
struct version_key {
    const struct bucket_row *bucket;
    struct span bucket_name; /* of the change: the ledger's lines point to it */
    struct span key;
};

/* What a version is called. */
struct version_name {
    char text[VERSION_TEXT_BYTES];
    uint64_t order; /* 0: the bucket was never versioned */
};

/* Is the key's current version a marker? `group` as version_find_group filled it in. */
bool version_is_marked(struct batch *batch, const struct version_key *key, enum lookup grouped);

/* A version (or marker) is about to become the current one: what is current (NULL: no object) goes among the former
 * ones, or, where only one null version is kept, for good, with its blocks; the new one gets its name. The row of the
 * former current object is left to the caller, who writes over it or deletes it. */
bool version_succeed(struct batch *batch, const struct version_key *key, const struct batch_replaced *current,
                     struct version_name *ret_name, struct error *error);
/* Puts a marker of that name, which has become the current version. */
bool version_put_marker(struct batch *batch, const struct version_key *key, const struct version_name *name,
                        struct error *error);

/* Removes one version that version_find found, and makes the one before it current if it was that. */
bool version_remove(struct batch *batch, const struct version_key *key, const struct version_place *place,
                    struct error *error);
/* Writes a changed row back where it was found: its name and order must be the same. */
bool version_rewrite(struct batch *batch, const struct version_key *key, const struct version_place *place,
                     const struct row *row, struct error *error);
/* The ledger's share of a row that was changed. It has versions that are current and others in columns of their own. */
bool version_count_change(struct batch *batch, const struct version_key *key, const struct row *before,
                          const struct row *after, struct error *error);
/* Are there versions or markers in the bucket beside current objects? */
bool version_bucket_is_empty(struct batch *batch, uint64_t bucket, bool *ret_empty, struct error *error);
