/* tests/unit/embedded/ledger_fixture.h -- a journal of one replica that never fails, for the tests of the ledger: what
 * was sent is in its state, and with the spools it must say what the rows of the store add up to. */
#pragma once

#include "journal/savings/recount.h"
#include "tests/unit/embedded/fixture.h"

extern const struct span bucket;

/* ---- the journal ---- */

extern struct state state;

/* Before each test: the journal is empty. */
void begin_test(void);
/* Sends what is frozen, everything twice; with `trim` it leaves the spool. */
void send_all(struct bucket_store *store, bool trim);
/* Returns the last record that is frozen. */
uint64_t freeze(struct bucket_store *store);
unsigned count_spools(struct bucket_store *store);

/* ---- what is expected ---- */

/* Rows = state + spools, in one transaction. */
void expect_agreement(struct bucket_store *store);
void expect_agreement_in(struct bucket_store *snapshot);
/* Of state and spools. */
struct ledger_amounts figure_of(struct bucket_store *store, struct span name);

#define EXPECT(store, objects_, original_, stored_)             \
    do {                                                        \
        struct ledger_amounts found = figure_of(store, bucket); \
        ck_assert_int_eq(found.objects, objects_);              \
        ck_assert_int_eq(found.original_bytes, original_);      \
        ck_assert_int_eq(found.stored_bytes, stored_);          \
        expect_agreement(store);                                \
    } while (0)

/* ---- changes ---- */

struct thing {
    uint64_t original;
    const char *body;
    const char *sidecar;
    bool is_uncounted;
    const struct write_condition *condition;
};

bool try_write(struct bucket_store *store, struct span name, const char *key, const struct thing *thing,
               struct error *error);
void write_thing(struct bucket_store *store, const char *key, const struct thing *thing);
void copy_thing(struct bucket_store *store, const char *from, const char *to);
void drop(struct bucket_store *store, const char *key);
void make_bucket(struct bucket_store *store);
/* The same as a body of with_store. */
void make_first(struct bucket_store *store, unsigned shard, void *argument);
