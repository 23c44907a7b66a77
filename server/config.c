/* server/config.c -- the table of options, and how one value of each kind is read. */
#include "server/config.h"

#include "runtime/base/assert.h"
#include "runtime/base/checked.h"
#include "runtime/base/decimal.h"
#include "server/config/ini.h"

#include <ctype.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum option_kind {
    OPTION_TEXT,     /* anything but nothing */
    OPTION_ADDRESS,  /* host:port, [ipv6]:port or :port */
    OPTION_BACKEND,  /* dir:PATH */
    OPTION_REGION,   /* a region as AWS names them */
    OPTION_DOMAIN,   /* a host name, kept in lower case; nothing is allowed */
    OPTION_FLAG,     /* yes or no; on the command line the name alone is yes */
    OPTION_CHOICE,   /* one of `allowed`, words separated by "|" */
    OPTION_NUMBER,   /* unsigned, or `word` for 0 */
    OPTION_INTEGER,  /* signed */
    OPTION_SIZE,     /* bytes, with K, M, G or T for powers of 1024 */
    OPTION_DURATION, /* seconds, or with ms, s, m or h */
};

struct option {
    const char *name;
    enum option_kind kind;
    size_t offset; /* in struct config */
    const char *default_text;
    const char *value_name;
    const char *allowed; /* choices */
    const char *word;    /* that stands for 0 */
    int64_t least;
    int64_t most; /* of sizes and durations in their smallest unit */
    const char *help;
};

#define AT(member) offsetof(struct config, member)

enum { DAY_MS = 24 * 60 * 60 * 1000 };

static const struct option OPTIONS[] = {
    {"config", OPTION_TEXT, AT(config), "", "FILE", .help = "INI file with these options as keys (zstd-level = 3)"},
    {"listen", OPTION_ADDRESS, AT(listen), "127.0.0.1:8014", "HOST:PORT",
     .help = "where S3 clients connect; port 0 takes a free one"},
    {"admin", OPTION_ADDRESS, AT(admin), "127.0.0.1:8015", "HOST:PORT",
     .help = "where /health, /ready, /metrics, /journal and /savings are; port 0 takes a free one"},
    {"backend", OPTION_BACKEND, AT(backend), "dir:./bale-data", "dir:PATH",
     .help = "where objects are kept: the folder of the embedded store"},
    {"credentials", OPTION_TEXT, AT(credentials), "", "FILE",
     .help = "INI file, one section per account: access_key, secret_key, id, role; without it (and without "
             "BALE_ACCESS_KEY and BALE_SECRET_KEY) one pair is made at first start, in the backend's folder"},
    {"region", OPTION_REGION, AT(region), "us-east-1", "NAME", .help = "the region that clients sign for"},
    {"domain", OPTION_DOMAIN, AT(domain), "", "NAME", .help = "serve BUCKET.NAME as well (virtual-host style)"},
    {"tls-cert", OPTION_TEXT, AT(tls_cert), "", "FILE",
     .help = "PEM: the certificate and its chain; both ports speak HTTPS then. SIGHUP reads both files again"},
    {"tls-key", OPTION_TEXT, AT(tls_key), "", "FILE", .help = "PEM: the certificate's key, without pass phrase"},
    {"raw", OPTION_FLAG, AT(raw), "no", "",
     .help = "be a plain S3 server, as a backend in tests: nothing is compressed or reserved, no ledger, no journal; a "
             "folder that is made so stays so"},
    {"shards", OPTION_NUMBER, AT(shards), "auto", "N", .word = "auto", .least = 1, .most = 256,
     .help = "threads that serve; auto: what the affinity mask and the cgroup's quota leave"},
    {"codec", OPTION_CHOICE, AT(codec), "auto", "NAME", .allowed = "auto|zstd|none",
     .help = "auto: compress what looks compressible; zstd: all; none: nothing"},
    {"zstd-level", OPTION_INTEGER, AT(zstd_level), "1", "N", .least = -7, .most = 19,
     .help = "higher is smaller and slower; above 6 on the codec threads"},
    {"codec-threads", OPTION_NUMBER, AT(codec_threads), "auto", "N", .word = "auto", .least = 1, .most = 256,
     .help = "threads for levels above 6; auto: as many as shards"},
    {"frame-buffers", OPTION_NUMBER, AT(frame_buffers), "16", "N", .least = 2, .most = 4096,
     .help = "buffers for bodies, each shard; uploads and downloads beyond them wait in line"},
    {"connections-max", OPTION_NUMBER, AT(connections_max), "auto", "N", .word = "auto", .least = 1, .most = 1000000,
     .help = "open connections, all shards; auto: from the limit of open files"},
    {"idle-timeout", OPTION_DURATION, AT(idle_timeout_ms), "75s", "TIME", .least = 1, .most = DAY_MS,
     .help = "a connection that waits for its next request is closed after this"},
    {"head-timeout", OPTION_DURATION, AT(head_timeout_ms), "20s", "TIME", .least = 1, .most = DAY_MS,
     .help = "from the first byte of a request's head to its last"},
    {"progress-timeout", OPTION_DURATION, AT(progress_timeout_ms), "60s", "TIME", .least = 1, .most = DAY_MS,
     .help = "a body or an answer of which no byte moves; slow progress is never cut"},
    {"drain-timeout", OPTION_DURATION, AT(drain_timeout_ms), "30s", "TIME", .least = 0, .most = DAY_MS,
     .help = "after SIGTERM: how long requests in flight may go on"},
    {"journal-poll", OPTION_DURATION, AT(journal_poll_ms), "2s", "TIME", .least = 100, .most = 3600 * 1000,
     .help = "how often the journal asks whether another replica has written; one small request each time"},
    {"catalogue-max-size", OPTION_SIZE, AT(catalogue_max_size), "1T", "BYTES", .least = 1 << 20, .most = 16LL << 40,
     .help = "address space that the catalogue may take (not memory, not disk)"},
    {"log-format", OPTION_CHOICE, AT(log_format), "text", "NAME", .allowed = "text|json",
     .help = "log lines on stderr"},
    {"log-level", OPTION_CHOICE, AT(log_level), "info", "NAME", .allowed = "error|warning|info|debug",
     .help = "the least that is logged; info has one line per request"},
};
enum { OPTIONS_COUNT = sizeof OPTIONS / sizeof OPTIONS[0] };

