/* server/keys/upload_secret.h -- the encryption of an upload and of its parts, as a store keeps it and as it is known
 * above (codec/seal/upload_seal.h).
 *
 * A store has of an encrypted part no hash that tells of its bytes: in place of its MD5 it has the salt of this attempt
 * to send it, and the rest lies in the part's seal. */
#pragma once

#include "codec/seal/upload_seal.h"
#include "server/keys/customer_key.h"
#include "server/keys/keyring.h"
#include "store/bucket.h"

/* An upload's seal, opened. It may hold keys: upload_secret_end wipes it. */
struct upload_secret {
    struct upload_seal seal;         /* its key is that of the parts' seals, too */
    bool has_data_key;               /* false: it is not encrypted, or under a key from outside that is not there */
    uint8_t data_key[AES_KEY_BYTES]; /* of the parts' bodies */
};

/* The seal of an upload that is about to begin, under the keyring's active key; also of one that is not encrypted.
 * `customer` is the key from outside of the keyring,
 * where the mode has one. Returns how many bytes it takes. */
size_t upload_secret_make(struct keyring *keyring, const struct object_name *name, enum seal_mode mode,
                          const struct customer_key *customer, uint8_t ret_seal[UPLOAD_SEAL_BYTES_MAX]);
/* `keyring` NULL: there are no keys; `customer` NULL: no customer's key came, and none need come to see what there is.
 * Refused, as InternalError: its key is not there (which id it has, the message says); it was changed, or is of another
 * name (ERROR_DAMAGED). InvalidRequest: the customer's key is not that with which it was begun. */
bool upload_secret_open(struct keyring *keyring, const struct object_name *name, struct span seal,
                        const struct customer_key *customer, struct upload_secret *ret_secret, struct error *error);
void upload_secret_end(struct upload_secret *secret);

/* What a store has in place of the MD5 of a part that was sealed with this salt. */
void part_secret_token(const uint8_t salt[XAES_SALT_BYTES], uint8_t ret_token[MD5_BYTES]);
/* Hides the hashes of a part of an encrypted upload under the key of its seals; `salt` is its segment's. part->seal is
 * in ret_seal then. */
void part_secret_hide(struct keyring *keyring, const uint8_t parts_key[AES_KEY_BYTES],
                      const uint8_t salt[XAES_SALT_BYTES], struct part_attributes *part,
                      uint8_t ret_seal[PART_SEAL_BYTES_MAX]);
/* The way back. ERROR_DAMAGED (InternalError): it is not what was hidden under this number. */
bool part_secret_show(struct keyring *keyring, const uint8_t parts_key[AES_KEY_BYTES], struct part_attributes *part,
                      struct error *error);
/* The same of what an object that was completed keeps of a part. */
bool part_secret_show_kept(struct keyring *keyring, const uint8_t parts_key[AES_KEY_BYTES], struct object_part *part,
                           struct error *error);

/* SHA-256 of the parts that an encrypted object is made of, in order: number u16, salt, original size u64 of each.
 * `part` has its seal. */
void part_map_hash(struct sha256_sum *sum, const struct object_part *part);
