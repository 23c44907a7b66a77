/* store/remote/uploads/claim.h -- who is ending an upload: one at a time.
 *
 * The backend's upload decides what becomes of it, but not every backend decides well when several end it at once: some
 * put the object together from parts that are being replaced, or lose its metadata. So whoever completes or aborts an
 * upload claims it first, by the record `end`, and holds the claim by writing that anew. A claim that is not renewed
 * for CLAIM_STALE_MS is taken over: its maker was killed. Where a backend knows no conditions, there are no claims.
 *
 * The record stays behind what was completed, so that a Complete whose answer was lost can be answered. */
#pragma once

#include "store/remote/uploads/upload.h"

enum { CLAIM_STALE_MS = 6000, CLAIM_RENEWED_MS = 1500 };

struct claim {
    const struct upload_place *place;
    struct upload_end end;    /* as it is written */
    char etag[S3_ETAG_BYTES]; /* of the record; "": there is none, the backend knows no conditions */
    bool was_others;          /* it was taken over from one that did not renew it */
    bool is_lost;             /* somebody has taken it over */
    bool is_kept;             /* by a fiber that writes it anew */
    bool is_over;             /* that one is to end */
    struct fiber *keeper;
    struct wait_queue ended;
};

/* Waits while others are at it. `end`: all but the token. NoSuchUpload: one of them has ended the upload. The claim and
 * what it points to stay where they are until it is given back, which must be done if this worked. */
SUSPENDS bool claim_take(const struct upload_place *place, const struct upload_record *record,
                         const struct upload_end *end, struct claim *ret_claim, struct error *error);
/* False: somebody has taken it over. */
bool claim_holds(const struct claim *claim, struct error *error);
/* `is_open`: the upload goes on, and the record goes; else it stays. */
SUSPENDS void claim_give_back(struct claim *claim, bool is_open);
