/* server/config/config.c -- the table of baled's options, and the sources from which they are set. */
#include "server/config/config.h"

#include "runtime/base/assert.h"
#include "runtime/base/environment.h"
#include "server/config/backend_options.h"
#include "server/config/ini.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define AT(member) offsetof(struct config, member)

enum { DAY_MS = 24 * 60 * 60 * 1000 };

static const struct option OPTIONS[] = {
    {"config", OPTION_TEXT, AT(config), "", "FILE", .help = "INI file with these options as keys (zstd-level = 3)"},
    {"listen", OPTION_ADDRESS, AT(listen), "127.0.0.1:8014", "HOST:PORT",
     .help = "where S3 clients connect; port 0 takes a free one"},
    {"admin", OPTION_ADDRESS, AT(admin), "127.0.0.1:8015", "HOST:PORT",
     .help = "where /health, /ready, /metrics, /journal, /savings, /lifecycle, /tier, /fleet, /dict and /maintain are; "
             "port 0 "
             "takes a free "
             "one"},
    {"admin-token", OPTION_TEXT, AT(admin_token), "", "FILE",
     .help =
         "one line, readable by its owner alone: who sends it to --admin as a Bearer token may change things there; "
         "without it only tools on this machine may"},
    {"admin-socket", OPTION_TEXT, AT(admin_socket), "", "PATH",
     .help = "a socket in the file system with the same pages as --admin: who connects as the user of this process, or "
             "as root, may change things there without a token"},
    {"backend", OPTION_BACKEND, AT(backend), "dir:./bale-data", "KIND:NAME",
     .help =
         "where objects are kept: dir:PATH, the folder of the embedded store, or s3:BUCKET[/PREFIX], a bucket of an "
         "S3 server"},
    BACKEND_PLACE_OPTIONS(AT),
    {"state", OPTION_TEXT, AT(state), "./bale-state", "DIR",
     .help = "of s3: folder for a cache of what was seen, which may be lost, and for the first key pair"},
    BACKEND_BUCKET_OPTIONS(AT),
    {"replica-name", OPTION_TEXT, AT(replica_name), "", "NAME",
     .help = "what /fleet and bale fleet call this process; without it as the host is called"},
    {"fleet-card", OPTION_DURATION, AT(fleet_card_ms), "5m", "TIME", .least = 1000, .most = DAY_MS,
     .help = "of s3: how often this process writes into the bucket that it is there, for /fleet and bale fleet; one "
             "small request each time"},
    {"part-size", OPTION_SIZE, AT(part_size), "8M", "BYTES", .least = 5 << 20, .most = 1LL << 30,
     .help = "of s3: stored parts of large objects, from 5M to 1G"},
    {"cache-size", OPTION_SIZE, AT(cache_size), "256M", "BYTES", .least = 16 << 20, .most = 16LL << 40,
     .help = "of s3: most that the cache in --state takes on disk, at least 16M"},
    {"backend-memory", OPTION_SIZE, AT(backend_memory), "256M", "BYTES", .least = 16 << 20, .most = 16LL << 40,
     .help = "of s3: memory for bodies on their way to the backend, all shards, no more than the machine has; uploads "
             "beyond it wait in line"},
    {"tier", OPTION_TEXT, AT(tier), "", "DIR",
     .help = "of s3: folder on a disk of this machine where stored bytes are kept near; all of it may be lost"},
    {"tier-size", OPTION_SIZE, AT(tier_size), "10G", "BYTES", .least = 64 << 20, .most = 4LL << 40,
     .help = "of --tier: most that it takes on disk, at least 64M, and 16M for each shard"},
    {"tier-memory", OPTION_SIZE, AT(tier_memory), "0", "BYTES", .most = 1LL << 40,
     .help = "of s3: memory for stored bytes that were read of late, all shards, no more than the machine has; 0: 256M "
             "beside --tier, else none"},
    {"tier-write-limit", OPTION_SIZE, AT(tier_write_limit), "0", "BYTES", .most = 1LL << 50,
     .help = "of --tier: most that is written to it in a day; 0: as much as --tier-size"},
    {"tier-patience", OPTION_DURATION, AT(tier_patience_ms), "0", "TIME", .most = 60 * 1000,
     .help =
         "of --tier: how long its disk may take before the backend is asked instead; 0: by what the disk has shown, "
         "between 5 and 25 ms"},
    {"tier-fresh", OPTION_DURATION, AT(tier_fresh_ms), "0", "TIME", .most = DAY_MS,
     .help = "of --tier and --tier-memory: what they hold is given without asking the backend for so long after it was "
             "asked, so a GET may give what the key held up to TIME before it, also after others have overwritten, "
             "deleted or forbidden it; 0: each GET asks"},
    {"tier-pinned", OPTION_CHOICE, AT(tier_pinned), "current", "WORD", .allowed = "current|always",
     .help =
         "of --tier and --tier-memory: always: a GET whose If-Match or versionId names what they hold is given "
         "that without asking: no 412 after others have overwritten it, no 404 after they have deleted it; current: "
         "the backend is asked, as S3 does"},
    {"tier-prices", OPTION_TEXT, AT(tier_prices), "", "FILE",
     .help = "of --tier and --tier-memory: an INI file with other prices than AWS's list for us-east-1, as bale "
             "estimate has it, by which /tier says what they have saved"},
    {"upload-sweep", OPTION_DURATION, AT(upload_sweep_ms), "1h", "TIME", .least = 1000, .most = DAY_MS,
     .help = "of s3: time between two looks for what is left of uploads in parts"},
    {"upload-sweep-after", OPTION_DURATION, AT(upload_sweep_after_ms), "26h", "TIME", .least = 1000,
     .most = 365LL * DAY_MS,
     .help =
         "of s3: how long ago an upload must have ended; until then a lost answer to its completion is given again"},
    {"ledger", OPTION_CHOICE, AT(ledger), "on", "WORD", .allowed = "on|off",
     .help = "of s3: off: what is written, replaced and deleted here is not in the savings ledger; the same in all "
             "processes of one bucket"},
    {"ledger-settle", OPTION_DURATION, AT(ledger_settle_ms), "40s", "TIME", .most = DAY_MS,
     .help = "of s3: how long the backend may still carry out a request whose answer was lost; then what it did not do "
             "counts as not done"},
    {"upload-forgotten", OPTION_DURATION, AT(upload_forgotten_after_ms), "168h", "TIME", .most = 3650LL * DAY_MS,
     .help =
         "of s3: uploads of the backend that its credential began so long ago, and that nothing in the bucket names, "
         "are aborted; 0s: never"},
    BACKEND_HEADER_OPTIONS(AT),
    {"s4-sidecars", OPTION_FLAG, AT(s4_sidecars), "no", "",
     .help = "of s3: write S4's own index beside each object of several frames"},
    {"credentials", OPTION_TEXT, AT(credentials), "", "FILE",
     .help = "INI file, one section per account: access_key, secret_key, id, email, role; without it (and without "
             "BALE_ACCESS_KEY and BALE_SECRET_KEY) one pair is made at first start, in the backend's folder"},
    {"keyring", OPTION_TEXT, AT(keyring), "", "FILE",
     .help = "keys under which objects are encrypted whose clients ask for it (SSE-S3), made by bale keyring; "
             "without it encryption is refused"},
    {"sse", OPTION_CHOICE, AT(sse), "asked", "WORD", .allowed = "asked|s3|require",
     .help =
         "what is encrypted: asked: objects whose clients or buckets ask for it; s3: all that are written; require: "
         "likewise, and no other is read"},
    {"sse-c", OPTION_CHOICE, AT(sse_c), "on", "WORD", .allowed = "on|off",
     .help = "off: keys that clients bring along (SSE-C) are refused; without --keyring they are in any case"},
    {"sse-c-over-http", OPTION_CHOICE, AT(sse_c_over_http), "refuse", "WORD", .allowed = "refuse|allow",
     .help =
         "allow: keys that clients bring along are taken over plain HTTP, too, for a proxy in front that speaks TLS"},
    {"default-ownership", OPTION_CHOICE, AT(default_ownership), "BucketOwnerEnforced", "NAME",
     .allowed = "BucketOwnerEnforced|BucketOwnerPreferred|ObjectWriter",
     .help = "object ownership of a new bucket whose maker does not say: whose objects are, and whether ACLs count"},
    {"default-public-access-block", OPTION_CHOICE, AT(default_public_access_block), "off", "NAME", .allowed = "off|on",
     .help = "on: a new bucket refuses public ACLs and policies until its owner allows them"},
    {"trusted-proxies", OPTION_TEXT, AT(trusted_proxies), "", "LIST",
     .help = "addresses and ranges, with commas between them, whose X-Forwarded-For and X-Forwarded-Proto count in "
             "policies"},
    {"region", OPTION_REGION, AT(region), "us-east-1", "NAME", .help = "the region that clients sign for"},
    {"domain", OPTION_DOMAIN, AT(domain), "", "NAME", .help = "serve BUCKET.NAME as well (virtual-host style)"},
    {"tls-cert", OPTION_TEXT, AT(tls_cert), "", "FILE",
     .help = "PEM: the certificate and its chain; both ports speak HTTPS then. SIGHUP reads both files again"},
    {"tls-key", OPTION_TEXT, AT(tls_key), "", "FILE", .help = "PEM: the certificate's key, without pass phrase"},
    {"form-signature-v2", OPTION_CHOICE, AT(form_signature_v2), "on", "WORD", .allowed = "on|off",
     .help = "take web forms that are signed with signature version 2, beside those with version 4"},
    {"raw", OPTION_FLAG, AT(raw), "no", "",
     .help = "be a plain S3 server, as a backend in tests: nothing is compressed or reserved, no ledger, no journal; a "
             "folder that is made so stays so"},
    {"shards", OPTION_NUMBER, AT(shards), "auto", "N", .word = "auto", .least = 1, .most = 256,
     .help = "threads that serve; auto: what the affinity mask and the cgroup's quota leave"},
    {"codec", OPTION_CHOICE, AT(codec), "auto", "NAME", .allowed = "auto|zstd|gzip|none",
     .help =
         "auto: compress what looks compressible; zstd: all; gzip: into one gzip stream an object, for whoever reads "
         "the backend with gunzip; none: nothing"},
    {"zstd-level", OPTION_INTEGER, AT(zstd_level), "1", "N", .least = -7, .most = 19,
     .help = "higher is smaller and slower; above 6 on the codec threads"},
    {"class", OPTION_TEXT, AT(class_levels), "", "NAME=zstd:LEVEL[,backend:CLASS],...",
     .help =
         "storage classes whose objects are packed at a level of their own, when they are put, or moved by a lifecycle "
         "rule, and which class a bucket that they are stored in has them in: GLACIER_IR=zstd:19,backend:GLACIER_IR"},
    {"gzip-level", OPTION_INTEGER, AT(gzip_level), "1", "N", .least = 1, .most = 3,
     .help = "of --codec gzip: higher is smaller and slower"},
    {"columns", OPTION_CHOICE, AT(columns), "auto", "WORD", .allowed = "auto|on|off",
     .help =
         "columns of numbers, bare blocks of small objects: smaller, unreadable for S4; auto: on of dir, off of s3"},
    {"codec-threads", OPTION_NUMBER, AT(codec_threads), "auto", "N", .word = "auto", .least = 1, .most = 256,
     .help = "threads for levels above 6; auto: as many as shards"},
    {"frame-buffers", OPTION_NUMBER, AT(frame_buffers), "16", "N", .least = 2, .most = 4096,
     .help = "buffers for bodies, each shard; uploads and downloads beyond them wait in line"},
    {"frame-cache", OPTION_SIZE, AT(frame_cache), "64M", "BYTES", .least = 0, .most = 1LL << 40,
     .help = "memory for frames of objects that were decoded, each shard: who reads them, or ranges of them, again has "
             "them without decoding; no more in all than the machine has; 0: none"},
    {"dict", OPTION_CHOICE, AT(dict), "manual", "NAME", .allowed = "manual|auto|off",
     .help =
         "dictionaries for small objects: manual: those that bale dict train made; auto: made by the server itself, "
         "of what clients store; off: none for new objects"},
    {"dict-memory", OPTION_SIZE, AT(dict_memory), "64M", "BYTES", .least = 1 << 20, .most = 1LL << 40,
     .help = "memory for dictionaries that objects were compressed with, all shards; beyond it go those that nobody "
             "uses; no more than the machine has"},
    {"connections-max", OPTION_NUMBER, AT(connections_max), "auto", "N", .word = "auto", .least = 1, .most = 1000000,
     .help = "open connections, all shards; auto: from the limit of open files"},
    {"idle-timeout", OPTION_DURATION, AT(idle_timeout_ms), "75s", "TIME", .least = 1, .most = DAY_MS,
     .help = "a connection that waits for its next request is closed after this"},
    {"head-timeout", OPTION_DURATION, AT(head_timeout_ms), "20s", "TIME", .least = 1, .most = DAY_MS,
     .help = "from the first byte of a request's head to its last"},
    {"progress-timeout", OPTION_DURATION, AT(progress_timeout_ms), "60s", "TIME", .least = 1, .most = DAY_MS,
     .help = "a body or an answer of which no byte moves; slow progress is never cut"},
    {"drain-delay", OPTION_DURATION, AT(drain_delay_ms), "0s", "TIME", .least = 0, .most = DAY_MS,
     .help = "after SIGTERM: how long /ready says 503 before no connection is taken any more; what load balancers need "
             "to notice"},
    {"drain-timeout", OPTION_DURATION, AT(drain_timeout_ms), "30s", "TIME", .least = 0, .most = DAY_MS,
     .help = "after SIGTERM, and --drain-delay: how long requests in flight may go on"},
    {"journal-poll", OPTION_DURATION, AT(journal_poll_ms), "1500ms", "TIME", .least = 100, .most = 3600 * 1000,
     .help = "how often the journal asks whether another replica has written; one small request each time"},
    {"settings-grace", OPTION_DURATION, AT(settings_grace_ms), "5m", "TIME", .least = 1000, .most = DAY_MS,
     .help = "how long known settings of buckets hold while the journal cannot be read; then what they could forbid is "
             "refused"},
    {"settings-sweep", OPTION_DURATION, AT(settings_sweep_ms), "10m", "TIME", .least = 1000, .most = DAY_MS,
     .help = "time between two looks for settings that no bucket needs any more; what is found twice is removed"},
    {"settings-cache", OPTION_SIZE, AT(settings_cache), "64M", "BYTES", .least = 1 << 20, .most = 16LL << 40,
     .help = "memory for settings of buckets that requests asked for, all shards"},
    {"lifecycle-pace", OPTION_NUMBER, AT(lifecycle_pace), "1000", "N", .least = 0, .most = 1000000,
     .help = "lifecycle rules: how many versions are removed, marked as deleted or moved, a second; 0: none, rules are "
             "kept and not carried out"},
    {"lifecycle-day", OPTION_DURATION, AT(lifecycle_day_ms), "24h", "TIME", .least = 100, .most = DAY_MS,
     .help = "how long a day of lifecycle rules is, to try them out; objects fall due when it is over"},
    {"lifecycle-takeover", OPTION_DURATION, AT(lifecycle_takeover_ms), "5m", "TIME", .least = 1000, .most = DAY_MS,
     .help =
         "how long a sweep by lifecycle rules, or a job of bale maintain, must have stood still before another replica "
         "takes it over"},
    {"recompact", OPTION_CHOICE, AT(recompact), "off", "WORD", .allowed = "off|idle",
     .help = "idle: what has lain for a while is packed anew at level 9, or at a higher one of its class, when nothing "
             "else wants the processor; of dir alone"},
    {"recompact-after", OPTION_DURATION, AT(recompact_after_ms), "168h", "TIME", .least = 0,
     .most = INT64_C(3660) * DAY_MS, .help = "of --recompact idle: how long nobody must have changed an object"},
    {"recompact-pace", OPTION_SIZE, AT(recompact_pace), "8M", "BYTES", .least = 1 << 20, .most = 1LL << 30,
     .help = "of --recompact idle: how many original bytes are packed a second at most"},
    {"access-log-period", OPTION_DURATION, AT(access_log_period_ms), "1m", "TIME", .least = 1000, .most = 5 * 60 * 1000,
     .help = "how long lines of a bucket's access log are gathered before they are written as an object"},
    {"catalogue-max-size", OPTION_SIZE, AT(catalogue_max_size), "1T", "BYTES", .least = 1 << 20, .most = 16LL << 40,
     .help = "address space that the catalogue may take (not memory, not disk)"},
    {"log-format", OPTION_CHOICE, AT(log_format), "text", "NAME", .allowed = "text|json",
     .help = "log lines on stderr"},
    {"log-level", OPTION_CHOICE, AT(log_level), "info", "NAME", .allowed = "error|warning|info|debug",
     .help = "the least that is logged; info has one line per request"},
};
enum { OPTIONS_COUNT = sizeof OPTIONS / sizeof OPTIONS[0] };

