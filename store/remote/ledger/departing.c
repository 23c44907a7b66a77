/* store/remote/ledger/departing.c -- what a version counts, and what follows it. */
#include "store/remote/ledger/departing.h"

#include "runtime/base/assert.h"

#include <stdlib.h>

/* What stands under a name. */
struct standing {
    bool is_known; /* else it could not be looked at */
    bool is_any;   /* an object, or a marker */
    char version[VERSION_TEXT_BYTES];
    struct ledger_amounts amounts;
};

SUSPENDS static struct standing look(struct remote *remote, const struct object_name *name)
{
    struct looking { /* on the heap, for a fiber's stack is small */
        struct remote_key key;
        struct remote_state state;
    } *looking = malloc(sizeof *looking);
    struct standing standing = {0};
    struct error ignored;
    ASSERT(looking != NULL);
    const struct remote_state *state = &looking->state;
    if (remote_key_init(remote, name, &looking->key, &ignored) &&
        remote_look(&looking->key, LOOK_FOR_WHOLE, &looking->state, &ignored)) {
        bool is_counted = state->is_there && counting_counts(remote, looking->key.row_key, &state->object);
        standing.is_known = true;
        standing.is_any = state->is_there || state->is_marker;
        standing.amounts = counting_amounts(&state->object.attributes, is_counted);
        memcpy(standing.version, state->object.attributes.version, sizeof standing.version);
        remote_state_free(looking->key.shard, &looking->state);
    }
    free(looking);
    return standing;
}

SUSPENDS static struct standing look_at_current(const struct remote_key *key)
{
    const struct object_name current = {.bucket = key->name.bucket, .key = key->name.key};
    return look(key->shard->remote, &current);
}

SUSPENDS void departing_look(const struct remote_key *key, struct departing *ret_departing)
{
    struct remote *remote = key->shard->remote;
    *ret_departing = (struct departing){0};
    if (!remote->is_counted || key->is_internal || key->version[0] == '\0')
        return;
    struct standing version = look(remote, &key->name);
    if (version.is_known && !version.is_any)
        return;
    counting_note_uncertain(key);
    struct standing current = version.is_known ? look_at_current(key) : version;
    ret_departing->is_there = current.is_known;
    ret_departing->is_current = current.is_any && strcmp(current.version, key->version) == 0;
    ret_departing->amounts = version.amounts;
}

SUSPENDS void departing_gone(const struct remote_key *key, const struct departing *departing)
{
    struct bucket_info info;
    struct error ignored;
    struct spool_amounts change = {.bucket = key->name.bucket};
    struct ledger_amounts former = {0};
    if (!departing->is_there || !remote_find_bucket(&key->shard->remote->base, key->name.bucket, &info, &ignored))
        return;
    change.creation_id = info.creation_id;
    if (departing->is_current) {
        struct standing next = look_at_current(key);
        former = next.amounts;
        change.amounts = next.amounts;
        ledger_amounts_subtract(&change.amounts, &departing->amounts);
    } else {
        former = departing->amounts;
    }
    struct ledger_amounts moved = {0};
    ledger_amounts_add_former(&moved, &former);
    ledger_amounts_subtract(&change.amounts, &moved);
    if (!ledger_amounts_are_zero(&change.amounts))
        log_add(key->shard->log, &change);
}
