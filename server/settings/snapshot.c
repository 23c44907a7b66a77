/* server/settings/snapshot.c -- settings of one bucket in an arena of their own. */
#include "server/settings/snapshot.h"

#include "runtime/base/assert.h"
#include "s3client/wire/s3_error.h"

#include <stdlib.h>

/* Immutable: its holders are not counted. */
static const struct bucket_settings none;

const struct bucket_settings *settings_none(void)
{
    return &none;
}

struct bucket_settings *snapshot_create(void)
{
    struct bucket_settings *snapshot = calloc(1, sizeof *snapshot);
    ASSERT(snapshot != NULL);
    snapshot->holders = 1;
    arena_init(&snapshot->arena, (size_t)SETTINGS_COUNT * SETTING_DOCUMENT_BYTES_MAX + SETTING_COMPILED_BYTES_MAX);
    return snapshot;
}

void snapshot_add_damaged(struct bucket_settings *snapshot, enum bucket_setting setting)
{
    ASSERT(setting < SETTINGS_COUNT);
    snapshot->set |= 1U << setting;
    snapshot->damaged |= 1U << setting;
}

void snapshot_add(struct bucket_settings *snapshot, const struct bucket_info *bucket, const struct setting_kind *kind,
                  enum bucket_setting setting, struct span document)
{
    ASSERT(setting < SETTINGS_COUNT && document.size > 0);
    struct error error;
    const void *compiled = NULL;
    struct span copy = arena_copy(&snapshot->arena, document);
    if (copy.data == NULL ||
        (kind->compile != NULL && !kind->compile(bucket, copy, &snapshot->arena, &compiled, &error))) {
        snapshot_add_damaged(snapshot, setting);
        return;
    }
    snapshot->set |= 1U << setting;
    snapshot->documents[setting] = copy;
    snapshot->compiled[setting] = compiled;
}

void snapshot_hold(const struct bucket_settings *snapshot)
{
    if (snapshot != &none)
        ((struct bucket_settings *)snapshot)->holders++;
}

void snapshot_drop(const struct bucket_settings *snapshot)
{
    struct bucket_settings *mine = (struct bucket_settings *)snapshot;
    if (snapshot == &none)
        return;
    ASSERT(mine->holders > 0);
    if (--mine->holders > 0)
        return;
    arena_free(&mine->arena);
    free(mine);
}

size_t snapshot_bytes(const struct bucket_settings *snapshot)
{
    return snapshot == &none ? 0 : sizeof *snapshot + snapshot->arena.total;
}

struct span settings_document(const struct bucket_settings *pinned, enum bucket_setting setting)
{
    ASSERT(setting < SETTINGS_COUNT);
    return pinned->documents[setting];
}

const void *settings_compiled(const struct bucket_settings *pinned, enum bucket_setting setting)
{
    ASSERT(setting < SETTINGS_COUNT);
    return pinned->compiled[setting];
}

bool settings_are_whole(const struct bucket_settings *pinned, struct error *error)
{
    return pinned->damaged == 0 ||
           error_set(error, ERROR_DAMAGED, S3_InternalError,
                     "Settings of the bucket are damaged, and what they forbid is not known. Its owner can set them "
                     "anew or remove them; the log says which.");
}
