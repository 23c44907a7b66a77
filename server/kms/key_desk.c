/* server/kms/key_desk.c -- look at what is kept, or let the thread ask. */
#include "server/kms/key_desk.h"

#include "runtime/base/byteorder.h"
#include "runtime/base/clock.h"
#include "runtime/base/secret.h"
#include "runtime/fiber/offload.h"
#include "s3client/wire/s3_error.h"
#include "server/kms/aws.h"
#include "server/kms/kept_keys.h"
#include "server/kms/rests.h"
#include "server/kms/vault.h"

#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

enum { MS_NS = 1000000 };

struct key_desk {
    struct offload *thread; /* one */
    struct kms_counters *counters;
    const _Atomic(deadline_t) *ends;
    struct aws_kms *aws; /* of the thread alone */

    pthread_mutex_t looking; /* for what follows */
    struct kms_service service;
    struct kept_keys *kept;
    struct rests rests;
};

struct key_desk *key_desk_create(struct kms_counters *counters, const _Atomic(deadline_t) *ends, struct error *error)
{
    struct key_desk *desk = calloc(1, sizeof *desk);
    if (desk == NULL) {
        (void)error_set(error, ERROR_BUSY, S3_SlowDown, "There is no memory for the keys of a key service.");
        return NULL;
    }
    desk->counters = counters;
    desk->ends = ends;
    (void)pthread_mutex_init(&desk->looking, NULL);
    desk->kept = secret_map(sizeof *desk->kept);
    desk->aws = aws_kms_create();
    if (desk->kept == NULL || desk->aws == NULL)
        (void)error_set(error, ERROR_BUSY, S3_SlowDown, "There is no memory for the keys of a key service.");
    else
        desk->thread = offload_create("kms", 1, KEY_DESK_QUEUED_MAX, error);
    if (desk->thread != NULL)
        return desk;
    key_desk_destroy(desk);
    return NULL;
}

void key_desk_destroy(struct key_desk *desk)
{
    if (desk == NULL)
        return;
    if (desk->thread != NULL)
        offload_destroy(desk->thread);
    aws_kms_destroy(desk->aws);
    secret_unmap(desk->kept, sizeof *desk->kept);
    (void)pthread_mutex_destroy(&desk->looking);
    free(desk);
}

/* ---- what is kept ---- */

static void follow_file(struct key_desk *desk, const struct kms_service *service)
{
    (void)pthread_mutex_lock(&desk->looking);
    if (!kms_service_is_same(&desk->service, service)) {
        kept_keys_forget(desk->kept);
        desk->rests = (struct rests){.service.until_ns = 0};
        desk->service = *service;
    }
    (void)pthread_mutex_unlock(&desk->looking);
}

static bool look(struct key_desk *desk, const struct key_request *request, const struct kept_purpose *purpose,
                 struct kms_key *ret_key)
{
    (void)pthread_mutex_lock(&desk->looking);
    bool found = kms_service_is_same(&desk->service, request->service) &&
                 kept_keys_look(desk->kept, purpose, clock_monotonic_ns(clock_system()), ret_key);
    (void)pthread_mutex_unlock(&desk->looking);
    return found;
}

static uint64_t holder_of(const struct key_request *request)
{
    uint8_t digest[SHA256_BYTES];
    sha256_of(request->context->bucket, digest);
    return load_u64_le(digest);
}

/* What is written is read soon: a new key is kept for both. */
static void keep(struct key_desk *desk, const struct key_request *request, const struct kept_purpose *purpose,
                 const struct kms_key *key)
{
    struct key_request reading = *request;
    uint64_t now_ns = clock_monotonic_ns(clock_system());
    uint64_t holder = holder_of(request);
    reading.blob = span_of(key->blob, key->blob_size);
    const struct kept_purpose read = kept_purpose_of(&reading);
    (void)pthread_mutex_lock(&desk->looking);
    if (kms_service_is_same(&desk->service, request->service)) {
        kept_keys_add(desk->kept, purpose, holder, now_ns, key);
        if (request->blob.size == 0)
            kept_keys_add(desk->kept, &read, holder, now_ns, key);
    }
    (void)pthread_mutex_unlock(&desk->looking);
}

