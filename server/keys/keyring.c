/* server/keys/keyring.c -- a keyring from its file, and contexts for whoever uses it. */
#include "server/keys/keyring.h"

#include "runtime/base/assert.h"
#include "runtime/base/byteorder.h"
#include "runtime/base/hex.h"
#include "runtime/base/secret.h"
#include "server/keys/keyring_private.h"

#include <pthread.h>
#include <stdatomic.h>

enum { AES_SPARES = 8, NO_PLACE = KEYRING_KEYS_MAX };

/* A key that was destroyed keeps its place, for the sentence about what was encrypted under it. */
struct standing {
    _Atomic(bool) is_retired;
    _Atomic(bool) is_destroyed;
    char day[KEYRING_DAY_BYTES]; /* when; written before is_destroyed */
};

/* Keys are only added. Their places are written before the count that shows them, and never again: whoever has found a
 * key may use it for as long as the keyring is there. */
struct keyring {
    pthread_mutex_t changing; /* by keyring_reload; but for the services all is read without it */
    _Atomic(unsigned) count;
    struct seal_keys keys[KEYRING_KEYS_MAX];
    struct standing standings[KEYRING_KEYS_MAX];
    _Atomic(const struct seal_keys *) active; /* NULL: there is none */
    _Atomic(unsigned) s4_count;
    struct keyring_s4_key s4_keys[KEYRING_S4_KEYS_MAX];
    struct kms_services services;
    _Atomic(uint64_t) missing;                /* as keyring_missing; 0: none */
    _Atomic(struct aes *) spares[AES_SPARES]; /* contexts that nobody uses */
};

void keyring_id_format(const uint8_t id[SEAL_KEY_ID_BYTES], char ret_text[KEYRING_ID_TEXT_BYTES])
{
    hex_encode(span_of(id, SEAL_KEY_ID_BYTES), ret_text);
    ret_text[2 * SEAL_KEY_ID_BYTES] = '\0';
}

/* ---- what its file says, once and again ---- */

/* The place of a key, destroyed or not. NO_PLACE: it is not there; the count would be the next one's place by then. */
static unsigned find_place(const struct keyring *keyring, const uint8_t id[SEAL_KEY_ID_BYTES])
{
    unsigned count = keyring_count(keyring);
    for (unsigned place = 0; place < count; place++)
        if (memcmp(keyring->keys[place].id, id, SEAL_KEY_ID_BYTES) == 0)
            return place;
    return NO_PLACE;
}

static bool is_destroyed(const struct keyring *keyring, unsigned place)
{
    return atomic_load_explicit(&keyring->standings[place].is_destroyed, memory_order_acquire);
}

static bool has_s4_key(const struct keyring_s4_key *keys, unsigned count, const struct keyring_s4_key *key)
{
    for (unsigned i = 0; i < count; i++)
        if (keys[i].id == key->id && memcmp(keys[i].key, key->key, AES_KEY_BYTES) == 0)
            return true;
    return false;
}

/* Keys that go by mistake, with a file that was edited or mounted wrongly, would take objects with them. */
static bool check_nothing_lost(const struct keyring *keyring, const char *path, const struct keyring_material *material,
                               struct error *error)
{
    char id[KEYRING_ID_TEXT_BYTES];
    for (unsigned i = 0; i < keyring->count; i++) {
        unsigned place = keyring_material_find(material, keyring->keys[i].id);
        keyring_id_format(keyring->keys[i].id, id);
        if (place == material->count)
            return error_set(error, ERROR_CONFLICT, NULL,
                             "%s has no key %s any more. Start baled anew if it is to do without.", path, id);
        if (is_destroyed(keyring, i) && material->keys[place].has_material)
            return error_set(error, ERROR_CONFLICT, NULL,
                             "%s has the key %s again, which was destroyed. Start baled anew to use it.", path, id);
        if (keyring_active(keyring) == &keyring->keys[i] && !material->keys[place].has_material)
            return error_set(error, ERROR_CONFLICT, NULL,
                             "%s says that the key %s was destroyed, under which this baled writes until now: it had "
                             "not read that another one is active. Put the key back from a copy of the file.",
                             path, id);
    }
    for (unsigned i = 0; i < keyring->s4_count; i++)
        if (!has_s4_key(material->s4_keys, material->s4_count, &keyring->s4_keys[i]))
            return error_set(error, ERROR_CONFLICT, NULL, "%s has no [s4 %u] any more with the key that it had.", path,
                             keyring->s4_keys[i].id);
    return true;
}

