/* server/admin/prometheus.c -- every number that Bale counts, as Prometheus' text.
 *
 * Counters are sums over shards, except where a shard of its own tells something (loops, rings, connections). Rows that
 * are zero are left out where a label has many values. */
#include "runtime/base/clock.h"
#include "runtime/log/log.h"
#include "s3client/wire/s3_error.h"
#include "server/admin/admin.h"
#include "server/admin/dictionary_metrics.h"
#include "server/admin/family.h"
#include "server/admin/fleet.h"
#include "server/admin/journal_metrics.h"
#include "server/admin/lifecycle_metrics.h"
#include "server/admin/maintain_metrics.h"
#include "server/admin/recompact_metrics.h"
#include "server/keys/keyring.h"
#include "server/kms/kms.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* ---- requests ---- */

static uint64_t sum_requests(const struct admin_view *view, unsigned operation, unsigned status)
{
    uint64_t sum = 0;
    for (unsigned i = 0; i < view->shards_count; i++)
        sum += metric_read(&view->shards[i].metrics->requests[operation][status]);
    return sum;
}

static void write_requests(const struct admin_view *view, struct buffer *to)
{
    admin_write_family(
        to, "bale_requests_total", "counter",
        "Requests by operation and status; status 0: nothing could be answered, 1: none of the usual ones.");
    for (unsigned operation = 0; operation < S3_OPERATIONS; operation++) {
        for (unsigned status = 0; status < METRICS_STATUSES; status++) {
            uint64_t sum = sum_requests(view, operation, status);
            if (sum != 0)
                buffer_append_format(to, "bale_requests_total{operation=\"%s\",status=\"%d\"} %llu\n",
                                     s3_operation_name(operation), metrics_status(status), (unsigned long long)sum);
        }
    }
}

static void write_refusals(const struct admin_view *view, struct buffer *to)
{
    admin_write_family(to, "bale_refusals_total", "counter", "Requests that were refused, by S3 error code.");
    unsigned count;
    const struct s3_error_entry *table = s3_error_table(&count);
    for (unsigned code = 0; code < count && code < METRICS_CODES_MAX; code++) {
        uint64_t sum = 0;
        for (unsigned i = 0; i < view->shards_count; i++)
            sum += metric_read(&view->shards[i].metrics->refusals[code]);
        if (sum != 0)
            buffer_append_format(to, "bale_refusals_total{code=\"%s\"} %llu\n", table[code].code,
                                 (unsigned long long)sum);
    }
}

/* All of them, also at zero: a rate wants a beginning. */
static void write_access_refusals(const struct admin_view *view, struct buffer *to)
{
    admin_write_family(to, "bale_access_refusals_total", "counter", "Requests that were not allowed, by what decided.");
    for (enum access_source source = ACCESS_UNDECIDED; source < ACCESS_SOURCES; source++) {
        uint64_t sum = 0;
        for (unsigned i = 0; i < view->shards_count; i++)
            sum += metric_read(&view->shards[i].metrics->access_refusals[source]);
        if (access_source_refuses(source))
            buffer_append_format(to, "bale_access_refusals_total{reason=\"%s\"} %llu\n", access_source_name(source),
                                 (unsigned long long)sum);
    }
}

/* One family by codec; `counter` says where a shard counts it. */
static void write_by_codec(const struct admin_view *view, const char *name, const char *help,
                           const metric_counter *(*counter)(const struct admin_shard *shard, unsigned codec),
                           struct buffer *to)
{
    admin_write_family(to, name, "counter", help);
    for (unsigned codec = 0; codec < CODECS_COUNT; codec++) {
        uint64_t sum = 0;
        for (unsigned i = 0; i < view->shards_count; i++)
            sum += metric_read(counter(&view->shards[i], codec));
        buffer_append_format(to, "%s{codec=\"%s\"} %llu\n", name, codec_at(codec)->name, (unsigned long long)sum);
    }
}

static const metric_counter *objects_written(const struct admin_shard *shard, unsigned codec)
{
    return &shard->metrics->codecs_written[codec];
}

static const metric_counter *original_bytes(const struct admin_shard *shard, unsigned codec)
{
    return &shard->object->codecs[codec].original_bytes;
}

static const metric_counter *stored_bytes(const struct admin_shard *shard, unsigned codec)
{
    return &shard->object->codecs[codec].stored_bytes;
}

