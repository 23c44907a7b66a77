/* server/backend/bucket.c -- a bucket of an S3 server as what stands behind this one: credentials, endpoint, store. */
#include "runtime/base/assert.h"
#include "runtime/fiber/loop.h"
#include "runtime/fiber/wait.h"
#include "s3client/wire/checksum.h"
#include "server/backend/backend.h"
#include "server/backend/endpoint.h"
#include "server/backend/tier.h"
#include "server/fleet/claim.h"
#include "server/fleet/self.h"
#include "store/remote/remote.h"

#include <assert.h>
#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static_assert((int)BACKEND_SHARDS_MAX <= (int)REMOTE_SHARDS_MAX, "every shard has its place");

struct backend_bucket {
    struct backend base; /* first */
    struct credentials_options credentials_options;
    struct s3_credential_source *credentials;
    struct s3_endpoint *endpoint;
    struct fleet_identity identity;
    char bucket[64];
    const char *prefix;        /* of the configuration */
    struct journal_id place;   /* which journal it is, and which ledger */
    struct loop *tending_loop; /* the first shard's */
    struct fiber *tending;
    bool is_tended;
    struct wait_queue tended;
};

static struct backend_bucket *bucket_of(struct backend *backend)
{
    return (struct backend_bucket *)backend;
}

/* ---- operations ---- */

static void set_owner(struct backend *backend, const char *owner)
{
    remote_set_owner(backend->store, owner);
}

/* On the first shard, beside requests. */
static void run_tending(void *argument)
{
    struct backend_bucket *bucket = argument;
    bucket->tending = fiber_current();
    remote_tend(bucket->base.store);
    bucket->tending = NULL;
    bucket->is_tended = false;
    wait_wake_all(&bucket->tended);
}

static bool attach(struct backend *backend, unsigned shard, struct error *error)
{
    struct backend_bucket *bucket = bucket_of(backend);
    if (backend->tier != NULL && !tier_attach(backend->tier, shard, error))
        return false;
    remote_attach_shard(backend->store, shard);
    if (shard > 0)
        return true;
    bucket->tending_loop = loop_current();
    wait_queue_init(&bucket->tended);
    bucket->is_tended = fiber_spawn("tend", run_tending, bucket, error);
    return bucket->is_tended;
}

SUSPENDS static void detach(struct backend *backend)
{
    struct backend_bucket *bucket = bucket_of(backend);
    struct error ignored;
    while (bucket->tending_loop == loop_current() && bucket->is_tended) {
        if (bucket->tending != NULL)
            fiber_cancel(bucket->tending);
        if (!wait_for(&bucket->tended, deadline_after_ms(100), &ignored))
            fiber_yield();
    }
    remote_detach_shard(backend->store);
    if (backend->tier != NULL)
        tier_detach(backend->tier);
}

static bool is_ready(const struct backend *backend, struct error *reason)
{
    return remote_is_ready(backend->store, reason);
}

static bool warns(const struct backend *backend, struct error *ret_reason)
{
    return remote_warns(backend->store, ret_reason);
}

SUSPENDS static bool holds_counted(const struct backend *backend, bool *ret_holds, struct error *error)
{
    return remote_holds_counted(backend->store, ret_holds, error);
}

static void note_recounts(const struct backend *backend, uint64_t recounts)
{
    remote_note_recounts(backend->store, recounts);
}

static void allow_leads(const struct backend *backend, bool is_allowed)
{
    remote_allow_leads(backend->store, is_allowed);
}

static_assert((int)BACKEND_RULE_ID_BYTES == (int)REMOTE_RULE_ID_BYTES, "the same text");

SUSPENDS static bool find_native_rule(const struct backend *backend, char ret_id[BACKEND_RULE_ID_BYTES],
                                      struct error *error)
{
    return remote_find_native_rule(backend->store, ret_id, error);
}

static void put_figure(struct buffer *to, const struct backend_figure *figure)
{
    buffer_append(to, span_of(figure, sizeof *figure));
}

