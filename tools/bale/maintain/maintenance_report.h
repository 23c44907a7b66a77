/* tools/bale/maintain/maintenance_report.h -- what a walk has come to, for people and for programs, and whether it
 * wants somebody. */
#pragma once

#include "server/maintenance/maintenance.h"

void maintenance_print_table(const struct maintenance *maintenance);
/* One line; `is_all`: the walk came to its end. */
void maintenance_print_json(const struct maintenance *maintenance, bool is_all);
/* ERROR_DAMAGED: some object could not be read. */
bool maintenance_judge(const struct maintenance *maintenance, struct error *error);
