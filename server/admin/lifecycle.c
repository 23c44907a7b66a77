/* server/admin/lifecycle.c -- /lifecycle: JSON of sweeps, rules and judgements. */
#include "server/admin/lifecycle.h"

#include "runtime/base/hex.h"
#include "server/admin/document.h"
#include "server/lifecycle/explain.h"
#include "server/lifecycle/sweep.h"
#include "server/lifecycle/transition.h"

#include <stdlib.h>

enum { BUCKETS_PAGE = 100, BUCKETS_ARENA_BYTES = 1 << 20 };

static const char none_text[] =
    "lifecycle rules are not carried out here: there is no journal, in which it stands how far sweeps are";

SUSPENDS struct lifecycle_runner *admin_find_lifecycle(struct http_exchange *exchange, const struct admin_view *view)
{
    if (view->lifecycle == NULL)
        admin_refuse(exchange, 404, none_text);
    else if (view->lifecycle->journal == NULL || journal_state(view->lifecycle->journal) == NULL)
        admin_refuse(exchange, 503, "the journal, where it stands how far sweeps are, has not been read yet");
    else
        return view->lifecycle;
    return NULL;
}

/* A moment that never comes is left out. */
static void add_moment(struct json_object *to, const char *name, int64_t moment_ms)
{
    if (moment_ms != 0 && moment_ms != INT64_MAX)
        admin_add_number(to, name, (uint64_t)moment_ms);
}

/* ---- one bucket ---- */

static uint64_t find_acted(const struct sweep_record *record, unsigned place)
{
    for (unsigned i = 0; i < record->rules_count; i++)
        if (record->rules_acted[i].place == place)
            return record->rules_acted[i].acted;
    return 0;
}

/* `record` NULL: it says nothing of these rules. */
static struct json_object *describe_rules(const struct lifecycle *lifecycle, const struct sweep_record *record,
                                          bool has_classes)
{
    struct json_object *rules = json_object_new_array();
    for (unsigned i = 0; i < lifecycle->rules_count; i++) {
        const struct lifecycle_rule *rule = &lifecycle->rules[i];
        struct json_object *row = json_object_new_object();
        admin_add_text(row, "id", rule->id);
        admin_add_flag(row, "enabled", rule->is_enabled);
        if (rule->transitions_count + rule->noncurrent_transitions_count > 0)
            admin_add_flag(row, "transitions_carried_out", has_classes);
        admin_add_number(row, "acted", record == NULL ? 0 : find_acted(record, i));
        json_object_array_add(rules, row);
    }
    return rules;
}

static struct json_object *describe_sweep(const struct lifecycle_runner *runner, const struct sweep_record *record)
{
    char holder[2 * SWEEP_HOLDER_BYTES];
    const struct sweep_totals *totals = &record->totals;
    struct json_object *row = json_object_new_object();
    admin_add_number(row, "number", record->number);
    admin_add_number(row, "claim", record->claim);
    hex_encode(span_of(record->holder, sizeof record->holder), holder);
    admin_add_text(row, "holder", span_of(holder, sizeof holder));
    admin_add_flag(row, "is_own", memcmp(record->holder, runner->holder, sizeof runner->holder) == 0);
    admin_add_text(row, "state", record->state == SWEEP_IS_DONE ? SPAN("done") : SPAN("walking"));
    add_moment(row, "midnight_ms", record->midnight_ms);
    add_moment(row, "began_ms", record->began_ms);
    add_moment(row, "ended_ms", record->ended_ms);
    if (record->state == SWEEP_IS_DONE)
        add_moment(row, "next_ms", record->next_ms);
    admin_add_number(row, "judged", totals->judged);
    admin_add_number(row, "expired", totals->done[LIFECYCLE_EXPIRE]);
    admin_add_number(row, "versions_removed", totals->done[LIFECYCLE_REMOVE_VERSION]);
    admin_add_number(row, "markers_removed", totals->done[LIFECYCLE_REMOVE_MARKER]);
    admin_add_number(row, "moved", totals->done[LIFECYCLE_MOVE]);
    admin_add_number(row, "uploads_aborted", totals->aborted);
    admin_add_number(row, "changed", totals->changed);
    admin_add_number(row, "locked", totals->locked);
    admin_add_number(row, "unsafe", totals->unsafe);
    admin_add_number(row, "failed", totals->failed);
    return row;
}

/* NULL: it has no rules, or they cannot be read. */
SUSPENDS static struct json_object *describe_bucket(struct lifecycle_runner *runner, const struct bucket_info *bucket,
                                                    struct sweep_record *record)
{
    const struct bucket_settings *settings;
    struct setting_record setting;
    struct error error;
    if (!setting_record_find(journal_state(runner->journal), bucket->creation_id, SETTING_LIFECYCLE, &setting) ||
        !settings_pin(runner->settings, bucket, &settings, &error))
        return NULL;
    const struct lifecycle *lifecycle = settings_compiled(settings, SETTING_LIFECYCLE);
    struct json_object *row = lifecycle == NULL ? NULL : json_object_new_object();
    if (row != NULL) {
        bool is_swept = sweep_record_find(journal_state(runner->journal), bucket->creation_id, record);
        bool is_of_rules = is_swept && record->rules == setting.document;
        admin_add_text(row, "bucket", span_from_string(bucket->name));
        bool has_classes = lifecycle_bucket_of(runner, bucket).has_classes;
        json_object_object_add(row, "rules", describe_rules(lifecycle, is_of_rules ? record : NULL, has_classes));
        if (is_of_rules)
            json_object_object_add(row, "sweep", describe_sweep(runner, record));
    }
    settings_unpin(runner->settings, settings);
    return row;
}