static const struct option_table TABLE = {OPTIONS, OPTIONS_COUNT, "baled"};

const struct option_table *config_options(void)
{
    return &TABLE;
}

static void keep_text(char **member, const char *value)
{
    free(*member);
    *member = strdup(value);
    ASSERT(*member != NULL);
}

/* ---- the sources, from the weakest to the strongest ---- */

static bool apply_ini_entry(const struct ini_file *file, const struct ini_entry *entry, struct config *config,
                            struct error *error)
{
    char origin[512];
    (void)snprintf(origin, sizeof origin, "%s:%u: %s", file->path, entry->line, entry->name);
    if (entry->section[0] != '\0')
        return ini_refuse(file, entry, error, "options stand outside of sections, %s is in [%s]", entry->name,
                          entry->section);
    const struct option *option = option_find(&TABLE, span_from_string(entry->name));
    if (option == NULL || option->offset == AT(config))
        return option_refuse_unknown(&TABLE, origin, span_from_string(entry->name), error);
    struct setting setting = {option, origin, entry->value};
    return option_read(&setting, config, error);
}

static bool apply_ini_file(struct config *config, struct error *error)
{
    struct ini_file file;
    if (!ini_file_load(config->config, &file, error))
        return false;
    bool ok = true;
    for (unsigned i = 0; i < file.count && ok; i++)
        ok = apply_ini_entry(&file, &file.entries[i], config, error);
    ini_file_free(&file);
    return ok;
}

