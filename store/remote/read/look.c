/* store/remote/read/look.c -- what a key is now: one question to the backend, and the row that remembers its answer. */
#include "runtime/base/assert.h"
#include "runtime/base/clock.h"
#include "runtime/log/log.h"
#include "s3client/wire/s3_error.h"
#include "store/remote/ledger/counting.h"
#include "store/remote/read/fetch.h"
#include "store/remote/read/s4_object.h"
#include "store/remote/write/tombstone.h"

#include <assert.h>

enum {
    METADATA_BYTES_MAX = 64 << 10,
    INCOMPLETE_ROW_MS = 60000,
    LOOKS_MAX = 32,
    DOUBTS_MAX =
        WRITE_ROUNDS - 2, /* the first round may find that the row is outdated, and the last one is to succeed */
};

/* What was seen of it by now: others of this shard go on while one waits. */
static void refresh_row(struct remote_key *key)
{
    struct remote *remote = key->shard->remote;
    if (key->is_internal)
        return;
    key->has_row = rows_find(key->shard->rows, key->row_place, &key->row);
    if (key->has_row && key->row.expires_ms != 0 &&
        (uint64_t)clock_wall_ms(remote->settings.clock) >= key->row.expires_ms)
        key->has_row = false;
}

static bool no_such_version(struct error *error)
{
    return error_set(error, ERROR_NOT_FOUND, S3_NoSuchVersion,
                     "The version ID specified in the request does not match an existing version.");
}

static void set_version(struct remote_key *key, struct span version)
{
    ASSERT(version.size < sizeof key->version);
    memcpy(key->version, version.data, version.size);
    key->version[version.size] = '\0';
}

bool remote_key_init(struct remote *remote, const struct object_name *name, struct remote_key *ret_key,
                     struct error *error)
{
    ret_key->shard = remote_shard_here(remote);
    ret_key->name = *name;
    ret_key->is_internal = name_is_internal(name->key);
    ret_key->has_row = false;
    ret_key->doubts = 0;
    ret_key->version[0] = '\0';
    bool is_null = span_equal(name->version, SPAN("null"));
    if (!remote->base.capabilities.has_versions && name->version.size > 0 && !is_null)
        return no_such_version(error);
    if (remote->base.capabilities.has_versions && name->version.size > 0)
        set_version(ret_key, name->version);
    if (!remote_name(remote, name, &ret_key->backend, error))
        return false;
    if (ret_key->is_internal)
        return true;
    row_key(name->bucket, name->key, ret_key->row_key);
    memcpy(ret_key->row_place, ret_key->row_key, ROW_KEY_BYTES);
    if (ret_key->version[0] != '\0')
        row_key_of_version(ret_key->row_key, name->version, ret_key->row_place);
    refresh_row(ret_key);
    metric_add(ret_key->has_row ? &ret_key->shard->counters.rows_found : &ret_key->shard->counters.rows_missed, 1);
    return true;
}

struct s3_call remote_key_call(struct remote_key *key, enum s3_kind kind, enum s3_repeat repeat)
{
    key->version_parameter = (struct s3_parameter){SPAN("versionId"), span_from_string(key->version)};
    return (struct s3_call){.kind = kind,
                            .bucket = key->backend.bucket,
                            .key = key->backend.key,
                            .query = &key->version_parameter,
                            .query_count = key->version[0] == '\0' ? 0 : 1,
                            .repeat = repeat};
}

void remote_key_pin(struct remote_key *key, const char *version)
{
    if (key->version[0] == '\0' && !key->is_internal && strcmp(version, "null") != 0 &&
        key->shard->remote->base.capabilities.has_versions)
        set_version(key, span_from_string(version));
}

void remote_key_unpin(struct remote_key *key)
{
    if (key->name.version.size == 0)
        key->version[0] = '\0';
}

static bool not_of_markers(struct error *error)
{
    return error_set(error, ERROR_NOT_FOUND, S3_MethodNotAllowed,
                     "The specified method is not allowed against this resource: it is a delete marker.");
}

void remote_key_answered_version(const struct remote_key *key, const struct s3_answer *answer,
                                 char ret_version[VERSION_TEXT_BYTES])
{
    remote_answered_version(answer, ret_version);
    if (answer->version[0] == '\0' && key->version[0] != '\0')
        memcpy(ret_version, key->version, VERSION_TEXT_BYTES);
}

bool remote_refuse_missing(const struct remote_key *key, const struct remote_state *state, struct error *error)
{
    if (key->version[0] == '\0')
        return error_set(error, ERROR_NOT_FOUND, S3_NoSuchKey, "The specified key does not exist.");
    return state->is_marker ? not_of_markers(error) : no_such_version(error);
}

