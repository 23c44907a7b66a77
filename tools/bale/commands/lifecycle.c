/* tools/bale/commands/lifecycle.c -- bale lifecycle: what the lifecycle rules of a running server do, and why. */
#include "runtime/base/assert.h"
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

/* ---- all buckets ---- */

static void print_rule(struct json_object *rule)
{
    printf("    ");
    printable_print(answer_text(rule, "id"));
    if (!answer_flag(rule, "enabled"))
        printf(": disabled");
    else
        printf(": acted %" PRId64 " time%s", answer_number(rule, "acted"),
               answer_number(rule, "acted") == 1 ? "" : "s");
    printf("%s\n",
           answer_member(rule, "transitions_carried_out") != NULL && !answer_flag(rule, "transitions_carried_out")
               ? "; its transitions are not carried out"
               : "");
}

static void print_sweep(struct json_object *sweep)
{
    char date[DATE_BYTES];
    bool is_done = strcmp(answer_text(sweep, "state"), "done") == 0;
    printf("    sweep %" PRId64 ", begun %s, %s: %" PRId64 " version%s looked at\n", answer_number(sweep, "number"),
           answer_format_date(answer_number(sweep, "began_ms"), date), is_done ? "done" : "under way",
           answer_number(sweep, "judged"), answer_number(sweep, "judged") == 1 ? "" : "s");
    printf("    %" PRId64 " expired, %" PRId64 " noncurrent versions and %" PRId64 " delete markers removed, %" PRId64
           " moved to another class, %" PRId64 " uploads given up\n",
           answer_number(sweep, "expired"), answer_number(sweep, "versions_removed"),
           answer_number(sweep, "markers_removed"), answer_number(sweep, "moved"),
           answer_number(sweep, "uploads_aborted"));
    printf("    due, and stay: %" PRId64 " for a lock, %" PRId64 " that had changed, %" PRId64 " that failed\n",
           answer_number(sweep, "locked"), answer_number(sweep, "changed"), answer_number(sweep, "failed"));
    if (answer_number(sweep, "unsafe") > 0)
        printf("    %" PRId64
               " stay because they cannot be removed, or moved, safely before this backend: see docs/lifecycle.md\n",
               answer_number(sweep, "unsafe"));
    if (!is_done)
        printf("    %s\n", answer_flag(sweep, "is_own") ? "this process is at it" : "another process is at it");
    if (is_done && answer_member(sweep, "next_ms") == NULL)
        printf("    nothing will fall due\n");
    else if (is_done)
        printf("    nothing falls due before %s\n", answer_format_date(answer_number(sweep, "next_ms"), date));
}

static void print_bucket(struct json_object *bucket)
{
    struct json_object *rules = answer_member(bucket, "rules");
    struct json_object *sweep = answer_member(bucket, "sweep");
    printf("%s\n", answer_text(bucket, "bucket"));
    for (size_t i = 0; i < answer_count(rules); i++)
        print_rule(json_object_array_get_idx(rules, i));
    if (sweep != NULL)
        print_sweep(sweep);
    else
        printf("    not swept yet by these rules\n");
}

static void print_all(struct json_object *document)
{
    struct json_object *buckets = answer_member(document, "buckets");
    for (size_t i = 0; i < answer_count(buckets); i++)
        print_bucket(json_object_array_get_idx(buckets, i));
    if (!answer_flag(document, "runs"))
        printf("NOTHING IS CARRIED OUT: %s\n", answer_text(document, "halt"));
    if (answer_text(document, "last_error")[0] != '\0')
        printf("interrupted, and tried again: %s\n", answer_text(document, "last_error"));
    struct json_object *native = answer_member(document, "native_rules");
    if (native != NULL && answer_flag(native, "covers_own")) {
        printf("DANGER: the lifecycle rule ");
        printable_print(answer_text(native, "rule"));
        printf(" of the backend's own bucket covers .bale/, and would remove the journal: see docs/lifecycle.md\n");
    }
    printf("%zu bucket%s with rules\n", answer_count(buckets), answer_count(buckets) == 1 ? "" : "s");
}

/* ---- one version ---- */

static void print_verdict(struct json_object *document)
{
    char date[DATE_BYTES];
    const char *action = answer_text(document, "action");
    if (strcmp(action, "keep") != 0) {
        printf("%s", answer_flag(document, "locked") ? "it would go, but is locked" : action);
        if (answer_member(document, "to") != NULL)
            printf(" to %s", answer_text(document, "to"));
        printf(": rule ");
        printable_print(answer_text(document, "rule"));
        printf(", due since %s\n", answer_format_date(answer_number(document, "due_ms"), date));
    } else if (answer_member(document, "next_ms") != NULL) {
        printf("it stays, until %s at least\n", answer_format_date(answer_number(document, "next_ms"), date));
    } else {
        printf("it stays\n");
    }
}

