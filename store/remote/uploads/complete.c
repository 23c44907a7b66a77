/* store/remote/uploads/complete.c -- the end of an upload: chosen parts become one object, once.
 *
 * The backend's upload decides. Any replica may bring the parts that were chosen into it, and complete it, one after
 * the other (claim.h): the first to do so has completed it, for the others it is gone. Should somebody replace a stored
 * part under another one's hands, the backend notices, for it is told the ETag of each; then it is planned anew. What
 * the object will be is noted before, so that a Complete whose answer was lost can be answered, by anybody, even when
 * the object was overwritten since. */
#include "runtime/base/assert.h"
#include "runtime/base/hex.h"
#include "s3client/operations.h"
#include "s3client/wire/s3_error.h"
#include "store/remote/acl/acl_object.h"
#include "store/remote/uploads/join.h"

#include <assert.h>
#include <stdlib.h>

enum { PLANS_MAX = 3 };

struct completion {
    struct upload_place place;
    struct upload_record record;
    const struct write_result *result;
    const struct part_choice *choices;
    unsigned count;
    struct remote_writer *writer; /* of the object that it becomes */
    struct claim claim;
    struct followed_upload *held; /* what this shard still has of its last pieces; NULL: nothing */
    /* of one plan: */
    struct piece_list list;
    unsigned *chosen;
    struct object_part *parts;
    struct joining joining;
    struct written_object object;
    bool is_padded;
};

/* ---- choosing ---- */

static bool invalid_part(unsigned number, struct error *error)
{
    return error_set(error, ERROR_INVALID, S3_InvalidPart,
                     "One or more of the specified parts could not be found. The part may not have been uploaded, or "
                     "its ETag may not match. (Part %u)",
                     number);
}

/* The newest piece of that number with that digest. Pieces and choices ascend. */
static bool choose(struct completion *completion, struct error *error)
{
    const struct part_choice *choices = completion->choices;
    unsigned at = 0;
    for (unsigned i = 0; i < completion->count; i++) {
        bool found = false;
        for (; at < piece_count(&completion->list); at++) {
            const struct part_attributes *part = &piece_at(&completion->list, at)->facts.part;
            if (part->number > choices[i].number)
                break;
            if (part->number == choices[i].number && memcmp(part->md5, choices[i].md5, MD5_BYTES) == 0) {
                completion->chosen[i] = at;
                found = true;
            }
        }
        if (!found)
            return invalid_part(choices[i].number, error);
    }
    return true;
}

/* Whoever planned has added up the same pieces, or one was sent again meanwhile. */
static bool list_parts(struct completion *completion, struct error *error)
{
    uint64_t stored_size = 0;
    for (unsigned i = 0; i < completion->count; i++) {
        const struct part_facts *facts = &piece_at(&completion->list, completion->chosen[i])->facts;
        const struct part_attributes *part = &facts->part;
        if ((facts->seal_size > 0) != (completion->result->attributes->seal.size > 0))
            return invalid_part(part->number, error);
        completion->parts[i] =
            (struct object_part){part->number, part->original_size, part->checksum, facts_seal(facts)};
        stored_size += part->stored_size;
    }
    return stored_size == completion->result->attributes->stored_size ||
           error_set(error, ERROR_INVALID, S3_InvalidPart, "A part has been replaced meanwhile.");
}

SUSPENDS static bool load(struct completion *completion, struct error *error)
{
    completion->chosen = calloc(completion->count, sizeof *completion->chosen);
    completion->parts = calloc(completion->count, sizeof *completion->parts);
    ASSERT(completion->chosen != NULL && completion->parts != NULL);
    return piece_list_load(&completion->list, &completion->place, completion->choices[0].number - 1, 0, error) &&
           choose(completion, error) && list_parts(completion, error);
}

/* ---- joining ---- */

/* Frames between which there is padding have no list: readers walk. */
static bool describe(struct completion *completion, struct error *error)
{
    struct write_result result = *completion->result;
    if (result.parts == NULL) {
        result.parts = completion->parts;
        result.parts_count = completion->count;
    }
    if (completion->is_padded)
        result.frames = SPAN_EMPTY;
    return written_object_make(completion->writer, &result, &completion->object, error);
}

