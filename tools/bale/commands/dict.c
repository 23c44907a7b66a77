/* tools/bale/commands/dict.c -- bale dict: dictionaries of a running server: made, shown, taken out of force. */
#include "runtime/base/buffer.h"
#include "s3client/wire/uri.h"
#include "tools/bale/command.h"
#include "tools/bale/session/control_call.h"
#include "tools/bale/view/printable.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

enum { REQUEST_BYTES_MAX = 8000, DATE_BYTES = 32 };

static const char *folder_of(const struct command_line *line)
{
    return line->state != NULL ? line->state : line->folder;
}

/* ---- what the server answers ---- */

static struct json_object *member(struct json_object *document, const char *name)
{
    struct json_object *value = NULL;
    (void)json_object_object_get_ex(document, name, &value);
    return value;
}

static const char *text_of(struct json_object *document, const char *name)
{
    const char *text = json_object_get_string(member(document, name));
    return text != NULL ? text : "";
}

static int64_t number_of(struct json_object *document, const char *name)
{
    return json_object_get_int64(member(document, name));
}

static bool is_set(struct json_object *document, const char *name)
{
    return json_object_get_boolean(member(document, name));
}

/* "61.2 %", or a dash where it is not known. */
static const char *format_share(struct json_object *document, const char *name, char ret_text[DATE_BYTES])
{
    struct json_object *share = member(document, name);
    if (share == NULL)
        return "-";
    (void)snprintf(ret_text, DATE_BYTES, "%.1f %%", json_object_get_double(share) * 100);
    return ret_text;
}

static const char *format_date(int64_t wall_ms, char ret_text[DATE_BYTES])
{
    time_t seconds = (time_t)(wall_ms / 1000);
    struct tm date;
    (void)gmtime_r(&seconds, &date);
    (void)strftime(ret_text, DATE_BYTES, "%Y-%m-%d %H:%M", &date);
    return ret_text;
}

static void print_json(struct json_object *document)
{
    printf("%s\n", json_object_to_json_string_ext(document, JSON_C_TO_STRING_PLAIN));
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
    if (make_request(line, path, more, &request, error))
        answer = control_call(folder_of(line), "POST", buffer_span(&request), error);
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
    double plain = (double)number_of(report, "plain_bytes");
    double with = (double)number_of(report, "dictionary_bytes");
    double current = (double)number_of(report, "current_bytes");
    printf("samples     %" PRId64 " of %" PRId64 " objects, a quarter of them only judge\n",
           number_of(report, "samples"), number_of(report, "objects"));
    printf("dictionary  %s, %" PRId64 " bytes\n", text_of(report, "id"), number_of(report, "bytes"));
    printf("they take   %" PRId64 " bytes as they are, %.0f without a dictionary, %.0f with it: %.1f %% less\n",
           number_of(report, "original_bytes"), plain, with, plain > 0 ? (1 - with / plain) * 100 : 0);
    if (current > 0)
        printf("in force    %s, with which they take %.0f: %.1f %% more\n", text_of(report, "current"), current,
               with > 0 ? (current / with - 1) * 100 : 0);
}

static bool train(const struct command_line *line, bool is_trial, struct error *error)
{
    struct json_object *report = change(line, "/dict/train", is_trial ? "&trial" : "", error);
    if (report == NULL)
        return false;
    if (line->json)
        print_json(report);
    else
        print_training(report);
    bool is_worth_it = is_set(report, "worth_it");
    if (!line->json && is_set(report, "published"))
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
        print_json(answer);
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
        print_json(answer);
    else
        printf("%" PRId64 " objects were written again, and the dictionary is removed\n",
               number_of(answer, "rewritten"));
    json_object_put(answer);
    return true;
}

/* ---- list, status ---- */

static void print_rule(struct json_object *rule)
{
    char expected[DATE_BYTES];
    char late[DATE_BYTES];
    char date[DATE_BYTES];
    printf("%s/", text_of(rule, "bucket"));
    printable_print(text_of(rule, "prefix"));
    printf("\n    %s, %" PRId64 " bytes, of %s%s\n    expected saving %s, of late %s, by %" PRId64
           " objects tried both ways\n",
           text_of(rule, "id"), number_of(rule, "bytes"), format_date(number_of(rule, "published_ms"), date),
           is_set(rule, "in_force") ? "" : ", NOT IN FORCE HERE", format_share(rule, "expected_saving", expected),
           format_share(rule, "saving", late), number_of(rule, "tried"));
    if (is_set(rule, "stale"))
        printf("    STALE since %s: bale dict train makes a new one\n",
               format_date(number_of(rule, "stale_since_ms"), date));
}

static void print_for_s4(struct json_object *rules)
{
    for (size_t i = 0; i < json_object_array_length(rules); i++) {
        struct json_object *rule = json_object_array_get_idx(rules, i);
        struct buffer mapping;
        buffer_init(&mapping, REQUEST_BYTES_MAX);
        buffer_append_format(&mapping, "%s/%s=%s", text_of(rule, "bucket"), text_of(rule, "prefix"),
                             text_of(rule, "id"));
        printf("--zstd-dict ");
        printable_print_for_shell(buffer_span(&mapping));
        printf("\n");
        buffer_free(&mapping);
    }
}

static bool command_list(const struct command_line *line, struct error *error)
{
    struct json_object *document = control_call(folder_of(line), "GET", SPAN("/dict"), error);
    if (document == NULL)
        return false;
    struct json_object *rules = member(document, "rules");
    if (line->json)
        print_json(document);
    else if (line->s4)
        print_for_s4(rules);
    else
        for (size_t i = 0; i < json_object_array_length(rules); i++)
            print_rule(json_object_array_get_idx(rules, i));
    if (!line->json && !line->s4)
        printf("%zu in force, %zu ever published\n", json_object_array_length(rules),
               json_object_array_length(member(document, "known")));
    json_object_put(document);
    return true;
}

static bool command_status(const struct command_line *line, struct error *error)
{
    struct json_object *document = control_call(folder_of(line), "GET", SPAN("/dict"), error);
    if (document == NULL)
        return false;
    struct json_object *rules = member(document, "rules");
    unsigned wrong = 0;
    for (size_t i = 0; i < json_object_array_length(rules); i++) {
        struct json_object *rule = json_object_array_get_idx(rules, i);
        wrong += is_set(rule, "stale") || !is_set(rule, "in_force");
        if (!line->json)
            print_rule(rule);
    }
    if (line->json)
        print_json(document);
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
