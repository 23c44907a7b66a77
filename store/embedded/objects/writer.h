/* store/embedded/objects/writer.h -- a body on its way in, and the steps of its end that a write, a part and a rewrite
 * have in common. Of one fiber of one shard. */
#pragma once

#include "store/embedded/catalogue/row.h"
#include "store/embedded/catalogue/upload_rows.h"
#include "store/embedded/state.h"

enum { GATHER_BYTES = EXTENT_BLOCK_BYTES };

struct embedded_writer {
    const struct bucket_store *store; /* first, as bucket.c expects */
    struct shard *shard;
    uint64_t bucket_number; /* not of a part, whose upload tells the bucket */
    uint64_t size_hint;
    uint64_t flushed;  /* bytes of the body that are in extents: whole blocks */
    uint64_t reserved; /* bytes of the extents so far */
    uint8_t *staging;  /* of the shard's pool, or NULL */
    size_t pending;    /* bytes in staging, or else in `gathered` */
    uint64_t failures; /* of the table of volumes, when this writer began */
    struct buffer extents;
    uint32_t crc32c; /* of the body so far */
    uint8_t token[ROW_TOKEN_BYTES];
    uint8_t upload_id[UPLOAD_ID_RAW_BYTES]; /* of a part */
    size_t bucket_bytes;
    size_t key_bytes;
    uint8_t gathered[GATHER_BYTES];
    uint8_t names[]; /* bucket, key */
};

static inline struct embedded_writer *writer_of(struct bucket_writer *writer)
{
    return (struct embedded_writer *)writer;
}

static inline struct span writer_bucket(const struct embedded_writer *writer)
{
    return span_of(writer->names, writer->bucket_bytes);
}

static inline struct span writer_key(const struct embedded_writer *writer)
{
    return span_of(writer->names + writer->bucket_bytes, writer->key_bytes);
}

static inline uint64_t writer_body_bytes(const struct embedded_writer *writer)
{
    return writer->flushed + writer->pending;
}

/* Everything of the body fits into the catalogue: there is nothing to write. */
bool writer_is_inline(const struct embedded_writer *writer);
/* Then: its bytes, which live as long as the writer, and where they go. */
struct span writer_take_inline(struct embedded_writer *writer, struct row *row);
/* The rest of the body and the label reach the disk. The row is that of the object, its stored size included; its place
 * and extents are set. ret_object: its object part, without numbers. */
SUSPENDS bool writer_finish_extents(struct embedded_writer *writer, struct row *row, struct buffer *ret_object,
                                    struct error *error);
/* The rest of a body without a label reaches the disk. */
SUSPENDS bool writer_finish_part(struct embedded_writer *writer, uint64_t part_bytes, struct error *error);
/* The staging buffer goes back to the shard: before a commit is waited for. */
void writer_drop_staging(struct embedded_writer *writer);
/* After the commit. `was_sent`: the committer was asked. */
void writer_give_back_unless_kept(struct embedded_writer *writer, bool is_kept, bool was_sent, struct error *error);
/* The writer is gone; its extents are left. */
void writer_end(struct embedded_writer *writer);
