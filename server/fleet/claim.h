/* server/fleet/claim.h -- at start, before anything is done in a replica's name: is it ours, or is the state folder a
 * copy of another replica's? */
#pragma once

#include "journal/fleet/cards.h"
#include "server/fleet/identity.h"

/* On a fiber, before shards start; the folder's lock must be held. Draws a new `start`, saves it, and writes it into
 * the replica's card. ERROR_CONFLICT: the folder is a copy of that of a replica that runs, or has run since; the
 * sentence says whose, and what to do. Where the bucket does not answer nothing is claimed, which the log says: the
 * process goes on, and the first card that it writes makes up for it. */
SUSPENDS bool fleet_claim(struct fleet_identity *identity, const struct journal_home *home,
                          const struct random_source *random, const struct fleet_card *card, struct error *error);

/* Was this card written by this replica, in this life or one before? */
bool fleet_is_own_card(const struct fleet_identity *identity, const struct fleet_card *card);