SUSPENDS static bool join(struct completion *completion, struct error *error)
{
    struct remote_writer *writer = completion->writer;
    completion->joining = (struct joining){
        .place = &completion->place,
        .list = &completion->list,
        .chosen = completion->chosen,
        .count = completion->count,
        .claim = &completion->claim,
        .held = completion->held,
    };
    if (!join_prepare(&completion->joining, &writer->sent, &completion->is_padded, error) ||
        !describe(completion, error))
        return false;
    completion->joining.trailer = buffer_span(&completion->object.trailer);
    return join_pieces(&completion->joining, &writer->key.backend, writer->large, error);
}

/* ---- completing ---- */

SUSPENDS static bool claim(struct completion *completion, struct error *error)
{
    struct upload_end end = {.key = completion->record.info.key,
                             .checksum = completion->result->attributes->checksum,
                             .seal = completion->result->attributes->seal};
    memcpy(end.nonce, completion->record.nonce, STAMP_NONCE_BYTES);
    memcpy(end.etag, completion->result->attributes->etag, sizeof end.etag);
    return claim_take(&completion->place, &completion->record, &end, &completion->claim, error);
}

/* Is it certain that the upload is open? Then nothing may say that it was completed. */
static bool is_open_still(bool joined, const struct error *error)
{
    if (error->code == S3_NoSuchUpload)
        return false;
    return !joined || error->code == S3_PreconditionFailed || error->code == S3_NoSuchKey ||
           error->code == S3_InvalidPart;
}

SUSPENDS static bool finish(struct completion *completion, struct object_attributes *ret_attributes,
                            struct error *error)
{
    struct remote_writer *writer = completion->writer;
    struct written_revision revision;
    writer->counting.is_blind = completion->claim.was_others; /* who had the claim may have counted it, or will */
    if (!claim_holds(&completion->claim, error) || !large_complete(writer, &revision, error))
        return false;
    written_object_settle(&writer->key, &completion->object, &revision,
                          completion->is_padded ? SPAN_EMPTY : completion->result->frames, ret_attributes);
    return true;
}

/* Where uploads may go without having been completed, that this one was must be noted. */
static bool gone_is_ended(const struct remote *remote)
{
    return verdict_holds(&remote->verdicts, VERDICT_COMPLETE_GONE);
}

/* A Complete whose answer was lost is answered with the version that it made, also when there are newer ones (425). */
SUSPENDS static void note_version(struct completion *completion, const char *version)
{
    struct error ignored;
    struct upload_end end = completion->claim.end;
    static_assert(sizeof end.version == VERSION_TEXT_BYTES, "ids of versions are as long here as there");
    memcpy(end.version, version, sizeof end.version);
    if (strcmp(version, "null") != 0 || !gone_is_ended(completion->place.remote))
        (void)upload_put_end(&completion->place, &end, &ignored);
}

static void free_plan(struct completion *completion)
{
    written_object_free(&completion->object);
    piece_list_free(&completion->list);
    buffer_free(&completion->joining.steps);
    buffer_free(&completion->writer->large->parts);
    free(completion->chosen);
    free(completion->parts);
    completion->chosen = NULL;
    completion->parts = NULL;
}

/* Before the object is there. */
SUSPENDS static bool put_list(struct completion *completion, struct error *error)
{
    struct remote_writer *writer = completion->writer;
    return acl_put_first(&writer->key, writer->nonce, writer->intent.acl, error);
}

/* Another Complete, with other parts, may have replaced what was joined. */
SUSPENDS static bool complete(struct completion *completion, struct object_attributes *ret_attributes,
                              struct error *error)
{
    const struct write_condition *condition = completion->result->condition;
    if ((condition != NULL && !target_prepare(&completion->writer->target, true, error)) || !claim(completion, error))
        return false;
    completion->held = followed_hold(completion->place.shard, completion->place.id);
    for (unsigned plan = 1;; plan++) {
        completion->object = (struct written_object){0};
        piece_list_init(&completion->list);
        bool joined = load(completion, error) && put_list(completion, error) && join(completion, error);
        bool done = joined && finish(completion, ret_attributes, error);
        free_plan(completion);
        if (!done && joined && error->code == S3_InvalidPart && plan < PLANS_MAX)
            continue;
        claim_give_back(&completion->claim, !done && is_open_still(joined, error));
        if (done)
            note_version(completion, ret_attributes->version);
        return done;
    }
}

