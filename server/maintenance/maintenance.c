/* server/maintenance/maintenance.c -- walks, asks each rule, counts and logs. */
#include "server/maintenance/maintenance.h"

#include "runtime/fiber/offload.h"
#include "runtime/io/pace.h"
#include "server/dictionaries/table.h"
#include "server/maintenance/encrypt.h"
#include "server/maintenance/migrate.h"
#include "server/maintenance/recompact.h"
#include "server/maintenance/sweep.h"
#include "store/walk.h"

#include <json-c/json.h>
#include <string.h>

enum { FRAME_BUFFERS = 8, WAIT_MS = 10000, PACKERS = 1, QUEUED_MAX = 4, PACE_PIECES = 4 };

/* One walk. */
struct walking {
    struct bucket_store *store;
    struct object_codecs *codecs;
    struct offload *threads;
    bool has_columns;
    struct pace spent; /* of settings.pace */
    int64_t now_ms;
    struct bucket_info bucket;              /* that the walk is in */
    struct trial *trials[POLICY_RULES_MAX]; /* of rules that have tried something */
};

/* ---- the log ---- */

static void add_text(struct json_object *to, const char *name, struct span text)
{
    json_object_object_add(to, name, json_object_new_string_len((const char *)text.data, (int)text.size));
}

SUSPENDS static bool log_object(const struct maintenance *maintenance, const struct policy_rule *rule,
                                const struct object_name *name, const struct maintained *maintained,
                                struct error *error)
{
    if (maintenance->watcher.note == NULL)
        return true;
    struct json_object *line = json_object_new_object();
    json_object_object_add(line, "time_ms", json_object_new_int64(clock_wall_ms(clock_system())));
    json_object_object_add(line, "rule", json_object_new_string(rule->name));
    add_text(line, "bucket", name->bucket);
    add_text(line, "key", name->key);
    if (name->version.size > 0)
        add_text(line, "version", name->version);
    json_object_object_add(line, "action", json_object_new_string(policy_action_name(rule->action)));
    json_object_object_add(line, "executed", json_object_new_boolean(maintenance->settings.executes));
    json_object_object_add(line, "outcome", json_object_new_string(outcome_name(maintained->outcome)));
    json_object_object_add(line, "before", json_object_new_int64((int64_t)maintained->before));
    if (outcome_is_act(maintained->outcome))
        json_object_object_add(line, "after", json_object_new_int64((int64_t)maintained->after));
    if (maintained->said[0] != '\0')
        json_object_object_add(line, "error", json_object_new_string(maintained->said));
    struct span text = span_from_string(json_object_to_json_string_ext(line, JSON_C_TO_STRING_PLAIN));
    bool done = maintenance->watcher.note(maintenance->watcher.context, text, error);
    json_object_put(line);
    return done;
}

/* ---- one object ---- */

static void count(struct rule_sums *sums, const struct maintained *maintained)
{
    sums->outcomes[maintained->outcome]++;
    if (!outcome_is_act(maintained->outcome))
        return;
    sums->before += maintained->before;
    sums->after += maintained->after;
}

/* Of the rule at that place: made when it is first wanted. */
static struct trial *trial_of(struct maintenance *maintenance, unsigned at, struct error *error)
{
    struct walking *walking = maintenance->walking;
    const struct policy_rule *rule = &maintenance->policy->rules[at];
    int level = rule->level > 0 ? (int)rule->level : maintenance->settings.level;
    if (walking->trials[at] == NULL)
        walking->trials[at] = first_frame_trial(walking->has_columns, level);
    if (walking->trials[at] == NULL)
        (void)error_set(error, ERROR_BUSY, NULL, "there is no memory for a trial");
    return walking->trials[at];
}

/* What list entries say already; PACKED: it must be looked at. Each write to the bucket of an S3 server that keeps
 * versions would make one more. */
static enum outcome judge_entry(const struct walking *walking, bool is_bucket, const struct policy_rule *rule,
                                const struct list_entry *entry)
{
    if (entry->original_size < rule->least_size)
        return OUTCOME_TOO_SMALL;
    if (rule->older_than_ms > 0 && walking->now_ms - entry->modified_ms < (int64_t)rule->older_than_ms)
        return OUTCOME_TOO_YOUNG;
    if (!is_bucket || walking->bucket.versioning == VERSIONING_NEVER)
        return OUTCOME_PACKED;
    if (walking->bucket.has_lock)
        return OUTCOME_LOCKED;
    bool may_replace = rule->versions == POLICY_REPLACES_VERSIONS && walking->bucket.versioning == VERSIONING_ENABLED;
    return may_replace ? OUTCOME_PACKED : OUTCOME_VERSIONED;
}

