/* store/remote/uploads/part.c -- a part on its way: its bytes as an object, and what is known of it as that one's name.
 *
 * What is known is known at the end. So a part that fits into memory is one PUT under its name; a larger one goes,
 * piece by piece, into an object of its own, which the name then points to; and one of which it is known what lies left
 * of it goes straight into the backend's upload, or begins with what it shall be copied with. A part is durable when it
 * has its name. */
#include "runtime/base/assert.h"
#include "runtime/base/clock.h"
#include "runtime/base/hex.h"
#include "s3client/wire/s3_error.h"
#include "store/remote/uploads/lead.h"
#include "store/remote/uploads/straight.h"

#include <stdio.h>
#include <stdlib.h>

/* ---- beginning ---- */

static bool keep_target(struct part_place *part, const struct upload_place *place, const struct upload_record *record,
                        struct error *error)
{
    struct backend_name target;
    const struct object_name name = {.bucket = place->bucket, .key = record->info.key};
    if (!remote_name(place->remote, &name, &target, error))
        return false;
    buffer_append(&part->texts, target.bucket);
    buffer_append(&part->texts, target.key);
    buffer_append(&part->texts, record->backend_upload);
    struct span texts = buffer_span(&part->texts);
    part->target.bucket = span_take(texts, target.bucket.size);
    part->target.key = span_take(span_skip(texts, target.bucket.size), target.key.size);
    part->backend_upload = span_skip(texts, target.bucket.size + target.key.size);
    return true;
}

SUSPENDS static bool begin(const struct upload_place *place, struct part_place *part, uint64_t size,
                           struct bucket_writer **ret_writer, struct error *error)
{
    char text[UPLOAD_KEY_BYTES];
    char suffix[2 * BODY_NAME_BYTES + 3] = "b/";
    memcpy(part->upload_id, place->id.data, UPLOAD_ID_BYTES - 1);
    random_fill(&remote_shard_here(place->remote)->random, part->body, BODY_NAME_BYTES);
    hex_encode(span_of(part->body, BODY_NAME_BYTES), suffix + 2);
    const struct write_intent intent = {
        .name = {.bucket = place->bucket, .key = upload_key(place, suffix, text)},
        .is_size_known = size > 0,
        .original_size = size,
    };
    if (!remote_begin_write(&place->remote->base, &intent, ret_writer, error))
        return false;
    ((struct remote_writer *)*ret_writer)->part = part;
    return true;
}

SUSPENDS bool remote_begin_part(struct bucket_store *store, const struct object_name *name, struct span upload_id,
                                unsigned number, uint64_t stored_size_hint, struct bucket_writer **ret_writer,
                                struct error *error)
{
    struct upload_place place;
    struct upload_record record;
    struct buffer bytes = {0};
    struct part_place *part = calloc(1, sizeof *part);
    ASSERT(part != NULL);
    part->number = number;
    bool done = upload_place_init(store, name->bucket, upload_id, &place, error) &&
                upload_recall(&place, name->key, &bytes, &record, error) && keep_target(part, &place, &record, error);
    buffer_free(&bytes);
    if (done && begin(&place, part, stored_size_hint, ret_writer, error))
        return true;
    buffer_free(&part->texts);
    free(part);
    return false;
}

/* ---- the end ---- */

/* Names are new and never written twice with other bytes: a request that was lost is sent again. */
SUSPENDS static bool put(struct remote_writer *writer, struct span key, const struct span *spans, unsigned count,
                         struct error *error)
{
    struct s3_answer answer;
    const struct http_field type = {SPAN("content-type"), SPAN("application/octet-stream")};
    const struct s3_call call = {.kind = S3_PUT_OBJECT,
                                 .bucket = writer->key.backend.bucket,
                                 .key = key,
                                 .headers = &type,
                                 .headers_count = 1,
                                 .body = spans,
                                 .body_count = count,
                                 .repeat = S3_REPEAT};
    if (!remote_call(writer->key.shard, &call, &answer, error))
        return false;
    s3_answer_close(&answer);
    return true;
}