static void take_key(struct keyring *keyring, struct aes *aes, const struct keyring_key *key)
{
    unsigned found = find_place(keyring, key->id);
    bool is_new = found == NO_PLACE;
    unsigned place = is_new ? keyring->count : found;
    struct standing *standing = &keyring->standings[place];
    if (is_new && key->has_material)
        seal_keys_derive(aes, key->id, key->key, &keyring->keys[place]);
    else if (is_new)
        memcpy(keyring->keys[place].id, key->id, SEAL_KEY_ID_BYTES);
    if (!key->has_material && !is_destroyed(keyring, place)) {
        memcpy(standing->day, key->destroyed, sizeof standing->day);
        atomic_store_explicit(&standing->is_destroyed, true, memory_order_release);
    }
    atomic_store_explicit(&standing->is_retired, key->is_retired, memory_order_relaxed);
    if (is_new)
        atomic_store_explicit(&keyring->count, place + 1, memory_order_release);
}

static void take_s4_key(struct keyring *keyring, const struct keyring_s4_key *key)
{
    unsigned count = keyring->s4_count;
    if (has_s4_key(keyring->s4_keys, count, key))
        return;
    keyring->s4_keys[count] = *key;
    atomic_store_explicit(&keyring->s4_count, count + 1, memory_order_release);
}

static void take_all(struct keyring *keyring, struct aes *aes, const struct keyring_material *material)
{
    for (unsigned i = 0; i < material->count; i++)
        take_key(keyring, aes, &material->keys[i]);
    for (unsigned i = 0; i < material->s4_count; i++)
        take_s4_key(keyring, &material->s4_keys[i]);
    keyring->services = material->services;
    if (material->count > 0) {
        unsigned place = find_place(keyring, material->keys[material->active].id);
        atomic_store_explicit(&keyring->active, &keyring->keys[place], memory_order_release);
    }
}

/* Takes the material. */
static struct keyring *make_keyring(struct keyring_material *material, struct error *error)
{
    if (material == NULL)
        return NULL;
    struct keyring *keyring = secret_map(sizeof *keyring);
    struct aes *aes = keyring != NULL ? aes_create() : NULL;
    if (aes != NULL) {
        (void)pthread_mutex_init(&keyring->changing, NULL);
        take_all(keyring, aes, material);
        keyring_give_aes(keyring, aes);
    }
    keyring_material_free(material);
    if (aes != NULL)
        return keyring;
    secret_unmap(keyring, sizeof *keyring);
    (void)error_set(error, ERROR_BUSY, NULL, "There is no memory for a keyring.");
    return NULL;
}

struct keyring *keyring_load(const char *path, struct error *error)
{
    return make_keyring(keyring_material_load(path, error), error);
}

struct keyring *keyring_parse(const char *path, struct span text, struct error *error)
{
    struct ini_file file;
    if (!ini_file_parse(path, text, &file, error))
        return NULL;
    struct keyring *keyring = make_keyring(keyring_material_read(&file, error), error);
    ini_file_free(&file);
    return keyring;
}

bool keyring_reload(struct keyring *keyring, const char *path, struct error *error)
{
    struct keyring_material *material = keyring_material_load(path, error);
    if (material == NULL)
        return false;
    struct aes *aes = keyring_take_aes(keyring);
    (void)pthread_mutex_lock(&keyring->changing);
    bool taken = check_nothing_lost(keyring, path, material, error);
    if (taken)
        take_all(keyring, aes, material);
    (void)pthread_mutex_unlock(&keyring->changing);
    keyring_give_aes(keyring, aes);
    keyring_material_free(material);
    return taken;
}

