/* journal/ground/ground.h -- remembers in the store that it was tested (J48), and which store that was (J49).
 *
 * The object GROUND_NAME is written once, after the store passed journal/ground/capability.h and before the journal's
 * first head. A restart reads it instead of testing again. It names the place: 16 bytes that whoever runs the journal
 * derives from what the store is called (endpoint and bucket; the id of a folder). Found under another place, the
 * journal is a copy, and not written to until an operator adopts it. A folder that was copied with its id cannot be
 * told apart.
 *
 * Encoding: a frame "BJGR" with  u32 version of the test, u32 contenders, id place, u64 wall clock in milliseconds. */
#pragma once

#include "journal/format/frame.h"
#include "journal/ground/capability.h"
#include "journal/journal.h"

#define GROUND_NAME "ground"

struct ground {
    uint32_t test_version;
    uint32_t contenders;
    struct journal_id place;
    uint64_t tested_ms; /* for people */
};

bool ground_encode(const struct ground *ground, struct buffer *ret_body, struct error *error);
bool ground_decode(struct span body, struct ground *ret_ground, struct error *error);

/* Looks what is remembered; on an empty store (nothing of a journal is there) tests and remembers. JOURNAL_RUNS: the
 * journal may write here. JOURNAL_NOT_READY: no answer, ask again. JOURNAL_STORE_BROKEN: error says what is broken, or
 * refused (ERROR_DENIED: that may be mended). */
SUSPENDS enum journal_condition ground_check(const struct journal_environment *environment, unsigned request_ms,
                                             struct error *error);
/* An operator's: tests whatever is remembered, and writes down that this place was tested. False: it is not held, or
 * could not be asked or written. With `keeps_place` a journal that was made elsewhere is refused (ERROR_CONFLICT). */
SUSPENDS bool ground_test_again(const struct journal_environment *environment, bool keeps_place,
                                struct store_test *ret_test, struct error *error);

/* Writes down that this place passed its test. */
SUSPENDS bool ground_note(const struct journal_environment *environment, unsigned request_ms, struct error *error);

/* ERROR_NOT_FOUND, ERROR_DAMAGED, ERROR_UNSUPPORTED (of a later version), ERROR_BUSY. */
SUSPENDS bool ground_read(const struct journal_environment *environment, unsigned request_ms, struct ground *ret_ground,
                          struct error *error);

/* Is there no head, segment, part or copy of a head? False: the store did not say. */
SUSPENDS bool ground_is_empty(const struct journal_environment *environment, unsigned request_ms, bool *ret_is_empty);
