/* runtime/log/log.h -- log lines that never block a shard.
 *
 * Each thread writes into a ring of its own; one writer thread drains them all to a file descriptor. A line that finds
 * its ring full is dropped and counted (log_dropped), and the count is logged when there is room again. Before
 * log_start, and after log_stop, lines go to stderr directly. Text from outside is escaped: a line is always one line.
 */
#pragma once

#include "runtime/base/error.h"
#include "runtime/base/span.h"

#include <stdint.h>

enum log_level { LOG_ERROR, LOG_WARNING, LOG_INFO, LOG_DEBUG };
enum log_format { LOG_TEXT, LOG_JSON };

bool log_start(int fd, enum log_format format, enum log_level least, struct error *error);
void log_stop(void); /* what is queued is written first */
uint64_t log_dropped(void);

/* One event with named fields: `log_write(LOG_INFO, "request", fields, count)`. As text:
 * `2026-01-02T03:04:05.678Z info request id=… status=200`, values quoted where needed; as JSON one object a line. */
struct log_field {
    const char *name; /* static */
    enum { LOG_FIELD_TEXT, LOG_FIELD_NUMBER } kind;
    struct span text;
    int64_t number;
};
void log_write(enum log_level level, const char *event, const struct log_field *fields, unsigned count);

/* A sentence: event "message", field text. */
__attribute__((format(printf, 2, 3))) void log_message(enum log_level level, const char *format, ...);
