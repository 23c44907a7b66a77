/* server/maintenance/sweep.c -- gathers what could go, counts, and removes it. */
#include "server/maintenance/sweep.h"

#include "store/remote/remote.h"

#include <inttypes.h>
#include <string.h>

enum {
    BUCKETS_MAX = 1000, /* a page */
    BUCKETS_ARENA_BYTES = 1 << 20,
    ORPHANS_BYTES_MAX = 64 << 20,
    PART_MAX = 10, /* of so many keys one may go */
};

/* One bucket. */
struct sweeping {
    const struct sweep *sweep;
    struct span bucket;
    bool is_versioned;
    struct buffer orphans; /* of each u64 bytes, u16 size, key */
    uint64_t orphans_count;
};

/* ---- looking ---- */

static const enum outcome OUTCOMES_OF[] = {
    [LEFTOVER_IS_ORPHAN] = OUTCOME_SWEPT,    [LEFTOVER_IS_NEEDED] = OUTCOME_ALREADY,
    [LEFTOVER_IS_YOUNG] = OUTCOME_TOO_YOUNG, [LEFTOVER_IS_FOREIGN] = OUTCOME_FOREIGN,
    [LEFTOVER_HAS_GONE] = OUTCOME_CHANGED,   [LEFTOVER_IS_UNREADABLE] = OUTCOME_UNREADABLE,
};

SUSPENDS static bool settle(const struct sweeping *sweeping, struct span key, uint64_t bytes, enum outcome outcome,
                            struct error *error)
{
    const struct object_name name = {sweeping->bucket, key, SPAN_EMPTY};
    const struct maintained maintained = {.outcome = outcome, .before = bytes};
    return sweeping->sweep->settled(sweeping->sweep->context, &name, &maintained, error);
}

static bool keep_orphan(struct sweeping *sweeping, const struct remote_leftover *leftover, struct error *error)
{
    uint16_t size = (uint16_t)leftover->key.size;
    buffer_append(&sweeping->orphans, span_of(&leftover->bytes, sizeof leftover->bytes));
    buffer_append(&sweeping->orphans, span_of(&size, sizeof size));
    buffer_append(&sweeping->orphans, leftover->key);
    sweeping->orphans_count++;
    return !sweeping->orphans.overflow ||
           error_set(error, ERROR_TOO_LARGE, NULL, "there are too many leftovers for one run: give the rule a prefix");
}

SUSPENDS static bool go_on(void *context, struct error *error)
{
    const struct sweeping *sweeping = context;
    return sweeping->sweep->go_on(sweeping->sweep->context, error);
}

SUSPENDS static bool found(void *context, const struct remote_leftover *leftover, struct error *error)
{
    struct sweeping *sweeping = context;
    const struct object_name name = {sweeping->bucket, leftover->key, SPAN_EMPTY};
    if (!sweeping->sweep->go_on(sweeping->sweep->context, error))
        return false;
    if (!policy_rule_is_of(sweeping->sweep->rule, &name))
        return true;
    if (sweeping->is_versioned)
        return settle(sweeping, leftover->key, leftover->bytes, OUTCOME_VERSIONED, error);
    if (leftover->fate == LEFTOVER_IS_ORPHAN)
        return keep_orphan(sweeping, leftover, error);
    return settle(sweeping, leftover->key, leftover->bytes, OUTCOMES_OF[leftover->fate], error);
}

/* ---- removing ---- */

SUSPENDS static bool remove_orphan(const struct sweeping *sweeping, struct span key, uint64_t bytes,
                                   struct error *error)
{
    const struct object_name name = {sweeping->bucket, key, SPAN_EMPTY};
    enum remote_leftover_fate fate = LEFTOVER_IS_ORPHAN;
    struct maintained maintained = {.before = bytes};
    const struct sweep *sweep = sweeping->sweep;
    bool done =
        !sweep->executes || remote_remove_leftover(sweep->store, &name, sweep->rule->older_than_ms, &fate, error);
    if (!done && !outcome_settle(error, &maintained))
        return false;
    return settle(sweeping, key, bytes, done ? OUTCOMES_OF[fate] : maintained.outcome, error);
}

SUSPENDS static bool remove_orphans(const struct sweeping *sweeping, struct error *error)
{
    bool done = true;
    for (size_t at = 0; done && at < sweeping->orphans.size;) {
        uint64_t bytes;
        uint16_t size;
        memcpy(&bytes, sweeping->orphans.data + at, sizeof bytes);
        memcpy(&size, sweeping->orphans.data + at + sizeof bytes, sizeof size);
        at += sizeof bytes + sizeof size;
        done = sweeping->sweep->go_on(sweeping->sweep->context, error) &&
               remove_orphan(sweeping, span_of(sweeping->orphans.data + at, size), bytes, error);
        at += size;
    }
    return done;
}

static bool may_go(const struct sweeping *sweeping, uint64_t looked_at, struct error *error)
{
    const struct sweep *sweep = sweeping->sweep;
    return !sweep->executes || sweep->is_forced || sweeping->orphans_count <= looked_at / PART_MAX ||
           error_set(error, ERROR_CONFLICT, NULL,
                     "[rule %s] would remove %" PRIu64 " of the %" PRIu64
                     " keys of %.*s that it looks at, more than a tenth, as where "
                     "the bucket or prefix is another one than was meant; --force does it",
                     sweep->rule->name, sweeping->orphans_count, looked_at, SPAN_FORMAT(sweeping->bucket));
}

SUSPENDS static bool sweep_bucket(const struct sweep *sweep, const struct bucket_info *bucket, struct error *error)
{
    struct sweeping sweeping = {.sweep = sweep,
                                .bucket = span_from_string(bucket->name),
                                .is_versioned = bucket->versioning != VERSIONING_NEVER};
    struct remote_leftover_search search = {.prefix = span_of(sweep->rule->prefix, sweep->rule->prefix_bytes),
                                            .least_age_ms = sweep->rule->older_than_ms,
                                            .go_on = go_on,
                                            .found = found,
                                            .context = &sweeping};
    buffer_init(&sweeping.orphans, ORPHANS_BYTES_MAX);
    bool done = remote_find_leftovers(sweep->store, sweeping.bucket, &search, error) &&
                may_go(&sweeping, search.looked_at, error) && remove_orphans(&sweeping, error);
    buffer_free(&sweeping.orphans);
    return done;
}

SUSPENDS bool sweep_run(const struct sweep *sweep, struct error *error)
{
    const char *meant = sweep->rule->bucket; /* NULL: all of them */
    char after[BUCKET_NAME_BYTES_MAX + 1] = "";
    bool is_truncated = true;
    bool done = true;
    unsigned count = 1;
    struct arena arena;
    arena_init(&arena, BUCKETS_ARENA_BYTES);
    while (done && is_truncated && count > 0) {
        struct bucket_info *buckets;
        arena_reset(&arena);
        count = 0;
        done = bucket_list_buckets(sweep->store, SPAN_EMPTY, SPAN_EMPTY, span_from_string(after), BUCKETS_MAX, &arena,
                                   &buckets, &count, &is_truncated, error);
        for (unsigned i = 0; done && i < count; i++) {
            struct bucket_info bucket;
            memcpy(after, buckets[i].name, sizeof after);
            if (meant == NULL || strcmp(meant, after) == 0)
                done = bucket_find(sweep->store, span_from_string(after), &bucket, error) &&
                       sweep_bucket(sweep, &bucket, error);
        }
    }
    arena_free(&arena);
    return done;
}