static bool apply_environment(char *const *environment, struct config *config, struct error *error)
{
    for (unsigned i = 0; i < OPTIONS_COUNT; i++) {
        char name[OPTION_VARIABLE_BYTES];
        option_variable(&OPTIONS[i], name);
        const char *value = environment_find(environment, name);
        struct setting setting = {&OPTIONS[i], name, value};
        if (value != NULL && !option_read(&setting, config, error))
            return false;
    }
    const char *access_key = environment_find(environment, "BALE_ACCESS_KEY");
    const char *secret_key = environment_find(environment, "BALE_SECRET_KEY");
    if ((access_key == NULL) != (secret_key == NULL))
        return error_set(error, ERROR_INVALID, NULL, "%s is set and %s is not: both or neither",
                         access_key != NULL ? "BALE_ACCESS_KEY" : "BALE_SECRET_KEY",
                         access_key != NULL ? "BALE_SECRET_KEY" : "BALE_ACCESS_KEY");
    keep_text(&config->access_key, access_key != NULL ? access_key : "");
    keep_text(&config->secret_key, secret_key != NULL ? secret_key : "");
    return true;
}

/* Calls for each option of the command line in order; `config_only`: only for --config. */
static bool apply_command_line(int argc, char *const *argv, bool config_only, struct config *config,
                               struct error *error)
{
    struct option_argument argument;
    for (int index = 1; index < argc; index += argument.count) {
        if (strncmp(argv[index], "--", 2) != 0 || argv[index][2] == '\0')
            return error_set(error, ERROR_INVALID, NULL, "%s: baled takes options only; baled --help lists them",
                             argv[index]);
        if (!option_argument_read(&TABLE, argv + index, &argument, error))
            return false;
        bool is_meant = !config_only || argument.option->offset == AT(config);
        if (is_meant && !option_argument_apply(&argument, config, error))
            return false;
    }
    return true;
}

