/* server/admin/dictionary_metrics.c -- what /metrics says of dictionaries.
 *
 * By bucket and prefix the first RULES_SHOWN rules have rows of their own, and all others one together: labels are
 * bounded, whatever an operator maps. */
#include "server/admin/dictionary_metrics.h"

#include "server/admin/family.h"

#include <stddef.h>

enum { RULES_SHOWN = 100 };

static void write_rows(const struct dictionary_keeper *keeper, struct buffer *to)
{
    const struct dictionary_table_counters *table = dictionary_table_counters(keeper->table);
    const struct {
        const char *name;
        const char *type;
        const char *help;
        const metric_counter *counter;
    } rows[] = {
        {"bale_dict_loaded", "gauge", "Dictionaries in memory.", &table->count},
        {"bale_dict_memory_bytes", "gauge", "Memory that these take; see --dict-memory.", &table->bytes},
        {"bale_dict_fetched_total", "counter", "Dictionaries fetched from their bucket.", &table->fetched},
        {"bale_dict_evicted_total", "counter", "Dictionaries that went because --dict-memory was full.",
         &table->evicted},
        {"bale_dict_failed_total", "counter",
         "Reads and writes that met a dictionary that is missing, too large, or not what its id says.", &table->failed},
        {"bale_dict_rules", "gauge", "Prefixes whose new objects are compressed with a dictionary.",
         &keeper->counters.rules},
        {"bale_dict_stale", "gauge", "... and whose dictionary saves less than it did.", &keeper->counters.rules_stale},
        {"bale_dict_rule_failures_total", "counter", "Times that a dictionary could not be put in force.",
         &keeper->counters.failures},
        {"bale_dict_drift_unsent_total", "counter", "Counts of drift that the journal did not take.",
         &keeper->counters.drift_unsent},
    };
    for (unsigned i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        admin_write_family(to, rows[i].name, rows[i].type, rows[i].help);
        buffer_append_format(to, "%s %llu\n", rows[i].name, (unsigned long long)metric_read(rows[i].counter));
    }
}

/* ---- by prefix ---- */

/* A label's value: UTF-8 with backslashes, quotes and ends of lines escaped. Keys may be any bytes. */
static void write_label(struct buffer *to, struct span text)
{
    for (size_t i = 0; i < text.size; i++) {
        uint8_t byte = text.data[i];
        if (byte == '\\' || byte == '"')
            buffer_append_byte(to, '\\');
        if (byte >= 0x20 && byte < 0x7f)
            buffer_append_byte(to, byte);
        else
            buffer_append_format(to, "%%%02X", byte);
    }
}

static void write_row(const struct dictionary_rule *rule, const char *family, const char *label, const char *value,
                      uint64_t number, struct buffer *to)
{
    buffer_append_format(to, "%s{bucket=\"", family);
    write_label(to, rule == NULL ? SPAN_EMPTY : rule->mapping.bucket);
    buffer_append_string(to, "\",prefix=\"");
    write_label(to, rule == NULL ? SPAN("(others)") : rule->mapping.prefix);
    buffer_append_format(to, "\",%s=\"%s\"} %llu\n", label, value, (unsigned long long)number);
}

/* One label value of a family: a row for each of the first rules, and one for all others. */
static void write_values(const struct dictionary_rules *rules, const char *family, const char *label, const char *value,
                         size_t offset_in_use, struct buffer *to)
{
    uint64_t others = 0;
    for (size_t i = 0; i < rules->count; i++) {
        uint64_t number = dictionary_rule_sum(rules->rules[i], offset_in_use);
        if (i < RULES_SHOWN)
            write_row(rules->rules[i], family, label, value, number, to);
        else
            others += number;
    }
    if (rules->count > RULES_SHOWN)
        write_row(NULL, family, label, value, others, to);
}

void admin_write_dictionary_metrics(const struct dictionary_keeper *keeper, struct buffer *to)
{
    const struct dictionary_rules *rules = keeper->board.current;
    write_rows(keeper, to);
    if (rules == NULL || rules->count == 0)
        return;
    admin_write_family(to, "bale_dict_put_total", "counter",
                       "Objects under a prefix with a dictionary: stored with it (won), or without (lost).");
    write_values(rules, "bale_dict_put_total", "result", "won", offsetof(struct dictionary_use, puts), to);
    write_values(rules, "bale_dict_put_total", "result", "lost", offsetof(struct dictionary_use, lost), to);
    admin_write_family(to, "bale_dict_put_bytes_total", "counter", "Bytes of those that were stored with it.");
    write_values(rules, "bale_dict_put_bytes_total", "kind", "original",
                 offsetof(struct dictionary_use, original_bytes), to);
    write_values(rules, "bale_dict_put_bytes_total", "kind", "stored", offsetof(struct dictionary_use, stored_bytes),
                 to);
}
