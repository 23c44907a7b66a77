/* tests/unit/object/memory_store.h -- a bucket_store in memory: what the rooms above it are tested on.
 *
 * It has one bucket, whatever name is used, and no versions. Reads and writes suspend (the fiber yields), and are
 * counted. Stored bytes are open to the test, which may damage them. Only what bodies need is there: begin, write,
 * commit, abort, open, head, read, read_sidecar, close. */
#pragma once

#include "store/bucket.h"

struct memory_object {
    struct bucket_object open; /* first: what bucket_open hands out */
    uint64_t window_first;     /* what is left of the window that was said */
    uint64_t window_end;
    struct list_link link; /* in the store's list while it is current */
    char key[128];
    struct object_attributes attributes;
    struct buffer body;
    struct buffer sidecar;
    struct buffer metadata;
    struct buffer seal;
    unsigned holders; /* the store, and everybody who has it open */
};

struct memory_store {
    struct bucket_store store;
    size_t whole_body_max; /* bodies up to this size are handed out with the open object */
    struct list_link objects;
    unsigned revision;
    unsigned writers; /* begun, neither committed nor aborted */
    unsigned reads;
    bool wants_windows; /* memory_store_want_windows; reads outside of what was said, or backwards, fail the test */
    unsigned windows;   /* said */
    uint64_t window_bytes;
    bool recalls_bodies; /* for tests that open an object once at a time */
    unsigned recalled;
    unsigned lends_one_of; /* so many times; 0: never. Copies, cut anywhere, that are spoilt when they are given back */
    unsigned asked_to_lend;
    unsigned lent;
    uint64_t bytes_read;
    uint64_t reads_until_changed; /* so many, then ERROR_CHANGED; UINT64_MAX at first */
    uint64_t reads_until_flip;    /* so many, then a bit of the body that is read is another one; UINT64_MAX at first */
    uint64_t flip_at;             /* ... in this byte of it */
    uint64_t writes_until_full;   /* this many writes work, then the disk is full; UINT64_MAX at first */
};

void memory_store_init(struct memory_store *store);
/* Before the first use: it is told what will be read. */
void memory_store_want_windows(struct memory_store *store);
void memory_store_free(struct memory_store *store);
/* Spans that were lent and not given back. */
unsigned memory_store_lent_now(void);
/* NULL when there is none. */
struct memory_object *memory_store_find(struct memory_store *store, const char *key);
/* Puts an object that came from elsewhere; sizes and the store's own attributes are filled in. */
struct memory_object *memory_store_put(struct memory_store *store, const char *key,
                                       const struct object_attributes *attributes, struct span body,
                                       struct span sidecar);
