/* journal/format/name.h -- how the objects of a journal are called, below the journal's own prefix.
 *
 *   segments/BASE-CLOCK-WRITER-SEQUENCE   immutable; the byte order of the names is the canonical order
 *   parts/GENERATION-NONCE-ledger         the roll: the segments that this generation folded
 *   parts/GENERATION-NONCE-state          changes of the state, or a merger of several such
 *   heads/GENERATION-NONCE                a copy of a head, written before anything is deleted in its name
 *   head  bell                            the only two objects that are ever replaced
 *
 * Numbers are 16 lower-case hex digits, ids and nonces 32. */
#pragma once

#include "runtime/base/span.h"

#include <stdint.h>

enum {
    JOURNAL_ID_BYTES = 16,
    JOURNAL_NAME_BYTES = 104, /* any name and a terminating zero */
    SEGMENT_KEY_STORED_BYTES = 8 + 8 + JOURNAL_ID_BYTES + 8,
};

#define HEAD_NAME "head"
#define BELL_NAME "bell"
#define SEGMENTS_PREFIX "segments/"
#define PARTS_PREFIX "parts/"
#define HEADS_PREFIX "heads/"

/* Generations and bases go no further: what claims a later one is no object of a journal. Nobody comes here by
 * counting, and sums of a few of them do not overflow. */
#define JOURNAL_GENERATION_MAX (UINT64_C(1) << 62)

struct journal_id {
    uint8_t bytes[JOURNAL_ID_BYTES];
};

struct segment_key {
    uint64_t base;  /* generation of the newest head that the writer's readers had seen */
    uint64_t clock; /* hybrid: above the wall clock and every clock that they could see */
    struct journal_id writer;
    uint64_t sequence; /* upper half: of this writer, from 1; lower half: checksum of what is written */
};

enum part_kind { PART_ROLL, PART_STATE };

struct part_name {
    uint64_t generation;
    struct journal_id nonce; /* of the head that the part was made for */
    enum part_kind kind;
};

bool journal_id_is_zero(const struct journal_id *id);
bool journal_id_equal(const struct journal_id *a, const struct journal_id *b);

/* The canonical order: base, clock, writer, sequence. */
int segment_key_compare(const struct segment_key *a, const struct segment_key *b);
bool segment_key_equal(const struct segment_key *a, const struct segment_key *b);
/* Is it among these, which are in order? */
bool segment_keys_have(const struct segment_key *keys, size_t count, const struct segment_key *key);
void segment_key_store(const struct segment_key *key, uint8_t ret_bytes[SEGMENT_KEY_STORED_BYTES]);
struct segment_key segment_key_load(const uint8_t bytes[SEGMENT_KEY_STORED_BYTES]);

void segment_name_format(const struct segment_key *key, char ret_name[JOURNAL_NAME_BYTES]);
/* Only the exact form that _format writes. */
bool segment_name_parse(struct span name, struct segment_key *ret_key);
/* Every segment name of this base and later ones sorts behind it, every one of an earlier base before it. */
void segment_name_format_before(uint64_t base, char ret_name[JOURNAL_NAME_BYTES]);

void part_name_format(const struct part_name *part, char ret_name[JOURNAL_NAME_BYTES]);
bool part_name_parse(struct span name, struct part_name *ret_part);

void head_copy_name_format(uint64_t generation, const struct journal_id *nonce, char ret_name[JOURNAL_NAME_BYTES]);
bool head_copy_name_parse(struct span name, uint64_t *ret_generation, struct journal_id *ret_nonce);
