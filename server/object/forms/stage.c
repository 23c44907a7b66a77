/* server/object/forms/stage.c -- the last stage of both directions: the store. */
#include "server/object/forms/stage.h"

#include "runtime/base/assert.h"

#include <string.h>

SUSPENDS static bool write_to_store(struct object_sink *sink, struct span bytes, struct error *error)
{
    return bucket_write(((struct store_sink *)sink)->writer, bytes, error);
}

void store_sink_init(struct store_sink *sink, struct bucket_writer *writer)
{
    *sink = (struct store_sink){.sink.write = write_to_store, .writer = writer};
}

SUSPENDS static bool read_from_store(struct object_source *source, uint64_t offset, void *ret_bytes, size_t size,
                                     struct error *error)
{
    return bucket_read(((struct store_source *)source)->object, offset, ret_bytes, size, error);
}

SUSPENDS bool object_source_read(struct object_source *source, uint64_t offset, void *ret_bytes, size_t size,
                                 struct error *error)
{
    if (source->whole.size == 0)
        return source->read(source, offset, ret_bytes, size, error);
    ASSERT(offset <= source->whole.size && size <= source->whole.size - offset);
    memcpy(ret_bytes, source->whole.data + offset, size);
    return true;
}

void store_source_init(struct store_source *source, struct bucket_object *object)
{
    *source = (struct store_source){
        .source = {.read = read_from_store, .size = object->attributes.stored_size, .whole = object->whole_body},
        .object = object,
    };
}
