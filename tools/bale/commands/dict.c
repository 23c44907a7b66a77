/* tools/bale/commands/dict.c -- bale dict: dictionaries of a running server: made, shown, taken out of force. */
#include "runtime/base/buffer.h"
#include "s3client/wire/uri.h"
#include "tools/bale/command.h"
#include "tools/bale/session/control_call.h"
#include "tools/bale/view/answer_view.h"
#include "tools/bale/view/printable.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { REQUEST_BYTES_MAX = 8000 };

/* ---- what the server answers ---- */

/* "61.2 %", or a dash where it is not known. */
static const char *format_share(struct json_object *document, const char *name, char ret_text[DATE_BYTES])
{
    struct json_object *share = answer_member(document, name);
    if (share == NULL)
        return "-";
    (void)snprintf(ret_text, DATE_BYTES, "%.1f %%", json_object_get_double(share) * 100);
    return ret_text;
}

/* ---- which bucket and prefix ---- */

/* BUCKET or BUCKET/PREFIX; to retire, BUCKET/ID. */
static bool make_request(const struct command_line *line, const char *path, const char *more,
                         struct buffer *ret_request, struct error *error)
{
    buffer_init(ret_request, REQUEST_BYTES_MAX);
    if (line->what == NULL || line->what[0] == '/' || line->what[0] == '\0')
        return error_set(error, ERROR_INVALID, NULL, "say of what: bale dict %s BUCKET/%s", line->target,
                         strcmp(line->target, "retire") == 0 ? "ID" : "PREFIX");
    struct span place = span_from_string(line->what);
    size_t slash = span_find(place, '/');
    buffer_append_format(ret_request, "%s?bucket=", path);
    uri_encode(ret_request, slash == SIZE_MAX ? place : span_take(place, slash), URI_ENCODE_ALL);
    buffer_append_string(ret_request, "&prefix=");
    uri_encode(ret_request, slash == SIZE_MAX ? SPAN_EMPTY : span_skip(place, slash + 1), URI_ENCODE_ALL);
    buffer_append_string(ret_request, more);
    return !ret_request->overflow || error_set(error, ERROR_TOO_LARGE, NULL, "the prefix is too long");
}

/* POSTs it. NULL: refused. */
static struct json_object *change(const struct command_line *line, const char *path, const char *more,
                                  struct error *error)
{
    struct buffer request;
    struct json_object *answer = NULL;
    const struct control_place place = command_place(line);
    if (make_request(line, path, more, &request, error))
        answer = control_call(&place, "POST", buffer_span(&request), error);
    buffer_free(&request);
    return answer;
}

/* ---- train, diff ---- */

static void print_place(const char *before, const char *place, const char *behind)
{
    printf("%s", before);
    printable_print(place);
    printf("%s", behind);
}

static void print_training(struct json_object *report)
{
    double plain = (double)answer_number(report, "plain_bytes");
    double with = (double)answer_number(report, "dictionary_bytes");
    double current = (double)answer_number(report, "current_bytes");
    printf("samples     %" PRId64 " of %" PRId64 " objects, a quarter of them only judge\n",
           answer_number(report, "samples"), answer_number(report, "objects"));
    printf("dictionary  %s, %" PRId64 " bytes\n", answer_text(report, "id"), answer_number(report, "bytes"));
    printf("they take   %" PRId64 " bytes as they are, %.0f without a dictionary, %.0f with it: %.1f %% less\n",
           answer_number(report, "original_bytes"), plain, with, plain > 0 ? (1 - with / plain) * 100 : 0);
    if (current > 0)
        printf("in force    %s, with which they take %.0f: %.1f %% more\n", answer_text(report, "current"), current,
               with > 0 ? (current / with - 1) * 100 : 0);
}

static bool train(const struct command_line *line, bool is_trial, struct error *error)
{
    struct json_object *report = change(line, "/dict/train", is_trial ? "&trial" : "", error);
    if (report == NULL)
        return false;
    if (line->json)
        answer_print(report);
    else
        print_training(report);
    bool is_worth_it = answer_flag(report, "worth_it");
    if (!line->json && answer_flag(report, "published"))
        print_place("published: new objects under ", line->what, " are compressed with it\n");
    else if (!line->json && !is_worth_it)
        printf("not worth it: it must be a tenth smaller than without a dictionary, and a twentieth than with the one "
               "in force. Nothing is changed\n");
    json_object_put(report);
    return true;
}

static bool command_train(const struct command_line *line, struct error *error)
{
    return train(line, false, error);
}

static bool command_diff(const struct command_line *line, struct error *error)
{
    return train(line, true, error);
}