static void write_codecs(const struct admin_view *view, struct buffer *to)
{
    write_by_codec(view, "bale_objects_written_total", "Objects written that were not empty, by the codec chosen.",
                   objects_written, to);
    write_by_codec(view, "bale_codec_original_bytes_total", "Original bytes of frames and bodies, by their codec.",
                   original_bytes, to);
    write_by_codec(view, "bale_codec_stored_bytes_total", "What these take, headers of frames included.", stored_bytes,
                   to);
}

static void write_duration(const struct admin_view *view, unsigned operation, struct buffer *to)
{
    const char *name = s3_operation_name(operation);
    uint64_t count = 0;
    uint64_t sum_us = 0;
    for (unsigned bucket = 0; bucket < METRIC_HISTOGRAM_BUCKETS; bucket++) {
        for (unsigned i = 0; i < view->shards_count; i++)
            count += metric_read(&view->shards[i].metrics->durations[operation].buckets[bucket]);
        if (bucket + 1 < METRIC_HISTOGRAM_BUCKETS)
            buffer_append_format(to, "bale_request_seconds_bucket{operation=\"%s\",le=\"%g\"} %llu\n", name,
                                 (double)(1ULL << (bucket + 4)) / 1e6, (unsigned long long)count);
    }
    for (unsigned i = 0; i < view->shards_count; i++)
        sum_us += metric_read(&view->shards[i].metrics->durations[operation].sum_us);
    buffer_append_format(to,
                         "bale_request_seconds_bucket{operation=\"%s\",le=\"+Inf\"} %llu\n"
                         "bale_request_seconds_sum{operation=\"%s\"} %.6f\n"
                         "bale_request_seconds_count{operation=\"%s\"} %llu\n",
                         name, (unsigned long long)count, name, (double)sum_us / 1e6, name, (unsigned long long)count);
}

static void write_durations(const struct admin_view *view, struct buffer *to)
{
    admin_write_family(to, "bale_request_seconds", "histogram",
                       "From a request's complete head to the end of its answer.");
    for (unsigned operation = 0; operation < S3_OPERATIONS; operation++) {
        uint64_t any = 0;
        for (unsigned status = 0; status < METRICS_STATUSES; status++)
            any |= sum_requests(view, operation, status);
        if (any != 0)
            write_duration(view, operation, to);
    }
}

