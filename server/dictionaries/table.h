/* server/dictionaries/table.h -- the dictionaries that this process has at hand: one copy for all shards.
 *
 * A dictionary is the object `.s4dict/ID` of the bucket whose objects name it (spec/s4-format.md, 5). It is fetched
 * when it is first needed, compared with its id, digested, and kept under (bucket, id); whoever needs it meanwhile
 * waits for that one fetch. Dictionaries that nobody holds go when all together take more than the bound, the longest
 * unused first; what is held may exceed it.
 *
 * Any shard, on a fiber. A mutex is taken for the length of a search, once for each object that names a dictionary. */
#pragma once

#include "codec/dictionary/dictionary.h"
#include "runtime/metrics.h"
#include "store/bucket.h"

#include <stdint.h>

#define DICTIONARY_KEY_PREFIX SPAN(".s4dict/")

struct dictionary_table;

/* Readable from any thread. */
struct dictionary_table_counters {
    metric_counter fetched;
    metric_counter failed; /* searches that ended with ERROR_DAMAGED: missing, wrong or too large */
    metric_counter evicted;
    metric_counter bytes; /* that all take now */
    metric_counter count; /* so many are there now */
};

struct dictionary_table *dictionary_table_create(size_t bytes_max);
void dictionary_table_destroy(struct dictionary_table *table); /* nobody waits any more */
const struct dictionary_table_counters *dictionary_table_counters(const struct dictionary_table *table);

/* Held for the caller. NULL: ERROR_DAMAGED (InternalError), with the id in the sentence: it is not in that bucket, is
 * larger than DICTIONARY_BYTES_MAX, or other bytes than its id says; else what the store answered. `store` is this
 * shard's. */
SUSPENDS struct dictionary *dictionary_table_find(struct dictionary_table *table, struct bucket_store *store,
                                                  struct span bucket, struct span id, struct error *error);
/* Likewise, and it can compress at `level`. */
SUSPENDS struct dictionary *dictionary_table_find_to_write(struct dictionary_table *table, struct bucket_store *store,
                                                           struct span bucket, struct span id, int level,
                                                           struct error *error);

/* The key of its object. */
enum { DICTIONARY_KEY_BYTES = 8 + DICTIONARY_ID_BYTES };
struct span dictionary_key(struct span id, char ret_key[DICTIONARY_KEY_BYTES]);
/* An id as text, from the first bytes of the SHA-256. */
void dictionary_id_format(const uint8_t *digest, char ret_id[DICTIONARY_ID_BYTES]);
/* What the bytes are called. */
void dictionary_id_of(struct span bytes, char ret_id[DICTIONARY_ID_BYTES]);
