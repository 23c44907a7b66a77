/* server/lifecycle/sweep.c -- takes a bucket, walks over it, has done what is due, keeps where it is. */
#include "server/lifecycle/sweep.h"

#include "runtime/base/assert.h"
#include "runtime/fiber/loop.h"
#include "runtime/log/log.h"
#include "s3client/wire/s3_error.h"
#include "server/lifecycle/act.h"
#include "server/lifecycle/hold.h"
#include "server/lifecycle/tags.h"
#include "server/s3/request/names.h"

#include <stdlib.h>
#include <string.h>

enum {
    RULES_ARENA_BYTES = 1 << 20,
    PAGE_ARENA_BYTES = 24 << 20, /* a thousand keys with all the tags that they may have */
    JUDGEMENTS_MAX = 50000,      /* of one page */
};

_Static_assert((int)JUDGEMENTS_MAX / (int)LIFECYCLE_RULES_MAX >= (int)LIFECYCLE_PAGE_ENTRIES_MIN, "a page has so many");

static const int64_t CLOCKS_APART_MS = INT64_C(24) * 3600 * 1000; /* of replicas, at the very most */

/* ---- is it time? ---- */

static bool is_own(const struct lifecycle_runner *runner, const struct sweep_record *record)
{
    return memcmp(record->holder, runner->holder, sizeof record->holder) == 0;
}

/* The clock was ahead when it was written: its midnights and its next moment are not to be waited for. */
static bool is_of_future(const struct lifecycle_runner *runner, const struct sweep_record *record, int64_t now_ms)
{
    return record->midnight_ms > now_ms + (sweep_is_shared(runner) ? CLOCKS_APART_MS : 0);
}

/* What was swept under the same rules is known up to the next moment at which something can be due: whatever was not
 * seen came later. That holds for what replicas have seen; of a store that is one process's own alone, an earlier one
 * is not believed. Replicas' clocks may be on both sides of a midnight. */
static bool is_done_due(const struct lifecycle_runner *runner, const struct sweep_record *record, uint64_t rules,
                        int64_t now_ms)
{
    int64_t midnight_ms = now_ms / runner->day_ms * runner->day_ms;
    if (record->rules != rules || is_of_future(runner, record, now_ms))
        return true;
    if (sweep_is_shared(runner))
        return record->midnight_ms < midnight_ms && now_ms >= record->next_ms;
    return record->midnight_ms != midnight_ms && (!is_own(runner, record) || now_ms >= record->next_ms);
}

/* As it stands, it is somebody's. */
static enum sweep_need need_of_anothers(struct lifecycle_runner *runner, uint64_t creation_id)
{
    uint64_t mark;
    uint64_t patience_ns = runner->takeover_ms * 1000000;
    return !sweep_record_mark(journal_state(runner->journal), creation_id, &mark) ||
                   sweep_claim_is_abandoned(&runner->claims, creation_id, mark, loop_now_ns(), patience_ns)
               ? SWEEP_IS_DUE
               : SWEEP_IS_ANOTHERS;
}

static enum sweep_need need_of_record(struct lifecycle_runner *runner, uint64_t creation_id,
                                      const struct sweep_record *record, uint64_t rules, int64_t now_ms)
{
    if (record->state == SWEEP_IS_DONE)
        return is_done_due(runner, record, rules, now_ms) ? SWEEP_IS_DUE : SWEEP_IS_NOT_DUE;
    if (!sweep_is_shared(runner) || is_own(runner, record) || sweep_claim_is_free(record))
        return SWEEP_IS_DUE;
    return need_of_anothers(runner, creation_id);
}

enum sweep_need sweep_need_of(struct lifecycle_runner *runner, const struct bucket_info *bucket, int64_t now_ms)
{
    uint64_t rules;
    if (!sweep_find_rules(runner, bucket->creation_id, &rules))
        return SWEEP_IS_NOT_DUE;
    struct sweep_record *record = malloc(sizeof *record); /* too large for a fiber's stack */
    ASSERT(record != NULL);
    enum sweep_need need = SWEEP_IS_DUE;
    if (sweep_record_find(journal_state(runner->journal), bucket->creation_id, record))
        need = need_of_record(runner, bucket->creation_id, record, rules, now_ms);
    else if (sweep_is_shared(runner)) /* there is none, or a later version's, who may be at it */
        need = need_of_anothers(runner, bucket->creation_id);
    free(record);
    return need;
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
        if (!sweep_may_go_on(sweep, error) ||
            !bucket_list_versions(sweep->runner->store, &request, &sweep->page, &page, error) ||
            !lifecycle_read_tags(sweep->runner->store, request.bucket, &sweep->plan, &page, sweep->walk.now_ms,
                                 &sweep->page, error) ||
            !sweep_carry_out(sweep, lifecycle_walk_page(&sweep->walk, &page, sweep->orders), error) ||
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

SUSPENDS static bool judge_upload(struct lifecycle_sweep *sweep, const struct upload_info *upload, struct error *error)
{
    const struct lifecycle_rule *rule;
    int64_t due_ms;
    if (object_key_is_reserved(upload->key) ||
        !lifecycle_judge_upload(&sweep->plan, upload->key, upload->initiated_ms, &rule, &due_ms))
        return true;
    if (due_ms <= sweep->walk.now_ms)
        return sweep_abort_upload(sweep, upload, rule, error);
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
        if (!sweep_may_go_on(sweep, error) ||
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
    if (!keeper_take_turn(runner->keeper, creation_id, deadline_after_ms(SWEEP_TURN_MS)))
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
    if (!is_there || record->state == SWEEP_IS_DONE || record->rules != rules || is_of_future(runner, record, now_ms))
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
    if (!journal_flush(sweep->runner->journal, error)) /* what others wrote before counts before what is written here */
        return false;
    if (sweep_need_of(sweep->runner, &sweep->bucket, now_ms) != SWEEP_IS_DUE)
        return error_set(error, ERROR_CONFLICT, NULL, "another process has taken the bucket a moment ago");
    settle_record(sweep, now_ms);
    if (!sweep_write_record(sweep, error))
        return false;
    if (!walk_uploads(sweep, error) || !walk_versions(sweep, error)) {
        if (sweep->runner->is_ending)
            sweep_claim_give_back(&sweep->record);
        (void)sweep_write_record(sweep, &ignored); /* as of the last page that was done */
        return false;
    }
    end_record(sweep);
    if (!sweep_write_record(sweep, error))
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
