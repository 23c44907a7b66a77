/* store/remote/uploads/followed.c -- which uploads a shard follows, and what it keeps of them. */
#include "store/remote/uploads/followed.h"

#include "runtime/base/assert.h"
#include "runtime/fiber/fiber.h"
#include "store/remote/uploads/plan.h"

#include <stdlib.h>

/* ---- which ---- */

static struct followed_upload *upload_of(struct list_link *link)
{
    return LIST_ELEMENT(link, struct followed_upload, link);
}

void followed_clear(struct remote_shard *shard, struct followed_upload *upload)
{
    body_clear(shard, &upload->waiting);
    if (upload->reserved > 0)
        memory_budget_give(&shard->memory, upload->reserved);
    upload->reserved = 0;
    upload->waiting_count = 0;
    upload->is_end = false;
    before_digest_begin(&upload->digest);
}

void followed_drop(struct remote_shard *shard, struct followed_upload *upload)
{
    followed_clear(shard, upload);
    list_remove(&upload->link);
    shard->followed_count--;
    free(upload);
}

static struct followed_upload *find(struct remote_shard *shard, struct span id)
{
    for (struct list_link *link = shard->followed.next; link != &shard->followed; link = link->next) {
        if (span_equal(span_from_string(upload_of(link)->id), id))
            return upload_of(link);
    }
    return NULL;
}

struct followed_upload *followed_hold(struct remote_shard *shard, struct span id)
{
    struct followed_upload *upload = find(shard, id);
    if (upload == NULL || upload->is_busy || upload->is_end || upload->waiting_count == 0)
        return NULL;
    upload->is_busy = upload->is_held = true;
    return upload;
}

void followed_release(struct remote_shard *shard, struct followed_upload *upload)
{
    upload->is_busy = upload->is_held = false;
    if (upload->waiting_count == 0)
        followed_drop(shard, upload);
}

void followed_end(struct remote_shard *shard, struct span id)
{
    struct followed_upload *upload = find(shard, id);
    if (upload != NULL && !upload->is_busy)
        followed_drop(shard, upload);
}

/* The one that waited longest goes for it. */
static bool make_room(struct remote_shard *shard)
{
    for (struct list_link *link = shard->followed.next;
         shard->followed_count >= FOLLOWED_UPLOADS_MAX && link != &shard->followed; link = link->next) {
        if (upload_of(link)->is_busy)
            continue;
        followed_drop(shard, upload_of(link));
        return true;
    }
    return shard->followed_count < FOLLOWED_UPLOADS_MAX;
}

static struct followed_upload *follow(struct remote_shard *shard, const char *id)
{
    struct followed_upload *upload = make_room(shard) ? calloc(1, sizeof *upload) : NULL;
    if (upload == NULL)
        return NULL;
    memcpy(upload->id, id, UPLOAD_ID_BYTES);
    upload->next = 1;
    before_digest_begin(&upload->digest);
    list_init(&upload->link);
    list_append(&shard->followed, &upload->link);
    shard->followed_count++;
    return upload;
}

struct followed_upload *followed_next(const struct remote_writer *writer)
{
    struct remote_shard *shard = writer->key.shard;
    const struct part_place *part = writer->part;
    struct followed_upload *upload = find(shard, span_from_string(part->upload_id));
    if (upload == NULL || upload->is_busy || part->number < upload->next)
        return NULL;
    if (part->number == upload->next)
        return upload;
    followed_drop(shard, upload);
    return NULL;
}

/* ---- what waits ---- */

struct span *followed_spans(const struct followed_upload *upload, const struct remote_writer *writer,
                            unsigned *ret_count)
{
    *ret_count = upload->waiting.count + writer->body.count;
    struct span *spans = calloc(*ret_count + 1, sizeof *spans);
    ASSERT(spans != NULL);
    body_spans(&upload->waiting, spans);
    body_spans(&writer->body, spans + upload->waiting.count);
    return spans;
}

void followed_tell(const struct followed_upload *upload, bool is_straight, struct before_facts *ret_before)
{
    struct before_digest digest = upload->digest;
    *ret_before = (struct before_facts){.count = upload->waiting_count, .bytes = upload->waiting.size};
    before_digest_end(&digest, is_straight, ret_before->digest);
}

bool followed_keep(struct remote_writer *writer, struct followed_upload *upload, const struct part_facts *facts,
                   struct span name)
{
    struct memory_budget *memory = &writer->key.shard->memory;
    size_t bytes = (size_t)writer->body.size;
    if (writer->reserved > 0)
        memory_budget_give(memory, writer->reserved);
    writer->reserved = 0;
    if (memory_budget_has_waiters(memory) || memory_budget_used(memory) + bytes > memory->bytes_max / 2 ||
        !memory_budget_take_at_once(memory, bytes))
        return false;
    upload->reserved += bytes;
    if (!body_fit(writer->key.shard, &writer->body) || !body_move(&upload->waiting, &writer->body))
        return false;
    before_digest_add(&upload->digest, facts, name, facts->part.frames);
    upload->waiting_count++;
    return true;
}

