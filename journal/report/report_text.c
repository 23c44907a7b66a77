/* journal/report/report_text.c -- the report as a JSON document, and as lines for people. */
#include "journal/report/report.h"

#include "runtime/base/hex.h"

#include <inttypes.h>

/* ---- small things ---- */

static void put_json_string(struct buffer *text, const char *string)
{
    buffer_append_byte(text, '"');
    for (const char *at = string; *at != '\0'; at++) {
        if (*at == '"' || *at == '\\')
            buffer_append_byte(text, '\\');
        if ((unsigned char)*at < 0x20)
            buffer_append_format(text, "\\u%04x", *at);
        else
            buffer_append_byte(text, (uint8_t)*at);
    }
    buffer_append_byte(text, '"');
}

static void put_hex(struct buffer *text, const void *bytes, size_t size)
{
    char digits[64];
    if (2 * size > sizeof digits)
        return;
    hex_encode(span_of(bytes, size), digits);
    buffer_append(text, span_of(digits, 2 * size));
}

static void put_segment_name(struct buffer *text, const struct segment_key *key)
{
    char name[JOURNAL_NAME_BYTES];
    segment_name_format(key, name);
    buffer_append_string(text, name);
}

/* Since a writer's clock said so; 0 when that lies ahead. */
static uint64_t age_ms(const struct journal_report *report, uint64_t clock)
{
    return clock == 0 || (int64_t)clock > report->now_ms ? 0 : (uint64_t)report->now_ms - clock;
}

static const char *reason_name(uint8_t reason)
{
    return reason == QUARANTINE_DAMAGED ? "damaged" : "other-lineage";
}

static uint64_t checkpoint_bytes(const struct head *head)
{
    uint64_t bytes = 0;
    for (uint32_t i = 0; i < head->layers_count; i++)
        bytes += head->layers[i].bytes;
    return bytes;
}

/* ---- JSON ---- */

static void json_head(const struct journal_report *report, struct buffer *text)
{
    const struct head *head = &report->head;
    if (!report->has_head) {
        buffer_append_string(text, ",\"head\":null");
        return;
    }
    buffer_append_string(text, ",\"head\":{\"lineage\":\"");
    put_hex(text, &head->lineage, sizeof head->lineage);
    buffer_append_format(text, "\",\"generation\":%" PRIu64 ",\"nonce\":\"", head->generation);
    put_hex(text, head_nonce(head), sizeof(struct journal_id));
    buffer_append_format(text,
                         "\",\"window\":%u,\"horizon\":%u,\"digest\":\"%016" PRIx64
                         "\",\"layers\":%u,\"checkpoint_bytes\":%" PRIu64 ",\"missing_segments\":%u}",
                         head->window, head->horizon, head->digest, head->layers_count, checkpoint_bytes(head),
                         head->missing_count);
}

static void json_quarantine(const struct journal_report *report, struct buffer *text)
{
    buffer_append_string(text, ",\"quarantine\":[");
    for (uint32_t i = 0; i < report->head.quarantine_count; i++) {
        const struct head_quarantine *item = &report->head.quarantine[i];
        buffer_append_string(text, i == 0 ? "{\"key\":\"" : ",{\"key\":\"");
        put_segment_name(text, &item->key);
        buffer_append_format(text, "\",\"generation\":%" PRIu64 ",\"reason\":\"%s\"}", item->generation,
                             reason_name(item->reason));
    }
    buffer_append_byte(text, ']');
}

static void json_spools(const struct journal_report *report, struct buffer *text)
{
    buffer_append_string(text, ",\"spools\":[");
    for (unsigned i = 0; i < report->spools_count; i++) {
        const struct report_spool *spool = &report->spools[i];
        buffer_append_string(text, i == 0 ? "{\"id\":\"" : ",{\"id\":\"");
        put_hex(text, spool->id, SPOOL_ID_BYTES);
        buffer_append_format(text, "\",\"open\":%s,\"last\":%" PRIu64, spool->is_open ? "true" : "false", spool->last);
        if (spool->is_local)
            buffer_append_format(
                text, ",\"own\":%s,\"frozen\":%" PRIu64 ",\"unsent\":%s,\"cut_off\":%s,\"age_ms\":%" PRIu64 "}",
                spool->is_own ? "true" : "false", spool->last_frozen, spool->has_unsent ? "true" : "false",
                spool->is_cut_off ? "true" : "false", age_ms(report, (uint64_t)spool->created_ms));
        else
            buffer_append_string(text, ",\"age_ms\":null}");
    }
    buffer_append_byte(text, ']');
}

