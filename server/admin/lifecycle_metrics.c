/* server/admin/lifecycle_metrics.c -- what /metrics says of lifecycle rules. */
#include "server/admin/lifecycle_metrics.h"

#include "server/admin/family.h"

static void write_number(struct buffer *to, const char *name, const char *type, const char *help,
                         const metric_counter *counter)
{
    admin_write_family(to, name, type, help);
    buffer_append_format(to, "%s %llu\n", name, (unsigned long long)metric_read(counter));
}

static void write_outcome(struct buffer *to, const char *outcome, const metric_counter *counter)
{
    buffer_append_format(to, "bale_lifecycle_kept_total{reason=\"%s\"} %llu\n", outcome,
                         (unsigned long long)metric_read(counter));
}

void admin_write_lifecycle_metrics(const struct lifecycle_runner *runner, const struct native_watch *native,
                                   struct buffer *to)
{
    const struct lifecycle_counters *counters = &runner->counters;
    write_number(to, "bale_lifecycle_sweeps_total", "counter", "Sweeps of buckets by their lifecycle rules that ended.",
                 &counters->sweeps);
    write_number(to, "bale_lifecycle_interrupted_total", "counter", "... that were interrupted, and go on later.",
                 &counters->interrupted);
    write_number(to, "bale_lifecycle_resumed_total", "counter", "... that a process before this one had begun.",
                 &counters->resumed);
    write_number(to, "bale_lifecycle_judged_total", "counter", "Versions and delete markers that were looked at.",
                 &counters->judged);
    admin_write_family(to, "bale_lifecycle_actions_total", "counter", "What lifecycle rules have done.");
    for (unsigned action = LIFECYCLE_KEEP + 1; action < LIFECYCLE_ACTIONS; action++)
        buffer_append_format(to, "bale_lifecycle_actions_total{action=\"%s\"} %llu\n", lifecycle_action_name(action),
                             (unsigned long long)metric_read(&counters->done[action]));
    buffer_append_format(to, "bale_lifecycle_actions_total{action=\"abort-upload\"} %llu\n",
                         (unsigned long long)metric_read(&counters->aborted));
    admin_write_family(to, "bale_lifecycle_kept_total", "counter", "Versions that were due, and stay.");
    write_outcome(to, "changed", &counters->changed);
    write_outcome(to, "locked", &counters->locked);
    write_outcome(to, "unsafe", &counters->unsafe);
    write_outcome(to, "failed", &counters->failed);
    write_number(to, "bale_lifecycle_held", "gauge", "1: no rule is carried out, because the clock may be wrong.",
                 &counters->is_held);
    if (native != NULL)
        write_number(to, "bale_lifecycle_native_rule_covers_own", "gauge",
                     "1: a lifecycle rule of the backend's own would remove, or move, what is this server's there.",
                     &native->is_covered);
}
