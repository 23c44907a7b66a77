/* server/dictionaries/keeper.h -- brings the journal's mappings to the shards, and their counts to the journal: on
 * shard 0, where the journal is.
 *
 * When a mapping comes or changes, here or in another process, the keeper fetches the dictionary, compares it with the
 * mapping's SHA-256, digests it, and publishes a new set of rules. Until then the old rule holds, or none: there is no
 * moment at which an object could be written that names a dictionary which is not there. Mappings of buckets that are
 * gone are removed.
 *
 * Once a minute it looks whether the dictionaries in force are still in their buckets, which other programs may have
 * emptied; one that is missing is put back from memory.
 *
 * Once a second it adds to the journal what was compressed both ways, and from what all processes have added it keeps
 * the saving of late for each rule. A rule is stale when that is below 0.7 of what was expected, or when the dictionary
 * wins less than half the time: it is told to the log, once an hour. */
#pragma once

#include "journal/journal.h"
#include "runtime/fiber/loop.h"
#include "server/dictionaries/rules.h"
#include "server/dictionaries/table.h"

struct dictionary_keeper_counters {
    metric_counter rules;        /* in force */
    metric_counter failures;     /* mappings that could not be brought to the shards */
    metric_counter drift_unsent; /* counts that the journal did not take: they are lost */
    metric_counter rules_stale;  /* of those in force */
};

struct dictionary_keeper {
    struct dictionary_board board;
    struct dictionary_table *table;
    unsigned shards_count;
    int level;
    struct dictionary_keeper_counters counters;

    /* shard 0's: */
    struct journal *journal; /* NULL: not started, or stopped */
    const struct journal_environment *environment;
    struct bucket_store *store;
    bool has_looked;
    bool is_refreshing;
    uint64_t stamp;     /* of the state that the rules are of */
    uint64_t retry_ns;  /* monotonic: when a mapping that failed is tried again; 0: none did */
    uint64_t looked_ns; /* when the dictionaries in force were last seen in their buckets */
    uint64_t sent_ns;   /* when drift was sent last */
};

/* Before any shard starts. */
void dictionary_keeper_init(struct dictionary_keeper *keeper, struct dictionary_table *table, unsigned shards_count,
                            int level);
/* When all shards have ended. */
void dictionary_keeper_free(struct dictionary_keeper *keeper);

/* Shard 0, when the journal has been opened. Its task is the environment's scheduler's, and ends with it. */
void dictionary_keeper_start(struct dictionary_keeper *keeper, struct journal *journal,
                             const struct journal_environment *environment, struct bucket_store *store);
/* Its task has ended; the journal is freed afterwards. */
void dictionary_keeper_stop(struct dictionary_keeper *keeper);

/* Shard 0. Brings what the journal says now to the shards; one at a time. */
SUSPENDS void dictionary_keeper_refresh(struct dictionary_keeper *keeper);
bool dictionary_rule_is_stale(const struct dictionary_rule *rule);