void keyring_free(struct keyring *keyring)
{
    if (keyring == NULL)
        return;
    for (unsigned i = 0; i < AES_SPARES; i++)
        aes_destroy(keyring->spares[i]);
    (void)pthread_mutex_destroy(&keyring->changing);
    secret_unmap(keyring, sizeof *keyring);
}

/* ---- as it is used ---- */

const struct seal_keys *keyring_active(const struct keyring *keyring)
{
    return atomic_load_explicit(&keyring->active, memory_order_acquire);
}

unsigned keyring_s4_count(const struct keyring *keyring)
{
    return atomic_load_explicit(&keyring->s4_count, memory_order_acquire);
}

const struct keyring_s4_key *keyring_s4_at(const struct keyring *keyring, unsigned index)
{
    return &keyring->s4_keys[index];
}

const struct seal_keys *keyring_find(const struct keyring *keyring, const uint8_t id[SEAL_KEY_ID_BYTES])
{
    unsigned place = find_place(keyring, id);
    bool is_there = place != NO_PLACE && !is_destroyed(keyring, place);
    return is_there ? &keyring->keys[place] : NULL;
}

const char *keyring_destroyed(const struct keyring *keyring, const uint8_t id[SEAL_KEY_ID_BYTES])
{
    unsigned place = find_place(keyring, id);
    bool was_there = place != NO_PLACE && is_destroyed(keyring, place);
    return was_there ? keyring->standings[place].day : NULL;
}

bool keyring_is_retired(const struct keyring *keyring, const uint8_t id[SEAL_KEY_ID_BYTES])
{
    unsigned place = find_place(keyring, id);
    return place != NO_PLACE && atomic_load_explicit(&keyring->standings[place].is_retired, memory_order_relaxed);
}

unsigned keyring_count(const struct keyring *keyring)
{
    return atomic_load_explicit(&keyring->count, memory_order_acquire);
}

const struct seal_keys *keyring_at(const struct keyring *keyring, unsigned index)
{
    return &keyring->keys[index];
}

bool keyring_kms_service(struct keyring *keyring, struct span name, struct kms_service *ret_service)
{
    (void)pthread_mutex_lock(&keyring->changing);
    const struct kms_service *service = kms_services_find(&keyring->services, name);
    if (service != NULL)
        *ret_service = *service;
    (void)pthread_mutex_unlock(&keyring->changing);
    return service != NULL;
}

bool keyring_kms_service_at(struct keyring *keyring, unsigned place, struct kms_service *ret_service)
{
    (void)pthread_mutex_lock(&keyring->changing);
    bool is_there = place < keyring->services.count;
    if (is_there)
        *ret_service = keyring->services.items[place];
    (void)pthread_mutex_unlock(&keyring->changing);
    return is_there;
}

/* ---- what is missing ---- */

void keyring_note_missing(struct keyring *keyring, const uint8_t id[SEAL_KEY_ID_BYTES])
{
    if (find_place(keyring, id) == NO_PLACE)
        atomic_store_explicit(&keyring->missing, load_u64_le(id), memory_order_relaxed);
}

void keyring_forget_missing(struct keyring *keyring)
{
    atomic_store_explicit(&keyring->missing, 0, memory_order_relaxed);
}

bool keyring_missing(const struct keyring *keyring, uint8_t ret_id[SEAL_KEY_ID_BYTES])
{
    uint64_t missing = atomic_load_explicit(&keyring->missing, memory_order_relaxed);
    store_u64_le(ret_id, missing);
    return missing != 0 && find_place(keyring, ret_id) == NO_PLACE;
}

/* ---- contexts ---- */

struct aes *keyring_take_aes(struct keyring *keyring)
{
    for (unsigned i = 0; i < AES_SPARES; i++) {
        struct aes *spare = atomic_exchange(&keyring->spares[i], NULL);
        if (spare != NULL)
            return spare;
    }
    struct aes *made = aes_create();
    ASSERT(made != NULL);
    return made;
}

void keyring_give_aes(struct keyring *keyring, struct aes *aes)
{
    for (unsigned i = 0; i < AES_SPARES; i++) {
        struct aes *nobody = NULL;
        if (atomic_compare_exchange_strong(&keyring->spares[i], &nobody, aes))
            return;
    }
    aes_destroy(aes);
}
