/* store/remote/ledger/recount.c -- what the objects of a bucket add up to: its lists, and the row of each key and each
 * former version. And whether there are any that count. */
#include "store/remote/ledger/counting.h"
#include "store/remote/store.h"
#include "store/walk.h"

enum { PAGE_BYTES = 4 << 20, BUCKETS_LOOKED_AT = 8, KEYS_LOOKED_AT = 32, CUT_MS = 2000 };

/* What the list has just seen is in the row of the key or the version, unless it could not be kept; then it is asked
 * for. */
SUSPENDS static bool find_amounts(struct remote *remote, const struct object_name *name,
                                  struct ledger_amounts *ret_amounts, struct error *error)
{
    struct remote_key key;
    struct remote_state state;
    *ret_amounts = (struct ledger_amounts){0};
    if (!remote_key_init(remote, name, &key, error))
        return false;
    if (key.has_row) {
        *ret_amounts = counting_amounts(&key.row.attributes, key.row.is_counted);
        return true;
    }
    bool done = remote_look(&key, LOOK_FOR_WHOLE, &state, error);
    if (done && state.is_there)
        *ret_amounts = counting_amounts(&state.object.attributes, counting_counts(remote, key.row_key, &state.object));
    remote_state_free(key.shard, &state);
    return done;
}

struct sums {
    struct remote *remote;
    struct ledger_amounts amounts;
};

/* By its key alone: the row of the current object is found by that, whatever version it is. */
SUSPENDS static bool add_current(void *context, const struct object_name *name, const struct list_entry *entry,
                                 struct error *error)
{
    (void)entry;
    struct sums *sums = context;
    struct ledger_amounts amounts;
    bool done = find_amounts(sums->remote, name, &amounts, error);
    ledger_amounts_add(&sums->amounts, &amounts);
    return done;
}

SUSPENDS static bool add_former(void *context, const struct object_name *name, const struct list_entry *entry,
                                struct error *error)
{
    struct sums *sums = context;
    struct ledger_amounts amounts;
    if (entry->is_latest || entry->is_delete_marker)
        return true;
    bool done = find_amounts(sums->remote, name, &amounts, error);
    ledger_amounts_add_former(&sums->amounts, &amounts);
    return done;
}

SUSPENDS bool remote_count(struct bucket_store *store, struct span bucket, struct ledger_amounts *ret_amounts,
                           struct error *error)
{
    struct bucket_info info;
    struct sums sums = {.remote = remote_of(store)};
    const struct walk current = {.bucket = info.name, .visit = add_current, .context = &sums};
    const struct walk former = {.bucket = info.name, .has_versions = true, .visit = add_former, .context = &sums};
    bool done = remote_find_bucket(store, bucket, &info, error) && walk_objects(store, &current, error) &&
                (info.versioning == VERSIONING_NEVER || walk_objects(store, &former, error));
    *ret_amounts = sums.amounts;
    return done;
}

/* ---- is there anything that it counts? ---- */

/* The backend's times are cut to the second. */
static bool is_from_before(const struct remote *remote, const struct list_entry *entry)
{
    return entry->modified_ms + CUT_MS < remote->started_ms;
}

/* The list has looked at each key that had no row. */
static bool is_counted(struct remote *remote, struct span bucket, const struct list_entry *entry)
{
    struct remote_key key;
    struct error ignored;
    const struct object_name name = {.bucket = bucket, .key = entry->key};
    return is_from_before(remote, entry) && remote_key_init(remote, &name, &key, &ignored) && key.has_row &&
           key.row.is_counted;
}

SUSPENDS static bool has_counted(struct remote *remote, struct span bucket, bool *ret_has, struct error *error)
{
    struct arena arena;
    struct list_page page;
    const struct list_request request = {.bucket = bucket, .entries_max = KEYS_LOOKED_AT};
    arena_init(&arena, PAGE_BYTES);
    bool done = remote_list(&remote->base, &request, &arena, &page, error);
    for (unsigned i = 0; done && !*ret_has && i < page.count; i++)
        *ret_has = is_counted(remote, bucket, &page.entries[i]);
    arena_free(&arena);
    return done;
}

SUSPENDS bool remote_holds_counted(struct bucket_store *store, bool *ret_holds, struct error *error)
{
    struct arena arena;
    struct bucket_info *buckets;
    unsigned count = 0;
    bool is_truncated;
    *ret_holds = false;
    arena_init(&arena, PAGE_BYTES);
    bool done = remote_list_buckets(store, SPAN_EMPTY, SPAN_EMPTY, SPAN_EMPTY, BUCKETS_LOOKED_AT, &arena, &buckets,
                                    &count, &is_truncated, error);
    for (unsigned i = 0; done && !*ret_holds && i < count; i++)
        done = has_counted(remote_of(store), span_from_string(buckets[i].name), ret_holds, error);
    arena_free(&arena);
    return done;
}
