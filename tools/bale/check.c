/* tools/bale/check.c -- bale check: reads a whole folder and says what it found. */
#include "s3client/embedded/embedded.h"
#include "tools/bale/command.h"
#include "tools/bale/session.h"

#include <inttypes.h>
#include <stdio.h>

static void print_line(void *context, const char *text)
{
    (void)context;
    printf("%s\n", text);
}

bool command_check(const struct command_line *line, struct error *error)
{
    struct embedded_report report = {.line = print_line};
    if (!session_find_folder(line->folder, error))
        return false;
    bool is_sound = embedded_check(line->folder, line->repair, &report, error);
    printf("%" PRIu64 " buckets, %" PRIu64 " objects, %" PRIu64 " bytes of bodies; %" PRIu64 " damaged, %" PRIu64
           " repaired\n",
           report.buckets, report.objects, report.bodies_bytes, report.damaged, report.repaired);
    return is_sound;
}
