/* server/shard.c -- one shard: puts loop, store, pools, verifier, connections and listener together, and takes them
 * apart in the other order. */
#include "server/shard.h"

#include "runtime/base/assert.h"
#include "runtime/fiber/loop.h"
#include "runtime/io/io.h"
#include "runtime/log/log.h"
#include "runtime/stream/listener.h"
#include "server/control.h"
#include "server/object/class_levels.h"
#include "server/process/processors.h"
#include "server/report/request_log.h"
#include "server/s3/access_log/access_log.h"
#include "server/s3/settings/setting_kinds.h"

#include <pthread.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>

enum {
    FIBERS_BESIDE_CONNECTIONS = 192, /* the journal asks 32 things of the store at once when it tests it */
    FIBERS_MAX = 65536,
    DRAIN_BYTES_MAX = 256 << 10, /* of an unread body: more than that is cheaper to cut */
    BUFFER_WAIT_MS = 20000,      /* for a frame buffer; then the client is told to slow down */
    DRAIN_POLL_MS = 5,
    BACKGROUND_BUFFERS = 4, /* one body at a time, and what it becomes */
    BACKGROUND_WAIT_MS = 1000,
};

struct shard {
    const struct shard_common *common;
    unsigned index;
    int listen_fd;

    pthread_t thread;
    sem_t started;
    bool is_serving; /* valid after `started` */
    struct error start_error;

    struct loop *loop;
    struct object_codecs *codecs;
    struct object_codecs *background_codecs; /* shard 0's, for bodies that nobody waits for; NULL for the others */
    struct signature_verifier *verifier;
    struct settings *settings; /* of buckets */
    struct access_log *access_log;
    struct s3_settings s3;
    struct http_server *http;
    struct listener *listener;
    struct shard_metrics metrics;

    struct control *control; /* shard 0's; NULL for the others */
    struct loop_message stop_message;
    deadline_t stop_deadline;

    struct loop_message life_message;
    _Atomic(bool) is_asked_for_life; /* and has not answered */
};

/* The shard of this thread: a listener's entry function is given nothing but the connection. */
static _Thread_local struct shard *shard_here;

/* ---- requests ---- */

static void observe(void *context, const struct http_exchange *exchange, const struct s3_outcome *outcome)
{
    struct shard *shard = context;
    metrics_observe(&shard->metrics, exchange, outcome);
    request_log_write(exchange, outcome);
}

static void connection_ended(void *context)
{
    struct shard *shard = context;
    listener_connection_ended(shard->listener);
}

static SUSPENDS void connection_entry(void *argument)
{
    struct shard *shard = shard_here;
    http_connection_serve(shard->http, argument, connection_ended, shard);
}

/* ---- start, on the shard's thread ---- */

static bool start_loop(struct shard *shard, struct error *error)
{
    unsigned fibers = shard->common->connections_max + FIBERS_BESIDE_CONNECTIONS;
    const struct loop_options options = {.fibers_max = fibers < FIBERS_MAX ? fibers : FIBERS_MAX};
    shard->loop = loop_create(&options, error);
    return shard->loop != NULL;
}

/* ObjectWriter is what S3 has where nothing is recorded. Where settings are not kept, there is one ownership only. */
static enum ownership default_ownership(const struct shard_common *common)
{
    static const enum ownership ownerships[] = {
        [CONFIG_BUCKET_OWNER_ENFORCED] = OWNERSHIP_ENFORCED,
        [CONFIG_BUCKET_OWNER_PREFERRED] = OWNERSHIP_PREFERRED,
        [CONFIG_OBJECT_WRITER] = OWNERSHIP_UNSET,
    };
    return common->keeper == NULL ? OWNERSHIP_ENFORCED : ownerships[common->config->default_ownership];
}

static enum customer_keys customer_keys(const struct config *config)
{
    if (config->sse_c == CONFIG_OFF)
        return CUSTOMER_KEYS_OFF;
    return config->sse_c_over_http != 0 ? CUSTOMER_KEYS_OVER_HTTP : CUSTOMER_KEYS_OVER_TLS;
}

/* Where no settings are kept, it stays empty. */
static struct access_log *make_access_log(const struct shard *shard)
{
    const struct shard_common *common = shard->common;
    const struct access_log_options options = {
        .store = common->backend->requests,
        .codecs = shard->codecs,
        .bucket_settings = shard->settings,
        .clock = clock_system(),
        .region = common->config->region,
        .period_ms = common->config->access_log_period_ms,
        .tally = common->access_tally->slots == NULL ? NULL : &common->access_tally->slots[shard->index],
        .lines_lost_before = shard->index == 0 ? common->access_tally->lost_before : 0,
    };
    return access_log_create(&options);
}

