/* store/embedded/change/amend_batch.h -- what stands beside a version is changed: tags, ACL, retention, hold, class,
 * seal. */
#pragma once

#include "store/embedded/change/batch.h"

bool object_amend(struct batch *batch, struct change *change, struct error *error);
