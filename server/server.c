/* server/server.c -- brings the parts up in order, and takes them down in the other order. */
#include "server/server.h"

#include "codec/codec.h"
#include "runtime/base/assert.h"
#include "runtime/base/hex.h"
#include "runtime/base/open_files.h"
#include "runtime/fiber/loop.h"
#include "runtime/io/io.h"
#include "runtime/log/log.h"
#include "runtime/stream/listener.h"
#include "runtime/stream/local.h"
#include "runtime/stream/tls.h"
#include "server/control.h"
#include "server/dictionaries/table.h"
#include "server/fleet/self.h"
#include "server/keys/object_seal.h"
#include "server/kms/kms.h"
#include "server/maintenance/jobs.h"
#include "server/object/class_levels.h"
#include "server/process/admin_token.h"
#include "server/process/control_file.h"
#include "server/process/file_limits.h"
#include "server/process/first_credentials.h"
#include "server/process/memory_limits.h"
#include "server/process/processors.h"
#include "server/s3/access_log/access_tally.h"
#include "server/s3/request/client_address.h"
#include "server/settings/keeper.h"
#include "server/shard.h"
#include "server/waiting.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <unistd.h>

enum {
    QUEUED_WORK_MAX = 4096,
    LIST_THREADS_MOST = 4,
    TRAININGS_MAX = 8,
};

struct server {
    const struct config *config;
    struct inherited_sockets inherited;
    struct first_credentials first;
    struct accounts *accounts;
    struct keyring *keyring; /* NULL: none */
    struct veil veil;
    backend_opener *open;
    struct backend *backend;
    struct offload *codec_threads;
    struct offload *list_threads;
    struct offload *training_thread;
    struct offload *background_thread; /* an idle one: what is packed anew, for rules or by itself */
    struct tls_server *tls;            /* NULL: plain HTTP */
    int *listen_fds;
    int admin_fd;
    int local_fd; /* -1: no --admin-socket */
    int signal_fd;
    uint16_t port;
    uint16_t admin_port;
    char host_id[33];
    struct shard_common common;
    struct access_tally access_tally;
    struct shard **shards;
    unsigned shards_count;
    struct file_limits limits;
    struct admin_shard *views;
    struct admin_view view;
    struct control control;
    struct journal_service journal;
    struct fleet_identity alone; /* of a backend that no other process shares */
    struct fleet_member member;
    struct settings_keeper keeper;
    struct dictionary_table *dictionaries;
    struct dictionary_keeper dictionary_keeper;
    struct dictionary_trainer trainer;
    struct lifecycle_runner lifecycle;
    struct class_levels classes;
    struct recompactor recompactor;
    struct maintenance_jobs maintenance;
    struct reservoirs *reservoirs; /* NULL: no --dict auto */
    struct control_file control_file;
    struct admin_token admin_token;
    struct trusted_proxies trusted_proxies;
    pthread_barrier_t ended; /* of the shards */
    _Atomic(bool) is_ready;
};

/* ---- limits ---- */

static bool choose_connections(struct server *server, uint64_t backend_files, struct error *error)
{
    uint64_t connections;
    if (!limits_connections(&server->limits, backend_files, server->config->connections_max, &connections, error))
        return false;
    unsigned shards = server->shards_count;
    server->common.connections_max = (unsigned)((connections + shards - 1) / shards);
    return true;
}

static bool choose_limits(struct server *server, struct error *error)
{
    const struct config *config = server->config;
    struct processors processors = processors_available("");
    unsigned shards = config->shards != 0 ? (unsigned)config->shards : processors.count;
    shards = shards < BACKEND_SHARDS_MAX ? shards : BACKEND_SHARDS_MAX;
    server->shards_count = shards;
    server->common.shards_count = shards;
    server->common.is_pinned = shards == processors.masked;
    server->limits = (struct file_limits){open_files_raise(), shards};
    /* what is wrong already is said before anything is touched */
    uint64_t memory = memory_of_machine();
    return limits_frame_cache(memory, shards, config->frame_cache, error) &&
           limits_shared_cache(memory, "dict-memory", config->dict_memory, error) &&
           limits_shared_cache(memory, "tier-memory", config->tier_memory, error) &&
           limits_shared_cache(memory, "backend-memory", config->backend_memory, error) &&
           choose_connections(server, 0, error);
}

