/* tests/unit/remote/ledger_fixture.h -- a ledger in a folder of its own, and what its spools say. */
#pragma once

#include "store/remote/ledger/ledger.h"
#include "store/remote/ledger/state.h"

enum { SHARDS = 2 };

extern char folder[64]; /* of the test that runs */

void run(const char *format, const char *a, const char *b); /* a command, which must succeed */
void make_folder(void);
void remove_folder(void);
struct ledger *open_in(const char *path);

/* A write of photos/KEY. */
struct ledger_intent intent_of(const char *key, int64_t objects, int64_t bytes);
struct noted_intent *note(struct ledger *ledger, unsigned shard, const char *key); /* one object of 100 bytes */
void write_one(struct ledger *ledger, unsigned shard);                             /* noted and done */

struct totals {
    int64_t objects;
    int64_t bytes;
    int64_t uncertain;
    unsigned spools;
    unsigned records; /* frozen */
};

struct totals totals_of(struct ledger *ledger);
struct spool_info info_of(struct ledger *ledger, bool is_own);
uint64_t freeze(struct ledger *ledger);
void trim(struct ledger *ledger, const struct spool_info *info, uint64_t record);
unsigned count_waiting(struct ledger *ledger);
