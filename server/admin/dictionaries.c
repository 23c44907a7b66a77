/* server/admin/dictionaries.c -- /dict: JSON of rules and trainings. */
#include "server/admin/dictionaries.h"

#include "runtime/base/hex.h"
#include "s3client/wire/s3_error.h"
#include "s3client/wire/uri.h"
#include "server/training/retire.h"

#include <json-c/json.h>
#include <stdio.h>
#include <string.h>

/* ---- answers ---- */

/* Takes the document over. */
SUSPENDS static void answer_document(struct http_exchange *exchange, int status, struct json_object *document)
{
    struct error error;
    const char *text = json_object_to_json_string_ext(document, JSON_C_TO_STRING_PLAIN);
    http_response_begin(exchange, status);
    http_response_field_string(exchange, "Content-Type", "application/json");
    (void)http_response_finish(exchange, span_from_string(text), &error); /* whoever asked has gone */
    json_object_put(document);
}

SUSPENDS static void refuse(struct http_exchange *exchange, int status, const char *sentence)
{
    struct json_object *document = json_object_new_object();
    json_object_object_add(document, "error", json_object_new_string(sentence));
    answer_document(exchange, status, document);
}

static int status_of(const struct error *error)
{
    switch (error->kind) {
    case ERROR_INVALID:
    case ERROR_UNSUPPORTED:
        return 400;
    case ERROR_NOT_FOUND:
        return 404;
    case ERROR_CONFLICT:
        return 409;
    case ERROR_DAMAGED:
    case ERROR_IO:
        return 500;
    default:
        return 503;
    }
}

static void add_text(struct json_object *to, const char *name, struct span text)
{
    json_object_object_add(to, name, json_object_new_string_len((const char *)text.data, (int)text.size));
}

static void add_number(struct json_object *to, const char *name, uint64_t number)
{
    json_object_object_add(to, name, json_object_new_int64((int64_t)number));
}

static void add_share(struct json_object *to, const char *name, double share)
{
    char text[32];
    (void)snprintf(text, sizeof text, "%.3f", share);
    json_object_object_add(to, name, json_object_new_double_s(share, text));
}

/* ---- GET /dict ---- */

static void add_drift(struct json_object *to, const struct dictionary_drift *drift)
{
    add_number(to, "tried", drift->tried);
    add_number(to, "won", drift->won);
    add_number(to, "tried_original_bytes", drift->original_bytes);
    add_number(to, "tried_plain_bytes", drift->plain_bytes);
    add_number(to, "tried_dictionary_bytes", drift->dictionary_bytes);
}

/* What this process has done by it. */
static void add_use(struct json_object *to, const struct dictionary_rule *rule)
{
    add_number(to, "puts", dictionary_rule_sum(rule, offsetof(struct dictionary_use, puts)));
    add_number(to, "lost", dictionary_rule_sum(rule, offsetof(struct dictionary_use, lost)));
    if (rule->has_averages)
        add_share(to, "saving", rule->saving);
    json_object_object_add(to, "stale", json_object_new_boolean(rule->stale_since_ms != 0));
    if (rule->stale_since_ms != 0)
        add_number(to, "stale_since_ms", (uint64_t)rule->stale_since_ms);
}

static struct json_object *describe_mapping(const struct dictionary_keeper *keeper, const struct state *state,
                                            const struct dictionary_mapping *mapping)
{
    struct json_object *row = json_object_new_object();
    char id[DICTIONARY_ID_BYTES];
    dictionary_id_format(mapping->digest, id);
    const struct dictionary_rules *rules = keeper->board.current;
    const struct dictionary_rule *rule =
        rules == NULL ? NULL : dictionary_rules_find(rules, mapping->creation_id, mapping->prefix);
    bool is_in_force = rule != NULL && strcmp(rule->id, id) == 0 && span_equal(rule->mapping.prefix, mapping->prefix);
    add_text(row, "bucket", mapping->bucket);
    add_text(row, "prefix", mapping->prefix);
    add_text(row, "id", span_from_string(id));
    add_number(row, "bytes", mapping->bytes);
    add_number(row, "samples", mapping->samples);
    add_share(row, "expected_saving", mapping->saving_permille / 1000.0);
    add_number(row, "published_ms", (uint64_t)mapping->published_ms);
    if (mapping->has_previous) {
        dictionary_id_format(mapping->previous, id);
        add_text(row, "previous", span_from_string(id));
    }
    json_object_object_add(row, "in_force", json_object_new_boolean(is_in_force));
    const struct dictionary_drift drift =
        dictionary_drift_find(state, mapping->creation_id, mapping->digest, mapping->prefix);
    add_drift(row, &drift);
    if (is_in_force)
        add_use(row, rule);
    return row;
}

static struct json_object *describe_known(const struct dictionary_known *known)
{
    struct json_object *row = json_object_new_object();
    char id[DICTIONARY_ID_BYTES];
    char creation_id[2 * sizeof known->creation_id + 1];
    dictionary_id_format(known->id, id);
    (void)snprintf(creation_id, sizeof creation_id, "%016llx", (unsigned long long)known->creation_id);
    add_text(row, "creation_id", span_from_string(creation_id));
    add_text(row, "id", span_from_string(id));
    add_number(row, "bytes", known->bytes);
    add_number(row, "published_ms", (uint64_t)known->published_ms);
    return row;
}

