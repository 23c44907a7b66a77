/* server/maintenance/policy.c -- entries of a file, read by a table of options; errors are counted, and all are said.
 */
#include "server/maintenance/policy.h"

#include "s3client/wire/uri.h"
#include "server/config/option.h"
#include "server/lifecycle/transition.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#define AT(member) offsetof(struct policy_rule, member)
#define PIECE(number) (AT(pieces) + (number) * sizeof(char *))
#define RULE "rule "

enum { RECOMPACT_LEVEL = 9, SWEEP_AGE_MS = 24 * 3600 * 1000 };

static const char *const ACTIONS[] = {[POLICY_MIGRATE] = "migrate",
                                      [POLICY_RECOMPACT] = "recompact",
                                      [POLICY_TRANSITION] = "transition",
                                      [POLICY_SWEEP] = "sweep",
                                      [POLICY_ENCRYPT] = "encrypt"};

static const struct option KEYS[] = {
    {"action", OPTION_CHOICE, AT(action), "migrate", "NAME", .allowed = "migrate|recompact|transition|sweep|encrypt"},
    {"level", OPTION_NUMBER, AT(level), "auto", "N", .word = "auto", .least = 1, .most = 19},
    {"class", OPTION_TEXT, AT(storage_class), NULL, "NAME"},
    {"versions", OPTION_CHOICE, AT(versions), "keep", "WORD", .allowed = "keep|replace"},
    {"bucket", OPTION_TEXT, AT(bucket), NULL, "NAME"},
    {"prefix", OPTION_TEXT, PIECE(0), NULL, "TEXT"},
    {"prefix-2", OPTION_TEXT, PIECE(1), NULL, "TEXT"},
    {"prefix-3", OPTION_TEXT, PIECE(2), NULL, "TEXT"},
    {"prefix-4", OPTION_TEXT, PIECE(3), NULL, "TEXT"},
    {"prefix-5", OPTION_TEXT, PIECE(4), NULL, "TEXT"},
    {"prefix-6", OPTION_TEXT, PIECE(5), NULL, "TEXT"},
    {"ending", OPTION_TEXT, AT(ending), NULL, "TEXT"},
    {"least-size", OPTION_SIZE, AT(least_size), "1", "SIZE", .least = 1, .most = INT64_MAX},
    {"older-than", OPTION_DURATION, AT(older_than_ms), "0s", "TIME", .least = 0, .most = INT64_MAX},
    {"least-gain", OPTION_NUMBER, AT(least_gain), "5", "PERCENT", .least = 1, .most = 99},
    {"pays-back", OPTION_NUMBER, AT(pays_back), "off", "MONTHS", .word = "off", .least = 1, .most = 1200},
};
static const struct option_table TABLE = {KEYS, sizeof KEYS / sizeof KEYS[0], "bale maintain"};

struct reading {
    const struct ini_file *file;
    struct policy *policy;
    FILE *errors;
    unsigned errors_count;
};

static void say(struct reading *reading, const struct error *error)
{
    (void)fprintf(reading->errors, "%s\n", error->message);
    reading->errors_count++;
}

/* ---- one rule ---- */

/* The section that an entry stands in, as a rule; NULL: it is none. Sections do not stand twice (ini.h). */
static struct policy_rule *rule_of(struct reading *reading, const struct ini_entry *entry)
{
    struct policy *policy = reading->policy;
    struct error error;
    struct policy_rule *last = policy->count > 0 ? &policy->rules[policy->count - 1] : NULL;
    const char *name = entry->section + strlen(RULE);
    if (strncmp(entry->section, RULE, strlen(RULE)) != 0 || *name == '\0') {
        (void)ini_refuse(reading->file, entry, &error, "%s stands in no [rule NAME]", entry->name);
        say(reading, &error);
        return NULL;
    }
    if (last != NULL && strcmp(last->name, name) == 0)
        return last;
    if (policy->count == POLICY_RULES_MAX) {
        (void)ini_refuse(reading->file, entry, &error, "there are more than %d rules", POLICY_RULES_MAX);
        say(reading, &error);
        return NULL;
    }
    struct policy_rule *rule = &policy->rules[policy->count++];
    option_table_default(&TABLE, rule);
    memcpy(rule->name, name, strlen(name) + 1);
    rule->line = entry->line;
    return rule;
}

static void read_entry(struct reading *reading, const struct ini_entry *entry)
{
    struct policy_rule *rule = rule_of(reading, entry);
    const struct option *option = option_find(&TABLE, span_from_string(entry->name));
    char origin[1024];
    struct error error;
    if (rule == NULL)
        return;
    (void)snprintf(origin, sizeof origin, "%s:%u: %s", reading->file->path, entry->line, entry->name);
    if (option == NULL) {
        (void)ini_refuse(reading->file, entry, &error, "a rule has no %s; docs/maintain.md lists what it has",
                         entry->name);
        say(reading, &error);
    } else if (!option_read(&(struct setting){option, origin, entry->value}, rule, &error)) {
        say(reading, &error);
    }
}

static void say_of_rule(struct reading *reading, const struct policy_rule *rule, const char *sentence)
{
    (void)fprintf(reading->errors, "%s:%u: [rule %s]: %s\n", reading->file->path, rule->line, rule->name, sentence);
    reading->errors_count++;
}

