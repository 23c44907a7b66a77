/* server/admin/journal_metrics.c -- the journal's and the ledger's numbers as Prometheus' text. */
#include "server/admin/journal_metrics.h"

#include "runtime/base/assert.h"
#include "server/admin/family.h"

#include <stdlib.h>

enum { BUCKETS_NAMED_MAX = 100 };

static void row(struct buffer *to, const char *name, const char *type, const char *help, uint64_t value)
{
    admin_write_family(to, name, type, help);
    buffer_append_format(to, "%s %llu\n", name, (unsigned long long)value);
}

/* ---- savings ---- */

struct figure {
    const char *bucket_name, *bucket_help;
    const char *total_name, *total_help;
    size_t offset;
};

static const struct figure FIGURES[] = {
    {"bale_bucket_objects", "Objects of a bucket; the largest 100 by name, the others summed as (other).",
     "bale_objects", "Objects of all buckets.", offsetof(struct ledger_amounts, objects)},
    {"bale_bucket_original_bytes", "What clients stored in a bucket, as they sent it.", "bale_original_bytes",
     "What clients stored, as they sent it.", offsetof(struct ledger_amounts, original_bytes)},
    {"bale_bucket_stored_bytes", "What that takes, sidecars included.", "bale_stored_bytes",
     "What that takes in all buckets, sidecars included.", offsetof(struct ledger_amounts, stored_bytes)},
    {"bale_bucket_former_versions", "Versions of a bucket that are not current.", "bale_former_versions",
     "Versions that are not current, of all buckets.", offsetof(struct ledger_amounts, former_versions)},
    {"bale_bucket_former_original_bytes", "What clients stored as versions that are not current any more.",
     "bale_former_original_bytes", "The same of all buckets.", offsetof(struct ledger_amounts, former_original_bytes)},
    {"bale_bucket_former_stored_bytes", "What versions that are not current take, sidecars included.",
     "bale_former_stored_bytes", "The same of all buckets.", offsetof(struct ledger_amounts, former_stored_bytes)},
};

static int64_t amount_of(const struct figure *figure, const struct ledger_amounts *amounts)
{
    return *(const int64_t *)(const void *)((const uint8_t *)amounts + figure->offset);
}

static int largest_first(const void *a, const void *b)
{
    int64_t left = ((const struct savings_row *)a)->amounts.original_bytes;
    int64_t right = ((const struct savings_row *)b)->amounts.original_bytes;
    return left == right ? 0 : left > right ? -1 : 1;
}

static void write_figure(const struct figure *figure, const struct savings *savings, struct buffer *to)
{
    struct ledger_amounts other = {0};
    admin_write_family(to, figure->bucket_name, "gauge", figure->bucket_help);
    for (size_t i = 0; i < savings->count; i++) {
        const struct savings_row *shown = &savings->rows[i];
        if (i < BUCKETS_NAMED_MAX)
            buffer_append_format(to, "%s{bucket=\"%s\"} %lld\n", figure->bucket_name, shown->bucket,
                                 (long long)amount_of(figure, &shown->amounts));
        else
            ledger_amounts_add(&other, &shown->amounts);
    }
    if (savings->count > BUCKETS_NAMED_MAX)
        buffer_append_format(to, "%s{bucket=\"(other)\"} %lld\n", figure->bucket_name,
                             (long long)amount_of(figure, &other));
    admin_write_family(to, figure->total_name, "gauge", figure->total_help);
    buffer_append_format(to, "%s %lld\n", figure->total_name, (long long)amount_of(figure, &savings->total.amounts));
}

/* Nothing is shown as long as nothing is known: a zero would be a figure. */
SUSPENDS static void write_savings(const struct journal_service *service, struct buffer *to)
{
    struct savings savings;
    struct error error;
    if (!journal_service_savings(service, BUCKETS_NAMED_MAX, &savings, &error))
        return;
    if (savings.count > BUCKETS_NAMED_MAX)
        qsort(savings.rows, savings.count, sizeof *savings.rows, largest_first);
    for (unsigned i = 0; i < sizeof FIGURES / sizeof FIGURES[0]; i++)
        write_figure(&FIGURES[i], &savings, to);
    admin_write_family(to, "bale_savings_uncertain", "gauge",
                       "Changes since a recount of which nobody knows whether they happened.");
    buffer_append_format(to, "bale_savings_uncertain %llu\n", (unsigned long long)savings.total.uncertain);
    admin_write_family(to, "bale_savings_doubts", "gauge", "1: for this reason the figures may be wrong.");
    for (unsigned doubt = 0; doubt < SAVINGS_DOUBTS; doubt++)
        buffer_append_format(to, "bale_savings_doubts{reason=\"%s\"} %d\n", savings_doubt_name(doubt),
                             savings.doubts[doubt]);
    savings_free(&savings);
}

/* ---- the journal ---- */

static void write_condition(const struct journal *journal, struct buffer *to)
{
    admin_write_family(to, "bale_journal_condition", "gauge",
                       "1 for how the journal stands; all but running and not-ready want an operator.");
    enum journal_condition now = journal == NULL ? JOURNAL_NOT_READY : journal_condition(journal);
    for (unsigned condition = 0; condition < JOURNAL_CONDITION_COUNT; condition++)
        buffer_append_format(to, "bale_journal_condition{condition=\"%s\"} %d\n", journal_condition_name(condition),
                             condition == now);
}

static void write_alarms(const struct journal_counters *counters, struct buffer *to)
{
    admin_write_family(to, "bale_journal_alarms_total", "counter", "What must never pass as normal, by kind.");
    for (unsigned alarm = 0; alarm < ALARM_COUNT; alarm++)
        buffer_append_format(to, "bale_journal_alarms_total{kind=\"%s\"} %llu\n", journal_alarm_name(alarm),
                             (unsigned long long)counters->alarms[alarm]);
}

