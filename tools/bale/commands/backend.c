/* tools/bale/commands/backend.c -- bale backend: what the S3 server behind Bale can do. */
#include "store/remote/remote.h"
#include "tools/bale/command.h"
#include "tools/bale/session/backend_session.h"

#include <json-c/json.h>
#include <stdio.h>
#include <time.h>

static void format_time(int64_t wall_ms, char ret_text[32])
{
    time_t seconds = (time_t)(wall_ms / 1000);
    struct tm parts;
    (void)strftime(ret_text, 32, "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&seconds, &parts));
}

static void print_text(const struct verdicts *verdicts)
{
    char tested[32];
    format_time(verdicts->tested_ms, tested);
    printf("Server:  %s\nTested:  %s by baled %s\n\n", verdicts->server[0] != '\0' ? verdicts->server : "(no name)",
           tested, verdicts->version);
    for (unsigned i = 0; i < VERDICTS; i++) {
        bool holds = verdict_holds(verdicts, i);
        printf("%-3s  %s\n", holds ? "yes" : "no", verdict_text(i));
        if (!holds)
            printf("     without it: %s\n", verdict_without(i));
        if (verdict_is_untried(verdicts, i))
            printf("     %s\n", verdict_wants());
    }
}

static void print_json(const struct verdicts *verdicts)
{
    char tested[32];
    struct json_object *document = json_object_new_object();
    struct json_object *held = json_object_new_object();
    format_time(verdicts->tested_ms, tested);
    for (unsigned i = 0; i < VERDICTS; i++)
        json_object_object_add(held, verdict_name(i), json_object_new_boolean(verdict_holds(verdicts, i)));
    json_object_object_add(document, "server", json_object_new_string(verdicts->server));
    json_object_object_add(document, "tested", json_object_new_string(tested));
    json_object_object_add(document, "version", json_object_new_string(verdicts->version));
    json_object_object_add(document, "verdicts", held);
    printf("%s\n", json_object_to_json_string_ext(document, JSON_C_TO_STRING_PLAIN));
    json_object_put(document);
}

SUSPENDS static bool show(struct bucket_store *store, void *context, struct error *error)
{
    const struct command_line *line = context;
    if (line->test && !remote_test(store, line->forget, error))
        return false;
    const struct verdicts verdicts = remote_verdicts(store);
    if (line->json)
        print_json(&verdicts);
    else
        print_text(&verdicts);
    return true;
}

bool command_backend(const struct command_line *line, struct error *error)
{
    struct command_line asked = *line;
    return backend_session_run(&line->where, show, &asked, error);
}
