/* server/settings/settings.h -- settings of buckets: kept durable, seen by requests without a wait.
 *
 * A setting is a document, stored as the bytes that a GET of it answers, under (creation id of the bucket, kind). It is
 * written by settings_put and lasts until settings_delete or the end of the bucket; a bucket that is made again has
 * another creation id and so none of them.
 *
 * A request sees the settings of a bucket as one immutable `struct bucket_settings`, which it pins when it begins and
 * gives back at its end: what changes meanwhile is for the next one (spec/s3-settings.md, 537, 543). Whoever must know
 * what holds now, as at the commit of a write (536), pins once more. A pin that the shard's cache answers takes no
 * lock, does not suspend and allocates nothing. When put or delete return true the change is durable, and every request
 * of this process that begins later sees it, on every shard.
 *
 * Never open by default: what is not known is refused. A pin fails with ERROR_BUSY (503) when the settings of a bucket
 * that may have some cannot be had, or have not been confirmed for --settings-grace. A document that is damaged or does
 * not compile is in the pin as damaged: settings_are_whole is asked before rights are (server/s3/handle.c).
 *
 * A struct settings belongs to one shard, and all of this is used on its thread. */
#pragma once

#include "runtime/base/arena.h"
#include "runtime/base/error.h"
#include "runtime/base/span.h"
#include "runtime/fiber/fiber.h"
#include "runtime/metrics.h"
#include "store/bucket.h"

#include <stdbool.h>
#include <stdint.h>

/* The numbers stand in records of the journal: they are never used again. */
enum bucket_setting {
    SETTING_OWNERSHIP = 0,
    SETTING_ACL = 1,
    SETTING_PUBLIC_ACCESS_BLOCK = 2,
    SETTING_POLICY = 3,
    SETTING_CORS = 4,
    SETTING_TAGS = 5,
    SETTING_LIFECYCLE = 6,
    SETTING_ENCRYPTION = 7,
    SETTING_LOGGING = 8,
    SETTING_REQUEST_PAYMENT = 9,
    SETTING_ACCELERATE = 10,
    SETTINGS_COUNT,
};

enum {
    SETTING_DOCUMENT_BYTES_MAX = 512 << 10, /* of any kind */
    SETTING_COMPILED_BYTES_MAX = 8 << 20,   /* what all compiled settings of a bucket may take together */
    SETTINGS_READY_MS = 5000,               /* so long a request waits for the journal's first tick after a start */
};

/* A kind of setting: how its stored document becomes what requests ask. */
struct setting_kind {
    const char *name;          /* "policy": for people */
    size_t document_bytes_max; /* 0: the kind is not offered */
    /* Into the arena, which lives as long as the pin; the document does, too, so that the compiled form may point into
     * it. Does not suspend. NULL: nobody asks for a compiled form. False: it was stored by somebody who knew better, or
     * is damaged (ERROR_DAMAGED). */
    bool (*compile)(const struct bucket_info *bucket, struct span document, struct arena *arena,
                    const void **ret_compiled, struct error *error);
};

struct settings;        /* a shard's door to all of them */
struct settings_keeper; /* of the process (keeper.h) */
struct journal_home;    /* journal/home.h */
struct bucket_settings; /* those of one bucket, as one request sees them */

struct settings_options {
    struct settings_keeper *keeper; /* NULL: the backend keeps no settings. Every bucket has none then, and a change is
                                       refused with NotImplemented */
    const struct setting_kind *kinds; /* SETTINGS_COUNT of them */
    const struct journal_home *home;  /* where documents lie; of no keeper: not asked */
    size_t cache_bytes;               /* of this shard */
};

/* Exact in themselves, readable from any thread. */
struct settings_counters {
    metric_counter misses;  /* pins that the cache did not answer */
    metric_counter refused; /* pins that failed */
    metric_counter damaged; /* settings that were found damaged when they were read */
    metric_counter cache_buckets, cache_bytes;
};

struct settings *settings_open(const struct settings_options *options);
/* When nothing is pinned any more, on a fiber of the shard. */
SUSPENDS void settings_close(struct settings *settings);
/* Closed before; its counters can be read until then. */
void settings_free(struct settings *settings);
const struct settings_counters *settings_counters(const struct settings *settings);

/* ---- what requests ask ---- */

/* No setting at all: what a request has that is about no bucket. Need not be given back, but may be. */
const struct bucket_settings *settings_none(void);

/* ERROR_BUSY (SlowDown, 503): see above. *ret is never NULL when it succeeds; a bucket without settings has
 * settings_none. The bucket is the one that bucket_find returned. */
SUSPENDS bool settings_pin(struct settings *settings, const struct bucket_info *bucket,
                           const struct bucket_settings **ret, struct error *error);
void settings_unpin(struct settings *settings, const struct bucket_settings *pinned);

/* As stored, valid as long as the pin; empty: unset (or damaged). */
struct span settings_document(const struct bucket_settings *pinned, enum bucket_setting setting);
/* What the kind's compile has made of it. NULL: unset (or damaged). */
const void *settings_compiled(const struct bucket_settings *pinned, enum bucket_setting setting);
/* False (ERROR_DAMAGED, InternalError): one or more cannot be read, and nobody knows what they would forbid. Only who
 * replaces or removes settings as the bucket's owner may go on. */
bool settings_are_whole(const struct bucket_settings *pinned, struct error *error);

/* ---- changing them ---- */

/* The whole document, which is not empty and has been checked: what compile refuses is not stored (ERROR_INVALID,
 * MalformedXML). ERROR_BUSY (SlowDown): the journal does not take it now; it is as it was, or, when the error says so,
 * may become visible later. Others at the same time: one after another, and the last wins whole. */
SUSPENDS bool settings_put(struct settings *settings, const struct bucket_info *bucket, enum bucket_setting setting,
                           struct span document, struct error *error);
/* True also when there was none. */
SUSPENDS bool settings_delete(struct settings *settings, const struct bucket_info *bucket, enum bucket_setting setting,
                              struct error *error);

/* ---- the life of a bucket ---- */

/* Settings with which a bucket begins; SETTINGS_COUNT of them at most, each kind once. */
struct setting_document {
    enum bucket_setting setting;
    struct span document;
};

/* Before bucket_create, which is given the same creation id: the bucket appears with all of them or not at all.
 * `bucket` has the name, the owner and the creation id that it will have, which bucket_draw_creation_id has drawn. */
SUSPENDS bool settings_put_first(struct settings *settings, const struct bucket_info *bucket,
                                 const struct setting_document *documents, unsigned count, struct error *error);
/* After bucket_delete, or when bucket_create has failed: all of them go, and nobody waits for it. What cannot be
 * removed now is swept later. */
void settings_forget(struct settings *settings, uint64_t creation_id);
