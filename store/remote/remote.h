/* store/remote/remote.h -- the store in somebody's bucket: objects lie in an S3 bucket, packed down.
 *
 * It stands behind bucket.h. docs/backend.md says how it works and what each operation costs; docs/bucket-format.md has
 * everything that it writes, to the byte. Nothing is kept here that the bucket has not: the state folder holds a cache
 * of what was seen of objects, and may be lost at any time.
 *
 * In the home bucket, clients see one bucket, which holds the keys below `prefix`. With `is_all_buckets` each bucket of
 * the backend is a bucket, and the home bucket holds only what the fleet shares.
 *
 * Threads: remote_create and remote_destroy belong to the main thread, before the shards start and after they ended.
 * Each shard attaches on its own loop's thread before it uses the store, and detaches, on a fiber, before its loop
 * ends. Everything else is used through bucket.h on a fiber of an attached shard. */
#pragma once

#include "runtime/base/error.h"
#include "runtime/base/random.h"
#include "runtime/fiber/offload.h"
#include "s3client/s3client.h"
#include "store/bucket.h"
#include "store/remote/verdicts/verdicts.h"
#include "store/spool.h"
#include "store/storage_class.h"

enum {
    REMOTE_SHARDS_MAX = 256,
    REMOTE_PART_BYTES_LEAST = 5 << 20,
    REMOTE_PART_BYTES_DEFAULT = 8 << 20,
};

/* Texts stay as they are until the store is destroyed. */
struct remote_settings {
    struct s3_endpoint *endpoint;      /* outlives the store */
    const char *bucket;                /* the home bucket, as the backend calls it */
    const char *prefix;                /* of all keys in it; "": none */
    const char *name;                  /* what clients call it; NULL: as the backend does */
    const struct class_places *places; /* where objects of some storage classes go; NULL: nowhere */
    const char *default_class;         /* of the backend, of what clients put without one; NULL, "": STANDARD */
    bool is_all_buckets;
    bool writes_s4_sidecars;
    uint64_t part_bytes;                /* of stored parts; 0: REMOTE_PART_BYTES_DEFAULT */
    uint64_t memory_bytes;              /* for bodies on their way to the backend, all shards together; 0: 256 MiB */
    uint64_t sweep_every_ms;            /* how often leftovers of uploads are looked for; 0: never */
    uint64_t sweep_after_ms;            /* so long ago an upload must have ended */
    uint64_t forgotten_after_ms;        /* so old an upload of the backend must be that nobody knows; 0: it stays */
    const char *state;                  /* folder of the cache and the ledger's spool; NULL: there is neither */
    const uint8_t *ledger;              /* 16 bytes: which one is the fleet's */
    bool is_counted;                    /* `--ledger on`: what is done here is added to it */
    uint64_t settle_after_ms;           /* so long a request may still be carried out whose answer nobody has */
    uint64_t cache_bytes;               /* of that folder; 0: 256 MiB */
    unsigned shards;                    /* 1 .. REMOTE_SHARDS_MAX */
    struct offload *offload;            /* may be NULL (tools): then what would block it does */
    const struct random_source *random; /* NULL: the system's; nonces come from it */
    const struct clock *clock;          /* NULL: the system's */
    const struct veil *veil;            /* hashes of encrypted objects; NULL: they are not known */
    struct tier *tier;                  /* keeps stored bytes near; outlives the store. NULL: there is none */
    uint64_t tier_fresh_ms;             /* so old may be what the backend said, for what the tier has; 0: it is asked */
    bool trusts_named_tier;             /* ... of any age, where a client names the revision */
    struct s3_client_settings client;
};

struct tier; /* store/tier/tier.h: shards that attach to the store attach to it as well, and before */

struct bucket_store *remote_create(const struct remote_settings *settings, struct error *error);
/* Every shard must have detached. */
void remote_destroy(struct bucket_store *store);

/* The account id that all buckets belong to; before the shards attach. The text outlives the store. */
void remote_set_owner(struct bucket_store *store, const char *owner);

/* May parts of uploads begin with leads (docs/bucket-format.md), which early versions of Bale take for damage? They
 * may, until this says that they may not. Any thread. */
void remote_allow_leads(struct bucket_store *store, bool is_allowed);

void remote_attach_shard(struct bucket_store *store, unsigned shard);
/* Every object and writer of this shard must be closed. */
SUSPENDS void remote_detach_shard(struct bucket_store *store);

