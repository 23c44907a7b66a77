/* server/maintenance/report.h -- what a walk has come to, as a document, and back. */
#pragma once

#include "server/maintenance/maintenance.h"

#include <json-c/json.h>

/* {"executed", "is_all", "objects", "rules": [{"rule", "outcomes": {"packed": 3, ...}, "before", "after"}]}; is_all: it
 * came to its end. The caller's. */
struct json_object *maintenance_document(const struct maintenance *maintenance, bool is_all);
/* Sums and objects of another process's walk by the same policy. */
void maintenance_take_document(struct maintenance *maintenance, struct json_object *document);
