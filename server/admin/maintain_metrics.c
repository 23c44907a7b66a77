/* server/admin/maintain_metrics.c -- what /metrics says of the jobs of bale maintain in this process. */
#include "server/admin/maintain_metrics.h"

#include "server/admin/family.h"

static void write_number(struct buffer *to, const char *name, const char *help, uint64_t value)
{
    admin_write_family(to, name, "counter", help);
    buffer_append_format(to, "%s %llu\n", name, (unsigned long long)value);
}

void admin_write_maintain_metrics(const struct maintenance_jobs *jobs, struct buffer *to)
{
    struct maintenance_totals totals;
    maintenance_jobs_sum_up(jobs, &totals);
    admin_write_family(to, "bale_maintain_running", "gauge", "1: a job of bale maintain runs in this process.");
    buffer_append_format(to, "bale_maintain_running %d\n", jobs->state == MAINTENANCE_RUNS);
    admin_write_family(to, "bale_maintain_jobs_total", "counter", "Jobs that are over, by how they ended.");
    for (unsigned state = MAINTENANCE_DONE; state < MAINTENANCE_STATES; state++)
        buffer_append_format(to, "bale_maintain_jobs_total{state=\"%s\"} %llu\n", maintenance_state_name(state),
                             (unsigned long long)totals.ended[state]);
    write_number(to, "bale_maintain_objects_total",
                 "Objects that were looked at, also by jobs that only say what they would do.", totals.objects);
    admin_write_family(to, "bale_maintain_outcomes_total", "counter",
                       "What became of objects by a rule, of jobs that carry it out.");
    for (unsigned outcome = 0; outcome < OUTCOMES; outcome++)
        buffer_append_format(to, "bale_maintain_outcomes_total{outcome=\"%s\"} %llu\n", outcome_name(outcome),
                             (unsigned long long)totals.outcomes[outcome]);
    write_number(to, "bale_maintain_before_bytes_total", "Stored bytes of what was written anew, or removed, before.",
                 totals.before);
    write_number(to, "bale_maintain_after_bytes_total", "... and after.", totals.after);
}
