/* store/remote/ledger/settle.h -- intents of which nobody knows what came: the backend is asked. */
#pragma once

#include "store/remote/store.h"

/* Looks at all that are due. Where the key holds what was to be written, it counts. Where it is as it was, nothing
 * happened, once settings.settle_after_ms have passed: until then the backend may still be at it. Where somebody has
 * done something else to it, nobody can know: one more change is uncertain. On one fiber at a time. */
SUSPENDS void ledger_settle_due(struct remote *remote);