static void json_writers(const struct journal_report *report, struct buffer *text)
{
    buffer_append_string(text, ",\"replicas\":[");
    for (unsigned i = 0; i < report->writers_count; i++) {
        const struct report_writer *writer = &report->writers[i];
        buffer_append_string(text, i == 0 ? "{\"writer\":\"" : ",{\"writer\":\"");
        put_hex(text, &writer->id, sizeof writer->id);
        buffer_append_format(text, "\",\"live_segments\":%" PRIu64 ",\"clock\":%" PRIu64 ",\"age_ms\":%" PRIu64 "}",
                             writer->segments, writer->clock, age_ms(report, writer->clock));
    }
    buffer_append_byte(text, ']');
}

static void json_running(const struct journal_report *report, struct buffer *text)
{
    const struct journal_counters *counters = &report->counters;
    buffer_append_format(text, ",\"age_ms\":%" PRIu64 ",\"alarms\":{", report->age_ms);
    for (unsigned i = 0; i < ALARM_COUNT; i++)
        buffer_append_format(text, "%s\"%s\":%" PRIu64, i == 0 ? "" : ",", journal_alarm_name(i), counters->alarms[i]);
    buffer_append_format(
        text,
        "},\"counters\":{\"ticks\":%" PRIu64 ",\"ticks_failed\":%" PRIu64 ",\"segments_written\":%" PRIu64
        ",\"batches_committed\":%" PRIu64 ",\"batches_rejected\":%" PRIu64 ",\"batches_unknown\":%" PRIu64
        ",\"folds_published\":%" PRIu64 ",\"segments_folded\":%" PRIu64 ",\"names_deleted\":%" PRIu64 "}",
        counters->ticks, counters->ticks_failed, counters->segments_written, counters->batches_committed,
        counters->batches_rejected, counters->batches_unknown, counters->folds_published, counters->segments_folded,
        counters->names_deleted);
}

static void json_findings(const struct journal_report *report, struct buffer *text)
{
    if (report->is_verified)
        buffer_append_format(text,
                             ",\"verified\":{\"objects\":%" PRIu64 ",\"bytes\":%" PRIu64 ",\"leftovers\":%" PRIu64 "}",
                             report->checked_objects, report->checked_bytes, report->leftovers);
    buffer_append_string(text, ",\"findings\":[");
    for (unsigned i = 0; i < report->findings_count; i++) {
        buffer_append_string(text, i == 0 ? "{\"name\":" : ",{\"name\":");
        put_json_string(text, report->findings[i].name);
        buffer_append_string(text, ",\"text\":");
        put_json_string(text, report->findings[i].text);
        buffer_append_string(text, report->findings[i].is_harmless ? ",\"harmless\":true}" : ",\"harmless\":false}");
    }
    buffer_append_format(text, "],\"findings_dropped\":%" PRIu64, report->findings_dropped);
}

void report_put_json(const struct journal_report *report, struct buffer *text)
{
    buffer_append_format(text,
                         "{\"sound\":%s,\"condition\":\"%s\",\"advice\":", report_is_sound(report) ? "true" : "false",
                         journal_condition_name(report->condition));
    put_json_string(text, journal_condition_advice(report->condition));
    buffer_append_string(text, ",\"detail\":");
    put_json_string(text, report->detail);
    json_head(report, text);
    buffer_append_format(text,
                         ",\"state\":{\"entries\":%" PRIu64 ",\"bytes\":%" PRIu64 "},\"live\":{\"segments\":%" PRIu64
                         ",\"held\":%" PRIu64 ",\"bytes\":%" PRIu64 ",\"oldest_age_ms\":%" PRIu64 "}",
                         report->entries, report->state_bytes, report->live_segments, report->held_segments,
                         report->live_bytes, age_ms(report, report->oldest_clock));
    json_quarantine(report, text);
    json_spools(report, text);
    json_writers(report, text);
    if (report->is_running)
        json_running(report, text);
    else
        json_findings(report, text);
    buffer_append_string(text, "}\n");
}

/* ---- for people ---- */

static void put_age(struct buffer *text, uint64_t milliseconds)
{
    if (milliseconds < 10000)
        buffer_append_format(text, "%" PRIu64 " ms", milliseconds);
    else if (milliseconds < 600000)
        buffer_append_format(text, "%" PRIu64 " s", milliseconds / 1000);
    else if (milliseconds < 48ull * 3600 * 1000)
        buffer_append_format(text, "%" PRIu64 " min", milliseconds / 60000);
    else
        buffer_append_format(text, "%" PRIu64 " days", milliseconds / 86400000);
}

