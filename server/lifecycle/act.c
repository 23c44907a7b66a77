/* server/lifecycle/act.c -- deletions a hundred at a time, moves one by one, uploads. */
#include "server/lifecycle/act.h"

#include "runtime/log/log.h"
#include "server/lifecycle/hold.h"
#include "server/lifecycle/move.h"
#include "server/lifecycle/renewal.h"
#include "server/lifecycle/tags.h"

/* ---- what came of it ---- */

static const struct lifecycle *rules_of(const struct lifecycle_sweep *sweep)
{
    return sweep->plan.lifecycle;
}

static void count_rule(struct sweep_record *record, const struct lifecycle *lifecycle,
                       const struct lifecycle_rule *rule)
{
    uint16_t place = (uint16_t)(rule - lifecycle->rules);
    unsigned i = 0;
    while (i < record->rules_count && record->rules_acted[i].place != place)
        i++;
    if (i == SWEEP_RULES_COUNTED_MAX)
        return;
    if (i == record->rules_count)
        record->rules_acted[record->rules_count++] = (struct sweep_rule){.place = place};
    record->rules_acted[i].acted++;
}

/* Something that was due is still there: it is looked at again at the next midnight. */
static void look_again(struct lifecycle_sweep *sweep)
{
    sweep->walk.next_ms = sweep->walk.now_ms;
}

/* The first one says what is wrong; the others are counted. */
static void tell_failure(const struct lifecycle_sweep *sweep, const struct error *error)
{
    if (sweep->record.totals.failed == 1)
        log_message(LOG_WARNING, "lifecycle: something in %s stays that is due: %s", sweep->bucket.name,
                    error->message);
}

/* `error` NULL: it was done. */
static void account(struct lifecycle_sweep *sweep, const struct lifecycle_order *order, const struct error *error)
{
    struct sweep_totals *totals = &sweep->record.totals;
    struct lifecycle_counters *counters = &sweep->runner->counters;
    enum lifecycle_action action = order->verdict.action;
    totals->judged++;
    metric_add(&counters->judged, 1);
    if (error == NULL) {
        totals->done[action]++;
        metric_add(&counters->done[action], 1);
        count_rule(&sweep->record, rules_of(sweep), order->verdict.rule);
        return;
    }
    look_again(sweep);
    bool has_changed = error->kind == ERROR_CHANGED;
    bool is_locked = error->kind == ERROR_DENIED;
    bool is_unsafe = error->kind == ERROR_UNSUPPORTED;
    bool has_failed = !has_changed && !is_locked && !is_unsafe;
    totals->changed += has_changed;
    totals->locked += is_locked;
    totals->unsafe += is_unsafe;
    totals->failed += has_failed;
    metric_add(has_changed ? &counters->changed
               : is_locked ? &counters->locked
               : is_unsafe ? &counters->unsafe
                           : &counters->failed,
               1);
    if (has_failed)
        tell_failure(sweep, error);
}

/* ---- versions ---- */

/* What was judged, to be compared when it goes. */
static void prepare(struct lifecycle_sweep *sweep, const struct lifecycle_order *order, unsigned place)
{
    const struct list_entry *entry = order->entry;
    enum lifecycle_action action = order->verdict.action;
    sweep->grounds[place] = (struct deletion_grounds){
        .creation_id = sweep->bucket.creation_id,
        .version = entry->version,
        .modified_ms = entry->modified_ms,
        .original_size = entry->original_size,
        .etag = entry->etag,
        .superseded_ms = entry->superseded_ms,
        .tags = entry->tags,
        .ignores_tags = !sweep->runner->store->capabilities.lists_tags &&
                        !lifecycle_needs_tags(&sweep->plan, entry, sweep->walk.now_ms),
        .newer_least = order->verdict.newer_least,
        .is_alone = action == LIFECYCLE_REMOVE_MARKER,
    };
    sweep->items[place] = (struct delete_item){
        .key = entry->key,
        .version = action == LIFECYCLE_EXPIRE ? SPAN_EMPTY : span_from_string(entry->version),
        .grounds = &sweep->grounds[place],
    };
}

