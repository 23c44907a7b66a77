/* server/config/prices.c -- a table, and what a file changes of it. */
#include "server/config/prices.h"

#include "runtime/base/decimal.h"
#include "server/config/ini.h"

#include <math.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

/* AWS's list for us-east-1, in USD. */
static const struct prices LIST = {
    .currency = "USD",
    .core_hour = 0.04,
    .list = 0.005,
    .classes = {{"STANDARD", 0.023, 0, 0.0004, 0.005, 0},
                {"INTELLIGENT_TIERING", 0.023, 0, 0.0004, 0.005, 0},
                {"STANDARD_IA", 0.0125, 128 << 10, 0.001, 0.01, 0.01},
                {"ONEZONE_IA", 0.01, 128 << 10, 0.001, 0.01, 0.01},
                {"GLACIER_IR", 0.004, 128 << 10, 0.01, 0.02, 0.03},
                {"GLACIER", 0.0036, 0, 0.0004, 0.03, 0.01},
                {"DEEP_ARCHIVE", 0.00099, 0, 0.0004, 0.05, 0.02}},
    .classes_count = 7,
};

static const struct {
    const char *name;
    size_t offset;
} MEMBERS[] = {{"month", offsetof(struct class_price, month)},
               {"least-size", offsetof(struct class_price, least_size)},
               {"get", offsetof(struct class_price, get)},
               {"put", offsetof(struct class_price, put)},
               {"retrieval", offsetof(struct class_price, retrieval)}};

static struct class_price *find(struct prices *prices, const char *name)
{
    for (unsigned i = 0; i < prices->classes_count; i++) {
        if (strcmp(prices->classes[i].name, name) == 0)
            return &prices->classes[i];
    }
    return NULL;
}

const struct class_price *prices_find(const struct prices *prices, const char *storage_class)
{
    for (unsigned i = 0; i < prices->classes_count; i++) {
        if (strcmp(prices->classes[i].name, storage_class) == 0)
            return &prices->classes[i];
    }
    return &prices->classes[0];
}

/* ---- the file ---- */

static bool read_number(const struct ini_file *file, const struct ini_entry *entry, double *ret_value,
                        struct error *error)
{
    char *end;
    double value = strtod(entry->value, &end);
    if (end == entry->value || *end != '\0' || !isfinite(value) || value < 0 || value > 1e12)
        return ini_refuse(file, entry, error, "%s is a number, 0 or more, not %s", entry->name, entry->value);
    *ret_value = value;
    return true;
}

static bool read_general(const struct ini_file *file, const struct ini_entry *entry, struct prices *prices,
                         struct error *error)
{
    if (strcmp(entry->name, "core-hour") == 0)
        return read_number(file, entry, &prices->core_hour, error);
    if (strcmp(entry->name, "list") == 0)
        return read_number(file, entry, &prices->list, error);
    if (strcmp(entry->name, "egress") == 0)
        return read_number(file, entry, &prices->egress, error);
    if (strcmp(entry->name, "currency") != 0)
        return ini_refuse(file, entry, error,
                          "there is no %s; before the first section stand currency, core-hour, list, egress",
                          entry->name);
    if (strlen(entry->value) >= PRICES_CURRENCY_BYTES || entry->value[0] == '\0' ||
        strpbrk(entry->value, "\"\\") != NULL)
        return ini_refuse(file, entry, error, "a currency has 1 to %d bytes, no quotes, no backslash",
                          PRICES_CURRENCY_BYTES - 1);
    memcpy(prices->currency, entry->value, strlen(entry->value) + 1);
    return true;
}

static bool read_of_class(const struct ini_file *file, const struct ini_entry *entry, struct prices *prices,
                          struct error *error)
{
    struct class_price *price = find(prices, entry->section);
    if (price == NULL) {
        if (prices->classes_count == PRICES_CLASSES || strlen(entry->section) >= PRICES_CLASS_BYTES)
            return ini_refuse(file, entry, error, "there are at most %d classes, with names of at most %d bytes",
                              PRICES_CLASSES, PRICES_CLASS_BYTES - 1);
        price = &prices->classes[prices->classes_count++];
        *price = prices->classes[0];
        memcpy(price->name, entry->section, strlen(entry->section) + 1);
    }
    for (unsigned i = 0; i < sizeof MEMBERS / sizeof MEMBERS[0]; i++) {
        if (strcmp(entry->name, MEMBERS[i].name) == 0)
            return read_number(file, entry, (double *)(void *)((char *)price + MEMBERS[i].offset), error);
    }
    return ini_refuse(file, entry, error, "there is no %s; a class has month, least-size, get, put, retrieval",
                      entry->name);
}

/* What the file changes of the list. */
static bool read_file_of(struct ini_file *file, struct prices *prices, struct error *error)
{
    bool done = true;
    for (unsigned i = 0; i < file->count && done; i++)
        done = file->entries[i].section[0] == '\0' ? read_general(file, &file->entries[i], prices, error)
                                                   : read_of_class(file, &file->entries[i], prices, error);
    ini_file_free(file);
    return done;
}

bool prices_load(const char *path, struct prices *ret_prices, struct error *error)
{
    struct ini_file file;
    *ret_prices = LIST;
    return path == NULL || (ini_file_load(path, &file, error) && read_file_of(&file, ret_prices, error));
}

bool prices_parse(const char *path, struct span text, struct prices *ret_prices, struct error *error)
{
    struct ini_file file;
    *ret_prices = LIST;
    return ini_file_parse(path, text, &file, error) && read_file_of(&file, ret_prices, error);
}