/* The same bodies, on a thread that leaves a processor to whoever wants it, and with memory of their own. What rules
 * move has its day: where all processors are taken, it does not wait for ever. */
static struct object_codecs *create_background_codecs(const struct shard *shard, const struct object_settings *settings)
{
    struct object_settings background = *settings;
    background.background = shard->common->background_thread;
    background.background_wait_ms = BACKGROUND_WAIT_MS;
    background.frame_buffers_max = BACKGROUND_BUFFERS;
    background.frame_cache_bytes = 0; /* nobody reads them again */
    return object_codecs_create(&background);
}

static void start_pools(struct shard *shard)
{
    const struct shard_common *common = shard->common;
    const struct config *config = common->config;
    static const int CODECS[] = {[CONFIG_CODEC_AUTO] = OBJECT_CODEC_AUTO,
                                 [CONFIG_CODEC_ZSTD] = OBJECT_CODEC_ZSTD,
                                 [CONFIG_CODEC_GZIP] = OBJECT_CODEC_GZIP,
                                 [CONFIG_CODEC_NONE] = OBJECT_CODEC_NONE};
    const struct object_settings object_settings = {
        .codec = config->raw ? OBJECT_CODEC_RAW : CODECS[config->codec],
        .level = (int)config->zstd_level,
        .classes = common->classes->places.count > 0 ? common->classes : NULL,
        .gzip_level = (int)config->gzip_level,
        .columns = config_packs_columns(config),
        .frame_buffers_max = (unsigned)config->frame_buffers,
        .frame_cache_bytes = config->frame_cache,
        .wait_ms = BUFFER_WAIT_MS,
        .offload = common->codec_threads,
        .dictionaries = common->dictionaries,
        .store = common->backend->requests,
        .board = common->dictionary_board,
        .reservoirs = common->reservoirs,
        .keyring = common->keyring,
        .seals_all = config->sse != CONFIG_SSE_ASKED,
        .shard = shard->index,
    };
    const struct signature_settings signature_settings = {common->accounts, config->region};
    shard->codecs = object_codecs_create(&object_settings);
    if (shard->control != NULL)
        shard->background_codecs = create_background_codecs(shard, &object_settings);
    shard->verifier = signature_verifier_create(&signature_settings);
    const struct settings_options settings_options = {
        .keeper = common->keeper,
        .kinds = setting_kinds,
        .home = &common->backend->home,
        .cache_bytes = config->settings_cache / common->shards_count,
    };
    shard->settings = settings_open(&settings_options);
    shard->access_log = make_access_log(shard);
    shard->s3 = (struct s3_settings){
        .store = common->backend->requests,
        .bucket_settings = shard->settings,
        .codecs = shard->codecs,
        .verifier = shard->verifier,
        .accounts = common->accounts,
        .clock = clock_system(),
        .region = config->region,
        .domain = config->domain[0] != '\0' ? config->domain : NULL,
        .host_id = common->host_id,
        .trusted_proxies = common->trusted_proxies,
        .default_ownership = default_ownership(common),
        .blocks_new_buckets = common->keeper != NULL && config->default_public_access_block != 0,
        .is_raw = config->raw,
        .customer_keys = customer_keys(config),
        .kms = common->kms,
        .takes_form_version_2 = config->form_signature_v2 == 0,
        .refuses_plain = config->sse == CONFIG_SSE_REQUIRE,
        .observe = observe,
        .observe_context = shard,
        .access_log = common->keeper == NULL ? NULL : shard->access_log,
    };
}

static bool start_http(struct shard *shard, struct error *error)
{
    const struct config *config = shard->common->config;
    const struct http_settings settings = {
        .idle_ms = config->idle_timeout_ms,
        .head_ms = config->head_timeout_ms,
        .progress_ms = config->progress_timeout_ms,
        .drain_bytes_max = DRAIN_BYTES_MAX,
        .arena_bytes_max = S3_ARENA_BYTES_MAX,
        .handler = s3_handle,
        .refuse = s3_refuse,
        .tls = shard->common->tls,
        .context = &shard->s3,
    };
    shard->http = http_server_create(&settings, error);
    if (shard->http == NULL)
        return false;
    shard->listener = listener_start(shard->listen_fd, shard->common->connections_max, connection_entry, error);
    return shard->listener != NULL;
}

