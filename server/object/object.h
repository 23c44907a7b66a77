/* server/object/object.h -- the two body pipelines.
 *
 * In:  original bytes -> hashes (MD5, S3 checksum, CRC32C) -> frames (look, encode, seal) -> store.
 * Out: store -> frames (open, decode) -> verify -> slice of the original -> whoever takes it.
 * An encrypted object has a data key of its own, and each frame is sealed (codec/seal/sealed_frame.h).
 *
 * One object_codecs for each shard holds the pools: frame buffers, compressors, decompressors. An upload or a download
 * holds at most one frame buffer while its client is slow; for everything else fibers wait in line. */
#pragma once

#include "codec/codec.h"
#include "runtime/fiber/offload.h"
#include "runtime/fiber/pool.h"
#include "runtime/metrics.h"
#include "server/keys/customer_key.h"
#include "server/keys/object_seal.h"
#include "server/object/frame_cache.h"
#include "store/bucket.h"

#include <stdbool.h>
#include <stdint.h>

struct object_settings {
    /* --codec; --raw: bodies and parts as they come, and nothing said of S4. Gzip is of objects alone, and only where
     * the store takes so large a body without frames; all else is as with auto then. */
    enum { OBJECT_CODEC_AUTO, OBJECT_CODEC_ZSTD, OBJECT_CODEC_GZIP, OBJECT_CODEC_NONE, OBJECT_CODEC_RAW } codec;
    int level;                          /* --zstd-level */
    const struct class_levels *classes; /* other levels by storage class; NULL: none */
    int gzip_level;                     /* --gzip-level, of OBJECT_CODEC_GZIP alone */
    bool columns;                       /* --columns: what only Bale reads may be written: frames in columns, and
                                           blocks of dictionaries (codec/dictionary/block.h) */
    unsigned frame_buffers_max;         /* per shard */
    uint64_t frame_cache_bytes;         /* per shard, for frames that were decoded; 0: none is kept */
    uint64_t wait_ms;                   /* for a buffer or context, then SlowDown */
    struct offload *offload;            /* levels above 6; NULL: there are none, or all is left to the next */
    struct offload *background;  /* an idle thread, of bodies that nobody waits for: hashing, packing and decoding are
                                    all left to it, so that the shard has nothing to do with them but to move bytes.
                                    NULL: somebody waits */
    uint64_t background_wait_ms; /* so long it may be before that thread has a processor: then they are packed as others
                                    are, for a while. 0: whatever it takes */
    struct dictionary_table *dictionaries; /* of all shards; NULL: objects that need one are refused (NotImplemented) */
    struct bucket_store *store;            /* that they are fetched from */
    struct dictionary_board *board;        /* what new objects are compressed with; NULL: never a dictionary */
    unsigned shard;                        /* which this one is */
    struct reservoirs *reservoirs;         /* which small objects are offered; NULL: none is kept */
    struct keyring *keyring;               /* under which objects are encrypted; NULL: none is, and none is read */
    bool seals_all;                        /* whatever is written anew must be encrypted (--sse) */
};

struct object_codecs;
struct object_codecs *object_codecs_create(const struct object_settings *settings);
void object_codecs_destroy(struct object_codecs *codecs);

/* Of one shard; readable from any thread. */
struct object_counters {
    metric_counter original_bytes_in; /* from clients */
    metric_counter stored_bytes_in;   /* to the store */
    struct codec_counters {
        metric_counter original_bytes;
        metric_counter stored_bytes;   /* headers of frames included */
    } codecs[CODECS_COUNT];            /* what was passed to the store, by codec_place; as it is: CODEC_PASSTHROUGH */
    metric_counter original_bytes_out; /* to clients */
    metric_counter stored_bytes_out;   /* from the store, sidecars included: what a range really cost */
    metric_counter frames_damaged;     /* reads that ended with ERROR_DAMAGED */
    metric_counter objects_sealed;     /* committed, encrypted */
    metric_counter objects_customers;  /* of these, under a customer's key */
    metric_counter objects_kms;        /* of these, under a key service's */
    metric_counter seals_refused;      /* encrypted objects whose key was not there, or whose seal was another's */
    metric_counter customers_refused;  /* objects asked for with another customer's key than theirs, or none */
    metric_counter slow_downs;         /* waits for memory or a context that were given up */
    struct frame_cache_counters frame_cache;
};
const struct object_counters *object_codecs_counters(const struct object_codecs *codecs);
/* May a body be CODEC_DICTIONARY_BLOCK there? */
bool object_codecs_write_blocks(const struct object_codecs *codecs, const struct bucket_store *store);
/* Can an object be encrypted there (object_write_intent.is_sealed)? */
bool object_codecs_may_seal(const struct object_codecs *codecs, const struct bucket_store *store);
/* ... and is it so, if it is sent in parts? */
bool object_codecs_may_seal_parts(const struct object_codecs *codecs, const struct bucket_store *store);
/* Must it be (object_settings.seals_all)? */
bool object_codecs_seals_all(const struct object_codecs *codecs);
/* Are there keys for what S4 encrypted (object_attributes.is_encrypted)? */
bool object_codecs_read_s4(const struct object_codecs *codecs);
/* Of an object that is encrypted: is it what was encrypted under this name, and is its key there? `customer`, here and
 * below: the key from outside of the keyring that goes with it, NULL if none is there. As object_seal_open.
 * ret_secret is for object_reader_begin_proved, and is to be wiped; NULL: nobody reads the body. */