/* Attempts that there were none of are left out: there are some three hundred pairs. */
static void put_requests(const struct backend_bucket *bucket, struct buffer *to)
{
    for (unsigned kind = 0; kind < S3_KINDS; kind++) {
        for (unsigned outcome = 0; outcome < S3_OUTCOMES; outcome++) {
            struct backend_figure figure = {"bale_backend_requests_total", "counter",
                                            "Requests to the backend, repetitions included."};
            for (unsigned shard = 0; shard < REMOTE_SHARDS_MAX; shard++) {
                const struct s3_client_counters *counters = remote_client_counters(bucket->base.store, shard);
                figure.value += counters == NULL ? 0 : metric_read(&counters->requests[kind][outcome]);
            }
            (void)snprintf(figure.labels, sizeof figure.labels, "{kind=\"%s\",outcome=\"%s\"}", s3_kind_name(kind),
                           s3_outcome_name(outcome));
            if (figure.value > 0)
                put_figure(to, &figure);
        }
    }
}

struct counted {
    struct backend_figure figure;
    size_t offset; /* of its counter */
};

static void put_counted(const struct backend_bucket *bucket, const struct counted *row, bool is_clients,
                        struct buffer *to)
{
    struct backend_figure figure = row->figure;
    for (unsigned shard = 0; shard < REMOTE_SHARDS_MAX; shard++) {
        const void *counters = is_clients ? (const void *)remote_client_counters(bucket->base.store, shard)
                                          : (const void *)remote_counters(bucket->base.store, shard);
        if (counters != NULL)
            figure.value += metric_read((const metric_counter *)((const char *)counters + row->offset));
    }
    put_figure(to, &figure);
}

static void put_counters(const struct backend_bucket *bucket, struct buffer *to)
{
    static const struct counted of_client[] = {
        {{"bale_backend_requests_under_way", "gauge", "Requests to the backend that wait for their answer."},
         offsetof(struct s3_client_counters, requests_under_way)},
        {{"bale_backend_requests_queued", "gauge", "Requests that wait for their turn."},
         offsetof(struct s3_client_counters, requests_queued)},
        {{"bale_backend_window", "gauge", "Requests that may be under way; halved when the backend asks for less."},
         offsetof(struct s3_client_counters, window)},
        {{"bale_backend_repeats_total", "counter", "Requests that were sent once more."},
         offsetof(struct s3_client_counters, repeats)},
        {{"bale_backend_repeats_withheld_total", "counter", "Repetitions that would have passed a tenth of all."},
         offsetof(struct s3_client_counters, repeats_withheld)},
    };
    static const struct counted of_store[] = {
        {{"bale_rows_found_total", "counter", "Look-ups that found what was last seen of a key."},
         offsetof(struct remote_counters, rows_found)},
        {{"bale_rows_missed_total", "counter", "Look-ups that found nothing."},
         offsetof(struct remote_counters, rows_missed)},
        {{"bale_rows_changed_total", "counter", "What was last seen was not there any more."},
         offsetof(struct remote_counters, rows_changed)},
        {{"bale_heads_shared_total", "counter",
          "GETs that went by a HEAD which another one had sent after they began."},
         offsetof(struct remote_counters, heads_shared)},
        {{"bale_heads_spared_total", "counter", "GETs that asked nothing (--tier-fresh, --tier-pinned)."},
         offsetof(struct remote_counters, heads_spared)},
        {{"bale_trailers_wrong_total", "counter", "Trailers that were announced and are not to be believed."},
         offsetof(struct remote_counters, trailers_wrong)},
        {{"bale_reads_resumed_total", "counter", "Downloads that went on after a broken connection."},
         offsetof(struct remote_counters, reads_resumed)},
        {{"bale_reads_changed_total", "counter", "Downloads that found their object replaced."},
         offsetof(struct remote_counters, reads_changed)},
        {{"bale_writes_again_total", "counter", "Writes that were sent anew because the key had changed."},
         offsetof(struct remote_counters, writes_again)},
        {{"bale_writes_resolved_total", "counter", "Writes whose answer was lost, and that had been applied."},
         offsetof(struct remote_counters, writes_resolved)},
        {{"bale_ledger_intents_settled_total", "counter", "Requests whose outcome the ledger found out afterwards."},
         offsetof(struct remote_counters, intents_settled)},
        {{"bale_ledger_intents_uncertain_total", "counter", "Requests whose outcome nobody can find out."},
         offsetof(struct remote_counters, intents_uncertain)},
        {{"bale_writes_unclear_total", "counter", "Writes of which nobody knows whether they were applied."},
         offsetof(struct remote_counters, writes_unclear)},
    };
    for (size_t i = 0; i < sizeof of_client / sizeof of_client[0]; i++)
        put_counted(bucket, &of_client[i], true, to);
    for (size_t i = 0; i < sizeof of_store / sizeof of_store[0]; i++)
        put_counted(bucket, &of_store[i], false, to);
}

