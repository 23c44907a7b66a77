/* server/kms/kms.c -- which service a request means, and its desk. */
#include "server/kms/kms.h"

#include "runtime/base/assert.h"
#include "s3client/credentials/fetch.h"
#include "s3client/wire/s3_error.h"
#include "server/keys/kms_keyring.h"

#include <pthread.h>
#include <stdlib.h>

_Static_assert((int)KEYRING_ID_TEXT_BYTES <= (int)KMS_NAME_BYTES_MAX + 1, "ids of the keyring's keys are names");

struct kms {
    struct keyring *keyring;
    struct kms_counters counters;
    _Atomic(deadline_t) ends; /* from then on services are not asked */
    pthread_mutex_t opening;  /* of desks */
    struct {
        char name[KMS_NAME_BYTES_MAX + 1];
        struct key_desk *desk; /* made when its service is asked first; stays until the end */
    } desks[KMS_SERVICES_MAX];
};

struct kms *kms_create(struct keyring *keyring, struct error *error)
{
    struct kms *kms = calloc(1, sizeof *kms);
    if (kms == NULL) {
        (void)error_set(error, ERROR_BUSY, NULL, "There is no memory for the keys of key services.");
        return NULL;
    }
    kms->keyring = keyring;
    atomic_init(&kms->ends, DEADLINE_NONE);
    (void)pthread_mutex_init(&kms->opening, NULL);
    fetch_prepare();
    return kms;
}

void kms_stop(struct kms *kms)
{
    atomic_store(&kms->ends, clock_monotonic_ns(clock_system()) + (uint64_t)KMS_LAST_MS * 1000000);
}

void kms_destroy(struct kms *kms)
{
    if (kms == NULL)
        return;
    atomic_store(&kms->ends, 0);
    for (unsigned i = 0; i < KMS_SERVICES_MAX; i++)
        key_desk_destroy(kms->desks[i].desk);
    (void)pthread_mutex_destroy(&kms->opening);
    free(kms);
}

const struct kms_counters *kms_counters(const struct kms *kms)
{
    return &kms->counters;
}

/* ---- desks ---- */

/* Whoever has the name; else a place that nobody has, or one whose service is not in the file any more. */
static unsigned place_of(struct kms *kms, const char *name)
{
    struct kms_service ignored;
    unsigned place = KMS_SERVICES_MAX;
    for (unsigned i = 0; i < KMS_SERVICES_MAX; i++) {
        if (strcmp(kms->desks[i].name, name) == 0)
            return i;
        if (place == KMS_SERVICES_MAX &&
            !keyring_kms_service(kms->keyring, span_from_string(kms->desks[i].name), &ignored))
            place = i;
    }
    return place;
}

static struct key_desk *desk_of(struct kms *kms, const struct kms_service *service, struct error *error)
{
    struct key_desk *desk = NULL;
    (void)pthread_mutex_lock(&kms->opening);
    unsigned place = place_of(kms, service->name);
    if (place == KMS_SERVICES_MAX) { /* the file has changed in this moment */
        (void)error_set(error, ERROR_BUSY, S3_SlowDown, "The key services are being read anew. Try again.");
    } else {
        if (kms->desks[place].desk == NULL)
            kms->desks[place].desk = key_desk_create(&kms->counters, &kms->ends, error);
        desk = kms->desks[place].desk;
        memcpy(kms->desks[place].name, service->name, sizeof service->name);
    }
    (void)pthread_mutex_unlock(&kms->opening);
    return desk;
}

void kms_forget_ended(struct kms *kms)
{
    (void)pthread_mutex_lock(&kms->opening);
    for (unsigned i = 0; i < KMS_SERVICES_MAX; i++)
        if (kms->desks[i].desk != NULL)
            key_desk_forget_ended(kms->desks[i].desk);
    (void)pthread_mutex_unlock(&kms->opening);
}

SUSPENDS static bool ask(struct kms *kms, const struct key_request *request, struct kms_key *ret_key,
                         struct error *error)
{
    struct key_desk *desk = desk_of(kms, request->service, error);
    return desk != NULL && key_desk_ask(desk, request, ret_key, error);
}

/* ---- which service is meant ---- */

/* A service of that name, or one whose key it is; `meant`: how surely. From *place on, which is behind it then. */
static bool find_meant(struct kms *kms, struct span key, enum kms_meant meant, unsigned *place,
                       struct kms_service *ret_service)
{
    while (keyring_kms_service_at(kms->keyring, (*place)++, ret_service))
        if (kms_service_meant(ret_service, key) == meant)
            return true;
    return false;
}

static bool find_any(struct kms *kms, struct span key, enum kms_meant meant, struct kms_service *ret_service)
{
    unsigned place = 0;
    return find_meant(kms, key, meant, &place, ret_service);
}

bool kms_knows(struct kms *kms, struct span name, struct error *error)
{
    struct kms_service service;
    return keyring_kms_service(kms->keyring, name, &service) || find_any(kms, name, KMS_MEANT, &service) ||
           find_any(kms, name, KMS_MEANT_AMONG, &service) || find_any(kms, name, KMS_MEANT_PERHAPS, &service) ||
           kms_keyring_find(kms->keyring, name, error) != NULL;
}

