/* tools/bale/commands/cat.c -- bale cat: an object's original bytes, as a client reads them, or what is right of them.
 */
#include "server/dictionaries/table.h"
#include "server/keys/keyring.h"
#include "server/object/object.h"
#include "tools/bale/command.h"
#include "tools/bale/files/body_file.h"
#include "tools/bale/session/backend_session.h"
#include "tools/bale/verify/damaged_range.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

enum { FRAME_BUFFERS = 2, WAIT_MS = 10000 };

struct printing {
    const struct command_line *line;
    struct object_name name;
    struct object_codecs *codecs;
    uint64_t left_out;       /* bytes */
    struct keyring *keyring; /* NULL: none was given */
};

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

/* From *position, which moves with what was written, to the end. */
SUSPENDS static bool print_from(struct printing *printing, struct bucket_object *object, uint64_t *position,
                                struct error *error)
{
    struct object_reader *reader;
    struct span piece = SPAN_EMPTY;
    const struct object_attributes *attributes = &object->attributes;
    uint64_t size = attributes->is_size_known ? attributes->original_size - *position : UINT64_MAX;
    bool done = object_reader_begin(printing->codecs, object, &printing->name, NULL, *position, size, &reader, error);
    if (!done)
        return false;
    do {
        done = object_reader_next(reader, &piece, error) && write_all(piece, error);
        *position += done ? piece.size : 0;
    } while (done && piece.size > 0);
    object_reader_end(reader);
    return done;
}

/* Bytes of one frame after the other that is wrong are left out, and said. */
SUSPENDS static bool print_object(struct printing *printing, struct bucket_object *object, struct error *error)
{
    uint64_t position = 0;
    while (!print_from(printing, object, &position, error)) {
        uint64_t end;
        struct error damage = *error;
        if (!printing->line->skip_damaged || error->kind != ERROR_DAMAGED || !object->attributes.is_size_known ||
            position == object->attributes.original_size)
            return false;
        if (!damaged_range_find(object, position, &end, error))
            return false;
        (void)fprintf(stderr, "bale cat: bytes %" PRIu64 " to %" PRIu64 " are left out: %s\n", position, end - 1,
                      damage.message);
        printing->left_out += end - position;
        position = end;
    }
    return printing->left_out == 0 ||
           error_set(error, ERROR_DAMAGED, NULL, "%" PRIu64 " of %" PRIu64 " bytes are damaged, and were left out",
                     printing->left_out, object->attributes.original_size);
}

SUSPENDS static bool print_stored(struct bucket_store *store, void *context, struct error *error)
{
    struct printing *printing = context;
    struct bucket_object *object;
    if (!bucket_open(store, &printing->name, NULL, &object, error))
        return false;
    bool done = print_object(printing, object, error);
    bucket_close(object);
    return done;
}

SUSPENDS static bool print_file(struct bucket_store *none, void *context, struct error *error)
{
    struct printing *printing = context;
    struct bucket_object *object;
    (void)none;
    if (!body_file_open(body_file_path(printing->line->target), printing->line->skip_damaged, &object, error))
        return false;
    bool done = print_object(printing, object, error);
    bucket_close(object);
    return done;
}

/* `store` NULL: no dictionary can be had. */
SUSPENDS static bool cat(struct bucket_store *store, void *context, struct error *error)
{
    struct printing *printing = context;
    struct dictionary_table *dictionaries = store != NULL ? dictionary_table_create(DICTIONARY_BYTES_MAX) : NULL;
    const struct object_settings settings = {
        .frame_buffers_max = FRAME_BUFFERS,
        .wait_ms = WAIT_MS,
        .dictionaries = dictionaries,
        .store = store,
        .keyring = printing->keyring,
    };
    printing->codecs = object_codecs_create(&settings);
    bool done = store != NULL ? print_stored(store, printing, error) : print_file(store, printing, error);
    object_codecs_destroy(printing->codecs);
    if (dictionaries != NULL)
        dictionary_table_destroy(dictionaries);
    return done;
}

bool command_cat(const struct command_line *line, struct error *error)
{
    struct printing printing = {.line = line};
    if (body_file_path(line->target) != NULL)
        return session_run_bare(cat, &printing, error);
    if (!backend_session_name(line->target, &printing.name, error) ||
        (line->keyring != NULL && (printing.keyring = keyring_load(line->keyring, error)) == NULL))
        return false;
    bool done = backend_session_run(&line->where, cat, &printing, error);
    keyring_free(printing.keyring);
    return done;
}
