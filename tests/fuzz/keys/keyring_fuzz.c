/* tests/fuzz/keys/keyring_fuzz.c -- any bytes as the file of a keyring: refused in a sentence without a key in it, or
 * keys of which each is found by its id or is destroyed, and one is active. */
#include "runtime/base/assert.h"
#include "server/keys/keyring.h"

#include <stdint.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct error error = {.message = ""};
    struct keyring *keyring = keyring_parse("keys", span_of(data, size), &error);
    if (keyring == NULL) {
        ASSERT(error.message[0] != '\0');
        return 0;
    }
    unsigned destroyed = 0;
    for (unsigned i = 0; i < keyring_count(keyring); i++) {
        const struct seal_keys *keys = keyring_at(keyring, i);
        const char *day = keyring_destroyed(keyring, keys->id);
        ASSERT((keyring_find(keyring, keys->id) == keys) == (day == NULL));
        ASSERT(day == NULL || strlen(day) == KEYRING_DAY_BYTES - 1);
        destroyed += day != NULL;
    }
    const struct seal_keys *active = keyring_active(keyring);
    ASSERT(active != NULL || (keyring_count(keyring) == 0 && keyring_s4_count(keyring) > 0));
    ASSERT(active == NULL || (keyring_find(keyring, active->id) == active && !keyring_is_retired(keyring, active->id)));
    ASSERT(destroyed == 0 || destroyed < keyring_count(keyring));
    keyring_free(keyring);
    return 0;
}
