/* journal/format/head.h -- the head: the one object whose replacement publishes a checkpoint.
 *
 * It says which generation this is, which lineage it belongs to, what the last generations were called and folded, of
 * which parts the checkpoint is made, and what has gone wrong. Below 64 KiB whatever the journal holds (J43). */
#pragma once

#include "journal/format/frame.h"
#include "journal/format/name.h"

enum {
    HEAD_WINDOW_DEFAULT = 6,   /* K */
    HEAD_HORIZON_DEFAULT = 24, /* L */
    HEAD_HORIZON_MAX = 64,
    HEAD_LAYERS_MAX = 48,      /* they shrink by half from one to the next: 48 are more than memory holds */
    HEAD_DROPPED_MAX = 256,    /* parts that a fold of the last generations replaced */
    HEAD_QUARANTINE_MAX = 256, /* what is damaged beyond it is given up when it must be folded */
    HEAD_MISSING_MAX = 64,     /* the newest ones */
};

/* A generation that was: the newest first, this one included. Its roll lies in the part of the same name. */
struct head_ancestor {
    struct journal_id nonce;
    uint32_t folded_count; /* segments; 0: it has no roll part */
};

/* A state part, by the generation and nonce that it was made for. The newest layer first; it hides those behind it. */
struct head_layer {
    uint64_t generation;
    struct journal_id nonce;
    uint64_t bytes;
};

struct head_dropped {
    struct head_layer layer;
    uint64_t dropped; /* generation that no longer names it */
};

enum quarantine_reason {
    QUARANTINE_DAMAGED = 1,
    QUARANTINE_OTHER_LINEAGE = 2,
};

struct head_quarantine {
    struct segment_key key;
    uint64_t generation;
    uint8_t reason;
};

struct head_missing {
    struct segment_key key;
    uint64_t generation;
};

struct head {
    struct journal_id lineage;
    uint64_t generation;
    uint32_t op_kind_last; /* writers use no later kind of op (J40) */
    uint32_t window;       /* K */
    uint32_t horizon;      /* L */
    uint64_t digest;       /* of the checkpoint's state (journal/format/entries.h) */
    uint32_t ancestors_count;
    struct head_ancestor ancestors[HEAD_HORIZON_MAX];
    uint32_t layers_count;
    struct head_layer layers[HEAD_LAYERS_MAX];
    uint32_t dropped_count;
    struct head_dropped dropped[HEAD_DROPPED_MAX];
    uint32_t quarantine_count;
    struct head_quarantine quarantine[HEAD_QUARANTINE_MAX];
    uint32_t missing_count;
    struct head_missing missing[HEAD_MISSING_MAX];
};

/* The nonce of this generation. */
const struct journal_id *head_nonce(const struct head *head);
/* Of generation - back, or NULL when that is beyond what the head remembers. */
const struct head_ancestor *head_ancestor(const struct head *head, uint64_t generation);
const struct head_quarantine *head_find_quarantined(const struct head *head, const struct segment_key *key);

/* A segment that is not there when it must be folded: a predecessor that is missing, or what is damaged and finds no
 * room in the quarantine. It never counts. The oldest of them is forgotten when there is no room. */
void head_note_missing(struct head *head, const struct segment_key *key);

/* A segment of base b is live under this head only if b > generation - K. */
static inline uint64_t head_window_begin(const struct head *head)
{
    return head->generation < head->window ? 0 : head->generation - head->window + 1;
}

/* ret_body is emptied. */
bool head_encode(const struct head *head, struct buffer *ret_body, struct error *error);
bool head_decode(struct span body, struct head *ret_head, struct error *error);
