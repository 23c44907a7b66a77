/* store/bucket_operations.h -- what a store fills in to stand behind store/bucket.h, which says what each call means,
 * and has refused before what the store's capabilities leave out. For stores alone: all others call bucket_...(). */
#pragma once

#include "store/bucket.h"

struct bucket_store_operations {
    SUSPENDS bool (*create_bucket)(struct bucket_store *store, const struct bucket_intent *intent, struct error *error);
    SUSPENDS bool (*find_bucket)(struct bucket_store *store, struct span bucket, struct bucket_info *ret_info,
                                 struct error *error);
    SUSPENDS bool (*delete_bucket)(struct bucket_store *store, struct span bucket, struct error *error);
    SUSPENDS bool (*list_buckets)(struct bucket_store *store, struct span owner, struct span prefix, struct span after,
                                  unsigned buckets_max, struct arena *arena, struct bucket_info **ret_buckets,
                                  unsigned *ret_count, bool *ret_truncated, struct error *error);

    SUSPENDS bool (*open)(struct bucket_store *store, const struct object_name *name, const struct open_intent *intent,
                          struct bucket_object **ret_object, struct error *error);
    SUSPENDS bool (*head)(struct bucket_store *store, const struct object_name *name, struct arena *arena,
                          struct object_attributes *ret_attributes, struct error *error);
    void (*read_window)(struct bucket_object *object, uint64_t first, uint64_t end); /* NULL: of no use to the store */
    SUSPENDS bool (*read)(struct bucket_object *object, uint64_t offset, void *ret_bytes, size_t size,
                          struct error *error);
    /* Of objects that may_lend; stores that have none leave them out. */
    bool (*borrow)(struct bucket_object *object, uint64_t offset, size_t size, struct bucket_loan *ret_loan);
    void (*give_back)(struct bucket_loan *loan);
    SUSPENDS bool (*read_sidecar)(struct bucket_object *object, struct buffer *ret_sidecar, struct error *error);
    void (*close)(struct bucket_object *object);
    bool (*is_made_of)(const struct bucket_object *object, const char *revision); /* NULL: none ever is */

    SUSPENDS bool (*begin)(struct bucket_store *store, const struct write_intent *intent,
                           struct bucket_writer **ret_writer, struct error *error);
    SUSPENDS bool (*write)(struct bucket_writer *writer, struct span bytes, struct error *error);
    SUSPENDS bool (*commit)(struct bucket_writer *writer, const struct write_result *result,
                            struct object_attributes *ret_attributes, struct error *error);
    SUSPENDS void (*abort)(struct bucket_writer *writer);
    /* Of stores that rewrite. */
    SUSPENDS bool (*commit_rewrite)(struct bucket_writer *writer, const struct body_rewrite *rewrite,
                                    struct error *error);
    SUSPENDS bool (*change_class)(struct bucket_store *store, const struct object_name *name,
                                  const struct class_change *change, struct error *error);
    SUSPENDS bool (*change_seal)(struct bucket_store *store, const struct object_name *name,
                                 const struct seal_change *change, struct error *error); /* ... and keep seals */

    SUSPENDS bool (*copy)(struct bucket_object *source, const struct object_name *target,
                          const struct write_result *result, struct object_attributes *ret_attributes,
                          struct error *error);
    SUSPENDS bool (*delete_objects)(struct bucket_store *store, struct span bucket, struct delete_item *items,
                                    unsigned count, struct error *error);
    SUSPENDS bool (*list)(struct bucket_store *store, const struct list_request *request, struct arena *arena,
                          struct list_page *ret_page, struct error *error);

    SUSPENDS bool (*create_upload)(struct bucket_store *store, const struct upload_intent *intent,
                                   char ret_id[UPLOAD_ID_BYTES], struct error *error);
    SUSPENDS bool (*find_upload)(struct bucket_store *store, const struct object_name *name, struct span upload_id,
                                 struct arena *arena, struct upload_info *ret_upload, struct error *error);
    SUSPENDS bool (*begin_part)(struct bucket_store *store, const struct object_name *name, struct span upload_id,
                                unsigned number, uint64_t stored_size_hint, struct bucket_writer **ret_writer,
                                struct error *error);
    SUSPENDS bool (*commit_part)(struct bucket_writer *writer, const struct part_attributes *part, struct error *error);
    SUSPENDS bool (*list_parts)(struct bucket_store *store, const struct object_name *name, struct span upload_id,
                                unsigned after, unsigned parts_max, struct arena *arena,
                                struct part_attributes **ret_parts, unsigned *ret_count, bool *ret_truncated,
                                struct error *error);
    SUSPENDS bool (*complete_upload)(struct bucket_store *store, const struct object_name *name, struct span upload_id,
                                     const struct part_choice *parts, unsigned count, const struct write_result *result,
                                     struct object_attributes *ret_attributes, struct error *error);
    SUSPENDS bool (*abort_upload)(struct bucket_store *store, const struct object_name *name, struct span upload_id,
                                  struct error *error);
    SUSPENDS bool (*list_uploads)(struct bucket_store *store, const struct upload_list_request *request,
                                  struct arena *arena, struct upload_list_page *ret_page, struct error *error);
    SUSPENDS bool (*find_completed)(struct bucket_store *store, const struct object_name *name, struct span upload_id,
                                    struct object_attributes *ret_attributes, struct error *error);
    SUSPENDS bool (*read_parts)(struct bucket_object *object, unsigned after, unsigned parts_max, struct arena *arena,
                                struct object_part **ret_parts, unsigned *ret_count, bool *ret_truncated,
                                struct error *error);

    SUSPENDS bool (*read_tags)(struct bucket_store *store, const struct object_name *name, struct buffer *ret_tags,
                               char ret_version[VERSION_TEXT_BYTES], struct error *error);
    SUSPENDS bool (*write_tags)(struct bucket_store *store, const struct object_name *name, struct span tags,
                                unsigned tags_count, char ret_version[VERSION_TEXT_BYTES], struct error *error);

    /* The first two of stores that have ACLs, two of those that have versions, the rest of those that have locks.
     * read_acl NULL: object_attributes.acl always holds. */
    SUSPENDS bool (*read_acl)(struct bucket_store *store, const struct object_name *name,
                              const struct object_attributes *attributes, struct arena *arena, struct span *ret_acl,
                              struct error *error);
    SUSPENDS bool (*write_acl)(struct bucket_store *store, const struct object_name *name,
                               const struct object_attributes *judged, struct span acl,
                               char ret_version[VERSION_TEXT_BYTES], struct error *error);
    SUSPENDS bool (*set_versioning)(struct bucket_store *store, struct span bucket, enum bucket_versioning versioning,
                                    struct error *error);
    SUSPENDS bool (*list_versions)(struct bucket_store *store, const struct version_list_request *request,
                                   struct arena *arena, struct list_page *ret_page, struct error *error);
    SUSPENDS bool (*set_lock)(struct bucket_store *store, struct span bucket, const struct default_retention *retention,
                              struct error *error);
    SUSPENDS bool (*write_retention)(struct bucket_store *store, const struct object_name *name,
                                     const struct retention_change *change, char ret_version[VERSION_TEXT_BYTES],
                                     struct error *error);
    SUSPENDS bool (*write_legal_hold)(struct bucket_store *store, const struct object_name *name, enum lock_hold hold,
                                      char ret_version[VERSION_TEXT_BYTES], struct error *error);
};