static void print_explanation(struct json_object *document)
{
    char date[DATE_BYTES];
    struct json_object *rules = answer_member(document, "rules");
    const char *what = answer_flag(document, "marker") ? "delete marker" : "version";
    bool is_current = answer_flag(document, "current");
    printf("%s %s, of %s", what, answer_text(document, "version"),
           answer_format_date(answer_number(document, "modified_ms"), date));
    if (is_current)
        printf(", the current one\n");
    else
        printf(", noncurrent since %s, %" PRId64 " newer ones stay\n",
               answer_format_date(answer_number(document, "superseded_ms"), date),
               answer_number(document, "newer_kept"));
    print_verdict(document);
    for (size_t i = 0; i < answer_count(rules); i++) {
        struct json_object *rule = json_object_array_get_idx(rules, i);
        printf("    ");
        printable_print(answer_text(rule, "id"));
        printf(" %s\n", answer_text(rule, "says"));
    }
}

/* BUCKET/KEY, and perhaps a version. */
static bool make_request(const struct command_line *line, struct buffer *ret_request, struct error *error)
{
    struct span place = span_from_string(line->explain);
    size_t slash = span_find(place, '/');
    buffer_init(ret_request, REQUEST_BYTES_MAX);
    ASSERT(slash < place.size); /* command_check_lifecycle */
    buffer_append_string(ret_request, "/lifecycle/explain?bucket=");
    uri_encode(ret_request, span_take(place, slash), URI_ENCODE_ALL);
    buffer_append_string(ret_request, "&key=");
    uri_encode(ret_request, span_skip(place, slash + 1), URI_ENCODE_ALL);
    if (line->version != NULL) {
        buffer_append_string(ret_request, "&version=");
        uri_encode(ret_request, span_from_string(line->version), URI_ENCODE_ALL);
    }
    return !ret_request->overflow || error_set(error, ERROR_TOO_LARGE, NULL, "the key is too long");
}

/* ---- as the backend could have them ---- */

static bool make_native_request(const struct command_line *line, struct buffer *ret_request, struct error *error)
{
    buffer_init(ret_request, REQUEST_BYTES_MAX);
    buffer_append_string(ret_request, "/lifecycle/native?bucket=");
    uri_encode(ret_request, span_from_string(line->native), URI_ENCODE_ALL);
    return !ret_request->overflow || error_set(error, ERROR_TOO_LARGE, NULL, "the name is too long");
}

/* The document alone on standard output, so that it can be put as it is. */
static bool print_native(const struct command_line *line, struct json_object *document, struct error *error)
{
    struct json_object *omissions = answer_member(document, "left_out");
    struct json_object *configuration = answer_member(document, "configuration");
    for (size_t i = 0; i < answer_count(omissions); i++) {
        struct json_object *row = json_object_array_get_idx(omissions, i);
        fprintf(stderr, "rule ");
        printable_write(stderr, span_from_string(answer_text(row, "id")));
        fprintf(stderr, ": %s\n", answer_text(row, "why"));
    }
    if (answer_count(answer_member(configuration, "Rules")) == 0)
        return error_set(error, ERROR_NOT_FOUND, NULL, "no rule of the bucket can be the backend's");
    if (line->json)
        answer_print(configuration);
    else
        printf("%s\n", answer_text(document, "xml"));
    return true;
}

/* ---- the command ---- */

static struct json_object *call(const struct command_line *line, struct error *error)
{
    const struct control_place place = command_place(line);
    struct buffer request;
    struct json_object *answer = NULL;
    if (line->confirm_clock)
        return control_call(&place, "POST", SPAN("/lifecycle/confirm-clock"), error);
    if (line->explain == NULL && line->native == NULL)
        return control_call(&place, "GET", SPAN("/lifecycle"), error);
    if (line->native != NULL ? make_native_request(line, &request, error) : make_request(line, &request, error))
        answer = control_call(&place, "GET", buffer_span(&request), error);
    buffer_free(&request);
    return answer;
}

bool command_lifecycle(const struct command_line *line, struct error *error)
{
    struct json_object *answer = call(line, error);
    bool done = true;
    if (answer == NULL)
        return false;
    if (line->native != NULL)
        done = print_native(line, answer, error);
    else if (line->json)
        answer_print(answer);
    else if (line->confirm_clock)
        printf("the clock is believed\n");
    else if (line->explain != NULL)
        print_explanation(answer);
    else
        print_all(answer);
    json_object_put(answer);
    return done;
}
