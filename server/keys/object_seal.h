/* server/keys/object_seal.h -- an object's encryption: its seal is made when it is written and opened when it is read.
 *
 * The seal (object_attributes.seal) is a record of codec/seal/seal_record.h. It binds the data key to the name under
 * which the object was written, to its size and to its hashes: what opens is that object, as it was then, or an older
 * state of itself. */
#pragma once

#include "server/keys/keyring.h"
#include "store/bucket.h"
#include "store/veil.h"

/* Makes the seal of an object that is about to be committed: `attributes` has its hashes in clear. Returns how many
 * bytes of ret_seal it takes. */
size_t object_seal_make(struct keyring *keyring, const struct object_name *name,
                        const struct object_attributes *attributes, const uint8_t data_key[AES_KEY_BYTES],
                        uint8_t ret_seal[SEAL_RECORD_BYTES_MAX]);

/* Opens the seal of an object that is encrypted, and so proves what its attributes say of it. `keyring` NULL: there are
 * no keys. Refused, as InternalError: the key is not there (which id it has, the message says); the seal is another
 * object's, or was changed (ERROR_DAMAGED). */
bool object_seal_open(struct keyring *keyring, const struct object_name *name,
                      const struct object_attributes *attributes, uint8_t ret_data_key[AES_KEY_BYTES],
                      struct error *error);

/* Shows a store the hashes of objects whose keys are in the keyring, which must live as long. */
struct veil object_seal_veil(struct keyring *keyring);