/* ---- parts ---- */

static void *allocate(size_t count, size_t size)
{
    ASSERT(count > 0);
    void *memory = calloc(count, size);
    ASSERT(memory != NULL);
    return memory;
}

static bool bind_or_adopt(const char *address, int inherited, unsigned count, int *ret_fds, uint16_t *ret_port,
                          struct error *error)
{
    return inherited >= 0 ? listener_adopt(inherited, count, ret_fds, ret_port, error)
                          : listener_bind(address, count, ret_fds, ret_port, error);
}

static bool bind_listeners(struct server *server, struct error *error)
{
    server->listen_fds = allocate(server->shards_count, sizeof *server->listen_fds);
    for (unsigned i = 0; i < server->shards_count; i++)
        server->listen_fds[i] = -1;
    if (!bind_or_adopt(server->config->listen, server->inherited.s3, server->shards_count, server->listen_fds,
                       &server->port, error))
        return error_prepend(error, "--listen");
    if (!bind_or_adopt(server->config->admin, server->inherited.admin, 1, &server->admin_fd, &server->admin_port,
                       error))
        return error_prepend(error, "--admin");
    const char *local = server->config->admin_socket;
    return local[0] == '\0' || local_bind(local, &server->local_fd, error) || error_prepend(error, "--admin-socket");
}

static bool load_proxies(struct server *server, struct error *error)
{
    if (!trusted_proxies_parse(span_from_string(server->config->trusted_proxies), &server->trusted_proxies, error))
        return error_prepend(error, "--trusted-proxies");
    server->common.trusted_proxies = server->trusted_proxies.count > 0 ? &server->trusted_proxies : NULL;
    return true;
}

static bool load_certificate(struct server *server, struct error *error)
{
    const struct config *config = server->config;
    if (config->tls_cert[0] == '\0')
        return true;
    server->tls = tls_server_create(config->tls_cert, config->tls_key, error);
    return server->tls != NULL;
}

/* A folder has no classes, and a class from which nothing can be read at once is none to put objects in. */
static bool load_classes(struct server *server, struct error *error)
{
    const struct config *config = server->config;
    const struct storage_class *all = storage_class_find(span_from_string(config->storage_class));
    if (!class_levels_parse(span_from_string(config->class_levels), &server->classes, error))
        return false;
    if (class_levels_have_places(&server->classes) && !config_is_bucket(config))
        return error_set(error, ERROR_INVALID, NULL,
                         "--class: backend:CLASS goes with --backend s3:BUCKET only: a folder has no storage classes");
    return all == NULL || all->can_hold ||
           error_set(error, ERROR_INVALID, NULL,
                     "--storage-class %s: objects in that class cannot be read at once, and clients could not have "
                     "them",
                     config->storage_class);
}

static bool start_threads(struct server *server, struct error *error)
{
    const struct config *config = server->config;
    unsigned lists = server->shards_count < LIST_THREADS_MOST ? server->shards_count : LIST_THREADS_MOST;
    server->list_threads = offload_create("list", lists, QUEUED_WORK_MAX, error);
    if (server->list_threads == NULL)
        return false;
    server->training_thread = offload_create("train", 1, TRAININGS_MAX, error);
    if (server->training_thread == NULL)
        return false;
    server->background_thread = offload_create("background", 1, QUEUED_WORK_MAX, error);
    if (server->background_thread == NULL)
        return false;
    if (!offload_make_idle(server->background_thread))
        log_message(LOG_WARNING, "The kernel refuses SCHED_IDLE: what is packed anew takes its share of a processor.");
    if (!load_classes(server, error))
        return false;
    if (config->zstd_level <= CODEC_LEVEL_INLINE_MAX && class_levels_most(&server->classes) <= CODEC_LEVEL_INLINE_MAX)
        return true;
    unsigned codecs = config->codec_threads != 0 ? (unsigned)config->codec_threads : server->shards_count;
    server->codec_threads = offload_create("codec", codecs, QUEUED_WORK_MAX, error);
    return server->codec_threads != NULL;
}

