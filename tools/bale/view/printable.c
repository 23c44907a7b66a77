/* tools/bale/view/printable.c -- bytes from clients, made harmless to look at. */
#include "tools/bale/view/printable.h"

#include <stdbool.h>
#include <string.h>

void printable_write(FILE *to, struct span text)
{
    for (size_t i = 0; i < text.size; i++) {
        uint8_t byte = text.data[i];
        if (byte < ' ' || byte == 0x7f)
            (void)fprintf(to, "\\x%02x", byte);
        else if (byte == '\\')
            (void)fputs("\\\\", to);
        else
            (void)putc(byte, to);
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
