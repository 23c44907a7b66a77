/* server/config/option.c -- how one value of each kind is read, and what --help says of it. */
#include "server/config/option.h"

#include "runtime/base/assert.h"
#include "runtime/base/checked.h"
#include "runtime/base/decimal.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- one value ---- */

static bool refuse(const struct setting *setting, struct error *error, const char *allowed)
{
    return error_set(error, ERROR_INVALID, NULL, "%s: \"%s\" is not allowed; allowed is %s", setting->origin,
                     setting->value, allowed);
}

static void *member(void *target, const struct option *option)
{
    return (char *)target + option->offset;
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

static bool read_address(const struct setting *setting, void *target, struct error *error)
{
    if (!is_address(setting->value))
        return refuse(setting, error, "HOST:PORT, [IPV6]:PORT or :PORT, with a port from 0 to 65535");
    keep_text(member(target, setting->option), setting->value);
    return true;
}

enum { BACKEND_BUCKET_BYTES_MAX = 63, BACKEND_PREFIX_BYTES_MAX = 512 };

/* What the backend makes of the name is found out by asking it. */
static bool is_bucket_and_prefix(const char *value)
{
    if (strncmp(value, "s3:", 3) != 0)
        return false;
    size_t bucket = strcspn(value + 3, "/");
    const char *prefix = value + 3 + bucket;
    return bucket >= 1 && bucket <= BACKEND_BUCKET_BYTES_MAX && strlen(prefix) <= BACKEND_PREFIX_BYTES_MAX;
}

static bool is_folder(const char *value)
{
    return strncmp(value, "dir:", 4) == 0 && value[4] != '\0';
}

static bool read_folder(const struct setting *setting, void *target, struct error *error)
{
    if (!is_folder(setting->value))
        return refuse(setting, error, "dir:PATH, the folder of the embedded store");
    keep_text(member(target, setting->option), setting->value);
    return true;
}

static bool read_backend(const struct setting *setting, void *target, struct error *error)
{
    if (!is_folder(setting->value) && !is_bucket_and_prefix(setting->value))
        return refuse(setting, error, "dir:PATH, the folder of the embedded store, or s3:BUCKET[/PREFIX]");
    keep_text(member(target, setting->option), setting->value);
    return true;
}

static bool read_text(const struct setting *setting, void *target, struct error *error)
{
    if (setting->value[0] == '\0' &&
        (setting->option->default_text == NULL || setting->option->default_text[0] != '\0'))
        return refuse(setting, error, "any text that is not empty");
    keep_text(member(target, setting->option), setting->value);
    return true;
}

/* Names of AWS regions have up to 16 characters; more than 50 would not fit what is signed (server/auth). */
static bool read_region(const struct setting *setting, void *target, struct error *error)
{
    size_t size = strlen(setting->value);
    if (size < 1 || size > 50 || strspn(setting->value, "abcdefghijklmnopqrstuvwxyz0123456789-") != size)
        return refuse(setting, error, "up to 50 lower-case letters, digits and hyphens (us-east-1)");
    keep_text(member(target, setting->option), setting->value);
    return true;
}

static bool read_domain(const struct setting *setting, void *target, struct error *error)
{
    static const char LETTERS[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-.";
    size_t size = strlen(setting->value);
    if (strspn(setting->value, LETTERS) != size || setting->value[0] == '.' || size > 200)
        return refuse(setting, error, "a host name (s3.example.org), or nothing");
    char **domain = member(target, setting->option);
    keep_text(domain, setting->value);
    for (char *byte = *domain; *byte != '\0'; byte++)
        *byte = (char)tolower((unsigned char)*byte);
    return true;
}

static bool read_flag(const struct setting *setting, void *target, struct error *error)
{
    bool is_yes = strcmp(setting->value, "yes") == 0;
    if (!is_yes && strcmp(setting->value, "no") != 0)
        return refuse(setting, error, "yes or no");
    *(bool *)member(target, setting->option) = is_yes;
    return true;
}

static bool read_choice(const struct setting *setting, void *target, struct error *error)
{
    uint64_t *chosen = member(target, setting->option);
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

static bool read_number(const struct setting *setting, void *target, struct error *error)
{
    const struct option *option = setting->option;
    uint64_t *number = member(target, option);
    if (option->word != NULL && strcmp(setting->value, option->word) == 0) {
        *number = 0;
        return true;
    }
    return decimal_parse_range(span_from_string(setting->value), (uint64_t)option->least, (uint64_t)option->most,
                               number) ||
           refuse_number(setting, error);
}

static bool read_integer(const struct setting *setting, void *target, struct error *error)
{
    const struct option *option = setting->option;
    bool is_negative = setting->value[0] == '-';
    uint64_t magnitude;
    if (!decimal_parse_range(span_from_string(setting->value + is_negative), 0, INT32_MAX, &magnitude))
        return refuse_number(setting, error);
    int64_t number = is_negative ? -(int64_t)magnitude : (int64_t)magnitude;
    if (number < option->least || number > option->most)
        return refuse_number(setting, error);
    *(int64_t *)member(target, option) = number;
    return true;
}

/* A decimal number and one of the units; `units[0]` has no suffix. */
struct unit {
    const char *suffix;
    uint64_t factor;
};

static bool read_with_unit(const struct setting *setting, const struct unit *units, void *target)
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
        *(uint64_t *)member(target, option) = number;
        return true;
    }
    return false;
}

static bool refuse_size(const struct setting *setting, struct error *error)
{
    char allowed[128];
    const struct option *option = setting->option;
    (void)snprintf(allowed, sizeof allowed, "bytes, or with K, M, G or T behind the number (64G), from %lldM to %lldG",
                   (long long)option->least >> 20, (long long)option->most >> 30);
    return refuse(setting, error, allowed);
}

static bool read_size(const struct setting *setting, void *target, struct error *error)
{
    static const struct unit UNITS[] = {{"", 1},           {"K", 1 << 10},    {"M", 1 << 20},
                                        {"G", 1ULL << 30}, {"T", 1ULL << 40}, {NULL, 0}};
    return read_with_unit(setting, UNITS, target) || refuse_size(setting, error);
}

static bool read_duration(const struct setting *setting, void *target, struct error *error)
{
    static const struct unit UNITS[] = {{"", 1000}, {"ms", 1}, {"s", 1000}, {"m", 60000}, {"h", 3600000}, {NULL, 0}};
    return read_with_unit(setting, UNITS, target) ||
           refuse(setting, error, "seconds, or with ms, s, m or h behind the number (30s, 500ms), at most 24h");
}

static bool read_price(const struct setting *setting, void *target, struct error *error)
{
    size_t size = strlen(setting->value);
    char *end;
    double price = strtod(setting->value, &end);
    if (size == 0 || strspn(setting->value, "0123456789.") != size || *end != '\0' || price > 1e6)
        return refuse(setting, error, "a number from 0 to 1000000, with a point (0.023)");
    *(double *)member(target, setting->option) = price;
    return true;
}

bool option_read(const struct setting *setting, void *target, struct error *error)
{
    ASSERT(setting->value != NULL);
    switch (setting->option->kind) {
    case OPTION_TEXT:
        return read_text(setting, target, error);
    case OPTION_ADDRESS:
        return read_address(setting, target, error);
    case OPTION_BACKEND:
        return read_backend(setting, target, error);
    case OPTION_FOLDER:
        return read_folder(setting, target, error);
    case OPTION_REGION:
        return read_region(setting, target, error);
    case OPTION_DOMAIN:
        return read_domain(setting, target, error);
    case OPTION_FLAG:
        return read_flag(setting, target, error);
    case OPTION_CHOICE:
        return read_choice(setting, target, error);
    case OPTION_NUMBER:
        return read_number(setting, target, error);
    case OPTION_INTEGER:
        return read_integer(setting, target, error);
    case OPTION_SIZE:
        return read_size(setting, target, error);
    case OPTION_DURATION:
        return read_duration(setting, target, error);
    case OPTION_PRICE:
        return read_price(setting, target, error);
    }
    UNREACHABLE();
}

/* ---- a table ---- */

static bool is_text(const struct option *option)
{
    return option->kind == OPTION_TEXT || option->kind == OPTION_ADDRESS || option->kind == OPTION_BACKEND ||
           option->kind == OPTION_FOLDER || option->kind == OPTION_REGION || option->kind == OPTION_DOMAIN;
}

void option_table_default(const struct option_table *table, void *target)
{
    for (unsigned i = 0; i < table->count; i++) {
        struct setting setting = {&table->options[i], "default", table->options[i].default_text};
        struct error error;
        if (setting.value == NULL && is_text(setting.option))
            continue;
        if (!option_read(&setting, target, &error))
            UNREACHABLE(); /* the table contradicts itself */
    }
}

void option_table_free(const struct option_table *table, void *target)
{
    for (unsigned i = 0; i < table->count; i++) {
        if (is_text(&table->options[i]))
            free(*(char **)member(target, &table->options[i]));
    }
}

const struct option *option_find(const struct option_table *table, struct span name)
{
    for (unsigned i = 0; i < table->count; i++) {
        if (span_equal(name, span_from_string(table->options[i].name)))
            return &table->options[i];
    }
    return NULL;
}

/* The option that somebody meant: one that begins like it, or lacks or has one letter more. */
static const struct option *guess(const struct option_table *table, struct span name)
{
    for (unsigned i = 0; i < table->count; i++) {
        struct span candidate = span_from_string(table->options[i].name);
        if (name.size >= 3 && (span_starts_with(candidate, name) || span_starts_with(name, candidate)))
            return &table->options[i];
    }
    return NULL;
}

bool option_refuse_unknown(const struct option_table *table, const char *origin, struct span name, struct error *error)
{
    const struct option *meant = guess(table, name);
    if (meant != NULL)
        return error_set(error, ERROR_INVALID, NULL, "%s: there is no such option; did you mean %s?", origin,
                         meant->name);
    return error_set(error, ERROR_INVALID, NULL, "%s: there is no such option; %s --help lists all", origin,
                     table->command);
}

void option_variable(const struct option *option, char ret_name[OPTION_VARIABLE_BYTES])
{
    size_t size = (size_t)snprintf(ret_name, OPTION_VARIABLE_BYTES, "BALE_%s", option->name);
    ASSERT(size < OPTION_VARIABLE_BYTES);
    for (size_t i = 0; i < size; i++) {
        if (ret_name[i] == '-')
            ret_name[i] = '_';
        else if (ret_name[i] >= 'a' && ret_name[i] <= 'z')
            ret_name[i] -= 'a' - 'A';
    }
}

/* ---- one option of a command line ---- */

bool option_argument_read(const struct option_table *table, char *const *arguments,
                          struct option_argument *ret_argument, struct error *error)
{
    const char *text = arguments[0];
    struct span name = span_from_string(text + 2);
    size_t equals = span_find(name, '=');
    name = span_take(name, equals);
    const struct option *option = option_find(table, name);
    *ret_argument = (struct option_argument){.option = option, .count = 1};
    if (option == NULL)
        return option_refuse_unknown(table, text, name, error);
    if (equals != SIZE_MAX) {
        ret_argument->value = text + 2 + equals + 1;
    } else if (option->kind == OPTION_FLAG) {
        ret_argument->value = "yes";
    } else {
        ret_argument->value = arguments[1];
        ret_argument->count = 2;
    }
    return ret_argument->value != NULL || error_set(error, ERROR_INVALID, NULL, "--%s: its value is missing: --%s %s",
                                                    option->name, option->name, option->value_name);
}

bool option_argument_apply(const struct option_argument *argument, void *target, struct error *error)
{
    char origin[OPTION_VARIABLE_BYTES];
    (void)snprintf(origin, sizeof origin, "--%s", argument->option->name);
    struct setting setting = {argument->option, origin, argument->value};
    return option_read(&setting, target, error);
}

/* ---- help ---- */

void option_help_allowed(const struct option *option, struct buffer *to)
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
    case OPTION_FOLDER:
    case OPTION_REGION:
    case OPTION_DOMAIN:
    case OPTION_FLAG:
    case OPTION_SIZE:
    case OPTION_DURATION:
    case OPTION_PRICE:
        break;
    }
    bool is_off = option->kind == OPTION_FLAG && strcmp(option->default_text, "no") == 0;
    if (option->default_text != NULL && option->default_text[0] != '\0' && !is_off)
        buffer_append_format(to, " [%s]", option->default_text);
}

void option_help_text(const char *text, unsigned indent, struct buffer *to)
{
    size_t column = indent;
    for (const char *word = text; *word != '\0';) {
        size_t size = strcspn(word, " ");
        if (column + 1 + size > OPTION_HELP_COLUMNS) {
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

void option_table_help(const struct option_table *table, struct buffer *to)
{
    struct buffer text = {0};
    for (unsigned i = 0; i < table->count; i++) {
        const struct option *option = &table->options[i];
        char name[OPTION_VARIABLE_BYTES];
        (void)snprintf(name, sizeof name, "--%s %s", option->name, option->value_name);
        buffer_append_format(to, "  %-*s ", OPTION_HELP_INDENT - 3, name);
        buffer_clear(&text);
        buffer_append_string(&text, option->help);
        option_help_allowed(option, &text);
        buffer_append_byte(&text, '\0');
        option_help_text((const char *)text.data, OPTION_HELP_INDENT, to);
        buffer_append_byte(to, '\n');
    }
    buffer_free(&text);
}
