/* store/embedded/store.h -- what the files of the embedded store share: the store and its shards.
 *
 * Who touches what:
 *   the committer's thread   the one LMDB writer, the list of attached shards, volumes coming and going
 *   a shard's thread         its own struct shard: which blocks of its volumes are taken in memory, pins, staging; what
 *                            others borrow of its volumes, it hands out itself when their message arrives
 *   any thread               the table of volumes (a pointer appears before anything can name its volume, and goes when
 *                            nothing can), counters */
#pragma once

#include "runtime/loop.h"
#include "runtime/metrics.h"
#include "runtime/pool.h"
#include "store/embedded/catalogue/bucket_lookup.h"
#include "store/embedded/catalogue/catalogue.h"
#include "store/embedded/catalogue/folder.h"
#include "store/embedded/embedded.h"
#include "store/embedded/volumes/pin.h"
#include "store/embedded/volumes/volume.h"
#include "store/spool.h"

#include <stdatomic.h>

enum {
    STAGING_BYTES = 256 << 10, /* aligned buffer of one write to a volume */
    STAGING_MAX = 64,          /* of a shard */
};

struct committer;

struct shard {
    struct embedded_store *store;
    struct loop *loop;
    unsigned index;
    MDB_txn *reader; /* reset between reads */
    struct pool *staging;
    struct pin_table pins;
    struct remembered_bucket buckets[BUCKETS_REMEMBERED];
    struct volume_set volumes;
    uint8_t token_prefix[8]; /* a write's token: this, then a count */
    uint64_t token_count;
    _Atomic bool is_released; /* the committer will not touch the shard's loop any more */
};

struct embedded_store {
    struct bucket_store base;
    struct embedded_options options;
    struct folder folder;
    struct catalogue catalogue;
    struct committer *committer;
    struct spool spool;
    uint8_t spool_id[SPOOL_ID_BYTES]; /* of the own one */
    MDB_txn *snapshot;                /* of a snapshot (snapshot.c), which reads in this one alone; else NULL */
    struct embedded_store *origin;    /* of a snapshot in the store's own process */
    struct volume_table volumes;
    struct shard shards[EMBEDDED_SHARDS_MAX];
};

static inline struct embedded_store *embedded_of(struct bucket_store *store)
{
    return (struct embedded_store *)store;
}

/* The calling thread's shard of this store. */
struct shard *shard_current(struct embedded_store *store);

/* The shard's read transaction, begun; between the two nothing may suspend. NULL on failure. */
MDB_txn *shard_begin_read(struct shard *shard, struct error *error);
void shard_end_read(struct shard *shard);
/* The same for a thread that is no shard's. */
bool store_begin_read(struct embedded_store *store, MDB_txn **ret_txn, struct error *error);
void store_end_read(struct embedded_store *store, MDB_txn *txn);
/* Of a write: unique, so that it pins the stored bytes. */
void shard_next_token(struct shard *shard, uint8_t ret_token[ROW_TOKEN_BYTES]);

extern const struct spool_operations spool_operations; /* ledger_spool.c */

/* Where a snapshot reads a volume: opened when it is needed first. NULL: it is gone, or was never there. */
struct volume *snapshot_volume(struct embedded_store *store, uint32_t number);
void snapshot_close(struct embedded_store *store);

/* The operations of bucket.h, by the file that has them. */
SUSPENDS bool store_create_bucket(struct bucket_store *store, struct span bucket, struct span owner,
                                  struct error *error);
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
SUSPENDS bool store_read_tags(struct bucket_store *store, const struct object_name *name, struct buffer *ret_tags,
                              struct error *error);
SUSPENDS bool store_write_tags(struct bucket_store *store, const struct object_name *name, struct span tags,
                               unsigned tags_count, struct error *error);

/* ---- lookups that several files need ---- */

/* The object part of the current row, in the map; its bucket's number from shard_find_bucket. NoSuchKey, NoSuchVersion.
 */
bool store_find_row(struct embedded_store *store, MDB_txn *txn, uint64_t bucket, const struct object_name *name,
                    struct span *ret_object, struct error *error);
/* Puts a sidecar made of the frames into the result, if it has none and there are several. The buffer is the caller's
 * to free. */
void store_index(struct write_result *result, struct buffer *ret_sidecar);
/* Does the condition hold of the current version, as of now? NoSuchKey, PreconditionFailed. Where a row cannot be read,
 * that is left to the commit. */
bool store_condition_may_hold(struct bucket_store *store, const struct object_name *name,
                              const struct write_condition *condition, struct error *error);
/* The number of a completed object's pieces; false: it was not made of parts. */
bool store_pieces_number(const struct bucket_object *object, uint64_t *ret_number);
/* Is the upload there? ret_id: its id as bytes (16). */
bool store_has_upload(struct bucket_store *store, const struct object_name *name, struct span upload_id,
                      uint8_t *ret_id, struct error *error);
