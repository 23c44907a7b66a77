/* server/admin/fleet.h -- /fleet: the cards of all replicas, as JSON or as a table. */
#pragma once

#include "server/admin/admin.h"

/* GET. It asks the bucket: a list, and one request for each replica. */
SUSPENDS void admin_answer_fleet(struct http_exchange *exchange, const struct admin_view *view);
/* Its numbers for /metrics. */
void admin_write_fleet_metrics(const struct fleet_member *member, struct buffer *to);
