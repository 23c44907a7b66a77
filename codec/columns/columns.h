/* codec/columns/columns.h -- numbers and records in columns: codec `CODEC_COLUMNS` (docs/columns-format.md has it to
 * the byte).
 *
 * A frame is taken as records of `stride` bytes, behind `lead` bytes that belong to none. The fields of a record are
 * words of 1, 2, 4 or 8 bytes; each may be replaced by its difference to the record before. Then all first bytes of the
 * records are stored together, all second bytes, and so on: `stride` planes, each raw, as one value, or as a stock zstd
 * frame. What the fields are a `struct columns_plan` says. It is chosen elsewhere; here any valid plan packs any bytes
 * and gives them back, well or badly. A frame stands for itself: its payload begins with the plan.
 *
 * Pure: no I/O. Nothing is allocated but the two contexts below, which their users pool. Work is done in steps within
 * about 0.5 ms (levels up to CODEC_LEVEL_INLINE_MAX), so that a fiber can yield between them. */
#pragma once

#include "codec/codec.h"
#include "codec/format/frame.h"
#include "runtime/base/error.h"
#include "runtime/base/span.h"

#include <stdbool.h>
#include <stdint.h>

enum {
    COLUMNS_STRIDE_MAX = 255,
    COLUMNS_REPEAT_MAX = 255,
    COLUMNS_EXPONENT_MAX = 15,
    COLUMNS_ORIGINAL_BYTES_MAX = FRAME_VERIFIED_BYTES_MAX, /* of one frame; larger ones are refused */
    COLUMNS_RUN_BYTES_MAX = 3,
    COLUMNS_HEAD_BYTES_MAX = 4 + COLUMNS_STRIDE_MAX * COLUMNS_RUN_BYTES_MAX, /* the plan as it is stored */
};

/* No payload is longer, whatever its plan: the head and the table of planes take less than 2 KiB, exceptions an eighth
 * of the decimals. (What does not shrink is not kept in columns; this is a bound for readers.) */
static inline size_t columns_payload_bytes_max(size_t original_size)
{
    return original_size + original_size / 8 + 2048;
}

/* What is stored of a word x, of which the record before has x1 and the one before that x2 (0 before the first). All of
 * it wraps. zigzag maps 0, -1, 1, -2, ... to 0, 1, 2, 3, ... */
enum columns_op {
    COLUMNS_OP_NONE = 0,          /* x */
    COLUMNS_OP_DELTA = 1,         /* zigzag(x - x1) */
    COLUMNS_OP_DELTA2 = 2,        /* zigzag(x - 2 x1 + x2) */
    COLUMNS_OP_DECIMAL_DELTA = 4, /* x is a float or double, i = x * 10^exponent an integer: zigzag(i - i1) */
    COLUMNS_OP_DECIMAL = 5,       /* the same, zigzag(i). Widths 4 and 8 only, both */
};

/* `repeat` fields of one kind, one after the other. */
struct columns_run {
    uint8_t width;    /* bytes of a field: 1, 2, 4, 8 */
    uint8_t op;       /* enum columns_op */
    uint8_t repeat;   /* 1 to COLUMNS_REPEAT_MAX */
    uint8_t exponent; /* of decimals, 0 to COLUMNS_EXPONENT_MAX; else 0 */
};

struct columns_plan {
    uint8_t stride;     /* bytes of a record, 1 to COLUMNS_STRIDE_MAX; the runs add up to it */
    uint8_t lead;       /* bytes before the first record, below stride */
    uint8_t runs_count; /* 1 to stride */
    struct columns_run runs[COLUMNS_STRIDE_MAX];
};

/* Does it keep to all of the above? */
bool columns_plan_is_valid(const struct columns_plan *plan);
/* The same records go on in the next frame: its lead, behind a frame of `original_size` bytes with this one. */
uint8_t columns_plan_next_lead(const struct columns_plan *plan, size_t original_size);

/* The head of a payload. `ret_bytes` has COLUMNS_HEAD_BYTES_MAX; returns what it takes of them. */
size_t columns_plan_encode(const struct columns_plan *plan, uint8_t *ret_bytes);
/* The plan at the start of `payload` (its first COLUMNS_HEAD_BYTES_MAX bytes are enough); *ret_size is what it takes.
 * ERROR_UNSUPPORTED: a version or operation of a later time; ERROR_DAMAGED: not a valid plan. */
bool columns_plan_decode(struct span payload, struct columns_plan *ret_plan, size_t *ret_size, struct error *error);

/* ---- compressing one frame ---- */

struct columns_compressor; /* 40 KiB; pooled by its user */

struct columns_compressor *columns_compressor_create(void); /* NULL: no memory */
void columns_compressor_destroy(struct columns_compressor *columns);

/* What `columns_compress_begin` is asked for. All of it but the job itself stays where it is until the last step. */
struct columns_compress_job {
    const struct columns_plan *plan; /* a valid one */
    struct compressor *compressor;   /* for the planes; it has no other work until then */
    int level;                       /* of zstd */
    struct span original;            /* COLUMNS_ORIGINAL_BYTES_MAX at most; never inside the two below */
    uint8_t *scratch;                /* original.size bytes */
    uint8_t *payload;                /* `capacity` bytes: what comes out */
    size_t capacity;
};

void columns_compress_begin(struct columns_compressor *columns, const struct columns_compress_job *job);
/* One slice. CODEC_DONE: *ret_size is the payload's size, or 0 where it was given up: it does not fit into the
 * capacity, more than 1/16 of a field are no decimals of the plan's exponent, or there is not one whole record. */
enum codec_step columns_compress_step(struct columns_compressor *columns, size_t *ret_size);

/* ---- decompressing one frame ---- */

struct columns_decompressor; /* 160 KiB with its context of zstd, up to 300 KiB; pooled by its user */

struct columns_decompressor *columns_decompressor_create(void); /* NULL: no memory */
void columns_decompressor_destroy(struct columns_decompressor *columns);

struct columns_decompress_job {
    struct span payload;  /* all of it */
    uint8_t *scratch;     /* original_size bytes */
    uint8_t *original;    /* original_size bytes: what comes out */
    size_t original_size; /* as the frame's header says; above COLUMNS_ORIGINAL_BYTES_MAX: ERROR_DAMAGED */
};

/* Checks every size, count and position of the payload before a byte is decoded. Errors as columns_plan_decode. */
bool columns_decompress_begin(struct columns_decompressor *columns, const struct columns_decompress_job *job,
                              struct error *error);
/* One slice. CODEC_DONE: job->original is filled; the caller checks the CRC. CODEC_FAILED: ERROR_DAMAGED. */
enum codec_step columns_decompress_step(struct columns_decompressor *columns, struct error *error);
