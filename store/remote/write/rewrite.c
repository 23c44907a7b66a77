/* store/remote/write/rewrite.c -- reads what an object is, writes it again, on the condition that it still is that. */
#include "store/remote/write/rewrite.h"

#include "codec/format/frame.h"
#include "runtime/base/assert.h"
#include "runtime/base/decimal.h"
#include "runtime/base/hex.h"
#include "s3client/wire/s3_error.h"
#include "store/remote/acl/acl_object.h"
#include "store/remote/delete/grounds.h"
#include "store/remote/ledger/counting.h"
#include "store/remote/read/object.h"

#include <stdlib.h>

enum { KEPT_BYTES_MAX = 4 << 20, TAGS_BYTES_MAX = 64 << 10 }; /* ten thousand parts and the lists */

static const char is_archived[] = "it lies in an archive of the backend, or in a class that nobody knows";

/* ---- may it be? ---- */

static bool refuse(struct error *error, const char *why)
{
    return error_set(error, ERROR_UNSUPPORTED, S3_NotImplemented, "The object is not written anew: %s.", why);
}

static bool has_changed(struct error *error)
{
    return error_set(error, ERROR_CHANGED, S3_PreconditionFailed, "The object was changed, or replaced.");
}

/* A digest and a CRC are all that a trailer can say. */
static bool fits_trailer(const struct object_attributes *attributes)
{
    uint8_t md5[MD5_BYTES];
    uint64_t parts = 0;
    struct span etag = span_from_string(attributes->etag);
    struct span behind = span_skip(etag, etag.size < 2 * MD5_BYTES ? etag.size : 2 * (size_t)MD5_BYTES);
    if (attributes->seal.size > 0)
        return true;
    bool is_plain = behind.size == 0 && attributes->parts_count == 0;
    bool is_of_parts = behind.size > 1 && behind.data[0] == '-' &&
                       decimal_parse_range(span_skip(behind, 1), 1, PART_NUMBER_MAX, &parts) &&
                       parts == attributes->parts_count;
    return attributes->has_crc32c && (is_plain || is_of_parts) &&
           hex_decode(span_take(etag, 2 * (size_t)MD5_BYTES), md5, MD5_BYTES);
}

/* Frames have room for a trailer behind them; what is stored as it is becomes a frame, if it goes with one request. */
static bool has_room(const struct object_attributes *attributes, uint64_t part_bytes)
{
    return attributes->layout == LAYOUT_FRAMED ||
           (attributes->layout == LAYOUT_RAW && attributes->stored_size + FRAME_HEADER_BYTES <= part_bytes);
}

static bool may_be_rewritten(const struct remote_key *key, const struct backend_object *object, struct error *error)
{
    const struct object_attributes *attributes = &object->attributes;
    if (key->is_internal || !object->is_stamped)
        return refuse(error, "Bale did not write it (bale maintain packs such ones)");
    if (storage_class_is_archive(attributes->place))
        return refuse(error, is_archived);
    if (attributes->is_encrypted || !attributes->is_size_known || !fits_trailer(attributes) ||
        !has_room(attributes, key->shard->remote->settings.part_bytes))
        return refuse(error, "its body has no room for a trailer");
    if (attributes->tags_count > 0 && !key->shard->remote->base.capabilities.has_tags) /* others set them */
        return refuse(error, "it has tags, which cannot be carried over");
    return true;
}

/* Where a bucket keeps versions each write makes one, with another id: only for who means that. What a lock keeps could
 * never go. */
SUSPENDS static bool fits_bucket(struct bucket_store *store, struct span bucket, const struct body_rewrite *rewrite,
                                 struct error *error)
{
    struct bucket_info info;
    if (!remote_find_bucket(store, bucket, &info, error))
        return false;
    if (info.has_lock)
        return refuse(error, "its bucket locks versions");
    return info.versioning == VERSIONING_NEVER || (rewrite->makes_version && info.versioning == VERSIONING_ENABLED) ||
           refuse(error, "its bucket keeps versions");
}

/* ---- what stays ---- */

static bool no_memory(struct error *error)
{
    return error_set(error, ERROR_BUSY, S3_SlowDown, "The request's memory is used up.");
}

static bool keep_text(struct rewriting *rewriting, struct span *text, struct error *error)
{
    *text = arena_copy(&rewriting->arena, *text);
    return text->data != NULL || no_memory(error);
}