bool remote_key_is_missing(const struct remote_key *key, const struct s3_answer *answer, struct error *error)
{
    bool names_version = key->version[0] != '\0';
    if (names_version && answer->status == 405)
        return !not_of_markers(error);
    /* An id that the backend finds no id of its own cannot be one of its versions. */
    bool is_no_id = names_version && answer->status == 400 && error->kind != ERROR_DENIED;
    if (is_no_id || (names_version && (error->code == S3_NoSuchKey || error->code == S3_NoSuchVersion)))
        return !no_such_version(error);
    return error->code == S3_NoSuchKey;
}

void remote_state_free(struct remote_shard *shard, struct remote_state *state)
{
    rows_give_trailer(shard->rows, state->trailer);
    buffer_free(&state->metadata);
    buffer_free(&state->seal);
    state->trailer = NULL;
}

/* ---- rows ---- */

/* Was this ETag said before the answer was asked for? */
static bool was_said(const struct remote_key *key, const struct object_attributes *attributes)
{
    return key->has_row && strcmp(key->row.attributes.stored_etag, attributes->stored_etag) == 0;
}

static bool may_believe(const struct remote_key *key)
{
    return remote_labels_hold(key->shard->remote) || key->row.was_said_before;
}

/* Does the row say all this already? A copy of an object onto itself may keep the ETag, but not the second. */
static bool is_known(const struct remote_key *key, const struct object_attributes *attributes)
{
    return key->has_row && was_said(key, attributes) && key->row.was_said_before && key->row.expires_ms == 0 &&
           key->row.attributes.modified_ms / 1000 == attributes->modified_ms / 1000;
}

/* Somebody of this shard has noted another revision since we asked: ours may be the older one. */
static bool is_outrun(struct remote_key *key, const struct object_attributes *attributes)
{
    struct row row;
    uint64_t known = key->has_row ? key->row.sequence : 0;
    if (!rows_find(key->shard->rows, key->row_place, &row) || row.sequence <= known ||
        strcmp(row.attributes.stored_etag, attributes->stored_etag) == 0)
        return false;
    key->row = row;
    key->has_row = true;
    return true;
}

/* What is current now has a name under which it can be asked for when it no longer is. */
static void note_version(const struct remote_key *key, const char *version, struct row *row)
{
    uint8_t row_key[ROW_KEY_BYTES];
    if (key->name.version.size > 0 || strcmp(version, "null") == 0)
        return;
    row_key_of_version(key->row_key, span_from_string(version), row_key);
    rows_put(key->shard->rows, row_key, row);
}

void remote_note_state(struct remote_key *key, const struct remote_state *state)
{
    struct row row;
    if (key->is_internal || is_known(key, &state->object.attributes) || is_outrun(key, &state->object.attributes))
        return;
    if (key->has_row && !was_said(key, &state->object.attributes))
        metric_add(&key->shard->counters.rows_changed, 1);
    if (!row_of(&state->object, was_said(key, &state->object.attributes), &row)) {
        remote_note_absence(key);
        return;
    }
    row.is_counted = counting_counts(key->shard->remote, key->row_key, &state->object);
    /* S4 completes an object by copying it onto itself, which may keep the ETag. */
    if (row.attributes.is_s4 && row.attributes.is_multipart && !row.is_stamped && row.attributes.etag[0] == '\0')
        row.expires_ms = (uint64_t)clock_wall_ms(key->shard->remote->settings.clock) + INCOMPLETE_ROW_MS;
    rows_put(key->shard->rows, key->row_place, &row);
    note_version(key, state->object.attributes.version, &row);
    key->row = row;
    key->has_row = true;
}

void remote_note_absence(struct remote_key *key)
{
    if (key->is_internal || !key->has_row)
        return;
    rows_drop(key->shard->rows, key->row_place);
    key->has_row = false;
}

/* ---- answers ---- */

/* A copy of a tombstone that another tool made under another name is an object like others, and so is what a tool that
 * keeps metadata has written over one: a tombstone's body is its stamp. */
static bool is_tombstone(const struct remote_key *key, const struct backend_object *object)
{
    return !key->is_internal && object->is_stamped && object->stamp.is_tombstone &&
           object->attributes.stored_size <= STAMP_TEXT_BYTES_MAX &&
           memcmp(object->stamp.name, key->row_key, STAMP_NAME_BYTES) == 0;
}

