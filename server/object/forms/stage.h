/* server/object/forms/stage.h -- what may lie between frames and the store: one interface for each direction.
 *
 * A sink takes framed bytes on their way in, a source gives them on their way out; each stage embeds one of them as its
 * first member and passes on to the next. There is one of each, the store itself. Frames are sealed before they come
 * here, where they are made. */
#pragma once

#include "store/bucket.h"

struct object_sink {
    /* The bytes have been taken when it returns. */
    SUSPENDS bool (*write)(struct object_sink *sink, struct span bytes, struct error *error);
};

struct object_source {
    /* Exactly [offset, offset + size), which lies inside. */
    SUSPENDS bool (*read)(struct object_source *source, uint64_t offset, void *ret_bytes, size_t size,
                          struct error *error);
    uint64_t size;
    struct span whole; /* all of it, when it is in memory anyway; else empty */
};

/* The same, from memory where it is. */
SUSPENDS bool object_source_read(struct object_source *source, uint64_t offset, void *ret_bytes, size_t size,
                                 struct error *error);

struct store_sink {
    struct object_sink sink;
    struct bucket_writer *writer;
};
void store_sink_init(struct store_sink *sink, struct bucket_writer *writer);

struct store_source {
    struct object_source source;
    struct bucket_object *object;
};
void store_source_init(struct store_source *source, struct bucket_object *object);