static void text_head(const struct journal_report *report, struct buffer *text)
{
    const struct head *head = &report->head;
    if (!report->has_head)
        return;
    buffer_append_format(text, "head         generation %" PRIu64 ", lineage ", head->generation);
    put_hex(text, &head->lineage, sizeof head->lineage);
    buffer_append_format(text, "\n             window %u, horizon %u, %u layers of %" PRIu64 " bytes\n", head->window,
                         head->horizon, head->layers_count, checkpoint_bytes(head));
    if (head->missing_count > 0)
        buffer_append_format(text, "             %u segments were given up; the last in generation %" PRIu64 "\n",
                             head->missing_count, head->missing[head->missing_count - 1].generation);
    buffer_append_format(text, "state        %" PRIu64 " entries, %" PRIu64 " bytes\n", report->entries,
                         report->state_bytes);
    buffer_append_format(text, "live         %" PRIu64 " segments, %" PRIu64 " bytes", report->live_segments,
                         report->live_bytes);
    if (report->oldest_clock != 0) {
        buffer_append_string(text, ", the oldest written ");
        put_age(text, age_ms(report, report->oldest_clock));
        buffer_append_string(text, " ago");
    }
    if (report->held_segments > 0)
        buffer_append_format(text, "; %" PRIu64 " more do not count yet", report->held_segments);
    buffer_append_byte(text, '\n');
}

static void text_quarantine(const struct journal_report *report, struct buffer *text)
{
    for (uint32_t i = 0; i < report->head.quarantine_count; i++) {
        const struct head_quarantine *item = &report->head.quarantine[i];
        buffer_append_string(text, "quarantine   ");
        put_segment_name(text, &item->key);
        buffer_append_format(text, "  %s, since generation %" PRIu64 "\n", reason_name(item->reason), item->generation);
    }
}

static void text_spools(const struct journal_report *report, struct buffer *text)
{
    for (unsigned i = 0; i < report->spools_count; i++) {
        const struct report_spool *spool = &report->spools[i];
        buffer_append_string(text, "spool        ");
        put_hex(text, spool->id, SPOOL_ID_BYTES);
        buffer_append_format(text, "  %s, counts up to record %" PRIu64, spool->is_open ? "open" : "not opened yet",
                             spool->last);
        if (spool->is_local) {
            buffer_append_string(text, spool->has_unsent ? ", more to send" : ", nothing to send");
            buffer_append_string(text, spool->is_own ? ", of this process, made " : ", made ");
            put_age(text, age_ms(report, (uint64_t)spool->created_ms));
            buffer_append_string(text, " ago");
        }
        buffer_append_byte(text, '\n');
        if (spool->is_cut_off)
            buffer_append_string(text, "             cut off: the journal has lost records of it that it had taken "
                                       "over, and takes no more: `bale savings --recount`\n");
    }
}

static void text_writers(const struct journal_report *report, struct buffer *text)
{
    for (unsigned i = 0; i < report->writers_count; i++) {
        const struct report_writer *writer = &report->writers[i];
        buffer_append_string(text, "replica      ");
        put_hex(text, &writer->id, sizeof writer->id);
        buffer_append_format(text, "  %" PRIu64 " live segments, wrote last ", writer->segments);
        put_age(text, age_ms(report, writer->clock));
        buffer_append_string(text, " ago by its clock\n");
    }
}

static void text_findings(const struct journal_report *report, struct buffer *text)
{
    for (unsigned i = 0; i < report->findings_count; i++) {
        const struct report_finding *finding = &report->findings[i];
        buffer_append_format(text, "finding      %s%s%s%s\n", finding->name, finding->name[0] == '\0' ? "" : ": ",
                             finding->text, finding->is_harmless ? " (a leftover: nothing depends on it)" : "");
    }
    if (report->findings_dropped > 0)
        buffer_append_format(text, "             and %" PRIu64 " more\n", report->findings_dropped);
    if (report->is_verified)
        buffer_append_format(text,
                             "verified     %" PRIu64 " objects, %" PRIu64 " bytes; %" PRIu64
                             " are leftovers that the next folds remove\n",
                             report->checked_objects, report->checked_bytes, report->leftovers);
}

void report_put_text(const struct journal_report *report, struct buffer *text)
{
    bool is_absent = report->condition == JOURNAL_NOT_READY && !report->has_head;
    if (is_absent)
        buffer_append_string(text, "journal      there is none here yet\n");
    else if (report->condition == JOURNAL_RUNS)
        buffer_append_format(text, "journal      %s\n", report_is_sound(report) ? "sound" : "works, with findings");
    else
        buffer_append_format(text, "journal      %s: %s\n", journal_condition_name(report->condition),
                             journal_condition_advice(report->condition));
    if (report->detail[0] != '\0' && !is_absent)
        buffer_append_format(text, "             %s\n", report->detail);
    text_head(report, text);
    text_quarantine(report, text);
    text_spools(report, text);
    text_writers(report, text);
    text_findings(report, text);
}
