/* s3client/wire/s3_error.c -- the names of s3_errors.def, and the table behind them. */
#include "s3client/wire/s3_error.h"

#include <stddef.h>
#include <string.h>

#define S3_ERROR_NAMED(name, code, status, message) const char S3_##name[] = code;
#include "s3client/wire/s3_errors.def"
#undef S3_ERROR_NAMED

static const struct s3_error_entry table[] = {
#define S3_ERROR_NAMED(name, code, status, message) {S3_##name, status, message},
#include "s3client/wire/s3_errors.def"
#undef S3_ERROR_NAMED
};

enum { TABLE_COUNT = sizeof table / sizeof table[0] };

const struct s3_error_entry *s3_error_find(const char *code)
{
    if (code == NULL)
        return NULL;
    for (unsigned i = 0; i < TABLE_COUNT; i++)
        if (table[i].code == code)
            return &table[i];
    for (unsigned i = 0; i < TABLE_COUNT; i++) /* a code that came as text, from another server for example */
        if (strcmp(table[i].code, code) == 0)
            return &table[i];
    return NULL;
}

const struct s3_error_entry *s3_error_table(unsigned *ret_count)
{
    *ret_count = TABLE_COUNT;
    return table;
}