SUSPENDS static bool apply_rule(struct maintenance *maintenance, unsigned at, const struct object_name *name,
                                const struct list_entry *entry, struct maintained *ret_maintained, struct error *error)
{
    struct walking *walking = maintenance->walking;
    const struct policy_rule *rule = &maintenance->policy->rules[at];
    const struct maintenance_settings *settings = &maintenance->settings;
    *ret_maintained = (struct maintained){.outcome = judge_entry(walking, settings->is_bucket, rule, entry),
                                          .before = entry->original_size};
    if (ret_maintained->outcome != OUTCOME_PACKED)
        return true;
    if (rule->action == POLICY_ENCRYPT) {
        const struct encryption encryption = {walking->store, walking->codecs, settings->executes, settings->is_bucket,
                                              walking->bucket.creation_id};
        return encrypt_object(&encryption, name, entry, ret_maintained, error);
    }
    struct trial *trial = trial_of(maintenance, at, error);
    if (trial == NULL)
        return false;
    if (rule->action == POLICY_MIGRATE) {
        struct migration migration = {.store = walking->store,
                                      .codecs = walking->codecs,
                                      .threads = walking->threads,
                                      .prices = maintenance->prices,
                                      .executes = settings->executes,
                                      .now_ms = walking->now_ms};
        return migrate_object(&migration, rule, trial, name, entry, ret_maintained, error);
    }
    const struct recompaction recompaction = {.store = walking->store,
                                              .codecs = walking->codecs,
                                              .threads = walking->threads,
                                              .prices = maintenance->prices,
                                              .executes = settings->executes,
                                              .now_ms = walking->now_ms,
                                              .costs_requests = settings->is_bucket,
                                              .replaces_version =
                                                  settings->is_bucket && walking->bucket.versioning != VERSIONING_NEVER,
                                              .creation_id = walking->bucket.creation_id};
    return recompact_object(&recompaction, rule, trial, name, entry, ret_maintained, error);
}

/* Former versions are packed anew and encrypted like others, but stay where they are. */
static bool is_about(const struct policy_rule *rule, const struct object_name *name, const struct list_entry *entry)
{
    return policy_rule_is_of(rule, name) && rule->action != POLICY_SWEEP &&
           (entry->is_latest || rule->action == POLICY_RECOMPACT || rule->action == POLICY_ENCRYPT);
}

SUSPENDS static bool goes_on(const struct maintenance *maintenance, struct error *error)
{
    return maintenance->watcher.go_on(maintenance->watcher.context, maintenance->objects, error);
}

/* After what was written anew: as long as --pace wants it to last, and whoever stops it waits for a quarter of a second
 * at most. */
SUSPENDS static bool keep_pace(struct maintenance *maintenance, uint64_t bytes, struct error *error)
{
    uint64_t piece_max = maintenance->settings.pace / PACE_PIECES + 1;
    if (maintenance->settings.pace == 0 || !maintenance->settings.executes)
        return true;
    while (bytes > 0) {
        uint64_t piece = bytes < piece_max ? bytes : piece_max;
        if (!goes_on(maintenance, error) || !pace_spend(&maintenance->walking->spent, piece, error))
            return false;
        bytes -= piece;
    }
    return true;
}

/* The first rule that acts on it ends it. */
SUSPENDS static bool apply_rules(struct maintenance *maintenance, const struct object_name *name,
                                 const struct list_entry *entry, struct error *error)
{
    struct maintained maintained = {.outcome = OUTCOME_ALREADY};
    for (unsigned i = 0; i < maintenance->policy->count && !outcome_is_last(maintained.outcome); i++) {
        const struct policy_rule *rule = &maintenance->policy->rules[i];
        if (!is_about(rule, name, entry))
            continue;
        if (!apply_rule(maintenance, i, name, entry, &maintained, error))
            return false;
        count(&maintenance->sums[i], &maintained);
        if (!log_object(maintenance, rule, name, &maintained, error))
            return false;
    }
    return !outcome_is_last(maintained.outcome) || keep_pace(maintenance, entry->original_size, error);
}

SUSPENDS static bool visit(void *context, const struct object_name *name, const struct list_entry *entry,
                           struct error *error)
{
    struct maintenance *maintenance = context;
    struct walking *walking = maintenance->walking;
    bool is_same = span_equal(name->bucket, span_from_string(walking->bucket.name));
    if (!goes_on(maintenance, error) ||
        (!is_same && !bucket_find(walking->store, name->bucket, &walking->bucket, error)))
        return false;
    if (entry->is_delete_marker)
        return true;
    if (!apply_rules(maintenance, name, entry, error))
        return error_prepend(error, "%.*s/%.*s", SPAN_FORMAT(name->bucket), SPAN_FORMAT(span_take(name->key, 80)));
    maintenance->objects++;
    return true;
}

/* ---- what is left over ---- */

struct swept_rule {
    struct maintenance *maintenance;
    unsigned at;
};

SUSPENDS static bool note_swept(void *context, const struct object_name *name, const struct maintained *maintained,
                                struct error *error)
{
    const struct swept_rule *swept = context;
    struct maintenance *maintenance = swept->maintenance;
    count(&maintenance->sums[swept->at], maintained);
    maintenance->objects++;
    return log_object(maintenance, &maintenance->policy->rules[swept->at], name, maintained, error);
}