SUSPENDS static bool carry_out_batch(struct lifecycle_sweep *sweep, const struct lifecycle_order *orders,
                                     unsigned count, struct error *error)
{
    struct lifecycle_runner *runner = sweep->runner;
    for (unsigned i = 0; i < count; i++)
        prepare(sweep, &orders[i], i);
    if (!pace_spend(&runner->spent, count, error) || !sweep_renew(sweep, error) || !sweep_take_turn(sweep, error))
        return false;
    bool done = bucket_delete_objects(runner->store, span_from_string(sweep->bucket.name), sweep->items, count, error);
    keeper_give_turn(runner->keeper, sweep->bucket.creation_id);
    for (unsigned i = 0; done && i < count; i++)
        account(sweep, &orders[i], sweep->items[i].is_deleted ? NULL : &sweep->items[i].error);
    return done;
}

/* False: the sweep is over. That it could not move is accounted for. Over a bucket all of an object may be written
 * anew, for minutes: changes of settings do not wait for that. */
SUSPENDS static bool carry_out_move(struct lifecycle_sweep *sweep, const struct lifecycle_order *order,
                                    struct error *error)
{
    struct lifecycle_runner *runner = sweep->runner;
    struct sweep_renewal renewal;
    struct lifecycle_move move;
    struct error failed;
    prepare(sweep, order, 0);
    if (!pace_spend(&runner->spent, 1, error) || !sweep_renew(sweep, error))
        return false;
    sweep_renewal_begin(&renewal, sweep);
    bool done =
        lifecycle_move_prepare(&move, runner, span_from_string(sweep->bucket.name), order, &sweep->grounds[0], &failed);
    sweep_renewal_end(&renewal);
    bool goes_on = done ? sweep_take_turn(sweep, error) : sweep_may_go_on(sweep, error);
    if (done && goes_on) {
        if (sweep_is_shared(runner))
            keeper_give_turn(runner->keeper, sweep->bucket.creation_id);
        sweep_renewal_begin(&renewal, sweep);
        done = lifecycle_move_commit(&move, &failed);
        sweep_renewal_end(&renewal);
        if (!sweep_is_shared(runner))
            keeper_give_turn(runner->keeper, sweep->bucket.creation_id);
    }
    lifecycle_move_end(&move);
    if (goes_on)
        account(sweep, order, done ? NULL : &failed);
    return goes_on;
}

/* Those among the orders. The others are left, in their order; *ret_count: how many. */
SUSPENDS static bool carry_out_moves(struct lifecycle_sweep *sweep, unsigned count, unsigned *ret_count,
                                     struct error *error)
{
    *ret_count = 0;
    for (unsigned i = 0; i < count; i++) {
        if (sweep->orders[i].verdict.action != LIFECYCLE_MOVE)
            sweep->orders[(*ret_count)++] = sweep->orders[i];
        else if (!carry_out_move(sweep, &sweep->orders[i], error))
            return false;
    }
    return true;
}

SUSPENDS bool sweep_carry_out(struct lifecycle_sweep *sweep, unsigned count, struct error *error)
{
    uint64_t pace = sweep->runner->pace; /* so that no batch waits for more than a second */
    unsigned most = pace < SWEEP_BATCH_MAX ? (unsigned)pace : SWEEP_BATCH_MAX;
    if (!carry_out_moves(sweep, count, &count, error))
        return false;
    for (unsigned at = 0; at < count; at += most) {
        unsigned size = count - at < most ? count - at : most;
        if (!carry_out_batch(sweep, sweep->orders + at, size, error))
            return false;
    }
    return true;
}

/* ---- uploads ---- */

SUSPENDS bool sweep_abort_upload(struct lifecycle_sweep *sweep, const struct upload_info *upload,
                                 const struct lifecycle_rule *rule, struct error *error)
{
    struct lifecycle_runner *runner = sweep->runner;
    const struct object_name name = {.bucket = span_from_string(sweep->bucket.name), .key = upload->key};
    struct error failed;
    if (!pace_spend(&runner->spent, 1, error) || !sweep_renew(sweep, error) || !sweep_take_turn(sweep, error))
        return false;
    bool done = bucket_abort_upload(runner->store, &name, span_from_string(upload->id), &failed);
    keeper_give_turn(runner->keeper, sweep->bucket.creation_id);
    if (done) {
        sweep->record.totals.aborted++;
        metric_add(&runner->counters.aborted, 1);
        count_rule(&sweep->record, rules_of(sweep), rule);
    } else if (failed.kind != ERROR_NOT_FOUND) { /* it was completed, or given up by its client */
        sweep->record.totals.failed++;
        metric_add(&runner->counters.failed, 1);
        look_again(sweep);
        tell_failure(sweep, &failed);
    }
    return true;
}