static void put_rows(const struct backend_bucket *bucket, struct buffer *to)
{
    struct remote_rows_figures rows;
    remote_rows_figures(bucket->base.store, &rows);
    const struct backend_figure figures[] = {
        {"bale_rows_file_bytes", "gauge", "Pages in use of the file of what was last seen (--cache-size).",
         .value = rows.file_bytes},
        {"bale_rows_written_total", "counter", "Of what was last seen, written to that file.", .value = rows.written},
        {"bale_rows_lost_total", "counter", "Not written: too much at once, or no room on the disk.",
         .value = rows.lost},
    };
    for (size_t i = 0; i < sizeof figures / sizeof figures[0]; i++)
        put_figure(to, &figures[i]);
}

static void put_ledger(const struct backend_bucket *bucket, struct buffer *to)
{
    struct remote_ledger_figures ledger;
    remote_ledger_figures(bucket->base.store, &ledger);
    struct backend_figure figure = {"bale_ledger_intents_open", "gauge",
                                    "Requests under way, and those of which the ledger does not know yet what came.",
                                    .value = ledger.intents_open};
    put_figure(to, &figure);
    figure = (struct backend_figure){"bale_ledger_entries_unwritten_total", "counter",
                                     "Entries of the ledger's logs that the disk refused.",
                                     .value = ledger.entries_unwritten};
    put_figure(to, &figure);
}

static void put_verdicts(const struct backend_bucket *bucket, struct buffer *to)
{
    const struct verdicts verdicts = remote_verdicts(bucket->base.store);
    for (unsigned i = 0; i < VERDICTS; i++) {
        struct backend_figure figure = {"bale_backend_verdict", "gauge", "1: the backend does this (bale backend).",
                                        .value = verdict_holds(&verdicts, i)};
        (void)snprintf(figure.labels, sizeof figure.labels, "{verdict=\"%s\"}", verdict_name(i));
        put_figure(to, &figure);
    }
}

static void figures(const struct backend *backend, struct buffer *ret_figures)
{
    const struct backend_bucket *bucket = (const struct backend_bucket *)backend;
    put_requests(bucket, ret_figures);
    put_counters(bucket, ret_figures);
    put_rows(bucket, ret_figures);
    put_ledger(bucket, ret_figures);
    put_verdicts(bucket, ret_figures);
    if (backend->tier != NULL)
        backend_tier_figures(backend, ret_figures);
}

static void close_bucket(struct backend *backend)
{
    struct backend_bucket *bucket = bucket_of(backend);
    if (backend->store != NULL)
        remote_destroy(backend->store);
    if (backend->tier != NULL)
        tier_close(backend->tier);
    if (bucket->endpoint != NULL)
        s3_endpoint_destroy(bucket->endpoint);
    s3_credentials_destroy(bucket->credentials);
    free(bucket);
}

