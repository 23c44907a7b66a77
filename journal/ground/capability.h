/* journal/ground/capability.h -- asks a store to break the promises that the journal stands on (J48).
 *
 * That a store knows If-None-Match and If-Match is established by trying, on the very bucket and through the very
 * calls that the journal uses: one request after the other, and then with STORE_CONTENDERS tasks at once, of which
 * exactly one may win. A lost answer proves nothing and is tried again. What the test writes lies below PROBES_PREFIX
 * and is deleted again; only a process that dies meanwhile leaves some, and store_test_sweep removes that. */
#pragma once

#include "journal/store.h"
#include "runtime/base/error.h"

#define PROBES_PREFIX "probe/"

enum {
    STORE_TEST_VERSION = 1, /* a later one asks for more: what an earlier one established must be tested again */
    STORE_CONTENDERS = 32,
};

enum store_promise {
    PROMISE_READ,           /* a read that begins after a write was answered shows it (S2) */
    PROMISE_LIST,           /* so does a listing (S3) */
    PROMISE_CREATE,         /* what is there is not created again (S4) */
    PROMISE_CREATE_RACE,    /* of racing creations one takes effect */
    PROMISE_REPLACE,        /* what has changed is not replaced (S5), and is not called unchanged */
    PROMISE_REPLACE_ABSENT, /* what is not there is not replaced */
    PROMISE_REPLACE_RACE,   /* of racing replacements of one version one takes effect */
    PROMISE_COUNT,
};

enum store_verdict { PROMISE_UNDECIDED, PROMISE_HELD, PROMISE_BROKEN };

struct store_test {
    enum store_verdict verdicts[PROMISE_COUNT];
    bool is_refusal;  /* it broke none, but does not write at all, or not under conditions: that may be mended */
    char broken[160]; /* the first promise that is not held: "the store accepted 2 creations of one key ..." */
};

/* "create-race", and what is promised in a few words. */
const char *store_promise_name(enum store_promise promise);
const char *store_promise_text(enum store_promise promise);

/* True: every promise is held. False: ERROR_UNSUPPORTED, one is broken (error says which); ERROR_DENIED, the store
 * refuses to write; ERROR_BUSY, it did not answer well enough to tell. *ret_test says how far it came. */
SUSPENDS bool store_test_run(const struct journal_environment *environment, struct store_test *ret_test,
                             struct error *error);
/* Removes what tests left that died. No other test may be under way. */
SUSPENDS void store_test_sweep(const struct journal_environment *environment);