/* Before anything else is asked of the store, on the first shard, before others attach: is the backend there, and who
 * is it? The first to come tests what it can do and leaves the verdicts in the bucket; later starts read them. False:
 * one sentence that says what is wrong: the bucket, the endpoint, the region, the credential, the clock or the
 * certificate.
 */
SUSPENDS bool remote_begin(struct bucket_store *store, struct error *error);
/* Behind it, when the state folder is known to be this process's own and no copy of another's: gives up what an earlier
 * process of this folder had begun. */
SUSPENDS void remote_settle(struct bucket_store *store);
/* Tests everything anew and leaves the verdicts in the bucket: some 2,000 small requests, which clean up behind them.
 * What an earlier test has seen to fail in a race stays so, unless `forgets_races`. */
SUSPENDS bool remote_test(struct bucket_store *store, bool forgets_races, struct error *error);
/* What was tried, and what has come to light since. Any thread. */
struct verdicts remote_verdicts(const struct bucket_store *store);
/* True: something came to light while this process serves that an operator should know; the sentence says what. For
 * /ready; any thread. */
bool remote_warns(const struct bucket_store *store, struct error *ret_reason);

/* False: the backend has not answered of late; the sentence says why. For /ready; any thread. */
bool remote_is_ready(const struct bucket_store *store, struct error *error);
/* What a process does beside requests, on one shard, until the fiber is cancelled: asks whether the backend is there
 * when nothing of this process has had an answer of late, so that remote_is_ready knows before a client does; and
 * removes every sweep_every_ms what is left of uploads. */
SUSPENDS void remote_tend(struct bucket_store *store);

/* ---- lifecycle rules of the backend's own ---- */

enum { REMOTE_RULE_ID_BYTES = 256 };

/* One of the home bucket's that covers what is Bale's own there, and would remove it, or move it to another storage
 * class: its id; "": there is none. False: the backend does not tell its rules, or not now. */
SUSPENDS bool remote_find_native_rule(struct bucket_store *store, char ret_id[REMOTE_RULE_ID_BYTES],
                                      struct error *error);

/* ---- the savings ledger: store/remote/ledger/ledger.h ---- */

/* NULL: it is off, or there is no state folder, or the backend does not decide conditional PUTs. After remote_begin. */
struct spool *remote_spool(const struct bucket_store *store);
/* What the ledger would count for a bucket if it began now: a LIST, and a HEAD of each key that this process has not
 * seen. What is written meanwhile may be in it or not. */
SUSPENDS bool remote_count(struct bucket_store *store, struct span bucket, struct ledger_amounts *ret_amounts,
                           struct error *error);
/* Are there objects that it counts, from before this process began? The first ones of the first buckets are looked at;
 * a clock that is behind the backend's may miss them. */
SUSPENDS bool remote_holds_counted(struct bucket_store *store, bool *ret_holds, struct error *error);
/* How often somebody has counted the objects anew (journal/savings/recounts.h): what was under way then is not counted
 * afterwards. Until it is known, nothing of an earlier process is settled. Any thread. */
void remote_note_recounts(struct bucket_store *store, uint64_t recounts);
struct remote_ledger_figures {
    uint64_t intents_open;      /* requests under way, and those of which nobody knows yet what came */
    uint64_t entries_unwritten; /* the disk refused them: a crash would have lost them */
};
/* Any thread. */
void remote_ledger_figures(const struct bucket_store *store, struct remote_ledger_figures *ret_figures);

/* ---- what was seen of keys ---- */

/* Of the file of rows in the state folder; zeros where there is none. Any thread. */
struct remote_rows_figures {
    uint64_t file_bytes;
    uint64_t written; /* rows */
    uint64_t lost;    /* rows that did not get there: too many at once, or no room on the disk */
};
void remote_rows_figures(const struct bucket_store *store, struct remote_rows_figures *ret_figures);

/* ---- the tier ---- */

/* There is one: forgets what it holds of a key, of the revision that was seen last and of the one that the bucket has
 * now. *ret_blocks: how many blocks that were. ERROR_NOT_FOUND: there is neither. ERROR_BUSY: some may be left. On an
 * attached shard. */
SUSPENDS bool remote_forget_near(struct bucket_store *store, const struct object_name *name, uint64_t *ret_blocks,
                                 struct error *error);