static const struct backend_operations operations = {
    .set_owner = set_owner,
    .attach = attach,
    .detach = detach,
    .is_ready = is_ready,
    .warns = warns,
    .holds_counted = holds_counted,
    .note_recounts = note_recounts,
    .allow_leads = allow_leads,
    .find_native_rule = find_native_rule,
    .figures = figures,
    .close = close_bucket,
};

/* ---- opening ---- */

static const char *text_or_null(const char *text)
{
    return text == NULL || text[0] == '\0' ? NULL : text;
}

static bool open_endpoints(struct backend_bucket *bucket, const struct backend_means *means, struct error *error)
{
    const struct config *config = means->config;
    bucket->credentials = backend_credentials_open(config, &bucket->credentials_options, error);
    if (bucket->credentials == NULL)
        return false;
    bucket->endpoint = backend_endpoint_create(config, bucket->credentials, means->threads, error);
    if (bucket->endpoint == NULL)
        return false;
    s3_endpoint_say_unused(bucket->endpoint, text_or_null(config->ca_file));
    return true;
}

static void add_text(struct sha256_sum *sum, const char *text)
{
    sha256_update(sum, span_of(text, strlen(text) + 1));
}

/* Not the endpoint: processes reach one bucket by different URLs. */
static struct journal_id place_of(const struct backend_bucket *bucket, const struct config *config)
{
    struct sha256_sum sum;
    uint8_t digest[SHA256_BYTES];
    struct journal_id place;
    sha256_begin(&sum);
    add_text(&sum, "bale journal in a bucket");
    add_text(&sum, bucket->bucket);
    add_text(&sum, bucket->prefix);
    add_text(&sum, config->store_name);
    sha256_end(&sum, digest);
    memcpy(place.bytes, digest, sizeof place.bytes);
    return place;
}

static bool open_store(struct backend_bucket *bucket, const struct backend_means *means, struct error *error)
{
    const struct config *config = means->config;
    const char *state = text_or_null(config->state);
    if (state != NULL && mkdir(state, 0700) != 0 && errno != EEXIST)
        return error_set_errno(error, errno, "--state %s", state);
    bucket->prefix = config_backend_bucket(config, bucket->bucket);
    bucket->base.native_prefix = bucket->prefix;
    bucket->place = place_of(bucket, config);
    if (!backend_tier_open(means, &bucket->base, error))
        return false;
    bucket->base.files = bucket->base.tier == NULL ? 0 : tier_files(bucket->base.tier);
    const struct remote_settings settings = {
        .endpoint = bucket->endpoint,
        .clock = s3_endpoint_clock(bucket->endpoint),
        .bucket = bucket->bucket,
        .prefix = bucket->prefix,
        .name = text_or_null(config->bucket_name),
        .is_all_buckets = config->all_buckets,
        .places = means->places,
        .default_class = config->storage_class,
        .writes_s4_sidecars = config->s4_sidecars,
        .part_bytes = config->part_size,
        .memory_bytes = config->backend_memory,
        .sweep_every_ms = config->upload_sweep_ms,
        .sweep_after_ms = config->upload_sweep_after_ms,
        .forgotten_after_ms = config->upload_forgotten_after_ms,
        .state = state,
        .ledger = bucket->place.bytes,
        .is_counted = config->ledger == CONFIG_ON,
        .settle_after_ms = config->ledger_settle_ms,
        .cache_bytes = config->cache_size,
        .shards = means->shards,
        .offload = means->threads,
        .veil = means->veil,
        .tier = bucket->base.tier,
        .tier_fresh_ms = config->tier_fresh_ms,
        .trusts_named_tier = config->tier_pinned == CONFIG_PINNED_ALWAYS,
    };
    bucket->base.clock = settings.clock;
    bucket->base.store = remote_create(&settings, error);
    bucket->base.requests = bucket->base.store;
    return bucket->base.store != NULL;
}

/* ---- what is Bale's own in the bucket ---- */

