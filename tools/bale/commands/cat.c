/* tools/bale/commands/cat.c -- bale cat: an object's original bytes, as a client reads them. */
#include "server/dictionaries/table.h"
#include "server/object/object.h"
#include "tools/bale/command.h"
#include "tools/bale/session/backend_session.h"

#include <errno.h>
#include <unistd.h>

enum { FRAME_BUFFERS = 2, WAIT_MS = 10000 };

static bool write_all(struct span bytes, struct error *error)
{
    while (bytes.size > 0) {
        ssize_t written = write(STDOUT_FILENO, bytes.data, bytes.size);
        if (written < 0 && errno == EINTR)
            continue;
        if (written < 0)
            return error_set_errno(error, errno, "standard output");
        bytes = span_skip(bytes, (size_t)written);
    }
    return true;
}

SUSPENDS static bool print_object(struct object_codecs *codecs, struct bucket_object *object,
                                  const struct object_name *name, struct error *error)
{
    struct object_reader *reader;
    struct span piece = SPAN_EMPTY;
    bool done = object_reader_begin(codecs, object, name, 0, object->attributes.original_size, &reader, error);
    if (!done)
        return false;
    do
        done = object_reader_next(reader, &piece, error) && write_all(piece, error);
    while (done && piece.size > 0);
    object_reader_end(reader);
    return done;
}

SUSPENDS static bool cat(struct bucket_store *store, void *context, struct error *error)
{
    const struct object_name *name = context;
    struct dictionary_table *dictionaries = dictionary_table_create(DICTIONARY_BYTES_MAX);
    const struct object_settings settings = {
        .frame_buffers_max = FRAME_BUFFERS, .wait_ms = WAIT_MS, .dictionaries = dictionaries, .store = store};
    struct bucket_object *object;
    struct object_codecs *codecs = object_codecs_create(&settings);
    bool done = bucket_open(store, name, NULL, &object, error);
    if (done) {
        done = print_object(codecs, object, name, error);
        bucket_close(object);
    }
    object_codecs_destroy(codecs);
    dictionary_table_destroy(dictionaries);
    return done;
}

bool command_cat(const struct command_line *line, struct error *error)
{
    struct object_name name;
    return backend_session_name(line->target, &name, error) && backend_session_run(&line->where, cat, &name, error);
}
