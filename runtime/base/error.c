/* runtime/base/error.c -- filling struct error. */
#include "runtime/base/error.h"

#include "runtime/base/assert.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

bool error_set(struct error *error, enum error_kind kind, const char *code, const char *format, ...)
{
    ASSERT(error != NULL && kind != ERROR_NONE);
    error->kind = kind;
    error->code = code;
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(error->message, sizeof error->message, format, arguments);
    va_end(arguments);
    return false;
}

static enum error_kind kind_of_errno(int errno_value)
{
    switch (errno_value) {
    case ENOSPC:
    case EDQUOT:
        return ERROR_FULL;
    case ETIMEDOUT:
        return ERROR_TIMED_OUT;
    case ECANCELED:
        return ERROR_CANCELLED;
    case EPIPE:
    case ECONNRESET:
        return ERROR_CLOSED;
    default:
        return ERROR_IO;
    }
}

bool error_set_errno(struct error *error, int errno_value, const char *format, ...)
{
    ASSERT(error != NULL && errno_value > 0);
    error->kind = kind_of_errno(errno_value);
    error->code = NULL;
    va_list arguments;
    va_start(arguments, format);
    int written = vsnprintf(error->message, sizeof error->message, format, arguments);
    va_end(arguments);
    size_t used = written < 0 ? 0 : (size_t)written;
    if (used < sizeof error->message) {
        char reason[96];
        (void)snprintf(error->message + used, sizeof error->message - used, ": %s",
                       strerror_r(errno_value, reason, sizeof reason));
    }
    return false;
}

bool error_prepend(struct error *error, const char *format, ...)
{
    ASSERT(error != NULL && error->kind != ERROR_NONE);
    char before[ERROR_MESSAGE_BYTES];
    va_list arguments;
    va_start(arguments, format);
    int written = vsnprintf(before, sizeof before, format, arguments);
    va_end(arguments);
    size_t used = written < 0 ? 0 : (size_t)written;
    if (used >= sizeof before)
        used = sizeof before - 1;
    char after[ERROR_MESSAGE_BYTES];
    memcpy(after, error->message, sizeof after);
    after[sizeof after - 1] = '\0';
    memcpy(error->message, before, used);
    (void)snprintf(error->message + used, sizeof error->message - used, ": %s", after);
    return false;
}
