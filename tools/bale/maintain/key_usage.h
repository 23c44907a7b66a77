/* tools/bale/maintain/key_usage.h -- how much of a backend is encrypted under which key of a keyring. */
#pragma once

#include "server/config/config.h"
#include "server/keys/keyring.h"

enum { KEY_USAGE_KEYS_MAX = 2 * KEYRING_KEYS_MAX };

/* Of all versions of all objects, and all uploads that are open, also those that are not encrypted: their seals say so
 * under a key. */
struct key_usage {
    unsigned count;
    struct key_use {
        uint8_t id[SEAL_KEY_ID_BYTES];
        uint64_t objects;
        uint64_t uploads;
    } keys[KEY_USAGE_KEYS_MAX];
    uint64_t unreadable; /* seals that are damaged, or of a later version: under which key they are nobody can tell */
};

/* Beside a server, too. ERROR_TOO_LARGE: there are more keys than that. */
bool key_usage_count(const struct config *where, struct key_usage *ret_usage, struct error *error);
/* NULL: nothing is under it. */
const struct key_use *key_usage_find(const struct key_usage *usage, const uint8_t id[SEAL_KEY_ID_BYTES]);
