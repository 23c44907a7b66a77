/* server/keys/keyring.c -- a keyring from its file, and contexts for whoever uses it. */
#include "server/keys/keyring.h"

#include "runtime/base/assert.h"
#include "runtime/base/base64.h"
#include "runtime/base/decimal.h"
#include "runtime/base/hex.h"
#include "runtime/base/secret.h"
#include "server/keys/keyring_private.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>

enum { AES_SPARES = 8 };

struct keyring {
    unsigned count;
    unsigned active;
    struct seal_keys keys[KEYRING_KEYS_MAX];
    unsigned s4_count;
    struct keyring_s4_key s4_keys[KEYRING_S4_KEYS_MAX];
    _Atomic(struct aes *) spares[AES_SPARES]; /* contexts that nobody uses */
};

/* ---- as a file has it ---- */

void keyring_id_format(const uint8_t id[SEAL_KEY_ID_BYTES], char ret_text[KEYRING_ID_TEXT_BYTES])
{
    hex_encode(span_of(id, SEAL_KEY_ID_BYTES), ret_text);
    ret_text[2 * SEAL_KEY_ID_BYTES] = '\0';
}

static bool take_id(const char *text, uint8_t ret_id[SEAL_KEY_ID_BYTES])
{
    return hex_decode(span_from_string(text), ret_id, SEAL_KEY_ID_BYTES);
}

unsigned keyring_material_find(const struct keyring_material *material, const uint8_t id[SEAL_KEY_ID_BYTES])
{
    unsigned place = 0;
    while (place < material->count && memcmp(material->keys[place].id, id, SEAL_KEY_ID_BYTES) != 0)
        place++;
    return place;
}

static const char s4_prefix[] = "s4 ";

/* "s4 N"; the id may stand for several keys in S4, and so does not here. */
static bool take_s4_key(const struct ini_file *file, const struct ini_entry *entry, struct keyring_material *material,
                        struct error *error)
{
    uint64_t id;
    struct span text = span_from_string(entry->section + strlen(s4_prefix));
    if (!decimal_parse_range(text, 0, UINT16_MAX, &id) || strcmp(entry->name, "material") != 0)
        return ini_refuse(file, entry, error, "a key of S4 is [s4 ID], an ID being 0 to 65535, with its material.");
    if (material->s4_count == KEYRING_S4_KEYS_MAX)
        return ini_refuse(file, entry, error, "there are more than %d keys of S4.", KEYRING_S4_KEYS_MAX);
    struct keyring_s4_key *key = &material->s4_keys[material->s4_count];
    if (!base64_decode(span_from_string(entry->value), key->key, AES_KEY_BYTES))
        return ini_refuse(file, entry, error, "material must be 32 bytes in base64.");
    key->id = (unsigned)id;
    material->s4_count++;
    return true;
}

static bool take_key(const struct ini_file *file, const struct ini_entry *entry, struct keyring_material *material,
                     struct error *error)
{
    static const char prefix[] = "key ";
    uint8_t id[SEAL_KEY_ID_BYTES];
    if (strncmp(entry->section, prefix, strlen(prefix)) != 0 || !take_id(entry->section + strlen(prefix), id))
        return ini_refuse(file, entry, error,
                          "sections are [keyring], [key ID], an ID being 16 hex digits, and [s4 ID].");
    if (strcmp(entry->name, "material") != 0)
        return ini_refuse(file, entry, error, "a key has its material, and nothing else.");
    if (material->count == KEYRING_KEYS_MAX)
        return ini_refuse(file, entry, error, "there are more than %d keys.", KEYRING_KEYS_MAX);
    struct keyring_key *key = &material->keys[material->count];
    if (!base64_decode(span_from_string(entry->value), key->key, AES_KEY_BYTES))
        return ini_refuse(file, entry, error, "material must be 32 bytes in base64.");
    keyring_key_id(key->key, key->id);
    if (memcmp(key->id, id, SEAL_KEY_ID_BYTES) != 0)
        return ini_refuse(file, entry, error, "this is not the key %s: a letter of its material is wrong, or its id.",
                          entry->section + strlen(prefix));
    material->count++;
    return true;
}

