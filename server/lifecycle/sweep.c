/* server/lifecycle/sweep.c -- takes a bucket, walks over it, carries out what is due, keeps where it is. */
#include "server/lifecycle/sweep.h"

#include "runtime/base/assert.h"
#include "runtime/fiber/loop.h"
#include "runtime/log/log.h"
#include "s3client/wire/s3_error.h"
#include "server/lifecycle/claimed_value.h"
#include "server/lifecycle/move.h"
#include "server/lifecycle/renewal.h"
#include "server/lifecycle/tags.h"
#include "server/s3/request/names.h"

#include <stdlib.h>
#include <string.h>

enum {
    RULES_ARENA_BYTES = 1 << 20,
    PAGE_ARENA_BYTES = 24 << 20, /* a thousand keys with all the tags that they may have */
    TURN_MS = 30000,
    JUDGEMENTS_MAX = 50000, /* of one page */
};

_Static_assert((int)JUDGEMENTS_MAX / (int)LIFECYCLE_RULES_MAX >= (int)LIFECYCLE_PAGE_ENTRIES_MIN, "a page has so many");
static const int64_t CLOCKS_APART_MS = INT64_C(24) * 3600 * 1000; /* of replicas, at the very most */
static const uint64_t VIEW_NS = UINT64_C(10) * 1000000000;        /* by an older view of the rules nothing is done */

/* ---- is it time? ---- */

static bool find_rules(const struct lifecycle_runner *runner, uint64_t creation_id, uint64_t *ret_rules)
{
    struct setting_record setting;
    const struct state *state = journal_state(runner->journal);
    bool is_set = setting_record_find(state, creation_id, SETTING_LIFECYCLE, &setting);
    *ret_rules = is_set ? setting.document : 0;
    return is_set;
}

static bool is_own(const struct lifecycle_runner *runner, const struct sweep_record *record)
{
    return memcmp(record->holder, runner->holder, sizeof record->holder) == 0;
}

static bool is_shared(const struct lifecycle_runner *runner)
{
    return runner->store->capabilities.is_shared;
}

/* The clock was ahead when it was written: its midnights and its next moment are not to be waited for. */
static bool is_of_future(const struct sweep_record *record, int64_t now_ms)
{
    return record->midnight_ms > now_ms + CLOCKS_APART_MS;
}

/* What was swept under the same rules is known up to the next moment at which something can be due: whatever was not
 * seen came later. That holds for what replicas have seen; of a store that is one process's own alone, an earlier one
 * is not believed. Replicas' clocks may be on both sides of a midnight. */
static bool is_done_due(const struct lifecycle_runner *runner, const struct sweep_record *record, uint64_t rules,
                        int64_t now_ms)
{
    int64_t midnight_ms = now_ms / runner->day_ms * runner->day_ms;
    if (record->rules != rules || is_of_future(record, now_ms))
        return true;
    if (is_shared(runner))
        return record->midnight_ms < midnight_ms && now_ms >= record->next_ms;
    return record->midnight_ms != midnight_ms && (!is_own(runner, record) || now_ms >= record->next_ms);
}

static enum sweep_need need_of_record(struct lifecycle_runner *runner, uint64_t creation_id,
                                      const struct sweep_record *record, uint64_t rules, int64_t now_ms)
{
    if (record->state == SWEEP_IS_DONE)
        return is_done_due(runner, record, rules, now_ms) ? SWEEP_IS_DUE : SWEEP_IS_NOT_DUE;
    if (!is_shared(runner) || is_own(runner, record) || sweep_claim_is_free(record))
        return SWEEP_IS_DUE;
    uint64_t patience_ns = runner->takeover_ms * 1000000;
    return sweep_claim_is_abandoned(&runner->claims, creation_id, record, loop_now_ns(), patience_ns)
               ? SWEEP_IS_DUE
               : SWEEP_IS_ANOTHERS;
}

enum sweep_need sweep_need_of(struct lifecycle_runner *runner, const struct bucket_info *bucket, int64_t now_ms)
{
    uint64_t rules;
    if (!find_rules(runner, bucket->creation_id, &rules))
        return SWEEP_IS_NOT_DUE;
    struct sweep_record *record = malloc(sizeof *record); /* too large for a fiber's stack */
    ASSERT(record != NULL);
    enum sweep_need need = SWEEP_IS_DUE;
    if (sweep_record_find(journal_state(runner->journal), bucket->creation_id, record))
        need = need_of_record(runner, bucket->creation_id, record, rules, now_ms);
    free(record);
    return need;
}