/* `led` NULL: without a lead. */
SUSPENDS static bool put_body(struct remote_writer *writer, const struct followed_upload *led, struct span key,
                              struct error *error)
{
    static const struct followed_upload nothing;
    unsigned count;
    struct span *spans = followed_spans(led != NULL ? led : &nothing, writer, &count);
    bool done = put(writer, key, spans, count, error);
    free(spans);
    return done;
}

/* The name leaves room for what stands before it. */
static size_t name_bytes_max(const struct upload_place *place)
{
    char text[UPLOAD_KEY_BYTES];
    size_t room = OBJECT_KEY_BYTES_MAX - upload_backend_key(place, SPAN("p/"), text).size;
    return room < FACTS_NAME_BYTES_MAX ? room : FACTS_NAME_BYTES_MAX;
}

static void name_part(const struct upload_place *place, struct part_facts *facts, struct buffer *ret_suffix)
{
    buffer_append_string(ret_suffix, "p/");
    facts_encode(facts, name_bytes_max(place), ret_suffix);
    if (facts->has_frames || facts->is_apart || facts->is_straight)
        return;
    facts->is_apart = true; /* the content is wanted for the frames */
    buffer_clear(ret_suffix);
    buffer_append_string(ret_suffix, "p/");
    facts_encode(facts, name_bytes_max(place), ret_suffix);
}

SUSPENDS static bool put_named(struct remote_writer *writer, const struct upload_place *place,
                               const struct followed_upload *led, const struct part_facts *facts, struct span suffix,
                               struct error *error)
{
    char text[UPLOAD_KEY_BYTES];
    struct span key = upload_backend_key(place, suffix, text);
    struct buffer content = {0};
    bool done = true;
    if (!facts->is_apart && !facts->is_straight)
        return put_body(writer, led, key, error);
    if (writer->large != NULL)
        done = large_commit_plain(writer, error);
    else if (facts->is_apart)
        done = put_body(writer, led, writer->key.backend.key, error);
    if (!facts->has_frames)
        facts_encode_frames(facts->part.frames, &content);
    const struct span bytes = buffer_span(&content);
    done = done && put(writer, key, &bytes, bytes.size > 0 ? 1 : 0, error);
    buffer_free(&content);
    return done;
}

/* Straight, or as an object; with a name it is durable. */
SUSPENDS static bool commit(struct remote_writer *writer, const struct upload_place *place, struct part_facts *facts,
                            struct error *error)
{
    struct buffer suffix = {0};
    struct followed_upload *straight;
    if (!straight_send(writer, place, facts, &straight, error))
        return false;
    struct followed_upload *led = straight == NULL ? lead_take(writer, facts) : NULL;
    name_part(place, facts, &suffix);
    struct span name = span_skip(buffer_span(&suffix), 2);
    bool done = put_named(writer, place, led, facts, buffer_span(&suffix), error);
    if (straight != NULL)
        straight_sent(writer->key.shard, straight, done);
    else if (led != NULL)
        lead_sent(writer, led, facts, name, done);
    else if (done)
        followed_note(writer, facts, name);
    buffer_free(&suffix);
    return done;
}

SUSPENDS bool remote_commit_part(struct bucket_writer *base, const struct part_attributes *part, struct error *error)
{
    struct remote_writer *writer = (struct remote_writer *)base;
    struct remote *remote = writer->key.shard->remote;
    struct upload_place place;
    struct part_facts facts = {.part = *part, .is_apart = writer->large != NULL};
    ASSERT(writer->part != NULL && part->number == writer->part->number);
    facts.part.modified_ms = clock_wall_ms(remote->settings.clock);
    memcpy(facts.body, writer->part->body, BODY_NAME_BYTES);
    struct span id = span_of(writer->part->upload_id, UPLOAD_ID_BYTES - 1);
    bool done = upload_place_init(&remote->base, writer->key.name.bucket, id, &place, error) &&
                commit(writer, &place, &facts, error);
    if (!done && writer->large != NULL)
        large_abort(writer);
    else
        remote_writer_free(writer);
    return done;
}