bool remote_state_is_whole(const struct remote_state *state)
{
    const struct backend_object *object = &state->object;
    if (!object->is_stamped || object->stamp.trailer == STAMP_NO_TRAILER)
        return true; /* there is nothing more to be had */
    bool is_told = object->attributes.etag[0] != '\0' || object->attributes.seal.size > 0;
    return object->attributes.is_size_known && is_told &&
           (!object->stamp.is_metadata_in_trailer || state->trailer != NULL);
}

/* A copy that another tool made of the fields alone: the trailer is that of another body. */
static bool fits(const struct backend_object *object, const struct trailer *trailer)
{
    return memcmp(object->stamp.body_nonce, trailer->facts.nonce, TRAILER_NONCE_BYTES) == 0;
}

static void use_trailer(const struct remote_key *key, struct remote_state *state, const struct kept_trailer *kept)
{
    state->trailer = kept;
    fields_apply_trailer(&state->object, &kept->trailer);
    remote_lift_veil(key->shard->remote, &state->object.attributes);
}

/* What the row knows. Its seal is copied, for rows change. */
static void use_row(const struct remote_key *key, struct remote_state *state)
{
    struct span *seal = &state->object.attributes.seal;
    row_apply(&key->row, &state->object);
    if (seal->data != key->row.seal)
        return;
    buffer_append(&state->seal, *seal);
    *seal = buffer_span(&state->seal);
}

/* What was said under this very ETag before was another size, or another logical ETag. (A copy of an object onto itself
 * changes neither.) */
static bool contradicts_row(const struct remote_key *key, const struct object_attributes *attributes)
{
    const struct object_attributes *known = &key->row.attributes;
    return was_said(key, attributes) &&
           ((attributes->etag[0] != '\0' && known->etag[0] != '\0' && strcmp(attributes->etag, known->etag) != 0) ||
            attributes->stored_size != known->stored_size ||
            (attributes->is_size_known && attributes->original_size != known->original_size));
}

/* One of the two answers bore the wrong label, unless two writes left the same bytes there: a client may send what
 * another body was packed to. */
static bool proves_slip(const struct remote_key *key, const struct object_attributes *attributes)
{
    const struct object_attributes *known = &key->row.attributes;
    bool are_two_writes = known->revision != 0 && attributes->revision != 0 && known->revision != attributes->revision;
    return !are_two_writes || attributes->stored_size != known->stored_size;
}

static bool refuse_contradiction(struct remote_key *key, const struct object_attributes *attributes,
                                 struct error *error)
{
    bool is_slip = proves_slip(key, attributes);
    remote_note_absence(key);
    if (!is_slip)
        return error_set(error, ERROR_CHANGED, S3_SlowDown,
                         "The object is changed too often at the moment. Try again.");
    remote_note_slip(key->shard->remote);
    return error_set(error, ERROR_CHANGED, S3_SlowDown, "The backend mixed two revisions of the object. Try again.");
}

bool remote_read_answer(struct remote_key *key, const struct s3_answer *answer, uint64_t size,
                        struct remote_state *ret_state, struct error *error)
{
    unsigned count;
    const struct http_field *fields = s3_answer_fields(answer, &count);
    buffer_init(&ret_state->metadata, METADATA_BYTES_MAX);
    const uint8_t *name = key->is_internal ? NULL : key->row_key;
    if (!fields_decode(fields, count, size, name, &ret_state->metadata, &ret_state->object, error))
        return error->kind == ERROR_DAMAGED ? remote_nonsense(error->message, error)
                                            : error_set(error, ERROR_UNSUPPORTED, S3_NotImplemented,
                                                        "The object was compressed with a codec that is not known.");
    struct backend_object *object = &ret_state->object;
    ret_state->is_tombstone = is_tombstone(key, object);
    ret_state->is_there = !ret_state->is_tombstone;
    if (ret_state->is_tombstone)
        return true;
    remote_lift_veil(key->shard->remote, &object->attributes);
    if (!key->is_internal && contradicts_row(key, &object->attributes))
        return refuse_contradiction(key, &object->attributes, error);
    if (!was_said(key, &object->attributes) || !may_believe(key))
        return true;
    use_row(key, ret_state);
    if (!object->is_stamped || object->stamp.trailer == STAMP_NO_TRAILER)
        return true;
    const struct kept_trailer *kept =
        rows_find_trailer(key->shard->rows, key->row_place, span_from_string(object->attributes.stored_etag));
    if (kept != NULL && fits(object, &kept->trailer))
        use_trailer(key, ret_state, kept);
    else
        rows_give_trailer(key->shard->rows, kept);
    return true;
}

