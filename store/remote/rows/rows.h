/* store/remote/rows/rows.h -- the rows of all keys that were seen of late: in memory, and in a file that may be lost.
 *
 * Each shard has some thousand rows in memory, and the trailers of objects that it read (TRAILERS_BYTES_MAX); all share
 * one file of LMDB in the state folder. The file is bounded by the settings: two tables take turns; what is found in
 * the older one moves to the newer, and when the newer one has half of the room, the older one is emptied. It is
 * written by a thread of its own, a batch at a time and never waited for; it is not synced, and thrown away when the
 * process did not close it. A disk that is full costs nothing but rows.
 *
 * Threads: rows_open and rows_close on the main thread; rows_attach and what takes a shard on that shard's thread.
 * Nothing here suspends. */
#pragma once

#include "runtime/base/error.h"
#include "runtime/metrics.h"
#include "store/remote/rows/row.h"

enum {
    ROWS_IN_MEMORY = 4096,            /* of a shard */
    TRAILERS_BYTES_MAX = 16 << 20,    /* of a shard, in memory */
    TRAILER_KEPT_BYTES_MAX = 4 << 20, /* a larger one is read again each time */
};

struct rows;
struct rows_shard;

/* `folder` NULL: rows are in memory only, as they are where its disk is full from the beginning. `veil`: of encrypted
 * objects; NULL: their hashes are not known. It must live as long. */
struct rows *rows_open(const char *folder, uint64_t bytes_max, const struct veil *veil, struct error *error);
void rows_close(struct rows *rows);

struct rows_shard *rows_attach(struct rows *rows);
void rows_detach(struct rows_shard *shard);

bool rows_find(struct rows_shard *shard, const uint8_t key[ROW_KEY_BYTES], struct row *ret_row);
void rows_put(struct rows_shard *shard, const uint8_t key[ROW_KEY_BYTES], struct row *row);
void rows_drop(struct rows_shard *shard, const uint8_t key[ROW_KEY_BYTES]);

/* ---- trailers ---- */

/* A trailer that was read and proved right, and the ETag of the body that it ends. */
struct kept_trailer {
    struct trailer trailer;
    char stored_etag[STORED_ETAG_TEXT_BYTES];
};

/* NULL: not known. Held until rows_give_trailer. */
const struct kept_trailer *rows_find_trailer(struct rows_shard *shard, const uint8_t key[ROW_KEY_BYTES],
                                             struct span stored_etag);
/* Takes the bytes of `frame` over (the buffer is empty afterwards); `trailer` was decoded from them. Held, as above. */
const struct kept_trailer *rows_keep_trailer(struct rows_shard *shard, const uint8_t key[ROW_KEY_BYTES],
                                             struct span stored_etag, struct buffer *frame,
                                             const struct trailer *trailer);
void rows_give_trailer(struct rows_shard *shard, const struct kept_trailer *kept); /* NULL: nothing is done */

/* For /metrics. */
struct rows_usage {
    uint64_t file_bytes;
    uint64_t written; /* rows */
    uint64_t lost;    /* rows that were not written: too many at once, or no room on the disk */
};
void rows_usage(const struct rows *rows, struct rows_usage *ret_usage);