static void write_outcomes(const struct journal_counters *counters, struct buffer *to)
{
    admin_write_family(to, "bale_journal_batches_total", "counter", "Batches by outcome.");
    buffer_append_format(to,
                         "bale_journal_batches_total{outcome=\"committed\"} %llu\n"
                         "bale_journal_batches_total{outcome=\"rejected\"} %llu\n"
                         "bale_journal_batches_total{outcome=\"unknown\"} %llu\n",
                         (unsigned long long)counters->batches_committed,
                         (unsigned long long)counters->batches_rejected, (unsigned long long)counters->batches_unknown);
    admin_write_family(to, "bale_journal_folds_total", "counter", "Folds by what became of them.");
    buffer_append_format(to,
                         "bale_journal_folds_total{result=\"published\"} %llu\n"
                         "bale_journal_folds_total{result=\"lost\"} %llu\n"
                         "bale_journal_folds_total{result=\"ambiguous\"} %llu\n",
                         (unsigned long long)counters->folds_published, (unsigned long long)counters->folds_lost,
                         (unsigned long long)counters->folds_ambiguous);
}

static void write_requests(const struct journal_bucket_counters *counters, struct buffer *to)
{
    admin_write_family(to, "bale_journal_requests_total", "counter", "Requests of the journal to the store, by kind.");
    for (unsigned kind = 0; kind < JOURNAL_REQUEST_COUNT; kind++)
        buffer_append_format(to, "bale_journal_requests_total{kind=\"%s\"} %llu\n", journal_request_name(kind),
                             (unsigned long long)counters->requests[kind]);
    admin_write_family(to, "bale_journal_requests_unknown_total", "counter",
                       "Of them those without an answer that says what happened.");
    for (unsigned kind = 0; kind < JOURNAL_REQUEST_COUNT; kind++)
        buffer_append_format(to, "bale_journal_requests_unknown_total{kind=\"%s\"} %llu\n", journal_request_name(kind),
                             (unsigned long long)counters->unknown[kind]);
    row(to, "bale_journal_written_bytes_total", "counter", "Bytes that the journal wrote into the store.",
        counters->bytes_written);
    row(to, "bale_journal_read_bytes_total", "counter", "Bytes that it read from there.", counters->bytes_read);
    row(to, "bale_journal_labels_slipped_total", "counter",
        "Answers of an S3 server whose ETag was another's than their bytes; they were asked for again.",
        counters->labels_slipped);
}

static void write_journal(const struct journal_service *service, struct buffer *to)
{
    const struct journal *journal = service->journal;
    const struct journal_counters *counters = journal_counters(journal);
    const struct head *head = journal_head(journal);
    struct journal_gauges gauges;
    journal_gauges(journal, &gauges);
    row(to, "bale_journal_generation", "gauge", "Generation of the head; 0: none has been read.",
        head == NULL ? 0 : head->generation);
    row(to, "bale_journal_quarantined", "gauge", "Damaged segments that wait for an operator.",
        head == NULL ? 0 : head->quarantine_count);
    row(to, "bale_journal_live_segments", "gauge", "Segments that no fold has taken yet.", gauges.live_segments);
    row(to, "bale_journal_live_bytes", "gauge", "Bytes of segments that are held in memory.", gauges.live_bytes);
    row(to, "bale_journal_queued_bytes", "gauge", "Bytes of batches that wait to be written.", gauges.queued_bytes);
    admin_write_family(to, "bale_journal_age_seconds", "gauge", "Since the last good look at the store began.");
    buffer_append_format(to, "bale_journal_age_seconds %.3f\n", (double)journal_age_ns(journal) / 1e9);
    row(to, "bale_journal_segments_written_total", "counter", "Segments written.", counters->segments_written);
    row(to, "bale_journal_segments_folded_total", "counter", "Segments that own folds took.",
        counters->segments_folded);
    row(to, "bale_journal_names_deleted_total", "counter", "Names that cleanup asked to delete.",
        counters->names_deleted);
    write_outcomes(counters, to);
    write_alarms(counters, to);
    write_requests(journal_bucket_counters(service->bucket), to);
}

/* ---- the spool ---- */

static void write_spool(const struct journal_service *service, struct buffer *to)
{
    row(to, "bale_spool_records_waiting", "gauge", "Records of amounts that are not in the ledger yet.",
        journal_service_records_waiting(service));
    admin_write_family(to, "bale_spool_waiting_seconds", "gauge", "Since when some have been waiting.");
    buffer_append_format(to, "bale_spool_waiting_seconds %.3f\n", (double)journal_service_waiting_ms(service) / 1e3);
    if (service->sender == NULL)
        return;
    const struct spool_sender_counters *counters = spool_sender_counters(service->sender);
    row(to, "bale_spool_records_sent_total", "counter", "Records that the ledger took.", counters->records_committed);
    row(to, "bale_spool_records_repeated_total", "counter", "Records sent again.", counters->records_repeated);
    row(to, "bale_spool_batches_failed_total", "counter", "Batches of records that were not committed.",
        counters->batches_failed);
    row(to, "bale_spool_records_damaged_total", "counter", "Records that count as nothing: recount the ledger.",
        counters->records_damaged);
}

SUSPENDS void admin_write_journal_metrics(const struct journal_service *service, struct buffer *to)
{
    if (service->spool != NULL) {
        write_savings(service, to);
        write_spool(service, to);
    }
    write_condition(service->journal, to);
    if (service->journal != NULL)
        write_journal(service, to);
}
