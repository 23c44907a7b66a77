/* server/admin/dictionary_metrics.h -- what /metrics says of dictionaries. */
#pragma once

#include "runtime/base/buffer.h"
#include "server/dictionaries/table.h"

void admin_write_dictionary_metrics(const struct dictionary_table_counters *counters, struct buffer *to);