/* ---- GET /lifecycle ---- */

SUSPENDS static bool describe_buckets(struct lifecycle_runner *runner, struct json_object *rows, struct error *error)
{
    char after[BUCKET_NAME_BYTES_MAX + 1] = "";
    struct sweep_record *record = malloc(sizeof *record); /* too large for a fiber's stack */
    struct arena arena;
    bool is_truncated = true;
    bool done = true;
    if (record == NULL)
        return error_set(error, ERROR_BUSY, NULL, "no memory");
    arena_init(&arena, BUCKETS_ARENA_BYTES);
    while (done && is_truncated) {
        struct bucket_info *buckets;
        unsigned count;
        arena_reset(&arena);
        done = bucket_list_buckets(runner->store, SPAN_EMPTY, SPAN_EMPTY, span_from_string(after), BUCKETS_PAGE, &arena,
                                   &buckets, &count, &is_truncated, error);
        for (unsigned i = 0; done && i < count; i++) {
            struct json_object *row = describe_bucket(runner, &buckets[i], record);
            if (row != NULL)
                json_object_array_add(rows, row);
            memcpy(after, buckets[i].name, sizeof after);
        }
        is_truncated = is_truncated && count > 0;
    }
    arena_free(&arena);
    free(record);
    return done;
}

static void add_present(struct json_object *document, const struct lifecycle_runner *runner)
{
    const struct lifecycle_sweep *sweep = runner->sweep;
    if (sweep == NULL)
        return;
    struct json_object *row = json_object_new_object();
    admin_add_text(row, "bucket", span_from_string(sweep->bucket.name));
    admin_add_number(row, "judged", sweep->record.totals.judged);
    admin_add_text(row, "key", span_of(sweep->walk.cursor.key, sweep->walk.cursor.key_size));
    json_object_object_add(document, "under_way", row);
}

/* Nothing where the backend has no rules of its own. */
static void add_native(struct json_object *document, const struct admin_view *view)
{
    if (view->backend->operations->find_native_rule == NULL || view->journal == NULL)
        return;
    const struct native_watch *watch = &view->journal->native;
    struct json_object *row = json_object_new_object();
    admin_add_flag(row, "is_known", watch->has_looked && watch->trouble[0] == '\0');
    admin_add_text(row, "trouble", span_from_string(watch->trouble));
    admin_add_flag(row, "covers_own", watch->rule[0] != '\0');
    admin_add_text(row, "rule", span_from_string(watch->rule));
    json_object_object_add(document, "native_rules", row);
}

SUSPENDS void admin_answer_lifecycle(struct http_exchange *exchange, const struct admin_view *view)
{
    struct lifecycle_runner *runner = admin_find_lifecycle(exchange, view);
    struct error error;
    if (runner == NULL)
        return;
    struct json_object *document = json_object_new_object();
    struct json_object *rows = json_object_new_array();
    admin_add_flag(document, "runs", lifecycle_halt_of(runner) == LIFECYCLE_RUNS);
    admin_add_text(document, "halt", span_from_string(lifecycle_halt_text(runner)));
    admin_add_text(document, "last_error", span_from_string(runner->last_error));
    admin_add_number(document, "day_ms", (uint64_t)runner->day_ms);
    admin_add_number(document, "pace", runner->pace);
    add_present(document, runner);
    add_native(document, view);
    json_object_object_add(document, "buckets", rows);
    if (describe_buckets(runner, rows, &error)) {
        admin_answer_document(exchange, 200, document);
        return;
    }
    json_object_put(document);
    admin_refuse_error(exchange, &error);
}

/* ---- GET /lifecycle/explain ---- */

static void add_version(struct json_object *document, const struct lifecycle_explanation *told)
{
    const struct lifecycle_version *version = &told->version;
    admin_add_text(document, "version", span_from_string(told->version_id));
    admin_add_flag(document, "current", version->is_current);
    admin_add_flag(document, "marker", version->is_marker);
    if (version->is_current && version->is_marker)
        admin_add_flag(document, "alone", version->is_alone);
    admin_add_number(document, "size", version->size);
    admin_add_text(document, "storage_class",
                   version->storage_class.size > 0 ? version->storage_class : SPAN("STANDARD"));
    add_moment(document, "modified_ms", version->modified_ms);
    if (!version->is_current) {
        add_moment(document, "superseded_ms", version->superseded_ms);
        admin_add_number(document, "newer_kept", version->newer_kept);
    }
}

