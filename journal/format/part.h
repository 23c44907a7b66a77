/* journal/format/part.h -- the immutable objects that a head points to: rolls of folded segments, and layers of
 * state. */
#pragma once

#include "journal/format/cursor.h"
#include "journal/format/frame.h"
#include "journal/format/state.h"

/* ---- roll: the segments that one generation folded, in canonical order ---- */

/* ret_body is emptied. */
bool roll_encode(const struct part_name *name, const struct segment_key *keys, uint32_t count, struct buffer *ret_body,
                 struct error *error);
/* ret_keys points to memory that the caller frees; NULL when the roll is empty. */
bool roll_decode(struct span body, const struct part_name *name, struct segment_key **ret_keys, uint32_t *ret_count,
                 struct error *error);

/* ---- state: entries in the order of their keys, batch ids before all others ---- */

struct part_entry {
    struct span key;
    struct span value;
    bool is_deleted; /* hides the entry of the layers below */
};

/* Of two keys, which comes first in a part: as memcmp. */
int state_part_order(struct span a, struct span b);

struct state_part_writer {
    struct buffer *body;
    size_t begin, count_at;
    uint32_t count;
};

/* ret_body is emptied. Then state_part_put in order, then state_part_end. */
void state_part_begin(struct state_part_writer *writer, const struct part_name *name, struct buffer *ret_body);
void state_part_put(struct state_part_writer *writer, const struct part_entry *entry);
bool state_part_end(struct state_part_writer *writer, struct error *error);

struct state_part_reader {
    struct cursor cursor;
    uint32_t left;
    struct span last_key;
};

/* Checks the frame and the name. The body must outlive the reader and what it reads. */
bool state_part_open(struct span body, const struct part_name *name, struct state_part_reader *reader,
                     struct error *error);
/* False at the end, and with ERROR_DAMAGED; at a good end the error's kind is ERROR_NONE. */
bool state_part_next(struct state_part_reader *reader, struct part_entry *ret_entry, struct error *error);

/* A whole layer. `keep_deleted`: false for the lowest one, which hides nothing. ret_body is emptied. */
bool state_part_encode(const struct part_name *name, const struct layer *layer, bool keep_deleted,
                       struct buffer *ret_body, struct error *error);
/* Adds to `layer` what is not in it yet, deleted entries as such: call it with the newest part first. */
bool state_part_decode(struct span body, const struct part_name *name, struct layer *layer, struct error *error);
