/* journal/fleet/fleet_report.c -- what /fleet and `bale fleet` show. */
#include "journal/fleet/fleet_report.h"

#include "runtime/base/hex.h"
#include "s3client/wire/date.h"

#include <inttypes.h>
#include <stdio.h>

enum { SPELL_BYTES = 32, WIDTH_LEAST = 4 };

static bool is_own(const struct seen_card *seen, const struct journal_id *own)
{
    return own != NULL && journal_id_equal(&seen->card.id, own);
}

/* ---- JSON ---- */

/* Texts of a card are printable ASCII (card_decode; what a process says of itself goes through it, too). */
static void put_text(const char *name, const char *text, struct buffer *to)
{
    buffer_append_format(to, "\"%s\":\"", name);
    for (const char *at = text; *at != '\0'; at++) {
        if (*at == '"' || *at == '\\')
            buffer_append_byte(to, '\\');
        buffer_append_byte(to, (uint8_t)*at);
    }
    buffer_append_string(to, "\",");
}

static void put_time(const char *name, int64_t time_ms, struct buffer *to)
{
    char text[DATE_TEXT_BYTES];
    date_format_xml(time_ms, text);
    put_text(name, text, to);
}

static void put_card(const struct seen_card *seen, const struct journal_id *own, struct buffer *to)
{
    const struct fleet_card *card = &seen->card;
    char id[2 * JOURNAL_ID_BYTES + 1] = "";
    hex_encode(span_of(card->id.bytes, sizeof card->id.bytes), id);
    buffer_append_byte(to, '{');
    put_text("id", id, to);
    put_text("name", card->name, to);
    put_text("state", card_standing_name(card_standing(seen)), to);
    put_text("version", card->version, to);
    put_text("s3", card->s3, to);
    put_text("admin", card->admin, to);
    put_text("journal", card->journal, to);
    put_time("started", card->started_ms, to);
    put_time("seen", seen->received_ms, to);
    buffer_append_format(to,
                         "\"seen_ms_ago\":%" PRIu64 ",\"every_ms\":%" PRIu64 ",\"lag_ms\":%" PRIu64
                         ",\"spool_ms\":%" PRIu64 ",\"clock_ahead_s\":%" PRId64 ",\"is_self\":%s}",
                         seen->age_ms, card->every_ms, card->lag_ms, card->spool_ms, card_clock_ahead_s(seen),
                         is_own(seen, own) ? "true" : "false");
}

void fleet_put_json(const struct card_list *list, const struct journal_id *own, struct buffer *to)
{
    buffer_append_string(to, "{\"replicas\":[");
    for (unsigned i = 0; i < list->count; i++) {
        if (i > 0)
            buffer_append_byte(to, ',');
        put_card(&list->cards[i], own, to);
    }
    buffer_append_format(to, "],\"omitted\":%u}\n", list->omitted);
}

/* ---- a table ---- */

/* "0 s", "90 s", "12 min", "5 h", "3 d" */
static const char *format_spell(uint64_t seconds, char ret_text[SPELL_BYTES])
{
    enum { MINUTE = 60, HOUR = 60 * MINUTE, DAY = 24 * HOUR };
    uint64_t unit = seconds < 2 * MINUTE ? 1 : seconds < 2 * HOUR ? MINUTE : seconds < 2 * DAY ? HOUR : DAY;
    const char *name = unit == 1 ? "s" : unit == MINUTE ? "min" : unit == HOUR ? "h" : "d";
    (void)snprintf(ret_text, SPELL_BYTES, "%" PRIu64 " %s", seconds / unit, name);
    return ret_text;
}

static int width_of(const struct card_list *list, size_t offset)
{
    int width = WIDTH_LEAST;
    for (unsigned i = 0; i < list->count; i++) {
        int length = (int)strlen((const char *)&list->cards[i].card + offset);
        width = length > width ? length : width;
    }
    return width;
}

/* What is worth a word beside the figures. */
static void put_remarks(const struct seen_card *seen, const struct journal_id *own, struct buffer *to)
{
    char spell[SPELL_BYTES];
    int64_t ahead_s = card_clock_ahead_s(seen);
    if (is_own(seen, own))
        buffer_append_string(to, "  this one");
    if (ahead_s != 0)
        buffer_append_format(to, "  its clock is %s %s",
                             format_spell((uint64_t)(ahead_s < 0 ? -ahead_s : ahead_s), spell),
                             ahead_s < 0 ? "behind" : "ahead");
    if (seen->card.journal[0] != '\0' && strcmp(seen->card.journal, "running") != 0)
        buffer_append_format(to, "  journal: %s", seen->card.journal);
}

void fleet_put_table(const struct card_list *list, const struct journal_id *own, struct buffer *to)
{
    int name = width_of(list, offsetof(struct fleet_card, name));
    int s3 = width_of(list, offsetof(struct fleet_card, s3));
    int version = width_of(list, offsetof(struct fleet_card, version));
    buffer_append_format(to, "%-*s  %-7s  %8s  %-*s  %-*s  %8s  %8s\n", name, "name", "state", "seen", s3, "S3",
                         version, "Bale", "lag", "spool");
    for (unsigned i = 0; i < list->count; i++) {
        const struct seen_card *seen = &list->cards[i];
        const struct fleet_card *card = &seen->card;
        char ago[SPELL_BYTES], lag[SPELL_BYTES], spool[SPELL_BYTES];
        buffer_append_format(to, "%-*s  %-7s  %8s  %-*s  %-*s  %8s  %8s", name, card->name,
                             card_standing_name(card_standing(seen)), format_spell(seen->age_ms / 1000, ago), s3,
                             card->s3, version, card->version, format_spell(card->lag_ms / 1000, lag),
                             card->spool_ms == 0 ? "-" : format_spell(card->spool_ms / 1000, spool));
        put_remarks(seen, own, to);
        buffer_append_byte(to, '\n');
    }
    if (list->omitted > 0)
        buffer_append_format(to, "and %u more, that were seen longer ago\n", list->omitted);
}