static void write_plain_counters(const struct admin_view *view, struct buffer *to)
{
#define SHARD_COUNTER(name, help)                                                         \
    do {                                                                                  \
        uint64_t sum = 0;                                                                 \
        for (unsigned i = 0; i < view->shards_count; i++)                                 \
            sum += metric_read(&view->shards[i].metrics->name);                           \
        admin_write_family(to, "bale_" #name "_total", "counter", help);                  \
        buffer_append_format(to, "bale_" #name "_total %llu\n", (unsigned long long)sum); \
    } while (false);
#include "server/report/metrics.def"
#undef SHARD_COUNTER
}

/* ---- one row for each shard ---- */

/* Where a number of a shard lies: in the counters of its loop, its connections, its body pipelines, its settings of
 * buckets or its access logs. */
struct shard_row {
    const char *name;
    const char *type;
    const char *help;
    enum { OF_LOOP, OF_HTTP, OF_OBJECT, OF_SETTINGS, OF_ACCESS_LOG } of;
    size_t offset;
    double scale;
};

#define LOOP(member) OF_LOOP, offsetof(struct loop_counters, member)
#define HTTP(member) OF_HTTP, offsetof(struct http_counters, member)
#define OBJECT(member) OF_OBJECT, offsetof(struct object_counters, member)
#define SETTINGS(member) OF_SETTINGS, offsetof(struct settings_counters, member)
#define ACCESS_LOG(member) OF_ACCESS_LOG, offsetof(struct access_log_counters, member)

static const struct shard_row SHARD_ROWS[] = {
    {"bale_connections_open", "gauge", "Connections that are open.", HTTP(connections_open), 1},
    {"bale_connections_total", "counter", "Connections that were accepted.", HTTP(connections), 1},
    {"bale_connections_cut_total", "counter", "Connections reset in the middle of an answer.", HTTP(connections_cut),
     1},
    {"bale_bad_heads_total", "counter", "Heads that were no request.", HTTP(bad_heads), 1},
    {"bale_head_timeouts_total", "counter", "Heads that did not come in time.", HTTP(head_timeouts), 1},
    {"bale_tls_handshakes_total", "counter", "TLS handshakes that succeeded.", HTTP(handshakes), 1},
    {"bale_tls_handshakes_failed_total", "counter", "Connections to an HTTPS port that did not get through one.",
     HTTP(handshakes_failed), 1},
    {"bale_bytes_decoded_total", "counter", "Original bytes that were read from the store.", OBJECT(original_bytes_out),
     1},
    {"bale_store_read_bytes_total", "counter", "Stored bytes that this took, sidecars included.",
     OBJECT(stored_bytes_out), 1},
    {"bale_encrypted_objects_written_total", "counter", "Objects that were written encrypted.", OBJECT(objects_sealed),
     1},
    {"bale_customer_key_objects_written_total", "counter", "Of these, objects under keys that clients brought along.",
     OBJECT(objects_customers), 1},
    {"bale_kms_objects_written_total", "counter", "Of these, objects under keys of a key service.", OBJECT(objects_kms),
     1},
    {"bale_customer_key_objects_refused_total", "counter",
     "Requests for encrypted objects without the client's key that they need, with another, or with one that they do "
     "not take.",
     OBJECT(customers_refused), 1},
    {"bale_encrypted_objects_refused_total", "counter",
     "Requests for encrypted objects whose key is missing or whose seal is wrong.", OBJECT(seals_refused), 1},
    {"bale_frames_damaged_total", "counter", "Reads that met a damaged frame.", OBJECT(frames_damaged), 1},
    {"bale_frame_cache_hits_total", "counter", "Frames that were read decoded.", OBJECT(frame_cache.hits), 1},
    {"bale_frame_cache_misses_total", "counter", "Frames that had to be decoded.", OBJECT(frame_cache.misses), 1},
    {"bale_frame_cache_bytes", "gauge", "Memory of decoded frames that are kept.", OBJECT(frame_cache.bytes), 1},
    {"bale_slow_downs_total", "counter", "Waits for memory or a codec that were given up.", OBJECT(slow_downs), 1},
    {"bale_settings_cache_buckets", "gauge", "Buckets whose settings, or that they have none, are in memory.",
     SETTINGS(cache_buckets), 1},
    {"bale_settings_cache_bytes", "gauge", "Memory that these take.", SETTINGS(cache_bytes), 1},
    {"bale_settings_misses_total", "counter", "Requests that had to ask for the settings of their bucket.",
     SETTINGS(misses), 1},
    {"bale_settings_refused_total", "counter", "Requests refused because these could not be known.", SETTINGS(refused),
     1},
    {"bale_settings_damaged_total", "counter", "Settings found damaged when they were read.", SETTINGS(damaged), 1},
    {"bale_access_log_lines_total", "counter", "Requests to buckets that log.", ACCESS_LOG(lines), 1},
    {"bale_access_log_lines_lost_total", "counter",
     "Lines of access logs that were never written: no room, no target any more, a crash.", ACCESS_LOG(lines_lost), 1},
    {"bale_access_log_objects_total", "counter", "Access logs that were written.", ACCESS_LOG(objects), 1},
    {"bale_access_log_failures_total", "counter", "Attempts to write one that failed.", ACCESS_LOG(failures), 1},
    {"bale_access_log_waiting_bytes", "gauge", "Access logs in memory.", ACCESS_LOG(bytes_waiting), 1},
    {"bale_loop_turns_total", "counter", "Turns of the event loop.", LOOP(turns), 1},
    {"bale_loop_busy_seconds_total", "counter", "Time that the loop did not wait.", LOOP(busy_ns), 1e-9},
    {"bale_ring_submissions_total", "counter", "Operations handed to the ring.", LOOP(submissions), 1},
    {"bale_ring_completions_total", "counter", "Operations that the ring completed.", LOOP(completions), 1},
    {"bale_ring_overflows_total", "counter", "Times that the completion queue was too short.", LOOP(cq_overflows), 1},
    {"bale_fibers", "gauge", "Fibers alive.", LOOP(fibers_live), 1},
    {"bale_fiber_switches_total", "counter", "Switches between fibers.", LOOP(fiber_switches), 1},
    {"bale_loop_messages_total", "counter", "Messages from other threads.", LOOP(messages), 1},
};

static const metric_counter *counter_of(const struct admin_shard *shard, const struct shard_row *row)
{
    const char *tables[] = {[OF_LOOP] = (const char *)shard->loop,
                            [OF_HTTP] = (const char *)shard->http,
                            [OF_OBJECT] = (const char *)shard->object,
                            [OF_SETTINGS] = (const char *)shard->settings,
                            [OF_ACCESS_LOG] = (const char *)shard->access_log};
    return (const void *)(tables[row->of] + row->offset);
}

static void write_shard_rows(const struct admin_view *view, struct buffer *to)
{
    for (unsigned row = 0; row < sizeof SHARD_ROWS / sizeof SHARD_ROWS[0]; row++) {
        const struct shard_row *shown = &SHARD_ROWS[row];
        admin_write_family(to, shown->name, shown->type, shown->help);
        for (unsigned i = 0; i < view->shards_count; i++) {
            const metric_counter *counter = counter_of(&view->shards[i], shown);
            buffer_append_format(to, "%s{shard=\"%u\"} %.15g\n", shown->name, i,
                                 (double)metric_read(counter) * shown->scale);
        }
    }
}

/* ---- the backend ---- */

static void write_backend(const struct admin_view *view, struct buffer *to)
{
    struct buffer figures = {0};
    view->backend->operations->figures(view->backend, &figures);
    const struct backend_figure *figure = (const struct backend_figure *)(const void *)figures.data;
    const char *family = "";
    for (size_t i = 0; i < figures.size / sizeof *figure; i++) {
        if (strcmp(family, figure[i].name) != 0)
            admin_write_family(to, figure[i].name, figure[i].type, figure[i].help);
        family = figure[i].name;
        if (figure[i].scale > 0)
            buffer_append_format(to, "%s%s %.15g\n", family, figure[i].labels,
                                 (double)figure[i].value * figure[i].scale);
        else
            buffer_append_format(to, "%s%s %llu\n", family, figure[i].labels, (unsigned long long)figure[i].value);
    }
    buffer_free(&figures);
}

/* ---- settings of buckets ---- */

static void write_settings(const struct settings_keeper *keeper, struct buffer *to)
{
    const struct {
        const char *name;
        const char *help;
        const metric_counter *counter;
    } rows[] = {
        {"bale_settings_changes_total", "Changes of settings of buckets.", &keeper->counters.changes},
        {"bale_settings_changes_failed_total", "Changes that the journal did not take.",
         &keeper->counters.changes_failed},
        {"bale_settings_lookups_total", "Looks into the journal for the settings of a bucket.",
         &keeper->counters.lookups},
        {"bale_settings_lapses_total", "Times that the journal was not read for longer than --settings-grace.",
         &keeper->counters.lapses},
        {"bale_settings_swept_documents_total", "Documents removed that no setting needed any more.",
         &keeper->counters.swept_documents},
        {"bale_settings_swept_buckets_total", "Buckets that were gone and whose settings were not.",
         &keeper->counters.swept_buckets},
    };
    for (unsigned i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        admin_write_family(to, rows[i].name, "counter", rows[i].help);
        buffer_append_format(to, "%s %llu\n", rows[i].name, (unsigned long long)metric_read(rows[i].counter));
    }
}

/* ---- the keyring ---- */

static const char *state_of_key(const struct keyring *keyring, const struct seal_keys *key)
{
    const struct seal_keys *active = keyring_active(keyring);
    if (keyring_find(keyring, key->id) == NULL)
        return "destroyed";
    if (active != NULL && memcmp(active->id, key->id, SEAL_KEY_ID_BYTES) == 0)
        return "active";
    return keyring_is_retired(keyring, key->id) ? "retired" : "loaded";
}

static void write_keyring(const struct keyring *keyring, struct buffer *to)
{
    uint8_t missing[SEAL_KEY_ID_BYTES];
    unsigned keys = 0;
    admin_write_family(to, "bale_keyring_key", "gauge",
                       "1: this key is in the keyring that was read last, in this state.");
    for (unsigned i = 0; i < keyring_count(keyring); i++) {
        const struct seal_keys *key = keyring_at(keyring, i);
        char id[KEYRING_ID_TEXT_BYTES];
        keys += keyring_find(keyring, key->id) != NULL;
        keyring_id_format(key->id, id);
        buffer_append_format(to, "bale_keyring_key{id=\"%s\",state=\"%s\"} 1\n", id, state_of_key(keyring, key));
    }
    admin_write_family(to, "bale_keyring_keys", "gauge", "Keys under which objects are read, destroyed ones left out.");
    buffer_append_format(to, "bale_keyring_keys %u\n", keys);
    admin_write_family(to, "bale_keyring_key_missing", "gauge",
                       "1: objects need a key that the keyring does not have.");
    buffer_append_format(to, "bale_keyring_key_missing %d\n", keyring_missing(keyring, missing) ? 1 : 0);
}

static void write_kms(const struct kms *kms, struct buffer *to)
{
    const struct kms_counters *counters = kms_counters(kms);
    admin_write_family(to, "bale_kms_calls_total", "counter", "Calls of key services, with all their attempts.");
    buffer_append_format(to, "bale_kms_calls_total %llu\n", (unsigned long long)counters->calls);
    admin_write_family(to, "bale_kms_calls_failed_total", "counter", "Of these, calls that brought no key.");
    buffer_append_format(to, "bale_kms_calls_failed_total %llu\n", (unsigned long long)counters->calls_failed);
}

/* ---- the process ---- */

static uint64_t resident_bytes(void)
{
    unsigned long long pages = 0;
    FILE *file = fopen("/proc/self/statm", "re"); /* no disk behind it */
    if (file != NULL) {
        char line[128];
        char *end = line;
        if (fgets(line, sizeof line, file) != NULL) {
            (void)strtoull(line, &end, 10);
            pages = strtoull(end, NULL, 10);
        }
        (void)fclose(file);
    }
    return pages * (uint64_t)sysconf(_SC_PAGESIZE);
}

static void write_process(const struct admin_view *view, struct buffer *to)
{
    struct timespec cpu = {0};
    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &cpu);
    admin_write_family(to, "process_cpu_seconds_total", "counter", "Processor time of all threads.");
    buffer_append_format(to, "process_cpu_seconds_total %.6f\n", (double)cpu.tv_sec + (double)cpu.tv_nsec / 1e9);
    admin_write_family(to, "process_resident_memory_bytes", "gauge", "Memory that is resident, mapped files included.");
    buffer_append_format(to, "process_resident_memory_bytes %llu\n", (unsigned long long)resident_bytes());
    admin_write_family(to, "process_start_time_seconds", "gauge", "When the process started, since 1970.");
    buffer_append_format(to, "process_start_time_seconds %.3f\n", (double)view->started_ms / 1e3);
    admin_write_family(to, "bale_log_lines_dropped_total", "counter", "Log lines for which there was no room.");
    buffer_append_format(to, "bale_log_lines_dropped_total %llu\n", (unsigned long long)log_dropped());
    admin_write_family(to, "bale_build_info", "gauge", "Always 1; the version is its label.");
    buffer_append_format(to, "bale_build_info{version=\"%s\"} 1\n", BALE_VERSION);
}

/* NULL: the backend has no rules of its own. */
static const struct native_watch *find_native_watch(const struct admin_view *view)
{
    bool has_rules = view->journal != NULL && view->backend->operations->find_native_rule != NULL;
    return has_rules ? &view->journal->native : NULL;
}

SUSPENDS void admin_write_metrics(const struct admin_view *view, struct buffer *to)
{
    write_requests(view, to);
    write_refusals(view, to);
    write_access_refusals(view, to);
    write_durations(view, to);
    write_plain_counters(view, to);
    write_codecs(view, to);
    write_shard_rows(view, to);
    write_backend(view, to);
    if (view->journal != NULL)
        admin_write_journal_metrics(view->journal, to);
    admin_write_fleet_metrics(view->member, to);
    if (view->keeper != NULL)
        write_settings(view->keeper, to);
    if (view->keyring != NULL)
        write_keyring(view->keyring, to);
    if (view->kms != NULL)
        write_kms(view->kms, to);
    admin_write_dictionary_metrics(view->dictionaries, to);
    if (view->lifecycle != NULL)
        admin_write_lifecycle_metrics(view->lifecycle, find_native_watch(view), to);
    if (view->recompactor != NULL)
        admin_write_recompact_metrics(view->recompactor, to);
    admin_write_maintain_metrics(view->maintenance, to);
    write_process(view, to);
}
