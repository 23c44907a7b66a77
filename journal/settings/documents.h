/* journal/settings/documents.h -- the documents that records of settings name: immutable objects in a room of their
 * own.
 *
 *   CREATION-ID/SETTING-DOCUMENT     16, 2 and 16 lower-case hex digits
 *
 * A document is written, durable, before the record that names it, and removed by the sweep (journal/settings/sweep.h)
 * some time after no record names it any more. So where a bucket has no document it has no setting, whatever the
 * journal says, and a reader whose view is a little old still finds what it names.
 *
 * Calls are those of a struct journal_store over that room (journal/home.h, ROOM_SETTINGS): with deadlines, and on the
 * shard that opened it. */
#pragma once

#include "journal/settings/records.h"
#include "journal/store.h"
#include "runtime/base/error.h"

struct document_name {
    uint64_t creation_id;
    uint64_t document;
    uint8_t setting;
};

void document_name_format(const struct document_name *name, char ret_name[JOURNAL_NAME_BYTES]);
/* Only the exact form that _format writes. */
bool document_name_parse(struct span text, struct document_name *ret_name);

/* Draws the number and fills in the record. ERROR_BUSY. */
SUSPENDS bool document_write(struct journal_store *documents, const struct random_source *random, uint64_t creation_id,
                             uint8_t setting, struct span document, struct setting_record *ret_record,
                             deadline_t deadline, struct error *error);
/* DONE, with the bytes appended, which are those that were written; NOT_FOUND; DAMAGED; UNKNOWN. */
SUSPENDS enum store_answer document_read(struct journal_store *documents, uint64_t creation_id, uint8_t setting,
                                         const struct setting_record *record, struct buffer *ret_document,
                                         deadline_t deadline);
/* Is there a document of any setting of this bucket? ERROR_BUSY: nobody knows. */
SUSPENDS bool documents_look(struct journal_store *documents, uint64_t creation_id, bool *ret_has_some,
                             deadline_t deadline, struct error *error);
