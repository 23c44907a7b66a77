/* bench/job/job_file.h -- a list of jobs: from an INI file, with options of the command line over it, or from those
 * alone.
 *
 *     [global]
 *     endpoint = http://127.0.0.1:8014
 *     size = 4K
 *
 *     [job fill]
 *     rw = put
 *     loops = 1
 *
 *     [job read]
 *     stonewall = yes
 *     rw = get
 *
 * What [global] says holds for all jobs, whether it stands before or behind them; a job says otherwise. All that is
 * wrong in a file is found at once, each with its line. Limits of the INI form: server/config/ini.h. */
#pragma once

#include "bench/job/job.h"

struct job_list {
    struct job *jobs;
    unsigned count;
};

/* What the command line says of every job, with higher right than the file. */
struct job_overrides {
    const struct option_argument *arguments;
    unsigned count;
};

/* On failure the list is empty, and `complaints` holds a line for each thing that is wrong. `path` is what they call
 * the file. */
bool job_list_parse(const char *path, struct span text, const struct job_overrides *overrides,
                    struct job_list *ret_list, struct buffer *complaints);
bool job_list_load(const char *path, const struct job_overrides *overrides, struct job_list *ret_list,
                   struct buffer *complaints);
/* One job named after what it does. */
bool job_list_from_arguments(const struct job_overrides *overrides, struct job_list *ret_list,
                             struct buffer *complaints);
void job_list_free(struct job_list *list);

/* The place of a job among those before `below`; `below` when there is none. */
unsigned job_list_find(const struct job_list *list, const char *name, unsigned below);