SUSPENDS static struct remote_writer *make_writer(struct bucket_store *store, const struct object_name *name,
                                                  const struct completion *completion, struct error *error)
{
    const struct write_result *result = completion->result;
    const struct write_intent intent = {
        .name = *name,
        .condition = result->condition,
        .metadata = result->attributes->metadata,
        .tags = result->tags,
        .is_size_known = true,
        .original_size = result->attributes->original_size,
        .codec = result->attributes->codec,
        .may_have_columns = result->attributes->may_have_columns,
        .is_uncounted = result->is_uncounted,
        .is_sealed = result->attributes->seal.size > 0,
        .owner = result->attributes->owner,
        .acl = result->attributes->acl,
    };
    struct remote_writer *writer = remote_writer_create(store, &intent, error);
    if (writer == NULL)
        return NULL;
    memcpy(writer->nonce, completion->record.nonce, STAMP_NONCE_BYTES);
    large_adopt(writer, completion->record.backend_upload, completion->record.is_metadata_in_trailer);
    writer->target.logical_etag = result->attributes->etag;
    return writer;
}

SUSPENDS bool remote_complete_upload(struct bucket_store *store, const struct object_name *name, struct span upload_id,
                                     const struct part_choice *parts, unsigned count, const struct write_result *result,
                                     struct object_attributes *ret_attributes, struct error *error)
{
    struct buffer bytes = {0};
    struct completion *completion = calloc(1, sizeof *completion);
    ASSERT(completion != NULL);
    completion->result = result;
    completion->choices = parts;
    completion->count = count;
    bool done = upload_place_init(store, name->bucket, upload_id, &completion->place, error) &&
                upload_recall(&completion->place, name->key, &bytes, &completion->record, error);
    completion->writer = done ? make_writer(store, name, completion, error) : NULL;
    done = completion->writer != NULL && complete(completion, ret_attributes, error);
    if (completion->writer != NULL) {
        if (completion->held != NULL)
            followed_release(completion->place.shard, completion->held);
        if (done || error->code == S3_NoSuchUpload)
            followed_end(completion->place.shard, upload_id);
        large_forget(completion->writer);
        remote_writer_free(completion->writer);
    }
    if (done)
        upload_clean(&completion->place, SPAN("end"));
    buffer_free(&bytes);
    free(completion);
    return done;
}

/* ---- what became of it ---- */

/* The key tells, if it still holds the object; else the record, if it is of a Complete. */
SUSPENDS static bool tell_end(const struct upload_end *end, struct remote_key *key,
                              struct object_attributes *ret_attributes, struct error *error)
{
    struct remote_state state;
    if (!remote_look(key, LOOK_FOR_WHOLE, &state, error))
        return false;
    const struct object_attributes *there = &state.object.attributes;
    bool holds = state.is_there && state.object.is_stamped &&
                 memcmp(state.object.stamp.nonce, end->nonce, STAMP_NONCE_BYTES) == 0;
    bool is_complete = !upload_end_gives_up(end);
    bool is_sure = holds || !is_complete || end->version[0] != '\0' || gone_is_ended(key->shard->remote);
    *ret_attributes = (struct object_attributes){.checksum = holds ? there->checksum : end->checksum};
    memcpy(ret_attributes->etag, holds ? there->etag : end->etag, sizeof ret_attributes->etag);
    if (!holds) {
        ret_attributes->seal = end->seal;
        remote_lift_veil(key->shard->remote, ret_attributes);
        ret_attributes->seal = SPAN_EMPTY;
    }
    memcpy(ret_attributes->version, holds ? there->version : end->version, sizeof ret_attributes->version);
    remote_state_free(key->shard, &state);
    if (!is_sure)
        return target_is_unclear(key->shard, error);
    return holds || is_complete || upload_no_such(error);
}

SUSPENDS bool remote_find_completed(struct bucket_store *store, const struct object_name *name, struct span upload_id,
                                    struct object_attributes *ret_attributes, struct error *error)
{
    struct upload_place place;
    struct upload_end end;
    struct remote_key key;
    struct buffer bytes;
    uint8_t ignored[16];
    bool found = false;
    if (!hex_decode(upload_id, ignored, sizeof ignored))
        return upload_no_such(error);
    buffer_init(&bytes, RECORD_BYTES_MAX);
    bool done = upload_place_init(store, name->bucket, upload_id, &place, error) &&
                upload_get(&place, SPAN("end"), &bytes, &found, error);
    if (done && (!found || !upload_end_decode(buffer_span(&bytes), &end) || !span_equal(end.key, name->key)))
        done = upload_no_such(error);
    done = done && remote_key_init(place.remote, name, &key, error) && tell_end(&end, &key, ret_attributes, error);
    buffer_free(&bytes);
    return done;
}