/* ---- what is done ---- */

static const struct lifecycle *rules_of(const struct lifecycle_sweep *sweep)
{
    return sweep->plan.lifecycle;
}

/* A process that stood still, and wakes up: its view is old, and somebody else may have taken the sweep. */
static bool has_claim(const struct lifecycle_sweep *sweep, struct error *error)
{
    const struct journal *journal = sweep->runner->journal;
    if (!is_shared(sweep->runner))
        return true;
    if (journal_age_ns(journal) > VIEW_NS)
        return error_set(error, ERROR_BUSY, NULL, "the journal was not read for a while");
    return sweep_record_stands(journal_state(journal), sweep->bucket.creation_id, sweep->record.nonce) ||
           error_set(error, ERROR_CONFLICT, NULL, "another process has taken the sweep over");
}

/* Does everything stand as it did when this sweep began? */
static bool may_go_on(struct lifecycle_sweep *sweep, struct error *error)
{
    struct lifecycle_runner *runner = sweep->runner;
    uint64_t rules;
    if (runner->is_ending)
        return error_set(error, ERROR_CANCELLED, NULL, "the process is ending");
    if (lifecycle_halt_of(runner) != LIFECYCLE_RUNS)
        return error_set(error, ERROR_BUSY, NULL, "%s", lifecycle_halt_text(runner));
    if (!find_rules(runner, sweep->bucket.creation_id, &rules) || rules != sweep->record.rules)
        return error_set(error, ERROR_CHANGED, NULL, "its rules were replaced");
    return has_claim(sweep, error);
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

SUSPENDS static bool write_record(struct lifecycle_sweep *sweep, struct error *error)
{
    struct lifecycle_runner *runner = sweep->runner;
    sweep->renewed_ns = loop_now_ns();
    return sweep_record_put(runner->journal, runner->environment, sweep->bucket.creation_id, &sweep->record, error);
}

deadline_t sweep_renewal_due_ns(const struct lifecycle_sweep *sweep)
{
    return sweep->renewed_ns + claimed_value_renewal_ns(sweep->runner->takeover_ms);
}

SUSPENDS bool sweep_renew(struct lifecycle_sweep *sweep, struct error *error)
{
    return loop_now_ns() < sweep_renewal_due_ns(sweep) || write_record(sweep, error);
}

/* Rules change before, or after. */
SUSPENDS static bool take_turn(struct lifecycle_sweep *sweep, struct error *error)
{
    struct lifecycle_runner *runner = sweep->runner;
    if (!keeper_take_turn(runner->keeper, sweep->bucket.creation_id, deadline_after_ms(TURN_MS)))
        return error_set(error, ERROR_BUSY, NULL, "settings of the bucket are being changed all the time");
    if (may_go_on(sweep, error))
        return true;
    keeper_give_turn(runner->keeper, sweep->bucket.creation_id);
    return false;
}

SUSPENDS static bool carry_out_batch(struct lifecycle_sweep *sweep, const struct lifecycle_order *orders,
                                     unsigned count, struct error *error)
{
    struct lifecycle_runner *runner = sweep->runner;
    for (unsigned i = 0; i < count; i++)
        prepare(sweep, &orders[i], i);
    if (!pace_spend(&runner->spent, count, error) || !sweep_renew(sweep, error) || !take_turn(sweep, error))
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
    bool goes_on = done ? take_turn(sweep, error) : may_go_on(sweep, error);
    if (done && goes_on) {
        if (is_shared(runner))
            keeper_give_turn(runner->keeper, sweep->bucket.creation_id);
        sweep_renewal_begin(&renewal, sweep);
        done = lifecycle_move_commit(&move, &failed);
        sweep_renewal_end(&renewal);
        if (!is_shared(runner))
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

SUSPENDS static bool carry_out(struct lifecycle_sweep *sweep, unsigned count, struct error *error)
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

/* ---- where it is ---- */

/* What the walk has counted since it was asked last. */
static void take_counts(struct lifecycle_sweep *sweep)
{
    struct sweep_record *record = &sweep->record;
    struct lifecycle_walk *walk = &sweep->walk;
    metric_add(&sweep->runner->counters.judged, walk->kept);
    metric_add(&sweep->runner->counters.locked, walk->locked);
    record->totals.judged += walk->kept;
    record->totals.locked += walk->locked;
    walk->kept = walk->locked = 0;
    record->cursor = walk->cursor;
    record->next_ms = walk->next_ms;
}

/* All that the page asked for has been done: from now on a follower begins behind it. */
SUSPENDS static bool end_page(struct lifecycle_sweep *sweep, struct error *error)
{
    take_counts(sweep);
    return sweep_renew(sweep, error);
}

/* ---- versions ---- */

/* The shard does nothing else while a page is judged, at 10 ns for a version and a rule. */
static unsigned page_entries(const struct lifecycle_plan *plan)
{
    unsigned entries = JUDGEMENTS_MAX / (plan->rules_count > 0 ? plan->rules_count : 1);
    return entries < LIST_ENTRIES_MAX ? entries : LIST_ENTRIES_MAX;
}

SUSPENDS static bool walk_prefix(struct lifecycle_sweep *sweep, struct span prefix, struct error *error)
{
    struct lifecycle_cursor *cursor = &sweep->walk.cursor;
    struct version_list_request request = {.bucket = span_from_string(sweep->bucket.name),
                                           .prefix = prefix,
                                           .entries_max = page_entries(&sweep->plan),
                                           .wants_grounds = true};
    struct list_page page = {.is_truncated = true};
    while (page.is_truncated) {
        if (span_starts_with(span_of(cursor->key, cursor->key_size), prefix)) {
            request.after_key = span_of(cursor->key, cursor->key_size);
            request.after_version = span_from_string(cursor->version);
            request.after_modified_ms = cursor->modified_ms;
        }
        arena_reset(&sweep->page);
        if (!may_go_on(sweep, error) ||
            !bucket_list_versions(sweep->runner->store, &request, &sweep->page, &page, error) ||
            !lifecycle_read_tags(sweep->runner->store, request.bucket, &sweep->plan, &page, sweep->walk.now_ms,
                                 &sweep->page, error) ||
            !carry_out(sweep, lifecycle_walk_page(&sweep->walk, &page, sweep->orders), error) ||
            !end_page(sweep, error))
            return false;
    }
    return true;
}

/* Prefixes that no other one encloses, in order: what lies before the cursor was walked already. */
SUSPENDS static bool walk_versions(struct lifecycle_sweep *sweep, struct error *error)
{
    const struct lifecycle_cursor *cursor = &sweep->walk.cursor;
    for (unsigned i = 0; i < sweep->plan.count && sweep->plan.acts_on_versions; i++) {
        const struct lifecycle_group *group = &sweep->plan.groups[i];
        struct span last = span_of(cursor->key, cursor->key_size);
        bool is_walked = !span_starts_with(last, group->prefix) && span_compare(group->prefix, last) < 0;
        if (group->outer == NULL && !is_walked && !walk_prefix(sweep, group->prefix, error))
            return false;
    }
    return true;
}

/* ---- uploads ---- */

SUSPENDS static bool abort_upload(struct lifecycle_sweep *sweep, const struct upload_info *upload,
                                  const struct lifecycle_rule *rule, struct error *error)
{
    struct lifecycle_runner *runner = sweep->runner;
    const struct object_name name = {.bucket = span_from_string(sweep->bucket.name), .key = upload->key};
    struct error failed;
    if (!pace_spend(&runner->spent, 1, error) || !sweep_renew(sweep, error) || !take_turn(sweep, error))
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

SUSPENDS static bool judge_upload(struct lifecycle_sweep *sweep, const struct upload_info *upload, struct error *error)
{
    const struct lifecycle_rule *rule;
    int64_t due_ms;
    if (object_key_is_reserved(upload->key) ||
        !lifecycle_judge_upload(&sweep->plan, upload->key, upload->initiated_ms, &rule, &due_ms))
        return true;
    if (due_ms <= sweep->walk.now_ms)
        return abort_upload(sweep, upload, rule, error);
    if (due_ms < sweep->walk.next_ms)
        sweep->walk.next_ms = due_ms;
    return true;
}

SUSPENDS static bool walk_uploads_of(struct lifecycle_sweep *sweep, struct span prefix, struct error *error)
{
    uint8_t key[OBJECT_KEY_BYTES_MAX];
    char id[UPLOAD_ID_BYTES];
    struct upload_list_request request = {
        .bucket = span_from_string(sweep->bucket.name), .prefix = prefix, .entries_max = LIST_ENTRIES_MAX};
    struct upload_list_page page = {.is_truncated = true};
    while (page.is_truncated) {
        arena_reset(&sweep->page);
        if (!may_go_on(sweep, error) ||
            !bucket_list_uploads(sweep->runner->store, &request, &sweep->page, &page, error))
            return false;
        for (unsigned i = 0; i < page.count; i++) {
            if (!judge_upload(sweep, &page.entries[i].upload, error))
                return false;
        }
        if (page.count == 0)
            return true;
        const struct upload_info *last = &page.entries[page.count - 1].upload; /* it goes with the page */
        memcpy(key, last->key.data, last->key.size);
        memcpy(id, last->id, sizeof id);
        request.after_key = span_of(key, last->key.size);
        request.after_upload = span_from_string(id);
    }
    return true;
}

/* They are few: whoever takes a sweep over begins with them again. */
SUSPENDS static bool walk_uploads(struct lifecycle_sweep *sweep, struct error *error)
{
    for (unsigned i = 0; i < sweep->plan.count && sweep->plan.aborts_uploads; i++) {
        const struct lifecycle_group *group = &sweep->plan.groups[i];
        if (group->outer == NULL && !walk_uploads_of(sweep, group->prefix, error))
            return false;
    }
    return true;
}

/* ---- from its beginning to its end ---- */

/* The rules, and which ones they are: no change is under way meanwhile. */
SUSPENDS static bool read_rules(struct lifecycle_sweep *sweep, struct error *error)
{
    struct lifecycle_runner *runner = sweep->runner;
    uint64_t creation_id = sweep->bucket.creation_id;
    if (!keeper_take_turn(runner->keeper, creation_id, deadline_after_ms(TURN_MS)))
        return error_set(error, ERROR_BUSY, NULL, "settings of the bucket are being changed all the time");
    struct keeper_records records; /* the pin is no older than these, for they are told the epoch as well */
    bool done = keeper_find(runner->keeper, creation_id, &records, error) &&
                settings_pin(runner->settings, &sweep->bucket, &sweep->settings, error);
    keeper_give_turn(runner->keeper, creation_id);
    if (!done)
        return false;
    sweep->record.rules = records.records[SETTING_LIFECYCLE].document;
    const struct lifecycle_bucket bucket = lifecycle_bucket_of(runner, &sweep->bucket);
    const struct lifecycle *lifecycle = settings_compiled(sweep->settings, SETTING_LIFECYCLE);
    if (lifecycle == NULL)
        return settings_are_whole(sweep->settings, error) &&
               error_set(error, ERROR_CHANGED, NULL, "its rules were removed");
    return lifecycle_plan_make(lifecycle, &bucket, &sweep->rules, &sweep->plan, error);
}

static void begin_anew(struct sweep_record *record, uint64_t rules, int64_t midnight_ms, int64_t now_ms)
{
    if (record->rules != rules)
        record->rules_count = 0;
    record->number++;
    record->claim = 0;
    record->rules = rules;
    record->midnight_ms = midnight_ms;
    record->began_ms = now_ms;
    record->ended_ms = 0;
    record->next_ms = INT64_MAX;
    record->state = SWEEP_WALKS;
    record->cursor = (struct lifecycle_cursor){0};
    record->totals = (struct sweep_totals){0};
    memset(record->holder, 0, sizeof record->holder);
}

/* The sweep that was cut off under the same rules, or a new one. */
static void settle_record(struct lifecycle_sweep *sweep, int64_t now_ms)
{
    struct lifecycle_runner *runner = sweep->runner;
    struct sweep_record *record = &sweep->record;
    uint64_t rules = record->rules;
    bool is_there = sweep_record_find(journal_state(runner->journal), sweep->bucket.creation_id, record);
    if (!is_there)
        *record = (struct sweep_record){0};
    if (!is_there || record->state == SWEEP_IS_DONE || record->rules != rules || is_of_future(record, now_ms))
        begin_anew(record, rules, now_ms / runner->day_ms * runner->day_ms, now_ms);
    if (!is_own(runner, record)) {
        if (record->claim > 0) {
            metric_add(&runner->counters.resumed, 1);
            record->next_ms = record->began_ms; /* what came to be before its cursor since then nobody knows */
        }
        record->claim++;
        memcpy(record->holder, runner->holder, sizeof record->holder);
    }
    sweep->walk = (struct lifecycle_walk){
        .plan = &sweep->plan, .now_ms = now_ms, .cursor = record->cursor, .next_ms = record->next_ms};
}

static void end_record(struct lifecycle_sweep *sweep)
{
    struct sweep_record *record = &sweep->record;
    int64_t soonest_ms = lifecycle_plan_soonest_ms(&sweep->plan, record->began_ms);
    int64_t next_midnight_ms = record->midnight_ms + sweep->runner->day_ms;
    take_counts(sweep);
    record->next_ms = soonest_ms < record->next_ms ? soonest_ms : record->next_ms;
    if (record->next_ms < next_midnight_ms) /* what is due, and stays, is looked at once a day */
        record->next_ms = next_midnight_ms;
    record->cursor = (struct lifecycle_cursor){0};
    record->state = SWEEP_IS_DONE;
    record->ended_ms = clock_wall_ms(sweep->runner->present);
}

static void tell(const struct lifecycle_sweep *sweep)
{
    const struct sweep_totals *totals = &sweep->record.totals;
    log_message(
        LOG_INFO,
        "lifecycle: %s is swept: of %llu versions %llu expired, %llu noncurrent ones and %llu delete markers "
        "removed, %llu moved to another class; %llu uploads aborted; %llu stay for a lock, %llu had changed",
        sweep->bucket.name, (unsigned long long)totals->judged, (unsigned long long)totals->done[LIFECYCLE_EXPIRE],
        (unsigned long long)totals->done[LIFECYCLE_REMOVE_VERSION],
        (unsigned long long)totals->done[LIFECYCLE_REMOVE_MARKER], (unsigned long long)totals->done[LIFECYCLE_MOVE],
        (unsigned long long)totals->aborted, (unsigned long long)totals->locked, (unsigned long long)totals->changed);
}

SUSPENDS static bool run(struct lifecycle_sweep *sweep, struct error *error)
{
    struct error ignored;
    if (!read_rules(sweep, error))
        return false;
    int64_t now_ms = clock_wall_ms(sweep->runner->present);
    if (sweep_need_of(sweep->runner, &sweep->bucket, now_ms) != SWEEP_IS_DUE)
        return error_set(error, ERROR_CONFLICT, NULL, "another process has taken the bucket a moment ago");
    settle_record(sweep, now_ms);
    if (!write_record(sweep, error))
        return false;
    if (!walk_uploads(sweep, error) || !walk_versions(sweep, error)) {
        if (sweep->runner->is_ending)
            sweep_claim_give_back(&sweep->record);
        (void)write_record(sweep, &ignored); /* as of the last page that was done */
        return false;
    }
    end_record(sweep);
    if (!write_record(sweep, error))
        return false;
    metric_add(&sweep->runner->counters.sweeps, 1);
    tell(sweep);
    return true;
}

SUSPENDS bool sweep_bucket(struct lifecycle_runner *runner, const struct bucket_info *bucket, struct error *error)
{
    struct lifecycle_sweep *sweep = calloc(1, sizeof *sweep);
    ASSERT(sweep != NULL);
    sweep->runner = runner;
    sweep->bucket = *bucket;
    arena_init(&sweep->rules, RULES_ARENA_BYTES);
    arena_init(&sweep->page, PAGE_ARENA_BYTES);
    runner->sweep = sweep;
    bool done = run(sweep, error);
    runner->sweep = NULL;
    if (sweep->settings != NULL)
        settings_unpin(runner->settings, sweep->settings);
    arena_free(&sweep->rules);
    arena_free(&sweep->page);
    free(sweep);
    return done;
}
