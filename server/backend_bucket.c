/* server/backend_bucket.c -- a bucket of an S3 server as what stands behind this one: credentials, endpoint, store. */
#include "runtime/base/assert.h"
#include "runtime/loop.h"
#include "runtime/wait.h"
#include "s3client/credentials/credentials.h"
#include "server/backend.h"
#include "store/remote/remote.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static_assert((int)BACKEND_SHARDS_MAX <= (int)REMOTE_SHARDS_MAX, "every shard has its place");

extern char **environ;

enum { HEADERS_MAX = 4 };

struct backend_bucket {
    struct backend base; /* first */
    struct credentials_options credentials_options;
    struct s3_credential_source *credentials;
    struct s3_endpoint *endpoint;
    char bucket[64];
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
}

static bool is_ready(const struct backend *backend, struct error *reason)
{
    return remote_is_ready(backend->store, reason);
}

static void figures(const struct backend *backend, struct buffer *ret_figures)
{
    (void)backend;
    (void)ret_figures;
}

static void close_bucket(struct backend *backend)
{
    struct backend_bucket *bucket = bucket_of(backend);
    if (backend->store != NULL)
        remote_destroy(backend->store);
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
    .figures = figures,
    .close = close_bucket,
};

/* ---- opening ---- */

static const char *text_or_null(const char *text)
{
    return text == NULL || text[0] == '\0' ? NULL : text;
}

static bool open_credentials(struct backend_bucket *bucket, const struct config *config, struct error *error)
{
    bucket->credentials_options = (struct credentials_options){
        .environment = environ,
        .file = text_or_null(config->backend_credentials),
        .profile = text_or_null(config->profile),
        .region = config->backend_region,
        .ca_file = text_or_null(config->ca_file),
    };
    bucket->credentials = credentials_open(&bucket->credentials_options, error);
    return bucket->credentials != NULL;
}

static bool open_endpoint(struct backend_bucket *bucket, const struct backend_means *means, struct error *error)
{
    const struct config *config = means->config;
    struct s3_extra_header headers[HEADERS_MAX];
    unsigned count = 0;
    if (config->backend_sse[0] != '\0')
        headers[count++] =
            (struct s3_extra_header){"x-amz-server-side-encryption", config->backend_sse, S3_ON_CREATION};
    if (config->storage_class[0] != '\0')
        headers[count++] = (struct s3_extra_header){"x-amz-storage-class", config->storage_class, S3_ON_CREATION};
    if (config->request_payer)
        headers[count++] = (struct s3_extra_header){"x-amz-request-payer", "requester", S3_ON_ALL};
    const struct s3_endpoint_settings settings = {
        .url = text_or_null(config->endpoint),
        .region = config->backend_region,
        .addressing = config->backend_addressing == CONFIG_ADDRESSING_VIRTUAL ? S3_ADDRESS_VIRTUAL : S3_ADDRESS_PATH,
        .ca_file = text_or_null(config->ca_file),
        .credentials = bucket->credentials,
        .offload = means->threads,
        .headers = headers,
        .headers_count = count,
    };
    bucket->endpoint = s3_endpoint_create(&settings, error);
    return bucket->endpoint != NULL || error_prepend(error, "--endpoint");
}

static bool open_store(struct backend_bucket *bucket, const struct backend_means *means, struct error *error)
{
    const struct config *config = means->config;
    const char *state = text_or_null(config->state);
    if (state != NULL && mkdir(state, 0700) != 0 && errno != EEXIST)
        return error_set_errno(error, errno, "--state %s", state);
    const struct remote_settings settings = {
        .endpoint = bucket->endpoint,
        .bucket = bucket->bucket,
        .prefix = config_backend_bucket(config, bucket->bucket),
        .name = text_or_null(config->bucket_name),
        .is_all_buckets = config->all_buckets,
        .writes_s4_sidecars = config->s4_sidecars,
        .part_bytes = config->part_size,
        .memory_bytes = config->backend_memory,
        .state = state,
        .cache_bytes = config->cache_size,
        .shards = means->shards,
        .offload = means->threads,
    };
    bucket->base.store = remote_create(&settings, error);
    bucket->base.requests = bucket->base.store;
    return bucket->base.store != NULL;
}

/* ---- the first word with the backend, before there are shards: on a loop of its own ---- */

struct first_word {
    struct bucket_store *store;
    struct loop *loop;
    bool done;
    struct error *error;
};

static void run_first_word(void *argument)
{
    struct first_word *word = argument;
    word->done = remote_begin(word->store, word->error);
    remote_detach_shard(word->store);
    loop_stop(word->loop, DEADLINE_NONE);
}

static bool begin(struct bucket_store *store, struct error *error)
{
    struct first_word word = {.store = store, .error = error};
    word.loop = loop_create(&(struct loop_options){0}, error);
    if (word.loop == NULL)
        return false;
    remote_attach_shard(store, 0);
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
    if (!open_credentials(bucket, means->config, error) || !open_endpoint(bucket, means, error) ||
        !open_store(bucket, means, error) || !begin(bucket->base.store, error)) {
        close_bucket(&bucket->base);
        return NULL;
    }
    return &bucket->base;
}
