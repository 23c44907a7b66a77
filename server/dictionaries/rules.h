/* server/dictionaries/rules.h -- which dictionary a new object is compressed with: rules by bucket and prefix.
 *
 * A rule is a mapping of the journal whose dictionary is in memory and fit to compress. All rules together are one
 * immutable set, made by the keeper (server/dictionaries/keeper.h) and published on a board; each shard has a chooser
 * that holds the set which it saw last, and compares one number to know whether there is a newer one. A rule outlives
 * the sets that have it: what its objects took is counted in it, by each shard in a cell of its own. */
#pragma once

#include "codec/dictionary/dictionary.h"
#include "journal/dictionaries/drift.h"
#include "runtime/metrics.h"
#include "store/bucket.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

enum {
    DICTIONARY_OBJECT_BYTES_MAX = 64 << 10, /* larger objects gain little: they are compressed without */
    DICTIONARY_OUTCOMES = 256,              /* that decide whether it is worth while to try both ways */
    DICTIONARY_TRY_EACH = 16,               /* ... which is done for one object in so many all the same */
};

/* What one shard has done by a rule. It alone writes; the counters may be read by anybody. */
struct dictionary_use {
    _Alignas(64) metric_counter puts; /* objects stored with the dictionary */
    metric_counter lost;              /* ... and those that were smaller without it, or shrank neither way */
    metric_counter original_bytes;    /* of the first */
    metric_counter stored_bytes;
    metric_counter tried; /* as struct dictionary_drift has them */
    metric_counter won;
    metric_counter tried_original_bytes;
    metric_counter tried_plain_bytes;
    metric_counter tried_dictionary_bytes;
    uint64_t outcomes[DICTIONARY_OUTCOMES / 64]; /* a bit for each of the last: it won */
    unsigned outcomes_count;
    unsigned turn;
};

struct dictionary_rule {
    atomic_uint holders;
    struct dictionary_mapping mapping; /* whose spans are the rule's own */
    char id[DICTIONARY_ID_BYTES];
    struct dictionary *dictionary; /* held; compresses at the process's level */
    unsigned shards_count;
    struct dictionary_use *uses; /* of each shard */
    /* The keeper's: */
    struct dictionary_drift sent; /* to the journal */
    struct dictionary_drift seen; /* at the last look at the saving of late */
    bool has_averages;
    double saving; /* of late: moving average over the last thousand or so; below 0: it costs */
    double winning;
    int64_t stale_since_ms; /* wall clock; 0: it is not stale */
    int64_t warned_ms;
};

/* With one holder. Takes over the hold of the dictionary, copies the spans. */
struct dictionary_rule *dictionary_rule_create(const struct dictionary_mapping *mapping, struct dictionary *dictionary,
                                               unsigned shards_count);
struct dictionary_rule *dictionary_rule_hold(struct dictionary_rule *rule);
void dictionary_rule_drop(struct dictionary_rule *rule); /* NULL: nothing is done */
/* Of all shards, since the process has it. */
struct dictionary_drift dictionary_rule_drift(const struct dictionary_rule *rule);
uint64_t dictionary_rule_sum(const struct dictionary_rule *rule, size_t offset_in_use);

/* ---- a set of them ---- */

struct dictionary_rules {
    atomic_uint holders;
    size_t count;
    struct dictionary_rule **rules; /* held; by creation id, then by prefix */
    size_t *shorter;                /* of each the rule with the longest prefix of its own; itself: there is none */
};

/* Takes over the holds of the rules, not the array. No two are for the same bucket and prefix. */
struct dictionary_rules *dictionary_rules_create(struct dictionary_rule **rules, size_t count);
void dictionary_rules_drop(struct dictionary_rules *rules); /* NULL: nothing is done */
/* The rule with the longest prefix of the key; NULL: none. Logarithmic. */
struct dictionary_rule *dictionary_rules_find(const struct dictionary_rules *rules, uint64_t creation_id,
                                              struct span key);

/* ---- from the keeper to the shards ---- */

struct dictionary_board {
    pthread_mutex_t lock; /* over `current` */
    struct dictionary_rules *current;
    _Atomic uint64_t edition;
};

void dictionary_board_init(struct dictionary_board *board);
void dictionary_board_free(struct dictionary_board *board);
/* Takes over the hold of the rules. */
void dictionary_board_publish(struct dictionary_board *board, struct dictionary_rules *rules);
/* Held for the caller; NULL: none have been published. */
struct dictionary_rules *dictionary_board_take(struct dictionary_board *board);

/* One shard's view of it. `board` NULL: nothing is ever chosen. */
struct dictionary_chooser {
    struct dictionary_board *board;
    unsigned shard;
    uint64_t edition;
    struct dictionary_rules *rules;
};

void dictionary_chooser_free(struct dictionary_chooser *chooser);
/* Held for the caller; NULL: without a dictionary. `creation_id` is that of the bucket. */
struct dictionary_rule *dictionary_choose(struct dictionary_chooser *chooser, uint64_t creation_id, struct span key);

/* Is the next object to be compressed both ways? Until the dictionary has won 95 of 100 each is, then one in
 * DICTIONARY_TRY_EACH: it costs a fifth of the time that zstd needs without it. */
bool dictionary_use_tries_both(struct dictionary_use *use);
/* What became of it. Sizes are those of the stored bodies. */
struct dictionary_outcome {
    size_t original_size;
    size_t dictionary_size; /* the original's: it did not shrink */
    size_t plain_size;      /* likewise; 0: it was not tried */
    bool has_won;
};
void dictionary_use_count(struct dictionary_use *use, const struct dictionary_outcome *outcome);
