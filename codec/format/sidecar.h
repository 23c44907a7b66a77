/* codec/format/sidecar.h -- the S4IX sidecar index: which frame holds which original bytes (spec/s4-format.md, section
 * 2).
 *
 * Reads versions 1 to 3 with every check of section 2.2; writes version 2. A sidecar that fails a check counts as
 * missing, never as an error of the object. The decoded index borrows the encoded bytes: entries are read where they
 * lie. */
#pragma once

#include "runtime/base/buffer.h"
#include "runtime/base/span.h"

#include <stdbool.h>
#include <stdint.h>

enum {
    SIDECAR_ENTRY_BYTES = 32,
    SIDECAR_ENTRIES_MAX = 16777216,
};
#define SIDECAR_BYTES_MAX (UINT64_C(64) << 20) /* a reader fetches no more */

struct sidecar_entry {
    uint64_t original_offset;
    uint64_t original_size;
    uint64_t stored_offset; /* of the frame's magic */
    uint64_t stored_size;   /* header and payload */
};

struct sidecar {
    unsigned version;
    struct span entries; /* encoded, borrowed */
    uint64_t entries_count;
    uint64_t original_total; /* end of the last entry */
    uint64_t framed_total;
    uint64_t source_size;    /* 0: not bound */
    struct span source_etag; /* empty: not bound; borrowed */
    bool is_encrypted;       /* version 3 with an encryption binding */
};

/* False: treat it as missing. `reason` (may be NULL) gets a static text. */
bool sidecar_decode(struct span bytes, struct sidecar *ret_sidecar, const char **reason);
/* An entry where it lies; SIDECAR_ENTRY_BYTES. */
void sidecar_entry_decode(const uint8_t *bytes, struct sidecar_entry *ret_entry);
void sidecar_entry_at(const struct sidecar *sidecar, uint64_t index, struct sidecar_entry *ret_entry);
/* Index of the entry that holds the original offset; false when none does. */
bool sidecar_find(const struct sidecar *sidecar, uint64_t original_offset, uint64_t *ret_index);

/* Writing: entries are appended as frames are written, the head is put before them at the end. */
struct sidecar_builder {
    struct buffer entries;
    uint64_t original_total;
    uint64_t framed_total;
};
void sidecar_builder_init(struct sidecar_builder *builder);
void sidecar_builder_free(struct sidecar_builder *builder);
/* Frames come in order; `gap` padding bytes may lie before a frame. */
void sidecar_builder_add(struct sidecar_builder *builder, uint64_t original_size, uint64_t stored_size, uint64_t gap);
/* Version 2, bound to the ETag (unquoted) and stored size when `source_etag` is not empty. */
void sidecar_builder_encode(const struct sidecar_builder *builder, struct span source_etag, uint64_t source_size,
                            struct buffer *ret_sidecar);
/* The same piece by piece, where numbers are known before the entries: not bound, exactly SIDECAR_HEAD_BYTES and
 * SIDECAR_ENTRY_BYTES for each entry. */
enum { SIDECAR_HEAD_BYTES = 44 };
void sidecar_append_head(struct buffer *sidecar, uint64_t entries_count, uint64_t original_total,
                         uint64_t framed_total);
void sidecar_append_entry(struct buffer *sidecar, const struct sidecar_entry *entry);
/* Writes another binding into an encoded sidecar (version 2): what export does. False when it is no valid sidecar. */
bool sidecar_rebind(struct span sidecar, struct span source_etag, uint64_t source_size, struct buffer *ret_sidecar);