SUSPENDS static bool keep_parts(struct remote_key *key, struct remote_state *state, struct rewriting *rewriting,
                                struct error *error)
{
    struct object_part part = {0};
    size_t position = 0;
    unsigned count = 0;
    unsigned expected = rewriting->kept.parts_count;
    if (expected == 0)
        return true;
    if (!remote_read_trailer(key, state, SPAN_EMPTY, error))
        return false;
    rewriting->parts = arena_allocate(&rewriting->arena, expected * sizeof *rewriting->parts);
    if (rewriting->parts == NULL)
        return no_memory(error);
    while (state->trailer != NULL && count < expected &&
           trailer_next_part(&state->trailer->trailer, &position, &part)) {
        rewriting->parts[count] = part;
        if (!keep_text(rewriting, &rewriting->parts[count++].seal, error))
            return false;
    }
    return count == expected || refuse(error, "nobody knows its parts");
}

/* The revision before the last as well: a download may be of that. */
static void note_origin(const struct backend_object *object, struct object_stamp *stamp)
{
    stamp_revision_digest(span_from_string(object->attributes.stored_etag), stamp->made_of[0]);
    stamp->made_of_count = 1;
    if (object->stamp.made_of_count > 0)
        memcpy(stamp->made_of[stamp->made_of_count++], object->stamp.made_of[0], STAMP_ETAG_BYTES);
}

SUSPENDS static bool read_tags(struct remote_key *key, struct buffer *ret_tags, struct error *error)
{
    struct bucket_store *store = &key->shard->remote->base;
    char version[VERSION_TEXT_BYTES];
    return !store->capabilities.has_tags || remote_read_tags(store, &key->name, ret_tags, version, error);
}

SUSPENDS static bool keep(struct remote_key *key, struct remote_state *state, struct rewriting *rewriting,
                          struct error *error)
{
    struct object_attributes *kept = &rewriting->kept;
    struct bucket_store *store = &key->shard->remote->base;
    *kept = state->object.attributes;
    kept->modified_ms = backend_object_shown_ms(&state->object);
    rewriting->is_counted = counting_counts(key->shard->remote, key->row_key, &state->object);
    rewriting->unchanged =
        (struct write_condition){.if_match = span_from_string(kept->stored_etag), .is_stored_etag = true};
    note_origin(&state->object, &rewriting->stamp);
    return keep_text(rewriting, &kept->metadata, error) && keep_text(rewriting, &kept->seal, error) &&
           keep_text(rewriting, &kept->owner, error) && keep_parts(key, state, rewriting, error) &&
           remote_read_acl(store, &key->name, &state->object.attributes, &rewriting->arena, &kept->acl, error) &&
           keep_text(rewriting, &kept->acl, error) && read_tags(key, &rewriting->tags, error);
}

static bool is_revision(const struct remote_state *state, const struct object_attributes *judged)
{
    const struct object_attributes *now = &state->object.attributes;
    return state->is_there && strcmp(now->stored_etag, judged->stored_etag) == 0 && now->revision == judged->revision;
}

SUSPENDS static bool read_object(struct remote_key *key, const struct object_attributes *judged,
                                 struct rewriting *rewriting, struct error *error)
{
    struct remote_state state;
    if (!remote_look(key, LOOK_TO_DECIDE, &state, error))
        return false;
    bool done = is_revision(&state, judged)
                    ? may_be_rewritten(key, &state.object, error) && keep(key, &state, rewriting, error)
                    : has_changed(error);
    remote_state_free(key->shard, &state);
    return done;
}

/* ---- beginning ---- */

/* Which of those it was that have the same bytes: instead of the revision before the last, for the stamp has no more
 * room, and that went by its id. */
static void note_version(const struct object_attributes *kept, struct object_stamp *stamp)
{
    if (kept->version[0] == '\0')
        return;
    stamp_revision_digest(span_from_string(kept->version), stamp->made_of[1]);
    stamp->made_of_count = 2;
}

/* Lists know milliseconds. */
static int64_t time_kept(const struct object_attributes *kept, const struct body_rewrite *rewrite)
{
    const struct deletion_grounds *grounds = rewrite->grounds;
    int64_t judged_ms = grounds != NULL ? grounds->modified_ms : rewrite->judged->modified_ms;
    return judged_ms / 1000 == kept->modified_ms / 1000 ? judged_ms : kept->modified_ms;
}

