/* tools/bale/commands/keyring.c -- bale keyring: the file of keys under which objects are encrypted. */
#include "server/keys/keyring.h"
#include "tools/bale/command.h"

#include <stdio.h>
#include <string.h>

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
    printf("The key %s was added. bale keyring activate %s lets new objects be written under it.\n", id, id);
    return true;
}

static bool activate(const struct command_line *line, struct error *error)
{
    if (!keyring_activate(line->keyring, span_from_string(line->what), error))
        return false;
    printf("The key %s is active: new objects are written under it from the next start of baled on.\n", line->what);
    return true;
}

static bool list(const struct command_line *line, struct error *error)
{
    struct keyring *keyring = keyring_load(line->keyring, error);
    if (keyring == NULL)
        return false;
    for (unsigned i = 0; i < keyring_count(keyring); i++) {
        const struct seal_keys *keys = keyring_at(keyring, i);
        char id[KEYRING_ID_TEXT_BYTES];
        keyring_id_format(keys->id, id);
        printf("%s%s\n", id, keys == keyring_active(keyring) ? " active" : "");
    }
    keyring_free(keyring);
    return true;
}

static const struct {
    const char *name;
    bool takes_id;
    bool (*run)(const struct command_line *line, struct error *error);
} verbs[] = {
    {"create", false, create},
    {"add", false, add},
    {"activate", true, activate},
    {"list", false, list},
};

bool command_keyring(const struct command_line *line, struct error *error)
{
    for (size_t i = 0; i < sizeof verbs / sizeof verbs[0]; i++) {
        if (strcmp(line->target, verbs[i].name) != 0)
            continue;
        if (verbs[i].takes_id != (line->what != NULL))
            return error_set(error, ERROR_INVALID, NULL, "%s %s", verbs[i].name,
                             verbs[i].takes_id ? "needs the ID of a key; list shows them" : "takes no ID");
        return verbs[i].run(line, error);
    }
    return error_set(error, ERROR_INVALID, NULL, "%s is no verb of it; create, add, activate and list are",
                     line->target);
}
