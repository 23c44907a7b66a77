/* store/embedded/uploads/uploads.h -- the operations of bucket.h on objects that come in parts. */
#pragma once

#include "store/embedded/state.h"

SUSPENDS bool store_create_upload(struct bucket_store *store, const struct upload_intent *intent,
                                  char ret_id[UPLOAD_ID_BYTES], struct error *error);
SUSPENDS bool store_find_upload(struct bucket_store *store, const struct object_name *name, struct span upload_id,
                                struct arena *arena, struct upload_info *ret_upload, struct error *error);
SUSPENDS bool store_list_parts(struct bucket_store *store, const struct object_name *name, struct span upload_id,
                               unsigned after, unsigned parts_max, struct arena *arena,
                               struct part_attributes **ret_parts, unsigned *ret_count, bool *ret_truncated,
                               struct error *error);
SUSPENDS bool store_complete_upload(struct bucket_store *store, const struct object_name *name, struct span upload_id,
                                    const struct part_choice *parts, unsigned count, const struct write_result *result,
                                    struct object_attributes *ret_attributes, struct error *error);
SUSPENDS bool store_abort_upload(struct bucket_store *store, const struct object_name *name, struct span upload_id,
                                 struct error *error);
SUSPENDS bool store_list_uploads(struct bucket_store *store, const struct upload_list_request *request,
                                 struct arena *arena, struct upload_list_page *ret_page, struct error *error);
SUSPENDS bool store_find_completed(struct bucket_store *store, const struct object_name *name, struct span upload_id,
                                   struct object_attributes *ret_attributes, struct error *error);
SUSPENDS bool store_read_parts(struct bucket_object *object, unsigned after, unsigned parts_max, struct arena *arena,
                               struct object_part **ret_parts, unsigned *ret_count, bool *ret_truncated,
                               struct error *error);
