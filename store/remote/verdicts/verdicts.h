/* store/remote/verdicts/verdicts.h -- what a backend can do, found out by trying it.
 *
 * Servers that speak S3 differ where it hurts: one ignores a condition and destroys what it should have kept, another
 * keeps "a/../b" as "b". So a Bale that meets a bucket for the first time tries each thing, in sequence and with many
 * writers at once, and leaves what it saw in `.bale/backend`; later starts read that. What is not there is refused to
 * clients with a clear 501, never done half. */
#pragma once

#include "runtime/base/buffer.h"
#include "runtime/base/error.h"
#include "runtime/base/span.h"

#include <stdbool.h>
#include <stdint.h>

enum verdict {
#define VERDICT(name, text, without) VERDICT_##name,
#include "store/remote/verdicts/verdicts.def"
#undef VERDICT
    VERDICTS,
};

enum { VERDICTS_VERSION = 1, VERDICTS_BYTES_MAX = 16 << 10 };

struct verdicts {
    uint64_t held;     /* bit of each enum verdict: the backend does it */
    uint64_t untried;  /* ... of those that do not hold: could not be tried with these credentials */
    uint64_t unsaid;   /* ... the text that they were read from says nothing of it */
    int64_t tested_ms; /* wall clock */
    char version[32];  /* of the Bale that tested */
    char server[64];   /* what the backend calls itself */
};

static inline bool verdict_holds(const struct verdicts *verdicts, enum verdict verdict)
{
    return (verdicts->held >> verdict & 1) != 0;
}

static inline bool verdict_is_untried(const struct verdicts *verdicts, enum verdict verdict)
{
    return (verdicts->untried >> verdict & 1) != 0;
}

const char *verdict_name(enum verdict verdict);
/* What was tried, and what is refused or done otherwise without it: sentences for people. */
const char *verdict_text(enum verdict verdict);
const char *verdict_without(enum verdict verdict);

/* What would let it be tried. */
const char *verdict_wants(void);

/* Nothing is refused without it: a vendor's extension, a storage class. */
bool verdict_is_extra(enum verdict verdict);
/* That of a storage class; false: none is tried, for objects in it could not be read, or lie in other buckets. */
bool verdict_of_class(struct span name, enum verdict *ret_verdict);
/* The class that it is about. */
struct span verdict_class(enum verdict of_class);
/* What the backend does with such a class: "keeps", "refuses" or "forgets". */
const char *verdict_word_of_class(const struct verdicts *verdicts, enum verdict of_class);

/* It is about something that the backend does not have at all, which is said already. */
bool verdict_is_moot(const struct verdicts *verdicts, enum verdict verdict);

/* Is it found out by many writers or readers at once? A server that loses one race in a thousand passes most tests: so
 * one that failed once is worth more than all that passed. */
bool verdict_is_raced(enum verdict verdict);
/* What was seen to fail in a race before does not hold now, whatever the last test saw. What was not said before may.
 */
void verdicts_keep_lost_races(struct verdicts *verdicts, const struct verdicts *before);

/* The text of `.bale/backend`, and back. False: not a text of VERDICTS_VERSION, or one of a Bale that tried less: it is
 * tested anew, and what it does say is in *ret_verdicts all the same. */
void verdicts_encode(const struct verdicts *verdicts, struct buffer *ret_text);
bool verdicts_decode(struct span text, struct verdicts *ret_verdicts);

/* What they mean to those above. */
struct bucket_capabilities;
void verdicts_apply(const struct verdicts *verdicts, uint64_t part_bytes, struct bucket_capabilities *ret_capabilities);
