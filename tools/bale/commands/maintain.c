/* tools/bale/commands/maintain.c -- bale maintain: one walk over a bucket, each object by the first rule that acts on
 * it. */
#include "codec/trial.h"
#include "tools/bale/command.h"
#include "tools/bale/files/walk.h"
#include "tools/bale/maintain/migrate.h"
#include "tools/bale/session/backend_session.h"
#include "tools/bale/session/stopping.h"
#include "tools/bale/view/bytes_text.h"
#include "tools/bale/view/progress.h"

#include <errno.h>
#include <inttypes.h>
#include <json-c/json.h>
#include <stdio.h>

enum { FRAME_BUFFERS = 2, WAIT_MS = 10000 };
enum { FORMAT_TABLE, FORMAT_JSON }; /* in the order of the option's words */

/* What became of the objects of one rule. */
struct rule_sums {
    uint64_t outcomes[MIGRATE_OUTCOMES];
    uint64_t before; /* stored bytes of those that were packed, or would be */
    uint64_t after;
};

struct maintenance {
    const struct command_line *line;
    struct policy policy;
    struct migration migration;
    struct rule_sums sums[POLICY_RULES_MAX];
    uint64_t objects;
    FILE *log;                 /* NULL: none is kept */
    struct bucket_info bucket; /* that the walk is in */
    struct progress progress;
};

/* ---- the log ---- */

static void add_text(struct json_object *to, const char *name, struct span text)
{
    json_object_object_add(to, name, json_object_new_string_len((const char *)text.data, (int)text.size));
}

/* When the outcome is known, so that no line says what did not happen. */
static bool log_object(struct maintenance *maintenance, const struct policy_rule *rule, const struct object_name *name,
                       const struct migrated *migrated, struct error *error)
{
    if (maintenance->log == NULL)
        return true;
    struct json_object *line = json_object_new_object();
    json_object_object_add(line, "time_ms", json_object_new_int64(clock_wall_ms(clock_system())));
    json_object_object_add(line, "rule", json_object_new_string(rule->name));
    add_text(line, "bucket", name->bucket);
    add_text(line, "key", name->key);
    json_object_object_add(line, "action", json_object_new_string("migrate"));
    json_object_object_add(line, "executed", json_object_new_boolean(maintenance->line->execute));
    json_object_object_add(line, "outcome", json_object_new_string(migrate_outcome_name(migrated->outcome)));
    json_object_object_add(line, "before", json_object_new_int64((int64_t)migrated->before));
    if (migrated->outcome == MIGRATE_PACKED)
        json_object_object_add(line, "after", json_object_new_int64((int64_t)migrated->after));
    bool done = fprintf(maintenance->log, "%s\n", json_object_to_json_string_ext(line, JSON_C_TO_STRING_PLAIN)) > 0 &&
                fflush(maintenance->log) == 0;
    json_object_put(line);
    return done || error_set_errno(error, errno, "%s", maintenance->line->log);
}

/* ---- one object ---- */

static void count(struct rule_sums *sums, const struct migrated *migrated)
{
    sums->outcomes[migrated->outcome]++;
    if (migrated->outcome != MIGRATE_PACKED)
        return;
    sums->before += migrated->before;
    sums->after += migrated->after;
}

/* The first rule that acts on it ends it. */
SUSPENDS static bool apply_rules(struct maintenance *maintenance, const struct object_name *name,
                                 const struct list_entry *entry, struct error *error)
{
    struct migrated migrated = {.outcome = MIGRATE_ALREADY};
    for (unsigned i = 0; i < maintenance->policy.count && migrated.outcome != MIGRATE_PACKED; i++) {
        const struct policy_rule *rule = &maintenance->policy.rules[i];
        if (!policy_rule_is_of(rule, name))
            continue;
        migrated = (struct migrated){.outcome = MIGRATE_VERSIONED, .before = entry->original_size};
        if (maintenance->bucket.versioning == VERSIONING_NEVER &&
            !migrate_object(&maintenance->migration, rule, name, entry, &migrated, error))
            return false;
        count(&maintenance->sums[i], &migrated);
        if (!log_object(maintenance, rule, name, &migrated, error))
            return false;
    }
    return true;
}

SUSPENDS static bool visit(void *context, const struct object_name *name, const struct list_entry *entry,
                           struct error *error)
{
    struct maintenance *maintenance = context;
    bool is_same = span_equal(name->bucket, span_from_string(maintenance->bucket.name));
    if (!stopping_go_on(error) ||
        (!is_same && !bucket_find(maintenance->migration.store, name->bucket, &maintenance->bucket, error)))
        return false;
    if (!apply_rules(maintenance, name, entry, error))
        return error_prepend(error, "%.*s/%.*s", SPAN_FORMAT(name->bucket), SPAN_FORMAT(span_take(name->key, 80)));
    progress_show(&maintenance->progress, ++maintenance->objects);
    return true;
}

/* ---- all objects ---- */

SUSPENDS static bool walk_with(struct maintenance *maintenance, struct trial *trial, struct error *error)
{
    const struct walk walk = {.visit = visit, .context = maintenance};
    struct bucket_store *store = maintenance->migration.store;
    if (trial == NULL)
        return error_set(error, ERROR_BUSY, NULL, "there is no memory for a trial");
    if (maintenance->line->execute && (store->capabilities.conditions & DECIDES_PUT_REPLACE) == 0)
        return error_set(error, ERROR_UNSUPPORTED, NULL,
                         "the backend does not decide conditional writes (bale backend): an object that is written "
                         "meanwhile could be lost");
    progress_begin(&maintenance->progress, "objects", 0);
    bool done = walk_objects(store, &walk, error);
    progress_end(&maintenance->progress);
    return done;
}

