/* server/admin/recompact_metrics.c -- what /metrics says of --recompact idle. */
#include "server/admin/recompact_metrics.h"

#include "server/admin/family.h"

static void write_counter(struct buffer *to, const char *name, const char *help, const metric_counter *counter)
{
    admin_write_family(to, name, "counter", help);
    buffer_append_format(to, "%s %llu\n", name, (unsigned long long)metric_read(counter));
}

static void write_row(struct buffer *to, const char *name, const char *label, const char *value,
                      const metric_counter *counter)
{
    buffer_append_format(to, "%s{%s=\"%s\"} %llu\n", name, label, value, (unsigned long long)metric_read(counter));
}

void admin_write_recompact_metrics(const struct recompactor *recompactor, struct buffer *to)
{
    static const char versions[] = "bale_recompact_versions_total";
    static const char waits[] = "bale_recompact_waits_total";
    const struct recompact_counters *counters = &recompactor->counters;
    write_counter(to, "bale_recompact_walks_total", "Walks that looked for what is worth to be packed anew.",
                  &counters->walks);
    admin_write_family(to, versions, "counter", "Versions that were tried, by what became of them.");
    write_row(to, versions, "outcome", "packed", &counters->packed);
    write_row(to, versions, "outcome", "no-gain", &counters->no_gain);
    write_row(to, versions, "outcome", "changed", &counters->changed);
    write_row(to, versions, "outcome", "failed", &counters->failed);
    write_counter(to, "bale_recompact_before_bytes_total", "Stored bytes of what was packed anew, before.",
                  &counters->bytes_before);
    write_counter(to, "bale_recompact_after_bytes_total", "... and after.", &counters->bytes_after);
    write_counter(to, "bale_recompact_written_bytes_total", "Bytes that were written for it, also for nothing.",
                  &counters->written_bytes);
    admin_write_family(to, waits, "counter", "How often it waited, by why.");
    write_row(to, waits, "reason", "busy", &counters->waits_busy);
    write_row(to, waits, "reason", "quota", &counters->waits_quota);
    write_row(to, waits, "reason", "wear", &counters->waits_wear);
}
