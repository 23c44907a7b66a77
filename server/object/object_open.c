/* server/object/object_open.c -- opens objects to be read, by what the cache has of them, and proves those that are
 * encrypted. */
#include "runtime/base/assert.h"
#include "s3client/wire/s3_error.h"
#include "server/keys/object_seal.h"
#include "server/object/codecs_private.h"
#include "server/object/object_upload.h"

/* ---- what was decoded before ---- */

struct wish {
    struct object_codecs *codecs;
    const struct open_intent *intent;
};

/* Of an object of this size. False: no byte will be read, as far as can be said. */
static bool resolve_extent(const struct open_intent *intent, uint64_t total, uint64_t *ret_first, uint64_t *ret_end)
{
    *ret_first = 0;
    *ret_end = total;
    if (intent->extent == OPEN_RANGE) {
        *ret_first = intent->first;
        if (intent->first < total && intent->size < total - intent->first)
            *ret_end = intent->first + intent->size;
    } else if (intent->extent == OPEN_SUFFIX && intent->size < total) {
        *ret_first = total - intent->size;
    }
    return intent->extent != OPEN_ATTRIBUTES && *ret_first < *ret_end;
}

static void *find_decoded(void *context, const struct object_name *name, const struct object_attributes *attributes)
{
    const struct wish *wish = context;
    uint64_t first;
    uint64_t end;
    if (!attributes->is_size_known || !resolve_extent(wish->intent, attributes->original_size, &first, &end))
        return NULL;
    return frame_cache_find(wish->codecs->frames, name, attributes, first, end);
}

static void give_decoded(void *context, void *recalled)
{
    (void)context;
    frame_entry_give(recalled);
}

/* ---- opening ---- */

SUSPENDS bool object_open(struct object_codecs *codecs, struct bucket_store *store, const struct object_name *name,
                          const struct open_intent *intent, struct bucket_object **ret_object, struct error *error)
{
    struct wish wish = {.codecs = codecs, .intent = intent};
    const struct bucket_recall recall = {.find = find_decoded, .give = give_decoded, .context = &wish};
    struct open_intent recalling = *intent;
    recalling.recall = intent->is_again ? NULL : &recall;
    return bucket_open(store, name, &recalling, ret_object, error);
}

void object_close(struct bucket_object *object)
{
    struct frame_entry *entry = object->recalled;
    bucket_close(object);
    frame_entry_give(entry);
}

bool object_codecs_may_seal(const struct object_codecs *codecs, const struct bucket_store *store)
{
    const struct object_settings *settings = &codecs->settings;
    return settings->keyring != NULL && keyring_active(settings->keyring) != NULL &&
           settings->codec != OBJECT_CODEC_RAW && store->capabilities.keeps_seals;
}

bool object_codecs_may_seal_parts(const struct object_codecs *codecs, const struct bucket_store *store)
{
    return object_codecs_may_seal(codecs, store) && store->capabilities.seals_parts;
}

bool object_codecs_seals_all(const struct object_codecs *codecs)
{
    return codecs->settings.seals_all;
}

struct span object_upload_seal(const struct object_codecs *codecs, const struct bucket_store *store,
                               const struct object_name *name, enum seal_mode mode, const struct customer_key *customer,
                               uint8_t ret_seal[UPLOAD_SEAL_BYTES_MAX])
{
    bool may_seal = object_codecs_may_seal_parts(codecs, store);
    ASSERT(may_seal || mode == SEAL_PLAIN);
    if (!may_seal)
        return SPAN_EMPTY;
    return span_of(ret_seal, upload_secret_make(codecs->settings.keyring, name, mode, customer, ret_seal));
}

bool object_upload_open_seal(const struct object_codecs *codecs, const struct bucket_store *store,
                             const struct object_name *name, struct span seal, const struct customer_key *customer,
                             struct upload_secret *ret_secret, struct error *error)
{
    if (seal.size > 0)
        return upload_secret_open(codecs->settings.keyring, name, seal, customer, ret_secret, error) &&
               (ret_secret->seal.mode != SEAL_PLAIN || !codecs->settings.seals_all ||
                error_set(error, ERROR_NOT_FOUND, S3_NoSuchUpload,
                          "The upload was begun without encryption, which all objects need by now (--sse). Abort it, "
                          "and begin it anew."));
    *ret_secret = (struct upload_secret){.seal.mode = SEAL_PLAIN};
    return !object_codecs_may_seal_parts(codecs, store) ||
           error_set(error, ERROR_NOT_FOUND, S3_NoSuchUpload,
                     "The upload was begun before there was a keyring, or what is kept of its encryption was taken "
                     "away. Abort it, and begin it anew.");
}

bool object_upload_refuse_keyless(struct error *error)
{
    return error_set(error, ERROR_INVALID, S3_InvalidRequest,
                     "The multipart upload initiate requested encryption. Subsequent part requests must include the "
                     "appropriate encryption parameters.");
}

bool object_prove(struct object_codecs *codecs, const struct object_name *name, const struct customer_key *customer,
                  const struct object_attributes *attributes, struct object_secret *ret_secret, struct error *error)
{
    struct object_secret secret;
    bool opened = object_seal_open(codecs->settings.keyring, name, customer, attributes, &secret, error);
    if (opened && ret_secret != NULL)
        *ret_secret = secret;
    explicit_bzero(&secret, sizeof secret);
    if (!opened)
        metric_add(
            error->code == S3_InternalError ? &codecs->counters.seals_refused : &codecs->counters.customers_refused, 1);
    return opened;
}

bool object_codecs_read_s4(const struct object_codecs *codecs)
{
    const struct keyring *keyring = codecs->settings.keyring;
    return keyring != NULL && keyring_s4_count(keyring) > 0;
}
