/* tools/bale/view/settings_view.h -- the settings of a bucket, read from a snapshot of its folder, as a request would
 * see them. */
#pragma once

#include "server/settings/settings.h"
#include "tools/bale/view/ledger_view.h"

/* To be given back with settings_view_drop. A document that cannot be read is in it as damaged. */
SUSPENDS const struct bucket_settings *settings_view_read(struct bucket_store *snapshot, const struct ledger_view *view,
                                                          const struct bucket_info *bucket);
void settings_view_drop(const struct bucket_settings *settings);