static bool open_backend(struct server *server, struct error *error)
{
    struct waiting waiting = {.admin_fd = server->admin_fd, .tls = server->tls};
    const struct backend_means means = {
        .wait = waiting_go_on,
        .wait_context = &waiting,
        .config = server->config,
        .shards = server->shards_count,
        .threads = server->list_threads,
        .files_max = limits_volume_files_max(&server->limits),
        .veil = server->keyring == NULL ? NULL : &server->veil,
        .places = &server->classes.places,
    };
    server->backend = server->open(&means, error);
    return server->backend != NULL && choose_connections(server, server->backend->files, error);
}

static bool load_admin_token(struct server *server, struct error *error)
{
    const char *path = server->config->admin_token;
    return path[0] == '\0' || admin_token_load(path, &server->admin_token, error) ||
           error_prepend(error, "--admin-token");
}

/* Before the backend, whose store shows hashes by it. No core file and no debugger of this user's sees the keys. */
static bool load_keyring(struct server *server, struct error *error)
{
    const struct config *config = server->config;
    if (config->keyring[0] == '\0')
        return config->sse == CONFIG_SSE_ASKED ||
               error_set(error, ERROR_INVALID, NULL, "--sse needs --keyring: there is no key to encrypt objects with");
    if (config->raw)
        return error_set(error, ERROR_INVALID, NULL, "--keyring does not go with --raw: nothing is encrypted there");
    server->keyring = keyring_load(config->keyring, error);
    if (server->keyring == NULL)
        return error_prepend(error, "--keyring");
    if (config->sse != CONFIG_SSE_ASKED && keyring_active(server->keyring) == NULL)
        return error_set(error, ERROR_INVALID, NULL, "--sse needs an active key, and %s has none", config->keyring);
    (void)prctl(PR_SET_DUMPABLE, 0);
    server->veil = object_seal_veil(server->keyring);
    server->common.keyring = server->keyring;
    server->common.kms = kms_create(server->keyring, error);
    return server->common.kms != NULL;
}

static bool read_accounts(struct server *server, struct error *error)
{
    const struct config *config = server->config;
    if (config->credentials[0] != '\0') {
        server->accounts = accounts_load(config->credentials, error);
    } else if (config->access_key[0] != '\0') {
        server->accounts = accounts_single(config->access_key, config->secret_key, error);
    } else {
        if (!first_credentials_make(config_folder(config), random_system(), &server->first, error))
            return false;
        server->accounts = accounts_load(server->first.path, error);
    }
    return server->accounts != NULL;
}

static bool load_accounts(struct server *server, struct error *error)
{
    if (!read_accounts(server, error))
        return false;
    if (server->backend->operations->set_owner != NULL)
        server->backend->operations->set_owner(server->backend, accounts_owner(server->accounts));
    return true;
}

static bool open_signals(struct server *server, struct error *error)
{
    sigset_t set;
    (void)sigemptyset(&set);
    (void)sigaddset(&set, SIGTERM);
    (void)sigaddset(&set, SIGINT);
    (void)sigaddset(&set, SIGHUP);
    server->signal_fd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
    return server->signal_fd >= 0 || error_set_errno(error, errno, "signalfd");
}

/* ---- shards ---- */

static void stop_shards(struct server *server)
{
    deadline_t deadline = clock_monotonic_ns(clock_system()) + server->config->drain_timeout_ms * 1000000;
    if (server->common.kms != NULL)
        kms_stop(server->common.kms);
    for (unsigned i = 0; i < server->shards_count; i++)
        shard_stop(server->shards[i], deadline);
}

/* Load balancers have seen /ready by then, and send nobody any more. */
SUSPENDS static void stop_shards_later(void *context)
{
    struct server *server = context;
    (void)io_sleep_until(deadline_after_ms(server->config->drain_delay_ms));
    stop_shards(server);
}

/* On shard 0's thread, when every shard runs. */
static void drain(void *context)
{
    struct server *server = context;
    struct error error;
    atomic_store_explicit(&server->is_ready, false, memory_order_release);
    service_manager_tell("STOPPING=1");
    if (server->config->drain_delay_ms == 0 || !fiber_spawn("drain", stop_shards_later, server, &error))
        stop_shards(server);
}

/* On shard 0's thread. One that does not answer from one time to the next stands still; once they are being stopped,
 * they end one by one, and that shard 0 is here must do. */