bool object_prove(struct object_codecs *codecs, const struct object_name *name, const struct customer_key *customer,
                  const struct object_attributes *attributes, struct object_secret *ret_secret, struct error *error);

/* ---- in: object/object_writer.c ---- */

/* What background work asks before each frame, and where it waits for its turn: false ends it with the error. So many
 * original bytes have been packed by then, and so many stored. */
struct frame_gate {
    SUSPENDS bool (*pass)(void *context, uint64_t original_bytes, uint64_t stored_bytes, struct error *error);
    void *context;
};

struct object_writer;

struct object_write_intent {
    struct object_name name; /* lives until the writer is gone */
    uint64_t creation_id;    /* of the bucket; 0: no dictionary is looked for */
    bool is_size_known;
    uint64_t size;                    /* original bytes, when known */
    enum checksum_algorithm checksum; /* to compute; CHECKSUM_CRC64NVME when the client names none */
    struct span upload_id;            /* not empty: part `part_number` of this upload, not an object */
    unsigned part_number;
    /* Of an object; all of it must live until the writer is gone. */
    struct span metadata; /* packed list */
    struct span tags;
    uint32_t tags_count;
    const struct write_condition *condition; /* NULL: none */
    int64_t kept_ms;                         /* as in write_intent */
    struct object_lock lock;
    struct span owner; /* as in object_attributes; so is the next */
    struct span acl;
    bool is_sealed; /* encrypted, under the keyring's active key; NotImplemented: not, where all must be */
    const struct customer_key *customer; /* instead of that one, beside is_sealed; of a part: with which its upload was
                                            begun. NULL: none. Must live until the writer is gone */
    struct span etag; /* beside is_sealed, without a customer's key: what clients know the object by already, as hex, in
                         place of the MD5. Empty: they do not know it yet */
    int level;        /* 0: as the settings say, by the storage class in the metadata */
    /* Not NULL: the end is object_writer_commit_rewrite, with the same, and each frame is decoded again before it is
     * stored. With is_sealed what was judged is not encrypted, has an MD5 as its ETag, and did not come in parts. */
    const struct body_rewrite *rewrite;
    const bool *is_cut_off; /* looked at before each frame: true ends it with ERROR_CANCELLED. NULL: nothing does */
    const struct frame_gate *gate; /* NULL: it does not wait */
    struct span seal;              /* of a part instead of is_sealed: what its upload has (upload_info.seal) */
};

/* As bucket_begin: a condition that does not hold is refused before a byte is taken. */
SUSPENDS bool object_writer_begin(struct object_codecs *codecs, struct bucket_store *store,
                                  const struct object_write_intent *intent, struct object_writer **ret_writer,
                                  struct error *error);
/* Where the next original bytes are to be put: read the body straight into it, then say how many came. No copy. At most
 * 256 KiB; 0 once all bytes of a known size have come. SlowDown: no memory for this long. After a failure of this or
 * the two below only abort is left. */
SUSPENDS bool object_writer_space(struct object_writer *writer, uint8_t **ret_bytes, size_t *ret_capacity,
                                  struct error *error);
SUSPENDS bool object_writer_advance(struct object_writer *writer, size_t size, struct error *error);

/* From now on advance hashes the bytes into this sum as well (NULL: into none), beside the MD5, which costs less than
 * one after the other. It must live until finish. */
void object_writer_hash_beside(struct object_writer *writer, struct sha256_sum *sum);

/* All bytes have come: what they hashed to. */
struct object_digest {
    uint64_t size;
    uint8_t md5[MD5_BYTES];
    struct checksum_value checksum;
    uint32_t crc32c;
};
SUSPENDS bool object_writer_finish(struct object_writer *writer, struct object_digest *ret_digest, struct error *error);
/* Before commit: whose it is, and its list, where the intent said otherwise. */
void object_writer_set_owner(struct object_writer *writer, struct span owner, struct span acl);
/* After finish: makes it visible. The writer is gone afterwards, as after abort. Refused beside what a store refuses:
 * as kms_keyring_may_seal. */
