/* store/remote/verdicts/probe.h -- tries what a backend can do, on objects of its own below `.bale/probe/`. */
#pragma once

#include "store/remote/store.h"
#include "store/remote/verdicts/verdicts.h"

enum {
    PROBE_KEY_BYTES = 512 + 512, /* the longest prefix, and names with a segment of 300 bytes */
    PROBE_ARENA_BYTES = 4 << 20,
    PROBE_RACERS = 32,
    PROBE_COMPLETERS = 8,
    PROBE_ROUNDS = 3,
    PROBE_DELETE_ROUNDS = 12,
    PROBE_DUELS = 16,
    PROBE_DUEL_ROUNDS = 8,
    PROBE_READS = 1200,
};

/* One run; its keys begin with `base`. */
struct probe {
    struct remote *remote;
    struct remote_shard *shard;
    struct span bucket;
    char base[600];     /* prefix ".bale/probe/" nonce "/" */
    unsigned count;     /* of keys, so that each test has its own */
    struct arena arena; /* of keys and upload ids */
    struct verdicts *verdicts;
    bool is_down; /* the backend failed, instead of saying no: then nothing was found out */
    struct error error;
};

/* False: the backend failed in the middle; *error says how. Otherwise every verdict has been found. */
SUSPENDS bool probe_backend(struct remote *remote, struct verdicts *ret_verdicts, struct error *error);

/* ---- the tests: each sets the verdicts that it is about ---- */

SUSPENDS void probe_conditions(struct probe *probe);
SUSPENDS void probe_copies(struct probe *probe);
SUSPENDS void probe_names(struct probe *probe);
SUSPENDS void probe_labels(struct probe *probe);
SUSPENDS void probe_rest(struct probe *probe);
SUSPENDS void probe_versions(struct probe *probe);
SUSPENDS void probe_locks(struct probe *probe);

/* ---- what they are made of ---- */

static inline void probe_set(struct probe *probe, enum verdict verdict, bool holds)
{
    if (holds && !probe->is_down)
        probe->verdicts->held |= UINT64_C(1) << verdict;
}
static inline void probe_set_untried(struct probe *probe, enum verdict verdict)
{
    probe->verdicts->untried |= UINT64_C(1) << verdict;
}

/* A key that lives as long as the run: base, and what `format` makes. */
__attribute__((format(printf, 2, 3))) struct span probe_name(struct probe *probe, const char *format, ...);
/* A key of its own. */
static inline struct span probe_key(struct probe *probe)
{
    return probe_name(probe, "%u", probe->count++);
}

/* What a request came to. */
struct probed {
    int status;
    char etag[S3_ETAG_BYTES];       /* as sent */
    char version[S3_VERSION_BYTES]; /* "": none was named */
    bool is_delete_marker;
};
/* What an answer says; a backend that fails is noted, unless `may_fail`. */
struct probed probe_note(struct probe *probe, const struct s3_answer *answer, bool may_fail, const struct error *error);
/* Sends one request with one more header (NULL: none) and a small body (NULL: none). No answer and 5xx but 501 count as
 * a backend that is down, unless `may_fail`. */
SUSPENDS struct probed probe_send(struct probe *probe, enum s3_kind kind, struct span key,
                                  const struct http_field *header, const struct span *body, bool may_fail);
/* The same about a version of the key (NULL: about the key), with these headers. */
SUSPENDS struct probed probe_ask(struct probe *probe, enum s3_kind kind, struct span key, const char *version,
                                 const struct http_field *headers, unsigned headers_count, const char *body);
/* A bucket that is made for a test, for what cannot be undone in the home bucket: the probe's until it is removed. */
struct probe_bucket {
    char name[64];
    struct span home;
};
/* False: the credentials may not, or the backend has no such buckets. */
SUSPENDS bool probe_bucket_make(struct probe *probe, bool has_lock, struct probe_bucket *ret_bucket);
SUSPENDS void probe_bucket_remove(struct probe *probe, const struct probe_bucket *bucket);
SUSPENDS struct probed probe_put(struct probe *probe, struct span key, const char *body);
/* Does the key hold just this? */
SUSPENDS bool probe_holds(struct probe *probe, struct span key, const char *body);
SUSPENDS bool probe_is_absent(struct probe *probe, struct span key);
/* An upload of one part, ready to be completed; `ret_upload_id` lives as long as the run. */
SUSPENDS bool probe_upload(struct probe *probe, struct span key, const char *body, struct span *ret_upload_id,
                           char ret_etag[S3_ETAG_BYTES]);
SUSPENDS struct probed probe_complete(struct probe *probe, struct span key, struct span upload_id, const char *etag,
                                      const struct http_field *header);
/* Is it `412`, or what else a condition on nothing is answered with? */
static inline bool probe_is_refusal(const struct probed *probed)
{
    return probed->status == 412 || probed->status == 404 || probed->status == 409;
}
static inline bool probe_is_success(const struct probed *probed)
{
    return probed->status >= 200 && probed->status < 300;
}
