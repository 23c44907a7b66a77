/* server/training/samples.c -- a walk over all keys, and a read of those that were drawn. */
#include "server/training/samples.h"

#include "runtime/base/assert.h"
#include "server/dictionaries/rules.h"
#include "server/dictionaries/table.h"

#include <stdlib.h>
#include <string.h>

enum { PAGE_BYTES_MAX = 4 << 20, OBJECT_BYTES_LEAST = 32 };

struct drawing {
    struct object_codecs *codecs;
    struct bucket_store *store;
    struct span bucket;
    struct span prefix;
    const struct random_source *random;
    struct span keys[TRAINING_SAMPLES_MAX]; /* their own */
    unsigned count;
    uint64_t seen;
};

static void keep(struct drawing *drawing, unsigned at, struct span key)
{
    uint8_t *copy = malloc(key.size);
    ASSERT(copy != NULL);
    memcpy(copy, key.data, key.size);
    free((void *)(uintptr_t)drawing->keys[at].data);
    drawing->keys[at] = span_of(copy, key.size);
}

/* Each of those seen so far is among the drawn ones with the same chance. */
static void draw(struct drawing *drawing, const struct list_entry *entry)
{
    bool is_fit = !entry->is_prefix && !entry->is_delete_marker && !entry->is_damaged &&
                  entry->original_size >= OBJECT_BYTES_LEAST && entry->original_size <= DICTIONARY_OBJECT_BYTES_MAX &&
                  !span_starts_with(entry->key, DICTIONARY_KEY_PREFIX);
    if (!is_fit)
        return;
    drawing->seen++;
    if (drawing->count < TRAINING_SAMPLES_MAX) {
        keep(drawing, drawing->count++, entry->key);
        return;
    }
    uint64_t at = random_below(drawing->random, drawing->seen);
    if (at < TRAINING_SAMPLES_MAX)
        keep(drawing, (unsigned)at, entry->key);
}

SUSPENDS static bool draw_all(struct drawing *drawing, struct error *error)
{
    uint8_t after[OBJECT_KEY_BYTES_MAX];
    struct arena arena;
    struct list_page page = {.is_truncated = true};
    struct list_request request = {
        .bucket = drawing->bucket, .prefix = drawing->prefix, .entries_max = LIST_ENTRIES_MAX};
    bool done = true;
    arena_init(&arena, PAGE_BYTES_MAX);
    for (unsigned keys = 0; done && page.is_truncated && keys < SAMPLED_KEYS_MAX; keys += page.count) {
        arena_reset(&arena);
        done = bucket_list(drawing->store, &request, &arena, &page, error);
        for (unsigned i = 0; done && i < page.count; i++)
            draw(drawing, &page.entries[i]);
        if (!done || page.count == 0)
            break;
        struct span last = page.entries[page.count - 1].key;
        memcpy(after, last.data, last.size);
        request.after = span_of(after, last.size);
        fiber_yield_if_due();
    }
    arena_free(&arena);
    return done;
}

/* ---- reading ---- */

SUSPENDS static bool read_pieces(struct object_reader *reader, struct buffer *to, struct error *error)
{
    struct span piece;
    do {
        if (!object_reader_next(reader, &piece, error))
            return false;
        buffer_append(to, piece);
    } while (piece.size > 0);
    return !to->overflow;
}

/* False: there is nothing of it. */
SUSPENDS static bool read_one(struct drawing *drawing, struct span key, struct buffer *to)
{
    const struct object_name name = {.bucket = drawing->bucket, .key = key};
    struct bucket_object *object;
    struct object_reader *reader;
    struct error error;
    if (!bucket_open(drawing->store, &name, NULL, &object, &error))
        return false;
    const struct object_attributes *attributes = &object->attributes;
    bool is_fit = !attributes->is_encrypted && attributes->seal.size == 0 && attributes->is_size_known &&
                  attributes->original_size <= DICTIONARY_OBJECT_BYTES_MAX;
    uint64_t size = attributes->original_size < SAMPLE_BYTES_MAX ? attributes->original_size : SAMPLE_BYTES_MAX;
    bool done = is_fit && object_reader_begin(drawing->codecs, object, &name, NULL, 0, size, &reader, &error);
    if (done) {
        done = read_pieces(reader, to, &error);
        object_reader_end(reader);
    }
    bucket_close(object);
    return done;
}

SUSPENDS static void read_drawn(struct drawing *drawing, struct samples *samples)
{
    for (unsigned i = 0; i < drawing->count && !fiber_is_cancelled(); i++) {
        size_t before = samples->bytes.size;
        if (!read_one(drawing, drawing->keys[i], &samples->bytes)) {
            samples->bytes.size = before;
            samples->bytes.overflow = false;
            continue;
        }
        samples->sizes[samples->count++] = samples->bytes.size - before;
    }
}

SUSPENDS bool samples_draw(struct object_codecs *codecs, struct bucket_store *store, struct span bucket,
                           struct span prefix, const struct random_source *random, struct samples *ret_samples,
                           struct error *error)
{
    struct drawing *drawing = calloc(1, sizeof *drawing);
    ASSERT(drawing != NULL);
    *drawing = (struct drawing){.codecs = codecs, .store = store, .bucket = bucket, .prefix = prefix, .random = random};
    ret_samples->count = 0;
    buffer_init(&ret_samples->bytes, TRAINING_BYTES_MAX);
    bool done = draw_all(drawing, error);
    if (done)
        read_drawn(drawing, ret_samples);
    ret_samples->seen = drawing->seen;
    for (unsigned i = 0; i < drawing->count; i++)
        free((void *)(uintptr_t)drawing->keys[i].data);
    free(drawing);
    return done;
}

void samples_free(struct samples *samples)
{
    buffer_free(&samples->bytes);
}
