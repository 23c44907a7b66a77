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

static bool list(const struct command_line *line, struct error *error)
{
    struct keyring *keyring = keyring_load(line->keyring, error);
    if (keyring == NULL)
        return false;
    for (unsigned i = 0; i < keyring_count(keyring); i++) {
        const struct seal_keys *keys = keyring_at(keyring, i);
        char id[KEYRING_ID_TEXT_BYTES];
        const char *day = keyring_destroyed(keyring, keys->id);
        keyring_id_format(keys->id, id);
        if (day != NULL)
            printf("%s destroyed %s\n", id, day);
        else
            printf("%s%s\n", id,
                   keys == keyring_active(keyring)         ? " active"
                   : keyring_is_retired(keyring, keys->id) ? " retired"
                                                           : "");
    }
    keyring_free(keyring);
    return true;
}

static const struct {
    const char *name;
    bool takes_id;
    bool (*run)(const struct command_line *line, struct error *error);
} verbs[] = {
    {"create", false, create}, {"add", false, add},   {"activate", true, activate},
    {"retire", true, retire},  {"list", false, list},
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
    return error_set(error, ERROR_INVALID, NULL, "%s is no verb of it; create, add, activate, retire and list are",
                     line->target);
}