void key_desk_forget_ended(struct key_desk *desk)
{
    (void)pthread_mutex_lock(&desk->looking);
    kept_keys_forget_ended(desk->kept, clock_monotonic_ns(clock_system()));
    (void)pthread_mutex_unlock(&desk->looking);
}

/* ---- services in trouble ---- */

static bool may_be_asked(struct key_desk *desk, const struct key_request *request, struct error *error)
{
    const struct error *trouble = NULL;
    (void)pthread_mutex_lock(&desk->looking);
    if (kms_service_is_same(&desk->service, request->service))
        trouble = rests_find(&desk->rests, request->key, clock_monotonic_ns(clock_system()));
    if (trouble != NULL)
        *error = *trouble;
    (void)pthread_mutex_unlock(&desk->looking);
    return trouble == NULL;
}

static void let_rest(struct key_desk *desk, const struct key_request *request, const struct error *trouble)
{
    if (trouble->code != S3_ServiceUnavailable && trouble->code != S3_SlowDown)
        return;
    uint64_t now_ns = clock_monotonic_ns(clock_system());
    (void)pthread_mutex_lock(&desk->looking);
    bool is_same = kms_service_is_same(&desk->service, request->service);
    if (is_same && trouble->kind == KEY_REQUEST_TROUBLE_OF_KEY)
        rests_add_key(&desk->rests, request->key, now_ns, trouble);
    else if (is_same)
        rests_add_service(&desk->rests, now_ns, trouble);
    (void)pthread_mutex_unlock(&desk->looking);
}

/* ---- asking ---- */

struct asking {
    struct key_desk *desk;
    const struct key_request *request;
    struct kept_purpose purpose;
    struct kms_key key;
    bool is_given;
    struct error error;
};

static bool ask_service(struct asking *asking)
{
    struct key_desk *desk = asking->desk;
    const struct kms_service *service = asking->request->service;
    const struct credentials_options options = {.environment = environ, .ca_file = service->ca_file};
    const struct search search = {
        .options = &options,
        .cut_from = desk->ends,
        .deadline = clock_monotonic_ns(clock_system()) + (uint64_t)KEY_REQUEST_ALL_MS * MS_NS,
    };
    if (service->provider == KMS_AWS)
        return aws_kms_ask(desk->aws, &search, asking->request, &asking->key, &asking->error);
    return vault_ask(&search, asking->request, &asking->key, &asking->error);
}

static void ask(void *argument)
{
    struct asking *asking = argument;
    struct key_desk *desk = asking->desk;
    const struct key_request *request = asking->request;
    asking->is_given = look(desk, request, &asking->purpose, &asking->key); /* somebody before us wanted the same */
    if (asking->is_given || !may_be_asked(desk, request, &asking->error))
        return;
    asking->is_given = ask_service(asking);
    atomic_fetch_add(&desk->counters->calls, 1);
    atomic_fetch_add(&desk->counters->calls_failed, asking->is_given ? 0 : 1);
    if (asking->is_given)
        keep(desk, request, &asking->purpose, &asking->key);
    else
        let_rest(desk, request, &asking->error);
}

SUSPENDS bool key_desk_ask(struct key_desk *desk, const struct key_request *request, struct kms_key *ret_key,
                           struct error *error)
{
    struct asking asking = {.desk = desk, .request = request, .purpose = kept_purpose_of(request)};
    follow_file(desk, request->service);
    if (look(desk, request, &asking.purpose, ret_key))
        return true;
    if (!offload_run(desk->thread, ask, &asking, error)) {
        error->code = S3_SlowDown;
        return false;
    }
    *error = asking.error;
    if (asking.is_given)
        *ret_key = asking.key;
    explicit_bzero(&asking.key, sizeof asking.key);
    return asking.is_given;
}
