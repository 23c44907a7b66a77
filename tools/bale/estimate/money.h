/* tools/bale/estimate/money.h -- what packing saves a month, and what it costs once. */
#pragma once

#include "server/config/prices.h"
#include "tools/bale/estimate/estimate.h"

struct money {
    double saved_a_month;
    double
        requests; /* of doing it: lists, a GET and a PUT of each object, retrieval, egress, the parts of large ones */
    double core_hours;
    double once; /* requests and core hours */
};

/* `costs_requests`: of a bucket; else bytes alone cost something, as STANDARD does. */
void money_reckon(const struct population *population, const struct estimate_sums *sums, const struct prices *prices,
                  bool costs_requests, struct money *ret_money);
