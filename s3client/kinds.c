/* s3client/kinds.c -- the tables of kinds and outcomes. */
#include "runtime/base/assert.h"
#include "s3client/client_private.h"

static const struct s3_kind_entry kinds[S3_KINDS] = {
#define S3_KIND(kind, name, verb, traits) [S3_##kind] = {name, verb, traits},
#include "s3client/kinds.def"
#undef S3_KIND
};

const struct s3_kind_entry *s3_kind_entry(enum s3_kind kind)
{
    ASSERT((unsigned)kind < S3_KINDS);
    return &kinds[kind];
}

const char *s3_kind_name(enum s3_kind kind)
{
    return s3_kind_entry(kind)->name;
}

bool s3_kind_reads(enum s3_kind kind)
{
    return (s3_kind_entry(kind)->traits & S3_KIND_READ) != 0;
}

const char *s3_outcome_name(enum s3_outcome outcome)
{
    static const char *const names[S3_OUTCOMES] = {
        [S3_OUTCOME_OK] = "ok",
        [S3_OUTCOME_NOT_MODIFIED] = "not_modified",
        [S3_OUTCOME_NOT_FOUND] = "not_found",
        [S3_OUTCOME_CONDITION] = "condition",
        [S3_OUTCOME_DENIED] = "denied",
        [S3_OUTCOME_SLOW_DOWN] = "slow_down",
        [S3_OUTCOME_REFUSED] = "refused",
        [S3_OUTCOME_FAILED] = "failed",
        [S3_OUTCOME_TIMED_OUT] = "timed_out",
        [S3_OUTCOME_BROKEN] = "broken",
        [S3_OUTCOME_CANCELLED] = "cancelled",
        [S3_OUTCOME_UNREACHED] = "unreached",
    };
    ASSERT((unsigned)outcome < S3_OUTCOMES);
    return names[outcome];
}
