/* server/kms/aws.h -- a key of AWS KMS, or of what speaks as it does, over its JSON protocol (1.1).
 *
 * A new key comes from TrentService.GenerateDataKey (KeySpec AES_256), and is opened again by TrentService.Decrypt,
 * both POST to / and signed for the service kms with the credentials of the service's section: its file or profile,
 * else where the SDKs of AWS look (s3client/credentials/credentials.h). The encryption context is the bucket's ARN, as
 * aws:s3:arn, and what the client sent: so policies of keys and trails see what they see of S3.
 *
 * Blocks, for at most KEY_REQUEST_ALL_MS, and longer the first time, when credentials are looked for; up to
 * KEY_REQUEST_ATTEMPTS attempts, where the service or the way to it is in trouble. Credentials that the service calls
 * expired are looked for again, once.
 *
 * Errors, with the code of S3: KmsNotFoundException, KmsDisabledException, KmsInvalidStateException (it is to be
 * deleted); AccessDenied, the credentials, or the key's policy; InvalidArgument, it is no key to encrypt with;
 * SlowDown; ServiceUnavailable: it does not answer, or nonsense, or there are no credentials; InternalError,
 * ERROR_DAMAGED: it does not open what is kept of the key. No message has a key or a credential.
 *
 * Source: "AWS Key Management Service API Reference". */
#pragma once

#include "s3client/credentials/search.h"
#include "server/kms/key_request.h"

/* What is remembered between calls: credentials. Of one thread. */
struct aws_kms;
struct aws_kms *aws_kms_create(void); /* NULL: no memory */
void aws_kms_destroy(struct aws_kms *aws);

bool aws_kms_ask(struct aws_kms *aws, const struct search *search, const struct key_request *request,
                 struct kms_key *ret_key, struct error *error);
