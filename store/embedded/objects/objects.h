/* store/embedded/objects/objects.h -- the operations of bucket.h on buckets, objects and their tags, and the lookups
 * that they share. */
#pragma once

#include "store/embedded/state.h"

SUSPENDS bool store_create_bucket(struct bucket_store *store, const struct bucket_intent *intent, struct error *error);
SUSPENDS bool store_find_bucket(struct bucket_store *store, struct span bucket, struct bucket_info *ret_info,
                                struct error *error);
SUSPENDS bool store_delete_bucket(struct bucket_store *store, struct span bucket, struct error *error);
SUSPENDS bool store_list_buckets(struct bucket_store *store, struct span owner, struct span prefix, struct span after,
                                 unsigned buckets_max, struct arena *arena, struct bucket_info **ret_buckets,
                                 unsigned *ret_count, bool *ret_truncated, struct error *error);
SUSPENDS bool store_open_object(struct bucket_store *store, const struct object_name *name,
                                const struct open_intent *intent, struct bucket_object **ret_object,
                                struct error *error);
SUSPENDS bool store_head(struct bucket_store *store, const struct object_name *name, struct arena *arena,
                         struct object_attributes *ret_attributes, struct error *error);
SUSPENDS bool store_read(struct bucket_object *object, uint64_t offset, void *ret_bytes, size_t size,
                         struct error *error);
SUSPENDS bool store_read_sidecar(struct bucket_object *object, struct buffer *ret_sidecar, struct error *error);
void store_close_object(struct bucket_object *object);
SUSPENDS bool store_begin(struct bucket_store *store, const struct write_intent *intent,
                          struct bucket_writer **ret_writer, struct error *error);
SUSPENDS bool store_write(struct bucket_writer *writer, struct span bytes, struct error *error);
SUSPENDS bool store_commit(struct bucket_writer *writer, const struct write_result *result,
                           struct object_attributes *ret_attributes, struct error *error);
SUSPENDS void store_abort(struct bucket_writer *writer);
SUSPENDS bool store_copy(struct bucket_object *source, const struct object_name *target,
                         const struct write_result *result, struct object_attributes *ret_attributes,
                         struct error *error);
SUSPENDS bool store_delete_objects(struct bucket_store *store, struct span bucket, struct delete_item *items,
                                   unsigned count, struct error *error);
SUSPENDS bool store_begin_part(struct bucket_store *store, const struct object_name *name, struct span upload_id,
                               unsigned number, uint64_t stored_size_hint, struct bucket_writer **ret_writer,
                               struct error *error);
SUSPENDS bool store_commit_part(struct bucket_writer *writer, const struct part_attributes *part, struct error *error);
SUSPENDS bool store_list(struct bucket_store *store, const struct list_request *request, struct arena *arena,
                         struct list_page *ret_page, struct error *error);
SUSPENDS bool store_read_tags(struct bucket_store *store, const struct object_name *name, struct buffer *ret_tags,
                              char ret_version[VERSION_TEXT_BYTES], struct error *error);
SUSPENDS bool store_write_tags(struct bucket_store *store, const struct object_name *name, struct span tags,
                               unsigned tags_count, char ret_version[VERSION_TEXT_BYTES], struct error *error);

SUSPENDS bool store_set_versioning(struct bucket_store *store, struct span bucket, enum bucket_versioning versioning,
                                   struct error *error);
SUSPENDS bool store_set_lock(struct bucket_store *store, struct span bucket, const struct default_retention *retention,
                             struct error *error);
SUSPENDS bool store_list_versions(struct bucket_store *store, const struct version_list_request *request,
                                  struct arena *arena, struct list_page *ret_page, struct error *error);
SUSPENDS bool store_write_acl(struct bucket_store *store, const struct object_name *name,
                              const struct object_attributes *judged, struct span acl,
                              char ret_version[VERSION_TEXT_BYTES], struct error *error);
SUSPENDS bool store_write_retention(struct bucket_store *store, const struct object_name *name,
                                    const struct retention_change *retention, char ret_version[VERSION_TEXT_BYTES],
                                    struct error *error);
SUSPENDS bool store_write_legal_hold(struct bucket_store *store, const struct object_name *name, enum lock_hold hold,
                                     char ret_version[VERSION_TEXT_BYTES], struct error *error);
SUSPENDS bool store_change_class(struct bucket_store *store, const struct object_name *name,
                                 const struct class_change *change, struct error *error);
SUSPENDS bool store_change_seal(struct bucket_store *store, const struct object_name *name,
                                const struct seal_change *change, struct error *error);

/* ---- lookups ---- */

/* The object part of the version that is named, in the map; its bucket's number from shard_find_bucket. NoSuchKey,
 * NoSuchVersion; MethodNotAllowed for a delete marker, of which *ret_object is then. */
bool store_find_row(struct embedded_store *store, MDB_txn *txn, uint64_t bucket, const struct object_name *name,
                    struct span *ret_object, struct error *error);
/* Does the condition hold of the current version, as of now? NoSuchKey, PreconditionFailed. Where a row cannot be read,
 * that is left to the commit. */
bool store_condition_may_hold(struct bucket_store *store, const struct object_name *name,
                              const struct write_condition *condition, struct error *error);
/* The number of a completed object's pieces; false: it was not made of parts. */
bool store_pieces_number(const struct bucket_object *object, uint64_t *ret_number);