SUSPENDS void admin_answer_dictionaries(struct http_exchange *exchange, const struct admin_view *view)
{
    const struct dictionary_keeper *keeper = view->trainer == NULL ? NULL : view->trainer->keeper;
    const struct state *state = keeper == NULL || keeper->journal == NULL ? NULL : journal_state(keeper->journal);
    if (state == NULL) {
        refuse(exchange, 503, "the journal, where it stands which dictionary is for what, has not been read yet");
        return;
    }
    struct json_object *document = json_object_new_object();
    struct json_object *rules = json_object_new_array();
    struct json_object *all = json_object_new_array();
    struct dictionary_mapping mapping;
    struct dictionary_known known;
    struct state_walk walk = {0};
    while (dictionary_mapping_next(state, &walk, &mapping))
        json_object_array_add(rules, describe_mapping(keeper, state, &mapping));
    walk = (struct state_walk){0};
    while (dictionary_known_next(state, &walk, &known))
        json_object_array_add(all, describe_known(&known));
    json_object_object_add(document, "rules", rules);
    json_object_object_add(document, "known", all);
    answer_document(exchange, 200, document);
}

/* ---- POST ---- */

static bool may_change(const struct http_exchange *exchange, const struct admin_view *view)
{
    struct span given;
    struct span scheme = SPAN("Bearer ");
    struct span word = span_from_string(view->control_word);
    if (word.size == 0 || !http_head_find(exchange->head, "authorization", &given) || !span_starts_with(given, scheme))
        return false;
    return span_equal_constant_time(span_skip(given, scheme.size), word);
}

/* Decoded, in the exchange's memory; false: it is not there, or broken. */
static bool find_parameter(const struct http_exchange *exchange, const char *wanted, struct span *ret_value)
{
    struct span name;
    struct span value;
    bool has_value;
    for (size_t position = 0; uri_query_next(exchange->head->query, &position, &name, &value, &has_value);) {
        if (!span_equal(name, span_from_string(wanted)))
            continue;
        uint8_t *text = arena_allocate(exchange->arena, value.size + 1);
        size_t size;
        if (text == NULL || !uri_decode_form(value, text, &size))
            return false;
        *ret_value = span_of(text, size);
        return true;
    }
    return false;
}

static bool read_place(const struct http_exchange *exchange, struct span *ret_bucket, struct span *ret_prefix)
{
    return find_parameter(exchange, "bucket", ret_bucket) && ret_bucket->size > 0 &&
           ret_bucket->size <= BUCKET_NAME_BYTES_MAX && ret_bucket->data[0] != '.' &&
           find_parameter(exchange, "prefix", ret_prefix) && ret_prefix->size <= DICTIONARY_PREFIX_BYTES_MAX;
}

SUSPENDS static void answer_train(struct http_exchange *exchange, const struct admin_view *view, struct span bucket,
                                  struct span prefix)
{
    struct training_report report;
    struct error error;
    struct span ignored;
    bool is_trial = find_parameter(exchange, "trial", &ignored);
    if (!trainer_train(view->trainer, bucket, prefix, is_trial, &report, &error)) {
        refuse(exchange, status_of(&error), error.message);
        return;
    }
    struct json_object *document = json_object_new_object();
    add_text(document, "id", span_from_string(report.id));
    add_text(document, "current", span_from_string(report.current));
    add_number(document, "bytes", report.bytes);
    add_number(document, "samples", report.samples);
    add_number(document, "objects", report.objects);
    add_number(document, "original_bytes", report.original_bytes);
    add_number(document, "plain_bytes", report.plain_bytes);
    add_number(document, "dictionary_bytes", report.dictionary_bytes);
    add_number(document, "current_bytes", report.current_bytes);
    json_object_object_add(document, "worth_it", json_object_new_boolean(report.is_worth_it));
    json_object_object_add(document, "published", json_object_new_boolean(report.is_published));
    answer_document(exchange, 200, document);
}

SUSPENDS static void answer_unmap(struct http_exchange *exchange, const struct admin_view *view, struct span bucket,
                                  struct span prefix)
{
    struct error error;
    if (trainer_unmap(view->trainer, bucket, prefix, &error))
        answer_document(exchange, 200, json_object_new_object());
    else
        refuse(exchange, status_of(&error), error.message);
}

/* What stands for a prefix is an id. */
SUSPENDS static void answer_retire(struct http_exchange *exchange, const struct admin_view *view, struct span bucket,
                                   struct span id)
{
    struct retirement done;
    struct error error;
    if (!dictionary_retire(view->trainer, bucket, id, &done, &error)) {
        refuse(exchange, status_of(&error), error.message);
        return;
    }
    struct json_object *document = json_object_new_object();
    add_number(document, "looked_at", done.looked_at);
    add_number(document, "rewritten", done.rewritten);
    answer_document(exchange, 200, document);
}

static const struct change {
    const char *path;
    SUSPENDS void (*answer)(struct http_exchange *exchange, const struct admin_view *view, struct span bucket,
                            struct span prefix);
} CHANGES[] = {{"/dict/train", answer_train}, {"/dict/unmap", answer_unmap}, {"/dict/retire", answer_retire}};

SUSPENDS bool admin_change_dictionaries(struct http_exchange *exchange, const struct admin_view *view)
{
    for (unsigned i = 0; i < sizeof CHANGES / sizeof CHANGES[0]; i++) {
        struct span bucket;
        struct span prefix;
        if (!span_equal(exchange->head->path, span_from_string(CHANGES[i].path)))
            continue;
        if (!span_equal(exchange->head->method, SPAN("POST")))
            refuse(exchange, 405, "this changes something: POST");
        else if (view->trainer == NULL)
            refuse(exchange, 404, "there are no dictionaries to be made here");
        else if (!may_change(exchange, view))
            refuse(exchange, 403, "this needs the word of the file `control` in the server's folder");
        else if (!read_place(exchange, &bucket, &prefix))
            refuse(exchange, 400, "which? ?bucket=NAME&prefix=TEXT");
        else
            CHANGES[i].answer(exchange, view, bucket, prefix);
        return true;
    }
    return false;
}
