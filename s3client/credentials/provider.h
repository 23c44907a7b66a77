/* s3client/credentials/provider.h -- the providers of credentials in the order in which they are asked. */
#pragma once

#include "s3client/credentials/search.h"

struct provider {
    const char *name; /* for operators, and the beginning of each of its errors */
    enum found (*ask)(const struct search *search, struct keys *ret_keys, struct error *error);
};

/* The first that is set up, whether or not it has keys: *ret_provider, when true. Otherwise the error says what was
 * looked for. */
bool provider_find(const struct search *search, const struct provider **ret_provider, struct keys *ret_keys,
                   struct error *error);

/* Asks this one again. That it is not set up any more is an error now. */
bool provider_ask(const struct provider *provider, const struct search *search, struct keys *ret_keys,
                  struct error *error);
