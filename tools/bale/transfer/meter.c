/* tools/bale/transfer/meter.c -- the line on the terminal, and the fiber that writes it. */
#include "tools/bale/transfer/meter.h"

#include "runtime/fiber/loop.h"
#include "runtime/io/io.h"
#include "tools/bale/view/bytes_text.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <unistd.h>

#define REMOVE_LINE "\r\033[K"

enum { EVERY_MS = 200, NANOSECONDS = 1000000000 };

static const double SMOOTHING_SECONDS = 3;

void meter_measure(struct meter *meter, uint64_t now_ns)
{
    double seconds = (double)(now_ns - meter->last_ns) / NANOSECONDS;
    if (seconds <= 0)
        return;
    double rate = (double)(meter->done_bytes - meter->last_bytes) / seconds;
    bool is_first = meter->last_ns == meter->began_ns;
    meter->rate = is_first ? rate : rate + (meter->rate - rate) * exp(-seconds / SMOOTHING_SECONDS);
    meter->last_bytes = meter->done_bytes;
    meter->last_ns = now_ns;
}

/* "3 s", "4 min 10 s", "2 h 5 min" */
static void format_time(uint64_t seconds, char ret_text[BYTES_TEXT_BYTES])
{
    if (seconds < 60)
        (void)snprintf(ret_text, BYTES_TEXT_BYTES, "%" PRIu64 " s", seconds);
    else if (seconds < 3600)
        (void)snprintf(ret_text, BYTES_TEXT_BYTES, "%" PRIu64 " min %" PRIu64 " s", seconds / 60, seconds % 60);
    else
        (void)snprintf(ret_text, BYTES_TEXT_BYTES, "%" PRIu64 " h %" PRIu64 " min", seconds / 3600, seconds / 60 % 60);
}

void meter_format(const struct meter *meter, char ret_text[METER_TEXT_BYTES])
{
    char done[BYTES_TEXT_BYTES];
    char total[BYTES_TEXT_BYTES];
    char rate[BYTES_TEXT_BYTES];
    char left[BYTES_TEXT_BYTES] = "?";
    bool is_behind = meter->done_bytes > meter->total_bytes; /* it has grown meanwhile */
    uint64_t left_bytes = is_behind ? 0 : meter->total_bytes - meter->done_bytes;
    bytes_text((double)meter->done_bytes, done);
    bytes_text((double)meter->total_bytes, total);
    bytes_text(meter->rate, rate);
    if (meter->total_bytes == 0) {
        (void)snprintf(ret_text, METER_TEXT_BYTES, "%s  %s/s", done, rate);
        return;
    }
    if (meter->rate >= 1)
        format_time((uint64_t)ceil((double)left_bytes / meter->rate), left);
    (void)snprintf(ret_text, METER_TEXT_BYTES, "%s of %s  %.0f %%  %s/s  %s left", done, total,
                   is_behind ? 100.0 : 100.0 * (double)meter->done_bytes / (double)meter->total_bytes, rate, left);
}

SUSPENDS static void show(void *argument)
{
    struct meter *meter = argument;
    meter->fiber = fiber_current();
    while (io_sleep_until(deadline_after_ms(EVERY_MS)) == 0) {
        char text[METER_TEXT_BYTES];
        meter_measure(meter, loop_now_ns());
        meter_format(meter, text);
        (void)fprintf(stderr, REMOVE_LINE "%s", text);
    }
    (void)fputs(REMOVE_LINE, stderr);
    meter->fiber = NULL;
    wait_wake_all(&meter->ended);
}

void meter_begin(struct meter *meter, bool is_wanted)
{
    struct error ignored; /* then nothing is shown */
    *meter = (struct meter){.began_ns = loop_now_ns(), .last_ns = loop_now_ns()};
    wait_queue_init(&meter->ended);
    meter->is_shown = is_wanted && isatty(STDERR_FILENO) == 1 && fiber_spawn("meter", show, meter, &ignored);
    if (meter->is_shown)
        fiber_yield();
}

SUSPENDS void meter_end(struct meter *meter)
{
    struct error ignored;
    while (meter->fiber != NULL) {
        fiber_cancel(meter->fiber);
        (void)wait_for(&meter->ended, DEADLINE_NONE, &ignored);
    }
}

double meter_seconds(const struct meter *meter)
{
    return (double)(clock_monotonic_ns(loop_clock()) - meter->began_ns) / NANOSECONDS;
}
