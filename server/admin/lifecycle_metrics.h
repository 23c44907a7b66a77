/* server/admin/lifecycle_metrics.h -- what /metrics says of lifecycle rules. */
#pragma once

#include "runtime/base/buffer.h"
#include "server/lifecycle/runner.h"

void admin_write_lifecycle_metrics(const struct lifecycle_runner *runner, struct buffer *to);
