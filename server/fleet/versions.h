/* server/fleet/versions.h -- what a fleet can read, by the versions of Bale that its cards name.
 *
 * While a fleet is upgraded, what a newer process writes may come to an older one. A thing in the bucket that older
 * ones take for damage has a version here, which is the first to read it: it is written only where every process that
 * runs is of that version or a later one. */
#pragma once

#include "journal/fleet/cards.h"

#define VERSION_OF_LEADS "0.2.0" /* store/remote/uploads/lead.h */

/* "MAJOR.MINOR.PATCH", and whatever follows. What is no version is older than any. */
bool version_is_since(const char *version, const char *first);
/* Does one of those that run come before that version? */
bool fleet_has_older(const struct card_list *list, const char *first);
