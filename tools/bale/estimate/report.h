/* tools/bale/estimate/report.h -- an estimate as a table with bars, as JSON, and as a picture. */
#pragma once

#include "tools/bale/estimate/money.h"

struct estimate_report {
    const char *target;
    uint64_t seed;
    const struct population *population;
    const struct estimate_sums *sums;
    const struct prices *prices;
    const struct money *money;
    double within; /* as asked for; 0: not asked for */
    bool is_all;   /* all objects were listed */
};

/* Of all objects, those included that stay as they are: percent of their bytes, and points one way and the other. */
double report_percent(const struct estimate_report *report);
double report_points(const struct estimate_report *report);

void report_print(const struct estimate_report *report);
void report_print_json(const struct estimate_report *report);
bool report_plot(const struct estimate_report *report, const char *path, struct error *error);
