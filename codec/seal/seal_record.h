/* codec/seal/seal_record.h -- what is kept of an object's encryption beside its body: its data key, wrapped, and the
 * hashes of its original bytes, masked (docs/encryption-format.md).
 *
 * The data key is drawn for one write and wrapped by a key of the keyring with everything that matters as associated
 * data: the name under which the object was written, its size, all that stands in the record before it. So a record
 * opens only for the object that it was made for, as it was then. Of an object under a customer's key, that key wraps
 * the data key (customer_wrap.h), and the keyring's wraps another one in its place, the attribute key: it vouches for
 * the record in the same way, and opens what is known of parts, but no byte of the body. A key service's key stands in
 * the place of a customer's, and the record keeps what the service needs to give it out again. Hashes are masked
 * because they tell what an object holds to whoever can guess it; they are needed without the data key (a list shows
 * ETags), and so they are masked by the keyring's key, with a nonce that each write draws anew.
 *
 * Pure. What is decoded comes from a disk: no number of it is believed, and what does not open is ERROR_DAMAGED. */
#pragma once

#include "codec/seal/customer_wrap.h"
#include "runtime/base/byteorder.h"

#include <stdint.h>

enum {
    SEAL_KEY_ID_BYTES = 8,
    SEAL_NAME_BYTES = 16,
    SEAL_MASK_NONCE_BYTES = 16,
    SEAL_MAP_BYTES = 32,
    SEAL_MD5_BYTES = 16,
    SEAL_CHECKSUM_BYTES_MAX = 64,
    SEAL_WRAPPED_BYTES = XAES_NONCE_BYTES + AES_KEY_BYTES + GCM_TAG_BYTES,
    SEAL_FIXED_BYTES = 104, /* before the checksum */
    SEAL_KMS_BYTES_MAX = 696,
    SEAL_RECORD_BYTES_MAX =
        SEAL_FIXED_BYTES + SEAL_CHECKSUM_BYTES_MAX + SEAL_WRAPPED_BYTES + CUSTOMER_WRAP_BYTES + SEAL_KMS_BYTES_MAX,
};
_Static_assert((int)SEAL_NAME_BYTES == (int)CUSTOMER_NAME_BYTES, "one hash of a name");

/* Whose key opens the body. */
enum seal_mode {
    SEAL_PLAIN,    /* nobody's: it is not encrypted. Of uploads; there is no such record */
    SEAL_KEYRING,  /* SSE-S3 */
    SEAL_CUSTOMER, /* SSE-C */
    SEAL_KMS,      /* SSE-KMS: a key service's */
};
/* Is there an attribute key beside the data key, which a key outside of the keyring wraps? */
bool seal_mode_has_attribute_key(enum seal_mode mode);
/* As bytes. False: there is none of that letter. */
uint8_t seal_mode_letter(enum seal_mode mode);
bool seal_mode_of(uint8_t letter, enum seal_mode *ret_mode);

/* What the keys of a keyring are used for, each by a key of its own. */
struct seal_keys {
    uint8_t id[SEAL_KEY_ID_BYTES]; /* of the key that they were derived from */
    uint8_t wrap[AES_KEY_BYTES];
    uint8_t mask[AES_KEY_BYTES];
    uint8_t upload[AES_KEY_BYTES]; /* codec/seal/upload_seal.h */
    uint8_t kms[AES_KEY_BYTES];    /* where the keyring is the key service */
};
void seal_keys_derive(struct aes *aes, const uint8_t id[SEAL_KEY_ID_BYTES], const uint8_t key[AES_KEY_BYTES],
                      struct seal_keys *ret_keys);

/* Hashes of original bytes, in clear or masked. What is absent is zeros in clear. */
struct seal_hashes {
    bool has_md5; /* the ETag's: of the bytes, or of the parts' MD5s */
    bool has_crc32c;
    uint8_t md5[SEAL_MD5_BYTES];
    uint32_t crc32c;
    uint8_t checksum_algorithm; /* a number of whoever writes; 0: none */
    uint8_t checksum_type;      /* likewise */
    uint8_t checksum_size;      /* SEAL_CHECKSUM_BYTES_MAX at most */
    uint8_t checksum[SEAL_CHECKSUM_BYTES_MAX];
};

struct seal_record {
    enum seal_mode mode;
    uint8_t key_id[SEAL_KEY_ID_BYTES]; /* of the keyring's key */
    uint8_t name[SEAL_NAME_BYTES];     /* first bytes of SHA-256(bucket "/" key) */
    uint8_t nonce[SEAL_MASK_NONCE_BYTES];
    uint8_t map[SEAL_MAP_BYTES];           /* SHA-256 of the parts that it was made of; zeros: none */
    uint16_t parts_count;                  /* 0: not of parts */
    struct seal_hashes hashes;             /* masked */
    uint8_t wrapped[SEAL_WRAPPED_BYTES];   /* the data key, or the attribute key */
    uint8_t customer[CUSTOMER_WRAP_BYTES]; /* the data key, where there is an attribute key */
    struct span kms; /* of SEAL_KMS alone: what its service needs, opaque, 1 to SEAL_KMS_BYTES_MAX; of a record that was
                        decoded it points into its bytes */
};