/* ---- one value ---- */

/* `origin` is how the option was named where it stands: "--shards", "BALE_SHARDS", "bale.ini:3: shards". */
struct setting {
    const struct option *option;
    const char *origin;
    const char *value;
};

static bool refuse(const struct setting *setting, struct error *error, const char *allowed)
{
    return error_set(error, ERROR_INVALID, NULL, "%s: \"%s\" is not allowed; allowed is %s", setting->origin,
                     setting->value, allowed);
}

static void *member(struct config *config, const struct option *option)
{
    return (char *)config + option->offset;
}

static void keep_text(char **member, const char *value)
{
    free(*member);
    *member = strdup(value);
    ASSERT(*member != NULL);
}

/* "host:port": the rest of the truth (does the host exist, is the port free) is found out by binding to it. */
static bool is_address(const char *value)
{
    const char *colon = strrchr(value, ':');
    uint64_t port;
    if (colon == NULL || !decimal_parse_range(span_from_string(colon + 1), 0, 65535, &port))
        return false;
    bool has_bracket = value[0] == '[' && colon > value + 1 && colon[-1] == ']';
    return has_bracket || memchr(value, ':', (size_t)(colon - value)) == NULL;
}

static bool read_address(const struct setting *setting, struct config *config, struct error *error)
{
    if (!is_address(setting->value))
        return refuse(setting, error, "HOST:PORT, [IPV6]:PORT or :PORT, with a port from 0 to 65535");
    keep_text(member(config, setting->option), setting->value);
    return true;
}

static bool read_backend(const struct setting *setting, struct config *config, struct error *error)
{
    if (strncmp(setting->value, "dir:", 4) != 0 || setting->value[4] == '\0')
        return refuse(setting, error, "dir:PATH, the folder of the embedded store");
    keep_text(member(config, setting->option), setting->value);
    return true;
}

static bool read_text(const struct setting *setting, struct config *config, struct error *error)
{
    if (setting->value[0] == '\0' && setting->option->default_text[0] != '\0')
        return refuse(setting, error, "any text that is not empty");
    keep_text(member(config, setting->option), setting->value);
    return true;
}

