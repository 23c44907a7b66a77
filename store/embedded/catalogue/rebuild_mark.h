/* store/embedded/catalogue/rebuild_mark.h -- the file `catalogue/rebuilding`: it is there from before a lost catalogue
 * steps aside until the new one has been checked.
 *
 * A rebuild takes many commits. One that was killed in the middle leaves a catalogue that is sound and lacks most of
 * what there is; blocks of bodies that it does not know yet look free. Nobody may open that but another repair. */
#pragma once

#include "runtime/base/error.h"

#include <stdbool.h>

/* `folder` is a descriptor of the store's. Durable when they return true. */
bool rebuild_mark_set(int folder, struct error *error);
bool rebuild_mark_clear(int folder, struct error *error);

/* ERROR_DAMAGED: it is there. `folder` is a path. */
bool rebuild_mark_check(const char *folder, struct error *error);