/* Pieces, one behind the other without a gap, decoded. */
static void join_prefix(struct reading *reading, struct policy_rule *rule)
{
    struct buffer coded = {0};
    uint8_t decoded[POLICY_PREFIX_PIECES * INI_LINE_BYTES_MAX];
    size_t size = 0;
    bool is_right = true;
    for (unsigned i = 0; i < POLICY_PREFIX_PIECES; i++) {
        if (rule->pieces[i] == NULL)
            continue;
        is_right = is_right && (i == 0 || rule->pieces[i - 1] != NULL);
        buffer_append_string(&coded, rule->pieces[i]);
    }
    is_right = is_right && uri_decode(buffer_span(&coded), decoded, &size) && size <= sizeof rule->prefix;
    if (is_right) {
        rule->prefix_bytes = size;
        memcpy(rule->prefix, decoded, size);
    } else {
        char sentence[160];
        (void)snprintf(sentence, sizeof sentence,
                       "its prefix is no percent-coded text of at most %d bytes, in prefix, prefix-2 ... without a gap",
                       OBJECT_KEY_BYTES_MAX);
        say_of_rule(reading, rule, sentence);
    }
    buffer_free(&coded);
}

/* Do its keys fit its action? */
static void check_action(struct reading *reading, struct policy_rule *rule)
{
    struct span to = rule->storage_class != NULL ? span_from_string(rule->storage_class) : SPAN_EMPTY;
    if (rule->action == POLICY_TRANSITION && !transition_may_move(SPAN_EMPTY, to))
        say_of_rule(reading, rule,
                    "transition needs a class: STANDARD_IA, INTELLIGENT_TIERING, ONEZONE_IA, GLACIER_IR, GLACIER or "
                    "DEEP_ARCHIVE");
    if (rule->action != POLICY_TRANSITION && to.size > 0)
        say_of_rule(reading, rule, "class goes with transition");
    if (rule->level > 0 && rule->action != POLICY_RECOMPACT && rule->action != POLICY_TRANSITION)
        say_of_rule(reading, rule,
                    "level goes with recompact and transition; migrate and encrypt pack as --zstd-level says");
    if (rule->action == POLICY_ENCRYPT && rule->pays_back > 0)
        say_of_rule(reading, rule, "pays-back does not go with encrypt");
    if (rule->action == POLICY_ENCRYPT && rule->least_size == 1)
        rule->least_size = 0;
    if (rule->action == POLICY_SWEEP && (rule->least_size > 1 || rule->pays_back > 0))
        say_of_rule(reading, rule, "least-size and pays-back do not go with sweep");
    if (rule->action != POLICY_RECOMPACT && rule->action != POLICY_TRANSITION &&
        rule->versions == POLICY_REPLACES_VERSIONS)
        say_of_rule(reading, rule, "versions = replace goes with recompact and transition");
    if (rule->action == POLICY_RECOMPACT && rule->level == 0)
        rule->level = RECOMPACT_LEVEL;
    if (rule->action == POLICY_SWEEP && rule->older_than_ms == 0)
        rule->older_than_ms = SWEEP_AGE_MS;
}

/* ---- the file ---- */

static bool read_rules(struct ini_file *file, struct policy *policy, FILE *errors, struct error *error)
{
    struct reading reading = {file, policy, errors, 0};
    for (unsigned i = 0; i < file->count; i++)
        read_entry(&reading, &file->entries[i]);
    for (unsigned i = 0; i < policy->count; i++) {
        join_prefix(&reading, &policy->rules[i]);
        check_action(&reading, &policy->rules[i]);
    }
    if (reading.errors_count > 0)
        (void)error_set(error, ERROR_INVALID, NULL, "%s has %u error%s", file->path, reading.errors_count,
                        reading.errors_count == 1 ? "" : "s");
    else if (policy->count == 0)
        (void)error_set(error, ERROR_INVALID, NULL, "%s has no [rule NAME]", file->path);
    ini_file_free(file);
    return reading.errors_count == 0 && policy->count > 0;
}

bool policy_load(const char *path, struct policy *ret_policy, FILE *errors, struct error *error)
{
    struct ini_file file;
    *ret_policy = (struct policy){0};
    return ini_file_load(path, &file, error) && read_rules(&file, ret_policy, errors, error);
}

bool policy_parse(const char *path, struct span text, struct policy *ret_policy, FILE *errors, struct error *error)
{
    struct ini_file file;
    *ret_policy = (struct policy){0};
    return ini_file_parse(path, text, &file, error) && read_rules(&file, ret_policy, errors, error);
}

void policy_free(struct policy *policy)
{
    for (unsigned i = 0; i < policy->count; i++)
        option_table_free(&TABLE, &policy->rules[i]);
    policy->count = 0;
}

const char *policy_action_name(enum policy_action action)
{
    return ACTIONS[action];
}

bool policy_rewrites(const struct policy *policy)
{
    for (unsigned i = 0; i < policy->count; i++) {
        if (policy->rules[i].action == POLICY_RECOMPACT || policy->rules[i].action == POLICY_TRANSITION)
            return true;
    }
    return policy_encrypts(policy);
}

bool policy_encrypts(const struct policy *policy)
{
    for (unsigned i = 0; i < policy->count; i++) {
        if (policy->rules[i].action == POLICY_ENCRYPT)
            return true;
    }
    return false;
}

bool policy_has_objects(const struct policy *policy)
{
    for (unsigned i = 0; i < policy->count; i++) {
        if (policy->rules[i].action != POLICY_SWEEP)
            return true;
    }
    return false;
}

bool policy_rule_is_of(const struct policy_rule *rule, const struct object_name *name)
{
    return (rule->bucket == NULL || span_equal(name->bucket, span_from_string(rule->bucket))) &&
           span_starts_with(name->key, span_of(rule->prefix, rule->prefix_bytes)) &&
           (rule->ending == NULL || span_ends_with(name->key, span_from_string(rule->ending)));
}
