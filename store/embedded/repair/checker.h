/* store/embedded/repair/checker.h -- one pass of `bale check`: what it gathers, and the tools of the files that look at
 * rows.
 */
#pragma once

#include "store/embedded/catalogue/row.h"
#include "store/embedded/repair/check.h"

enum { SHOWN_BYTES_MAX = 120, DOOMED_HEAD_BYTES = 7 };

/* What is left of a row that is doomed. */
enum doomed_kept { KEPT_NOTHING, KEPT_GROUP, KEPT_OBJECT };

/* A set of numbers: added to, sorted once, then asked. */
struct numbers {
    struct buffer values; /* uint64_t each */
};

struct checker {
    struct embedded_store *store;
    struct embedded_report *report;
    MDB_txn *txn;
    struct error *error;
    uint64_t **taken;             /* by volume: blocks that bodies and parts are in */
    struct numbers system_groups; /* of system buckets: checked like all others, not counted in the report */
    struct numbers groups_named, bodies, sidecars, extents, pieces;
    struct numbers upload_groups, groups_used;          /* of keys with uploads; those that have some */
    struct numbers uploads;                             /* numbers of open ones */
    struct numbers version_groups, version_groups_used; /* of keys with versions; those that have some */
    bool has_lost_bucket;                               /* a row of `buckets` is damaged */
    bool has_lost_numbers;                              /* rows of `meta` are damaged */
    uint64_t last_order;                                /* the greatest that an object or a version has */
    struct numbers key_groups;                          /* of longer keys: those that have rows */
    struct buffer doomed;                               /* rows to drop: table u32, size u16, what is kept u8, key */
    struct buffer unsettled;                            /* keys with versions (settle_versions.c) */
};

/* A key for people: what is not printable becomes a dot. The second is that of a row, without its group. */
const char *checker_show(struct span key, char ret_text[SHOWN_BYTES_MAX + 1]);
const char *checker_show_key(struct span row_key, char ret_text[SHOWN_BYTES_MAX + 1]);
/* Repair drops this row; the second keeps what its group leads to, the third everything but its group. */
void checker_doom(struct checker *checker, MDB_dbi table, struct span row_key);
void checker_doom_row(struct checker *checker, MDB_dbi table, struct span row_key, bool keeps_group);
void checker_doom_group(struct checker *checker, MDB_dbi table, struct span row_key);

void checker_add(struct numbers *numbers, uint64_t value);
void checker_sort(struct numbers *numbers);
bool checker_has(const struct numbers *numbers, uint64_t value);
uint64_t checker_most(const struct numbers *numbers); /* 0: there is none */

/* False: the blocks do not exist, or are somebody else's. */
bool checker_claim(struct checker *checker, struct span extents);
uint64_t checker_group_of(struct span row_key);
/* Is the key's group that of a bucket or of longer keys? Where a bucket's row is damaged it may be that bucket's: true.
 */
bool checker_may_be_named(const struct checker *checker, struct span row_key);

typedef void checker_row(struct checker *checker, struct span key, struct span value);
bool checker_walk(struct checker *checker, MDB_dbi table, checker_row *each);

/* check.c: the body and the sidecar of one object. NULL: they are sound. */
const char *checker_look_at_object(struct checker *checker, const struct row *row);

/* check_versions.c: in two steps, as uploads. */
bool check_versioned_keys(struct checker *checker);
bool check_versions(struct checker *checker);

/* check_groups.c: of longer keys, those in which no key is. */
bool check_groups(struct checker *checker);

/* settle_versions.c: which version of a key is the current one; repair's part comes after damaged rows are gone. */
bool check_settled_versions(struct checker *checker);
bool settle_versions(struct checker *checker, MDB_txn *txn);

/* check_ledger.c */
bool check_ledger(struct checker *checker);

/* check_uploads.c: first the keys that have uploads (which name groups), then, once groups are sorted, all the rest. */
bool check_upload_keys(struct checker *checker);
bool check_uploads(struct checker *checker);
