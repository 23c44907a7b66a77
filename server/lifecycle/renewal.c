/* server/lifecycle/renewal.c -- the fiber that writes a sweep's record while the sweep's own is busy. */
#include "server/lifecycle/renewal.h"

#include "runtime/fiber/loop.h"
#include "runtime/fiber/wait.h"
#include "server/lifecycle/hold.h"

/* One that cannot be written is not tried again: the record is another's by now, or nobody knows. */
SUSPENDS static void renew_until_over(void *argument)
{
    struct sweep_renewal *renewal = argument;
    struct lifecycle_sweep *sweep = renewal->sweep;
    struct journal_scheduler *scheduler = sweep->runner->environment->scheduler;
    struct error ignored;
    while (!renewal->is_over && scheduler->wait(scheduler, &renewal->wake, sweep_renewal_due_ns(sweep))) {
        if (!renewal->is_over && loop_now_ns() >= sweep_renewal_due_ns(sweep) && !sweep_renew(sweep, &ignored))
            break;
    }
    renewal->is_inside = false;
    wait_wake_all(&renewal->ended);
}

void sweep_renewal_begin(struct sweep_renewal *renewal, struct lifecycle_sweep *sweep)
{
    struct journal_scheduler *scheduler = sweep->runner->environment->scheduler;
    *renewal = (struct sweep_renewal){.sweep = sweep};
    wait_queue_init(&renewal->wake);
    wait_queue_init(&renewal->ended);
    renewal->is_inside =
        sweep_is_shared(sweep->runner) && scheduler->spawn(scheduler, "lifecycle-renewal", renew_until_over, renewal);
}

SUSPENDS void sweep_renewal_end(struct sweep_renewal *renewal)
{
    struct error ignored;
    renewal->is_over = true;
    if (renewal->is_inside)
        wait_wake_all(&renewal->wake);
    while (renewal->is_inside) {
        if (!wait_for(&renewal->ended, DEADLINE_NONE, &ignored))
            fiber_yield(); /* it is cancelled, and must wait all the same */
    }
}
