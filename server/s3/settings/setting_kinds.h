/* server/s3/settings/setting_kinds.h -- which settings of buckets there are: how large their documents may be, and who
 * compiles them. */
#pragma once

#include "server/settings/settings.h"

extern const struct setting_kind setting_kinds[SETTINGS_COUNT];
