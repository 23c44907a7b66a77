/* server/process/file_limits.h -- who gets the descriptors: the server's own first, then volumes, which must always
 * open, with a share for those that will be made; connections get what remains. */
#pragma once

#include "runtime/base/error.h"

#include <stdint.h>

struct file_limits {
    uint64_t files;  /* the limit of open files */
    unsigned shards; /* each has some of its own */
};

/* How many descriptors volumes may have, so that a few connections remain. */
uint64_t limits_volume_files_max(const struct file_limits *limits);

/* How many connections there may be while volumes have `volume_files`. `asked`: --connections-max, 0 for as many as
 * possible. False, with a sentence, when that is too many, or when hardly any are left. */
bool limits_connections(const struct file_limits *limits, uint64_t volume_files, uint64_t asked,
                        uint64_t *ret_connections, struct error *error);
