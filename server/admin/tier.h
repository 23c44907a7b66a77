/* server/admin/tier.h -- what `bale tier` asks of a running server.
 *
 *   GET  /tier       what the tier before the bucket holds and does: JSON
 *   POST /tier/drop  everything in it is forgotten; with bucket=NAME&key=KEY what it holds of that key: {"blocks": n}
 *
 * The POST needs the word of the control file, as /dict has it. Where there is no tier, both are 404 and say so. */
#pragma once

#include "server/admin/admin.h"

SUSPENDS void admin_answer_tier(struct http_exchange *exchange, const struct admin_view *view);
/* False: there is no such page. */
SUSPENDS bool admin_change_tier(struct http_exchange *exchange, const struct admin_view *view);
