/* store/remote/uploads/recall.c -- descriptors that a shard has just read: a client's request asks for the same one
 * several times. They never change. */
#include "runtime/base/assert.h"
#include "runtime/fiber/loop.h"
#include "store/remote/uploads/upload.h"

#include <stdlib.h>

enum { RECALLED_MAX = 16, RECALLED_MS = 1000, RECALLED_BYTES_MAX = 8 << 10 };

struct upload_memory {
    struct recalled {
        char id[UPLOAD_ID_BYTES];
        deadline_t until;
        struct buffer bytes;
    } recalled[RECALLED_MAX];
    unsigned next; /* the oldest */
};

void upload_memory_free(struct upload_memory *memory)
{
    for (unsigned i = 0; memory != NULL && i < RECALLED_MAX; i++)
        buffer_free(&memory->recalled[i].bytes);
    free(memory);
}

static bool is_of(const struct recalled *recalled, const struct upload_place *place)
{
    return place->id.size == UPLOAD_ID_BYTES - 1 && memcmp(recalled->id, place->id.data, place->id.size) == 0;
}

void upload_remember(const struct upload_place *place, struct span bytes)
{
    struct upload_memory *memory = place->shard->uploads;
    if (bytes.size > RECALLED_BYTES_MAX)
        return;
    if (memory == NULL)
        memory = place->shard->uploads = calloc(1, sizeof *memory);
    ASSERT(memory != NULL);
    struct recalled *recalled = &memory->recalled[memory->next];
    memory->next = (memory->next + 1) % RECALLED_MAX;
    memcpy(recalled->id, place->id.data, UPLOAD_ID_BYTES - 1);
    recalled->until = deadline_after_ms(RECALLED_MS);
    buffer_clear(&recalled->bytes);
    buffer_append(&recalled->bytes, bytes);
}

void upload_forget(const struct upload_place *place)
{
    struct upload_memory *memory = place->shard->uploads;
    for (unsigned i = 0; memory != NULL && i < RECALLED_MAX; i++) {
        if (is_of(&memory->recalled[i], place))
            memory->recalled[i].until = 0;
    }
}

SUSPENDS bool upload_recall(const struct upload_place *place, struct span key, struct buffer *bytes,
                            struct upload_record *ret_record, struct error *error)
{
    const struct upload_memory *memory = place->shard->uploads;
    for (unsigned i = 0; memory != NULL && i < RECALLED_MAX; i++) {
        const struct recalled *recalled = &memory->recalled[i];
        if (!is_of(recalled, place) || recalled->until < deadline_after_ms(0))
            continue;
        buffer_append(bytes, buffer_span(&recalled->bytes));
        return upload_read_record(place, key, buffer_span(bytes), ret_record, error);
    }
    return upload_load(place, key, bytes, ret_record, error);
}
