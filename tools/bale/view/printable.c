/* tools/bale/view/printable.c -- bytes from clients, made harmless to look at. */
#include "tools/bale/view/printable.h"

#include "runtime/base/utf8.h"

#include <stdbool.h>
#include <string.h>

/* Bytes of the character that the text begins with; 0: what a terminal may obey, or take for another character. Beside
 * ASCII's control characters those are U+0080 to U+009F (C1), also where they are single bytes, as in Latin-1: "\x9b"
 * is to some terminals what "\x1b[" is. */
static size_t harmless_bytes(struct span text)
{
    uint8_t first = text.data[0];
    if (first < 0x80)
        return first >= ' ' && first != 0x7f;
    size_t size = utf8_sequence_bytes(text);
    bool is_control = size == 2 && first == 0xc2 && text.data[1] < 0xa0;
    return is_control ? 0 : size;
}

void printable_write(FILE *to, struct span text)
{
    while (text.size > 0) {
        size_t size = harmless_bytes(text);
        if (size == 0)
            (void)fprintf(to, "\\x%02x", text.data[0]);
        else if (text.data[0] == '\\')
            (void)fputs("\\\\", to);
        else
            (void)fwrite(text.data, 1, size, to);
        text = span_skip(text, size == 0 ? 1 : size);
    }
}

void printable_print(const char *text)
{
    printable_write(stdout, span_from_string(text));
}

static bool is_plain(uint8_t byte)
{
    return (byte >= '0' && byte <= '9') || (byte >= 'A' && byte <= 'Z') || (byte >= 'a' && byte <= 'z') ||
           (byte != '\0' && strchr("-_./=:,@+", byte) != NULL);
}

void printable_print_for_shell(struct span text)
{
    bool quotes = text.size == 0;
    for (size_t i = 0; i < text.size; i++)
        quotes = quotes || !is_plain(text.data[i]);
    if (quotes)
        (void)putchar('\'');
    for (size_t i = 0; i < text.size; i++) {
        if (text.data[i] == '\'')
            printf("'\\''");
        else
            (void)putchar(text.data[i]);
    }
    if (quotes)
        (void)putchar('\'');
}
