/* tests/unit/object/bodies.h -- bodies to store, and the two pipelines driven as a request would. */
#pragma once

#include "server/object/object.h"
#include "tests/unit/object/memory_store.h"
#include "tests/unit/runtime/fixture.h"

#define MIB ((size_t)1 << 20)

/* Text that shrinks about five times; noise that does not. Freed by the caller. */
uint8_t *make_text(size_t size);
uint8_t *make_noise(size_t size);

struct object_settings ordinary_settings(void);
struct object_name name_of(const char *key);

struct upload {
    const char *key;
    struct span body;
    bool is_size_known;
    size_t arrival; /* bytes that come at once; 0: as many as there is space for */
    enum checksum_algorithm checksum;
    uint64_t creation_id; /* of the bucket; 0: whatever it is */
    bool is_sealed;
    const struct customer_key *customer; /* NULL: none */
};

/* Stores the body; false with *error when a step fails (the writer is aborted). */
bool upload_body(struct object_codecs *codecs, struct memory_store *store, const struct upload *upload,
                 struct object_digest *ret_digest, struct error *error);
/* The same for a body that must go in. */
struct memory_object *must_upload(struct object_codecs *codecs, struct memory_store *store, const char *key,
                                  struct span body);

/* With which everything is read; NULL: none. */
extern const struct customer_key *reading_key;
/* Reads a range and checks that every byte handed out is that of `expected` (the whole original). True: all of it came.
 * *ret_size: how much came. */
bool download_range(struct object_codecs *codecs, struct memory_store *store, const char *key, struct span expected,
                    uint64_t first, uint64_t size, uint64_t *ret_size, struct error *error);
void must_download(struct object_codecs *codecs, struct memory_store *store, const char *key, struct span expected,
                   uint64_t first, uint64_t size);
