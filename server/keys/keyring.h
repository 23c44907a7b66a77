/* server/keys/keyring.h -- the keys under which objects are encrypted, from one INI file (docs/encryption.md):
 *
 *   [keyring]
 *   active = 7c1f09d2a4b3e655
 *   [key 7c1f09d2a4b3e655]
 *   material = the 32 bytes of the key, in base64
 *   [key 3f0c55d1e2b7a9c8]
 *   use = read
 *   material = ...
 *   [key 90ab12cd34ef5678]
 *   destroyed = 2026-11-30
 *   [s4 1]
 *   material = a key with which S4 encrypted, likewise; 1 is its id there
 *
 * and key services elsewhere (kms_service.h).
 *
 * A key's id is the first 8 bytes of SHA-256("bale key" key), as hex: two keys cannot share one, and a key that was
 * mistyped is refused. New objects are written under the active key; all others open what was written under them. One
 * that is retired (use = read) cannot become active again; of one that was destroyed there is only the day. Keys of S4
 * only open what S4 wrote; a file may have nothing else, and then no object is encrypted. The file must be readable for
 * its owner alone.
 *
 * A keyring may be used by any thread. What it holds grows, and another key becomes active, by keyring_reload; a key
 * that was found stays where it is until keyring_free. Keys lie in pages of their own (runtime/base/secret.h), those
 * that were destroyed meanwhile until then, too. */
#pragma once

#include "codec/seal/seal_record.h"
#include "runtime/base/error.h"
#include "runtime/base/random.h"
#include "server/keys/kms_service.h"

enum {
    KEYRING_KEYS_MAX = 64,
    KEYRING_S4_KEYS_MAX = 16,
    KEYRING_ID_TEXT_BYTES = 2 * SEAL_KEY_ID_BYTES + 1,
    KEYRING_DAY_BYTES = sizeof "2026-11-30",
};

struct keyring;

/* NULL: the file cannot be read, others may read it, or what stands in it is wrong. Blocks. */
struct keyring *keyring_load(const char *path, struct error *error);
/* The same of a text, whoever may read it; `path` is what refusals name. */
struct keyring *keyring_parse(const char *path, struct span text, struct error *error);
/* Reads the file anew, from any thread: blocks. Whoever asks later has its keys, and writes under the one that it says
 * is active. Refused, and nothing changed: as keyring_load; ERROR_CONFLICT: a key that is here is not in the file, or
 * was destroyed and is in it again, or is the active one here and destroyed in it. */
bool keyring_reload(struct keyring *keyring, const char *path, struct error *error);
void keyring_free(struct keyring *keyring); /* NULL: nothing is done */

/* What new objects are written under; NULL: there are keys of S4 alone. */
const struct seal_keys *keyring_active(const struct keyring *keyring);
/* NULL: there is no such key, or none any more. */
const struct seal_keys *keyring_find(const struct keyring *keyring, const uint8_t id[SEAL_KEY_ID_BYTES]);
/* The day on which it was destroyed, YYYY-MM-DD; NULL: it was not, or is not known. */
const char *keyring_destroyed(const struct keyring *keyring, const uint8_t id[SEAL_KEY_ID_BYTES]);
bool keyring_is_retired(const struct keyring *keyring, const uint8_t id[SEAL_KEY_ID_BYTES]);
/* All, also those that are destroyed, of which nothing but the id is told. */
unsigned keyring_count(const struct keyring *keyring);
const struct seal_keys *keyring_at(const struct keyring *keyring, unsigned index); /* in the order of the file */

/* A key of S4: in S4's keyring, of its local KMS, or the one before there were several. */
struct keyring_s4_key {
    unsigned id; /* which S4 may have given to another one, too */
    uint8_t key[AES_KEY_BYTES];
};
unsigned keyring_s4_count(const struct keyring *keyring);
const struct keyring_s4_key *keyring_s4_at(const struct keyring *keyring, unsigned index);

/* The key service of that name, as the file that was read last has it. False: there is none. */
bool keyring_kms_service(struct keyring *keyring, struct span name, struct kms_service *ret_service);
/* The one at a place of that file, from 0. False: there are not so many. */
bool keyring_kms_service_at(struct keyring *keyring, unsigned place, struct kms_service *ret_service);

/* Something was found to be encrypted under a key that is not here. */
void keyring_note_missing(struct keyring *keyring, const uint8_t id[SEAL_KEY_ID_BYTES]);
void keyring_forget_missing(struct keyring *keyring);
/* Was one noted, the last of them, that is still not here? */
bool keyring_missing(const struct keyring *keyring, uint8_t ret_id[SEAL_KEY_ID_BYTES]);

/* A context for as long as nothing suspends; given back at once. Where there is no memory for one, the process ends. */
struct aes *keyring_take_aes(struct keyring *keyring);
void keyring_give_aes(struct keyring *keyring, struct aes *aes);

void keyring_id_format(const uint8_t id[SEAL_KEY_ID_BYTES], char ret_text[KEYRING_ID_TEXT_BYTES]);

/* ---- the file, changed by `bale keyring` ---- */

/* Each writes the whole file anew, durably and readable for its owner alone; a crash leaves the old one or the new. Of
 * those that change a file one waits for the other. ret_id: of the key that was made. */

/* A file with one key, which is active. ERROR_CONFLICT: the file is there already. */
bool keyring_create(const char *path, const struct random_source *random, char ret_id[KEYRING_ID_TEXT_BYTES],
                    struct error *error);
/* One key more, which is not active. */
bool keyring_add(const char *path, const struct random_source *random, char ret_id[KEYRING_ID_TEXT_BYTES],
                 struct error *error);
/* Each of the rest: ERROR_NOT_FOUND: there is no such key in it. ERROR_CONFLICT: its state does not allow that. */

/* Refused: it is retired, or destroyed. */
bool keyring_activate(const char *path, struct span id, struct error *error);
/* Never again active. Refused: it is active, or destroyed. */
bool keyring_retire(const char *path, struct span id, struct error *error);
/* Its material goes from the file, and the day stays. Refused: it is active. */
bool keyring_destroy(const char *path, struct span id, int64_t now_ms, struct error *error);