static bool take_entries(const struct ini_file *file, struct keyring_material *material, struct error *error)
{
    const struct ini_entry *active = NULL;
    for (unsigned i = 0; i < file->count; i++) {
        const struct ini_entry *entry = &file->entries[i];
        if (strncmp(entry->section, s4_prefix, strlen(s4_prefix)) == 0) {
            if (!take_s4_key(file, entry, material, error))
                return false;
        } else if (strcmp(entry->section, "keyring") != 0) {
            if (!take_key(file, entry, material, error))
                return false;
        } else if (strcmp(entry->name, "active") == 0) {
            active = entry;
        } else {
            return ini_refuse(file, entry, error, "%s is not known: [keyring] has active.", entry->name);
        }
    }
    uint8_t id[SEAL_KEY_ID_BYTES];
    if (active == NULL && material->count == 0 && material->s4_count > 0)
        return true;
    if (active == NULL)
        return error_set(error, ERROR_INVALID, NULL, "%s has no [keyring] with active = ID.", file->path);
    if (!take_id(active->value, id) || (material->active = keyring_material_find(material, id)) == material->count)
        return ini_refuse(file, active, error, "there is no [key %s].", active->value);
    return true;
}

struct keyring_material *keyring_material_read(const struct ini_file *file, struct error *error)
{
    struct keyring_material *material = secret_map(sizeof *material);
    if (material == NULL) {
        (void)error_set(error, ERROR_BUSY, NULL, "There is no memory for a keyring.");
        return NULL;
    }
    if (take_entries(file, material, error))
        return material;
    keyring_material_free(material);
    return NULL;
}

void keyring_material_free(struct keyring_material *material)
{
    secret_unmap(material, sizeof *material);
}

static bool check_mode(const char *path, struct error *error)
{
    struct stat status;
    if (stat(path, &status) != 0)
        return error_set_errno(error, errno, "%s (bale keyring create makes a new one)", path);
    return (status.st_mode & (S_IRWXG | S_IRWXO)) == 0 ||
           error_set(error, ERROR_DENIED, NULL,
                     "%s may be read by others than its owner; chmod 600 it, and think about who has read it.", path);
}

struct keyring_material *keyring_material_load(const char *path, struct error *error)
{
    struct ini_file file;
    if (!check_mode(path, error) || !ini_file_load(path, &file, error))
        return NULL;
    struct keyring_material *material = keyring_material_read(&file, error);
    ini_file_free(&file);
    return material;
}

/* ---- as it is used ---- */

static bool derive_keys(struct keyring *keyring, const struct keyring_material *material)
{
    struct aes *aes = aes_create();
    if (aes == NULL)
        return false;
    for (unsigned i = 0; i < material->count; i++)
        seal_keys_derive(aes, material->keys[i].id, material->keys[i].key, &keyring->keys[i]);
    keyring->count = material->count;
    keyring->active = material->active;
    keyring->s4_count = material->s4_count;
    memcpy(keyring->s4_keys, material->s4_keys, sizeof keyring->s4_keys);
    keyring_give_aes(keyring, aes);
    return true;
}

/* Takes the material. */
static struct keyring *make_keyring(struct keyring_material *material, struct error *error)
{
    if (material == NULL)
        return NULL;
    struct keyring *keyring = secret_map(sizeof *keyring);
    bool made = keyring != NULL && derive_keys(keyring, material);
    keyring_material_free(material);
    if (made)
        return keyring;
    keyring_free(keyring);
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

void keyring_free(struct keyring *keyring)
{
    if (keyring == NULL)
        return;
    for (unsigned i = 0; i < AES_SPARES; i++)
        aes_destroy(keyring->spares[i]);
    secret_unmap(keyring, sizeof *keyring);
}

const struct seal_keys *keyring_active(const struct keyring *keyring)
{
    return keyring->count == 0 ? NULL : &keyring->keys[keyring->active];
}

unsigned keyring_s4_count(const struct keyring *keyring)
{
    return keyring->s4_count;
}

const struct keyring_s4_key *keyring_s4_at(const struct keyring *keyring, unsigned index)
{
    return &keyring->s4_keys[index];
}

const struct seal_keys *keyring_find(const struct keyring *keyring, const uint8_t id[SEAL_KEY_ID_BYTES])
{
    for (unsigned i = 0; i < keyring->count; i++)
        if (memcmp(keyring->keys[i].id, id, SEAL_KEY_ID_BYTES) == 0)
            return &keyring->keys[i];
    return NULL;
}

unsigned keyring_count(const struct keyring *keyring)
{
    return keyring->count;
}

const struct seal_keys *keyring_at(const struct keyring *keyring, unsigned index)
{
    return &keyring->keys[index];
}

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
