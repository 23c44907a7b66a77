/* s3client/wire/chunked.c -- a state for each place where the bytes may be cut. */
#include "s3client/wire/chunked.h"

#include "runtime/base/assert.h"
#include "runtime/base/hex.h"
#include "s3client/wire/s3_error.h"

void chunked_reader_init(struct chunked_reader *reader)
{
    *reader = (struct chunked_reader){.state = CHUNKED_SIZE_FIRST};
}

bool chunked_reader_is_done(const struct chunked_reader *reader)
{
    return reader->state == CHUNKED_DONE;
}

uint64_t chunked_reader_data_ahead(const struct chunked_reader *reader)
{
    return reader->state == CHUNKED_DATA ? reader->size : 0;
}

void chunked_reader_skip(struct chunked_reader *reader, uint64_t size)
{
    ASSERT(size <= chunked_reader_data_ahead(reader));
    reader->size -= size;
    if (reader->state == CHUNKED_DATA && reader->size == 0)
        reader->state = CHUNKED_DATA_CR;
}

static bool is_control(uint8_t byte)
{
    return (byte < 0x20 && byte != '\t') || byte == 0x7f;
}

static bool add_digit(struct chunked_reader *reader, uint8_t byte)
{
    int digit = hex_digit_value(byte);
    if (digit < 0 || reader->size > (uint64_t)INT64_MAX >> 4)
        return false;
    reader->size = reader->size << 4 | (uint64_t)digit;
    reader->state = CHUNKED_SIZE;
    return true;
}

static bool after_size(struct chunked_reader *reader, uint8_t byte)
{
    switch (byte) {
    case '\r':
        reader->state = CHUNKED_SIZE_LF;
        return true;
    case ';':
        reader->state = CHUNKED_EXTENSION;
        return true;
    case ' ':
    case '\t':
        reader->state = CHUNKED_BEFORE_EXTENSION;
        return true;
    default:
        return add_digit(reader, byte);
    }
}

static void begin_chunk(struct chunked_reader *reader)
{
    reader->state = reader->size == 0 ? CHUNKED_TRAILER_FIRST : CHUNKED_DATA;
    reader->framing_bytes = 0;
}

static void end_chunk(struct chunked_reader *reader)
{
    reader->state = CHUNKED_SIZE_FIRST;
    reader->size = 0;
}

/* One byte of framing. False: it does not belong here. */
static bool step(struct chunked_reader *reader, uint8_t byte)
{
    enum chunked_state state = reader->state;
    switch (state) {
    case CHUNKED_SIZE_FIRST:
        return add_digit(reader, byte);
    case CHUNKED_SIZE:
        return after_size(reader, byte);
    case CHUNKED_BEFORE_EXTENSION:
        reader->state = byte == ';' ? CHUNKED_EXTENSION : state;
        return byte == ';' || byte == ' ' || byte == '\t';
    case CHUNKED_EXTENSION:
        reader->state = byte == '\r' ? CHUNKED_SIZE_LF : state;
        return byte == '\r' || !is_control(byte);
    case CHUNKED_SIZE_LF:
        begin_chunk(reader);
        return byte == '\n';
    case CHUNKED_DATA_CR:
        reader->state = CHUNKED_DATA_LF;
        return byte == '\r';
    case CHUNKED_DATA_LF:
        end_chunk(reader);
        return byte == '\n';
    case CHUNKED_TRAILER_FIRST:
        reader->state = byte == '\r' ? CHUNKED_LAST_LF : CHUNKED_TRAILER;
        return byte == '\r' || (byte > ' ' && !is_control(byte));
    case CHUNKED_TRAILER:
        reader->state = byte == '\r' ? CHUNKED_TRAILER_LF : state;
        return byte == '\r' || !is_control(byte);
    case CHUNKED_TRAILER_LF:
        reader->state = CHUNKED_TRAILER_FIRST;
        return byte == '\n';
    case CHUNKED_LAST_LF:
        reader->state = CHUNKED_DONE;
        return byte == '\n';
    case CHUNKED_DATA:
    case CHUNKED_DONE:
        break;
    }
    UNREACHABLE();
}

static bool is_in_bounds(const struct chunked_reader *reader)
{
    bool is_trailer = reader->state >= CHUNKED_TRAILER_FIRST;
    return reader->framing_bytes <= (is_trailer ? CHUNKED_TRAILER_BYTES_MAX : CHUNKED_LINE_BYTES_MAX);
}

bool chunked_reader_feed(struct chunked_reader *reader, struct span *input, struct span *ret_data, struct error *error)
{
    *ret_data = SPAN_EMPTY;
    while (input->size > 0 && reader->state != CHUNKED_DONE) {
        if (reader->state == CHUNKED_DATA) {
            *ret_data = span_take(*input, reader->size);
            *input = span_skip(*input, ret_data->size);
            chunked_reader_skip(reader, ret_data->size);
            return true;
        }
        reader->framing_bytes++;
        if (!step(reader, input->data[0]) || !is_in_bounds(reader))
            return error_set(error, ERROR_INVALID, S3_IncompleteBody, "The chunked transfer coding is broken.");
        *input = span_skip(*input, 1);
    }
    return true;
}
