/* bench/figures/figures.c -- the memory of figures, and what is reckoned from them. */
#include "bench/figures/figures.h"

#include <stdlib.h>

const double figures_percentiles[FIGURES_PERCENTILES_COUNT] = {0,  10,   25,   50,    75,    90, 95,
                                                               99, 99.5, 99.9, 99.95, 99.99, 100};

void run_figures_free(struct run_figures *figures)
{
    for (unsigned i = 0; i < figures->jobs_count; i++) {
        free(figures->jobs[i].operations);
        free(figures->jobs[i].endpoints);
        free(figures->jobs[i].points);
    }
    free(figures->jobs);
    *figures = (struct run_figures){0};
}

double run_client_share(const struct run_figures *figures)
{
    double most = 0;
    for (unsigned i = 0; i < figures->jobs_count; i++)
        if (figures->jobs[i].client_share > most)
            most = figures->jobs[i].client_share;
    return most;
}

double line_per_second(const struct line_figures *line, double seconds)
{
    return seconds > 0 ? (double)line->count / seconds : 0;
}

double line_mib_per_second(const struct line_figures *line, double seconds)
{
    return seconds > 0 ? (double)line->bytes / (1 << 20) / seconds : 0;
}
