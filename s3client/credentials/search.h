/* s3client/credentials/search.h -- one look for credentials: what all providers are given, and what they answer. */
#pragma once

#include "runtime/base/clock.h"
#include "runtime/base/error.h"
#include "s3client/credentials/credentials.h"
#include "s3client/credentials/keys.h"

#include <stdatomic.h>
#include <stdbool.h>

struct search {
    const struct credentials_options *options;
    const _Atomic(bool) *is_cut;         /* who asks is being destroyed: come back. NULL: never */
    const _Atomic(deadline_t) *cut_from; /* likewise, from that time on; it may come nearer meanwhile. NULL: never */
    deadline_t deadline;                 /* of requests: none begins after it, or outlasts it */
    uint64_t process_ms;                 /* what a credential_process may take */
};

enum found {
    FOUND,        /* *ret_keys has them */
    FOUND_ABSENT, /* this provider is not set up */
    FOUND_FAILED, /* it is, and the error says what is wrong */
};

/* FOUND or FOUND_FAILED. */
static inline enum found found_if(bool done)
{
    return done ? FOUND : FOUND_FAILED;
}

/* Nobody waits for it any more. */
bool search_is_cut(const struct search *search);

/* A variable of the environment; NULL: it is not set, or empty. */
const char *search_variable(const struct search *search, const char *name);
/* The number that a variable holds, if it is one from 1 to `most`. */
unsigned search_variable_number(const struct search *search, const char *name, unsigned most, unsigned fallback);

/* Waits before the next attempt, `attempt` counting from 1: up to 100 ms twice as long each time, at random. False:
 * there is no time for it, or the search is cut. */
bool search_pause(const struct search *search, unsigned attempt);