static bool is_given(int argc, char *const *argv, const char *name)
{
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], name) == 0)
            return true;
    }
    return false;
}

static bool check_pairs(const struct config *config, struct error *error)
{
    bool has_certificate = config->tls_cert[0] != '\0';
    if (has_certificate == (config->tls_key[0] != '\0'))
        return true;
    return error_set(error, ERROR_INVALID, NULL, "--tls-%s is given and --tls-%s is not: both or neither",
                     has_certificate ? "cert" : "key", has_certificate ? "key" : "cert");
}

static bool check_tier(const struct config *config, struct error *error)
{
    bool has_tier = config->tier[0] != '\0' || config->tier_memory > 0;
    const char *of_tier = config->tier_fresh_ms > 0                     ? "tier-fresh"
                          : config->tier_pinned == CONFIG_PINNED_ALWAYS ? "tier-pinned"
                          : config->tier_prices[0] != '\0'              ? "tier-prices"
                                                                        : NULL;
    if (!config_is_bucket(config) && has_tier)
        return error_set(error, ERROR_INVALID, NULL, "--%s goes with --backend s3:BUCKET only",
                         config->tier[0] != '\0' ? "tier" : "tier-memory");
    return has_tier || of_tier == NULL ||
           error_set(error, ERROR_INVALID, NULL, "--%s goes with --tier or --tier-memory only", of_tier);
}

