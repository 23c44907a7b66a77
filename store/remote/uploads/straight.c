/* store/remote/uploads/straight.c -- which parts go straight, and their way there. */
#include "store/remote/uploads/straight.h"

#include "s3client/operations.h"
#include "store/remote/uploads/lead.h"
#include "store/remote/uploads/plan.h"

#include <stdlib.h>

static bool may_go(const struct remote_writer *writer, const struct followed_upload *upload)
{
    const struct verdicts *verdicts = &writer->key.shard->remote->verdicts;
    uint64_t before_bytes = upload->is_end ? 0 : upload->waiting.size;
    return writer->large == NULL && upload->next > 1 && upload->next < PART_NUMBER_MAX && writer->body.size > 0 &&
           before_bytes + writer->body.size >= STORED_PART_BYTES_LEAST && !lead_is_better(writer, upload) &&
           verdict_holds(verdicts, VERDICT_PARTS_OF_ANY_SIZE) && verdict_holds(verdicts, VERDICT_PUT_CREATE);
}

/* The record that only one makes. That it is there may be a lost answer to ourselves: then it is nobody's. */
SUSPENDS static bool make_ours(const struct upload_place *place, struct followed_upload *upload)
{
    bool is_there;
    struct error ignored;
    if (!upload->is_ours)
        upload->is_ours = upload_put(place, SPAN("straight"), SPAN_EMPTY, true, &is_there, &ignored) && !is_there;
    return upload->is_ours;
}

SUSPENDS static bool send(struct remote_writer *writer, const struct followed_upload *upload,
                          struct s3_answer *ret_answer, struct error *error)
{
    const struct part_place *part = writer->part;
    unsigned count;
    struct span *spans = followed_spans(upload, writer, &count);
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

static bool tell_where(struct followed_upload *upload, const struct s3_answer *answer, struct part_facts *facts,
                       struct error *error)
{
    bool is_weak;
    struct span etag = fields_plain_etag(span_from_string(answer->etag), &is_weak);
    if (is_weak || etag.size == 0 || etag.size >= sizeof facts->stored_etag)
        return remote_nonsense("UploadPart: no ETag that can be kept", error);
    memcpy(facts->stored_etag, etag.data, etag.size);
    followed_tell(upload, true, &facts->before);
    facts->is_straight = true;
    return true;
}

SUSPENDS bool straight_send(struct remote_writer *writer, const struct upload_place *place, struct part_facts *facts,
                            struct followed_upload **ret_upload, struct error *error)
{
    struct remote_shard *shard = writer->key.shard;
    struct followed_upload *upload = followed_next(writer);
    struct s3_answer answer;
    *ret_upload = NULL;
    if (upload == NULL || !may_go(writer, upload))
        return true;
    upload->is_busy = true;
    if (!make_ours(place, upload)) {
        followed_drop(shard, upload);
        return true;
    }
    if (upload->is_end)
        followed_clear(shard, upload);
    if (!send(writer, upload, &answer, error) || !tell_where(upload, &answer, facts, error)) {
        followed_drop(shard, upload);
        return false;
    }
    *ret_upload = upload;
    return true;
}

void straight_sent(struct remote_shard *shard, struct followed_upload *upload, bool is_named)
{
    if (!is_named) {
        followed_drop(shard, upload);
        return;
    }
    followed_clear(shard, upload);
    followed_go_on(shard, upload);
}
