/* journal/fleet/card.c -- a card as lines, NAME VALUE, and back. */
#include "journal/fleet/card.h"

#include "runtime/base/decimal.h"
#include "runtime/base/hex.h"

#include <stddef.h>
#include <string.h>

static const struct span first_line = SPAN("bale card 1");

enum line_kind { LINE_ID, LINE_TEXT, LINE_NUMBER };

static const struct {
    const char *name;
    enum line_kind kind;
    size_t offset;
    bool must_be_there;
} lines[] = {
    {"id", LINE_ID, offsetof(struct fleet_card, id), true},
    {"start", LINE_ID, offsetof(struct fleet_card, start), true},
    {"place", LINE_ID, offsetof(struct fleet_card, place)},
    {"name", LINE_TEXT, offsetof(struct fleet_card, name)},
    {"version", LINE_TEXT, offsetof(struct fleet_card, version)},
    {"s3", LINE_TEXT, offsetof(struct fleet_card, s3)},
    {"admin", LINE_TEXT, offsetof(struct fleet_card, admin)},
    {"journal", LINE_TEXT, offsetof(struct fleet_card, journal)},
    {"started_ms", LINE_NUMBER, offsetof(struct fleet_card, started_ms)},
    {"written_ms", LINE_NUMBER, offsetof(struct fleet_card, written_ms), true},
    {"every_ms", LINE_NUMBER, offsetof(struct fleet_card, every_ms), true},
    {"lag_ms", LINE_NUMBER, offsetof(struct fleet_card, lag_ms)},
    {"spool_ms", LINE_NUMBER, offsetof(struct fleet_card, spool_ms)},
};
enum { LINES_COUNT = sizeof lines / sizeof lines[0] };

/* ---- writing ---- */

static void put_text(const char *text, struct buffer *to)
{
    for (size_t i = 0; i < CARD_TEXT_BYTES - 1 && text[i] != '\0'; i++)
        buffer_append_byte(to, text[i] >= ' ' && text[i] <= '~' ? (uint8_t)text[i] : '?');
}

static void put_id(const struct journal_id *id, struct buffer *to)
{
    char digits[2 * JOURNAL_ID_BYTES];
    hex_encode(span_of(id->bytes, sizeof id->bytes), digits);
    buffer_append(to, span_of(digits, sizeof digits));
}

/* Times before 1970 are none. */
static void put_number(const void *number, struct buffer *to)
{
    int64_t value;
    memcpy(&value, number, sizeof value);
    buffer_append_decimal(to, value < 0 ? 0 : (uint64_t)value);
}

void card_encode(const struct fleet_card *card, struct buffer *ret_text)
{
    buffer_append(ret_text, first_line);
    buffer_append_byte(ret_text, '\n');
    for (unsigned i = 0; i < LINES_COUNT; i++) {
        const void *value = (const char *)card + lines[i].offset;
        buffer_append_string(ret_text, lines[i].name);
        buffer_append_byte(ret_text, ' ');
        if (lines[i].kind == LINE_ID)
            put_id(value, ret_text);
        else if (lines[i].kind == LINE_TEXT)
            put_text(value, ret_text);
        else
            put_number(value, ret_text);
        buffer_append_byte(ret_text, '\n');
    }
    if (card->is_stopped)
        buffer_append_string(ret_text, "stopped yes\n");
}

/* ---- reading ---- */

static struct span take_line(struct span *text)
{
    size_t end = span_find(*text, '\n');
    struct span line = span_take(*text, end);
    *text = span_skip(*text, end == SIZE_MAX ? text->size : end + 1);
    return line;
}

/* What comes from a bucket may end on a terminal. */
static bool read_text(struct span value, char ret_text[CARD_TEXT_BYTES])
{
    if (value.size >= CARD_TEXT_BYTES)
        return false;
    for (size_t i = 0; i < value.size; i++) {
        if (value.data[i] < ' ' || value.data[i] > '~')
            return false;
    }
    if (value.size > 0)
        memcpy(ret_text, value.data, value.size);
    ret_text[value.size] = '\0';
    return true;
}

static bool read_number(struct span value, void *ret_number)
{
    uint64_t number;
    if (!decimal_parse_range(value, 0, INT64_MAX, &number))
        return false;
    memcpy(ret_number, &number, sizeof number);
    return true;
}

static bool read_value(unsigned line, struct span value, struct fleet_card *card)
{
    void *to = (char *)card + lines[line].offset;
    switch (lines[line].kind) {
    case LINE_ID:
        return hex_decode(value, to, JOURNAL_ID_BYTES);
    case LINE_TEXT:
        return read_text(value, to);
    default:
        return read_number(value, to);
    }
}

bool card_decode(struct span text, struct fleet_card *ret_card)
{
    unsigned seen = 0;
    *ret_card = (struct fleet_card){0};
    if (text.size > CARD_BYTES_MAX || !span_equal(take_line(&text), first_line))
        return false;
    while (text.size > 0) {
        struct span line = take_line(&text);
        size_t blank = span_find(line, ' ');
        struct span name = span_take(line, blank);
        struct span value = blank == SIZE_MAX ? SPAN_EMPTY : span_skip(line, blank + 1);
        for (unsigned i = 0; i < LINES_COUNT; i++) {
            if (!span_equal(name, span_from_string(lines[i].name)))
                continue;
            if (!read_value(i, value, ret_card))
                return false;
            seen |= 1U << i;
        }
        if (span_equal(name, SPAN("stopped")))
            ret_card->is_stopped = span_equal(value, SPAN("yes"));
    }
    for (unsigned i = 0; i < LINES_COUNT; i++) {
        if (lines[i].must_be_there && (seen & 1U << i) == 0)
            return false;
    }
    return ret_card->every_ms > 0;
}
