/* server/kms/vault_answer.h -- what a transit engine of Vault or OpenBao answers, read (vault.h). Pure. */
#pragma once

#include "server/kms/key_request.h"

/* "vault:v1:" and base64, or what else goes into JSON as it is. */
bool vault_is_blob(struct span blob);

/* `key` without a blob gets both, one that has a blob its bytes. `name` is the service's, for sentences. Errors as in
 * vault.h; of ServiceUnavailable the message is half a sentence, for the log. */
bool vault_answer_take(const char *name, unsigned status, struct span body, struct kms_key *key, struct error *error);
