/* tools/bale/transfer/patience.c -- which failures pass, and the pauses between attempts. */
#include "tools/bale/transfer/patience.h"

#include "runtime/fiber/loop.h"
#include "runtime/io/io.h"

enum { PAUSE_MS_FIRST = 100, PAUSE_MS_MAX = 5000, FRUITLESS_MAX = 10 };

static bool may_pass(const struct error *error)
{
    return error->kind == ERROR_BUSY || error->kind == ERROR_TIMED_OUT || error->kind == ERROR_CLOSED ||
           error->kind == ERROR_IO || error->kind == ERROR_DAMAGED || error->kind == ERROR_CONFLICT;
}

SUSPENDS bool patience_wait(struct patience *patience, bool has_moved, struct error *error)
{
    patience->fruitless = has_moved ? 1 : patience->fruitless + 1;
    if (!may_pass(error) || patience->fruitless > FRUITLESS_MAX)
        return false;
    uint64_t pause_ms = (uint64_t)PAUSE_MS_FIRST << (patience->fruitless - 1);
    int result = io_sleep_until(deadline_after_ms(pause_ms < PAUSE_MS_MAX ? pause_ms : PAUSE_MS_MAX));
    return result == 0 || error_set_errno(error, -result, "waiting");
}