/* What only one kind of backend has is refused beside the other. */
static bool check_backend(const struct config *config, struct error *error)
{
    if (config_is_bucket(config) && config->raw)
        return error_set(error, ERROR_INVALID, NULL, "--raw goes with --backend dir:PATH only");
    if (config->recompact == CONFIG_RECOMPACT_IDLE && (config_is_bucket(config) || config->raw))
        return error_set(error, ERROR_INVALID, NULL, "--recompact idle goes with --backend dir:PATH only, not --raw");
    if (!config_is_bucket(config) && config->endpoint[0] != '\0')
        return error_set(error, ERROR_INVALID, NULL, "--endpoint goes with --backend s3:BUCKET only");
    return true;
}

/* A class has a level of zstd: where everything becomes something else, it would say what is not. */
static bool check_classes(const struct config *config, struct error *error)
{
    bool packs = config->codec == CONFIG_CODEC_AUTO || config->codec == CONFIG_CODEC_ZSTD;
    if (config->recompact == CONFIG_RECOMPACT_IDLE && !packs)
        return error_set(error, ERROR_INVALID, NULL, "--recompact idle goes with --codec auto or zstd only");
    return config->class_levels[0] == '\0' || packs ||
           error_set(error, ERROR_INVALID, NULL, "--class goes with --codec auto or zstd only");
}