/* ---- the trailer ---- */

static bool grow(struct buffer *buffer, uint64_t size, struct error *error)
{
    return buffer_reserve(buffer, (size_t)size) ||
           error_set(error, ERROR_BUSY, S3_SlowDown, "There is no memory for a trailer.");
}

/* The last `size` bytes of the object, of which `tail` may have some already. */
SUSPENDS static bool load_end(struct remote_key *key, const struct object_attributes *attributes, struct span tail,
                              uint64_t size, struct buffer *ret_end, struct error *error)
{
    struct span etag = span_from_string(attributes->stored_etag);
    buffer_clear(ret_end);
    if (!grow(ret_end, size, error))
        return false;
    size_t have = tail.size < size ? tail.size : (size_t)size;
    uint64_t first = attributes->stored_size - size;
    if (have < size && !fetch_range(key, etag, first, attributes->stored_size - have, ret_end->data, error))
        return false;
    if (have > 0)
        memcpy(ret_end->data + (size - have), tail.data + (tail.size - have), have);
    ret_end->size = (size_t)size;
    return true;
}

SUSPENDS static bool load_trailer(struct remote_key *key, const struct backend_object *object, struct span tail,
                                  struct buffer *ret_end, struct error *error)
{
    const struct object_attributes *attributes = &object->attributes;
    uint64_t size = object->stamp.trailer == STAMP_TRAILER_BYTES ? object->stamp.trailer_bytes : SMALL_BODY_BYTES;
    if (size > attributes->stored_size)
        size = attributes->stored_size;
    if (tail.size > size)
        size = tail.size;
    if (!load_end(key, attributes, tail, size, ret_end, error))
        return false;
    uint64_t bytes;
    if (!trailer_locate(buffer_span(ret_end), attributes->stored_size, &bytes) || bytes <= ret_end->size)
        return true;
    struct buffer whole = {0};
    bool done = load_end(key, attributes, buffer_span(ret_end), bytes, &whole, error);
    buffer_free(ret_end);
    *ret_end = whole;
    return done;
}

static void say_wrong(struct remote_key *key, const char *reason)
{
    metric_add(&key->shard->counters.trailers_wrong, 1);
    log_message(LOG_WARNING, "The trailer of an object in the bucket %.*s is not believed: %s. The object is walked.",
                SPAN_FORMAT(key->backend.bucket), reason);
}

/* What nothing but the end can say is asked for again, before the object is called damaged: the next answers go
 * together, unless its end is as wrong as it looks. */
static bool is_worth_a_doubt(const struct remote_key *key, const struct remote_state *state)
{
    return key->doubts < DOUBTS_MAX && !remote_state_is_whole(state);
}

static bool refuse_doubtful(struct remote_key *key, struct error *error)
{
    key->doubts++;
    return error_set(error, ERROR_CHANGED, S3_SlowDown, "The backend mixed two revisions of the object. Try again.");
}

SUSPENDS bool remote_read_trailer(struct remote_key *key, struct remote_state *state, struct span tail,
                                  struct error *error)
{
    struct buffer end = {0};
    const struct backend_object *object = &state->object;
    const char *reason = "it is not there";
    struct trailer trailer;
    uint64_t bytes;
    if (state->trailer != NULL)
        return true;
    if (!load_trailer(key, object, tail, &end, error)) {
        buffer_free(&end);
        return false;
    }
    bool is_good = trailer_locate(buffer_span(&end), object->attributes.stored_size, &bytes) && bytes <= end.size;
    if (is_good && bytes < end.size) { /* its bytes are kept: without what lies before them */
        memmove(end.data, end.data + (end.size - (size_t)bytes), (size_t)bytes);
        end.size = (size_t)bytes;
    }
    is_good = is_good && trailer_decode(buffer_span(&end), object->attributes.stored_size, &trailer, &reason);
    if (is_good && !fits(object, &trailer)) {
        is_good = false;
        reason = "it belongs to another body";
    }
    bool is_doubtful = !is_good && is_worth_a_doubt(key, state);
    if (is_good)
        use_trailer(key, state,
                    rows_keep_trailer(key->shard->rows, key->row_place,
                                      span_from_string(object->attributes.stored_etag), &end, &trailer));
    else if (!is_doubtful)
        say_wrong(key, reason);
    buffer_free(&end);
    return !is_doubtful || refuse_doubtful(key, error);
}

/* ---- looking ---- */