static bool is_alive(void *context)
{
    struct server *server = context;
    bool is_alive = true;
    for (unsigned i = 0; i < server->shards_count; i++)
        is_alive &= shard_ask_for_life(server->shards[i]);
    return is_alive || !atomic_load_explicit(&server->is_ready, memory_order_acquire);
}

/* For tools on this machine. Where there is no room for it, as on a full disk, all else goes on without: objects can be
 * read and deleted, and nobody changes anything through the admin port. */
static void write_control_file(struct server *server)
{
    const struct config *config = server->config;
    struct control_file *file = &server->control_file;
    struct error error;
    int host = (int)(strrchr(config->admin, ':') - config->admin);
    (void)snprintf(file->url, sizeof file->url, "%s://%.*s:%u", config->tls_cert[0] == '\0' ? "http" : "https",
                   host == 0 ? (int)strlen("127.0.0.1") : host, host == 0 ? "127.0.0.1" : config->admin,
                   server->admin_port);
    (void)snprintf(file->certificate, sizeof file->certificate, "%s", config->tls_cert);
    control_file_draw_word(random_system(), file->word);
    if (control_file_write(config_folder(config), file, &error))
        return;
    file->word[0] = '\0';
    log_message(LOG_WARNING, "%s; until the next start `bale dict` cannot train, unmap or retire here", error.message);
}

static void prepare_member(struct server *server)
{
    struct backend *backend = server->backend;
    struct fleet_member_options options = {
        .home = &backend->home,
        .identity = backend->identity != NULL ? backend->identity : &server->alone,
        .file_threads = server->list_threads,
    };
    server->alone.id = backend->home.place;
    fleet_describe_self(server->config, server->port, server->admin_port, &options.card);
    fleet_member_init(&server->member, &options);
}

/* NULL: rules are kept, and nothing carries them out. */
static struct lifecycle_runner *lifecycle_of(struct server *server)
{
    bool can_run = server->common.keeper != NULL && server->backend->requests->capabilities.judges_deletions;
    return can_run ? &server->lifecycle : NULL;
}

static const struct loop_counters *find_loop(void *context, unsigned shard)
{
    const struct server *server = context;
    return server->views[shard].loop;
}

/* NULL: --recompact off. */
static struct recompactor *prepare_recompactor(struct server *server)
{
    if (server->config->recompact == CONFIG_RECOMPACT_OFF)
        return NULL;
    server->recompactor = (struct recompactor){.store = server->backend->requests,
                                               .thread = server->background_thread,
                                               .classes = &server->classes,
                                               .after_ms = server->config->recompact_after_ms,
                                               .pace = server->config->recompact_pace,
                                               .has_columns = config_packs_columns(server->config),
                                               .shards_count = server->shards_count,
                                               .find_loop = find_loop,
                                               .context = server};
    return &server->recompactor;
}

