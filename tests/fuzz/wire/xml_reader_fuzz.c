/* tests/fuzz/wire/xml_reader_fuzz.c -- any bytes as a document: the events do not depend on where the pieces are cut,
 * and what the writer writes is read back. */
#include "runtime/base/assert.h"
#include "s3client/wire/xml_reader.h"
#include "s3client/wire/xml_writer.h"

#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct trace {
    uint64_t hash;
    size_t text_bytes;
};

static void mix(struct trace *trace, unsigned depth, struct span bytes)
{
    trace->hash = (trace->hash ^ depth) * 0x100000001b3U;
    for (size_t i = 0; i < bytes.size; i++)
        trace->hash = (trace->hash ^ bytes.data[i]) * 0x100000001b3U;
}

static bool on_open(void *context, unsigned depth, struct span element, struct error *error)
{
    (void)error;
    ASSERT(depth < 16);
    mix(context, depth, element);
    return true;
}

static bool on_close(void *context, unsigned depth, struct span element, struct span text, struct error *error)
{
    (void)error;
    struct trace *trace = context;
    mix(trace, depth + 100, element);
    mix(trace, depth, text);
    ASSERT(text.size <= 64 << 10);
    trace->text_bytes = text.size;
    return true;
}

static bool read_pieces(struct span document, size_t piece, struct trace *trace)
{
    static const struct xml_handlers handlers = {.open = on_open, .close = on_close};
    struct error error;
    struct xml_reader *reader = xml_reader_create(&handlers, trace);
    bool good = true;
    while (good && document.size > 0) {
        struct span now = span_take(document, piece);
        good = xml_reader_feed(reader, now, &error);
        document = span_skip(document, now.size);
    }
    good = good && xml_reader_finish(reader, &error);
    xml_reader_destroy(reader);
    return good;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0 || size > 60000)
        return 0;
    struct span document = span_of(data + 1, size - 1);
    struct trace whole = {0};
    struct trace pieces = {0};
    bool good = read_pieces(document, SIZE_MAX, &whole);
    ASSERT(read_pieces(document, 1U + data[0] % 64U, &pieces) == good);
    ASSERT(!good || whole.hash == pieces.hash);

    struct buffer written;
    struct xml_writer writer;
    struct trace trace = {0};
    buffer_init(&written, 0);
    xml_begin(&writer, &written);
    xml_open_root(&writer, "R", XML_NAMESPACE_S3);
    xml_text(&writer, "K", span_take(document, 10000));
    xml_close(&writer);
    xml_end(&writer);
    ASSERT(read_pieces(buffer_span(&written), SIZE_MAX, &trace));
    buffer_free(&written);
    return 0;
}