static bool load(int argc, char *const *argv, char *const *environment, struct config *config, struct error *error)
{
    /* which INI file is said by the stronger sources, so these are looked at first, and once more after it */
    const char *variable = environment_find(environment, "BALE_CONFIG");
    if (variable != NULL)
        keep_text(&config->config, variable);
    if (!apply_command_line(argc, argv, true, config, error))
        return false;
    if (config->config[0] != '\0' && !apply_ini_file(config, error))
        return false;
    return apply_environment(environment, config, error) && apply_command_line(argc, argv, false, config, error) &&
           check_pairs(config, error) && check_backend(config, error) && check_tier(config, error) &&
           check_classes(config, error);
}

enum config_verdict config_load(int argc, char *const *argv, char *const *environment, struct config *ret_config,
                                struct error *error)
{
    *ret_config = (struct config){0};
    option_table_default(&TABLE, ret_config);
    keep_text(&ret_config->access_key, "");
    keep_text(&ret_config->secret_key, "");
    if (is_given(argc, argv, "--help") || is_given(argc, argv, "-h"))
        return CONFIG_HELP;
    if (is_given(argc, argv, "--version"))
        return CONFIG_VERSION;
    return load(argc, argv, environment, ret_config, error) ? CONFIG_READY : CONFIG_WRONG;
}