static void prepare_shards(struct server *server)
{
    uint8_t host_id[16];
    random_fill(random_system(), host_id, sizeof host_id);
    hex_encode(span_of(host_id, sizeof host_id), server->host_id);

    server->common.config = server->config;
    server->common.backend = server->backend;
    server->common.accounts = server->accounts;
    access_tally_open(config_folder(server->config), &server->access_tally);
    server->common.access_tally = &server->access_tally;
    server->common.keeper = server->backend->no_journal != NULL ? NULL : &server->keeper;
    server->dictionaries = dictionary_table_create(server->config->dict_memory);
    server->common.dictionaries = server->dictionaries;
    dictionary_keeper_init(&server->dictionary_keeper, server->dictionaries, server->shards_count,
                           (int)server->config->zstd_level);
    bool is_automatic = server->config->dict == CONFIG_DICT_AUTO && server->backend->no_journal == NULL;
    server->reservoirs = is_automatic ? reservoirs_create() : NULL;
    server->common.reservoirs = server->reservoirs;
    server->common.dictionary_board = server->config->dict == CONFIG_DICT_OFF ? NULL : &server->dictionary_keeper.board;
    server->trainer = (struct dictionary_trainer){.keeper = &server->dictionary_keeper,
                                                  .store = server->backend->store,
                                                  .thread = server->training_thread,
                                                  .reservoirs = server->reservoirs};
    server->lifecycle = (struct lifecycle_runner){.store = server->backend->requests,
                                                  .present = server->backend->clock,
                                                  .keeper = &server->keeper,
                                                  .day_ms = (int64_t)server->config->lifecycle_day_ms,
                                                  .pace = server->config->lifecycle_pace,
                                                  .classes = &server->classes,
                                                  .takeover_ms = server->config->lifecycle_takeover_ms};
    server->maintenance = (struct maintenance_jobs){.store = server->backend->requests,
                                                    .is_bucket = config_is_bucket(server->config),
                                                    .keyring = server->keyring,
                                                    .refusal = server->backend->no_journal,
                                                    .claimant = {.journal = &server->journal.journal,
                                                                 .environment = &server->journal.environment,
                                                                 .self = server->member.options.identity->id.bytes,
                                                                 .takeover_ms = server->config->lifecycle_takeover_ms}};
    server->common.classes = &server->classes;
    server->common.codec_threads = server->codec_threads;
    server->common.background_thread = server->background_thread;
    server->common.tls = server->tls;
    server->common.host_id = server->host_id;
    server->views = allocate(server->shards_count, sizeof *server->views);
    server->common.views = server->views;
    (void)pthread_barrier_init(&server->ended, NULL, server->shards_count);
    server->common.ended = &server->ended;
    server->shards = allocate(server->shards_count, sizeof(struct shard *));
    server->view = (struct admin_view){
        .shards = server->views,
        .shards_count = server->shards_count,
        .backend = server->backend,
        .journal = server->backend->no_journal != NULL ? NULL : &server->journal,
        .member = &server->member,
        .keeper = server->common.keeper,
        .dictionaries = &server->dictionary_keeper,
        .trainer = server->backend->no_journal != NULL ? NULL : &server->trainer,
        .lifecycle = lifecycle_of(server),
        .recompactor = prepare_recompactor(server),
        .maintenance = &server->maintenance,
        .control_word = server->control_file.word,
        .admin_token = server->admin_token.text,
        .keyring = server->keyring,
        .kms = server->common.kms,
        .is_ready = &server->is_ready,
        .started_ms = clock_wall_ms(clock_system()),
    };
}

static void prepare_control(struct server *server)
{
    server->control = (struct control){
        .signal_fd = server->signal_fd,
        .admin_fd = server->admin_fd,
        .local_fd = server->local_fd,
        .local_path = server->config->admin_socket,
        .view = &server->view,
        .backend = server->backend,
        .journal = server->view.journal != NULL ? &server->journal : NULL,
        .journal_options = {.poll_ms = (unsigned)server->config->journal_poll_ms,
                            .member = &server->member,
                            .keeper = server->common.keeper,
                            .dictionaries = &server->dictionary_keeper,
                            .trainer = server->reservoirs != NULL ? &server->trainer : NULL,
                            .lifecycle = server->view.lifecycle,
                            .settings_grace_ms = server->config->settings_grace_ms,
                            .settings_sweep_ms = server->config->settings_sweep_ms},
        .tls = server->tls,
        .keyring = server->keyring,
        .keyring_path = server->config->keyring,
        .kms = server->common.kms,
        .file_threads = server->list_threads,
        .trainer = &server->trainer,
        .recompactor = server->view.recompactor == NULL ? NULL : &server->recompactor,
        .maintenance = &server->maintenance,
        .drain = drain,
        .watchdog_ms = service_manager_watchdog_ms(),
        .is_alive = is_alive,
        .context = server,
    };
}

/* Shard 0 is the last to start, because it shows and stops all of them. */
static bool start_shards(struct server *server, struct error *error)
{
    for (unsigned i = server->shards_count; i-- > 0;) {
        struct control *control = i == 0 ? &server->control : NULL;
        server->shards[i] = shard_create(&server->common, i, server->listen_fds[i], control);
        if (!shard_start(server->shards[i], error))
            return false;
    }
    return true;
}

/* ---- the whole ---- */

static enum log_level log_level_of(uint64_t level)
{
    static const enum log_level LEVELS[] = {[CONFIG_LOG_ERROR] = LOG_ERROR,
                                            [CONFIG_LOG_WARNING] = LOG_WARNING,
                                            [CONFIG_LOG_INFO] = LOG_INFO,
                                            [CONFIG_LOG_DEBUG] = LOG_DEBUG};
    return LEVELS[level];
}

