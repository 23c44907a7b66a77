/* store/remote/uploads/complete.c -- the end of an upload: chosen parts become one object, once.
 *
 * The backend's upload decides. Any replica may bring the parts that were chosen into it, and complete it: the first to
 * do so has completed it, for the others it is gone. Who replaces a stored part under another one's hands is noticed by
 * the backend, which is told the ETag of each; then it is planned anew. What the object will be is noted before, so
 * that a Complete whose answer was lost can be answered, by anybody, even when the object was overwritten since. */
#include "runtime/base/assert.h"
#include "runtime/base/hex.h"
#include "s3client/operations.h"
#include "s3client/wire/s3_error.h"
#include "store/remote/uploads/join.h"

#include <stdio.h>
#include <stdlib.h>

enum { PLANS_MAX = 3, LIST_ARENA_BYTES = 1 << 20, END_SUFFIX_BYTES = 4 + ETAG_TEXT_BYTES, ENDS_MAX = 16 };

struct completion {
    struct upload_place place;
    struct upload_record record;
    const struct write_result *result;
    const struct part_choice *choices;
    unsigned count;
    struct remote_writer *writer; /* of the object that it becomes */
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
        const struct part_attributes *part = &piece_at(&completion->list, completion->chosen[i])->facts.part;
        completion->parts[i] = (struct object_part){part->number, part->original_size, part->checksum};
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
    };
    if (!join_prepare(&completion->joining, &writer->sent, &completion->is_padded, error) ||
        !describe(completion, error))
        return false;
    completion->joining.trailer = buffer_span(&completion->object.trailer);
    return join_pieces(&completion->joining, &writer->key.backend, writer->large, error);
}

/* ---- completing ---- */

static struct span end_suffix(const struct completion *completion, char ret_text[END_SUFFIX_BYTES])
{
    int size = snprintf(ret_text, END_SUFFIX_BYTES, "end.%s", completion->result->attributes->etag);
    return span_of(ret_text, (size_t)size);
}

/* That one is there already is as good. */
SUSPENDS static bool note_end(const struct completion *completion, struct error *error)
{
    char suffix[END_SUFFIX_BYTES];
    struct buffer bytes = {0};
    bool ignored;
    struct upload_end end = {.key = completion->record.info.key, .checksum = completion->result->attributes->checksum};
    memcpy(end.nonce, completion->record.nonce, STAMP_NONCE_BYTES);
    memcpy(end.etag, completion->result->attributes->etag, sizeof end.etag);
    upload_end_encode(&end, &bytes);
    bool done =
        upload_put(&completion->place, end_suffix(completion, suffix), buffer_span(&bytes), false, &ignored, error);
    buffer_free(&bytes);
    return done;
}

/* Is it certain that this Complete was not applied, and the upload is open? Then nothing may say that it was. */
static bool is_refused(const struct error *error)
{
    return error->code == S3_PreconditionFailed || error->code == S3_NoSuchKey || error->code == S3_InvalidPart;
}

