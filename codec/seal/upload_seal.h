/* codec/seal/upload_seal.h -- what is kept of the encryption of an upload while it is open, and of each of its parts
 * (docs/encryption-format.md).
 *
 * The seal of an upload is its data key, wrapped by a key of the keyring for one name. There is one of an upload that
 * is not encrypted, too, which says so: whoever may write to the store can turn neither into the other, nor take it
 * away without its being missed, and so nothing that was to be encrypted is stored in clear. Of an upload under a
 * customer's key the keyring's key wraps the attribute key (seal_record.h), and the data key is in a wrap of its own,
 * which the object will have, too: so whoever completes it needs no customer's key. Likewise under a key service's.
 *
 * The seal of a part are the hashes of its bytes, sealed under the data key (where there is an attribute
 * key: under that) for its number, its size and this attempt to send it, whose salt it begins with.
 *
 * Pure. What is opened comes from a disk: no number of it is believed, and what does not open is ERROR_DAMAGED. */
#pragma once

#include "codec/seal/seal_record.h"

enum {
    UPLOAD_SEAL_HEAD_BYTES = 32,
    UPLOAD_SEAL_BYTES_MAX = UPLOAD_SEAL_HEAD_BYTES + SEAL_WRAPPED_BYTES + CUSTOMER_WRAP_BYTES + SEAL_KMS_BYTES_MAX,
    PART_SEAL_FACTS_BYTES = 24, /* before the checksum */
    PART_SEAL_BYTES_MAX = XAES_SALT_BYTES + PART_SEAL_FACTS_BYTES + SEAL_CHECKSUM_BYTES_MAX + GCM_TAG_BYTES,
};

/* What a seal holds. */
struct upload_seal {
    enum seal_mode mode;        /* what each of its parts is, and what it becomes */
    uint8_t key[AES_KEY_BYTES]; /* the data key, or the attribute key; of SEAL_PLAIN nothing is done with it */
    uint8_t customer[CUSTOMER_WRAP_BYTES]; /* where there is an attribute key: as in a record, for
                                              CUSTOMER_SIZE_UNKNOWN */
    struct span kms; /* of SEAL_KMS: as in a record; of a seal that was opened it points into its bytes */
};

/* `nonce` has just been drawn at random, and so has the key, also for an upload that is not encrypted. Returns how many
 * bytes it takes. */
size_t upload_seal_make(struct aes *aes, const struct seal_keys *keys, const uint8_t name[SEAL_NAME_BYTES],
                        const struct upload_seal *seal, const uint8_t nonce[XAES_NONCE_BYTES],
                        uint8_t ret_seal[UPLOAD_SEAL_BYTES_MAX]);
/* Under which of the keyring's keys it is. ERROR_DAMAGED; ERROR_UNSUPPORTED: a later version. */
bool upload_seal_key_id(struct span seal, uint8_t ret_id[SEAL_KEY_ID_BYTES], struct error *error);
/* `keys` are those of its id. ERROR_DAMAGED: it was changed, or is of another name. */
bool upload_seal_open(struct aes *aes, const struct seal_keys *keys, const uint8_t name[SEAL_NAME_BYTES],
                      struct span seal, struct upload_seal *ret_seal, struct error *error);

/* `salt` is that of the part's segment, of which there is one seal. Returns how many bytes it takes. */
size_t part_seal_make(struct aes *aes, const uint8_t data_key[AES_KEY_BYTES], const uint8_t salt[XAES_SALT_BYTES],
                      unsigned part, uint64_t original_size, const struct seal_hashes *hashes,
                      uint8_t ret_seal[PART_SEAL_BYTES_MAX]);
bool part_seal_open(struct aes *aes, const uint8_t data_key[AES_KEY_BYTES], struct span seal, unsigned part,
                    uint64_t original_size, struct seal_hashes *ret_hashes, struct error *error);
