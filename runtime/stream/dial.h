/* runtime/stream/dial.h -- connections to others: names resolved off the shard, every address tried.
 *
 * A dialer is made once and shared by all shards: it remembers what names stand for. A name is asked for again after 30
 * seconds; if that fails, the old answer goes on for an hour. Of several addresses each connection begins with another
 * one, and each has its share of the time that is left.
 *
 * A look-up that hangs holds up nobody but the end of its loop, for as long as the resolver has patience. */
#pragma once

#include "runtime/fiber/fiber.h"
#include "runtime/fiber/offload.h"
#include "runtime/stream/stream.h"

#include <stdint.h>

enum { DIAL_HOST_BYTES_MAX = 255 };

struct dialer;

/* `offload`: where getaddrinfo may block; it outlives the dialer. NULL: hosts must be addresses. */
struct dialer *dialer_create(struct offload *offload);
/* When no fiber is inside dialer_connect any more, and the offload pool has been destroyed or is idle. */
void dialer_destroy(struct dialer *dialer);

/* `host` is a name or an address, without brackets. NULL: ERROR_NOT_FOUND (the name stands for nothing), ERROR_IO,
 * ERROR_TIMED_OUT, ERROR_CANCELLED; the message names host and port. */
SUSPENDS struct stream *dialer_connect(struct dialer *dialer, const char *host, uint16_t port, deadline_t deadline,
                                       struct error *error);
