/* server/kms/vault.h -- a key of a transit engine of HashiCorp Vault or OpenBao, over their HTTP API.
 *
 * A new key comes from POST /v1/MOUNT/datakey/plaintext/KEY, and is opened again by POST /v1/MOUNT/decrypt/KEY, both
 * with the token in X-Vault-Token and the context as the transit key's, for one that is derived. The token's file is
 * read for each request. Blocks, for at most VAULT_MS; up to three attempts, where the service or the way to it is in
 * trouble.
 *
 * Errors, with the code of S3: AccessDenied, the token may not; KmsNotFoundException, there is no such transit key;
 * SlowDown; ServiceUnavailable, it is sealed, does not answer, or answers nonsense; InternalError, ERROR_DAMAGED: it
 * does not open what is kept of the key. No message has a token or a key. */
#pragma once

#include "s3client/credentials/search.h"
#include "server/keys/kms_service.h"
#include "server/kms/vault_answer.h"

enum { VAULT_MS = 6000, VAULT_REQUEST_MS = 2000 };

bool vault_make_key(const struct search *search, const struct kms_service *service,
                    const uint8_t context[KMS_CONTEXT_BYTES], struct kms_key *ret_key, struct error *error);
bool vault_open_key(const struct search *search, const struct kms_service *service,
                    const uint8_t context[KMS_CONTEXT_BYTES], struct span blob, uint8_t ret_key[AES_KEY_BYTES],
                    struct error *error);
