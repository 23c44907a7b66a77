/* server/admin/maintain.h -- what `bale maintain` asks of a running server: a job of its (server/maintenance/jobs.h).
 *
 *   GET  /maintain                what the last job was told, and has done so far: JSON
 *   POST /maintain/begin          a document (server/maintenance/request.h); answers as the GET does
 *   POST /maintain/stop?job=JOB   ends this job after the object in hand
 *   POST /maintain/log?job=JOB&from=N  lines of this job's log from this byte on; those before are forgotten
 *
 * Whoever may change something may POST (document.h). */
#pragma once

#include "server/admin/admin.h"

SUSPENDS void admin_answer_maintain(struct http_exchange *exchange, const struct admin_view *view);
/* False: there is no such page. */
SUSPENDS bool admin_change_maintain(struct http_exchange *exchange, const struct admin_view *view);
