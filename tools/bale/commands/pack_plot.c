/* tools/bale/commands/pack_plot.c -- what bale pack found, as a picture: how much of each file is left, by the way it
 * is stored.
 */
#include "tools/bale/commands/pack.h"
#include "tools/bale/view/svg.h"

#include <stdio.h>
#include <string.h>

enum {
    NAME_WIDTH = 260,
    BARS_WIDTH = 500, /* a hundred percent */
    TEXT_WIDTH = 200,
    WAY_HEIGHT = 16,
    FILE_GAP = 14,
    TOP = 48,
    TEXT_BYTES = 64,
};

/* From the one that keeps most to the one that keeps least, usually. */
static const enum trial_way DRAWN[] = {TRIAL_GZIP, TRIAL_ZSTD, TRIAL_COLUMNS};
enum { DRAWN_COUNT = sizeof DRAWN / sizeof DRAWN[0] };
static const char *const COLOURS[PACK_WAYS] = {
    [TRIAL_GZIP] = "#b8b8b8", [TRIAL_ZSTD] = "#7aa6c8", [TRIAL_COLUMNS] = "#1f5f8b"};

/* The end of a path says more than its start. */
static const char *end_of(const char *name)
{
    enum { LETTERS_MAX = 36 };
    size_t size = strlen(name);
    return size > LETTERS_MAX ? name + size - LETTERS_MAX : name;
}

static void draw_file(FILE *to, const struct packed_file *file, int top)
{
    svg_text(to, NAME_WIDTH - 8, top + DRAWN_COUNT * WAY_HEIGHT / 2 + 4, "end", end_of(file->name));
    for (int i = 0; i < DRAWN_COUNT; i++) {
        char text[TEXT_BYTES];
        double percent = pack_percent(&file->ways[DRAWN[i]]);
        double width = (percent > 100 ? 100 : percent) / 100 * BARS_WIDTH;
        int y = top + i * WAY_HEIGHT;
        (void)snprintf(text, sizeof text, "%s %.1f %%", pack_way_names[DRAWN[i]], percent);
        svg_bar(to, NAME_WIDTH, y, width, WAY_HEIGHT - 3, COLOURS[DRAWN[i]]);
        svg_text(to, NAME_WIDTH + width + 6, y + 11, "start", text);
    }
}

bool pack_plot(const char *path, const struct packed_file *files, unsigned count, struct error *error)
{
    int file_height = DRAWN_COUNT * WAY_HEIGHT + FILE_GAP;
    FILE *to = svg_open(path, NAME_WIDTH + BARS_WIDTH + TEXT_WIDTH, TOP + (int)count * file_height, NAME_WIDTH,
                        "What is stored of each file, headers included; shorter is better", error);
    if (to == NULL)
        return false;
    for (unsigned i = 0; i < count; i++)
        draw_file(to, &files[i], TOP + (int)i * file_height);
    return svg_close(to, path, error);
}
