/* server/admin/dictionary_metrics.c -- what /metrics says of dictionaries. */
#include "server/admin/dictionary_metrics.h"

#include "server/admin/family.h"

void admin_write_dictionary_metrics(const struct dictionary_table_counters *counters, struct buffer *to)
{
    const struct {
        const char *name;
        const char *type;
        const char *help;
        const metric_counter *counter;
    } rows[] = {
        {"bale_dict_loaded", "gauge", "Dictionaries in memory.", &counters->count},
        {"bale_dict_memory_bytes", "gauge", "Memory that these take; see --dict-memory.", &counters->bytes},
        {"bale_dict_fetched_total", "counter", "Dictionaries fetched from their bucket.", &counters->fetched},
        {"bale_dict_evicted_total", "counter", "Dictionaries that went because --dict-memory was full.",
         &counters->evicted},
        {"bale_dict_failed_total", "counter",
         "Reads and writes that met a dictionary that is missing, too large, or not what its id says.",
         &counters->failed},
    };
    for (unsigned i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        admin_write_family(to, rows[i].name, rows[i].type, rows[i].help);
        buffer_append_format(to, "%s %llu\n", rows[i].name, (unsigned long long)metric_read(rows[i].counter));
    }
}
