/* tools/bale/commands/check.c -- bale check: reads a whole folder and says what it found; bale backup: copies its
 * catalogue. */
#include "store/embedded/embedded.h"
#include "tools/bale/command.h"
#include "tools/bale/session/session.h"
#include "tools/bale/view/ledger_view.h"

#include <inttypes.h>
#include <stdio.h>

static void print_line(void *context, const char *text)
{
    (void)context;
    printf("%s\n", text);
}

/* ---- the ledger against the objects ---- */

struct comparison {
    uint64_t differences;
    bool is_in_doubt;
};

static void count_difference(void *context, const struct ledger_difference *difference)
{
    char text[320];
    struct comparison *comparison = context;
    ledger_view_describe(difference, text, sizeof text);
    printf("%s\n", text);
    comparison->differences++;
}

static SUSPENDS bool compare(struct bucket_store *snapshot, const struct ledger_view *view, void *context,
                             struct error *error)
{
    struct comparison *comparison = context;
    struct embedded_ledger ledger;
    struct buffer amounts;
    buffer_init(&amounts, 0);
    bool done = embedded_ledger(snapshot, &ledger, error) &&
                ledger_compare(snapshot, ledger_view_state(view), count_difference, comparison, &amounts, error);
    comparison->is_in_doubt = done && ledger.is_in_doubt;
    buffer_free(&amounts);
    return done;
}

/* What the ledger counts must be what the objects add up to. A folder that has no ledger yet gets a right one when it
 * is opened. */
static bool check_ledger(const struct command_line *line, struct embedded_report *report, struct error *error)
{
    struct comparison comparison = {0};
    if (!ledger_view_run(line->folder, compare, &comparison, error))
        return error->kind == ERROR_UNSUPPORTED || error_prepend(error, "the ledger cannot be read");
    report->damaged += comparison.differences;
    if (comparison.differences == 0 && !comparison.is_in_doubt)
        return true;
    if (!line->repair)
        return comparison.differences == 0 ||
               error_set(error, ERROR_DAMAGED, NULL, "the ledger is wrong. `bale savings --recount` sets it right");
    report->repaired += comparison.differences;
    return ledger_view_recount(line->folder, NULL, NULL, error);
}

bool command_check(const struct command_line *line, struct error *error)
{
    struct embedded_report report = {.line = print_line};
    if (!session_find_folder(line->folder, error))
        return false;
    bool is_sound = (line->copy != NULL ? embedded_restore(line->folder, line->copy, &report, error)
                                        : embedded_check(line->folder, line->repair, &report, error)) &&
                    check_ledger(line, &report, error);
    /* Else it was not looked at as a whole, and "0 damaged" would say too much. */
    if (is_sound || error->kind == ERROR_DAMAGED)
        printf("%" PRIu64 " buckets, %" PRIu64 " objects, %" PRIu64 " former versions, %" PRIu64
               " bytes of bodies; %" PRIu64 " damaged, %" PRIu64 " repaired\n",
               report.buckets, report.objects, report.versions, report.bodies_bytes, report.damaged, report.repaired);
    return is_sound;
}

bool command_backup(const struct command_line *line, struct error *error)
{
    uint64_t bytes;
    if (!session_find_folder(line->folder, error) || !embedded_backup(line->folder, line->target, &bytes, error))
        return false;
    printf("%s: a copy of the catalogue, %" PRIu64 " bytes\n", line->target, bytes);
    return true;
}
