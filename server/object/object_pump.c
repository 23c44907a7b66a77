/* server/object/object_pump.c -- original bytes of one object become those of another. */
#include "s3client/wire/s3_error.h"
#include "server/object/codecs_private.h"

SUSPENDS static bool pump_pieces(struct object_reader *reader, struct object_writer *writer, uint64_t *ret_size,
                                 struct error *error)
{
    struct span piece;
    *ret_size = 0;
    do {
        if (!object_reader_next(reader, &piece, error) || !object_writer_put(writer, piece, error))
            return false;
        *ret_size += piece.size;
    } while (piece.size > 0);
    return true;
}

SUSPENDS static bool pump_all(struct object_codecs *codecs, struct bucket_object *source,
                              const struct object_name *name, const struct customer_key *customer, uint64_t first,
                              uint64_t size, struct object_writer *writer, struct object_digest *ret_digest,
                              struct error *error)
{
    struct object_reader *reader;
    uint64_t pumped;
    if (!object_reader_begin(codecs, source, name, customer, first, size, &reader, error))
        return false;
    bool ok = pump_pieces(reader, writer, &pumped, error);
    object_reader_end(reader);
    if (!ok || !object_writer_finish(writer, ret_digest, error))
        return false;
    return pumped == size ||
           error_set(error, ERROR_DAMAGED, S3_InternalError, "the source is shorter than its size says");
}

SUSPENDS bool object_pump(struct object_codecs *codecs, struct bucket_object *source, const struct object_name *name,
                          const struct customer_key *customer, uint64_t first, uint64_t size,
                          struct object_writer *writer, struct object_digest *ret_digest, struct error *error)
{
    if (!pump_take(codecs, error))
        return false;
    bool ok = pump_all(codecs, source, name, customer, first, size, writer, ret_digest, error);
    pump_give(codecs);
    return ok;
}
