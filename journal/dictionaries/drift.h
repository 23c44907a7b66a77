/* journal/dictionaries/drift.h -- does a dictionary still save what it saved when it was trained, over the whole fleet.
 *
 * Counter "drift" of the name space `dict`:
 *
 *   u64 creation id (big endian), 8 bytes of id, u8 figure, prefix of keys -> i64
 *
 * The figures count those objects that were compressed both ways, with the dictionary and without (server/dictionaries
 * decides which). They are losable: what a process had not sent when it was killed is missing. Over all time they say
 * whether the dictionary has been worth it; how it fares now each process sees by its own last thousand objects. */
#pragma once

#include "journal/dictionaries/records.h"

struct dictionary_drift {
    uint64_t tried;            /* objects compressed both ways */
    uint64_t won;              /* of them smaller with the dictionary */
    uint64_t original_bytes;   /* of those that were tried */
    uint64_t plain_bytes;      /* what they took without it */
    uint64_t dictionary_bytes; /* ... and with it */
};

struct dictionary_drift dictionary_drift_find(const struct state *state, uint64_t creation_id,
                                              const uint8_t id[DICTIONARY_ID_DIGEST_BYTES], struct span prefix);
/* Appends ops that add what is not 0. */
void dictionaries_put_drift(struct buffer *ops, uint64_t creation_id, const uint8_t id[DICTIONARY_ID_DIGEST_BYTES],
                            struct span prefix, const struct dictionary_drift *more);

/* 1 - with / without, in thousandths; 0 when it loses or nothing was tried. */
unsigned dictionary_drift_saving_permille(const struct dictionary_drift *drift);
/* It saves less than 0.7 of `expected_permille`, or wins less than half the time. False below 100 objects: too few. */
bool dictionary_drift_is_stale(const struct dictionary_drift *drift, unsigned expected_permille);
