/* server/s3/headers/encryption.h -- encryption as requests ask for it and answers tell of it: SSE-S3, whose keys are
 * the server's (docs/encryption.md). What a request does not ask for its bucket may (settings/encryption.h), or the
 * server (--sse).
 *
 * Without a keyring, and over a store that keeps no encrypted objects, every header that asks for encryption is
 * NotImplemented. What is asked for is done or refused: nothing is stored in clear that was to be encrypted. */
#pragma once

#include "server/s3/request/request.h"
#include "store/bucket.h"

/* Is there a key, and a store that keeps what is encrypted, sent in parts too? */
bool encryption_is_offered(const struct s3_request *request);

/* Of a request that writes an object: is it to be encrypted? Refuses whatever else it asks for that is not offered, as
 * object_headers_refuse_unoffered does. InvalidArgument, NotImplemented; AccessDenied: the bucket blocks customer keys;
 * InternalError: its default is encryption, and there is no key. */
bool encryption_take(struct s3_request *request, bool *ret_is_sealed, struct error *error);
/* Of a request that reads one: how it is stored is not for its reader to say. Refuses the rest likewise. */
bool encryption_refuse_of_read(struct s3_request *request, struct error *error);

/* Before anything is said of an object that was found: if it is encrypted, is it what was encrypted under this name,
 * and is its key there? InternalError. If it is not: may it be read here (AccessDenied)? */
bool encryption_prove(struct s3_request *request, const struct object_name *name,
                      const struct object_attributes *attributes, struct error *error);

/* Of a request for an upload that was found: is it encrypted? What was begun says so, and the request need not; one
 * that asks for encryption of an upload that has none is InvalidRequest, before anything is stored. */
bool encryption_of_upload(struct s3_request *request, const struct upload_info *upload, bool *ret_is_sealed,
                          struct error *error);

/* How an object is stored, in the head of an answer; of one that is not encrypted nothing is said. */
void encryption_answer(struct s3_request *request, bool is_sealed);
