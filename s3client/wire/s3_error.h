/* s3client/wire/s3_error.h -- the errors of S3: one name each, from s3_errors.def.
 *
 * struct error carries the name as text (`error_set(error, ERROR_NOT_FOUND, S3_NoSuchKey, ...)`); status and default
 * message are looked up at the edge of the request. */
#pragma once

#define S3_ERROR_NAMED(name, code, status, message) extern const char S3_##name[];
#include "s3client/wire/s3_errors.def"
#undef S3_ERROR_NAMED

struct s3_error_entry {
    const char *code;
    int status;
    const char *message;
};

/* NULL when the code is not in the table. A constant S3_... is found without comparing text. */
const struct s3_error_entry *s3_error_find(const char *code);

/* The whole table, for docs and metrics. */
const struct s3_error_entry *s3_error_table(unsigned *ret_count);
