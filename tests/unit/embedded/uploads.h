/* tests/unit/embedded/uploads.h -- uploads in one call each, of parts that are made from a seed. */
#pragma once

#include "tests/unit/embedded/fixture.h"

/* Bytes, MD5 and checksum of a part follow from its seed and size. */
struct test_part {
    unsigned number;
    uint64_t seed;
    size_t size;
};

void begin_upload(struct bucket_store *store, struct span bucket, struct span key, char ret_id[UPLOAD_ID_BYTES]);
bool try_put_part(struct bucket_store *store, struct span bucket, struct span key, const char *id,
                  const struct test_part *part, struct error *error);
/* Every fourth part has the longest one that there is. */
struct checksum_value checksum_of_part(const struct test_part *part, uint32_t crc32c);
void put_part(struct bucket_store *store, struct span bucket, struct span key, const char *id,
              const struct test_part *part);
bool try_complete(struct bucket_store *store, struct span bucket, struct span key, const char *id,
                  const struct test_part *parts, unsigned count, const struct write_condition *condition,
                  struct error *error);
void complete(struct bucket_store *store, struct span bucket, struct span key, const char *id,
              const struct test_part *parts, unsigned count);
/* Fails the test unless the object is there, made of these parts: bytes, part map, attributes. */
void expect_parts(struct bucket_store *store, struct span bucket, struct span key, const struct test_part *parts,
                  unsigned count);
