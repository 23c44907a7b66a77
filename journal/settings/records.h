/* journal/settings/records.h -- which settings a bucket has, as the journal's state says it.
 *
 * Two tables of the name space `bucket`:
 *
 *   map "settings"   u64 creation id (big endian), u8 setting ->
 *                    u8 1, u64 document, u64 CRC-64/NVME of its bytes, u32 how many (little endian),
 *                    u64 document: the ones that it replaced, the last one first, 8 at most
 *   counter "stamp"  key "all": differs whenever anything in "settings" may have changed
 *
 * A record names a document and does not hold it: documents are immutable objects beside the journal
 * (journal/settings/documents.h), because the state of a journal lies in memory and is written anew by folds.
 * `document` is drawn at random for each of them. By the ones that were replaced a writer sees that its own change was
 * made, and followed by another. The settings' own numbers and meaning are the server's. */
#pragma once

#include "journal/format/state.h"

enum { SETTING_NUMBERS = 32 }; /* settings are numbered 0 .. 31 */

struct setting_record {
    uint64_t document;
    uint64_t crc64;
    uint32_t bytes;
};

/* What a change makes of one setting. */
struct setting_change {
    uint8_t setting;
    bool is_set; /* false: it is unset afterwards, and the record means nothing */
    struct setting_record record;
};

/* False: unset. A record that is not of this shape (of a later version, perhaps) names document 0, which there never
 * is.
 */
bool setting_record_find(const struct state *state, uint64_t creation_id, uint8_t setting,
                         struct setting_record *ret_record);
bool setting_record_equal(const struct setting_record *a, const struct setting_record *b);
/* Equal: no setting of any bucket has changed between the two states. Each change adds a random number. */
uint64_t settings_stamp(const struct state *state);

/* Steps through all records, in no order. Start with a zeroed walk; the state must not change meanwhile. False at the
 * end. */
bool setting_record_next(const struct state *state, struct state_walk *walk, uint64_t *ret_creation_id,
                         uint8_t *ret_setting, struct setting_record *ret_record);

/* The state is as the changes want it. */
bool settings_are(const struct state *state, uint64_t creation_id, const struct setting_change *changes,
                  unsigned count);
/* It is, or surely was and has been changed since. */
bool settings_were(const struct state *state, uint64_t creation_id, const struct setting_change *changes,
                   unsigned count);
/* Appends the ops of a batch: each change on the condition that the setting is what this state says, and the stamp. */
void settings_put_changes(struct buffer *ops, const struct state *state, uint64_t creation_id,
                          const struct setting_change *changes, unsigned count, uint64_t stamp);
