/* store/embedded/queue/release_item.c -- makes them. */
#include "store/embedded/queue/release_item.h"

#include "runtime/base/assert.h"

#include <stdlib.h>

struct release_item *release_item_create(const uint8_t token[ROW_TOKEN_BYTES], struct span extents)
{
    unsigned count = extents_count(extents);
    struct release_item *item = malloc(sizeof *item + count * sizeof item->extents[0]);
    ASSERT(item != NULL);
    *item = (struct release_item){.count = count};
    list_init(&item->outstanding);
    memcpy(item->token, token, ROW_TOKEN_BYTES);
    for (unsigned i = 0; i < count; i++)
        item->extents[i] = extent_at(extents, i);
    return item;
}
