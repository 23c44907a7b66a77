/* journal/dictionaries/publish.h -- changes mappings in the journal: durable when it returns true.
 *
 * Of two that change the same mapping at the same time one wins, and the other is told so: it looks again at what is
 * there before it wants anything. */
#pragma once

#include "journal/dictionaries/records.h"
#include "journal/journal.h"

/* The mapping takes the place of the one that it names as its previous one, or of none. The dictionary is durable
 * already. ERROR_CONFLICT: another one stands there. ERROR_BUSY: it was not done, or, when the message says so, may be
 * done later. */
SUSPENDS bool dictionaries_publish(struct journal *journal, const struct journal_environment *environment,
                                   const struct dictionary_mapping *mapping, struct error *error);
/* True also when there was none. Errors as above. */
SUSPENDS bool dictionaries_unmap(struct journal *journal, const struct journal_environment *environment,
                                 uint64_t creation_id, struct span prefix, struct error *error);
/* Is not known any more: what it was for has gone. Errors as above. */
SUSPENDS bool dictionaries_forget(struct journal *journal, const struct journal_environment *environment,
                                  uint64_t creation_id, const uint8_t id[DICTIONARY_ID_DIGEST_BYTES],
                                  struct error *error);
