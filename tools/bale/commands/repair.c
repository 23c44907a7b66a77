/* tools/bale/commands/repair.c -- bale repair: what follows from the frames of an object is written anew. */
#include "runtime/fiber/offload.h"
#include "store/walk.h"
#include "tools/bale/command.h"
#include "tools/bale/maintain/repair_folder.h"
#include "tools/bale/session/backend_session.h"
#include "tools/bale/session/stopping.h"
#include "tools/bale/view/printable.h"
#include "tools/bale/view/progress.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { FRAME_BUFFERS = 2, WAIT_MS = 10000, PACKERS = 1, QUEUED_MAX = 4 };

struct repairing {
    const struct command_line *line;
    bool is_bucket; /* of an S3 server: `repair`; else a folder */
    struct repair repair;
    struct folder_repair folder;
    struct bucket_info bucket; /* that the walk is in, of `repair` */
    uint64_t objects;
    uint64_t outcomes[REPAIR_OUTCOMES];
    struct progress progress;
};

static void tell(struct repairing *repairing, const struct object_name *name, enum repair_outcome outcome)
{
    bool is_dry = outcome == REPAIR_DONE && !repairing->line->execute;
    progress_hide(&repairing->progress);
    printf("%.*s/", SPAN_FORMAT(name->bucket));
    printable_write(stdout, name->key);
    if (name->version.size > 0 && !span_equal(name->version, SPAN("null")))
        printf(" (version %.*s)", SPAN_FORMAT(name->version));
    printf(": %s: %s\n", is_dry ? "would be repaired" : repair_outcome_name(outcome), repair_outcome_text(outcome));
}

SUSPENDS static bool repair_in_bucket(struct repairing *repairing, const struct object_name *name,
                                      const struct list_entry *entry, enum repair_outcome *ret_outcome,
                                      struct error *error)
{
    bool is_same = span_equal(name->bucket, span_from_string(repairing->bucket.name));
    if (!is_same && !bucket_find(repairing->repair.store, name->bucket, &repairing->bucket, error))
        return false;
    repairing->repair.is_versioned = repairing->bucket.versioning != VERSIONING_NEVER;
    return repair_object(&repairing->repair, name, entry, ret_outcome, error);
}

/* What of a folder's rows is damaged is for bale check. */
SUSPENDS static bool repair_in_folder(struct repairing *repairing, const struct object_name *name,
                                      const struct list_entry *entry, enum repair_outcome *ret_outcome,
                                      struct error *error)
{
    *ret_outcome = REPAIR_UNREADABLE;
    return entry->is_damaged || repair_folder_object(&repairing->folder, name, ret_outcome, error);
}

SUSPENDS static bool visit(void *context, const struct object_name *name, const struct list_entry *entry,
                           struct error *error)
{
    struct repairing *repairing = context;
    enum repair_outcome outcome;
    if (!stopping_go_on(error))
        return false;
    if (entry->is_prefix || entry->is_delete_marker)
        return true;
    if (!(repairing->is_bucket ? repair_in_bucket : repair_in_folder)(repairing, name, entry, &outcome, error))
        return error_prepend(error, "%.*s/%.*s", SPAN_FORMAT(name->bucket), SPAN_FORMAT(span_take(name->key, 80)));
    if (outcome != REPAIR_SOUND)
        tell(repairing, name, outcome);
    repairing->outcomes[outcome]++;
    progress_show(&repairing->progress, ++repairing->objects);
    return true;
}

SUSPENDS static bool walk_and_repair(struct repairing *repairing, struct bucket_store *store, struct offload *threads,
                                     struct error *error)
{
    const struct command_line *line = repairing->line;
    const struct object_settings settings = {.level = (int)line->zstd_level,
                                             .frame_buffers_max = FRAME_BUFFERS,
                                             .wait_ms = WAIT_MS,
                                             .offload = threads,
                                             .store = store};
    const struct walk walk = {.bucket = line->bucket,
                              .prefix = line->prefix,
                              .has_versions = !repairing->is_bucket,
                              .has_damaged = !repairing->is_bucket,
                              .visit = visit,
                              .context = repairing};
    struct object_codecs *codecs = object_codecs_create(&settings);
    repairing->objects = 0; /* of a folder that changes meanwhile it is begun again */
    memset(repairing->outcomes, 0, sizeof repairing->outcomes);
    repairing->repair = (struct repair){.store = store, .codecs = codecs, .executes = line->execute};
    repairing->folder = (struct folder_repair){.check = {.store = store, .codecs = codecs, .is_folder = true},
                                               .level = (int)line->zstd_level,
                                               .executes = line->execute};
    progress_begin(&repairing->progress, "objects", 0);
    bool done = walk_objects(store, &walk, error);
    progress_end(&repairing->progress);
    object_codecs_destroy(codecs);
    return done;
}

/* What was packed at a high level is packed so again, which takes a thread. */
SUSPENDS static bool repair_all(struct bucket_store *store, void *context, struct error *error)
{
    struct repairing *repairing = context;
    if (repairing->is_bucket && repairing->line->execute && (store->capabilities.conditions & DECIDES_PUT_REPLACE) == 0)
        return error_set(error, ERROR_UNSUPPORTED, NULL,
                         "the backend does not decide conditional writes (bale backend): an object that is written "
                         "meanwhile could be lost");
    struct offload *threads = offload_create("repair", PACKERS, QUEUED_MAX, error);
    if (threads == NULL)
        return false;
    bool done = walk_and_repair(repairing, store, threads, error);
    offload_destroy(threads);
    return done;
}

/* What is to be done next is said where there is something. */
static void tell_end(const struct repairing *repairing, bool is_whole)
{
    bool executes = repairing->line->execute;
    uint64_t count = repairing->outcomes[REPAIR_DONE];
    const char *counts = repairing->is_bucket ? "; bale savings --recount counts them right" : "";
    const char *next = executes ? counts : ": --execute does it";
    printf("%" PRIu64 " object%s%s: %" PRIu64 " %s%s.\n", repairing->objects, repairing->objects == 1 ? "" : "s",
           is_whole ? "" : " so far", count, executes ? "repaired" : "to be repaired", count > 0 ? next : "");
}

static bool judge(const struct repairing *repairing, struct error *error)
{
    uint64_t left = 0;
    for (unsigned outcome = 0; outcome < REPAIR_OUTCOMES; outcome++) {
        bool is_well = outcome == REPAIR_SOUND || outcome == REPAIR_CHANGED;
        left += is_well || (outcome == REPAIR_DONE && repairing->line->execute) ? 0 : repairing->outcomes[outcome];
    }
    return left == 0 || error_set(error, ERROR_DAMAGED, NULL, "%" PRIu64 " %s", left,
                                  left == 1 ? "object is not as it should be" : "objects are not as they should be");
}

bool command_repair(const struct command_line *line, struct error *error)
{
    struct repairing repairing = {.line = line, .is_bucket = config_is_bucket(&line->where)};
    if (line->bucket != NULL && !session_check_bucket(span_from_string(line->bucket), error))
        return false;
    stopping_watch();
    bool done = repairing.is_bucket || line->execute
                    ? backend_session_run(&line->where, repair_all, &repairing, error)
                    : backend_session_look(&line->where, repair_all, &repairing, error);
    if (done || repairing.objects > 0)
        tell_end(&repairing, done);
    if (!done && repairing.objects > 0) /* it has begun, and is not at its end */
        error->kind = ERROR_CANCELLED;
    return done && judge(&repairing, error);
}