static void note_marker(const struct s3_answer *answer, struct remote_state *state)
{
    struct object_attributes *attributes = &state->object.attributes;
    state->is_marker = answer->is_delete_marker || answer->status == 405;
    if (!state->is_marker)
        return;
    static_assert(sizeof answer->version == sizeof attributes->version, "ids of versions are as long here as there");
    memcpy(attributes->version, answer->version, sizeof attributes->version);
    attributes->modified_ms = answer->modified_ms;
    attributes->is_delete_marker = true;
}

SUSPENDS static bool look_once(struct remote_key *key, bool wants_whole, struct remote_state *ret_state,
                               struct error *error)
{
    struct s3_answer answer;
    const struct s3_call call = remote_key_call(key, S3_HEAD_OBJECT, S3_REPEAT);
    refresh_row(key);
    if (!remote_call(key->shard, &call, &answer, error)) {
        if (!remote_key_is_missing(key, &answer, error))
            return false;
        remote_note_absence(key);
        note_marker(&answer, ret_state);
        return true;
    }
    bool done = answer.has_content_length ? remote_read_answer(key, &answer, answer.content_length, ret_state, error)
                                          : remote_nonsense("HeadObject: no Content-Length", error);
    s3_answer_close(&answer);
    if (!done || key->is_internal)
        return done;
    if (ret_state->is_tombstone) {
        remote_note_absence(key);
        tombstone_remove_old(key, &ret_state->object.attributes);
        return true;
    }
    if (wants_whole && !remote_state_is_whole(ret_state) && !remote_read_trailer(key, ret_state, SPAN_EMPTY, error))
        return false;
    if (wants_whole && !s4_object_complete(key, ret_state, error))
        return false;
    remote_note_state(key, ret_state);
    return true;
}

SUSPENDS static bool look(struct remote_key *key, bool wants_whole, struct remote_state *ret_state, struct error *error)
{
    *ret_state = (struct remote_state){0};
    for (unsigned i = 1;; i++) {
        if (look_once(key, wants_whole, ret_state, error))
            return true;
        if (error->kind != ERROR_CHANGED || i == WRITE_ROUNDS)
            return false;
        remote_state_free(key->shard, ret_state);
        *ret_state = (struct remote_state){0};
    }
}

/* What the last look of several has seen. */
struct seen {
    char stored_etag[STORED_ETAG_TEXT_BYTES];
    char etag[ETAG_TEXT_BYTES];
};

static bool is_seen(const struct seen *seen, const struct object_attributes *attributes)
{
    return strcmp(seen->stored_etag, attributes->stored_etag) == 0 && strcmp(seen->etag, attributes->etag) == 0;
}

/* What decides a condition must have been said twice of the same revision, one after the other: that revision was there
 * in between, so the second answer is its own. A server that mixes two revisions once in some thousand answers passes
 * the test at start, and a client's write would be lost by it. Where labels are known to slip, nothing else is shown.
 */
static bool is_settled(const struct remote_key *key, enum look_intent intent, const struct remote_state *state,
                       const struct seen *before)
{
    const struct object_attributes *attributes = &state->object.attributes;
    bool is_once_enough = intent == LOOK_FOR_WHOLE && remote_labels_hold(key->shard->remote);
    bool is_nothing = !state->is_there && !state->is_tombstone;
    if (key->is_internal || intent == LOOK_FOR_ETAG || is_once_enough || is_nothing)
        return true;
    /* the row may be another one's by now, or there is none: of an object whose trailer is damaged */
    return (was_said(key, attributes) && key->row.was_said_before) || is_seen(before, attributes);
}

SUSPENDS static bool look_until_settled(struct remote_key *key, enum look_intent intent, struct remote_state *ret_state,
                                        struct error *error)
{
    struct seen seen = {{0}, {0}};
    for (unsigned i = 1;; i++) {
        if (!look(key, intent != LOOK_FOR_ETAG, ret_state, error))
            return false;
        if (is_settled(key, intent, ret_state, &seen))
            return true;
        if (i == LOOKS_MAX)
            return error_set(error, ERROR_BUSY, S3_SlowDown,
                             "The object is changed too often at the moment. Try again.");
        memcpy(seen.stored_etag, ret_state->object.attributes.stored_etag, sizeof seen.stored_etag);
        memcpy(seen.etag, ret_state->object.attributes.etag, sizeof seen.etag);
        remote_state_free(key->shard, ret_state);
    }
}

SUSPENDS bool remote_look(struct remote_key *key, enum look_intent intent, struct remote_state *ret_state,
                          struct error *error)
{
    bool done = look_until_settled(key, intent, ret_state, error);
    if (!done)
        remote_state_free(key->shard, ret_state);
    return done;
}
