/* store/remote/uploads/straight.c -- what a shard knows of uploads whose parts come in order. */
#include "store/remote/uploads/straight.h"

#include "runtime/base/assert.h"
#include "runtime/base/byteorder.h"
#include "s3client/operations.h"
#include "store/remote/uploads/plan.h"

#include <stdlib.h>

/* Left of the next part everything is in the backend's upload, or is made of pieces that can be copied; but for the
 * small ones that wait. */
struct straight_upload {
    struct list_link link;
    char id[UPLOAD_ID_BYTES];
    unsigned next; /* the number that comes next */
    bool is_ours;  /* the record `straight` was made by us */
    bool is_busy;  /* a part is on its way */
    unsigned waiting_count;
    struct body waiting; /* bytes of the small pieces, which are objects as well */
    size_t reserved;     /* for them, in the shard's budget */
    struct straight_digest digest;
};

/* ---- digests ---- */

void straight_digest_begin(struct straight_digest *digest)
{
    md5_begin(&digest->sum);
}

/* Any bytes with the same frames hold the same. Where the name does not tell the frames, it must be the same name. */
void straight_digest_add(struct straight_digest *digest, const struct part_facts *facts, struct span name,
                         struct span frames)
{
    uint8_t numbers[12];
    store_u32_le(numbers, facts->part.number);
    store_u64_le(numbers + 4, facts->part.stored_size);
    md5_update(&digest->sum, span_of(numbers, sizeof numbers));
    md5_update(&digest->sum, span_of(facts->part.md5, MD5_BYTES));
    md5_update(&digest->sum, facts->has_frames ? frames : name);
}

void straight_digest_end(struct straight_digest *digest, uint8_t ret_digest[STRAIGHT_DIGEST_BYTES])
{
    uint8_t bytes[MD5_BYTES];
    md5_end(&digest->sum, bytes);
    memcpy(ret_digest, bytes, STRAIGHT_DIGEST_BYTES);
}

/* ---- the uploads that are followed ---- */

static struct straight_upload *upload_of(struct list_link *link)
{
    return LIST_ELEMENT(link, struct straight_upload, link);
}

static void clear_waiting(struct remote_shard *shard, struct straight_upload *upload)
{
    body_clear(shard, &upload->waiting);
    if (upload->reserved > 0)
        memory_budget_give(&shard->memory, upload->reserved);
    upload->reserved = 0;
    upload->waiting_count = 0;
    straight_digest_begin(&upload->digest);
}

static void drop(struct remote_shard *shard, struct straight_upload *upload)
{
    clear_waiting(shard, upload);
    list_remove(&upload->link);
    shard->straight_count--;
    free(upload);
}

void straight_forget(struct remote_shard *shard)
{
    for (struct list_link *link = shard->straight.next, *next; link != &shard->straight; link = next) {
        next = link->next;
        if (!upload_of(link)->is_busy)
            drop(shard, upload_of(link));
    }
}

static struct straight_upload *find(struct remote_shard *shard, const char *id)
{
    for (struct list_link *link = shard->straight.next; link != &shard->straight; link = link->next) {
        if (strcmp(upload_of(link)->id, id) == 0)
            return upload_of(link);
    }
    return NULL;
}

/* The one that waited longest goes for it. */
static bool make_room(struct remote_shard *shard)
{
    for (struct list_link *link = shard->straight.next;
         shard->straight_count >= STRAIGHT_UPLOADS_MAX && link != &shard->straight; link = link->next) {
        if (upload_of(link)->is_busy)
            continue;
        drop(shard, upload_of(link));
        return true;
    }
    return shard->straight_count < STRAIGHT_UPLOADS_MAX;
}

static struct straight_upload *follow(struct remote_shard *shard, const char *id)
{
    struct straight_upload *upload = make_room(shard) ? calloc(1, sizeof *upload) : NULL;
    if (upload == NULL)
        return NULL;
    memcpy(upload->id, id, UPLOAD_ID_BYTES);
    upload->next = 1;
    straight_digest_begin(&upload->digest);
    list_init(&upload->link);
    list_append(&shard->straight, &upload->link);
    shard->straight_count++;
    return upload;
}

/* The upload of which this part is the next. A gap ends the following: who leaves one sends parts in parallel. */
static struct straight_upload *find_next(struct remote_shard *shard, const struct part_place *part)
{
    struct straight_upload *upload = find(shard, part->upload_id);
    if (upload == NULL || upload->is_busy || part->number < upload->next)
        return NULL;
    if (part->number == upload->next)
        return upload;
    drop(shard, upload);
    return NULL;
}

/* ---- sending ---- */

static bool may_go(const struct remote_writer *writer, const struct straight_upload *upload)
{
    const struct verdicts *verdicts = &writer->key.shard->remote->verdicts;
    return writer->large == NULL && upload->next > 1 && upload->next < PART_NUMBER_MAX && writer->body.size > 0 &&
           upload->waiting.size + writer->body.size >= STORED_PART_BYTES_LEAST &&
           verdict_holds(verdicts, VERDICT_PARTS_OF_ANY_SIZE) && verdict_holds(verdicts, VERDICT_PUT_CREATE);
}

