/* store/remote/uploads/upload.h -- one upload of a client in the bucket: its names, its records, its parts. Private to
 * store/remote/uploads/. */
#pragma once

#include "store/remote/uploads/facts.h"
#include "store/remote/uploads/record.h"
#include "store/remote/write/writer.h"

enum { UPLOAD_KEY_BYTES = OBJECT_KEY_BYTES_MAX, UPLOAD_NAME_BYTES = 10 + 32 + 1 };

/* Which upload a call is about. */
struct upload_place {
    struct remote *remote;
    struct remote_shard *shard;
    struct span bucket;         /* the client's */
    struct span backend_bucket; /* the backend's */
    struct span id;
};
/* NoSuchBucket. */
bool upload_place_init(struct bucket_store *store, struct span bucket, struct span id, struct upload_place *ret_place,
                       struct error *error);

/* ".bale/mpu/ID/" and what is appended, as clients' keys are named (without the prefix of the home bucket), and as the
 * backend does. `ret_text` has UPLOAD_KEY_BYTES. */
struct span upload_key(const struct upload_place *place, const char *suffix, char *ret_text);
struct span upload_backend_key(const struct upload_place *place, struct span suffix, char *ret_text);
bool upload_no_such(struct error *error);

/* ---- small objects of the store itself ---- */

/* *ret_found false: there is none. */
SUSPENDS bool upload_get(const struct upload_place *place, struct span suffix, struct buffer *ret_bytes,
                         bool *ret_found, struct error *error);
SUSPENDS bool upload_get_with_etag(const struct upload_place *place, struct span suffix, struct buffer *ret_bytes,
                                   char ret_etag[S3_ETAG_BYTES], bool *ret_found, struct error *error);
/* `if_none_match`: only where there is none; *ret_is_there says that there is one. */
SUSPENDS bool upload_put(const struct upload_place *place, struct span suffix, struct span bytes, bool if_none_match,
                         bool *ret_is_there, struct error *error);
/* Removes everything of the upload, but `kept` and what begins with it; nothing depends on it, the sweep does the same
 * later. */
SUSPENDS void upload_clean(const struct upload_place *place, struct span kept);

/* The record `end`, whoever has written it before. */
SUSPENDS bool upload_put_end(const struct upload_place *place, const struct upload_end *end, struct error *error);
SUSPENDS void upload_remove(const struct upload_place *place, struct span suffix);

/* The descriptor. Spans point into `bytes`. NoSuchUpload; `key` not empty: also when it is of another key. */
SUSPENDS bool upload_load(const struct upload_place *place, struct span key, struct buffer *bytes,
                          struct upload_record *ret_record, struct error *error);
/* The same of bytes that are at hand. */
bool upload_read_record(const struct upload_place *place, struct span key, struct span bytes,
                        struct upload_record *ret_record, struct error *error);

/* The same without a request, when this shard has read it within the last second: in the same request of a client, most
 * likely. Whether the upload is still there, its parts and the backend's upload tell. */
SUSPENDS bool upload_recall(const struct upload_place *place, struct span key, struct buffer *bytes,
                            struct upload_record *ret_record, struct error *error);
void upload_remember(const struct upload_place *place, struct span bytes);
void upload_forget(const struct upload_place *place);
void upload_memory_free(struct upload_memory *memory);

/* ---- parts ---- */

struct piece {
    struct part_facts facts;
    struct span name; /* NNNNN.FACTS, in the list's arena */
    size_t frames_at; /* in the list's frames */
    size_t frames_size;
};
struct piece_list {
    struct arena arena;
    struct buffer pieces; /* struct piece, by number, the newest of each last */
    struct buffer frames; /* of all, behind each other */
};
void piece_list_init(struct piece_list *list);
void piece_list_free(struct piece_list *list);
static inline struct piece *piece_at(const struct piece_list *list, unsigned index)
{
    return (struct piece *)(void *)list->pieces.data + index;
}
static inline struct span piece_frames(const struct piece_list *list, const struct piece *piece)
{
    return piece->frames_size == 0 ? SPAN_EMPTY : span_of(list->frames.data + piece->frames_at, piece->frames_size);
}
static inline unsigned piece_count(const struct piece_list *list)
{
    return (unsigned)(list->pieces.size / sizeof(struct piece));
}
/* Names of parts behind number `after`: of at least `parts_max` numbers, if there are so many; 0: all. */
SUSPENDS bool piece_list_load(struct piece_list *list, const struct upload_place *place, unsigned after,
                              unsigned parts_max, struct error *error);
/* Frames of a piece, from its name or from its object. Appended to the list's frames where they were not. */
SUSPENDS bool piece_load_frames(struct piece_list *list, const struct upload_place *place, unsigned index,
                                struct error *error);
/* Where the bytes are of one that is not straight, as a suffix of the upload's prefix. */
struct span piece_body_suffix(const struct piece *piece, char *ret_text);

/* ---- how it ended ---- */

/* Is the backend's upload there? Some backends also say so of one that was completed. */
SUSPENDS bool upload_is_open(const struct upload_place *place, const struct upload_record *record, bool *ret_is_open,
                             struct error *error);

/* Does the key hold the object of its nonce? Not any more, if it was overwritten since. */
SUSPENDS bool upload_is_completed(const struct upload_place *place, const struct upload_record *record,
                                  bool *ret_is_completed, struct error *error);
