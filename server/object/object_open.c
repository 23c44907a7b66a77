/* server/object/object_open.c -- opens objects to be read, small ones by what the cache has of them, and proves those
 * that are encrypted. */
#include "server/keys/object_seal.h"
#include "server/object/codecs_private.h"

static void *find_decoded(void *context, const struct object_name *name, const struct object_attributes *attributes)
{
    struct object_codecs *codecs = context;
    struct decoded_entry *entry = decoded_cache_find(codecs->decoded, name, span_from_string(attributes->stored_etag));
    if (entry == NULL || decoded_entry_bytes(entry).size == attributes->original_size)
        return entry;
    decoded_cache_give(entry);
    return NULL;
}

static void give_decoded(void *context, void *recalled)
{
    (void)context;
    decoded_cache_give(recalled);
}

SUSPENDS bool object_open(struct object_codecs *codecs, struct bucket_store *store, const struct object_name *name,
                          const struct open_intent *intent, struct bucket_object **ret_object, struct error *error)
{
    const struct bucket_recall recall = {.find = find_decoded, .give = give_decoded, .context = codecs};
    struct open_intent recalling = *intent;
    recalling.recall = &recall;
    return bucket_open(store, name, &recalling, ret_object, error);
}

void object_close(struct bucket_object *object)
{
    struct decoded_entry *entry = object->recalled;
    bucket_close(object);
    decoded_cache_give(entry);
}

bool object_codecs_may_seal(const struct object_codecs *codecs, const struct bucket_store *store)
{
    const struct object_settings *settings = &codecs->settings;
    return settings->keyring != NULL && keyring_active(settings->keyring) != NULL &&
           settings->codec != OBJECT_CODEC_RAW && store->capabilities.keeps_seals;
}

bool object_prove(struct object_codecs *codecs, const struct object_name *name,
                  const struct object_attributes *attributes, struct error *error)
{
    uint8_t data_key[AES_KEY_BYTES];
    bool opened = object_seal_open(codecs->settings.keyring, name, attributes, data_key, error);
    explicit_bzero(data_key, sizeof data_key);
    if (!opened)
        metric_add(&codecs->counters.seals_refused, 1);
    return opened;
}

bool object_codecs_read_s4(const struct object_codecs *codecs)
{
    const struct keyring *keyring = codecs->settings.keyring;
    return keyring != NULL && keyring_s4_count(keyring) > 0;
}
