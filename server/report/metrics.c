/* server/report/metrics.c -- counts one request under its bounded labels. */
#include "server/report/metrics.h"

#include "s3client/wire/s3_error.h"

static const int STATUSES[METRICS_STATUSES] = {0,   1,   200, 204, 206, 304, 307, 400, 403, 404,
                                               405, 409, 411, 412, 416, 500, 501, 503, 507, 301};

int metrics_status(unsigned index)
{
    return STATUSES[index];
}

static unsigned status_index(int status)
{
    for (unsigned i = 0; i < METRICS_STATUSES; i++) {
        if (STATUSES[i] == status)
            return i;
    }
    return 1;
}

static void count_refusal(struct shard_metrics *metrics, const char *code)
{
    const struct s3_error_entry *entry = s3_error_find(code);
    unsigned count;
    const struct s3_error_entry *table = s3_error_table(&count);
    if (entry != NULL && entry - table < METRICS_CODES_MAX)
        metric_add(&metrics->refusals[entry - table], 1);
}

void metrics_observe(struct shard_metrics *metrics, const struct http_exchange *exchange,
                     const struct s3_outcome *outcome)
{
    metric_add(&metrics->requests[outcome->operation][status_index(outcome->status)], 1);
    metric_observe_us(&metrics->durations[outcome->operation], outcome->duration_ns / 1000);
    metric_add(&metrics->received_bytes, exchange->bytes_in);
    metric_add(&metrics->sent_bytes, exchange->bytes_out);
    metric_add(&metrics->original_bytes_written, outcome->original_bytes_written);
    metric_add(&metrics->stored_bytes_written, outcome->stored_bytes_written);
    if (outcome->is_cut)
        metric_add(&metrics->cut_answers, 1);
    if (outcome->code != NULL)
        count_refusal(metrics, outcome->code);
    if (outcome->code != NULL && access_source_refuses(outcome->decided_by))
        metric_add(&metrics->access_refusals[outcome->decided_by], 1);
    unsigned codec = codec_place(outcome->codec);
    if (outcome->has_codec && outcome->original_bytes_written != 0 && codec < CODECS_COUNT)
        metric_add(&metrics->codecs_written[codec], 1);
}