/* The record that only one makes. That it is there may be a lost answer to ourselves: then it is nobody's. */
SUSPENDS static bool make_ours(const struct upload_place *place, struct straight_upload *upload)
{
    bool is_there;
    struct error ignored;
    if (!upload->is_ours)
        upload->is_ours = upload_put(place, SPAN("straight"), SPAN_EMPTY, true, &is_there, &ignored) && !is_there;
    return upload->is_ours;
}

SUSPENDS static bool send(struct remote_writer *writer, const struct straight_upload *upload,
                          struct s3_answer *ret_answer, struct error *error)
{
    const struct part_place *part = writer->part;
    unsigned count = upload->waiting.count + writer->body.count;
    struct span *spans = calloc(count, sizeof *spans);
    ASSERT(spans != NULL);
    body_spans(&upload->waiting, spans);
    body_spans(&writer->body, spans + upload->waiting.count);
    const struct s3_call call = {.bucket = part->target.bucket,
                                 .key = part->target.key,
                                 .body = spans,
                                 .body_count = count,
                                 .repeat = S3_REPEAT}; /* the same bytes under the same number */
    bool done =
        s3_client_upload_part(writer->key.shard->client, &call, part->backend_upload, part->number, ret_answer, error);
    free(spans);
    return remote_answered(writer->key.shard, S3_UPLOAD_PART, ret_answer, done, error);
}

static bool tell_where(struct straight_upload *upload, const struct s3_answer *answer, struct part_facts *facts,
                       struct error *error)
{
    bool is_weak;
    struct span etag = fields_plain_etag(span_from_string(answer->etag), &is_weak);
    struct straight_facts *straight = &facts->straight;
    if (is_weak || etag.size == 0 || etag.size >= sizeof straight->etag)
        return remote_nonsense("UploadPart: no ETag that can be kept", error);
    *straight = (struct straight_facts){.before_count = upload->waiting_count, .before_bytes = upload->waiting.size};
    memcpy(straight->etag, etag.data, etag.size);
    straight_digest_end(&upload->digest, straight->before_digest);
    facts->is_straight = true;
    return true;
}

SUSPENDS bool straight_send(struct remote_writer *writer, const struct upload_place *place, struct part_facts *facts,
                            struct straight_upload **ret_upload, struct error *error)
{
    struct remote_shard *shard = writer->key.shard;
    struct straight_upload *upload = find_next(shard, writer->part);
    struct s3_answer answer;
    *ret_upload = NULL;
    if (upload == NULL || !may_go(writer, upload))
        return true;
    upload->is_busy = true;
    if (!make_ours(place, upload)) {
        drop(shard, upload);
        return true;
    }
    if (!send(writer, upload, &answer, error) || !tell_where(upload, &answer, facts, error)) {
        drop(shard, upload);
        return false;
    }
    *ret_upload = upload;
    return true;
}

void straight_sent(struct remote_shard *shard, struct straight_upload *upload, bool is_named)
{
    if (!is_named) {
        drop(shard, upload);
        return;
    }
    clear_waiting(shard, upload);
    upload->next++;
    upload->is_busy = false;
    list_remove(&upload->link); /* the last one again */
    list_append(&shard->straight, &upload->link);
}

/* ---- pieces that became objects ---- */

/* The writer's memory becomes the upload's: only while half of all is free. */
static bool take_body(struct remote_writer *writer, struct straight_upload *upload)
{
    struct memory_budget *memory = &writer->key.shard->memory;
    struct error ignored;
    size_t bytes = (size_t)writer->body.size;
    if (writer->reserved > 0)
        memory_budget_give(memory, writer->reserved);
    writer->reserved = 0;
    if (memory_budget_has_waiters(memory) || memory_budget_used(memory) + bytes > memory->bytes_max / 2 ||
        (bytes > 0 && !memory_budget_take(memory, bytes, DEADLINE_NONE, &ignored)))
        return false;
    upload->reserved += bytes;
    return body_move(&upload->waiting, &writer->body);
}

void straight_note(struct remote_writer *writer, const struct part_facts *facts, struct span name)
{
    struct remote_shard *shard = writer->key.shard;
    struct straight_upload *upload = find_next(shard, writer->part);
    if (upload == NULL && facts->part.number == 1 && find(shard, writer->part->upload_id) == NULL)
        upload = follow(shard, writer->part->upload_id);
    if (upload == NULL)
        return;
    bool is_large = facts->part.stored_size >= STORED_PART_BYTES_LEAST; /* it can be copied */
    bool is_followed = is_large ? upload->waiting.size == 0 : writer->large == NULL && take_body(writer, upload);
    if (!is_followed) {
        drop(shard, upload);
        return;
    }
    if (is_large) {
        clear_waiting(shard, upload);
    } else {
        straight_digest_add(&upload->digest, facts, name, facts->part.frames);
        upload->waiting_count++;
    }
    upload->next++;
}
