/* tools/bale/commands/pack.h -- what bale pack found of one file, as it is printed and drawn. */
#pragma once

#include "codec/trial.h"

#include <stdio.h>

enum { PACK_WAYS = 4 };
extern const char *const pack_way_names[PACK_WAYS]; /* by enum trial_way, as people read them */

struct packed_file {
    const char *name;
    struct trial_result ways[PACK_WAYS]; /* by enum trial_way */
};

/* Stored bytes of a hundred original ones. */
double pack_percent(const struct trial_result *result);

/* A bar for each file and way, as SVG. */
bool pack_plot(const char *path, const struct packed_file *files, unsigned count, struct error *error);