/* Names of AWS regions have up to 16 characters; more than 50 would not fit what is signed (server/auth). */
static bool read_region(const struct setting *setting, struct config *config, struct error *error)
{
    size_t size = strlen(setting->value);
    if (size < 1 || size > 50 || strspn(setting->value, "abcdefghijklmnopqrstuvwxyz0123456789-") != size)
        return refuse(setting, error, "up to 50 lower-case letters, digits and hyphens (us-east-1)");
    keep_text(member(config, setting->option), setting->value);
    return true;
}

static bool read_domain(const struct setting *setting, struct config *config, struct error *error)
{
    static const char LETTERS[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-.";
    size_t size = strlen(setting->value);
    if (strspn(setting->value, LETTERS) != size || setting->value[0] == '.' || size > 200)
        return refuse(setting, error, "a host name (s3.example.org), or nothing");
    char **domain = member(config, setting->option);
    keep_text(domain, setting->value);
    for (char *byte = *domain; *byte != '\0'; byte++)
        *byte = (char)tolower((unsigned char)*byte);
    return true;
}

static bool read_flag(const struct setting *setting, struct config *config, struct error *error)
{
    bool is_yes = strcmp(setting->value, "yes") == 0;
    if (!is_yes && strcmp(setting->value, "no") != 0)
        return refuse(setting, error, "yes or no");
    *(bool *)member(config, setting->option) = is_yes;
    return true;
}

static bool read_choice(const struct setting *setting, struct config *config, struct error *error)
{
    uint64_t *chosen = member(config, setting->option);
    struct span rest = span_from_string(setting->option->allowed);
    for (uint64_t index = 0;; index++) {
        size_t end = span_find(rest, '|');
        if (span_equal(span_take(rest, end), span_from_string(setting->value))) {
            *chosen = index;
            return true;
        }
        if (end == SIZE_MAX)
            return refuse(setting, error, setting->option->allowed);
        rest = span_skip(rest, end + 1);
    }
}

static bool refuse_number(const struct setting *setting, struct error *error)
{
    char allowed[96];
    const struct option *option = setting->option;
    (void)snprintf(allowed, sizeof allowed, "%sa number from %lld to %lld", option->word != NULL ? "auto, or " : "",
                   (long long)option->least, (long long)option->most);
    return refuse(setting, error, allowed);
}

static bool read_number(const struct setting *setting, struct config *config, struct error *error)
{
    const struct option *option = setting->option;
    uint64_t *number = member(config, option);
    if (option->word != NULL && strcmp(setting->value, option->word) == 0) {
        *number = 0;
        return true;
    }
    return decimal_parse_range(span_from_string(setting->value), (uint64_t)option->least, (uint64_t)option->most,
                               number) ||
           refuse_number(setting, error);
}

static bool read_integer(const struct setting *setting, struct config *config, struct error *error)
{
    const struct option *option = setting->option;
    bool is_negative = setting->value[0] == '-';
    uint64_t magnitude;
    if (!decimal_parse_range(span_from_string(setting->value + is_negative), 0, INT32_MAX, &magnitude))
        return refuse_number(setting, error);
    int64_t number = is_negative ? -(int64_t)magnitude : (int64_t)magnitude;
    if (number < option->least || number > option->most)
        return refuse_number(setting, error);
    *(int64_t *)member(config, option) = number;
    return true;
}

/* A decimal number and one of the units; `units[0]` has no suffix. */
struct unit {
    const char *suffix;
    uint64_t factor;
};

static bool read_with_unit(const struct setting *setting, const struct unit *units, struct config *config)
{
    size_t digits = strspn(setting->value, "0123456789");
    uint64_t number;
    if (!decimal_parse(span_of(setting->value, digits), &number))
        return false;
    for (const struct unit *unit = units; unit->suffix != NULL; unit++) {
        if (strcmp(setting->value + digits, unit->suffix) != 0)
            continue;
        const struct option *option = setting->option;
        if (!checked_multiply(number, unit->factor, &number) || number < (uint64_t)option->least ||
            number > (uint64_t)option->most)
            return false;
        *(uint64_t *)member(config, option) = number;
        return true;
    }
    return false;
}

static bool read_size(const struct setting *setting, struct config *config, struct error *error)
{
    static const struct unit UNITS[] = {{"", 1},           {"K", 1 << 10},    {"M", 1 << 20},
                                        {"G", 1ULL << 30}, {"T", 1ULL << 40}, {NULL, 0}};
    return read_with_unit(setting, UNITS, config) ||
           refuse(setting, error, "bytes, or with K, M, G or T behind the number (64G), from 1M to 16T");
}

static bool read_duration(const struct setting *setting, struct config *config, struct error *error)
{
    static const struct unit UNITS[] = {{"", 1000}, {"ms", 1}, {"s", 1000}, {"m", 60000}, {"h", 3600000}, {NULL, 0}};
    return read_with_unit(setting, UNITS, config) ||
           refuse(setting, error, "seconds, or with ms, s, m or h behind the number (30s, 500ms), at most 24h");
}

static bool read_setting(const struct setting *setting, struct config *config, struct error *error)
{
    switch (setting->option->kind) {
    case OPTION_TEXT:
        return read_text(setting, config, error);
    case OPTION_ADDRESS:
        return read_address(setting, config, error);
    case OPTION_BACKEND:
        return read_backend(setting, config, error);
    case OPTION_REGION:
        return read_region(setting, config, error);
    case OPTION_DOMAIN:
        return read_domain(setting, config, error);
    case OPTION_FLAG:
        return read_flag(setting, config, error);
    case OPTION_CHOICE:
        return read_choice(setting, config, error);
    case OPTION_NUMBER:
        return read_number(setting, config, error);
    case OPTION_INTEGER:
        return read_integer(setting, config, error);
    case OPTION_SIZE:
        return read_size(setting, config, error);
    case OPTION_DURATION:
        return read_duration(setting, config, error);
    }
    UNREACHABLE();
}

/* ---- the sources, from the weakest to the strongest ---- */

static const struct option *find_option(struct span name)
{
    for (unsigned i = 0; i < OPTIONS_COUNT; i++) {
        if (span_equal(name, span_from_string(OPTIONS[i].name)))
            return &OPTIONS[i];
    }
    return NULL;
}

/* The option that somebody meant: one that begins like it, or lacks or has one letter more. */
static const struct option *guess_option(struct span name)
{
    for (unsigned i = 0; i < OPTIONS_COUNT; i++) {
        struct span candidate = span_from_string(OPTIONS[i].name);
        if (name.size >= 3 && (span_starts_with(candidate, name) || span_starts_with(name, candidate)))
            return &OPTIONS[i];
    }
    return NULL;
}

static bool refuse_unknown(const char *origin, struct span name, struct error *error)
{
    const struct option *guess = guess_option(name);
    if (guess != NULL)
        return error_set(error, ERROR_INVALID, NULL, "%s: there is no such option; did you mean %s?", origin,
                         guess->name);
    return error_set(error, ERROR_INVALID, NULL, "%s: there is no such option; baled --help lists all", origin);
}

static void apply_defaults(struct config *config)
{
    for (unsigned i = 0; i < OPTIONS_COUNT; i++) {
        struct setting setting = {&OPTIONS[i], "default", OPTIONS[i].default_text};
        struct error error;
        if (!read_setting(&setting, config, &error))
            UNREACHABLE(); /* the table contradicts itself */
    }
    keep_text(&config->access_key, "");
    keep_text(&config->secret_key, "");
}

static bool apply_ini_entry(const struct ini_file *file, const struct ini_entry *entry, struct config *config,
                            struct error *error)
{
    char origin[512];
    (void)snprintf(origin, sizeof origin, "%s:%u: %s", file->path, entry->line, entry->name);
    if (entry->section[0] != '\0')
        return ini_refuse(file, entry, error, "options stand outside of sections, %s is in [%s]", entry->name,
                          entry->section);
    const struct option *option = find_option(span_from_string(entry->name));
    if (option == NULL || option->offset == AT(config))
        return refuse_unknown(origin, span_from_string(entry->name), error);
    struct setting setting = {option, origin, entry->value};
    return read_setting(&setting, config, error);
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

enum { VARIABLE_NAME_BYTES = 64 };

static void variable_name(const struct option *option, char ret_name[VARIABLE_NAME_BYTES])
{
    size_t size = (size_t)snprintf(ret_name, VARIABLE_NAME_BYTES, "BALE_%s", option->name);
    for (size_t i = 0; i < size; i++) {
        if (ret_name[i] == '-')
            ret_name[i] = '_';
        else if (ret_name[i] >= 'a' && ret_name[i] <= 'z')
            ret_name[i] -= 'a' - 'A';
    }
}

/* NULL when it is not set. */
static const char *find_variable(char *const *environment, const char *name)
{
    size_t size = strlen(name);
    for (; *environment != NULL; environment++) {
        if (strncmp(*environment, name, size) == 0 && (*environment)[size] == '=')
            return *environment + size + 1;
    }
    return NULL;
}

static bool apply_environment(char *const *environment, struct config *config, struct error *error)
{
    for (unsigned i = 0; i < OPTIONS_COUNT; i++) {
        char name[VARIABLE_NAME_BYTES];
        variable_name(&OPTIONS[i], name);
        const char *value = find_variable(environment, name);
        struct setting setting = {&OPTIONS[i], name, value};
        if (value != NULL && !read_setting(&setting, config, error))
            return false;
    }
    const char *access_key = find_variable(environment, "BALE_ACCESS_KEY");
    const char *secret_key = find_variable(environment, "BALE_SECRET_KEY");
    if ((access_key == NULL) != (secret_key == NULL))
        return error_set(error, ERROR_INVALID, NULL, "%s is set and %s is not: both or neither",
                         access_key != NULL ? "BALE_ACCESS_KEY" : "BALE_SECRET_KEY",
                         access_key != NULL ? "BALE_SECRET_KEY" : "BALE_ACCESS_KEY");
    keep_text(&config->access_key, access_key != NULL ? access_key : "");
    keep_text(&config->secret_key, secret_key != NULL ? secret_key : "");
    return true;
}

/* One option of the command line, which is one or two arguments. */
struct argument {
    const char *origin;          /* "--shards" or "--shards=3", as given */
    const struct option *option; /* NULL: there is none of that name */
    struct span name;
    const char *value; /* NULL: missing */
    int count;         /* of arguments */
};

static bool read_argument(int argc, char *const *argv, int index, struct argument *ret_argument, struct error *error)
{
    const char *text = argv[index];
    if (strncmp(text, "--", 2) != 0 || text[2] == '\0')
        return error_set(error, ERROR_INVALID, NULL, "%s: baled takes options only; baled --help lists them", text);
    struct span name = span_from_string(text + 2);
    size_t equals = span_find(name, '=');
    *ret_argument = (struct argument){.origin = text, .name = span_take(name, equals), .count = 1};
    ret_argument->option = find_option(ret_argument->name);
    if (equals != SIZE_MAX) {
        ret_argument->value = text + 2 + equals + 1;
    } else if (ret_argument->option != NULL && ret_argument->option->kind == OPTION_FLAG) {
        ret_argument->value = "yes";
    } else if (index + 1 < argc) {
        ret_argument->value = argv[index + 1];
        ret_argument->count = 2;
    }
    return true;
}

/* Calls for each option of the command line in order; `config_only`: only for --config. */
static bool apply_command_line(int argc, char *const *argv, bool config_only, struct config *config,
                               struct error *error)
{
    struct argument argument = {.count = 1};
    for (int index = 1; index < argc; index += argument.count) {
        if (!read_argument(argc, argv, index, &argument, error))
            return false;
        const struct option *option = argument.option;
        if (option == NULL)
            return refuse_unknown(argument.origin, argument.name, error);
        if (argument.value == NULL)
            return error_set(error, ERROR_INVALID, NULL, "--%s: its value is missing: --%s %s", option->name,
                             option->name, option->value_name);
        char origin[VARIABLE_NAME_BYTES];
        (void)snprintf(origin, sizeof origin, "--%s", option->name);
        struct setting setting = {option, origin, argument.value};
        if ((!config_only || option->offset == AT(config)) && !read_setting(&setting, config, error))
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

static bool load(int argc, char *const *argv, char *const *environment, struct config *config, struct error *error)
{
    /* which INI file is said by the stronger sources, so these are looked at first, and once more after it */
    const char *variable = find_variable(environment, "BALE_CONFIG");
    if (variable != NULL)
        keep_text(&config->config, variable);
    if (!apply_command_line(argc, argv, true, config, error))
        return false;
    if (config->config[0] != '\0' && !apply_ini_file(config, error))
        return false;
    return apply_environment(environment, config, error) && apply_command_line(argc, argv, false, config, error) &&
           check_pairs(config, error);
}

enum config_verdict config_load(int argc, char *const *argv, char *const *environment, struct config *ret_config,
                                struct error *error)
{
    *ret_config = (struct config){0};
    apply_defaults(ret_config);
    if (is_given(argc, argv, "--help") || is_given(argc, argv, "-h"))
        return CONFIG_HELP;
    if (is_given(argc, argv, "--version"))
        return CONFIG_VERSION;
    return load(argc, argv, environment, ret_config, error) ? CONFIG_READY : CONFIG_WRONG;
}

void config_free(struct config *config)
{
    for (unsigned i = 0; i < OPTIONS_COUNT; i++) {
        enum option_kind kind = OPTIONS[i].kind;
        if (kind == OPTION_TEXT || kind == OPTION_ADDRESS || kind == OPTION_BACKEND || kind == OPTION_REGION ||
            kind == OPTION_DOMAIN)
            free(*(char **)member(config, &OPTIONS[i]));
    }
    free(config->access_key);
    if (config->secret_key != NULL)
        explicit_bzero(config->secret_key, strlen(config->secret_key));
    free(config->secret_key);
    *config = (struct config){0};
}

const char *config_backend_folder(const struct config *config)
{
    return config->backend + strlen("dir:");
}

/* ---- help ---- */

static void help_allowed(const struct option *option, struct buffer *to)
{
    switch (option->kind) {
    case OPTION_CHOICE:
        buffer_append_format(to, " (%s)", option->allowed);
        break;
    case OPTION_NUMBER:
    case OPTION_INTEGER:
        buffer_append_format(to, " (%s%lld to %lld)", option->word != NULL ? "auto or " : "", (long long)option->least,
                             (long long)option->most);
        break;
    case OPTION_TEXT:
    case OPTION_ADDRESS:
    case OPTION_BACKEND:
    case OPTION_REGION:
    case OPTION_DOMAIN:
    case OPTION_FLAG:
    case OPTION_SIZE:
    case OPTION_DURATION:
        break;
    }
    if (option->default_text[0] != '\0')
        buffer_append_format(to, " [%s]", option->default_text);
    buffer_append_byte(to, '\n');
}

/* Words of `text` in lines of at most 100 columns, each beginning at column `indent`. */
static void help_text(const char *text, unsigned indent, struct buffer *to)
{
    size_t column = indent;
    for (const char *word = text; *word != '\0';) {
        size_t size = strcspn(word, " ");
        if (column + 1 + size > 100) {
            buffer_append_format(to, "\n%*s", (int)indent, "");
            column = indent;
        } else if (word != text) {
            buffer_append_byte(to, ' ');
            column++;
        }
        buffer_append(to, span_of(word, size));
        column += size;
        word += size + (word[size] == ' ');
    }
}

void config_help(struct buffer *to)
{
    buffer_append_string(to, "Usage: baled [--OPTION VALUE ...]\n\n"
                             "An S3 server that compresses what it stores. Each option can be given on the command "
                             "line, as a\nvariable (--zstd-level is BALE_ZSTD_LEVEL), or as a key of the INI file of "
                             "--config (zstd-level = 3);\nthe first of these wins. Allowed values stand in "
                             "parentheses, defaults in brackets.\n\n");
    for (unsigned i = 0; i < OPTIONS_COUNT; i++) {
        char name[VARIABLE_NAME_BYTES];
        (void)snprintf(name, sizeof name, "--%s %s", OPTIONS[i].name, OPTIONS[i].value_name);
        buffer_append_format(to, "  %-28s ", name);
        help_text(OPTIONS[i].help, 31, to);
        help_allowed(&OPTIONS[i], to);
    }
    buffer_append_string(to, "  --help, --version\n\n"
                             "Variables without an option: BALE_ACCESS_KEY and BALE_SECRET_KEY, one key pair for all; "
                             "NOTIFY_SOCKET\nas systemd sets it. Sizes take K, M, G, T; times take ms, s, m, h "
                             "(without: seconds).\nOf an option that stands without a value the name alone says yes; "
                             "elsewhere it is yes or no.\n");
}
