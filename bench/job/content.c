/* bench/job/content.c -- filling the pool, and walking round in it. */
#include "bench/job/content.h"

#include "bench/job/random.h"
#include "runtime/base/assert.h"
#include "runtime/base/read_file.h"

#include <stdlib.h>
#include <string.h>

/* What zstd writes for a run beside its random bytes: a sequence, and its share of the block's header. */
enum { SEQUENCE_BYTES = 3 };

static void fill_random(uint8_t *to, size_t size, uint64_t *state)
{
    for (size_t filled = 0; filled < size;) {
        uint64_t value = random_mix((*state)++);
        size_t some = size - filled < sizeof value ? size - filled : sizeof value;
        memcpy(to + filled, &value, some);
        filled += some;
    }
}

static void fill_run(uint8_t *run, size_t random_bytes, uint64_t *state)
{
    fill_random(run, random_bytes, state);
    for (size_t i = random_bytes; i < CONTENT_RUN_BYTES; i++)
        run[i] = run[i - random_bytes];
}

void content_make(struct content *ret_content, unsigned ratio, uint64_t seed)
{
    ASSERT(ratio >= 1 && ratio <= CONTENT_RATIO_MAX);
    uint64_t state = random_mix(seed);
    size_t random_bytes = ratio == 1 ? CONTENT_RUN_BYTES : CONTENT_RUN_BYTES / ratio - SEQUENCE_BYTES;
    ret_content->pool_size = CONTENT_POOL_BYTES;
    ret_content->pool = malloc(CONTENT_POOL_BYTES);
    ASSERT(ret_content->pool != NULL);
    for (size_t at = 0; at < CONTENT_POOL_BYTES; at += CONTENT_RUN_BYTES)
        fill_run(ret_content->pool + at, random_bytes, &state);
}

/* One more file behind what is there. */
static bool append_file(struct buffer *all, struct span path, struct error *error)
{
    char name[1024];
    struct buffer bytes;
    if (path.size >= sizeof name)
        return error_set(error, ERROR_INVALID, NULL, "the path of a data file is longer than %zu bytes",
                         sizeof name - 1);
    memcpy(name, path.data, path.size);
    name[path.size] = '\0';
    if (!read_file(name, CONTENT_FILES_BYTES_MAX - all->size, &bytes, error))
        return false;
    buffer_append(all, buffer_span(&bytes));
    buffer_free(&bytes);
    return true;
}

bool content_load(struct content *ret_content, const char *paths, struct error *error)
{
    struct buffer all;
    bool good = true;
    *ret_content = (struct content){0};
    buffer_init(&all, CONTENT_FILES_BYTES_MAX);
    for (struct span rest = span_from_string(paths); good && rest.size > 0;) {
        size_t comma = span_find(rest, ',');
        good = append_file(&all, span_trim(span_take(rest, comma)), error);
        rest = comma == SIZE_MAX ? SPAN_EMPTY : span_skip(rest, comma + 1);
    }
    if (good && all.size == 0)
        good = error_set(error, ERROR_INVALID, NULL, "%s: there is no byte in it", paths);
    if (good)
        *ret_content = (struct content){.pool = all.data, .pool_size = all.size};
    else
        buffer_free(&all);
    return good;
}

void content_free(struct content *content)
{
    free(content->pool);
    *content = (struct content){0};
}

struct span content_at(const struct content *content, uint64_t object, uint64_t offset)
{
    size_t at = (size_t)((random_mix(object) % content->pool_size + offset) % content->pool_size);
    return span_of(content->pool + at, content->pool_size - at);
}

bool content_is(const struct content *content, uint64_t object, uint64_t offset, struct span bytes)
{
    while (bytes.size > 0) {
        struct span piece = span_take(content_at(content, object, offset), bytes.size);
        if (memcmp(piece.data, bytes.data, piece.size) != 0)
            return false;
        offset += piece.size;
        bytes = span_skip(bytes, piece.size);
    }
    return true;
}

unsigned content_pieces_max(const struct content *content, uint64_t size)
{
    return (unsigned)(size / content->pool_size) + 2;
}

unsigned content_pieces(const struct content *content, uint64_t object, uint64_t offset, uint64_t size,
                        struct span *ret_pieces)
{
    unsigned count = 0;
    for (uint64_t end = offset + size; offset < end; count++) {
        ret_pieces[count] = span_take(content_at(content, object, offset), end - offset);
        offset += ret_pieces[count].size;
    }
    return count;
}
