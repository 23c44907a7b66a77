/* journal/settings/rules.h -- the rules of settings that can be said in a line, each beside what becomes of it when the
 * simulator takes it out, as in journal/replica/rules.h; private to journal/settings/. */
#pragma once

#include "journal/mutation.h"

#include <stdbool.h>
#include <stdint.h>

/* What was answered before, also by another replica, is read before a record is made that is to be greater. */
static inline bool rule_reads_before_change(void)
{
    return RULE(setting_changed_by_view, false, true);
}

static inline uint64_t rule_revision_after(uint64_t seen)
{
    return RULE(setting_revision_kept, seen, seen + 1);
}