static bool command_unmap(const struct command_line *line, struct error *error)
{
    struct json_object *answer = change(line, "/dict/unmap", "", error);
    if (answer == NULL)
        return false;
    if (line->json)
        answer_print(answer);
    else
        print_place("new objects under ", line->what,
                    " are compressed without a dictionary; those that are there stay as they are\n");
    json_object_put(answer);
    return true;
}

static bool command_retire(const struct command_line *line, struct error *error)
{
    struct json_object *answer = change(line, "/dict/retire", "", error);
    if (answer == NULL)
        return false;
    if (line->json)
        answer_print(answer);
    else
        printf("%" PRId64 " objects were written again, and the dictionary is removed\n",
               answer_number(answer, "rewritten"));
    json_object_put(answer);
    return true;
}

/* ---- list, status ---- */

static void print_rule(struct json_object *rule)
{
    char expected[DATE_BYTES];
    char late[DATE_BYTES];
    char date[DATE_BYTES];
    printf("%s/", answer_text(rule, "bucket"));
    printable_print(answer_text(rule, "prefix"));
    printf("\n    %s, %" PRId64 " bytes, of %s%s\n    expected saving %s, of late %s, by %" PRId64
           " objects tried both ways\n",
           answer_text(rule, "id"), answer_number(rule, "bytes"),
           answer_format_date(answer_number(rule, "published_ms"), date),
           answer_flag(rule, "in_force") ? "" : ", NOT IN FORCE HERE", format_share(rule, "expected_saving", expected),
           format_share(rule, "saving", late), answer_number(rule, "tried"));
    if (answer_flag(rule, "stale"))
        printf("    STALE since %s: bale dict train makes a new one\n",
               answer_format_date(answer_number(rule, "stale_since_ms"), date));
}

static void print_for_s4(struct json_object *rules)
{
    for (size_t i = 0; i < answer_count(rules); i++) {
        struct json_object *rule = json_object_array_get_idx(rules, i);
        struct buffer mapping;
        buffer_init(&mapping, REQUEST_BYTES_MAX);
        buffer_append_format(&mapping, "%s/%s=%s", answer_text(rule, "bucket"), answer_text(rule, "prefix"),
                             answer_text(rule, "id"));
        printf("--zstd-dict ");
        printable_print_for_shell(buffer_span(&mapping));
        printf("\n");
        buffer_free(&mapping);
    }
}

static bool command_list(const struct command_line *line, struct error *error)
{
    const struct control_place place = command_place(line);
    struct json_object *document = control_call(&place, "GET", SPAN("/dict"), error);
    if (document == NULL)
        return false;
    struct json_object *rules = answer_member(document, "rules");
    if (line->json)
        answer_print(document);
    else if (line->s4)
        print_for_s4(rules);
    else
        for (size_t i = 0; i < answer_count(rules); i++)
            print_rule(json_object_array_get_idx(rules, i));
    if (!line->json && !line->s4)
        printf("%zu in force, %zu ever published\n", answer_count(rules),
               json_object_array_length(answer_member(document, "known")));
    json_object_put(document);
    return true;
}

static bool command_status(const struct command_line *line, struct error *error)
{
    const struct control_place place = command_place(line);
    struct json_object *document = control_call(&place, "GET", SPAN("/dict"), error);
    if (document == NULL)
        return false;
    struct json_object *rules = answer_member(document, "rules");
    unsigned wrong = 0;
    for (size_t i = 0; i < answer_count(rules); i++) {
        struct json_object *rule = json_object_array_get_idx(rules, i);
        wrong += answer_flag(rule, "stale") || !answer_flag(rule, "in_force");
        if (!line->json)
            print_rule(rule);
    }
    if (line->json)
        answer_print(document);
    json_object_put(document);
    return wrong == 0 || error_set(error, ERROR_INVALID, NULL, "%u of these dictionaries %s stale, or not in force",
                                   wrong, wrong == 1 ? "is" : "are");
}

/* ---- the command ---- */

static const struct verb {
    const char *name;
    bool (*run)(const struct command_line *line, struct error *error);
} VERBS[] = {
    {"train", command_train},   {"diff", command_diff}, {"unmap", command_unmap},
    {"retire", command_retire}, {"list", command_list}, {"status", command_status},
};

bool command_dict(const struct command_line *line, struct error *error)
{
    for (unsigned i = 0; i < sizeof VERBS / sizeof VERBS[0]; i++) {
        if (strcmp(line->target, VERBS[i].name) == 0)
            return VERBS[i].run(line, error);
    }
    return error_set(error, ERROR_INVALID, NULL,
                     "there is no bale dict %s, but train, diff, unmap, retire, list and status", line->target);
}