bool config_packs_columns(const struct config *config)
{
    bool wants =
        config->columns == CONFIG_COLUMNS_ON || (config->columns == CONFIG_COLUMNS_AUTO && !config_is_bucket(config));
    return wants && !config->raw && (config->codec == CONFIG_CODEC_AUTO || config->codec == CONFIG_CODEC_ZSTD);
}

void config_free(struct config *config)
{
    option_table_free(&TABLE, config);
    free(config->access_key);
    if (config->secret_key != NULL)
        explicit_bzero(config->secret_key, strlen(config->secret_key));
    free(config->secret_key);
    *config = (struct config){0};
}

bool config_is_bucket(const struct config *config)
{
    return strncmp(config->backend, "s3:", 3) == 0;
}

const char *config_folder(const struct config *config)
{
    return config_is_bucket(config) ? config->state : config->backend + strlen("dir:");
}

const char *config_backend_bucket(const struct config *config, char ret_bucket[64])
{
    ASSERT(config_is_bucket(config));
    const char *name = config->backend + strlen("s3:");
    size_t size = strcspn(name, "/");
    memcpy(ret_bucket, name, size);
    ret_bucket[size] = '\0';
    return name[size] == '/' ? name + size + 1 : name + size;
}

/* ---- help ---- */

void config_help(struct buffer *to)
{
    buffer_append_string(to, "Usage: baled [--OPTION VALUE ...]\n\n");
    option_help_text("An S3 server that compresses what it stores. Each option can be given on the command line, as a "
                     "variable (--zstd-level is BALE_ZSTD_LEVEL), or as a key of the INI file of --config (zstd-level "
                     "= 3); the first of these wins. Allowed values stand in parentheses, defaults in brackets.",
                     0, to);
    buffer_append_string(to, "\n\n");
    option_table_help(&TABLE, to);
    buffer_append_string(to, "  --help, --version\n\n");
    option_help_text("Variables without an option: BALE_ACCESS_KEY and BALE_SECRET_KEY, one key pair for all; "
                     "LISTEN_FDS, NOTIFY_SOCKET and WATCHDOG_USEC as systemd sets them. Sizes take K, M, G, T; times "
                     "take ms, s, m, h (without: seconds). Of an option that stands without a value the name alone "
                     "says yes; elsewhere it is yes "
                     "or no.",
                     0, to);
    buffer_append_byte(to, '\n');
}
