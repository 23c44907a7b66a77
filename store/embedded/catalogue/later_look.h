/* store/embedded/catalogue/later_look.h -- the look at all pages of a catalogue that was opened without one, because of
 * its stop mark: on a thread of its own, while the store is in use. What it finds is logged. */
#pragma once

#include "store/embedded/catalogue/catalogue.h"

struct later_look;

/* What is looked at is the catalogue as it is now; nobody may write until it returns. `catalogue` lives as long as the
 * look. NULL with an error: ERROR_DAMAGED already, or no thread. */
struct later_look *later_look_start(const struct catalogue *catalogue, struct error *error);
/* Any thread: must nothing be written any more, since a page is damaged? Then ERROR_DAMAGED with
 * S3_ServiceUnavailable. NULL: no. */
bool later_look_forbids_writes(const struct later_look *look, struct error *error);
/* Ends it, wherever it is. True: nothing damaged was found, neither page nor row. NULL: true. */
bool later_look_end(struct later_look *look);
