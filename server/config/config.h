/* server/config/config.h -- the options of baled: one table from which parsing, --help and every refusal come.
 *
 * An option is set on the command line (`--zstd-level 3` or `--zstd-level=3`; a flag is `--raw` or `--raw=no`), as an
 * environment variable (BALE_ZSTD_LEVEL), as a key of the INI file that --config names (`zstd-level = 3`), or it has
 * its default; the first of these that names it wins. Two settings come from the environment alone, because a command
 * line is seen by everybody: BALE_ACCESS_KEY and BALE_SECRET_KEY. */
#pragma once

#include "runtime/base/buffer.h"
#include "runtime/base/error.h"
#include "runtime/base/span.h"
#include "server/config/option.h"

#include <stdbool.h>
#include <stdint.h>

/* In the order of the choices in config.c's table. */
enum config_switch { CONFIG_ON, CONFIG_OFF };
enum config_recompact { CONFIG_RECOMPACT_OFF, CONFIG_RECOMPACT_IDLE };
enum config_columns { CONFIG_COLUMNS_AUTO, CONFIG_COLUMNS_ON, CONFIG_COLUMNS_OFF };
enum config_sse { CONFIG_SSE_ASKED, CONFIG_SSE_S3, CONFIG_SSE_REQUIRE };
enum config_codec { CONFIG_CODEC_AUTO, CONFIG_CODEC_ZSTD, CONFIG_CODEC_GZIP, CONFIG_CODEC_NONE };
enum config_dict { CONFIG_DICT_MANUAL, CONFIG_DICT_AUTO, CONFIG_DICT_OFF };
enum config_addressing { CONFIG_ADDRESSING_PATH, CONFIG_ADDRESSING_VIRTUAL };
enum config_ownership { CONFIG_BUCKET_OWNER_ENFORCED, CONFIG_BUCKET_OWNER_PREFERRED, CONFIG_OBJECT_WRITER };
enum config_pinned { CONFIG_PINNED_CURRENT, CONFIG_PINNED_ALWAYS };
enum config_log_format { CONFIG_LOG_TEXT, CONFIG_LOG_JSON };
enum config_log_level { CONFIG_LOG_ERROR, CONFIG_LOG_WARNING, CONFIG_LOG_INFO, CONFIG_LOG_DEBUG };

/* Texts belong to the config; "" where an option was not given and has no default. */
struct config {
    char *config; /* the INI file */
    char *listen;
    char *admin;
    char *admin_token;  /* a file; "": none */
    char *admin_socket; /* a path; "": none */
    char *backend;
    /* Of --backend s3: only. */
    char *endpoint; /* "": AWS, of backend_region */
    char *backend_region;
    uint64_t backend_addressing; /* enum config_addressing */
    char *backend_credentials;   /* a file; "": where the SDKs look */
    char *profile;
    char *ca_file;
    char *state; /* folder for what may be lost */
    bool all_buckets;
    char *bucket_name;
    char *store_name;   /* "": that of the bucket alone */
    char *replica_name; /* "": as the host is called */
    uint64_t fleet_card_ms;
    uint64_t part_size;
    uint64_t cache_size;
    char *tier; /* a folder; "": no disk */
    uint64_t tier_size;
    uint64_t tier_memory;      /* 0: a default beside `tier`, else none */
    uint64_t tier_write_limit; /* 0: tier_size */
    uint64_t tier_patience_ms; /* 0: by what the disk has shown */
    uint64_t tier_fresh_ms;    /* 0: each GET asks the backend */
    uint64_t tier_pinned;      /* enum config_pinned */
    char *tier_prices;         /* a file; "": AWS's list */
    uint64_t backend_memory;
    uint64_t upload_sweep_ms;
    uint64_t upload_sweep_after_ms;
    uint64_t upload_forgotten_after_ms;
    uint64_t ledger; /* enum config_switch */
    uint64_t ledger_settle_ms;
    char *backend_sse;
    char *storage_class;
    bool request_payer;
    bool s4_sidecars;

    char *credentials;
    char *keyring;              /* a file of keys; "": none */
    uint64_t sse;               /* enum config_sse */
    uint64_t sse_c;             /* enum config_switch */
    uint64_t sse_c_over_http;   /* 0: refused, 1: allowed */
    uint64_t default_ownership; /* enum config_ownership */
    uint64_t default_public_access_block;
    char *trusted_proxies;
    char *region;
    char *domain;
    char *tls_cert; /* given together with tls_key, or neither: plain HTTP */
    char *tls_key;
    uint64_t form_signature_v2; /* of web forms: 0: taken, 1: not */
    bool raw;                   /* a plain S3 server: nothing packed, nothing reserved, no ledger */
    uint64_t shards;            /* 0: as many as there are processors for us */
    uint64_t codec;             /* enum config_codec */
    int64_t zstd_level;
    char *class_levels;
    int64_t gzip_level;
    uint64_t columns;       /* enum config_columns */
    uint64_t codec_threads; /* 0: as many as shards */
    uint64_t frame_buffers; /* per shard */
    uint64_t frame_cache;   /* bytes, per shard */
    uint64_t dict;          /* enum config_dict */
    uint64_t dict_memory;
    uint64_t connections_max; /* 0: from the limit of open files */
    uint64_t idle_timeout_ms;
    uint64_t head_timeout_ms;
    uint64_t progress_timeout_ms;
    uint64_t drain_delay_ms;
    uint64_t drain_timeout_ms;
    uint64_t journal_poll_ms;
    uint64_t settings_grace_ms;
    uint64_t settings_sweep_ms;
    uint64_t settings_cache;
    uint64_t lifecycle_day_ms;
    uint64_t lifecycle_pace; /* actions a second; 0: none */
    uint64_t lifecycle_takeover_ms;
    uint64_t recompact; /* enum config_recompact */
    uint64_t recompact_after_ms;
    uint64_t recompact_pace; /* bytes a second */
    uint64_t access_log_period_ms;
    uint64_t catalogue_max_size;
    uint64_t log_format; /* enum config_log_format */
    uint64_t log_level;  /* enum config_log_level */

    char *access_key; /* from the environment; "": not given */
    char *secret_key;
};

enum config_verdict {
    CONFIG_READY,
    CONFIG_HELP,    /* --help was given: nothing else was looked at */
    CONFIG_VERSION, /* --version likewise */
    CONFIG_WRONG,   /* the error says which option, and what is allowed */
};

/* `environment` is as environ(7) has it. On any verdict config_free is due. */
enum config_verdict config_load(int argc, char *const *argv, char *const *environment, struct config *ret_config,
                                struct error *error);
void config_free(struct config *config);

/* What --help prints. */
void config_help(struct buffer *to);
const struct option_table *config_options(void);

/* Is it `s3:BUCKET[/PREFIX]`? */
bool config_is_bucket(const struct config *config);
/* Where this process keeps what is its own: the folder of `dir:PATH`, or --state. */
const char *config_folder(const struct config *config);
/* May frames be packed in columns? Whoever keeps objects in a bucket may want to read them with S4, which does not know
 * them. */
bool config_packs_columns(const struct config *config);
/* BUCKET and PREFIX ("": none) of `s3:BUCKET[/PREFIX]`. `ret_bucket` has 64 bytes. */
const char *config_backend_bucket(const struct config *config, char ret_bucket[64]);