SUSPENDS static bool maintain(struct bucket_store *store, void *context, struct error *error)
{
    struct maintenance *maintenance = context;
    const struct object_settings settings = {.level = (int)maintenance->line->zstd_level,
                                             .frame_buffers_max = FRAME_BUFFERS,
                                             .wait_ms = WAIT_MS,
                                             .store = store};
    const struct trial_settings first_frame = {.way = TRIAL_ZSTD, .level = settings.level, .clock = clock_system()};
    struct trial *trial = trial_create(&first_frame);
    maintenance->migration = (struct migration){.store = store,
                                                .codecs = object_codecs_create(&settings),
                                                .trial = trial,
                                                .executes = maintenance->line->execute,
                                                .now_ms = clock_wall_ms(clock_system())};
    bool done = walk_with(maintenance, trial, error);
    object_codecs_destroy(maintenance->migration.codecs);
    trial_destroy(trial);
    return done;
}

/* ---- what is printed ---- */

static void print_table(const struct maintenance *maintenance)
{
    for (unsigned i = 0; i < maintenance->policy.count; i++) {
        const struct rule_sums *sums = &maintenance->sums[i];
        char before[BYTES_TEXT_BYTES];
        char after[BYTES_TEXT_BYTES];
        bytes_text((double)sums->before, before);
        bytes_text((double)sums->after, after);
        printf("%s: %" PRIu64 " objects of %s %s packed, to %s%s\n", maintenance->policy.rules[i].name,
               sums->outcomes[MIGRATE_PACKED], before, maintenance->line->execute ? "were" : "would be",
               maintenance->line->execute ? "" : "about ", after);
        for (unsigned outcome = MIGRATE_PACKED + 1; outcome < MIGRATE_OUTCOMES; outcome++) {
            if (sums->outcomes[outcome] > 0)
                printf("  %8" PRIu64 " %s\n", sums->outcomes[outcome], migrate_outcome_name(outcome));
        }
    }
    if (!maintenance->line->execute)
        printf("Nothing was written: --execute does it.\n");
}

static struct json_object *sums_document(const struct rule_sums *sums, const char *name)
{
    struct json_object *document = json_object_new_object();
    struct json_object *outcomes = json_object_new_object();
    json_object_object_add(document, "rule", json_object_new_string(name));
    for (unsigned outcome = 0; outcome < MIGRATE_OUTCOMES; outcome++) {
        if (sums->outcomes[outcome] > 0)
            json_object_object_add(outcomes, migrate_outcome_name(outcome),
                                   json_object_new_int64((int64_t)sums->outcomes[outcome]));
    }
    json_object_object_add(document, "outcomes", outcomes);
    json_object_object_add(document, "before", json_object_new_int64((int64_t)sums->before));
    json_object_object_add(document, "after", json_object_new_int64((int64_t)sums->after));
    return document;
}

static void print_json(const struct maintenance *maintenance, bool is_all)
{
    struct json_object *document = json_object_new_object();
    struct json_object *rules = json_object_new_array();
    for (unsigned i = 0; i < maintenance->policy.count; i++)
        json_object_array_add(rules, sums_document(&maintenance->sums[i], maintenance->policy.rules[i].name));
    json_object_object_add(document, "executed", json_object_new_boolean(maintenance->line->execute));
    json_object_object_add(document, "is_all", json_object_new_boolean(is_all));
    json_object_object_add(document, "objects", json_object_new_int64((int64_t)maintenance->objects));
    json_object_object_add(document, "rules", rules);
    printf("%s\n", json_object_to_json_string_ext(document, JSON_C_TO_STRING_PLAIN));
    json_object_put(document);
}

/* ---- the command ---- */

static bool judge(const struct maintenance *maintenance, struct error *error)
{
    uint64_t unreadable = 0;
    for (unsigned i = 0; i < maintenance->policy.count; i++)
        unreadable += maintenance->sums[i].outcomes[MIGRATE_UNREADABLE];
    return unreadable == 0 ||
           error_set(error, ERROR_DAMAGED, NULL, "%" PRIu64 " objects could not be read; --log says which", unreadable);
}

static bool run(struct maintenance *maintenance, struct error *error)
{
    const struct command_line *line = maintenance->line;
    if (!policy_load(line->policy, &maintenance->policy, stderr, error))
        return false;
    if (line->log != NULL && (maintenance->log = fopen(line->log, "a")) == NULL)
        return error_set_errno(error, errno, "%s", line->log);
    stopping_watch();
    bool done = backend_session_run(&line->where, maintain, maintenance, error);
    if ((done || maintenance->objects > 0) && line->format == FORMAT_JSON)
        print_json(maintenance, done);
    else if (done || maintenance->objects > 0)
        print_table(maintenance);
    if (!done && maintenance->objects > 0) /* it has begun, and is not at its end */
        error->kind = ERROR_CANCELLED;
    return done && judge(maintenance, error);
}

bool command_maintain(const struct command_line *line, struct error *error)
{
    static struct maintenance maintenance; /* large */
    maintenance.line = line;
    bool done = run(&maintenance, error);
    policy_free(&maintenance.policy);
    if (maintenance.log != NULL)
        (void)fclose(maintenance.log);
    return done;
}
