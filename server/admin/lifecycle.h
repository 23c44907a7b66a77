/* server/admin/lifecycle.h -- what `bale lifecycle` asks of a running server.
 *
 *   GET  /lifecycle                                   what is under way, and of each bucket with rules: JSON
 *   GET  /lifecycle/explain?bucket=B&key=K&version=V  why a version stays or goes, by every rule: JSON
 *   POST /lifecycle/confirm-clock                     the clock of this machine is right
 *
 * The POST needs the word of the control file, as /dict has it. Where rules are kept and not carried out, all three are
 * 404 and say so. */
#pragma once

#include "server/admin/admin.h"

SUSPENDS void admin_answer_lifecycle(struct http_exchange *exchange, const struct admin_view *view);
SUSPENDS void admin_answer_lifecycle_explain(struct http_exchange *exchange, const struct admin_view *view);
/* False: there is no such page. */
SUSPENDS bool admin_change_lifecycle(struct http_exchange *exchange, const struct admin_view *view);
