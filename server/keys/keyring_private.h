/* server/keys/keyring_private.h -- a keyring as its file has it, for keyring.c and keyring_file.c. */
#pragma once

#include "server/config/ini.h"
#include "server/keys/keyring.h"

struct keyring_key {
    uint8_t id[SEAL_KEY_ID_BYTES];
    bool has_material; /* false: it is destroyed */
    uint8_t key[AES_KEY_BYTES];
    bool is_retired;
    char destroyed[KEYRING_DAY_BYTES]; /* "": it is not */
};

/* In memory of runtime/base/secret.h. */
struct keyring_material {
    unsigned count;
    unsigned active; /* which of them; count: there is none */
    struct keyring_key keys[KEYRING_KEYS_MAX];
    unsigned s4_count;
    struct keyring_s4_key s4_keys[KEYRING_S4_KEYS_MAX];
    struct kms_services services;
};

/* NULL as keyring_load. */
struct keyring_material *keyring_material_load(const char *path, struct error *error);
struct keyring_material *keyring_material_read(const struct ini_file *file, struct error *error);
void keyring_material_free(struct keyring_material *material);
/* Its place; `count`: it is not there. */
unsigned keyring_material_find(const struct keyring_material *material, const uint8_t id[SEAL_KEY_ID_BYTES]);

/* May new objects be written under it? */
bool keyring_key_may_write(const struct keyring_key *key);

void keyring_key_id(const uint8_t key[AES_KEY_BYTES], uint8_t ret_id[SEAL_KEY_ID_BYTES]);
