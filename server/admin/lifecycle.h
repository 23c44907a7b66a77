/* server/admin/lifecycle.h -- what `bale lifecycle` asks of a running server.
 *
 *   GET  /lifecycle                                   what is under way, and of each bucket with rules: JSON
 *   GET  /lifecycle/explain?bucket=B&key=K&version=V  why a version stays or goes, by every rule: JSON
 *   GET  /lifecycle/native?bucket=B                   its rules as the backend's own bucket could have them: JSON
 *   POST /lifecycle/confirm-clock                     the clock of this machine is right
 *
 * The POST needs the word of the control file, as /dict has it. Where rules are kept and not carried out, all of them
 * are 404 and say so. */
#pragma once

#include "server/admin/admin.h"

/* NULL: it has been refused. */
SUSPENDS struct lifecycle_runner *admin_find_lifecycle(struct http_exchange *exchange, const struct admin_view *view);
SUSPENDS void admin_answer_lifecycle(struct http_exchange *exchange, const struct admin_view *view);
SUSPENDS void admin_answer_lifecycle_explain(struct http_exchange *exchange, const struct admin_view *view);
/* server/admin/lifecycle_native.c */
SUSPENDS void admin_answer_lifecycle_native(struct http_exchange *exchange, const struct admin_view *view);
/* False: there is no such page. */
SUSPENDS bool admin_change_lifecycle(struct http_exchange *exchange, const struct admin_view *view);
