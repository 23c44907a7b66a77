/* server/kms/kms.c -- a cache of keys, and the thread behind it. */
#include "server/kms/kms.h"

#include "runtime/base/assert.h"
#include "runtime/base/clock.h"
#include "runtime/base/secret.h"
#include "runtime/fiber/offload.h"
#include "s3client/credentials/fetch.h"
#include "s3client/wire/checksum.h"
#include "s3client/wire/s3_error.h"
#include "server/keys/kms_keyring.h"

#include <pthread.h>
#include <stdatomic.h>
#include <unistd.h>

enum { QUEUED_MAX = 256, MS_NS = 1000000 };

/* What a key is for: SHA-256 of whether it is to be made or opened, the service's name, the context, and the blob. */
struct purpose {
    uint8_t digest[SHA256_BYTES];
};

struct kept {
    struct purpose purpose;
    uint64_t until_ns; /* 0: nothing */
    uint32_t uses;
    struct kms_key key;
};

/* A service that is in trouble is left alone for a while. */
struct rest {
    char name[KMS_NAME_BYTES_MAX + 1];
    uint64_t until_ns;
    struct error reason;
};

struct kms {
    struct keyring *keyring;
    struct offload *thread; /* one */
    _Atomic(bool) is_ending;
    pthread_mutex_t looking; /* for what follows */
    struct kept kept[KMS_KEPT_MAX];
    struct rest rests[KMS_SERVICES_MAX];
    struct kms_counters counters;
};

struct kms *kms_create(struct keyring *keyring, struct error *error)
{
    struct kms *kms = secret_map(sizeof *kms);
    if (kms == NULL) {
        (void)error_set(error, ERROR_BUSY, NULL, "There is no memory for the keys of key services.");
        return NULL;
    }
    kms->keyring = keyring;
    (void)pthread_mutex_init(&kms->looking, NULL);
    fetch_prepare();
    kms->thread = offload_create("kms", 1, QUEUED_MAX, error);
    if (kms->thread != NULL)
        return kms;
    kms_destroy(kms);
    return NULL;
}

void kms_destroy(struct kms *kms)
{
    if (kms == NULL)
        return;
    atomic_store(&kms->is_ending, true);
    if (kms->thread != NULL)
        offload_destroy(kms->thread);
    (void)pthread_mutex_destroy(&kms->looking);
    secret_unmap(kms, sizeof *kms);
}

/* ---- what is kept ---- */

static struct purpose purpose_of(const char *what, struct span name, const uint8_t *context, struct span blob)
{
    static const uint8_t zero;
    struct purpose purpose;
    struct sha256_sum sum;
    sha256_begin(&sum);
    sha256_update(&sum, span_from_string(what));
    sha256_update(&sum, name);
    sha256_update(&sum, span_of(&zero, 1));
    sha256_update(&sum, span_of(context, KMS_CONTEXT_BYTES));
    sha256_update(&sum, blob);
    sha256_end(&sum, purpose.digest);
    return purpose;
}

static struct kept *find(struct kms *kms, const struct purpose *purpose)
{
    uint64_t now = clock_monotonic_ns(clock_system());
    for (unsigned i = 0; i < KMS_KEPT_MAX; i++) {
        struct kept *kept = &kms->kept[i];
        if (memcmp(&kept->purpose, purpose, sizeof *purpose) == 0 && kept->until_ns > now && kept->uses < KMS_USES_MAX)
            return kept;
    }
    return NULL;
}

static bool look(struct kms *kms, const struct purpose *purpose, struct kms_key *ret_key)
{
    (void)pthread_mutex_lock(&kms->looking);
    struct kept *kept = find(kms, purpose);
    if (kept != NULL) {
        kept->uses++;
        *ret_key = kept->key;
    }
    (void)pthread_mutex_unlock(&kms->looking);
    return kept != NULL;
}

/* In the place of what ends first. */
static void keep(struct kms *kms, const struct purpose *purpose, const struct kms_key *key)
{
    (void)pthread_mutex_lock(&kms->looking);
    struct kept *place = &kms->kept[0];
    for (unsigned i = 1; i < KMS_KEPT_MAX; i++)
        if (kms->kept[i].until_ns < place->until_ns)
            place = &kms->kept[i];
    *place = (struct kept){
        .purpose = *purpose,
        .until_ns = clock_monotonic_ns(clock_system()) + (uint64_t)KMS_REUSE_MS * MS_NS,
        .key = *key,
    };
    (void)pthread_mutex_unlock(&kms->looking);
}

/* ---- services in trouble; the thread alone ---- */

static struct rest *rest_of(struct kms *kms, const struct kms_service *service)
{
    struct rest *oldest = &kms->rests[0];
    for (unsigned i = 0; i < KMS_SERVICES_MAX; i++) {
        if (strcmp(kms->rests[i].name, service->name) == 0)
            return &kms->rests[i];
        if (kms->rests[i].until_ns < oldest->until_ns)
            oldest = &kms->rests[i];
    }
    return oldest;
}

static bool may_be_asked(struct kms *kms, const struct kms_service *service, struct error *error)
{
    const struct rest *rest = rest_of(kms, service);
    bool rests = strcmp(rest->name, service->name) == 0 && rest->until_ns > clock_monotonic_ns(clock_system());
    if (rests)
        *error = rest->reason;
    return !rests;
}

static void let_rest(struct kms *kms, const struct kms_service *service, const struct error *reason)
{
    struct rest *rest = rest_of(kms, service);
    *rest = (struct rest){.until_ns = clock_monotonic_ns(clock_system()) + (uint64_t)KMS_REST_MS * MS_NS,
                          .reason = *reason};
    memcpy(rest->name, service->name, sizeof rest->name);
}