bool kms_is_named(struct kms *kms, const struct kms_grant *grant, struct span name)
{
    struct kms_service service;
    if (span_equal(name, grant->name) || (grant->id.size > 0 && kms_service_is_same_key(grant->id, name)))
        return true;
    return keyring_kms_service(kms->keyring, grant->name, &service) && kms_service_meant(&service, name) == KMS_MEANT;
}

/* ---- new keys ---- */

struct making {
    struct kms *kms;
    const struct kms_context *context;
    struct kms_key *key;
    char *name; /* of the service, for the grant */
};

SUSPENDS static bool make(const struct making *making, const struct kms_service *service, struct span key,
                          struct error *error)
{
    const struct key_request request = {.service = service, .key = key, .context = making->context};
    memcpy(making->name, service->name, sizeof service->name);
    return ask(making->kms, &request, making->key, error);
}

static bool refuse_unknown(struct error *error)
{
    return error_set(error, ERROR_INVALID, S3_KmsNotFoundException, "The specified KMS key does not exist.");
}

/* Services that alone can tell which key they have: the one that was named is the one that they answer. One that is not
 * to be had is passed over, and is the reason only where no other one has the key. */
SUSPENDS static bool make_by_who_has_it(const struct making *making, struct span key, struct error *error)
{
    struct kms_service service;
    bool are_all_asked = true;
    for (unsigned place = 0; find_meant(making->kms, key, KMS_MEANT_PERHAPS, &place, &service);) {
        struct error trouble;
        bool made = make(making, &service, span_from_string(service.key), &trouble);
        if (made && kms_service_is_same_key(span_from_string(making->key->id), key))
            return true;
        if (!made)
            *error = trouble;
        are_all_asked = are_all_asked && made;
    }
    return are_all_asked && refuse_unknown(error);
}

/* *ret_is_service false: it is none of a service's. */
SUSPENDS static bool make_by_service(const struct making *making, struct span name, bool *ret_is_service,
                                     struct error *error)
{
    struct kms_service service;
    struct span asterisk = SPAN("*");
    *ret_is_service = true;
    bool is_name = keyring_kms_service(making->kms->keyring, name, &service);
    if (is_name || find_any(making->kms, name, KMS_MEANT, &service))
        return span_equal(span_from_string(service.key), asterisk)
                   ? refuse_unknown(error)
                   : make(making, &service, span_from_string(service.key), error);
    if (find_any(making->kms, name, KMS_MEANT_AMONG, &service))
        return make(making, &service, name, error);
    *ret_is_service = find_any(making->kms, name, KMS_MEANT_PERHAPS, &service);
    return *ret_is_service && make_by_who_has_it(making, name, error);
}

static bool make_by_keyring(const struct making *making, struct span name, struct error *error)
{
    struct keyring *keyring = making->kms->keyring;
    struct kms_key *key = making->key;
    const struct seal_keys *keys = kms_keyring_find(keyring, name, error);
    if (keys == NULL)
        return false;
    keyring_id_format(keys->id, making->name);
    kms_keyring_make(keyring, keys, making->context->hash, key->bytes, key->blob);
    key->blob_size = KMS_KEYRING_BLOB_BYTES;
    key->id[0] = '\0';
    return true;
}

SUSPENDS bool kms_make_key(struct kms *kms, struct span name, const struct kms_context *context,
                           struct kms_key *ret_key, char ret_name[KMS_NAME_BYTES_MAX + 1], struct kms_grant *ret_grant,
                           struct error *error)
{
    const struct making making = {.kms = kms, .context = context, .key = ret_key, .name = ret_name};
    bool is_service;
    bool made = make_by_service(&making, name, &is_service, error);
    if (!made && (is_service || !make_by_keyring(&making, name, error)))
        return false;
    bool has_id = ret_key->id[0] != '\0';
    *ret_grant = (struct kms_grant){
        .is_by_keyring = !is_service,
        .name = span_from_string(ret_name),
        .id = span_from_string(ret_key->id),
        .client_context = has_id ? context->client : SPAN_EMPTY,
        .blob = span_of(ret_key->blob, ret_key->blob_size),
    };
    memcpy(ret_grant->context, context->hash, KMS_CONTEXT_BYTES);
    return true;
}

/* ---- keys that there are ---- */

SUSPENDS bool kms_open_key(struct kms *kms, const struct kms_grant *grant, struct span bucket,
                           uint8_t ret_key[AES_KEY_BYTES], struct error *error)
{
    struct kms_service service;
    struct kms_key key;
    struct kms_context context = {.bucket = bucket, .client = grant->client_context};
    memcpy(context.hash, grant->context, sizeof context.hash);
    if (!keyring_kms_service(kms->keyring, grant->name, &service))
        return error_set(error, ERROR_UNSUPPORTED, S3_InternalError,
                         "The object is under a key of the key service %.*s, which the keyring has no [kms %.*s] of.",
                         SPAN_FORMAT(grant->name), SPAN_FORMAT(grant->name));
    const struct key_request request = {
        .service = &service,
        .key = kms_service_key_of(&service, grant->id),
        .context = &context,
        .blob = grant->blob,
    };
    if (!ask(kms, &request, &key, error))
        return false;
    memcpy(ret_key, key.bytes, AES_KEY_BYTES);
    explicit_bzero(&key, sizeof key);
    return true;
}