/* ---- for whoever looks for damage ---- */

/* Is the end of an open object what its metadata announce (docs/bucket-format.md)? Readers do without one that is
 * wrong: they walk the frames, and do not know what it alone says. */
enum remote_trailer {
    REMOTE_TRAILER_RIGHT, /* or none is announced */
    REMOTE_TRAILER_WRONG,
    REMOTE_TRAILER_WRONG_WITH_METADATA, /* ... and the metadata that its client gave were in it */
};
SUSPENDS bool remote_ask_trailer(struct bucket_object *object, enum remote_trailer *ret_trailer, struct error *error);

/* ---- for whoever reads the bucket with S4 as well ---- */

/* Do the metadata of an open object say all that S4 asks for? Those of large bodies were written before it was known.
 */
bool remote_tells_s4(const struct bucket_object *object);
/* Writes S4's sidecar beside an open object that Bale wrote, bound to this revision of it. *ret_written false: it is
 * one frame, or none, and needs no index; or its key is too long for one. */
SUSPENDS bool remote_write_sidecar(struct bucket_object *object, bool *ret_written, struct error *error);

/* ---- for whoever sweeps: store/remote/delete/leftovers.h ---- */

enum remote_leftover_fate {
    LEFTOVER_IS_ORPHAN,     /* nothing needs it: its object is gone, or has been another one for long */
    LEFTOVER_IS_NEEDED,     /* the object that it belongs to is there */
    LEFTOVER_IS_YOUNG,      /* so it was not looked at */
    LEFTOVER_IS_FOREIGN,    /* it is only called so */
    LEFTOVER_IS_UNREADABLE, /* the backend refuses it, or the object that it may belong to */
    LEFTOVER_HAS_GONE,
};
struct remote_leftover {
    struct span key; /* as a client would call it */
    uint64_t bytes;
    enum remote_leftover_fate fate;
};
struct remote_leftover_search {
    struct span prefix;    /* of keys that begin so, as a client would write them; the others are not even listed */
    uint64_t least_age_ms; /* by the backend's clock: what is younger is not looked at */
    /* Before each page of keys, of which none may be called like one. False ends the search; so with the next. */
    SUSPENDS bool (*go_on)(void *context, struct error *error);
    /* Each that is called like one. */
    SUSPENDS bool (*found)(void *context, const struct remote_leftover *leftover, struct error *error);
    void *context;
    uint64_t looked_at; /* filled in: keys that begin so, but those of Bale and of S4 itself */
};
/* Of a bucket that keeps no versions. */
SUSPENDS bool remote_find_leftovers(struct bucket_store *store, struct span bucket,
                                    struct remote_leftover_search *search, struct error *error);
/* *ret_fate is LEFTOVER_IS_ORPHAN: it was one still, and is removed. ERROR_CONFLICT: it was replaced meanwhile. */
SUSPENDS bool remote_remove_leftover(struct bucket_store *store, const struct object_name *name, uint64_t least_age_ms,
                                     enum remote_leftover_fate *ret_fate, struct error *error);

/* ---- counters ---- */

/* Of one shard; readable from any thread. */
struct remote_counters {
    metric_counter rows_found;        /* lookups that found what was last seen of a key */
    metric_counter rows_missed;       /* ... nothing */
    metric_counter rows_changed;      /* what was found was not what is there any more */
    metric_counter heads_shared;      /* opens that went by a HEAD which another one had sent */
    metric_counter heads_spared;      /* ... by what had been said before */
    metric_counter trailers_wrong;    /* announced, and not to be believed: the object is walked */
    metric_counter reads_resumed;     /* downloads that went on after a broken connection */
    metric_counter reads_changed;     /* ... and could not, because the object had been replaced */
    metric_counter writes_again;      /* sent once more under another condition */
    metric_counter writes_resolved;   /* whose answer was lost, and that had been applied */
    metric_counter writes_unclear;    /* nobody knows whether they were applied */
    metric_counter intents_settled;   /* of the ledger: what came of them was found out afterwards */
    metric_counter intents_uncertain; /* ... could not be: they are counted as uncertain */
};
/* NULL: the shard never attached. */
const struct remote_counters *remote_counters(const struct bucket_store *store, unsigned shard);
const struct s3_client_counters *remote_client_counters(const struct bucket_store *store, unsigned shard);
