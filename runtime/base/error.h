/* runtime/base/error.h -- the one error type.
 *
 * A function that can fail returns bool (true: it worked) and takes a `struct error *error` as its last argument,
 * which the caller owns and which is written only on failure. Never NULL.
 *
 * kind     what sort of trouble it is: decides what the caller does next.
 * code     an opaque, static string: for S3 the error code ("NoSuchKey"), else NULL. This floor never reads it.
 * message  a sentence for a person: what is wrong, and what to do where that is known. */
#pragma once

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

enum error_kind {
    ERROR_NONE = 0,
    ERROR_INVALID,     /* the caller's input is wrong */
    ERROR_DENIED,      /* not allowed */
    ERROR_NOT_FOUND,   /* the thing is not there */
    ERROR_CONFLICT,    /* a condition does not hold, or somebody else was first */
    ERROR_CHANGED,     /* the thing is not what it was when it was looked at first */
    ERROR_TOO_LARGE,   /* beyond a stated limit */
    ERROR_UNSUPPORTED, /* known, but not offered */
    ERROR_BUSY,        /* no room at the moment: try again later */
    ERROR_FULL,        /* no space left on the device, or in the map */
    ERROR_TIMED_OUT,   /* a deadline passed */
    ERROR_CANCELLED,   /* the caller's fiber was cancelled, or the process stops */
    ERROR_CLOSED,      /* the peer went away */
    ERROR_DAMAGED,     /* stored bytes do not match their checksum or format */
    ERROR_IO,          /* the system refused: errno is in the message */
};

enum { ERROR_MESSAGE_BYTES = 256 };

struct error {
    enum error_kind kind;
    const char *code;
    char message[ERROR_MESSAGE_BYTES];
};

/* Fills *error and returns false, so that a failing function ends with `return error_set(...)`.
 * A message that does not fit is cut. */
__attribute__((format(printf, 4, 5), cold)) bool error_set(struct error *error, enum error_kind kind, const char *code,
                                                           const char *format, ...);

/* The same from a positive errno value: kind by errno (ENOSPC and EDQUOT: ERROR_FULL, ETIMEDOUT: ERROR_TIMED_OUT,
 * ECANCELED: ERROR_CANCELLED, EPIPE and ECONNRESET: ERROR_CLOSED, else ERROR_IO); strerror is appended. */
__attribute__((format(printf, 3, 4), cold)) bool error_set_errno(struct error *error, int errno_value,
                                                                 const char *format, ...);

/* Puts `format: ` before the message that is there already; kind and code stay. Returns false. */
__attribute__((format(printf, 2, 3), cold)) bool error_prepend(struct error *error, const char *format, ...);
