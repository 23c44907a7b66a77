/* server/admin/admin.h -- what operators and their tools ask, on a listener of its own.
 *
 * No S3 keys. GET and HEAD change nothing; what changes something is a POST with the word of the control file,
 * or the operator's token, or through --admin-socket (server/admin/document.h, dictionaries.h, lifecycle.h). It runs on
 * shard 0 and reads what other shards count without stopping them.
 *
 *   /         a page that leads to the others: HTML for browsers, plain text for everybody else
 *   /health   200 as long as shard 0 turns its loop
 *   /ready    200 while requests are taken; 503 while the process drains, while the backend is away, or when the store
 *             can write nothing more. A journal in trouble wants an operator and no other process: it is a second line
 *   /metrics  Prometheus' text format, version 0.0.4
 *   /journal  what `bale journal --json` prints, of the journal as it runs here; 503 until it does
 *   /savings  what `bale savings --json` prints, as of now; 503 until the ledger has been read
 *   /fleet    what `bale fleet --json` prints: who serves this bucket; as a table for whoever accepts text/plain only
 *   /dict     what `bale dict list --json` prints; 503 until the journal has been read
 *   /maintain the job of `bale maintain` that runs, or ran last (server/admin/maintain.h)
 *   /lifecycle, /lifecycle/explain, /lifecycle/native  what lifecycle rules do (server/admin/lifecycle.h)
 *
 * Where a backend has no journal, or no ledger, /journal and /savings are 404 and say why. */
#pragma once

#include "runtime/fiber/loop.h"
#include "server/dictionaries/table.h"
#include "server/http/connection.h"
#include "server/journal_service.h"
#include "server/recompact/recompactor.h"
#include "server/report/metrics.h"
#include "server/s3/access_log/access_log.h"
#include "server/training/trainer.h"

/* What is shown of one shard. The pointers outlive the admin listener. */
struct admin_shard {
    const struct shard_metrics *metrics;
    const struct loop_counters *loop;
    const struct http_counters *http;
    const struct object_counters *object;
    const struct settings_counters *settings;
    const struct access_log_counters *access_log;
};

struct admin_view {
    const struct admin_shard *shards;
    unsigned shards_count;
    const struct backend *backend;
    const struct journal_service *journal; /* NULL: the backend says why (no_journal) */
    const struct fleet_member *member;
    const struct settings_keeper *keeper; /* NULL: the backend keeps no settings of buckets */
    const struct dictionary_keeper *dictionaries;
    struct dictionary_trainer *trainer;    /* NULL: there is no journal */
    struct lifecycle_runner *lifecycle;    /* NULL: nothing carries lifecycle rules out */
    const struct recompactor *recompactor; /* NULL: --recompact off */
    struct maintenance_jobs *maintenance;
    const char *control_word;      /* a change must bring this or admin_token; "": none can */
    const char *admin_token;       /* "": there is none */
    const struct keyring *keyring; /* server/keys/keyring.h; NULL: there is none */
    const struct kms *kms;         /* server/kms/kms.h; likewise */
    const _Atomic(bool) *is_ready;
    int64_t started_ms; /* wall clock */
};

/* An http_handler; `context` is a const struct admin_view *. */
SUSPENDS void admin_handle(struct http_exchange *exchange, void *context);

/* The text of /metrics: server/admin/prometheus.c. */
SUSPENDS void admin_write_metrics(const struct admin_view *view, struct buffer *to);