/* It may be meant so, and what lies there must be found: no reason not to start. */
static void warn_of_prefix(const struct config *config)
{
    char bucket[64];
    const char *prefix = config_is_bucket(config) ? config_backend_bucket(config, bucket) : "";
    if (prefix[0] != '\0' && prefix[strlen(prefix) - 1] != '/')
        log_message(LOG_WARNING,
                    "--backend %s: the prefix stands before each key as it is: the key k lies at %sk. Where keys are "
                    "to lie below it, end it with /, before anything is stored",
                    config->backend, prefix);
}

static void warn_of_defaults(const struct server *server)
{
    const struct config *config = server->config;
    if (server->backend->misses_journal)
        log_message(LOG_WARNING, "%s", server->backend->no_journal);
    bool has_defaults =
        config->default_ownership != CONFIG_BUCKET_OWNER_ENFORCED || config->default_public_access_block != 0;
    if (has_defaults && server->common.keeper == NULL)
        log_message(LOG_WARNING, "this backend keeps no settings of buckets: all are BucketOwnerEnforced, whatever "
                                 "--default-ownership and --default-public-access-block say");
}

static bool start(struct server *server, struct error *error)
{
    const struct config *config = server->config;
    enum log_format format = config->log_format == CONFIG_LOG_JSON ? LOG_JSON : LOG_TEXT;
    /* certificate, keys and ports first: whoever finds them wrong or taken shall not have touched the folder */
    if (!choose_limits(server, error) || !load_proxies(server, error) || !load_certificate(server, error) ||
        !load_keyring(server, error) || !load_admin_token(server, error) || !bind_listeners(server, error) ||
        !open_signals(server, error) || !start_threads(server, error) || !open_backend(server, error) ||
        !load_accounts(server, error) || !log_start(STDERR_FILENO, format, log_level_of(config->log_level), error))
        return false;
    write_control_file(server);
    prepare_member(server);
    prepare_shards(server);
    prepare_control(server);
    warn_of_prefix(server->config);
    warn_of_defaults(server);
    if (!start_shards(server, error))
        return false;
    atomic_store_explicit(&server->is_ready, true, memory_order_release);
    return true;
}

struct server *server_start(const struct config *config, const struct inherited_sockets *sockets, backend_opener *open,
                            struct error *error)
{
    /* one for the process: when its start fails, threads that have begun may still look at it */
    static struct server server;
    server.config = config;
    server.inherited = *sockets;
    server.local_fd = -1;
    server.open = open;
    return start(&server, error) ? &server : NULL;
}

void server_wait(struct server *server)
{
    for (unsigned i = 0; i < server->shards_count; i++)
        shard_join(server->shards[i]);
}

void server_close(struct server *server)
{
    for (unsigned i = 0; i < server->shards_count; i++) {
        shard_destroy(server->shards[i]);
        (void)close(server->listen_fds[i]);
    }
    (void)pthread_barrier_destroy(&server->ended);
    (void)close(server->admin_fd);
    if (server->local_fd >= 0)
        (void)close(server->local_fd);
    (void)close(server->signal_fd);
    server->backend->operations->close(server->backend);
    if (server->codec_threads != NULL)
        offload_destroy(server->codec_threads);
    offload_destroy(server->list_threads);
    offload_destroy(server->training_thread);
    offload_destroy(server->background_thread);
    dictionary_keeper_free(&server->dictionary_keeper);
    reservoirs_destroy(server->reservoirs);
    dictionary_table_destroy(server->dictionaries);
    access_tally_close(&server->access_tally);
    accounts_free(server->accounts);
    kms_destroy(server->common.kms);
    keyring_free(server->keyring);
    tls_server_destroy(server->tls);
    explicit_bzero(&server->first, sizeof server->first);
    log_stop();
    free(server->listen_fds);
    free(server->shards);
    free(server->views);
}

uint16_t server_port(const struct server *server)
{
    return server->port;
}

uint16_t server_admin_port(const struct server *server)
{
    return server->admin_port;
}

unsigned server_shards(const struct server *server)
{
    return server->shards_count;
}

const char *server_new_access_key(const struct server *server)
{
    return server->first.access_key[0] != '\0' ? server->first.access_key : NULL;
}

const char *server_new_secret_key(const struct server *server)
{
    return server->first.access_key[0] != '\0' ? server->first.secret_key : NULL;
}
