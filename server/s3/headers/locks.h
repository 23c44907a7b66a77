/* server/s3/headers/locks.h -- object lock as requests and answers have it (spec: settings, section AB).
 *
 * What a lock forbids is decided by the store, in its committing step (store/object_lock.h). */
#pragma once

#include "server/s3/request/request.h"
#include "store/attributes.h"

/* x-amz-object-lock-mode, -retain-until-date and -legal-hold of a request that makes a version. InvalidArgument,
 * InvalidRequest where the bucket has no lock, AccessDenied where the account may not set it. */
SUSPENDS bool locks_take_headers(struct s3_request *request, struct object_lock *ret_lock, struct error *error);
/* With a lock, the body must come with Content-MD5 or a checksum. InvalidRequest. */
bool locks_need_checksum(const struct s3_request *request, const struct object_lock *lock, struct error *error);
/* The same three of an answer, each only to those who may read it. */
SUSPENDS void locks_answer_headers(struct s3_request *request, struct span version, const struct object_lock *lock);

/* x-amz-bypass-governance-retention: true, of an account that has the right to it. The header without the right is no
 * bypass: what is locked stays, with AccessDenied; where nothing is locked it is ignored (446). */
SUSPENDS bool locks_may_bypass(struct s3_request *request, struct span key, struct span version);

/* "GOVERNANCE", "COMPLIANCE". */
bool locks_parse_mode(struct span text, enum lock_mode *ret_mode);
const char *locks_mode_name(enum lock_mode mode);

/* Before the body of a retention or hold call, in the order of statement 440: InvalidRequest where the bucket has no
 * lock; NoSuchKey, NoSuchVersion, MethodNotAllowed. */
SUSPENDS bool locks_find_object(struct s3_request *request, struct object_name *ret_name,
                                struct object_attributes *ret_attributes, struct error *error);
