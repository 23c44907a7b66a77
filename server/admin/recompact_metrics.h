/* server/admin/recompact_metrics.h -- what /metrics says of --recompact idle. */
#pragma once

#include "runtime/base/buffer.h"
#include "server/recompact/recompactor.h"

void admin_write_recompact_metrics(const struct recompactor *recompactor, struct buffer *to);
