/* tools/bale/commands/fleet.c -- bale fleet: who serves a bucket; of a folder, the process that serves it. */
#include "journal/fleet/fleet_report.h"
#include "tools/bale/command.h"
#include "tools/bale/session/backend_session.h"
#include "tools/bale/session/control_call.h"

#include <stdio.h>

static void print(const struct card_list *list, bool is_json)
{
    struct buffer text;
    buffer_init(&text, 0);
    if (is_json)
        fleet_put_json(list, NULL, &text);
    else if (list->count == 0)
        buffer_append_string(&text, "No replica has left a card in this bucket.\n");
    else
        fleet_put_table(list, NULL, &text);
    (void)fwrite(text.data, 1, text.size, stdout);
    buffer_free(&text);
}

SUSPENDS static bool show(struct backend *backend, void *context, struct error *error)
{
    const struct command_line *line = context;
    struct card_list list;
    if (backend->home.endpoint == NULL)
        return error_set(error, ERROR_UNSUPPORTED, NULL, "%s", backend->no_journal);
    struct cards_room *room = cards_room_open(&backend->home);
    bool done = cards_read_all(room, &list, error);
    cards_room_close(room);
    if (!done)
        return error_prepend(error, "reading the cards");
    print(&list, line->json);
    card_list_free(&list);
    return true;
}

bool command_fleet(const struct command_line *line, struct error *error)
{
    struct command_line asked = *line;
    return backend_session_run_on_bucket(&line->where, show, &asked, error);
}
