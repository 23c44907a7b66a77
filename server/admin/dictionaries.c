/* server/admin/dictionaries.c -- /dict: JSON of rules and trainings. */
#include "server/admin/dictionaries.h"

#include "server/admin/document.h"
#include "server/training/retire.h"

#include <stdio.h>
#include <string.h>

static void add_share(struct json_object *to, const char *name, double share)
{
    char text[32];
    (void)snprintf(text, sizeof text, "%.3f", share);
    json_object_object_add(to, name, json_object_new_double_s(share, text));
}

/* ---- GET /dict ---- */

static void add_drift(struct json_object *to, const struct dictionary_drift *drift)
{
    admin_add_number(to, "tried", drift->tried);
    admin_add_number(to, "won", drift->won);
    admin_add_number(to, "tried_original_bytes", drift->original_bytes);
    admin_add_number(to, "tried_plain_bytes", drift->plain_bytes);
    admin_add_number(to, "tried_dictionary_bytes", drift->dictionary_bytes);
}

/* What this process has done by it. */
static void add_use(struct json_object *to, const struct dictionary_rule *rule)
{
    admin_add_number(to, "puts", dictionary_rule_sum(rule, offsetof(struct dictionary_use, puts)));
    admin_add_number(to, "lost", dictionary_rule_sum(rule, offsetof(struct dictionary_use, lost)));
    if (rule->has_averages)
        add_share(to, "saving", rule->saving);
    admin_add_flag(to, "stale", rule->stale_since_ms != 0);
    if (rule->stale_since_ms != 0)
        admin_add_number(to, "stale_since_ms", (uint64_t)rule->stale_since_ms);
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
    admin_add_text(row, "bucket", mapping->bucket);
    admin_add_text(row, "prefix", mapping->prefix);
    admin_add_text(row, "id", span_from_string(id));
    admin_add_number(row, "bytes", mapping->bytes);
    admin_add_number(row, "samples", mapping->samples);
    add_share(row, "expected_saving", mapping->saving_permille / 1000.0);
    admin_add_number(row, "published_ms", (uint64_t)mapping->published_ms);
    if (mapping->has_previous) {
        dictionary_id_format(mapping->previous, id);
        admin_add_text(row, "previous", span_from_string(id));
    }
    admin_add_flag(row, "in_force", is_in_force);
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
    admin_add_text(row, "creation_id", span_from_string(creation_id));
    admin_add_text(row, "id", span_from_string(id));
    admin_add_number(row, "bytes", known->bytes);
    admin_add_number(row, "published_ms", (uint64_t)known->published_ms);
    return row;
}

SUSPENDS void admin_answer_dictionaries(struct http_exchange *exchange, const struct admin_view *view)
{
    const struct dictionary_keeper *keeper = view->trainer == NULL ? NULL : view->trainer->keeper;
    const struct state *state = keeper == NULL || keeper->journal == NULL ? NULL : journal_state(keeper->journal);
    if (state == NULL) {
        admin_refuse(exchange, 503, "the journal, where it stands which dictionary is for what, has not been read yet");
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
    admin_answer_document(exchange, 200, document);
}

/* ---- POST ---- */

static bool read_place(const struct http_exchange *exchange, struct span *ret_bucket, struct span *ret_prefix)
{
    return admin_find_parameter(exchange, "bucket", ret_bucket) && ret_bucket->size > 0 &&
           ret_bucket->size <= BUCKET_NAME_BYTES_MAX && ret_bucket->data[0] != '.' &&
           admin_find_parameter(exchange, "prefix", ret_prefix) && ret_prefix->size <= DICTIONARY_PREFIX_BYTES_MAX;
}

SUSPENDS static void answer_train(struct http_exchange *exchange, const struct admin_view *view, struct span bucket,
                                  struct span prefix)
{
    struct training_report report;
    struct error error;
    struct span ignored;
    bool is_trial = admin_find_parameter(exchange, "trial", &ignored);
    if (!trainer_train(view->trainer, bucket, prefix, is_trial, &report, &error)) {
        admin_refuse_error(exchange, &error);
        return;
    }
    struct json_object *document = json_object_new_object();
    admin_add_text(document, "id", span_from_string(report.id));
    admin_add_text(document, "current", span_from_string(report.current));
    admin_add_number(document, "bytes", report.bytes);
    admin_add_number(document, "samples", report.samples);
    admin_add_number(document, "objects", report.objects);
    admin_add_number(document, "original_bytes", report.original_bytes);
    admin_add_number(document, "plain_bytes", report.plain_bytes);
    admin_add_number(document, "dictionary_bytes", report.dictionary_bytes);
    admin_add_number(document, "current_bytes", report.current_bytes);
    admin_add_flag(document, "worth_it", report.is_worth_it);
    admin_add_flag(document, "published", report.is_published);
    admin_answer_document(exchange, 200, document);
}

SUSPENDS static void answer_unmap(struct http_exchange *exchange, const struct admin_view *view, struct span bucket,
                                  struct span prefix)
{
    struct error error;
    if (trainer_unmap(view->trainer, bucket, prefix, &error))
        admin_answer_document(exchange, 200, json_object_new_object());
    else
        admin_refuse_error(exchange, &error);
}

/* What stands for a prefix is an id. */
SUSPENDS static void answer_retire(struct http_exchange *exchange, const struct admin_view *view, struct span bucket,
                                   struct span id)
{
    struct retirement done;
    struct error error;
    if (!dictionary_retire(view->trainer, bucket, id, &done, &error)) {
        admin_refuse_error(exchange, &error);
        return;
    }
    struct json_object *document = json_object_new_object();
    admin_add_number(document, "looked_at", done.looked_at);
    admin_add_number(document, "rewritten", done.rewritten);
    admin_answer_document(exchange, 200, document);
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
            admin_refuse(exchange, 405, "this changes something: POST");
        else if (view->trainer == NULL)
            admin_refuse(exchange, 404, "there are no dictionaries to be made here");
        else if (!admin_may_change(exchange, view))
            admin_refuse_stranger(exchange);
        else if (!read_place(exchange, &bucket, &prefix))
            admin_refuse(exchange, 400, "which? ?bucket=NAME&prefix=TEXT");
        else
            CHANGES[i].answer(exchange, view, bucket, prefix);
        return true;
    }
    return false;
}
