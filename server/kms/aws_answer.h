/* server/kms/aws_answer.h -- what AWS KMS is sent and answers, as JSON (aws.h). Pure. */
#pragma once

#include "runtime/base/buffer.h"
#include "server/kms/key_request.h"

enum { AWS_BODY_BYTES_MAX = 4 << 10 };

/* The body of a request. False: what is kept of the context is none. */
bool aws_body_write(const struct key_request *request, struct buffer *to, struct error *error);

/* What may help beside asking again. */
enum aws_remedy { AWS_NO_REMEDY, AWS_ASK_AGAIN, AWS_NEW_CREDENTIALS };

/* The key of an answer; `opens`: of Decrypt, else a new one with its blob and id. `name` is the service's, for
 * sentences. Errors as in aws.h, with the kind of key_request.h; of ServiceUnavailable the message is for the log. */
bool aws_answer_take(const char *name, unsigned status, struct span body, bool opens, struct kms_key *key,
                     enum aws_remedy *ret_remedy, struct error *error);
