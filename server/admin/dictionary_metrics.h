/* server/admin/dictionary_metrics.h -- what /metrics says of dictionaries. */
#pragma once

#include "runtime/base/buffer.h"
#include "server/dictionaries/keeper.h"

void admin_write_dictionary_metrics(const struct dictionary_keeper *keeper, struct buffer *to);
