/* store/remote/write/writer.h -- a write in progress: its bytes, what is known of it, and, when it has become large,
 * the backend's upload that its parts go to. Private to store/remote/write/. */
#pragma once

#include "store/remote/ledger/counting.h"
#include "store/remote/write/body.h"
#include "store/remote/write/target.h"

/* A body of more than one stored part. One part is on its way while the next is filled, if there is memory for both. */
struct large_body {
    struct buffer upload_id;     /* the backend's */
    char noted[33];              /* store/remote/write/pending.h */
    struct buffer parts;         /* that have arrived: u16 number, u8 size of the ETag, the ETag */
    unsigned parts_count;        /* arrived, or on their way */
    bool is_metadata_in_trailer; /* as Create has it */
    bool is_clients;             /* a client's upload: it stays open when a write fails */
    struct body sending;
    size_t sending_reserved; /* in the budget, beside the writer's own */
    struct fiber *sender;    /* NULL: nothing is on its way */
    struct wait_queue sent;
    bool is_failed;
    struct error error; /* of the part that failed */
};

/* Of a part that a client sends (store/remote/uploads/part.c). */
struct part_place {
    char upload_id[UPLOAD_ID_BYTES];
    unsigned number;
    uint8_t body[16];           /* names the object of its bytes, if they have one of their own */
    struct backend_name target; /* of the object that the upload becomes */
    struct span backend_upload;
    struct buffer texts; /* where these three are */
};

struct remote_writer {
    const struct bucket_store *store; /* first, as bucket.c expects */
    struct remote_key key;
    struct write_target target;
    uint8_t nonce[STAMP_NONCE_BYTES];
    struct write_intent intent; /* its spans are the caller's, who keeps them until the writer is gone */
    struct counting counting;
    struct ledger_amounts made; /* what the ledger counts for the object; when it is described */
    uint64_t part_bytes;
    size_t reserved; /* in the shard's budget */
    uint64_t sent;   /* stored bytes that have gone to the backend's upload */
    struct body body;
    struct large_body *large;    /* NULL: it still fits into one PUT */
    struct part_place *part;     /* NULL: an object */
    struct span clients_upload;  /* empty: no client sends it in parts */
    struct rewriting *rewriting; /* the object is written again (store/remote/write/rewrite.h); NULL: it is a new one */
    uint8_t names[];             /* bucket, key */
};

/* What is written of the object beside its bytes. */
struct written_object {
    struct object_attributes attributes; /* stored_size with the trailer */
    struct object_stamp stamp;
    struct span place;     /* the storage class that the backend is told; empty: none */
    struct buffer fields;  /* packed: headers of PUT or Create */
    struct buffer trailer; /* empty: there is none */
    struct buffer head;    /* of a body that is framed for its trailer's sake: the frame's header */
};
/* Decides whether there is a trailer and where the client's metadata go, and makes both. `result` NULL: before the body
 * is complete, for Create. Must be freed, whatever it returns. */
bool written_object_make(struct remote_writer *writer, const struct write_result *result,
                         struct written_object *ret_object, struct error *error);
void written_object_free(struct written_object *object);
/* The row of what was just written, and its trailer, which is kept. */
void written_object_note(struct remote_key *key, struct written_object *object,
                         const struct written_revision *revision);
/* The same, and what lies beside it: the sidecar of what it replaced (the key's row) is removed, and with --s4-sidecars
 * S4's index of `frames` is written, bound to it. *ret_attributes: what is there now, without metadata. */
SUSPENDS void written_object_settle(struct remote_key *key, struct written_object *object,
                                    const struct written_revision *revision, struct span frames,
                                    struct object_attributes *ret_attributes);

/* Headers of one request, made of packed fields and further ones. */
struct request_headers {
    struct http_field fields[S3_HEADERS_MAX];
    unsigned count;
};
bool request_headers_add_list(struct request_headers *headers, struct span packed);
void request_headers_add(struct request_headers *headers, struct span name, struct span value);
/* x-amz-tagging; nothing when there are none. `text` holds the value until the request is over. */
void request_headers_add_tags(struct request_headers *headers, struct span tags, struct buffer *text);

/* ---- large.c ---- */

/* Begins the backend's upload, with the metadata that are known by now. */
SUSPENDS bool large_begin(struct remote_writer *writer, struct error *error);
/* The same without a request: an upload that is there. */
void large_adopt(struct remote_writer *writer, struct span upload_id, bool is_metadata_in_trailer);
/* A part has arrived. */
void large_add_part(struct large_body *large, unsigned number, struct span etag);

/* Takes more bytes than fit into the body; begins the backend's upload when there is none. */
SUSPENDS bool large_write(struct remote_writer *writer, struct span bytes, struct error *error);
SUSPENDS bool large_commit(struct remote_writer *writer, const struct write_result *result,
                           struct object_attributes *ret_attributes, struct error *error);
/* The same without fields and trailer, for an object of the store itself whose name nobody else has. The writer stays,
 * without its large body if it worked. */
SUSPENDS bool large_commit_plain(struct remote_writer *writer, struct error *error);
/* Complete, under the target's condition, of an upload whose parts are all there. NoSuchUpload: of a client's that
 * somebody else has ended. */
SUSPENDS bool large_complete(struct remote_writer *writer, struct written_revision *ret_revision, struct error *error);
/* Frees the large body, whose upload of the backend has ended. */
SUSPENDS void large_forget(struct remote_writer *writer);
/* Gives the backend's upload up; on a fiber of its own, which the writer belongs to then. */
SUSPENDS void large_abort(struct remote_writer *writer);
/* ---- writer.c ---- */

/* bucket_begin of an object that is written like any other. */
SUSPENDS bool remote_writer_begin(struct bucket_store *store, const struct write_intent *intent,
                                  struct remote_writer **ret_writer, struct error *error);
/* Of this key, with a nonce, without memory in the budget. NoSuchBucket, KeyTooLongError. */
struct remote_writer *remote_writer_create(struct bucket_store *store, const struct write_intent *intent,
                                           struct error *error);
void remote_writer_free(struct remote_writer *writer);

/* ---- copy.c ---- */

struct remote_object;
/* Of the stored bytes, those before the trailer, and the frames in them, as far as they are told. ERROR_DAMAGED: the
 * trailer is not what was announced. */
SUSPENDS bool copy_find_body(struct remote_object *source, uint64_t *ret_size, struct buffer *ret_frames,
                             struct error *error);
/* The first `size` stored bytes become the writer's. */
SUSPENDS bool copy_pump(struct remote_object *source, uint64_t size, struct bucket_writer *writer, struct error *error);
