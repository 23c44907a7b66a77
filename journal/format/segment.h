/* journal/format/segment.h -- a segment: the batches that were written together, and who wrote them after what.
 *
 * Encoding: segment_begin, then segment_add_batch as often as there are batches, then segment_end. Decoding checks
 * everything once, so that walking over the batches later cannot fail. */
#pragma once

#include "journal/format/frame.h"
#include "journal/format/op.h"

struct segment {
    struct journal_id lineage;
    struct segment_key key;
    bool has_predecessor; /* the writer's last committed segment: this one counts behind it (J9) */
    struct segment_key predecessor;
    uint32_t batches_count;
    struct span batches; /* points into the body that was decoded */
};

struct batch {
    struct journal_id id; /* zero: none */
    uint32_t ops_count;
    struct span ops;
};

enum {
    BATCH_HEADER_BYTES = JOURNAL_ID_BYTES + 8,
    /* frame, lineage, key, predecessor, number of batches */
    SEGMENT_HEADER_BYTES = FRAME_HEADER_BYTES + JOURNAL_ID_BYTES + 2 * SEGMENT_KEY_STORED_BYTES + 1 + 4,
};

/* ret_body is emptied; its limit should be SEGMENT_BYTES_MAX. batches_count and batches are not looked at. */
void segment_begin(struct buffer *ret_body, const struct segment *segment);
void segment_add_batch(struct buffer *body, const struct batch *batch);
bool segment_end(struct buffer *body, struct error *error);

/* What the lower half of the key's sequence holds, of a body that segment_end made: a checksum of all but the key. So a
 * key stands for these bytes and no others: a clone of the writer, with the same id and the same clock, writes other
 * bytes under another key (F31), and what somebody else puts under a key is not taken for it. */
uint32_t segment_checksum(struct span body);

/* ERROR_DAMAGED; ERROR_UNSUPPORTED when it is sound but holds an op of a later version. The body must outlive the
 * segment. */
bool segment_decode(struct span body, struct segment *ret_segment, struct error *error);
/* And it is the one that belongs under this key. */
bool segment_decode_named(struct span body, const struct segment_key *key, struct segment *ret_segment,
                          struct error *error);
/* False at the end. Start with cursor_of(segment->batches). */
bool segment_next_batch(struct cursor *cursor, struct batch *ret_batch);
