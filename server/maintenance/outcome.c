/* server/maintenance/outcome.c -- outcomes by name, and of errors. */
#include "server/maintenance/outcome.h"

#include <stdio.h>

static const char *const NAMES[OUTCOMES] = {
    [OUTCOME_PACKED] = "packed",         [OUTCOME_MOVED] = "moved",           [OUTCOME_SWEPT] = "swept",
    [OUTCOME_SEALED] = "sealed",         [OUTCOME_ALREADY] = "already",       [OUTCOME_TOO_SMALL] = "too-small",
    [OUTCOME_TOO_YOUNG] = "too-young",   [OUTCOME_NO_GAIN] = "no-gain",       [OUTCOME_NO_PAY] = "does-not-pay",
    [OUTCOME_OTHER_ETAG] = "other-etag", [OUTCOME_FOREIGN] = "foreign",       [OUTCOME_DICTIONARY] = "dictionary",
    [OUTCOME_ENCRYPTED] = "encrypted",   [OUTCOME_UNFIT] = "unfit",           [OUTCOME_VERSIONED] = "versioned",
    [OUTCOME_CHANGED] = "changed",       [OUTCOME_UNREADABLE] = "unreadable", [OUTCOME_LOCKED] = "locked",
    [OUTCOME_KEPT_BOTH] = "kept-both",
};

const char *outcome_name(enum outcome outcome)
{
    return NAMES[outcome];
}

bool outcome_is_act(enum outcome outcome)
{
    return outcome == OUTCOME_PACKED || outcome == OUTCOME_MOVED || outcome == OUTCOME_SWEPT ||
           outcome == OUTCOME_SEALED;
}

bool outcome_is_last(enum outcome outcome)
{
    return outcome_is_act(outcome) || outcome == OUTCOME_KEPT_BOTH;
}

void outcome_set_failed(enum outcome outcome, const struct error *error, struct maintained *maintained)
{
    maintained->outcome = outcome;
    (void)snprintf(maintained->said, sizeof maintained->said, "%s", error->message);
}

bool outcome_settle(const struct error *error, struct maintained *maintained)
{
    switch (error->kind) {
    case ERROR_NOT_FOUND:
    case ERROR_CHANGED:
    case ERROR_CONFLICT:
        outcome_set_failed(OUTCOME_CHANGED, error, maintained);
        return true;
    case ERROR_DENIED:
    case ERROR_DAMAGED:
    case ERROR_INVALID:
    case ERROR_TOO_LARGE:
        outcome_set_failed(OUTCOME_UNREADABLE, error, maintained);
        return true;
    default:
        return false;
    }
}
