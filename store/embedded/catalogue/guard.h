/* store/embedded/catalogue/guard.h -- a fault inside a catalogue's map (its file was cut, its disk fails) ends the
 * process with a sentence that names the file. */
#pragma once

#include "store/embedded/catalogue/catalogue.h"

/* Between these addresses lies the file, until it is released. */
void guard_map(const char *path, const void *start, uint64_t bytes);
void guard_release(const void *start);
/* The map of an open environment. Returns where it starts; NULL: that is not known, and it is not guarded. */
const void *guard_catalogue(const struct catalogue *catalogue);