static bool start(struct shard *shard, struct error *error)
{
    struct backend *backend = shard->common->backend;
    if (!start_loop(shard, error) || !backend->operations->attach(backend, shard->index, error))
        return false;
    start_pools(shard);
    if (!access_log_start(shard->access_log, error) || !start_http(shard, error))
        return false;
    shard->common->views[shard->index] = (struct admin_shard){
        .metrics = &shard->metrics,
        .loop = loop_counters(shard->loop),
        .http = http_server_counters(shard->http),
        .object = object_codecs_counters(shard->codecs),
        .settings = settings_counters(shard->settings),
        .access_log = access_log_counters(shard->access_log),
    };
    if (shard->control == NULL)
        return true;
    shard->control->trainer->codecs = shard->codecs;
    struct lifecycle_runner *lifecycle = shard->control->journal_options.lifecycle;
    if (lifecycle != NULL) {
        lifecycle->settings = shard->settings;
        lifecycle->codecs = shard->background_codecs;
    }
    return control_start(shard->control, error);
}

/* ---- stop ---- */

/* Connections that exist may end their requests; whoever is still there at the deadline is cancelled. */
static SUSPENDS void drain(struct shard *shard)
{
    listener_close(shard->listener);
    http_server_stop(shard->http);
    while (http_server_connections(shard->http) != 0 && loop_now_ns() < shard->stop_deadline)
        (void)io_sleep_until(deadline_after_ms(DRAIN_POLL_MS));
    if (http_server_connections(shard->http) != 0)
        loop_stop(shard->loop, 0);
    while (http_server_connections(shard->http) != 0)
        fiber_yield();
}

static SUSPENDS void stop_entry(void *argument)
{
    struct shard *shard = argument;
    drain(shard);
    access_log_stop(shard->access_log, shard->stop_deadline);
    if (shard->control != NULL)
        control_stop(shard->control, shard->stop_deadline);
    settings_close(shard->settings);
    shard->common->backend->operations->detach(shard->common->backend);
    loop_stop(shard->loop, DEADLINE_NONE);
}

static void deliver_stop(struct loop_message *message)
{
    struct shard *shard = LIST_ELEMENT(message, struct shard, stop_message);
    struct error error;
    if (!fiber_spawn("stop", stop_entry, shard, &error))
        loop_stop(shard->loop, 0); /* every fiber is taken: they end now */
}

void shard_stop(struct shard *shard, deadline_t deadline)
{
    shard->stop_deadline = deadline;
    shard->stop_message.deliver = deliver_stop;
    loop_post(shard->loop, &shard->stop_message);
}

/* ---- signs of life ---- */

static void deliver_life(struct loop_message *message)
{
    struct shard *shard = LIST_ELEMENT(message, struct shard, life_message);
    atomic_store_explicit(&shard->is_asked_for_life, false, memory_order_release);
}

bool shard_ask_for_life(struct shard *shard)
{
    if (atomic_exchange_explicit(&shard->is_asked_for_life, true, memory_order_acq_rel))
        return false;
    shard->life_message.deliver = deliver_life;
    loop_post(shard->loop, &shard->life_message);
    return true;
}

/* ---- the thread ---- */

static void free_parts(struct shard *shard)
{
    if (shard->control != NULL)
        control_free(shard->control);
    http_server_destroy(shard->http);
    signature_verifier_destroy(shard->verifier);
    access_log_destroy(shard->access_log);
    settings_free(shard->settings);
    object_codecs_destroy(shard->background_codecs);
    object_codecs_destroy(shard->codecs);
    loop_destroy(shard->loop);
}

static void *thread_entry(void *argument)
{
    struct shard *shard = argument;
    shard_here = shard;
    if (shard->common->is_pinned)
        processors_pin(shard->index);
    shard->is_serving = start(shard, &shard->start_error);
    (void)sem_post(&shard->started);
    if (shard->is_serving) {
        loop_run(shard->loop);
        (void)pthread_barrier_wait(shard->common->ended); /* nobody looks at another shard's parts any more */
        free_parts(shard);
    }
    return NULL;
}

struct shard *shard_create(const struct shard_common *common, unsigned index, int listen_fd, struct control *control)
{
    struct shard *shard = calloc(1, sizeof *shard);
    ASSERT(shard != NULL);
    shard->common = common;
    shard->index = index;
    shard->listen_fd = listen_fd;
    shard->control = control;
    (void)sem_init(&shard->started, 0, 0);
    return shard;
}

bool shard_start(struct shard *shard, struct error *error)
{
    int result = pthread_create(&shard->thread, NULL, thread_entry, shard);
    if (result != 0)
        return error_set_errno(error, result, "shard %u gets no thread", shard->index);
    char name[16];
    (void)snprintf(name, sizeof name, "shard-%u", shard->index);
    (void)pthread_setname_np(shard->thread, name);
    while (sem_wait(&shard->started) != 0)
        ;
    if (!shard->is_serving)
        *error = shard->start_error;
    return shard->is_serving;
}

void shard_join(struct shard *shard)
{
    (void)pthread_join(shard->thread, NULL);
}

void shard_destroy(struct shard *shard)
{
    (void)sem_destroy(&shard->started);
    free(shard);
}