static void add_verdict(struct json_object *document, const struct lifecycle_explanation *told)
{
    const struct lifecycle_verdict *verdict = &told->verdict;
    admin_add_text(document, "action", span_from_string(lifecycle_action_name(verdict->action)));
    if (verdict->rule != NULL) {
        admin_add_text(document, "rule", verdict->rule->id);
        add_moment(document, "due_ms", verdict->due_ms);
        if (verdict->action == LIFECYCLE_MOVE)
            admin_add_text(document, "to", verdict->storage_class);
    } else {
        add_moment(document, "next_ms", verdict->next_ms);
    }
    admin_add_flag(document, "locked", told->is_locked);
}

/* What a rule says, or one of its transitions, which `to` names; NULL: it is not about a transition. */
static void add_answer(struct json_object *rules, const struct lifecycle_rule *rule, const struct span *to,
                       enum lifecycle_answer answer, int64_t due_ms)
{
    struct json_object *row = json_object_new_object();
    struct buffer says;
    buffer_init(&says, 0);
    if (to != NULL)
        buffer_append_format(&says, "(to %.*s) ", SPAN_FORMAT(*to));
    lifecycle_answer_tell(answer, due_ms, &says);
    admin_add_text(row, "id", rule->id);
    admin_add_text(row, "says", buffer_span(&says));
    json_object_array_add(rules, row);
    buffer_free(&says);
}

static void add_transitions(struct json_object *rules, const struct lifecycle_explanation *told,
                            const struct lifecycle_rule *rule)
{
    unsigned count;
    const struct lifecycle_transition *transitions = transitions_for(rule, &told->version, &count);
    for (unsigned i = 0; i < count; i++) {
        int64_t due_ms = 0;
        enum lifecycle_answer answer =
            transition_ask(told->plan, rule, &transitions[i], &told->version, told->now_ms, &due_ms);
        add_answer(rules, rule, &transitions[i].storage_class, answer, due_ms);
    }
}

/* One that only moves such a version is not said to have no action for it. */
static void add_rule(struct json_object *rules, const struct lifecycle_explanation *told,
                     const struct lifecycle_rule *rule)
{
    unsigned transitions_count;
    int64_t due_ms = 0;
    enum lifecycle_answer answer = lifecycle_ask_rule(told->plan, rule, &told->version, told->now_ms, &due_ms);
    (void)transitions_for(rule, &told->version, &transitions_count);
    if (answer != RULE_HAS_NO_ACTION || transitions_count == 0)
        add_answer(rules, rule, NULL, answer, due_ms);
    add_transitions(rules, told, rule);
}

static void tell(void *context, const struct lifecycle_explanation *told)
{
    struct json_object *document = context;
    struct json_object *rules = json_object_new_array();
    add_version(document, told);
    add_verdict(document, told);
    for (unsigned i = 0; i < told->plan->lifecycle->rules_count; i++)
        add_rule(rules, told, &told->plan->lifecycle->rules[i]);
    json_object_object_add(document, "rules", rules);
}

static bool read_name(const struct http_exchange *exchange, struct object_name *ret_name)
{
    *ret_name = (struct object_name){0};
    (void)admin_find_parameter(exchange, "version", &ret_name->version);
    return admin_find_parameter(exchange, "bucket", &ret_name->bucket) && ret_name->bucket.size > 0 &&
           ret_name->bucket.size <= BUCKET_NAME_BYTES_MAX && ret_name->bucket.data[0] != '.' &&
           admin_find_parameter(exchange, "key", &ret_name->key) && ret_name->key.size > 0 &&
           ret_name->key.size <= OBJECT_KEY_BYTES_MAX && ret_name->version.size < VERSION_TEXT_BYTES;
}

SUSPENDS void admin_answer_lifecycle_explain(struct http_exchange *exchange, const struct admin_view *view)
{
    struct lifecycle_runner *runner = admin_find_lifecycle(exchange, view);
    struct object_name name;
    struct error error;
    if (runner == NULL)
        return;
    if (!read_name(exchange, &name)) {
        admin_refuse(exchange, 400, "which? ?bucket=NAME&key=TEXT, and perhaps &version=ID");
        return;
    }
    struct json_object *document = json_object_new_object();
    admin_add_text(document, "bucket", name.bucket);
    admin_add_text(document, "key", name.key);
    if (lifecycle_explain(runner, &name, tell, document, &error)) {
        admin_answer_document(exchange, 200, document);
        return;
    }
    json_object_put(document);
    admin_refuse_error(exchange, &error);
}

/* ---- POST ---- */

SUSPENDS bool admin_change_lifecycle(struct http_exchange *exchange, const struct admin_view *view)
{
    if (!span_equal(exchange->head->path, SPAN("/lifecycle/confirm-clock")))
        return false;
    if (!span_equal(exchange->head->method, SPAN("POST"))) {
        admin_refuse(exchange, 405, "this changes something: POST");
    } else if (view->lifecycle == NULL) {
        admin_refuse(exchange, 404, none_text);
    } else if (!admin_may_change(exchange, view)) {
        admin_refuse_stranger(exchange);
    } else {
        lifecycle_confirm_clock(view->lifecycle);
        admin_answer_document(exchange, 200, json_object_new_object());
    }
    return true;
}