SUSPENDS bool object_writer_commit(struct object_writer *writer, struct object_attributes *ret_attributes,
                                   struct error *error);
/* Instead of commit, of a rewrite: its body and frames are the writer's. As bucket_commit_rewrite. */
SUSPENDS bool object_writer_commit_rewrite(struct object_writer *writer, struct error *error);
/* After finish: what a commit will store. */
uint64_t object_writer_stored_size(const struct object_writer *writer);
/* Instead of commit, of a part: it is durable then. Parts are frames in any case (but with OBJECT_CODEC_RAW), also a
 * single one that does not shrink. ret_part->frames is empty. */
SUSPENDS bool object_writer_commit_part(struct object_writer *writer, struct part_attributes *ret_part,
                                        struct error *error);
SUSPENDS void object_writer_abort(struct object_writer *writer);

/* Original bytes that are in memory already: space and advance, with a copy. */
SUSPENDS bool object_writer_put(struct object_writer *writer, struct span bytes, struct error *error);

/* ---- out: object/object_open.c, object/object_reader.c ---- */

/* As bucket_open and bucket_close. An object is opened without its stored body when a frame that was decoded of late
 * holds all that the intent says will be read; it may be given to a reader only. `intent` has no recall of its own. */
SUSPENDS bool object_open(struct object_codecs *codecs, struct bucket_store *store, const struct object_name *name,
                          const struct open_intent *intent, struct bucket_object **ret_object, struct error *error);
void object_close(struct bucket_object *object);

/* Original bytes [first, first + size) of an open object, which lie inside it; of an object whose size is not known, as
 * many of them as there are. ERROR_UNSUPPORTED (NotImplemented): stored in a form that cannot be read yet.
 * ERROR_CHANGED (SlowDown): the intent that object_open went by said less; it is to be opened anew, with is_again. */
struct object_reader;
/* `name` is the object's, and must live as long as the reader; `customer` is not kept. A dictionary that the object
 * names is fetched here: ERROR_DAMAGED when it is not to be had. */
SUSPENDS bool object_reader_begin(struct object_codecs *codecs, struct bucket_object *object,
                                  const struct object_name *name, const struct customer_key *customer, uint64_t first,
                                  uint64_t size, struct object_reader **ret_reader, struct error *error);
/* The same of an object that was proved while it was open: what its seal holds is not opened once more. `proof` is what
 * object_prove has found, and is not kept; NULL, or without a data key: it is opened here. */
SUSPENDS bool object_reader_begin_proved(struct object_codecs *codecs, struct bucket_object *object,
                                         const struct object_name *name, const struct customer_key *customer,
                                         const struct object_secret *proof, uint64_t first, uint64_t size,
                                         struct object_reader **ret_reader, struct error *error);
/* What is decoded may be kept for the next object_open, unless a key from outside of the keyring opened it; only of an
 * object that object_open has opened. */
void object_reader_keep(struct object_reader *reader);
/* The next piece, verified where architecture.md says so; empty at the end. It stays valid until the next call. Yields
 * between slices. ERROR_DAMAGED: a frame is wrong; nothing wrong has been handed out. ERROR_CHANGED: as bucket_read. */
SUSPENDS bool object_reader_next(struct object_reader *reader, struct span *ret_piece, struct error *error);
/* The same in several spans, where a store lends what it has in memory. */
enum { OBJECT_SPANS_MAX = BUCKET_LOAN_SPANS_MAX };
struct object_piece {
    struct span spans[OBJECT_SPANS_MAX]; /* none is empty */
    unsigned count;
    size_t size; /* of all */
};
SUSPENDS bool object_reader_next_piece(struct object_reader *reader, struct object_piece *ret_piece,
                                       struct error *error);
/* The stored bytes that what was read so far lies in; false: there are none, or S4 encrypted them. */
bool object_reader_stored_range(const struct object_reader *reader, uint64_t *ret_first, uint64_t *ret_end);
void object_reader_end(struct object_reader *reader);

/* As bucket_read_parts, with the parts' checksums if the object, `name`, is encrypted. InternalError. */
SUSPENDS bool object_read_parts(struct object_codecs *codecs, struct bucket_object *object,
                                const struct object_name *name, const struct customer_key *customer, unsigned after,
                                unsigned parts_max, struct arena *arena, struct object_part **ret_parts,
                                unsigned *ret_count, bool *ret_truncated, struct error *error);

/* ---- from out to in: object/object_pump.c ---- */

/* Original bytes [first, first + size) of an object of known size, `name`, which `customer` opens, into a writer, which
 * is finished then. */
SUSPENDS bool object_pump(struct object_codecs *codecs, struct bucket_object *source, const struct object_name *name,
                          const struct customer_key *customer, uint64_t first, uint64_t size,
                          struct object_writer *writer, struct object_digest *ret_digest, struct error *error);
