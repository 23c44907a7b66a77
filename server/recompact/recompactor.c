/* server/recompact/recompactor.c -- walks, chooses, packs, and above all waits. */
#include "server/recompact/recompactor.h"

#include "codec/format/frame.h"
#include "runtime/fiber/loop.h"
#include "runtime/log/log.h"
#include "server/backend/backend.h"
#include "server/object/repack.h"
#include "store/walk.h"

#include <stdlib.h>
#include <string.h>

enum {
    LEVEL = 9,
    LEAST_GAIN = 5, /* percent */
    LEAST_BYTES = 64 << 10,
    FRAME_BUFFERS = 4,
    BUFFER_WAIT_MS = 10000,
    CALM_MS = 100,
    QUOTA_LOOK_MS = 1000,
    QUOTA_PAUSE_MS = 60000,
    WEAR_LOOK_MS = 1000,
    WEAR_PART = 20, /* of what is stored may be written a day */
    TURN_ENTRIES = 64,
    WALKS_IN_AFTER = 100, /* of --recompact-after there is a walk, but ... */
    WALK_LEAST_MS = 1000,
    WALK_MOST_MS = 3600 * 1000,
    ARENA_BYTES = 256 << 10,
};

static const uint64_t DAY_MS = UINT64_C(24) * 3600 * 1000;
static const uint64_t WEAR_LEAST = UINT64_C(64) << 20; /* a day, in however small a store */

/* ---- waiting ---- */

/* False: it is ending. */
SUSPENDS static bool rest(struct recompactor *recompactor, uint64_t ms)
{
    struct error ignored;
    deadline_t until = deadline_after_ms(ms);
    while (!recompactor->is_ending && loop_now_ns() < until) {
        if (!wait_for(&recompactor->wake, until, &ignored) && ignored.kind == ERROR_CANCELLED)
            recompactor->is_ending = true;
    }
    return !recompactor->is_ending;
}

static uint64_t busy_ns(const struct recompactor *recompactor, unsigned shard)
{
    const struct loop_counters *counters = recompactor->find_loop(recompactor->context, shard);
    return atomic_load_explicit(&counters->busy_ns, memory_order_relaxed);
}

/* Waits CALM_MS and says whether a shard was busy for half of them. */
SUSPENDS static bool was_busy(struct recompactor *recompactor)
{
    uint64_t before[BACKEND_SHARDS_MAX];
    bool was_busy = false;
    uint64_t begun_ns = clock_monotonic_ns(loop_clock());
    for (unsigned i = 0; i < recompactor->shards_count; i++)
        before[i] = busy_ns(recompactor, i);
    (void)rest(recompactor, CALM_MS);
    uint64_t apart_ns = clock_monotonic_ns(loop_clock()) - begun_ns;
    for (unsigned i = 0; i < recompactor->shards_count; i++)
        was_busy = was_busy || 2 * (busy_ns(recompactor, i) - before[i]) > apart_ns;
    return was_busy;
}

static void look_at_quota(void *argument)
{
    struct recompactor *recompactor = argument;
    if (!quota_read(recompactor->quota_folder, &recompactor->quota))
        recompactor->quota.has_limit = false;
}

/* Is the quota of processor time nearly used up? */
SUSPENDS static bool is_pressed(struct recompactor *recompactor)
{
    struct error ignored;
    uint64_t now_ns = clock_monotonic_ns(loop_clock());
    uint64_t apart_us = (now_ns - recompactor->quota_ns) / 1000;
    struct quota before = recompactor->quota;
    if (recompactor->quota_folder[0] == '\0' || apart_us < (uint64_t)QUOTA_LOOK_MS * 1000)
        return false;
    if (!offload_run(recompactor->thread, look_at_quota, recompactor, &ignored))
        return false;
    recompactor->quota_ns = now_ns;
    return quota_is_pressed(&before, &recompactor->quota, apart_us);
}

/* May that much more be written today? */
static bool would_wear(struct recompactor *recompactor, uint64_t bytes)
{
    uint64_t part = recompactor->stored_bytes / WEAR_PART;
    if (loop_now_ns() >= recompactor->day_ns) {
        recompactor->day_ns = deadline_after_ms(DAY_MS);
        recompactor->day_written = 0;
    }
    return recompactor->day_written > 0 && recompactor->day_written + bytes > (part > WEAR_LEAST ? part : WEAR_LEAST);
}

/* Until nothing else wants the processor. False: it is ending. */
SUSPENDS static bool wait_for_calm(struct recompactor *recompactor)
{
    while (!recompactor->is_ending) {
        if (is_pressed(recompactor)) {
            metric_add(&recompactor->counters.waits_quota, 1);
            (void)rest(recompactor, QUOTA_PAUSE_MS);
        } else if (was_busy(recompactor)) {
            metric_add(&recompactor->counters.waits_busy, 1);
        } else {
            return !recompactor->is_ending;
        }
    }
    return false;
}