SUSPENDS static bool sweep_goes_on(void *context, struct error *error)
{
    const struct swept_rule *swept = context;
    return goes_on(swept->maintenance, error);
}

/* In a folder a crash leaves nothing. */
SUSPENDS static bool sweep_all(struct maintenance *maintenance, struct error *error)
{
    const struct maintenance_settings *settings = &maintenance->settings;
    bool done = true;
    for (unsigned i = 0; done && settings->is_bucket && i < maintenance->policy->count; i++) {
        struct swept_rule swept = {maintenance, i};
        const struct sweep sweep = {.store = maintenance->walking->store,
                                    .rule = &maintenance->policy->rules[i],
                                    .executes = settings->executes,
                                    .is_forced = settings->is_forced,
                                    .go_on = sweep_goes_on,
                                    .settled = note_swept,
                                    .context = &swept};
        done = sweep.rule->action != POLICY_SWEEP || sweep_run(&sweep, error);
    }
    return done;
}

/* ---- all objects ---- */

/* Rules of such an action cannot be obeyed here: all of them are named. */
static bool refuse(const struct maintenance *maintenance, enum policy_action action, const char *why,
                   struct error *error)
{
    struct buffer names = {0};
    const struct policy *policy = maintenance->policy;
    for (unsigned i = 0; i < policy->count; i++) {
        if (policy->rules[i].action == action)
            buffer_append_format(&names, "%s[rule %s]", names.size > 0 ? ", " : "", policy->rules[i].name);
    }
    bool is_right = names.size == 0 || error_set(error, ERROR_UNSUPPORTED, NULL, "%s: take out %.*s", why,
                                                 SPAN_FORMAT(buffer_span(&names)));
    buffer_free(&names);
    return is_right;
}

static bool decides_writes(const struct maintenance *maintenance, const struct bucket_store *store, struct error *error)
{
    bool decides = (store->capabilities.conditions & DECIDES_PUT_REPLACE) != 0 &&
                   (store->capabilities.rewrites || !policy_rewrites(maintenance->policy));
    return decides || error_set(error, ERROR_UNSUPPORTED, NULL,
                                "the backend does not decide conditional writes (bale backend): an object that is "
                                "written meanwhile could be lost");
}

static bool check_store(const struct maintenance *maintenance, struct bucket_store *store, struct error *error)
{
    const struct maintenance_settings *settings = &maintenance->settings;
    if (settings->is_bucket)
        return !settings->executes || decides_writes(maintenance, store, error);
    return refuse(maintenance, POLICY_MIGRATE, "in a folder there is nothing that came before Bale", error);
}

SUSPENDS static bool walk(struct maintenance *maintenance, struct bucket_store *store, struct offload *threads,
                          struct error *error)
{
    const struct maintenance_settings *settings = &maintenance->settings;
    struct walking walking = {.store = store, .threads = threads, .now_ms = clock_wall_ms(clock_system())};
    walking.has_columns =
        settings->columns == CONFIG_COLUMNS_ON || (settings->columns == CONFIG_COLUMNS_AUTO && !settings->is_bucket);
    struct dictionary_table *dictionaries = dictionary_table_create(DICTIONARY_BYTES_MAX);
    const struct object_settings codecs = {.level = settings->level,
                                           .columns = walking.has_columns,
                                           .frame_buffers_max = FRAME_BUFFERS,
                                           .wait_ms = WAIT_MS,
                                           .offload = threads,
                                           .dictionaries = dictionaries,
                                           .store = store,
                                           .keyring = settings->keyring};
    const struct walk all = {.has_versions = !settings->is_bucket, .visit = visit, .context = maintenance};
    pace_init(&walking.spent, settings->pace);
    walking.codecs = object_codecs_create(&codecs);
    maintenance->walking = &walking;
    maintenance->has_begun = true;
    bool done =
        (!policy_has_objects(maintenance->policy) || walk_objects(store, &all, error)) && sweep_all(maintenance, error);
    for (unsigned i = 0; i < POLICY_RULES_MAX; i++)
        trial_destroy(walking.trials[i]);
    object_codecs_destroy(walking.codecs);
    dictionary_table_destroy(dictionaries);
    maintenance->walking = NULL;
    return done;
}

uint64_t maintenance_count(const struct maintenance *maintenance, enum outcome outcome)
{
    uint64_t sum = 0;
    for (unsigned i = 0; i < maintenance->policy->count; i++)
        sum += maintenance->sums[i].outcomes[outcome];
    return sum;
}

SUSPENDS bool maintenance_run(struct bucket_store *store, struct maintenance *maintenance, struct error *error)
{
    memset(maintenance->sums, 0, sizeof maintenance->sums);
    maintenance->objects = 0;
    maintenance->has_begun = false;
    struct offload *threads = offload_create("maintain", PACKERS, QUEUED_MAX, error);
    if (threads == NULL)
        return false;
    bool done = check_store(maintenance, store, error) && walk(maintenance, store, threads, error);
    offload_destroy(threads);
    return done;
}
