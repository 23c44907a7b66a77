/* store/embedded/volumes/pin.c -- pins of readers, and the question whether a freed body is still read. */
#include "store/embedded/volumes/pin.h"

#include "runtime/base/assert.h"
#include "runtime/base/byteorder.h"
#include "store/embedded/queue/committer.h"
#include "store/embedded/state.h"

#include <stdlib.h>

/* A freed body that waits for the readers of one shard. */
struct hold {
    struct hold *next;
    struct release_item *item;
};

struct pin {
    struct pin *next; /* of its chain */
    struct hold *holds;
    uint64_t readers;
    uint8_t token[ROW_TOKEN_BYTES];
};

struct release_message {
    struct loop_message message;
    struct release *release;
    struct shard *shard;
};

struct release {
    atomic_uint shards; /* that have not looked at it */
    struct release_item *items;
    struct release_message messages[];
};

/* ---- pins ---- */

static struct pin **find(struct pin_table *table, const uint8_t token[ROW_TOKEN_BYTES])
{
    struct pin **link = &table->chains[load_u64_le(token + 8) % PIN_CHAINS]; /* the count in it spreads well */
    while (*link != NULL && memcmp((*link)->token, token, ROW_TOKEN_BYTES) != 0)
        link = &(*link)->next;
    return link;
}

struct pin *pin_take(struct pin_table *table, const uint8_t token[ROW_TOKEN_BYTES])
{
    struct pin **link = find(table, token);
    if (*link == NULL) {
        struct pin *pin = calloc(1, sizeof *pin);
        ASSERT(pin != NULL);
        memcpy(pin->token, token, ROW_TOKEN_BYTES);
        *link = pin;
        table->count++;
    }
    (*link)->readers++;
    return *link;
}

static void answer(struct shard *shard, struct release_item *item)
{
    if (atomic_fetch_sub_explicit(&item->missing, 1, memory_order_acq_rel) == 1)
        committer_return(shard->store->committer, item);
}

void pin_drop(struct shard *shard, struct pin *pin)
{
    ASSERT(pin->readers > 0);
    if (--pin->readers > 0)
        return;
    struct pin **link = find(&shard->pins, pin->token);
    ASSERT(*link == pin);
    *link = pin->next;
    shard->pins.count--;
    while (pin->holds != NULL) {
        struct hold *hold = pin->holds;
        pin->holds = hold->next;
        answer(shard, hold->item);
        free(hold);
    }
    free(pin);
}

/* ---- releases ---- */

static void look_for_readers(struct loop_message *message)
{
    struct release_message *mine = (struct release_message *)message;
    struct release *release = mine->release;
    struct shard *shard = mine->shard;
    for (struct release_item *item = release->items, *next; item != NULL; item = next) {
        next = item->next; /* once all have answered, the item may be gone */
        struct pin *pin = *find(&shard->pins, item->token);
        if (pin == NULL) {
            answer(shard, item);
            continue;
        }
        struct hold *hold = malloc(sizeof *hold);
        ASSERT(hold != NULL);
        *hold = (struct hold){.next = pin->holds, .item = item};
        pin->holds = hold;
    }
    if (atomic_fetch_sub_explicit(&release->shards, 1, memory_order_acq_rel) == 1)
        free(release);
}

void release_ask(struct release_item *items, struct shard *const *shards, unsigned count)
{
    ASSERT(items != NULL && count > 0);
    struct release *release = malloc(sizeof *release + count * sizeof release->messages[0]);
    ASSERT(release != NULL);
    atomic_init(&release->shards, count);
    release->items = items;
    for (struct release_item *item = items; item != NULL; item = item->next)
        atomic_store_explicit(&item->missing, count, memory_order_relaxed);
    for (unsigned i = 0; i < count; i++) {
        release->messages[i] =
            (struct release_message){.message.deliver = look_for_readers, .release = release, .shard = shards[i]};
    }
    for (unsigned i = 0; i < count; i++) /* the last one frees it: nothing of it is touched after that */
        loop_post(shards[i]->loop, &release->messages[i].message);
}