SUSPENDS static bool begin_writer(struct bucket_store *store, const struct write_intent *asked,
                                  struct rewriting *rewriting, struct remote_writer **ret_writer, struct error *error)
{
    const struct object_attributes *kept = &rewriting->kept;
    struct write_intent intent = *asked;
    if (asked->rewrite->makes_version)
        note_version(kept, &rewriting->stamp);
    rewriting->stamp.level = asked->rewrite->level_tried;
    intent.metadata = asked->rewrite->metadata;
    intent.kept_ms = time_kept(kept, asked->rewrite);
    intent.condition = &rewriting->unchanged;
    intent.tags = buffer_span(&rewriting->tags);
    intent.tags_count = metadata_count(intent.tags);
    intent.is_size_known = true;
    intent.original_size = kept->original_size;
    intent.is_uncounted = !rewriting->is_counted;
    intent.is_sealed = kept->seal.size > 0 || asked->is_sealed;
    intent.owner = kept->owner;
    intent.acl = kept->acl;
    return remote_writer_begin(store, &intent, ret_writer, error);
}

SUSPENDS bool rewrite_begin(struct bucket_store *store, const struct write_intent *intent,
                            struct bucket_writer **ret_writer, struct error *error)
{
    struct remote_key key;
    struct remote_writer *writer;
    const struct object_name name = {intent->name.bucket, intent->name.key, SPAN_EMPTY};
    struct rewriting *rewriting = calloc(1, sizeof *rewriting);
    ASSERT(rewriting != NULL);
    arena_init(&rewriting->arena, KEPT_BYTES_MAX);
    buffer_init(&rewriting->tags, TAGS_BYTES_MAX);
    if (!fits_bucket(store, name.bucket, intent->rewrite, error) ||
        !remote_key_init(remote_of(store), &name, &key, error) ||
        !read_object(&key, intent->rewrite->judged, rewriting, error) ||
        !begin_writer(store, intent, rewriting, &writer, error)) {
        rewriting_free(rewriting);
        return false;
    }
    writer->rewriting = rewriting;
    *ret_writer = (struct bucket_writer *)writer;
    return true;
}

void rewriting_free(struct rewriting *rewriting)
{
    if (rewriting == NULL)
        return;
    arena_free(&rewriting->arena);
    buffer_free(&rewriting->tags);
    free(rewriting);
}

/* ---- once more, right before ---- */

SUSPENDS static bool is_there_still(struct remote_writer *writer, struct error *error)
{
    const struct object_attributes *kept = &writer->rewriting->kept;
    struct remote_state state;
    if (!remote_look(&writer->key, LOOK_TO_DECIDE, &state, error))
        return false;
    bool is_same = is_revision(&state, kept) && backend_object_shown_ms(&state.object) == kept->modified_ms &&
                   metadata_is_same(state.object.attributes.metadata, kept->metadata);
    remote_state_free(writer->key.shard, &state);
    return is_same || has_changed(error);
}

SUSPENDS static bool has_same_tags(struct remote_writer *writer, const struct deletion_grounds *grounds,
                                   struct error *error)
{
    struct buffer now;
    buffer_init(&now, TAGS_BYTES_MAX);
    bool done = read_tags(&writer->key, &now, error);
    bool is_same = done && metadata_is_same(buffer_span(&now), buffer_span(&writer->rewriting->tags)) &&
                   (grounds == NULL || grounds->ignores_tags || metadata_is_same(buffer_span(&now), grounds->tags));
    buffer_free(&now);
    return is_same || (done && has_changed(error));
}

SUSPENDS static bool has_same_grants(struct remote_writer *writer, struct error *error)
{
    struct rewriting *rewriting = writer->rewriting;
    struct bucket_store *store = &writer->key.shard->remote->base;
    struct span now;
    return remote_read_acl(store, &writer->key.name, &rewriting->kept, &rewriting->arena, &now, error) &&
           (span_equal(now, rewriting->kept.acl) || has_changed(error));
}

SUSPENDS static bool stands(struct remote_writer *writer, const struct deletion_grounds *grounds, struct error *error)
{
    return (grounds == NULL || remote_is_judged(&writer->key, &writer->rewriting->kept, grounds, error)) &&
           has_same_grants(writer, error) && has_same_tags(writer, grounds, error) && is_there_still(writer, error);
}

/* ---- the end ---- */

/* How the new body relates to the original; the rest stays. */
static void describe(const struct object_attributes *kept, const struct body_rewrite *rewrite,
                     struct object_attributes *ret_attributes)
{
    const struct object_attributes *body = rewrite->body;
    *ret_attributes = *kept;
    ret_attributes->metadata = rewrite->metadata;
    ret_attributes->layout = body->layout;
    ret_attributes->codec = body->codec;
    ret_attributes->is_s4 = body->is_s4;
    ret_attributes->may_have_columns = body->may_have_columns;
    memcpy(ret_attributes->dictionary, body->dictionary, sizeof ret_attributes->dictionary);
    ret_attributes->has_crc32c = body->has_crc32c;
    ret_attributes->crc32c = body->crc32c;
    ret_attributes->seal = body->seal;
    ret_attributes->sidecar_size = 0;
    ret_attributes->is_acl_apart = false;
}

