/* bench/journal/memory_store.h -- a store in memory and a scheduler that never waits: what remains is what the journal
 * computes.
 *
 * Nothing suspends, so a benchmark calls tick() and fold() like plain functions. Of no use to several fibers. */
#pragma once

#include "journal/store.h"

struct memory_object;

struct memory_store {
    struct journal_store store;
    struct journal_scheduler scheduler;
    struct memory_object *objects; /* in the byte order of their names */
    size_t count, capacity;
    uint64_t versions;
    uint64_t requests, bytes_written, part_bytes_written;
};

void memory_store_init(struct memory_store *store);
void memory_store_free(struct memory_store *store);
