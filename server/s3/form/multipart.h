/* server/s3/form/multipart.h -- a body in multipart/form-data as it arrives: parts with their names, and their bytes.
 *
 * RFC 7578 over RFC 2046. A parser of bytes: no I/O, no allocation; fuzzed. The caller keeps a window of the bytes that
 * are not used yet and asks for one step after the other: each says how many bytes of the window it has used, and may
 * point into them. MULTIPART_WINDOW_BYTES are enough for any step; with fewer MULTIPART_MORE may come.
 *
 * A line of the body is a delimiter when behind "--boundary" stand "--", a space, a tab or the line's end; other lines
 * that begin so are data. Text before the first delimiter and behind the last one is skipped. */
#pragma once

#include "runtime/base/error.h"
#include "runtime/base/span.h"

#include <stdbool.h>
#include <stdint.h>

enum {
    MULTIPART_BOUNDARY_BYTES_MAX = 70,
    MULTIPART_HEADERS_BYTES_MAX = 4 << 10, /* of one part */
    MULTIPART_WINDOW_BYTES = 8 << 10,
};

enum multipart_kind {
    MULTIPART_MORE,     /* the window is too short to tell: read on */
    MULTIPART_SKIPPED,  /* nothing of interest was used up */
    MULTIPART_PART,     /* a part begins: name, filename */
    MULTIPART_DATA,     /* bytes of its content */
    MULTIPART_PART_END, /* its content is at its end */
    MULTIPART_END,      /* the last delimiter has come: what follows does not matter */
};

struct multipart_step {
    enum multipart_kind kind;
    size_t used;          /* bytes of the window */
    struct span name;     /* as it stands between the quotes: see multipart_unquote */
    struct span filename; /* the same; empty: none */
    struct span data;
};

enum multipart_state {
    MULTIPART_IN_PREAMBLE,
    MULTIPART_IN_DELIMITER, /* behind its boundary */
    MULTIPART_IN_HEADERS,
    MULTIPART_IN_CONTENT,
    MULTIPART_AT_END,
};

struct multipart {
    uint8_t delimiter[4 + MULTIPART_BOUNDARY_BYTES_MAX]; /* CR LF "--" boundary */
    size_t delimiter_size;
    enum multipart_state state;
    bool has_begun; /* the body's first byte is behind us */
};

/* Is a body of that Content-Type a form? */
bool multipart_is_form(struct span content_type);
/* MalformedPOSTRequest: the type names no boundary that can be one. */
bool multipart_begin(struct multipart *multipart, struct span content_type, struct error *error);
/* `is_last`: nothing comes behind the window. MalformedPOSTRequest: a part without a name or with broken or too many
 * headers, a delimiter line that is none, an end in the middle. */
bool multipart_next(struct multipart *multipart, struct span window, bool is_last, struct multipart_step *ret_step,
                    struct error *error);

/* A quoted text without its escapes: \" and \\ ; any other backslash stands for itself, as old browsers send paths.
 * `ret_text` has room for text.size bytes; how many came out is returned. */
size_t multipart_unquote(struct span text, uint8_t *ret_text);
