/* store/remote/acl/acl_record.h -- a list of grants that lies apart from its object: its name, and its bytes.
 *
 *     .bale/acl/KEY/REVISION
 *
 * KEY is the digest of the object's name (row_key), in hex. REVISION is what the object was when the list was set: `n`
 * and the first 8 bytes of the nonce of its write, which no other write has; of an object that Bale did not write `e`
 * and a digest of ETag and time. So the list of an object that was overwritten, or made again, counts for nobody.
 * docs/bucket-format.md has the bytes. Pure. */
#pragma once

#include "store/remote/format/stamp.h"
#include "store/remote/rows/row.h"

enum {
    ACL_RECORD_BYTES_MAX = OBJECT_ACL_BYTES_MAX + OBJECT_KEY_BYTES_MAX + 256,
    ACL_REVISION_BYTES = 1 + 32 + 1, /* with a zero */
    ACL_NAME_BYTES = 10 + 2 * ROW_KEY_BYTES + 1 + ACL_REVISION_BYTES,
    ACL_TOKEN_BYTES = 16,
};

struct acl_record {
    struct span key; /* of the object, for whoever finds the record */
    struct span acl;
    uint8_t token[ACL_TOKEN_BYTES]; /* random: of this very writing, which so has an ETag that no other has */
    bool is_first;                  /* written before the object was there: it was written with this list */
};

/* Text with a zero. */
void acl_revision_name(const struct object_attributes *attributes, char ret_text[ACL_REVISION_BYTES]);
void acl_revision_name_of_nonce(const uint8_t nonce[STAMP_NONCE_BYTES], char ret_text[ACL_REVISION_BYTES]);
/* The whole name. */
struct span acl_name(const uint8_t row_key[ROW_KEY_BYTES], const char *revision, char ret_text[ACL_NAME_BYTES]);

void acl_record_encode(const struct acl_record *record, struct buffer *ret_bytes);
/* Spans point into `bytes`. False: it is none. */
bool acl_record_decode(struct span bytes, struct acl_record *ret_record);