/* Of the condition: somebody was faster. Of an archive: its bytes cannot be read. */
static bool explain(struct error *error)
{
    if (error->code == S3_InvalidObjectState)
        return refuse(error, is_archived);
    return error->code == S3_PreconditionFailed || error->code == S3_NoSuchKey ? has_changed(error) : false;
}

SUSPENDS bool remote_commit_rewrite(struct bucket_writer *base, const struct body_rewrite *rewrite, struct error *error)
{
    struct remote_writer *writer = (struct remote_writer *)base;
    const struct rewriting *rewriting = writer->rewriting;
    struct object_attributes attributes;
    struct object_attributes ignored;
    ASSERT(rewriting != NULL);
    describe(&rewriting->kept, rewrite, &attributes);
    attributes.tags_count = writer->intent.tags_count;
    bool has_trailer = attributes.layout != LAYOUT_CODEC || refuse(error, "its body has no room for a trailer");
    if (!has_trailer || !stands(writer, rewrite->grounds, error)) {
        remote_abort(base);
        return explain(error);
    }
    const struct write_result result = {
        .attributes = &attributes,
        .frames = rewrite->frames,
        .condition = &rewriting->unchanged,
        .tags = buffer_span(&rewriting->tags),
        .parts = rewriting->parts,
        .parts_count = attributes.parts_count,
        .is_uncounted = !rewriting->is_counted,
    };
    return remote_commit(base, &result, &ignored, error) || explain(error);
}

/* ---- the class, or the seal, alone ---- */

/* The stored bytes as they are, but for the trailer; `body` and `metadata` are what is to be said of them. `change`
 * NULL: of a seal. */
SUSPENDS static bool write_again(struct remote_object *source, const struct object_attributes *body,
                                 struct span metadata, const struct class_change *change, struct error *error)
{
    struct bucket_store *store = &source->key.shard->remote->base;
    struct buffer frames = {0};
    struct bucket_writer *writer;
    uint64_t size;
    if (!copy_find_body(source, &size, &frames, error))
        return false;
    struct body_rewrite rewrite = {.judged = body,
                                   .body = body,
                                   .frames = buffer_span(&frames),
                                   .metadata = metadata,
                                   .grounds = change == NULL ? NULL : change->grounds,
                                   .level_tried = body->level_tried,
                                   .makes_version = change != NULL && change->makes_version};
    const struct write_intent intent = {.name = source->key.name,
                                        .codec = body->codec,
                                        .may_have_columns = body->may_have_columns,
                                        .rewrite = &rewrite};
    bool done = rewrite_begin(store, &intent, &writer, error);
    if (done && !copy_pump(source, size, writer, error)) {
        remote_abort(writer);
        done = false;
    }
    done = done && remote_commit_rewrite(writer, &rewrite, error);
    buffer_free(&frames);
    return done;
}

SUSPENDS static bool open_judged(struct bucket_store *store, const struct object_name *name,
                                 const struct object_attributes *judged, struct bucket_object **ret_source,
                                 struct error *error)
{
    const struct object_name current = {name->bucket, name->key, SPAN_EMPTY};
    const struct open_intent intent = {.extent = OPEN_WHOLE, .if_stored_etag = span_from_string(judged->stored_etag)};
    return remote_open(store, &current, &intent, ret_source, error) || explain(error);
}

SUSPENDS bool remote_change_class(struct bucket_store *store, const struct object_name *name,
                                  const struct class_change *change, struct error *error)
{
    struct bucket_object *source;
    if (!open_judged(store, name, change->judged, &source, error))
        return false;
    struct object_attributes body = source->attributes;
    if (change->level_tried > 0)
        body.level_tried = change->level_tried;
    bool is_so = metadata_is_same(body.metadata, change->metadata);
    bool done = is_so || write_again((struct remote_object *)source, &body, change->metadata, change, error);
    remote_close(source);
    return done || explain(error);
}

SUSPENDS bool remote_change_seal(struct bucket_store *store, const struct object_name *name,
                                 const struct seal_change *change, struct error *error)
{
    struct bucket_object *source;
    if (!open_judged(store, name, change->judged, &source, error))
        return false;
    struct object_attributes body = source->attributes;
    body.seal = change->seal;
    body.modified_ms = change->judged->modified_ms;
    bool is_judged = span_equal(source->attributes.seal, change->judged->seal) || has_changed(error);
    bool done = is_judged && write_again((struct remote_object *)source, &body, body.metadata, NULL, error);
    remote_close(source);
    return done || explain(error);
}