/* ---- one version ---- */

struct packing {
    struct recompactor *recompactor;
    const struct candidate *candidate;
    uint64_t written;
    bool is_hopeless; /* its first frame shrinks too little */
};

/* It shows while a large one is being packed, and not only behind it. */
static void note_written(struct packing *packing, uint64_t written)
{
    uint64_t more = written > packing->written ? written - packing->written : 0;
    packing->written += more;
    packing->recompactor->day_written += more;
    metric_add(&packing->recompactor->counters.written_bytes, more);
}

SUSPENDS static bool pass_gate(void *context, uint64_t original_bytes, uint64_t stored_bytes, struct error *error)
{
    struct packing *packing = context;
    const struct candidate *candidate = packing->candidate;
    note_written(packing, stored_bytes);
    double part = (double)candidate->stored_size / (double)candidate->original_size;
    double most = part * (1 - LEAST_GAIN / 100.0) * (double)original_bytes;
    packing->is_hopeless = original_bytes == FRAME_ORIGINAL_BYTES && (double)stored_bytes > most;
    if (packing->is_hopeless || !wait_for_calm(packing->recompactor))
        return error_set(error, ERROR_CANCELLED, NULL, "it is not packed anew");
    return pace_spend(&packing->recompactor->spent, FRAME_ORIGINAL_BYTES, error);
}

static void note_outcome(struct recompactor *recompactor, const struct candidate *candidate,
                         const struct repacked *repacked)
{
    struct recompact_counters *counters = &recompactor->counters;
    gains_learn(&recompactor->gains, candidate_name(candidate).key, candidate->stored_size, repacked->stored_size);
    if (!repacked->is_packed) {
        metric_add(&counters->no_gain, 1);
        return;
    }
    metric_add(&counters->packed, 1);
    metric_add(&counters->bytes_before, candidate->stored_size);
    metric_add(&counters->bytes_after, repacked->stored_size);
}

static void note_failure(struct recompactor *recompactor, const struct candidate *candidate, const struct error *error)
{
    const struct object_name name = candidate_name(candidate);
    if (error->kind == ERROR_CHANGED || error->kind == ERROR_NOT_FOUND) {
        metric_add(&recompactor->counters.changed, 1);
    } else if (!recompactor->is_ending) {
        metric_add(&recompactor->counters.failed, 1);
        log_message(LOG_WARNING, "recompact: %.*s/%.*s stays as it is: %s", SPAN_FORMAT(name.bucket),
                    SPAN_FORMAT(name.key), error->message);
    }
}

SUSPENDS static void pack(struct recompactor *recompactor, const struct candidate *candidate)
{
    struct packing packing = {.recompactor = recompactor, .candidate = candidate};
    const struct frame_gate gate = {pass_gate, &packing};
    const struct repack repack = {.codecs = recompactor->codecs,
                                  .store = recompactor->store,
                                  .name = candidate_name(candidate),
                                  .judged = candidate->stored_etag,
                                  .level = candidate->level,
                                  .least_gain = LEAST_GAIN,
                                  .gate = &gate};
    struct repacked repacked = {.stored_size = candidate->stored_size};
    struct error error;
    bool done = repack_object(&repack, &repacked, &error);
    if (!done && packing.is_hopeless)
        done = repack_note_level(&repack, &error);
    if (repacked.is_packed)
        note_written(&packing, repacked.stored_size);
    if (done)
        note_outcome(recompactor, candidate, &repacked);
    else
        note_failure(recompactor, candidate, &error);
    if (!done && error.kind == ERROR_DAMAGED) /* it stays so: the log has heard of it, and nobody tries it again */
        (void)repack_note_level(&repack, &error);
}

/* ---- candidates ---- */

static int level_for(const struct recompactor *recompactor, const struct object_attributes *attributes)
{
    int level = class_levels_find(recompactor->classes, metadata_storage_class(attributes->metadata));
    return level > LEVEL ? level : LEVEL;
}

struct looking {
    struct recompactor *recompactor;
    int64_t latest_ms; /* what was changed later is too young */
    unsigned entries;
};

SUSPENDS static void look_at_version(struct looking *looking, const struct object_name *name)
{
    struct recompactor *recompactor = looking->recompactor;
    struct object_attributes attributes;
    struct arena arena;
    struct error ignored;
    arena_init(&arena, ARENA_BYTES);
    if (bucket_head(recompactor->store, name, &arena, &attributes, &ignored)) {
        int level = level_for(recompactor, &attributes);
        recompactor->stored_seen += attributes.stored_size;
        if (attributes.stored_size >= LEAST_BYTES && repack_find_bar(&attributes, level) == REPACK_MAY)
            candidates_offer(&recompactor->candidates, name, &attributes, level, &recompactor->gains);
    }
    arena_free(&arena);
}

