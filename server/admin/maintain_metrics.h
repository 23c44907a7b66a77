/* server/admin/maintain_metrics.h -- what /metrics says of the jobs of bale maintain in this process. */
#pragma once

#include "runtime/base/buffer.h"
#include "server/maintenance/jobs.h"

void admin_write_maintain_metrics(const struct maintenance_jobs *jobs, struct buffer *to);
