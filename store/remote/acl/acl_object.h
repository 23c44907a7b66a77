/* store/remote/acl/acl_object.h -- lists of grants that lie apart from their objects.
 *
 * PutObjectAcl changes neither ETag nor time nor version, and metadata of an object in a bucket cannot be changed
 * without them: so the list that it sets is an object of its own, bound to the revision that it was set for
 * (acl_record.h). It is read when a list decides, and by GetObjectAcl, each time: what one process has set, all others
 * obey in the next request. Where there is none, the list counts that the object was written with.
 *
 * Each writing names what it replaces (If-Match, If-None-Match), so that one that arrives late undoes nothing. What is
 * left of objects that have gone is swept. */
#pragma once

#include "store/remote/acl/acl_record.h"
#include "store/remote/store.h"

/* Of bucket.h. */
SUSPENDS bool remote_read_acl(struct bucket_store *store, const struct object_name *name,
                              const struct object_attributes *attributes, struct arena *arena, struct span *ret_acl,
                              struct error *error);
SUSPENDS bool remote_write_acl(struct bucket_store *store, const struct object_name *name,
                               const struct object_attributes *judged, struct span acl,
                               char ret_version[VERSION_TEXT_BYTES], struct error *error);

/* The list of an object that is about to become visible by the write with this nonce, if it is too long for the
 * object's own metadata (owner_puts_acl_apart): else nothing is done. One that was set since stays. */
SUSPENDS bool acl_put_first(struct remote_key *key, const uint8_t nonce[STAMP_NONCE_BYTES], struct span acl,
                            struct error *error);

/* Some of the bucket's lists, from a place on that is drawn at random: those whose object has gone are removed, if they
 * are older than sweep_after_ms. Not in a bucket with versions, where older ones have lists as well. A LIST, and two
 * requests for each that is looked at. */
SUSPENDS void acl_sweep(struct remote *remote, struct span bucket);
