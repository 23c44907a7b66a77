/* server/admin/family.h -- the head of one family in the text of /metrics. */
#pragma once

#include "runtime/base/buffer.h"

/* # HELP and # TYPE. */
void admin_write_family(struct buffer *to, const char *name, const char *type, const char *help);
