/* store/remote/read/flight.c -- flights of a shard: who is at the controls, and who waits. */
#include "store/remote/read/flight.h"

#include "runtime/base/assert.h"
#include "runtime/fiber/loop.h"
#include "s3client/wire/s3_error.h"
#include "store/remote/read/tiered.h"

#include <stdlib.h>

enum {
    NEAR_BLOCKS = 16, /* so far ahead of it one joins: nearer than a request of one's own */
    BREAKS_MAX = 3,   /* in a row, without a block between */
    LATE_MS = 5000,   /* for one block, of somebody else's request */
};

struct flight {
    struct list_link link; /* of shard->flights */
    struct block_revision revision;
    uint64_t position; /* the number of the next block */
    uint64_t end;      /* in the stored object; of a whole block */
    struct fetch stream;
    unsigned readers;
    unsigned breaks;
    bool is_held; /* somebody opens it, or takes a block from it */
    struct wait_queue moved;
};

static bool comes_to(const struct flight *flight, const struct block_name *name)
{
    return name->number >= flight->position && block_offset(name->number) < flight->end;
}

bool flight_is_of(const struct flight *flight, const struct block_revision *revision)
{
    return memcmp(&flight->revision, revision, sizeof *revision) == 0;
}

struct flight *flight_join(struct remote_shard *shard, const struct block_name *name)
{
    for (struct list_link *link = shard->flights.next; link != &shard->flights; link = link->next) {
        struct flight *flight = LIST_ELEMENT(link, struct flight, link);
        if (flight_is_of(flight, &name->revision) && comes_to(flight, name) &&
            name->number - flight->position <= NEAR_BLOCKS) {
            flight->readers++;
            return flight;
        }
    }
    return NULL;
}

struct flight *flight_begin(struct remote_shard *shard, const struct block_name *name)
{
    struct flight *flight = calloc(1, sizeof *flight);
    ASSERT(flight != NULL);
    flight->revision = name->revision;
    flight->position = name->number;
    flight->end = name->revision.stored_size;
    flight->readers = 1;
    flight->is_held = true;
    wait_queue_init(&flight->moved);
    list_append(&shard->flights, &flight->link);
    return flight;
}

static void let_go(struct flight *flight)
{
    flight->is_held = false;
    wait_wake_all(&flight->moved);
}

/* Of those that are whole before `end`. */
static uint64_t end_of_whole_blocks(const struct block_revision *revision, uint64_t end)
{
    return end >= revision->stored_size ? revision->stored_size : block_offset(block_number_at(end));
}

/* Of the one that the byte before `end` lies in. */
static uint64_t end_of_last_block(const struct block_revision *revision, uint64_t end)
{
    uint64_t block_end = block_offset(block_number_at(end - 1) + 1);
    return block_end < revision->stored_size ? block_end : revision->stored_size;
}

bool flight_can_use(const struct fetch *stream, const struct block_name *name)
{
    uint64_t first = block_offset(name->number);
    return stream->is_open && stream->position == first && stream->end >= first + block_payload_bytes(name);
}

bool flight_can_open(const struct flight *flight, const struct fetch *stream)
{
    const struct block_name first = {.revision = flight->revision, .number = flight->position};
    return flight_can_use(stream, &first);
}

void flight_open(struct flight *flight, struct fetch *stream)
{
    ASSERT(flight->is_held && flight_can_open(flight, stream));
    flight->end = end_of_whole_blocks(&flight->revision, stream->end);
    flight->stream = *stream;
    stream->is_open = false;
    let_go(flight);
}

void flight_open_later(struct flight *flight)
{
    ASSERT(flight->is_held);
    let_go(flight);
}

void flight_leave(struct flight *flight)
{
    if (flight == NULL || --flight->readers > 0)
        return;
    ASSERT(wait_queue_is_empty(&flight->moved));
    list_remove(&flight->link);
    fetch_close(&flight->stream);
    free(flight);
}

/* ---- at the controls ---- */

static bool is_broken(const struct error *error)
{
    return error->kind == ERROR_CLOSED || error->kind == ERROR_TIMED_OUT || error->kind == ERROR_DAMAGED;
}

/* The next block, into the reader's memory. */
SUSPENDS static bool fetch_next(struct flight *flight, struct remote_object *object, struct error *error)
{
    const struct block_name name = {.revision = flight->revision, .number = flight->position};
    uint64_t first = block_offset(flight->position);
    if (!flight->stream.is_open) {
        tiered_note_stream(object);
        flight->end =
            end_of_last_block(&flight->revision, remote_stream_end(object, first, block_payload_bytes(&name)));
        if (!fetch_open(&object->key, remote_object_etag(object), first, flight->end, &flight->stream, error))
            return false;
    }
    if (flight->stream.position != first) { /* it broke within a block */
        fetch_close(&flight->stream);
        return error_set(error, ERROR_CLOSED, NULL, "The backend broke off.");
    }
    return fetch_read(&flight->stream, object->tiered.block, block_payload_bytes(&name), error);
}

/* A block further, and into the tier with it. */
SUSPENDS static bool move(struct flight *flight, struct remote_object *object, struct error *error)
{
    flight->is_held = true;
    bool done = fetch_next(flight, object, error);
    if (done) {
        const struct block_name name = {.revision = flight->revision, .number = flight->position};
        tiered_keep(&object->key, &name, span_of(object->tiered.block, block_payload_bytes(&name)));
        flight->position++;
        flight->breaks = 0;
    }
    let_go(flight);
    return done;
}

/* May it be tried again, after it broke? */
static bool goes_on(struct flight *flight, struct remote_object *object, struct error *error)
{
    fetch_close(&flight->stream);
    if (error->kind == ERROR_CHANGED)
        metric_add(&object->key.shard->counters.reads_changed, 1);
    if (!is_broken(error))
        return false;
    if (flight->breaks++ == BREAKS_MAX)
        return error_set(error, ERROR_BUSY, S3_SlowDown, "The backend breaks off again and again.");
    metric_add(&object->key.shard->counters.reads_resumed, 1);
    return true;
}

SUSPENDS enum flight_outcome flight_follow(struct flight *flight, struct remote_object *object,
                                           const struct block_name *name, struct error *error)
{
    while (comes_to(flight, name)) {
        if (flight->is_held) {
            if (!wait_for(&flight->moved, deadline_after_ms(LATE_MS), error))
                return error->kind == ERROR_TIMED_OUT ? FLIGHT_LATE : FLIGHT_FAILED;
            continue;
        }
        bool is_wanted = flight->position == name->number;
        if (!move(flight, object, error)) {
            if (!goes_on(flight, object, error))
                return FLIGHT_FAILED;
        } else if (is_wanted) {
            return FLIGHT_TOOK;
        }
    }
    return name->number < flight->position && tier_has(object->key.shard->remote->settings.tier, name) ? FLIGHT_KEPT
                                                                                                       : FLIGHT_PASSED;
}
