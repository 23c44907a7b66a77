/* tools/bale/transfer/meter.h -- how far a transfer is: one line on a terminal, written over and over.
 *
 *     412.30 MiB of 1.00 GiB  40 %  183.20 MiB/s  3 s left
 *
 * The rate is that of the last seconds. Where standard error is no terminal nothing is written. */
#pragma once

#include "runtime/fiber/fiber.h"
#include "runtime/fiber/wait.h"

#include <stdbool.h>
#include <stdint.h>

struct meter {
    uint64_t done_bytes;  /* whoever transfers adds to it */
    uint64_t total_bytes; /* 0: not known yet; so does whoever knows */
    uint64_t began_ns;
    bool is_shown;
    /* private */
    double rate; /* bytes a second, smoothed */
    uint64_t last_bytes;
    uint64_t last_ns;
    struct fiber *fiber;
    struct wait_queue ended;
};

enum { METER_TEXT_BYTES = 160 };

/* Without the end of the line. Of what is known at `now_ns`; pure. */
void meter_format(const struct meter *meter, char ret_text[METER_TEXT_BYTES]);
/* Takes what has been done since the last time into the rate. */
void meter_measure(struct meter *meter, uint64_t now_ns);

/* On a fiber. With `is_wanted` and a terminal the line is shown until the end, and then removed. */
void meter_begin(struct meter *meter, bool is_wanted);
SUSPENDS void meter_end(struct meter *meter);
double meter_seconds(const struct meter *meter);