/* ---- asking ---- */

struct asking {
    struct kms *kms;
    const struct kms_service *service;
    const uint8_t *context;
    struct span blob; /* to be opened; empty: a new key is wanted */
    struct purpose purpose;
    struct kms_key key;
    bool is_given;
    struct error error;
};

static bool ask_service(struct asking *asking)
{
    const struct kms_service *service = asking->service;
    const struct credentials_options options = {.environment = environ, .ca_file = service->ca_file};
    const struct search search = {
        .options = &options,
        .is_cut = &asking->kms->is_ending,
        .deadline = clock_monotonic_ns(clock_system()) + (uint64_t)VAULT_MS * MS_NS,
    };
    if (asking->blob.size == 0)
        return vault_make_key(&search, service, asking->context, &asking->key, &asking->error);
    return vault_open_key(&search, service, asking->context, asking->blob, asking->key.bytes, &asking->error);
}

/* What is written is read soon. */
static void keep_for_readers(struct asking *asking)
{
    struct span name = span_from_string(asking->service->name);
    struct span blob = span_of(asking->key.blob, asking->key.blob_size);
    const struct purpose purpose = purpose_of("open", name, asking->context, blob);
    keep(asking->kms, &purpose, &asking->key);
}

static void ask(void *argument)
{
    struct asking *asking = argument;
    struct kms *kms = asking->kms;
    asking->is_given = look(kms, &asking->purpose, &asking->key); /* somebody before us wanted the same */
    if (asking->is_given || !may_be_asked(kms, asking->service, &asking->error))
        return;
    asking->is_given = ask_service(asking);
    atomic_fetch_add(&kms->counters.calls, 1);
    atomic_fetch_add(&kms->counters.calls_failed, asking->is_given ? 0 : 1);
    if (asking->is_given) {
        keep(kms, &asking->purpose, &asking->key);
        if (asking->blob.size == 0)
            keep_for_readers(asking);
    } else if (asking->error.code == S3_ServiceUnavailable || asking->error.code == S3_SlowDown) {
        let_rest(kms, asking->service, &asking->error);
    }
}

SUSPENDS static bool get(struct kms *kms, const struct kms_service *service, const uint8_t *context, struct span blob,
                         struct kms_key *ret_key, struct error *error)
{
    struct asking asking = {.kms = kms, .service = service, .context = context, .blob = blob};
    asking.purpose = purpose_of(blob.size == 0 ? "make" : "open", span_from_string(service->name), context, blob);
    if (look(kms, &asking.purpose, ret_key))
        return true;
    if (!offload_run(kms->thread, ask, &asking, error)) {
        error->code = S3_SlowDown;
        return false;
    }
    *error = asking.error;
    if (asking.is_given)
        *ret_key = asking.key;
    explicit_bzero(&asking.key, sizeof asking.key);
    return asking.is_given;
}

const struct kms_counters *kms_counters(const struct kms *kms)
{
    return &kms->counters;
}

/* ---- for requests ---- */

bool kms_knows(struct kms *kms, struct span name, struct error *error)
{
    struct kms_service service;
    return keyring_kms_service(kms->keyring, name, &service) || kms_keyring_find(kms->keyring, name, error) != NULL;
}

static bool make_by_keyring(struct kms *kms, struct span name, struct kms_key *key, char id[KEYRING_ID_TEXT_BYTES],
                            struct kms_grant *grant, struct error *error)
{
    const struct seal_keys *keys = kms_keyring_find(kms->keyring, name, error);
    if (keys == NULL)
        return false;
    keyring_id_format(keys->id, id);
    kms_keyring_make(kms->keyring, keys, grant->context, key->bytes, key->blob);
    key->blob_size = KMS_KEYRING_BLOB_BYTES;
    grant->is_by_keyring = true;
    grant->name = span_from_string(id);
    return true;
}

SUSPENDS bool kms_make_key(struct kms *kms, struct span name, const uint8_t context[KMS_CONTEXT_BYTES],
                           struct kms_key *ret_key, char ret_id[KEYRING_ID_TEXT_BYTES], struct kms_grant *ret_grant,
                           struct error *error)
{
    struct kms_service service;
    *ret_grant = (struct kms_grant){.name = name};
    memcpy(ret_grant->context, context, KMS_CONTEXT_BYTES);
    bool made = keyring_kms_service(kms->keyring, name, &service)
                    ? get(kms, &service, context, SPAN_EMPTY, ret_key, error)
                    : make_by_keyring(kms, name, ret_key, ret_id, ret_grant, error);
    if (made)
        ret_grant->blob = span_of(ret_key->blob, ret_key->blob_size);
    return made;
}

SUSPENDS bool kms_open_key(struct kms *kms, const struct kms_grant *grant, uint8_t ret_key[AES_KEY_BYTES],
                           struct error *error)
{
    struct kms_service service;
    struct kms_key key;
    if (!keyring_kms_service(kms->keyring, grant->name, &service))
        return error_set(error, ERROR_UNSUPPORTED, S3_InternalError,
                         "The object is under a key of the key service %.*s, which the keyring has no [kms %.*s] of.",
                         (int)grant->name.size, (const char *)grant->name.data, (int)grant->name.size,
                         (const char *)grant->name.data);
    if (!get(kms, &service, grant->context, grant->blob, &key, error))
        return false;
    memcpy(ret_key, key.bytes, AES_KEY_BYTES);
    explicit_bzero(&key, sizeof key);
    return true;
}
