/* codec/codec.h -- the codec table: ids, names, and compressing and decompressing one frame's payload.
 *
 * Codec ids are resolved through one table. Data in a codec that is not in it, or whose decoder is not built in, are
 * not damaged: a newer Bale or another program reads them. They are ERROR_UNSUPPORTED with a sentence that says so. No
 * I/O; contexts belong to the caller and are reused. Long work is done in slices: each step call stays within about 0.5
 * ms at levels up to 6, so that a fiber can yield between them. */
#pragma once

#include "runtime/base/error.h"
#include "runtime/base/span.h"

#include <stdbool.h>
#include <stdint.h>

enum codec_id {
    CODEC_PASSTHROUGH = 0,
    CODEC_ZSTD = 1,
    CODEC_NVCOMP_ZSTD = 2,
    CODEC_NVCOMP_BITCOMP = 3,
    CODEC_NVCOMP_GANS = 4,
    CODEC_DIETGPU_ANS = 5,
    CODEC_NVCOMP_GDEFLATE = 6,
    CODEC_GZIP = 7,
    CODEC_ZSTD_DICTIONARY = 8,
    CODEC_COLUMNS = 0x014C4142, /* "BAL\1": ids of Bale, far from those that S4 counts up */
};

struct codec {
    uint32_t id;
    const char *name;  /* as in metadata: "cpu-zstd" */
    bool can_compress; /* by this build */
    bool can_decompress;
};

/* NULL: unknown id or name. */
const struct codec *codec_find(uint32_t id);
const struct codec *codec_find_name(struct span name);

/* The table, for whoever counts by codec: its place is below CODECS_COUNT; CODECS_COUNT: it is not in the table. */
enum { CODECS_COUNT = 10 };
const struct codec *codec_at(unsigned place);
unsigned codec_place(uint32_t id);

/* Why data in this codec, which is not in the table or cannot be decompressed, are not read: ERROR_UNSUPPORTED, always
 * false. */
bool codec_refuse(uint32_t id, struct error *error);

enum {
    CODEC_LEVEL_DEFAULT = 1, /* docs/compression.md has the table that chose it */
    CODEC_LEVEL_LEAST = -7,
    CODEC_LEVEL_MOST = 19,
    CODEC_LEVEL_INLINE_MAX = 6,  /* above: on the codec pool, never inline on a shard */
    CODEC_WINDOW_LOG_SMALL = 23, /* 8 MiB: what an ordinary decompressor accepts */
    CODEC_WINDOW_LOG_LARGE = 27, /* foreign windows up to 128 MiB wait for one of few large slots */
    CODEC_SLICE_BYTES = 128 << 10,
};

/* ---- compressing one frame ---- */

struct compressor; /* a zstd context, about 1 MiB at low levels; pooled by its user */

struct compressor *compressor_create(void);
void compressor_destroy(struct compressor *compressor);

struct compression {
    int level; /* CODEC_LEVEL_LEAST to CODEC_LEVEL_MOST */
    /* The statistics of single bytes and hardly a match, at any level the same: smaller and several times as fast where
     * the matches that zstd finds are chance, as in DNA, quality strings, hex and base64. */
    bool is_entropy_only;
    /* What comes again at length is found as far back as the first byte of a frame. 0.8 ms for each MiB. */
    bool finds_repeats;
    /* NULL: none. Lives until the last step; shared between threads, as it is only read. Its parameters are those of
     * the level that it was made for. The payload then names neither its size nor the dictionary: whoever reads it
     * knows both, and a wrong one shows in the CRC. Not with is_entropy_only. */
    const struct ZSTD_CDict_s *dictionary;
};

/* Begins a payload of exactly `original.size` bytes; the spans must stay where they are until the last step. `capacity`
 * bytes are at `ret_payload`; a payload that does not fit below it is given up (*ret_size 0): the caller stores the
 * bytes as they are. */
void compressor_begin(struct compressor *compressor, const struct compression *how, struct span original,
                      uint8_t *ret_payload, size_t capacity);
enum codec_step { CODEC_MORE, CODEC_DONE, CODEC_FAILED };
/* One slice. CODEC_DONE: *ret_size is the payload's size, or 0 when it did not shrink below the capacity. */
enum codec_step compressor_step(struct compressor *compressor, size_t *ret_size);

/* ---- decompressing ---- */

struct decompressor; /* contexts for zstd, gzip and FCG1, made on first need; pooled by its user */

struct decompressor *decompressor_create(void);
void decompressor_destroy(struct decompressor *decompressor);

/* What payloads of CODEC_ZSTD_DICTIONARY refer to from now on, until decompressor_shrink; without it they are
 * ERROR_DAMAGED. It must live as long as that. */
struct dictionary;
void decompressor_set_dictionary(struct decompressor *decompressor, const struct dictionary *dictionary);

/* A whole payload in memory into a whole buffer of exactly original_size bytes (<= FRAME_VERIFIED_BYTES_MAX): the
 * ordinary frame. Fails (ERROR_DAMAGED) on more or fewer bytes than that and on damage; ERROR_UNSUPPORTED: a codec that
 * this build cannot read. It needs no window of its own, whatever size the payload asks for. The caller checks the CRC.
 * Takes up to about 1 ms for 1 MiB of what a compressor wrote, and up to 180 ms where a payload is made to be slow. */
bool decompressor_run(struct decompressor *decompressor, uint32_t codec, struct span payload, uint8_t *ret_original,
                      size_t original_size, struct error *error);

/* The same in steps of at most some 3 ms, whatever the payload says; what a compressor wrote takes one. */
bool decompressor_run_begin(struct decompressor *decompressor, uint32_t codec, struct span payload,
                            uint8_t *ret_original, size_t original_size, struct error *error);
enum codec_step decompressor_run_step(struct decompressor *decompressor, struct error *error);

/* The memory that streaming a zstd payload takes for its window, as its first frame header asks for it; 0 for other
 * codecs and where it cannot be told. `payload` may be its first CODEC_HEAD_BYTES. */
enum { CODEC_HEAD_BYTES = 18 };
uint64_t decompressor_window_bytes(uint32_t codec, struct span payload);
/* Is that more than 8 MiB? */
bool decompressor_needs_large_window(uint32_t codec, struct span payload);

/* Streaming, for frames above FRAME_VERIFIED_BYTES_MAX and unframed bodies: feed stored bytes, take original bytes. */
bool decompressor_begin(struct decompressor *decompressor, uint32_t codec, bool allow_large_window,
                        struct error *error);
/* Consumes from *input (advancing it) and writes at most `capacity` bytes, one slice at most. *ret_size 0 and *input
 * empty: it wants more input. *ret_ended: the stream may end here. Multi-frame zstd payloads go on with more input; a
 * gzip body is one member, what follows it is swallowed; what follows an FCG1 container is ERROR_DAMAGED. */
bool decompressor_step(struct decompressor *decompressor, struct span *input, uint8_t *ret_original, size_t capacity,
                       size_t *ret_size, bool *ret_ended, struct error *error);

/* Gives back what a stream's window took, and forgets the dictionary; a pool calls it when a decompressor comes back.
 */
void decompressor_shrink(struct decompressor *decompressor);
