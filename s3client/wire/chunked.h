/* s3client/wire/chunked.h -- the chunked transfer coding, taken off as the bytes come (RFC 9112, section 7.1).
 *
 * A push parser: no I/O, no allocation, no copy; bytes may be cut anywhere; fuzzed. Strict where two readers could
 * disagree: hexadecimal digits only, CRLF only. Extensions and trailer fields are bounded and ignored. */
#pragma once

#include "runtime/base/error.h"
#include "runtime/base/span.h"

#include <stdbool.h>
#include <stdint.h>

enum {
    CHUNKED_LINE_BYTES_MAX = 256,        /* a chunk's size and its extensions */
    CHUNKED_TRAILER_BYTES_MAX = 8 << 10, /* all trailer fields together */
};

struct chunked_reader {
    enum chunked_state {
        CHUNKED_SIZE_FIRST,
        CHUNKED_SIZE,
        CHUNKED_BEFORE_EXTENSION,
        CHUNKED_EXTENSION,
        CHUNKED_SIZE_LF,
        CHUNKED_DATA,
        CHUNKED_DATA_CR,
        CHUNKED_DATA_LF,
        CHUNKED_TRAILER_FIRST,
        CHUNKED_TRAILER,
        CHUNKED_TRAILER_LF,
        CHUNKED_LAST_LF,
        CHUNKED_DONE,
    } state;
    unsigned framing_bytes; /* of this line, or of the trailer section */
    uint64_t size;          /* of the chunk: digits so far, then the bytes that are still to come */
};

void chunked_reader_init(struct chunked_reader *reader);

/* Consumes from *input, advancing it, until it has data (*ret_data, inside the input), or the input is used up, or the
 * body has ended; what follows the body is left in *input. False: IncompleteBody. */
bool chunked_reader_feed(struct chunked_reader *reader, struct span *input, struct span *ret_data, struct error *error);

bool chunked_reader_is_done(const struct chunked_reader *reader);

/* How many of the next bytes are data for certain; whoever takes them past the reader says so with _skip. */
uint64_t chunked_reader_data_ahead(const struct chunked_reader *reader);
void chunked_reader_skip(struct chunked_reader *reader, uint64_t size);
