/* server/keys/object_seal.h -- an object's encryption: its seal is made when it is written and opened when it is read.
 *
 * The seal (object_attributes.seal) is a record of codec/seal/seal_record.h. It binds the data key to the name under
 * which the object was written, to its size and to its hashes: what opens is that object, as it was then, or an older
 * state of itself. Of an object under a customer's key, the keyring tells the hashes and vouches for all of it, and the
 * customer's key alone opens the body. A key service's key (kms_grant.h) stands in its place where there is one. */
#pragma once

#include "server/keys/customer_key.h"
#include "server/keys/keyring.h"
#include "store/bucket.h"
#include "store/veil.h"

/* What a seal holds for whoever may open it: to be wiped. */
struct object_secret {
    enum seal_mode mode;
    bool has_data_key; /* false: it is under a key service's key that was not asked for */
    uint8_t data_key[AES_KEY_BYTES];
    uint8_t parts_key[AES_KEY_BYTES]; /* of the seals of its parts: the data key, or the attribute key */
    uint8_t map[SEAL_MAP_BYTES];      /* part_map_hash of its parts; zeros: it came in one piece */
    unsigned parts_count;             /* 0: in one piece */
};

/* The first bytes of SHA-256(bucket "/" key). */
void object_seal_hash_name(const struct object_name *name, uint8_t ret_hash[SEAL_NAME_BYTES]);

/* Whose key opens the body, as far as can be told without any key. */
enum seal_mode object_seal_mode(const struct object_attributes *attributes);

/* The same, with what answers tell of it, for as long as the attributes live. */
struct object_encryption {
    enum seal_mode mode;
    struct span kms; /* of SEAL_KMS: what its service needs to give out the key that opens the body (kms_grant.h) */
};
struct object_encryption object_seal_encryption(const struct object_attributes *attributes);
/* Does the keyring open its body, without any key from outside of it? True of what is not encrypted. */
bool object_seal_needs_keyring_alone(const struct object_attributes *attributes);

/* What is public of a seal and drawn for it alone. */
struct seal_nonces {
    uint8_t mask[SEAL_MASK_NONCE_BYTES];
    uint8_t wrap[XAES_NONCE_BYTES];
};

/* What an object is sealed with. */
struct object_sealing {
    const struct seal_nonces *nonces; /* just drawn at random, and used for nothing else */
    enum seal_mode mode;
    const uint8_t *key;      /* AES_KEY_BYTES: the data key, or the attribute key */
    const uint8_t *customer; /* CUSTOMER_WRAP_BYTES, where there is an attribute key */
    struct span kms;         /* of SEAL_KMS */
    const uint8_t *map;      /* SEAL_MAP_BYTES; NULL: it came in one piece */
};

/* Makes the seal of an object that is about to be committed: `attributes` has its hashes in clear, but an ETag that is
 * hidden already under a customer's key (object_seal_hide_md5). Returns how many bytes of ret_seal it takes. */
size_t object_seal_make(struct keyring *keyring, const struct object_name *name,
                        const struct object_attributes *attributes, const struct object_sealing *sealing,
                        uint8_t ret_seal[SEAL_RECORD_BYTES_MAX]);
/* What an object, or a part, under a customer's key has in place of its MD5. */
void object_seal_hide_md5(struct keyring *keyring, const uint8_t attribute_key[AES_KEY_BYTES],
                          uint8_t md5[SEAL_MD5_BYTES]);
/* The data key of such an object or upload, for CUSTOMER_SIZE_UNKNOWN or for a size. */
void object_seal_wrap_for_customer(struct keyring *keyring, const struct object_name *name, uint64_t original_size,
                                   const struct customer_key *customer, const uint8_t data_key[AES_KEY_BYTES],
                                   uint8_t ret_wrap[CUSTOMER_WRAP_BYTES]);

/* Opens the seal of an object that is encrypted, and so proves what its attributes say of it. `keyring` NULL: there are
 * no keys; `customer` NULL: no key from outside of it is there, which what a key service's key opens can do without
 * as long as its body is not read. Refused, first as the client's fault: InvalidRequest, the
 * object needs a customer's key, or takes none; AccessDenied, it is another one's. Then as InternalError: the keyring's
 * key is not there (which id it has, the message says); the seal is another object's, or was changed (ERROR_DAMAGED).
 * NotImplemented: a newer version of Bale has written it. */
bool object_seal_open(struct keyring *keyring, const struct object_name *name, const struct customer_key *customer,
                      const struct object_attributes *attributes, struct object_secret *ret_secret,
                      struct error *error);
/* Where a seal was made, and where it is to hold. */
struct object_seal_renewal {
    const struct object_name *written; /* the name that it was made for */
    const struct object_name *name;    /* the one that it is to be of */
};
/* The same seal anew, under the keyring's active key: data key, hashes and the wrap by a key from outside stay, and
 * none is needed. ret_size: how many bytes of ret_seal it takes. Refused as object_seal_open; ERROR_DENIED: another
 * name, where a key from outside has wrapped the data key for this one; another key, where the keyring is the key
 * service. */
bool object_seal_renew(struct keyring *keyring, const struct object_seal_renewal *renewal,
                       const struct object_attributes *attributes, uint8_t ret_seal[SEAL_RECORD_BYTES_MAX],
                       size_t *ret_size, struct error *error);

/* The code of an error about what is kept of an encryption, where it has none: NotImplemented, of what a newer version
 * of Bale has written (ERROR_UNSUPPORTED); else InternalError. Returns false. */
bool object_seal_refuse_unreadable(struct error *error);

/* InvalidRequest: none came with a request for an object that needs one. */
bool object_seal_refuse_without_customer(struct error *error);
/* InvalidRequest: a customer's key came with a request for an object that has none. */
bool object_seal_refuse_customer(struct error *error);

/* InternalError: the keyring, NULL: there is none, has no such key, or none any more; `what` is encrypted under it. */
bool object_seal_refuse_missing(struct keyring *keyring, const uint8_t key_id[SEAL_KEY_ID_BYTES], const char *what,
                                struct error *error);

/* A checksum as seals have it, and back; what its algorithm's value cannot be like is none. */
void object_seal_take_checksum(const struct checksum_value *checksum, struct seal_hashes *hashes);
void object_seal_show_checksum(const struct seal_hashes *hashes, uint32_t parts_count, struct checksum_value *checksum);

/* Shows a store the hashes of objects whose keys are in the keyring, which must live as long. */
struct veil object_seal_veil(struct keyring *keyring);
