/* store/remote/uploads/uploads.c -- objects that come in parts are refused: they have no form in the bucket yet. */
#include "s3client/wire/s3_error.h"
#include "store/remote/store.h"

static bool refuse(struct error *error)
{
    return error_set(error, ERROR_UNSUPPORTED, S3_NotImplemented, "Multipart uploads are not offered on this backend.");
}

SUSPENDS bool remote_create_upload(struct bucket_store *store, const struct upload_intent *intent,
                                   char ret_id[UPLOAD_ID_BYTES], struct error *error)
{
    (void)store, (void)intent, (void)ret_id;
    return refuse(error);
}

SUSPENDS bool remote_find_upload(struct bucket_store *store, const struct object_name *name, struct span upload_id,
                                 struct arena *arena, struct upload_info *ret_upload, struct error *error)
{
    (void)store, (void)name, (void)upload_id, (void)arena, (void)ret_upload;
    return refuse(error);
}

SUSPENDS bool remote_begin_part(struct bucket_store *store, const struct object_name *name, struct span upload_id,
                                unsigned number, uint64_t stored_size_hint, struct bucket_writer **ret_writer,
                                struct error *error)
{
    (void)store, (void)name, (void)upload_id, (void)number, (void)stored_size_hint, (void)ret_writer;
    return refuse(error);
}

SUSPENDS bool remote_commit_part(struct bucket_writer *writer, const struct part_attributes *part, struct error *error)
{
    (void)writer, (void)part;
    return refuse(error);
}

SUSPENDS bool remote_list_parts(struct bucket_store *store, const struct object_name *name, struct span upload_id,
                                unsigned after, unsigned parts_max, struct arena *arena,
                                struct part_attributes **ret_parts, unsigned *ret_count, bool *ret_truncated,
                                struct error *error)
{
    (void)store, (void)name, (void)upload_id, (void)after, (void)parts_max, (void)arena, (void)ret_parts;
    (void)ret_count, (void)ret_truncated;
    return refuse(error);
}

SUSPENDS bool remote_complete_upload(struct bucket_store *store, const struct object_name *name, struct span upload_id,
                                     const struct part_choice *parts, unsigned count, const struct write_result *result,
                                     struct object_attributes *ret_attributes, struct error *error)
{
    (void)store, (void)name, (void)upload_id, (void)parts, (void)count, (void)result, (void)ret_attributes;
    return refuse(error);
}

SUSPENDS bool remote_abort_upload(struct bucket_store *store, const struct object_name *name, struct span upload_id,
                                  struct error *error)
{
    (void)store, (void)name, (void)upload_id;
    return refuse(error);
}

SUSPENDS bool remote_list_uploads(struct bucket_store *store, const struct upload_list_request *request,
                                  struct arena *arena, struct upload_list_page *ret_page, struct error *error)
{
    (void)store, (void)request, (void)arena;
    *ret_page = (struct upload_list_page){0};
    (void)error;
    return true; /* there are none */
}

SUSPENDS bool remote_find_completed(struct bucket_store *store, const struct object_name *name, struct span upload_id,
                                    struct object_attributes *ret_attributes, struct error *error)
{
    (void)store, (void)name, (void)upload_id, (void)ret_attributes;
    return refuse(error);
}
