/* tools/bale/session/backend_session.h -- one piece of work on any backend, without a server: the store in a folder,
 * which nobody else may have open, or a bucket of an S3 server, which others may serve meanwhile. Nothing is kept on
 * this machine of a bucket. */
#pragma once

#include "server/backend/backend.h"
#include "tools/bale/session/session.h"

bool backend_session_run(const struct config *where, session_work *work, void *context, struct error *error);
/* The same for who only looks, beside a server as well: of a folder `work` is given a snapshot (embedded.h), and is
 * called again with a newer one where it meets damage. */
bool backend_session_look(const struct config *where, session_work *work, void *context, struct error *error);

/* The same where the bucket is what is meant, with all that belongs to it beside its store. */
typedef SUSPENDS bool bucket_work(struct backend *backend, void *context, struct error *error);
bool backend_session_run_on_bucket(const struct config *where, bucket_work *work, void *context, struct error *error);

/* BUCKET/KEY as two spans of it. */
bool backend_session_name(const char *text, struct object_name *ret_name, struct error *error);
