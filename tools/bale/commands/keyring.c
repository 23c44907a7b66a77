/* tools/bale/commands/keyring.c -- bale keyring: the file of keys under which objects are encrypted. */
#include "server/keys/keyring.h"
#include "runtime/base/clock.h"
#include "runtime/base/hex.h"
#include "store/bucket.h"
#include "tools/bale/command.h"
#include "tools/bale/maintain/key_rotation.h"
#include "tools/bale/maintain/key_usage.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { PLACE_BYTES = BUCKET_NAME_BYTES_MAX + OBJECT_KEY_BYTES_MAX + 2 };

static bool create(const struct command_line *line, struct error *error)
{
    char id[KEYRING_ID_TEXT_BYTES];
    if (!keyring_create(line->keyring, random_system(), id, error))
        return false;
    printf("%s made, with the key %s, which is active.\n"
           "Keep a copy of it where the data are not: without it, what was encrypted under it is lost.\n",
           line->keyring, id);
    return true;
}

static bool add(const struct command_line *line, struct error *error)
{
    char id[KEYRING_ID_TEXT_BYTES];
    if (!keyring_add(line->keyring, random_system(), id, error))
        return false;
    printf(
        "The key %s was added. Once every baled that has this keyring has read it (SIGHUP), bale keyring activate %s "
        "lets new objects be written under it.\n",
        id, id);
    return true;
}

static bool activate(const struct command_line *line, struct error *error)
{
    if (!keyring_activate(line->keyring, span_from_string(line->what), error))
        return false;
    printf("The key %s is active: new objects are written under it once baled has read the file (SIGHUP).\n",
           line->what);
    return true;
}

static bool retire(const struct command_line *line, struct error *error)
{
    if (!keyring_retire(line->keyring, span_from_string(line->what), error))
        return false;
    printf("The key %s is retired: it opens what was written under it, and cannot become active again.\n", line->what);
    return true;
}

static const char *state_of(const struct keyring *keyring, const struct seal_keys *keys)
{
    if (keyring_destroyed(keyring, keys->id) != NULL)
        return " destroyed ";
    if (keys == keyring_active(keyring))
        return " active";
    return keyring_is_retired(keyring, keys->id) ? " retired" : "";
}

static void print_key(const struct keyring *keyring, const struct seal_keys *keys)
{
    char id[KEYRING_ID_TEXT_BYTES];
    const char *day = keyring_destroyed(keyring, keys->id);
    keyring_id_format(keys->id, id);
    printf("%s%s%s", id, state_of(keyring, keys), day != NULL ? day : "");
}

static bool list(const struct command_line *line, struct error *error)
{
    struct keyring *keyring = keyring_load(line->keyring, error);
    if (keyring == NULL)
        return false;
    for (unsigned i = 0; i < keyring_count(keyring); i++) {
        print_key(keyring, keyring_at(keyring, i));
        printf("\n");
    }
    keyring_free(keyring);
    return true;
}

/* ---- what is encrypted under a key ---- */

static bool is_meant(const struct command_line *line, const uint8_t id[SEAL_KEY_ID_BYTES])
{
    char text[KEYRING_ID_TEXT_BYTES];
    keyring_id_format(id, text);
    return line->what == NULL || strcmp(line->what, text) == 0;
}

static void print_use(const struct key_usage *usage, const uint8_t id[SEAL_KEY_ID_BYTES])
{
    const struct key_use *use = key_usage_find(usage, id);
    printf(": %" PRIu64 " objects, %" PRIu64 " open uploads\n", use != NULL ? use->objects : 0,
           use != NULL ? use->uploads : 0);
}

static void print_usage(const struct command_line *line, const struct keyring *keyring, const struct key_usage *usage)
{
    char id[KEYRING_ID_TEXT_BYTES];
    for (unsigned i = 0; i < keyring_count(keyring); i++) {
        const struct seal_keys *keys = keyring_at(keyring, i);
        if (!is_meant(line, keys->id))
            continue;
        print_key(keyring, keys);
        print_use(usage, keys->id);
    }
    for (unsigned i = 0; i < usage->count; i++) {
        const uint8_t *other = usage->keys[i].id;
        if (!is_meant(line, other) || keyring_find(keyring, other) != NULL || keyring_destroyed(keyring, other) != NULL)
            continue;
        keyring_id_format(other, id);
        printf("%s is not in the keyring", id);
        print_use(usage, other);
    }
    if (usage->unreadable > 0)
        printf("%" PRIu64 " seals are damaged, or of a later version of Bale: nobody knows their key.\n",
               usage->unreadable);
}

static bool usage(const struct command_line *line, struct error *error)
{
    struct key_usage found;
    struct keyring *keyring = keyring_load(line->keyring, error);
    bool done = keyring != NULL && key_usage_count(&line->where, &found, error);
    if (done)
        print_usage(line, keyring, &found);
    keyring_free(keyring);
    return done;
}

