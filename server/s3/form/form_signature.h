/* server/s3/form/form_signature.h -- who signed the policy of a web form.
 *
 * Statements 560 to 563. What is signed is the policy's base64 as it was sent: with signature version 4
 * (x-amz-algorithm, x-amz-credential, x-amz-date, x-amz-signature) or, in forms only, with version 2 (AWSAccessKeyId,
 * signature). */
#pragma once

#include "runtime/base/arena.h"
#include "runtime/base/error.h"
#include "server/auth/error_details.h"
#include "server/auth/identity.h"
#include "server/s3/form/form_fields.h"

struct form_signers {
    const struct accounts *accounts;
    const char *region;
    bool takes_version_2;
};

/* *ret_account is NULL when the form is not signed and has no policy. InvalidArgument with the field's name,
 * InvalidRequest (version 2 where it is not taken), InvalidToken, InvalidAccessKeyId, SignatureDoesNotMatch. */
bool form_signature_verify(const struct form_signers *signers, const struct form_fields *fields, struct arena *arena,
                           const struct account **ret_account, struct error_details *ret_details, struct error *error);

/* By which version form_signature_verify judges it. */
bool form_signature_is_version_2(const struct form_fields *fields);
