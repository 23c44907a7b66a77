/* store/embedded/catalogue/upload_rows.h -- the rows of uploads, of their parts, and of the objects that they become.
 *
 *     uploads      bucket, key (as in the table of objects)  ->  a group number
 *     upload_ids   group u64, id                             ->  the upload: its number, metadata, tags, who began it
 *     parts        upload number u64, part u16               ->  a part: what it is, its extents, its frames
 *     completed    id                                        ->  what an upload became, for a day
 *     pieces       body number u64                           ->  where the bytes of a completed object lie
 *     part_maps    body number u64                           ->  number, original size and checksum of its parts
 *
 * So a walk of the first two is the uploads by key and then by id, a walk of the third the parts by number. A part lies
 * in extents, always: to complete an upload is to put the extents of its parts one behind the other into one row. Keys
 * are big endian, values little; docs/store-format.md has their bytes. */
#pragma once

#include "store/embedded/catalogue/catalogue.h"
#include "store/embedded/catalogue/row.h"

enum {
    UPLOAD_ID_RAW_BYTES = 16, /* ms since 1970 u48, a count u32, random */
    UPLOAD_KEY_BYTES = 8 + UPLOAD_ID_RAW_BYTES,
    PART_KEY_BYTES = 10,
    COMPLETED_KEPT_MS = 26 * 3600 * 1000, /* a day at least */
};

bool no_such_upload(struct error *error);
/* Bytes of a checksum, also of none. */
size_t upload_checksum_bytes(enum checksum_algorithm algorithm);

/* ---- uploads ---- */

struct upload_row {
    uint64_t number; /* of its parts */
    int64_t initiated_ms;
    enum checksum_algorithm checksum_algorithm;
    enum checksum_type checksum_type;
    struct span metadata; /* these point into the row's bytes */
    struct span tags;
    struct span initiator;
    struct object_lock lock;
    struct span owner;
    struct span acl;
    struct span seal;
};

bool upload_id_parse(struct span text, uint8_t ret_id[UPLOAD_ID_RAW_BYTES]);
void upload_id_format(const uint8_t id[UPLOAD_ID_RAW_BYTES], char ret_text[UPLOAD_ID_BYTES]);

void upload_make_key(uint64_t group, const uint8_t id[UPLOAD_ID_RAW_BYTES], uint8_t ret_key[UPLOAD_KEY_BYTES]);
void upload_encode(const struct upload_row *row, struct buffer *ret_value);
bool upload_decode(struct span value, struct upload_row *ret_row, struct error *error);

/* The group of a key's uploads. LOOKUP_MISSING: it has none. */
enum lookup upload_find_group(MDB_txn *txn, const struct catalogue *catalogue, uint64_t bucket, struct span key,
                              uint64_t *ret_group, struct error *error);
/* NoSuchUpload when it is not there, or belongs to another key. The row points into the map. */
bool upload_find(MDB_txn *txn, const struct catalogue *catalogue, uint64_t bucket, struct span key,
                 const uint8_t id[UPLOAD_ID_RAW_BYTES], uint64_t *ret_group, struct upload_row *ret_row,
                 struct error *error);

/* ---- parts ---- */

struct part_row {
    struct part_attributes attributes; /* frames and seal point into the row's bytes */
    uint32_t stored_crc32c;
    struct span extents; /* encoded */
};

void part_make_key(uint64_t upload, unsigned number, uint8_t ret_key[PART_KEY_BYTES]);
void part_encode(const struct part_row *row, struct buffer *ret_value);
bool part_decode(struct span key, struct span value, struct part_row *ret_row, struct error *error);

/* A walk over the parts of an upload. `row` points into the map, until the next step or write. */
struct part_cursor {
    MDB_cursor *cursor;
    uint64_t upload;
    struct part_row row;
};
bool part_cursor_open(struct part_cursor *cursor, MDB_txn *txn, const struct catalogue *catalogue, uint64_t upload,
                      struct error *error);
void part_cursor_close(struct part_cursor *cursor);
/* To the first part with a number > after. */
enum lookup part_cursor_seek(struct part_cursor *cursor, unsigned after, struct error *error);
enum lookup part_cursor_next(struct part_cursor *cursor, struct error *error);

/* ---- completed uploads ---- */

struct completed_row {
    uint64_t bucket; /* its number */
    int64_t completed_ms;
    uint64_t original_size;
    uint32_t parts_count;
    char etag[ETAG_TEXT_BYTES];
    struct checksum_value checksum;
    char version[VERSION_TEXT_BYTES]; /* that it made */
    struct span key;                  /* points into the row's bytes; so does the next */
    struct span seal;                 /* of the object; then there is neither ETag nor checksum */
};

void completed_encode(const struct completed_row *row, struct buffer *ret_value);
bool completed_decode(struct span value, struct completed_row *ret_row, struct error *error);

/* ---- pieces: the stored body of a completed object ---- */

/* Piece i holds the bytes from its start to that of the next (the last one: to the end of the body), in extents that
 * are its own: it begins where its first one begins. Value: count u32, extents u32, then for each piece start u64,
 * number of its first extent u32, CRC-32C u32, then all extents. */
struct piece {
    uint64_t start;
    uint32_t first_extent;
    uint32_t crc32c;
};

struct pieces {
    uint32_t count;
    uint32_t extents_count;
    const uint8_t *table;
    struct span extents; /* encoded, of all pieces */
};

/* `table`: encoded with piece_append, in order. */
void piece_append(const struct piece *piece, struct buffer *table);
void pieces_encode(struct span table, struct span extents, struct buffer *ret_value);
/* Points into `value`. Looks at sizes only: piece_find checks what it uses. */
bool pieces_decode(struct span value, struct pieces *ret_pieces, struct error *error);
struct piece piece_at(const struct pieces *pieces, uint32_t index);
/* The extents of one piece, and its bytes. False: they are too few. */
bool piece_extents(const struct pieces *pieces, uint32_t index, uint64_t body_bytes, struct span *ret_extents,
                   uint64_t *ret_bytes);
/* The last piece that starts at or before `offset`: the one that holds it. There must be pieces. */
uint32_t piece_find(const struct pieces *pieces, uint64_t offset);

/* ---- part maps ---- */

/* Value: count u32, bytes of a checksum u8, bytes of a seal u8, zero u8 * 2, then for each part number u16, algorithm
 * u8, size of its seal u8, original size u64, checksum, seal. */
void part_map_encode(const struct object_part *parts, unsigned count, struct buffer *ret_value);
/* Entries strictly behind number `after` are [*ret_first, count). */
bool part_map_seek(struct span value, unsigned after, unsigned *ret_first, unsigned *ret_count, struct error *error);
/* Its seal points into `value`. */
struct object_part part_map_at(struct span value, unsigned index);
