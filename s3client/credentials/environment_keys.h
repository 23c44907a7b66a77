/* s3client/credentials/environment_keys.h -- keys that stand in the environment. */
#pragma once

#include "s3client/credentials/search.h"

/* AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and, where it is set, AWS_SESSION_TOKEN. One of the first two without the
 * other is an error. */
enum found environment_keys_ask(const struct search *search, struct keys *ret_keys, struct error *error);
