/* server/s3/headers/encryption.h -- encryption as requests ask for it and answers tell of it: SSE-S3, whose keys are
 * the server's, SSE-KMS, whose keys are a key service's, and SSE-C, whose keys each request brings along
 * (docs/encryption.md).
 *
 * Without a keyring, and over a store that keeps no encrypted objects, every header that asks for encryption is
 * NotImplemented. What is asked for is done or refused: nothing is stored in clear that was to be encrypted. The
 * key from outside of the keyring is in request->customer_key, that of the source of a copy in request->source_key: a
 * customer's once the headers were taken, a key service's once what is there was opened; encryption_forget wipes both.
 */
#pragma once

#include "server/keys/object_seal.h"
#include "server/s3/request/request.h"
#include "store/bucket.h"

/* Is there a key, and a store that keeps what is encrypted, sent in parts too? */
bool encryption_is_offered(const struct s3_request *request);

/* Of a request that writes an object: how is it to be encrypted? Refuses whatever else it asks for that is not offered,
 * as object_headers_refuse_unoffered does. InvalidArgument, NotImplemented; as customer_key_take, kms_key_take and
 * kms_key_make; AccessDenied: the bucket blocks customer keys; InternalError: its default is encryption, and there is
 * no key. */
SUSPENDS bool encryption_take(struct s3_request *request, struct object_encryption *ret_encryption,
                              struct error *error);
/* Of a request that reads one: how it is stored is not for its reader to say, but for a customer's key. Refuses the
 * rest likewise. */
bool encryption_take_of_read(struct s3_request *request, struct error *error);
/* Of a request that copies: the key of its source. */
bool encryption_take_of_source(struct s3_request *request, struct error *error);

/* Before anything is said of an object that was found: if it is encrypted, is it what was encrypted under this name,
 * and are its keys there? `customer`: that of the request for it, or NULL. As object_prove; InvalidRequest: a key came
 * for an object that takes none. If it is not encrypted: may it be read here (AccessDenied)? ret_secret stays as it is
 * then. */
bool encryption_prove(struct s3_request *request, const struct object_name *name, const struct customer_key *customer,
                      const struct object_attributes *attributes, struct object_secret *ret_secret,
                      struct error *error);
/* Before its body is read: the key of a key service elsewhere, if it is under one. `key` is request->customer_key, or
 * the source's. As kms_key_open. */
SUSPENDS bool encryption_open(struct s3_request *request, const struct object_name *name,
                              const struct object_attributes *attributes, struct customer_key **key,
                              struct error *error);

/* Of a request for an upload that was found: how is it encrypted? What was begun says so, and the request need not; one
 * that asks for other encryption than that is InvalidRequest, before anything is stored. `brings_bytes`: and so is one
 * without the customer's key that they are to be encrypted under. */
SUSPENDS bool encryption_of_upload(struct s3_request *request, const struct upload_info *upload, bool brings_bytes,
                                   struct object_encryption *ret_encryption, struct error *error);

/* How an object is stored, in the head of an answer; of one that is not encrypted nothing is said, and of a customer's
 * key what the request said. */
void encryption_answer(struct s3_request *request, const struct object_encryption *encryption);

/* The request has been answered: nothing of its keys stays in memory, nor of the headers that brought them. */
void encryption_forget(struct s3_request *request);