SUSPENDS static bool finish(struct completion *completion, struct object_attributes *ret_attributes,
                            struct error *error)
{
    struct remote_writer *writer = completion->writer;
    char suffix[END_SUFFIX_BYTES];
    char etag[S3_ETAG_BYTES];
    if (!note_end(completion, error))
        return false;
    if (!large_complete(writer, etag, error)) {
        if (is_refused(error))
            upload_remove(&completion->place, end_suffix(completion, suffix));
        return false;
    }
    written_object_settle(&writer->key, &completion->object, span_from_string(etag),
                          completion->is_padded ? SPAN_EMPTY : completion->result->frames, ret_attributes);
    return true;
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

/* Another Complete, with other parts, may have replaced what was joined. */
SUSPENDS static bool complete(struct completion *completion, struct object_attributes *ret_attributes,
                              struct error *error)
{
    const struct write_condition *condition = completion->result->condition;
    if (condition != NULL && !target_prepare(&completion->writer->target, true, error))
        return false;
    for (unsigned plan = 1;; plan++) {
        completion->object = (struct written_object){0};
        piece_list_init(&completion->list);
        bool joined = load(completion, error) && join(completion, error);
        bool done = joined && finish(completion, ret_attributes, error);
        free_plan(completion);
        if (done || !joined || error->code != S3_InvalidPart || plan == PLANS_MAX)
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
    char suffix[END_SUFFIX_BYTES];
    struct buffer bytes = {0};
    struct completion *completion = calloc(1, sizeof *completion);
    ASSERT(completion != NULL);
    completion->result = result;
    completion->choices = parts;
    completion->count = count;
    bool done = upload_place_init(store, name->bucket, upload_id, &completion->place, error) &&
                upload_load(&completion->place, name->key, &bytes, &completion->record, error);
    completion->writer = done ? make_writer(store, name, completion, error) : NULL;
    done = completion->writer != NULL && complete(completion, ret_attributes, error);
    if (completion->writer != NULL) {
        large_forget(completion->writer);
        remote_writer_free(completion->writer);
    }
    if (done)
        upload_clean(&completion->place, end_suffix(completion, suffix));
    buffer_free(&bytes);
    free(completion);
    return done;
}

/* ---- what became of it ---- */

/* What is noted of an upload: the ends that were begun, and whether it was given up. */
struct notes {
    struct arena arena;
    struct span ends[ENDS_MAX]; /* their suffixes */
    unsigned ends_count;
    bool is_given_up;
};

SUSPENDS static bool list_notes(const struct upload_place *place, struct notes *notes, struct error *error)
{
    char text[UPLOAD_KEY_BYTES];
    struct span prefix = upload_backend_key(place, SPAN_EMPTY, text);
    struct s3_list_page page;
    struct s3_answer answer;
    const struct s3_call call = {.bucket = place->backend_bucket, .repeat = S3_REPEAT};
    const struct s3_list_request request = {.prefix = prefix, .delimiter = SPAN("/")};
    bool done = s3_client_list_objects(place->shard->client, &call, &request, &notes->arena, &page, &answer, error);
    if (!remote_answered(place->shard, S3_LIST_OBJECTS, &answer, done, error))
        return false;
    for (unsigned i = 0; i < page.count; i++) {
        struct span suffix = span_skip(page.entries[i].key, prefix.size);
        notes->is_given_up = notes->is_given_up || span_equal(suffix, SPAN("abort"));
        if (span_starts_with(suffix, SPAN("end.")) && notes->ends_count < ENDS_MAX)
            notes->ends[notes->ends_count++] = suffix;
    }
    return true;
}

/* The key tells which of the ends it was, if it still holds the object. Else only one that stands alone can be it. */
SUSPENDS static bool find_end(const struct upload_place *place, const struct object_name *name,
                              const struct notes *notes, struct buffer *bytes, struct upload_end *ret_end,
                              struct error *error)
{
    struct remote_key key;
    struct remote_state state;
    if (!remote_key_init(place->remote, name, &key, error) || !remote_look(&key, true, &state, error))
        return false;
    bool found = false;
    for (unsigned i = 0; i < notes->ends_count && !found; i++) {
        bool is_there;
        buffer_free(bytes);
        buffer_init(bytes, RECORD_BYTES_MAX);
        if (!upload_get(place, notes->ends[i], bytes, &is_there, error))
            break;
        if (!is_there || !upload_end_decode(buffer_span(bytes), ret_end) || !span_equal(ret_end->key, name->key))
            continue;
        bool holds = state.is_there && state.object.is_stamped &&
                     memcmp(state.object.stamp.nonce, ret_end->nonce, STAMP_NONCE_BYTES) == 0;
        found = holds ? strcmp(state.object.attributes.etag, ret_end->etag) == 0
                      : notes->ends_count == 1 && !notes->is_given_up;
    }
    remote_state_free(key.shard, &state);
    return found || upload_no_such(error);
}

SUSPENDS bool remote_find_completed(struct bucket_store *store, const struct object_name *name, struct span upload_id,
                                    struct object_attributes *ret_attributes, struct error *error)
{
    struct upload_place place;
    struct upload_end end;
    struct buffer bytes = {0};
    uint8_t ignored[16];
    if (!hex_decode(upload_id, ignored, sizeof ignored))
        return upload_no_such(error);
    struct notes *notes = calloc(1, sizeof *notes);
    ASSERT(notes != NULL);
    arena_init(&notes->arena, LIST_ARENA_BYTES);
    bool done = upload_place_init(store, name->bucket, upload_id, &place, error) && list_notes(&place, notes, error) &&
                (notes->ends_count > 0 || upload_no_such(error)) && find_end(&place, name, notes, &bytes, &end, error);
    if (done) {
        *ret_attributes = (struct object_attributes){.checksum = end.checksum};
        memcpy(ret_attributes->etag, end.etag, sizeof ret_attributes->etag);
    }
    arena_free(&notes->arena);
    free(notes);
    buffer_free(&bytes);
    return done;
}