/* When the backend has said what it can do. */
static void furnish(struct backend_bucket *bucket)
{
    const struct verdicts verdicts = remote_verdicts(bucket->base.store);
    remote_allow_leads(bucket->base.store, false); /* before cards were read, or where there are none */
    if (!verdict_holds(&verdicts, VERDICT_PUT_CREATE) || !verdict_holds(&verdicts, VERDICT_PUT_REPLACE)) {
        bucket->base.no_journal = "there is no journal, and so no settings of buckets and no ledger: the backend does "
                                  "not decide conditional PUTs (bale backend)";
        bucket->base.misses_journal = true;
        return;
    }
    bucket->base.home = (struct journal_home){
        .endpoint = bucket->endpoint,
        .bucket = span_from_string(bucket->bucket),
        .prefix = span_from_string(bucket->prefix),
        .labels_hold = verdict_holds(&verdicts, VERDICT_LABELS_HOLD),
        .place = bucket->place,
    };
    bucket->base.spool = remote_spool(bucket->base.store);
}

/* ---- the first word with the backend, before there are shards: on a loop of its own ---- */

struct first_word {
    struct backend_bucket *bucket;
    const struct backend_means *means;
    struct loop *loop;
    bool done;
    struct error *error;
};

/* A tool has no state folder, and is no replica. */
SUSPENDS static bool claim_state(struct backend_bucket *bucket, const struct config *config, struct error *error)
{
    struct fleet_card card;
    const struct random_source *random = random_system();
    const char *state = text_or_null(config->state);
    if (!fleet_identity_load(state, random, &bucket->identity, error))
        return false;
    bucket->base.identity = &bucket->identity;
    if (state == NULL || bucket->base.home.endpoint == NULL)
        return true;
    fleet_describe_self(config, 0, 0, &card);
    return fleet_claim(&bucket->identity, &bucket->base.home, random, &card, error);
}

/* What is only busy will answer. Everything else (no such host, bucket, key) wants somebody who looks at it, and ends
 * the start. */
SUSPENDS static bool begin_store(const struct first_word *word)
{
    const struct backend_means *means = word->means;
    struct bucket_store *store = word->bucket->base.store;
    bool done = remote_begin(store, word->error);
    while (!done && word->error->kind == ERROR_BUSY && means->wait != NULL) {
        means->wait(means->wait_context, word->error);
        done = remote_begin(store, word->error);
    }
    if (means->wait != NULL)
        means->wait(means->wait_context, NULL);
    return done;
}

SUSPENDS static bool speak(const struct first_word *word)
{
    struct bucket_store *store = word->bucket->base.store;
    if (!begin_store(word))
        return false;
    furnish(word->bucket);
    if (!claim_state(word->bucket, word->means->config, word->error))
        return false;
    remote_settle(store);
    return true;
}

static void run_first_word(void *argument)
{
    struct first_word *word = argument;
    word->done = speak(word);
    remote_detach_shard(word->bucket->base.store);
    loop_stop(word->loop, DEADLINE_NONE);
}

static bool begin(struct backend_bucket *bucket, const struct backend_means *means, struct error *error)
{
    struct first_word word = {.bucket = bucket, .means = means, .error = error};
    word.loop = loop_create(&(struct loop_options){0}, error);
    if (word.loop == NULL)
        return false;
    remote_attach_shard(bucket->base.store, 0);
    if (fiber_spawn("first word", run_first_word, &word, error))
        loop_run(word.loop);
    loop_destroy(word.loop);
    return word.done;
}

struct backend *backend_bucket_open(const struct backend_means *means, struct error *error)
{
    struct backend_bucket *bucket = calloc(1, sizeof *bucket);
    ASSERT(bucket != NULL);
    bucket->base.operations = &operations;
    if (!open_endpoints(bucket, means, error) || !open_store(bucket, means, error) || !begin(bucket, means, error)) {
        close_bucket(&bucket->base);
        return NULL;
    }
    return &bucket->base;
}
