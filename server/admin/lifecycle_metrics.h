/* server/admin/lifecycle_metrics.h -- what /metrics says of lifecycle rules. */
#pragma once

#include "runtime/base/buffer.h"
#include "server/lifecycle/native_watch.h"
#include "server/lifecycle/runner.h"

/* `native` NULL: there is no backend with rules of its own. */
void admin_write_lifecycle_metrics(const struct lifecycle_runner *runner, const struct native_watch *native,
                                   struct buffer *to);