/* Returns how many bytes it takes. */
size_t seal_record_encode(const struct seal_record *record, uint8_t ret_bytes[SEAL_RECORD_BYTES_MAX]);
/* ERROR_DAMAGED; ERROR_UNSUPPORTED: a later version, a mode or flags that this one does not know, or more than it ever
 * writes. */
bool seal_record_decode(struct span bytes, struct seal_record *ret_record, struct error *error);

/* Whose key it says, and seal_record.kms, of bytes that are a record, and no more. Refused as seal_record_decode. */
bool seal_record_mode(struct span bytes, enum seal_mode *ret_mode, struct span *ret_kms, struct error *error);

/* What a list shows of a record, without the copies of seal_record_decode: it is read where it lies. */
struct seal_excerpt {
    const uint8_t *record; /* SEAL_FIXED_BYTES of one that seal_record_decode takes */
};
/* Refused as seal_record_decode. */
bool seal_record_excerpt(struct span bytes, struct seal_excerpt *ret_excerpt, struct error *error);

/* Where they lie (docs/encryption-format.md). */
enum {
    SEAL_AT_FLAGS = 2,
    SEAL_AT_CHECKSUM_ALGORITHM = 3,
    SEAL_AT_CHECKSUM_TYPE = 4,
    SEAL_AT_CHECKSUM_SIZE = 5,
    SEAL_AT_PARTS_COUNT = 6,
    SEAL_AT_KEY_ID = 8,
    SEAL_HAS_MD5 = 1 << 0, /* a flag */
};
static inline bool seal_excerpt_has_md5(struct seal_excerpt excerpt)
{
    return (excerpt.record[SEAL_AT_FLAGS] & SEAL_HAS_MD5) != 0;
}
static inline const uint8_t *seal_excerpt_key_id(struct seal_excerpt excerpt)
{
    return excerpt.record + SEAL_AT_KEY_ID;
}
static inline bool seal_excerpts_share_key(struct seal_excerpt one, struct seal_excerpt other)
{
    return load_u64_le(seal_excerpt_key_id(one)) == load_u64_le(seal_excerpt_key_id(other));
}
static inline uint16_t seal_excerpt_parts_count(struct seal_excerpt excerpt)
{
    return load_u16_le(excerpt.record + SEAL_AT_PARTS_COUNT);
}
static inline uint8_t seal_excerpt_checksum_algorithm(struct seal_excerpt excerpt)
{
    return excerpt.record[SEAL_AT_CHECKSUM_ALGORITHM];
}
static inline uint8_t seal_excerpt_checksum_type(struct seal_excerpt excerpt)
{
    return excerpt.record[SEAL_AT_CHECKSUM_TYPE];
}
static inline uint8_t seal_excerpt_checksum_size(struct seal_excerpt excerpt)
{
    return excerpt.record[SEAL_AT_CHECKSUM_SIZE];
}

/* What an object under a customer's key has as its ETag in place of the MD5: equal for equal bytes of one write, and
 * told by nobody without its attribute key. In place. */
void seal_hide_md5(struct aes *aes, const uint8_t attribute_key[AES_KEY_BYTES], uint8_t md5[SEAL_MD5_BYTES]);

/* Masks hashes, or takes the mask off. */
void seal_mask(struct aes *aes, const struct seal_keys *keys, const uint8_t nonce[SEAL_MASK_NONCE_BYTES],
               struct seal_hashes *hashes);

/* The MD5s of many excerpts in clear, their pads drawn at once: `keys` are those of all of them. Of one without an MD5
 * it is undefined. */
void seal_unmask_md5s(struct aes *aes, const struct seal_keys *keys, const struct seal_excerpt *excerpts, size_t count,
                      uint8_t (*ret_md5s)[SEAL_MD5_BYTES]);

/* Everything else of the record is set, and holds from here on. `nonce` has just been drawn at random. */
void seal_wrap(struct seal_record *record, struct aes *aes, const struct seal_keys *keys,
               const uint8_t nonce[XAES_NONCE_BYTES], uint64_t original_size, const uint8_t key[AES_KEY_BYTES]);
/* ERROR_DAMAGED: the record, or the size, is not what was wrapped. `keys` are those of record->key_id. */
bool seal_unwrap(const struct seal_record *record, struct aes *aes, const struct seal_keys *keys,
                 uint64_t original_size, uint8_t ret_key[AES_KEY_BYTES], struct error *error);
