/* server/config/prices.h -- what bytes, requests and processors cost: the list prices of AWS S3 in us-east-1, or
 * a file.
 *
 * The file is INI. Before the first section: currency, core-hour (of a processor), list (1,000 requests), egress (a GiB
 * read, of any class; the list has 0, as inside a region). Each section is a storage class: month (a GiB), least-size
 * (what a smaller object is billed as), get and put (1,000 requests), retrieval (a GiB read). What it does not name
 * keeps its price; a class that is not there costs what STANDARD does. */
#pragma once

#include "runtime/base/error.h"
#include "runtime/base/span.h"

enum { PRICES_CURRENCY_BYTES = 16, PRICES_CLASSES = 16, PRICES_CLASS_BYTES = 32 };

struct class_price {
    char name[PRICES_CLASS_BYTES];
    double month;
    double least_size;
    double get;
    double put;
    double retrieval;
};

struct prices {
    char currency[PRICES_CURRENCY_BYTES]; /* no quotes, no backslash */
    double core_hour;
    double list;
    double egress;
    struct class_price classes[PRICES_CLASSES];
    unsigned classes_count;
};

/* `path` NULL: the list. */
bool prices_load(const char *path, struct prices *ret_prices, struct error *error);
/* The same from text; `path` is what refusals name. */
bool prices_parse(const char *path, struct span text, struct prices *ret_prices, struct error *error);
/* The first is STANDARD, which others are like that are not there. */
const struct class_price *prices_find(const struct prices *prices, const char *storage_class);
