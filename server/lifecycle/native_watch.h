/* server/lifecycle/native_watch.h -- does a lifecycle rule of the backend's own cover what is this server's there?
 *
 * Such a rule would remove the journal, and with it the settings of buckets and how far sweeps are, or put it where it
 * cannot be read. It is looked for at the start and once an hour; one that was found, once a minute, until it has gone.
 * Nobody is refused anything for it: it is an alarm, in the log, in /metrics and in /lifecycle.
 *
 * Shard 0, but for the counter. */
#pragma once

#include "runtime/base/clock.h"
#include "runtime/fiber/fiber.h"
#include "runtime/metrics.h"
#include "server/backend/backend.h"

struct native_watch {
    metric_counter is_covered;         /* 1: there is one */
    char rule[BACKEND_RULE_ID_BYTES];  /* its id; "": none was seen */
    char trouble[ERROR_MESSAGE_BYTES]; /* why nobody knows; "": the backend has told its rules */
    bool has_looked;
    deadline_t next_ns; /* when it is looked again */
};

/* If it is time. Nothing over a backend that has no rules. */
SUSPENDS void native_watch_look(struct native_watch *watch, const struct backend *backend);
