/* server/keys/keyring_material.c -- what stands in the file of a keyring. */
#include "runtime/base/base64.h"
#include "runtime/base/decimal.h"
#include "runtime/base/hex.h"
#include "runtime/base/secret.h"
#include "server/keys/keyring_private.h"

#include <errno.h>
#include <sys/stat.h>

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

bool keyring_key_may_write(const struct keyring_key *key)
{
    return key->has_material && !key->is_retired;
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

/* A day that a person can read, and that goes through sentences: YYYY-MM-DD. */
static bool is_day(const char *text)
{
    static const char form[] = "0000-00-00";
    for (size_t i = 0; i < sizeof form; i++)
        if (form[i] == '0' ? text[i] < '0' || text[i] > '9' : text[i] != form[i])
            return false;
    return true;
}

/* The key of the section, which may have stood in the entry before. */
static struct keyring_key *key_of_section(const struct ini_file *file, const struct ini_entry *entry,
                                          struct keyring_material *material, struct error *error)
{
    static const char prefix[] = "key ";
    uint8_t id[SEAL_KEY_ID_BYTES];
    if (strncmp(entry->section, prefix, strlen(prefix)) != 0 || !take_id(entry->section + strlen(prefix), id)) {
        (void)ini_refuse(file, entry, error,
                         "sections are [keyring], [key ID], an ID being 16 hex digits, [s4 ID] and [kms NAME].");
        return NULL;
    }
    unsigned place = keyring_material_find(material, id);
    if (place == KEYRING_KEYS_MAX) {
        (void)ini_refuse(file, entry, error, "there are more than %d keys.", KEYRING_KEYS_MAX);
        return NULL;
    }
    struct keyring_key *key = &material->keys[place];
    if (place == material->count) {
        memcpy(key->id, id, sizeof key->id);
        material->count++;
    }
    return key;
}

static bool take_material(const struct ini_file *file, const struct ini_entry *entry, struct keyring_key *key,
                          struct error *error)
{
    uint8_t id[SEAL_KEY_ID_BYTES];
    if (!base64_decode(span_from_string(entry->value), key->key, AES_KEY_BYTES))
        return ini_refuse(file, entry, error, "material must be 32 bytes in base64.");
    keyring_key_id(key->key, id);
    key->has_material = true;
    return memcmp(key->id, id, SEAL_KEY_ID_BYTES) == 0 ||
           ini_refuse(file, entry, error, "this is not the key %s: a letter of its material is wrong, or its id.",
                      entry->section + strlen("key "));
}

static bool take_key(const struct ini_file *file, const struct ini_entry *entry, struct keyring_material *material,
                     struct error *error)
{
    struct keyring_key *key = key_of_section(file, entry, material, error);
    if (key == NULL)
        return false;
    if (strcmp(entry->name, "material") == 0)
        return take_material(file, entry, key, error);
    if (strcmp(entry->name, "use") == 0) {
        key->is_retired = true;
        return strcmp(entry->value, "read") == 0 || ini_refuse(file, entry, error, "use is read, or left out.");
    }
    if (strcmp(entry->name, "destroyed") != 0)
        return ini_refuse(file, entry, error, "a key has its material, use and destroyed, and nothing else.");
    if (!is_day(entry->value))
        return ini_refuse(file, entry, error, "destroyed is a day, as 2026-01-31.");
    memcpy(key->destroyed, entry->value, sizeof key->destroyed);
    return true;
}

/* What is destroyed has no material, all else has. */
static bool check_keys(const struct ini_file *file, const struct keyring_material *material, struct error *error)
{
    char id[KEYRING_ID_TEXT_BYTES];
    for (unsigned i = 0; i < material->count; i++) {
        const struct keyring_key *key = &material->keys[i];
        bool is_destroyed = key->destroyed[0] != '\0';
        keyring_id_format(key->id, id);
        if (key->has_material == is_destroyed)
            return error_set(error, ERROR_INVALID, NULL, "%s: [key %s] %s.", file->path, id,
                             is_destroyed ? "is destroyed, and has material all the same" : "has no material");
    }
    return true;
}

/* `active` NULL: it stands nowhere, as it may where there are keys of S4 alone. */
static bool take_active(const struct ini_file *file, const struct ini_entry *active, struct keyring_material *material,
                        struct error *error)
{
    uint8_t id[SEAL_KEY_ID_BYTES];
    if (active == NULL && material->count == 0 && material->s4_count > 0)
        return true;
    if (active == NULL)
        return error_set(error, ERROR_INVALID, NULL, "%s has no [keyring] with active = ID.", file->path);
    if (!take_id(active->value, id) || (material->active = keyring_material_find(material, id)) == material->count)
        return ini_refuse(file, active, error, "there is no [key %s].", active->value);
    return keyring_key_may_write(&material->keys[material->active]) ||
           ini_refuse(file, active, error, "the key %s is not for writing any more.", active->value);
}

static bool take_entries(const struct ini_file *file, struct keyring_material *material, struct error *error)
{
    const struct ini_entry *active = NULL;
    for (unsigned i = 0; i < file->count; i++) {
        const struct ini_entry *entry = &file->entries[i];
        if (strncmp(entry->section, s4_prefix, strlen(s4_prefix)) == 0) {
            if (!take_s4_key(file, entry, material, error))
                return false;
        } else if (kms_services_have_section(entry->section)) {
            if (!kms_services_take(&material->services, file, entry, error))
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
    return check_keys(file, material, error) && kms_services_check(&material->services, file->path, error) &&
           take_active(file, active, material, error);
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
