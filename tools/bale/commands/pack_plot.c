/* tools/bale/commands/pack_plot.c -- what bale pack found, as a picture: how much of each file is left, by the way it
 * is stored.
 */
#include "tools/bale/commands/pack.h"

#include <errno.h>

enum {
    NAME_WIDTH = 260,
    BARS_WIDTH = 500, /* a hundred percent */
    TEXT_WIDTH = 200,
    WAY_HEIGHT = 16,
    FILE_GAP = 14,
    TOP = 48,
};

/* From the one that keeps most to the one that keeps least, usually. */
static const enum trial_way DRAWN[] = {TRIAL_GZIP, TRIAL_ZSTD, TRIAL_COLUMNS};
enum { DRAWN_COUNT = sizeof DRAWN / sizeof DRAWN[0] };
static const char *const COLOURS[PACK_WAYS] = {
    [TRIAL_GZIP] = "#b8b8b8", [TRIAL_ZSTD] = "#7aa6c8", [TRIAL_COLUMNS] = "#1f5f8b"};

static void draw_text(FILE *to, const char *text)
{
    for (; *text != '\0'; text++) {
        if (*text == '&' || *text == '<' || *text == '"' || (unsigned char)*text < ' ')
            (void)fprintf(to, "&#%u;", (unsigned char)*text < ' ' ? 32U : (unsigned)(unsigned char)*text);
        else
            (void)fputc(*text, to);
    }
}

/* The end of a path says more than its start. */
static const char *end_of(const char *name)
{
    enum { LETTERS_MAX = 36 };
    size_t size = strlen(name);
    return size > LETTERS_MAX ? name + size - LETTERS_MAX : name;
}

static void draw_file(FILE *to, const struct packed_file *file, int top)
{
    (void)fprintf(to, "<text x=\"%d\" y=\"%d\" text-anchor=\"end\">", NAME_WIDTH - 8,
                  top + DRAWN_COUNT * WAY_HEIGHT / 2 + 4);
    draw_text(to, end_of(file->name));
    (void)fprintf(to, "</text>\n");
    for (int i = 0; i < DRAWN_COUNT; i++) {
        const struct trial_result *result = &file->ways[DRAWN[i]];
        double percent = pack_percent(result);
        double width = (percent > 100 ? 100 : percent) / 100 * BARS_WIDTH;
        int y = top + i * WAY_HEIGHT;
        (void)fprintf(to, "<rect x=\"%d\" y=\"%d\" width=\"%.1f\" height=\"%d\" fill=\"%s\"/>\n", NAME_WIDTH, y, width,
                      WAY_HEIGHT - 3, COLOURS[DRAWN[i]]);
        (void)fprintf(to, "<text x=\"%.1f\" y=\"%d\">%s %.1f %%</text>\n", NAME_WIDTH + width + 6, y + 11,
                      pack_way_names[DRAWN[i]], percent);
    }
}

static void draw(FILE *to, const struct packed_file *files, unsigned count)
{
    int file_height = DRAWN_COUNT * WAY_HEIGHT + FILE_GAP;
    (void)fprintf(to,
                  "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" height=\"%d\" font-family=\"sans-serif\" "
                  "font-size=\"12\">\n<rect width=\"100%%\" height=\"100%%\" fill=\"white\"/>\n"
                  "<text x=\"%d\" y=\"24\" font-size=\"15\">What is stored of each file, headers included; shorter is "
                  "better</text>\n",
                  NAME_WIDTH + BARS_WIDTH + TEXT_WIDTH, TOP + (int)count * file_height, NAME_WIDTH);
    for (unsigned i = 0; i < count; i++)
        draw_file(to, &files[i], TOP + (int)i * file_height);
    (void)fprintf(to, "</svg>\n");
}

bool pack_plot(const char *path, const struct packed_file *files, unsigned count, struct error *error)
{
    FILE *to = fopen(path, "w");
    if (to == NULL)
        return error_set_errno(error, errno, "%s", path);
    draw(to, files, count);
    bool failed = ferror(to) != 0;
    if (fclose(to) != 0 || failed)
        return error_set_errno(error, errno, "%s", path);
    return true;
}
