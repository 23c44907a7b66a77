/* server/maintenance/outcome.h -- what became of one object by one rule of bale maintain, and why it was left alone.
 */
#pragma once

#include "runtime/base/error.h"

#include <stdbool.h>
#include <stdint.h>

enum outcome {
    OUTCOME_PACKED,     /* or would be, where nothing is executed; so is the next */
    OUTCOME_MOVED,      /* to another class, packed anew perhaps */
    OUTCOME_SWEPT,      /* removed: nothing needed it */
    OUTCOME_SEALED,     /* encrypted, which it was not, or by S4 */
    OUTCOME_ALREADY,    /* nothing is left to do */
    OUTCOME_TOO_SMALL,  /* by the rule, or too small to gain anything */
    OUTCOME_TOO_YOUNG,  /* by the rule, or for the class that the backend has it in, which would bill it on */
    OUTCOME_NO_GAIN,    /* it does not shrink enough */
    OUTCOME_NO_PAY,     /* it does not pay itself back in time, by the rule */
    OUTCOME_OTHER_ETAG, /* one that is no MD5 of its bytes: it was uploaded in parts, or encrypted by the backend */
    OUTCOME_FOREIGN,    /* it came before Bale: migrate is for that */
    OUTCOME_DICTIONARY, /* it is packed by one, which is denser */
    OUTCOME_ENCRYPTED,
    OUTCOME_UNFIT,      /* the backend keeps it in an archive, or its body has no room for a trailer */
    OUTCOME_VERSIONED,  /* a former version would stay, and be billed */
    OUTCOME_LOCKED,     /* ... and it could not go: the bucket locks versions */
    OUTCOME_CHANGED,    /* somebody has replaced or deleted it meanwhile */
    OUTCOME_KEPT_BOTH,  /* it was written anew, and the version that it was made of could not be removed */
    OUTCOME_UNREADABLE, /* damaged, archived, or refused otherwise */
    OUTCOMES,
};
/* "no-gain" */
const char *outcome_name(enum outcome outcome);
/* Has the rule acted, or would it have, so that there are bytes before and after it? */
bool outcome_is_act(enum outcome outcome);
/* Is no later rule asked? */
bool outcome_is_last(enum outcome outcome);

struct maintained {
    enum outcome outcome;
    uint64_t before; /* stored bytes */
    uint64_t after;  /* of an act: stored bytes; what would be, by the first MiB, where nothing is executed */
    char said[ERROR_MESSAGE_BYTES]; /* what the store said, where something failed; "": nothing did */
};

/* Of what failed: CHANGED or UNREADABLE, where the error says something of this object alone. */
bool outcome_settle(const struct error *error, struct maintained *maintained);
/* This one, for what the error says. */
void outcome_set_failed(enum outcome outcome, const struct error *error, struct maintained *maintained);
