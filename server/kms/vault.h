/* server/kms/vault.h -- a key of a transit engine of HashiCorp Vault or OpenBao, over their HTTP API.
 *
 * A new key comes from POST /v1/MOUNT/datakey/plaintext/KEY, and is opened again by POST /v1/MOUNT/decrypt/KEY, both
 * with the token in X-Vault-Token and the hash of the context as the transit key's, for one that is derived. The
 * token's file is read for each request. Blocks, for at most KEY_REQUEST_ALL_MS; up to KEY_REQUEST_ATTEMPTS attempts,
 * where the service or the way to it is in trouble.
 *
 * Errors, with the code of S3: AccessDenied, the token may not; KmsNotFoundException, there is no such transit key;
 * SlowDown; ServiceUnavailable, it is sealed, does not answer, or answers nonsense; InternalError, ERROR_DAMAGED: it
 * does not open what is kept of the key. No message has a token or a key. */
#pragma once

#include "s3client/credentials/search.h"
#include "server/kms/key_request.h"

bool vault_ask(const struct search *search, const struct key_request *request, struct kms_key *ret_key,
               struct error *error);
