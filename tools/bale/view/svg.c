/* tools/bale/view/svg.c -- the few elements that pictures here are made of. */
#include "tools/bale/view/svg.h"

#include <errno.h>

FILE *svg_open(const char *path, int width, int height, int title_x, const char *title, struct error *error)
{
    FILE *to = fopen(path, "w");
    if (to == NULL) {
        (void)error_set_errno(error, errno, "%s", path);
        return NULL;
    }
    (void)fprintf(to,
                  "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" height=\"%d\" font-family=\"sans-serif\" "
                  "font-size=\"12\">\n<rect width=\"100%%\" height=\"100%%\" fill=\"white\"/>\n"
                  "<text x=\"%d\" y=\"24\" font-size=\"15\">%s</text>\n",
                  width, height, title_x, title);
    return to;
}

bool svg_close(FILE *to, const char *path, struct error *error)
{
    (void)fprintf(to, "</svg>\n");
    bool failed = ferror(to) != 0;
    if (fclose(to) != 0 || failed)
        return error_set_errno(error, errno, "%s", path);
    return true;
}

void svg_bar(FILE *to, double x, int y, double width, int height, const char *colour)
{
    (void)fprintf(to, "<rect x=\"%.1f\" y=\"%d\" width=\"%.1f\" height=\"%d\" fill=\"%s\"/>\n", x, y, width, height,
                  colour);
}

void svg_text(FILE *to, double x, int y, const char *anchor, const char *text)
{
    (void)fprintf(to, "<text x=\"%.1f\" y=\"%d\" text-anchor=\"%s\">", x, y, anchor);
    for (; *text != '\0'; text++) {
        if (*text == '&' || *text == '<' || *text == '"' || (unsigned char)*text < ' ')
            (void)fprintf(to, "&#%u;", (unsigned char)*text < ' ' ? 32U : (unsigned)(unsigned char)*text);
        else
            (void)fputc(*text, to);
    }
    (void)fprintf(to, "</text>\n");
}