/* Seals whose key nobody knows may be under this one. */
static bool check_unused(const struct command_line *line, struct error *error)
{
    struct key_usage found;
    uint8_t id[SEAL_KEY_ID_BYTES];
    if (!hex_decode(span_from_string(line->what), id, sizeof id))
        return error_set(error, ERROR_INVALID, NULL, "%s is no ID of a key", line->what);
    if (!key_usage_count(&line->where, &found, error))
        return false;
    const struct key_use *use = key_usage_find(&found, id);
    uint64_t objects = (use != NULL ? use->objects : 0) + found.unreadable;
    uint64_t uploads = use != NULL ? use->uploads : 0;
    return objects + uploads == 0 ||
           error_set(error, ERROR_CONFLICT, NULL,
                     "%" PRIu64 " objects and %" PRIu64 " open uploads are, or may be, under the key %s: without it "
                     "nobody reads them any more. --yes destroys it all the same",
                     objects, uploads, line->what);
}

static bool destroy(const struct command_line *line, struct error *error)
{
    if ((!line->yes && !check_unused(line, error)) ||
        !keyring_destroy(line->keyring, span_from_string(line->what), clock_wall_ms(clock_system()), error))
        return false;
    printf(
        "The key %s is destroyed in this file. Copies of it are not, nor what a running baled has in memory, until it "
        "is started anew.\n",
        line->what);
    return true;
}

/* ---- seals made anew ---- */

static void print_rotation(const struct key_rotation *rotation)
{
    char id[KEYRING_ID_TEXT_BYTES];
    keyring_id_format(keyring_active(rotation->keyring)->id, id);
    printf("%" PRIu64 " objects were sealed anew under the key %s; %" PRIu64 " stay as they are.\n", rotation->renewed,
           id, rotation->already);
    if (rotation->changed > 0)
        printf("%" PRIu64 " were written or deleted meanwhile: run it again.\n", rotation->changed);
}

/* BUCKET, or BUCKET/PREFIX, of which both parts are left in `room`. */
static bool split_place(const char *text, char room[PLACE_BYTES], struct key_rotation *rotation, struct error *error)
{
    if (strlen(text) >= PLACE_BYTES)
        return error_set(error, ERROR_INVALID, NULL, "%.80s...: no key is as long as that", text);
    strcpy(room, text);
    char *slash = strchr(room, '/');
    rotation->bucket = room;
    rotation->prefix = slash != NULL ? slash + 1 : NULL;
    if (slash != NULL)
        *slash = '\0';
    return true;
}

static bool renew(const struct command_line *line, struct key_rotation rotation, struct error *error)
{
    char place[PLACE_BYTES];
    if (line->what != NULL && !split_place(line->what, place, &rotation, error))
        return false;
    rotation.keyring = keyring_load(line->keyring, error);
    bool done = rotation.keyring != NULL;
    if (done && keyring_active(rotation.keyring) == NULL)
        done = error_set(error, ERROR_INVALID, NULL, "%s has no key that is active", line->keyring);
    done = done && key_rotation_run(&line->where, &rotation, error);
    if (done)
        print_rotation(&rotation);
    keyring_free(rotation.keyring);
    return done && (rotation.left == 0 ||
                    error_set(error, ERROR_CONFLICT, NULL, "%" PRIu64 " objects are sealed as before", rotation.left));
}

static bool rotate(const struct command_line *line, struct error *error)
{
    uint8_t from[SEAL_KEY_ID_BYTES];
    if (line->from != NULL && !hex_decode(span_from_string(line->from), from, sizeof from))
        return error_set(error, ERROR_INVALID, NULL, "--from %s: it is no ID of a key", line->from);
    return renew(line, (struct key_rotation){.from = line->from != NULL ? from : NULL}, error);
}

static bool adopt(const struct command_line *line, struct error *error)
{
    if (line->from == NULL)
        return error_set(error, ERROR_INVALID, NULL, "adopt needs --from BUCKET/PREFIX, whence they were copied");
    return renew(line, (struct key_rotation){.written = line->from}, error);
}

static const struct {
    const char *name;
    enum { NOTHING, ID, MAYBE_ID, PLACE, MAYBE_PLACE } takes;
    bool (*run)(const struct command_line *line, struct error *error);
} verbs[] = {
    {"create", NOTHING, create}, {"add", NOTHING, add},           {"activate", ID, activate},
    {"retire", ID, retire},      {"rotate", MAYBE_PLACE, rotate}, {"adopt", PLACE, adopt},
    {"destroy", ID, destroy},    {"usage", MAYBE_ID, usage},      {"list", NOTHING, list},
};

bool command_keyring(const struct command_line *line, struct error *error)
{
    for (size_t i = 0; i < sizeof verbs / sizeof verbs[0]; i++) {
        if (strcmp(line->target, verbs[i].name) != 0)
            continue;
        if (verbs[i].takes == ID && line->what == NULL)
            return error_set(error, ERROR_INVALID, NULL, "%s needs the ID of a key; list shows them", verbs[i].name);
        if (verbs[i].takes == PLACE && line->what == NULL)
            return error_set(error, ERROR_INVALID, NULL, "%s needs BUCKET/PREFIX", verbs[i].name);
        if (verbs[i].takes == NOTHING && line->what != NULL)
            return error_set(error, ERROR_INVALID, NULL, "%s takes no ID", verbs[i].name);
        return verbs[i].run(line, error);
    }
    return error_set(error, ERROR_INVALID, NULL,
                     "%s is no verb of it; create, add, activate, retire, rotate, adopt, destroy, usage and list are",
                     line->target);
}
