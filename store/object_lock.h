/* store/object_lock.h -- what a lock forbids (spec: settings, section AB), as pure decisions: every store takes them in
 * its committing step, against the row and the clock of that step. */
#pragma once

#include "store/bucket.h"

/* Does it forbid to remove the version? A hold binds everyone; so does COMPLIANCE until its date; GOVERNANCE until its
 * date whoever may not bypass it (451). */
bool object_lock_binds(const struct object_lock *lock, int64_t now_ms, bool may_bypass_governance);

/* Makes the change, unless the retention that binds now forbids it: AccessDenied (444, 445). */
bool object_lock_change(struct object_lock *lock, const struct retention_change *change, int64_t now_ms,
                        struct error *error);

/* What a version gets that is committed at `now_ms`: its own retention, or the bucket's default (449). */
void object_lock_apply_default(struct object_lock *lock, const struct default_retention *retention, int64_t now_ms);
