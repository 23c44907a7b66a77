/* server/settings/snapshot.h -- all settings of one bucket, made once and then only read.
 *
 * Its memory is one arena: documents, and what their kinds have compiled of them. Belongs to one shard; freed when
 * neither the cache nor a request holds it. */
#pragma once

#include "server/settings/settings.h"

struct bucket_settings {
    unsigned holders; /* requests that have pinned it, and the cache */
    unsigned set;     /* a bit for each setting that is set */
    unsigned damaged; /* of these, the ones that cannot be read or do not compile */
    struct span documents[SETTINGS_COUNT];
    const void *compiled[SETTINGS_COUNT];
    struct arena arena;
};

/* With one holder, and nothing set. */
struct bucket_settings *snapshot_create(void);
/* Copies the document, and compiles the copy. What does not compile is damaged. */
void snapshot_add(struct bucket_settings *snapshot, const struct bucket_info *bucket, const struct setting_kind *kind,
                  enum bucket_setting setting, struct span document);
/* It is set, and what to nobody knows. */
void snapshot_add_damaged(struct bucket_settings *snapshot, enum bucket_setting setting);
/* settings_none() has no holders: both do nothing with it. */
void snapshot_hold(const struct bucket_settings *snapshot);
void snapshot_drop(const struct bucket_settings *snapshot);
/* What it takes, about. */
size_t snapshot_bytes(const struct bucket_settings *snapshot);
