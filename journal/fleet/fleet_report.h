/* journal/fleet/fleet_report.h -- the cards of a fleet as a JSON document, and as a table for people. */
#pragma once

#include "journal/fleet/cards.h"

/* One line of JSON. `own`: the replica that tells, marked as such; NULL: a tool does. */
void fleet_put_json(const struct card_list *list, const struct journal_id *own, struct buffer *to);
void fleet_put_table(const struct card_list *list, const struct journal_id *own, struct buffer *to);