/* ---- parts that went ---- */

/* Where stored parts must be equal, nothing ever goes with what waits. */
static bool may_follow(const struct remote_writer *writer, const struct part_facts *facts)
{
    const struct remote_shard *shard = writer->key.shard;
    return facts->part.number == 1 && verdict_holds(&shard->remote->verdicts, VERDICT_PARTS_OF_ANY_SIZE);
}

void followed_note(struct remote_writer *writer, const struct part_facts *facts, struct span name)
{
    struct remote_shard *shard = writer->key.shard;
    struct followed_upload *upload = followed_next(writer);
    if (upload == NULL && may_follow(writer, facts) && find(shard, span_from_string(writer->part->upload_id)) == NULL)
        upload = follow(shard, writer->part->upload_id);
    if (upload == NULL)
        return;
    if (upload->is_end)
        followed_clear(shard, upload);
    bool is_large = facts->part.stored_size >= STORED_PART_BYTES_LEAST; /* it can be copied */
    bool goes_on =
        is_large ? upload->waiting.size == 0 : writer->large == NULL && followed_keep(writer, upload, facts, name);
    if (!goes_on) {
        followed_drop(shard, upload);
        return;
    }
    if (is_large)
        followed_clear(shard, upload); /* of empty pieces */
    upload->next++;
}

void followed_go_on(struct remote_shard *shard, struct followed_upload *upload)
{
    upload->next++;
    upload->is_busy = false;
    list_remove(&upload->link); /* the last one again */
    list_append(&shard->followed, &upload->link);
}

/* ---- memory ---- */

/* Nobody depends on what is an end; without pieces that wait for the next part an upload cannot be followed. */
static void give_back(struct remote_shard *shard)
{
    for (struct list_link *link = shard->followed.next, *next; link != &shard->followed; link = next) {
        struct followed_upload *upload = upload_of(link);
        next = link->next;
        if ((upload->is_busy && !upload->is_held) || upload->reserved == 0)
            continue;
        if (upload->is_end || upload->is_held)
            followed_clear(shard, upload);
        else
            followed_drop(shard, upload);
    }
}

static void answer_call(struct loop_message *message)
{
    struct remote_shard *shard = LIST_ELEMENT(message, struct remote_shard, room_call.message);
    pthread_mutex_lock(&shard->room_call.lock);
    shard->room_call.is_posted = false;
    pthread_mutex_unlock(&shard->room_call.lock);
    give_back(shard);
}

/* The lock keeps the loop there until the message is in its inbox. */
static void call(struct room_call *room_call)
{
    pthread_mutex_lock(&room_call->lock);
    if (room_call->loop != NULL && !room_call->is_posted) {
        room_call->is_posted = true;
        loop_post(room_call->loop, &room_call->message);
    }
    pthread_mutex_unlock(&room_call->lock);
}

void followed_make_room(struct memory_budget *memory, size_t bytes)
{
    struct remote_shard *shard = LIST_ELEMENT(memory, struct remote_shard, memory);
    give_back(shard);
    if (memory_budget_used(memory) + bytes <= memory->bytes_max)
        return;
    for (unsigned i = 0; i < REMOTE_SHARDS_MAX; i++) {
        struct remote_shard *other = shard->remote->shards[i];
        if (other != NULL && other != shard)
            call(&other->room_call);
    }
}

void followed_attach(struct remote_shard *shard)
{
    list_init(&shard->followed);
    pthread_mutex_lock(&shard->room_call.lock);
    shard->room_call.loop = loop_current();
    shard->room_call.message.deliver = answer_call;
    pthread_mutex_unlock(&shard->room_call.lock);
}

static bool is_called(struct room_call *room_call)
{
    pthread_mutex_lock(&room_call->lock);
    bool is_posted = room_call->is_posted;
    pthread_mutex_unlock(&room_call->lock);
    return is_posted;
}

SUSPENDS void followed_detach(struct remote_shard *shard)
{
    pthread_mutex_lock(&shard->room_call.lock);
    shard->room_call.loop = NULL;
    pthread_mutex_unlock(&shard->room_call.lock);
    while (is_called(&shard->room_call))
        fiber_yield(); /* the message is delivered in the loop's next turn */
    for (struct list_link *link = shard->followed.next, *next; link != &shard->followed; link = next) {
        next = link->next;
        if (!upload_of(link)->is_busy)
            followed_drop(shard, upload_of(link));
    }
}
