/* runtime/log/log_line.h -- one event as one line of text or JSON.
 *
 * Whatever the fields hold, the line has one line feed, at its end, and no control bytes: in text, values that need it
 * are quoted, and bytes that are no UTF-8 become \xNN; JSON has U+FFFD for those. A line that would be longer than
 * LOG_LINE_BYTES_MAX is cut inside a value and stays well-formed. */
#pragma once

#include "runtime/log/log.h"

enum { LOG_LINE_BYTES_MAX = 8 << 10 };

/* Memory that a thread uses line after line. Zeroed at first. */
struct log_line {
    size_t size;
    int64_t second; /* whose time is in `stamp` */
    char stamp[20]; /* "2026-01-02T03:04:05" */
    uint8_t data[LOG_LINE_BYTES_MAX];
};

/* The line lies in *line until the next call. */
struct span log_line_build(struct log_line *line, enum log_format format, int64_t wall_ms, enum log_level level,
                           const char *event, const struct log_field *fields, unsigned count);