SUSPENDS static bool visit(void *context, const struct object_name *name, const struct list_entry *entry,
                           struct error *error)
{
    struct looking *looking = context;
    bool is_due = looking->entries++ % TURN_ENTRIES == 0;
    if (is_due && !wait_for_calm(looking->recompactor))
        return error_set(error, ERROR_CANCELLED, NULL, "it is ending");
    if (!entry->is_damaged && !entry->is_delete_marker && entry->original_size >= LEAST_BYTES &&
        entry->modified_ms <= looking->latest_ms)
        look_at_version(looking, name);
    return true;
}

SUSPENDS static void look_for_candidates(struct recompactor *recompactor)
{
    struct looking looking = {.recompactor = recompactor, .latest_ms = loop_wall_ms() - (int64_t)recompactor->after_ms};
    const struct walk walk = {.has_versions = true, .has_damaged = true, .visit = visit, .context = &looking};
    struct error error;
    uint64_t again_ms = recompactor->after_ms / WALKS_IN_AFTER;
    recompactor->stored_seen = 0;
    if (!walk_objects(recompactor->store, &walk, &error) && !recompactor->is_ending)
        log_message(LOG_WARNING, "recompact: objects cannot be listed: %s", error.message);
    recompactor->stored_bytes = recompactor->stored_seen;
    candidates_sort(&recompactor->candidates);
    metric_add(&recompactor->counters.walks, 1);
    again_ms = again_ms < WALK_LEAST_MS ? WALK_LEAST_MS : again_ms > WALK_MOST_MS ? WALK_MOST_MS : again_ms;
    recompactor->walk_ns = deadline_after_ms(again_ms);
}

/* ---- life ---- */

SUSPENDS static void pack_best(struct recompactor *recompactor)
{
    struct candidate *candidate = candidates_take(&recompactor->candidates);
    if (candidate == NULL)
        return;
    while (!recompactor->is_ending && would_wear(recompactor, candidate->stored_size)) {
        metric_add(&recompactor->counters.waits_wear, 1);
        (void)rest(recompactor, WEAR_LOOK_MS);
    }
    if (!recompactor->is_ending)
        pack(recompactor, candidate);
    free(candidate);
}

/* Until the next walk, where nothing is left to be packed. */
static uint64_t pause_ms(const struct recompactor *recompactor)
{
    uint64_t now_ns = loop_now_ns();
    if (recompactor->candidates.count > 0 || recompactor->walk_ns <= now_ns)
        return CALM_MS;
    return (recompactor->walk_ns - now_ns) / 1000000 + CALM_MS;
}

SUSPENDS static void run(void *argument)
{
    struct recompactor *recompactor = argument;
    while (rest(recompactor, pause_ms(recompactor))) {
        if (recompactor->candidates.count == 0 && loop_now_ns() >= recompactor->walk_ns)
            look_for_candidates(recompactor);
        if (!recompactor->is_ending)
            pack_best(recompactor);
    }
    recompactor->is_inside = false;
    wait_wake_all(&recompactor->ended);
}

bool recompactor_start(struct recompactor *recompactor, struct error *error)
{
    const struct object_settings settings = {.level = LEVEL,
                                             .columns = recompactor->has_columns,
                                             .frame_buffers_max = FRAME_BUFFERS,
                                             .wait_ms = BUFFER_WAIT_MS,
                                             .background = recompactor->thread,
                                             .store = recompactor->store};
    recompactor->codecs = object_codecs_create(&settings);
    if (!quota_find_folder(recompactor->quota_folder) || !quota_read(recompactor->quota_folder, &recompactor->quota))
        recompactor->quota_folder[0] = '\0';
    recompactor->quota_ns = clock_monotonic_ns(loop_clock());
    pace_init(&recompactor->spent, recompactor->pace);
    wait_queue_init(&recompactor->wake);
    wait_queue_init(&recompactor->ended);
    recompactor->is_inside = fiber_spawn("recompact", run, recompactor, error);
    return recompactor->is_inside;
}

SUSPENDS void recompactor_stop(struct recompactor *recompactor)
{
    struct error ignored;
    recompactor->is_ending = true;
    if (recompactor->is_inside)
        wait_wake_all(&recompactor->wake);
    while (recompactor->is_inside && wait_for(&recompactor->ended, DEADLINE_NONE, &ignored))
        ;
}

void recompactor_free(struct recompactor *recompactor)
{
    candidates_free(&recompactor->candidates);
    if (recompactor->codecs != NULL)
        object_codecs_destroy(recompactor->codecs);
}
