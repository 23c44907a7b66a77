/* tools/bale/files/clear_body.h -- the body of an encrypted object in clear, as any tool of S4 reads it: opened with
 * the keyring, and coded anew in frames of S4.
 *
 * What was not sealed for this object, or was changed since, does not open (server/keys/object_seal.h); what has opened
 * is compared with the hashes in its seal once more. */
#pragma once

#include "server/object/object.h"
#include "tools/bale/files/stock_body.h"

struct clear_digest {
    uint8_t md5[MD5_BYTES];
    uint32_t crc32c;
};

/* All original bytes that a reader has. Hands the body to `sink` in order, and its frames to `frames`. */
SUSPENDS bool clear_body_write(struct stock_body *stock, struct object_reader *reader, stock_body_sink *sink,
                               void *context, struct sidecar_builder *frames, struct clear_digest *ret_digest,
                               struct error *error);
/* Of an encrypted object, what is true of such a body. Under a customer's key or a key service's its ETag was no MD5:
 * it is that of the bytes now, as if they had come in one piece. ERROR_DAMAGED: its seal has other hashes. */
bool clear_body_describe(struct keyring *keyring, const struct clear_digest *digest,
                         struct object_attributes *attributes, struct error *error);
