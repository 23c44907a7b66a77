/* journal/settings/records.h -- which settings a bucket has, as the journal's state says it.
 *
 * Two tables of the name space `bucket`:
 *
 *   map "settings"   u64 creation id (big endian), u8 setting ->
 *                    u8 2, u64 revision, u64 CRC-64/NVME of the document's bytes, u64 document, u32 how many (big
 *                    endian); or u8 2, u64 revision: the setting has been unset
 *   counter "stamp"  key "all": differs whenever anything in "settings" may have changed
 *
 * A record names a document and does not hold it: documents are immutable objects beside the journal
 * (journal/settings/documents.h), because the state of a journal lies in memory and is written anew by folds.
 * `document` is drawn at random for each of them. The settings' own numbers and meaning are the server's.
 *
 * Records are written by map-put-greater, so of all that were written the greatest stays, in whatever order they come
 * to count. A change has the revision behind the one that its writer saw; where two have the same one the digest
 * decides, and what is set is greater than what is unset.
 *
 * Former records (docs/journal-format.md) are read, and less than these. */
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
/* Is there a record of this bucket, be it one that says that a setting has been unset? */
bool settings_are_known(const struct state *state, uint64_t creation_id);
/* Appends the u64 creation ids of records, of those that have been unset too, in no order, and one for each record. It
 * looks at so many entries of the state; true: there are more. Start with a zeroed walk, which goes on as state_next
 * says. */
bool settings_list_buckets(const struct state *state, struct state_walk *walk, size_t entries,
                           struct buffer *ret_creation_ids);
/* Equal: no setting of any bucket has changed between the two states. Each change adds a random number. */
uint64_t settings_stamp(const struct state *state);

/* Appends the ops of a batch: records greater than those of this state, and the stamp. Nothing is appended where
 * nothing is to be done: where what is to be unset was never set. */
void settings_put_changes(struct buffer *ops, const struct state *state, uint64_t creation_id,
                          const struct setting_change *changes, unsigned count, uint64_t stamp);
/* The same for a bucket that is gone: its records are taken away. What is written meanwhile, or what this state does
 * not have, stays. */
void settings_put_removal(struct buffer *ops, const struct state *state, uint64_t creation_id, uint64_t stamp);
