/* store/embedded/commit/committer_release.c -- the way of a freed body's blocks back to the shards that hand them out.
 */
#include "runtime/base/assert.h"
#include "store/embedded/commit/committer_thread.h"

#include <stdlib.h>

struct return_message {
    struct loop_message message;
    struct shard *owner;
    struct release_item *items;
};

struct shard *committer_owner(struct committer_thread *committer, uint32_t volume)
{
    unsigned index = volume % committer->store->options.shards;
    for (unsigned i = 0; i < committer->attached_count; i++) {
        if (committer->attached[i]->index == index)
            return committer->attached[i];
    }
    return NULL;
}

/* On the owner's thread: what is its own becomes free; extents of another owner send the item round once more. */
static void take_back(struct loop_message *message)
{
    struct return_message *returned = (struct return_message *)message;
    struct shard *owner = returned->owner;
    struct embedded_store *store = owner->store;
    for (struct release_item *item = returned->items, *next; item != NULL; item = next) {
        next = item->next_done;
        while (item->position < item->count &&
               item->extents[item->position].volume % store->options.shards == owner->index)
            volume_give_back(owner, &item->extents[item->position++]);
        committer_return(store->committer, item);
    }
    free(returned);
}

/* Where an item goes next; NULL: nowhere, it is done. Blocks of a shard that is not there are free in the catalogue,
 * which is what that shard reads when it attaches. */
static struct shard *next_owner(struct committer_thread *committer, struct release_item *item)
{
    for (; item->position < item->count; item->position++) {
        struct shard *owner = committer_owner(committer, item->extents[item->position].volume);
        if (owner != NULL)
            return owner;
    }
    return NULL;
}

void committer_collect_returned(struct committer_thread *committer)
{
    struct release_item *items = atomic_exchange(&committer->base.returned, NULL);
    struct return_message *messages[EMBEDDED_SHARDS_MAX] = {NULL};
    bool has_messages = false;
    for (struct release_item *item = items, *next; item != NULL; item = next) {
        next = item->next_done;
        struct shard *owner = next_owner(committer, item);
        if (owner == NULL) {
            list_remove(&item->outstanding);
            atomic_fetch_sub_explicit(&committer->store->volumes.returning, 1, memory_order_relaxed);
            free(item);
            continue;
        }
        struct return_message **message = &messages[owner->index];
        if (*message == NULL) {
            *message = malloc(sizeof **message);
            ASSERT(*message != NULL);
            **message = (struct return_message){.message.deliver = take_back, .owner = owner};
            has_messages = true;
        }
        item->next_done = (*message)->items;
        (*message)->items = item;
    }
    for (unsigned i = 0; has_messages && i < EMBEDDED_SHARDS_MAX; i++) {
        if (messages[i] != NULL)
            loop_post(messages[i]->owner->loop, &messages[i]->message);
    }
}

void committer_release(struct committer_thread *committer, struct release_item *items)
{
    if (items == NULL)
        return;
    for (struct release_item *item = items; item != NULL; item = item->next) {
        list_append(&committer->outstanding, &item->outstanding);
        atomic_fetch_add_explicit(&committer->store->volumes.returning, 1, memory_order_relaxed);
    }
    release_ask(items, committer->attached, committer->attached_count);
}
