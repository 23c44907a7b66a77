/* server/auth/secrets.h -- what a request carries that no answer and no log may repeat: the keys with which a customer
 * wants objects to be encrypted ("Using server-side encryption with customer-provided keys" in the Amazon S3 user
 * guide).
 *
 * Whether such a request is done or refused: answers end in the logs of clients and of proxies. Whoever repeats a value
 * from outside beside its name asks here. */
#pragma once

#include "runtime/base/arena.h"
#include "server/http/head.h"

#include <stdbool.h>

/* What stands in its place. */
#define SECRET_HIDDEN "(hidden)"

/* Is it the name of such a header, of the parameter that it was hoisted to, or of a form's field? */
bool secret_is_named(struct span name);

/* The value, unless its name is one of those. */
struct span secret_hide(struct span name, struct span value);

/* Has the request such a header? */
bool secret_is_sent(const struct http_head *head);

/* A copy in the arena of a canonical request (s3client/wire/sigv4.h) in which such values are hidden, of headers and of
 * parameters. Empty: no memory. */
struct span secret_hide_canonical(struct arena *arena, struct span canonical);

/* The base64 of a form's policy, unless the policy names such a field: its conditions repeat what fields must hold.
 * Empty: no memory. */
struct span secret_hide_policy(struct arena *arena, struct span base64);
