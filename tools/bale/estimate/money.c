/* tools/bale/estimate/money.c -- object by object, because a class bills each as so large at least. */
#include "tools/bale/estimate/money.h"

#include <math.h>

#define GIB 1073741824.0
#define LISTED_AT_ONCE 1000.0
#define PART_BYTES (16.0 * (1 << 20)) /* --part-size of baled */
#define HOUR_NS 3.6e12

static double billed(const struct class_price *price, double bytes)
{
    return fmax(bytes, price->least_size) * price->month / GIB;
}

static double requests_of(const struct prices *prices, const struct class_price *price, double size, double packed)
{
    double puts = packed <= PART_BYTES ? 1 : 2 + ceil(packed / PART_BYTES);
    return price->get / 1000 + puts * price->put / 1000 + size / GIB * (price->retrieval + prices->egress);
}

void money_reckon(const struct population *population, const struct estimate_sums *sums, const struct prices *prices,
                  bool costs_requests, struct money *ret_money)
{
    struct money money = {0};
    double ns = 0;
    for (size_t i = 0; i < population->first[POPULATION_STRATA]; i++) {
        const struct population_object *object = &population->objects[i];
        const struct class_price *price = prices_find(prices, population->classes[object->class_at]);
        double packed = (double)object->size * stratum_part(&population->strata[object->stratum]);
        money.saved_a_month += billed(price, (double)object->stored) - billed(price, packed);
        ns += (double)object->size * sums->ns_for_byte[object->stratum];
        if (costs_requests)
            money.requests += requests_of(prices, price, (double)object->size, packed);
    }
    if (costs_requests)
        money.requests += ceil((double)population->count / LISTED_AT_ONCE) * prices->list / 1000;
    money.core_hours = ns / HOUR_NS;
    money.once = money.requests + money.core_hours * prices->core_hour;
    *ret_money = money;
}
