/* store/remote/write/written.c -- what is written of an object beside its bytes: header fields, and the trailer. */
#include "codec/codec.h"
#include "codec/format/frame.h"
#include "runtime/base/assert.h"
#include "runtime/base/clock.h"
#include "runtime/base/hex.h"
#include "s3client/wire/s3_error.h"
#include "s3client/wire/uri.h"
#include "store/frames.h"
#include "store/remote/read/s4_object.h"
#include "store/remote/write/place.h"
#include "store/remote/write/rewrite.h"

/* ---- headers ---- */

void request_headers_add(struct request_headers *headers, struct span name, struct span value)
{
    ASSERT(headers->count < S3_HEADERS_MAX);
    headers->fields[headers->count++] = (struct http_field){name, value};
}

bool request_headers_add_list(struct request_headers *headers, struct span packed)
{
    struct span name;
    struct span value;
    for (size_t position = 0; metadata_next(packed, &position, &name, &value);) {
        if (headers->count + 4 > S3_HEADERS_MAX) /* room for a condition, tags and the like */
            return false;
        request_headers_add(headers, name, value);
    }
    return true;
}

void request_headers_add_tags(struct request_headers *headers, struct span tags, struct buffer *text)
{
    struct span name;
    struct span value;
    for (size_t position = 0; metadata_next(tags, &position, &name, &value);) {
        if (text->size > 0)
            buffer_append_byte(text, '&');
        uri_encode(text, name, URI_ENCODE_ALL);
        buffer_append_byte(text, '=');
        uri_encode(text, value, URI_ENCODE_ALL);
    }
    if (text->size > 0)
        request_headers_add(headers, SPAN("x-amz-tagging"), buffer_span(text));
}

/* ---- the trailer ---- */

static void add_frames(struct trailer_builder *builder, const struct write_result *result)
{
    struct span frames = result->frames;
    struct frame_sizes sizes;
    while (frames_next(&frames, &sizes))
        trailer_add_frame(builder, sizes.original, sizes.stored);
}

static void add_parts(struct trailer_builder *builder, const struct write_result *result)
{
    enum checksum_algorithm algorithm = result->attributes->checksum.algorithm;
    for (unsigned i = 0; i < result->parts_count; i++) {
        if (result->parts[i].checksum.algorithm != algorithm)
            algorithm = CHECKSUM_NONE;
    }
    for (unsigned i = 0; i < result->parts_count; i++)
        trailer_add_part(builder, algorithm, &result->parts[i]);
}

static void make_facts(const struct remote_writer *writer, const struct object_attributes *attributes,
                       struct trailer_facts *ret_facts)
{
    *ret_facts =
        (struct trailer_facts){.original_size = attributes->original_size, .parts_count = attributes->parts_count};
    memcpy(ret_facts->nonce, writer->nonce, TRAILER_NONCE_BYTES);
    if (attributes->seal.size > 0)
        return; /* hashes are in the seal */
    ret_facts->crc32c = attributes->crc32c;
    ret_facts->checksum = attributes->checksum;
    (void)hex_decode(span_take(span_from_string(attributes->etag), (size_t)2 * MD5_BYTES), ret_facts->digest,
                     MD5_BYTES);
}

static void make_trailer(struct remote_writer *writer, const struct write_result *result, struct written_object *object)
{
    struct trailer_builder builder;
    struct trailer_facts facts;
    bool is_with_metadata = object->stamp.is_metadata_in_trailer;
    trailer_builder_init(&builder);
    add_frames(&builder, result);
    add_parts(&builder, result);
    make_facts(writer, &object->attributes, &facts);
    trailer_encode(&builder, &facts, is_with_metadata ? object->attributes.metadata : SPAN_EMPTY,
                   writer->large != NULL ? object->attributes.seal : SPAN_EMPTY, object->attributes.stored_size,
                   &object->trailer);
    trailer_builder_free(&builder);
}

/* ---- the object ---- */

static struct span place_now(const struct object_attributes *kept)
{
    const struct storage_class *class = storage_class_of(kept->place);
    return class == NULL ? SPAN_EMPTY : span_from_string(class->name);
}

/* As clients see it; what is packed by others than its writer stays where it is. */
static void place_object(const struct remote_writer *writer, uint64_t stored_bytes, struct written_object *object)
{
    const struct remote *remote = writer->key.shard->remote;
    const struct rewriting *rewriting = writer->rewriting;
    struct span shown = metadata_storage_class(object->attributes.metadata);
    struct span shown_before = rewriting == NULL ? shown : metadata_storage_class(rewriting->kept.metadata);
    if (rewriting != NULL)
        object->place = place_choose_again(remote, place_now(&rewriting->kept), shown_before, shown, stored_bytes);
    else if (writer->intent.kept_ms != 0)
        object->place = span_equal(shown, SPAN("STANDARD")) ? SPAN_EMPTY : shown;
    else
        object->place = place_choose(remote, shown, stored_bytes);
    /* What a rule moves is noted in any case: of a backend that has come to forget classes it would be shown where it
     * was, and be moved again by each sweep. */
    bool is_moved = !span_equal(shown, shown_before);
    place_note(is_moved ? SPAN_EMPTY : object->place, shown, object->stamp.storage_class);
}

static void make_stamp(struct remote_writer *writer, const struct object_attributes *attributes,
                       struct object_stamp *ret_stamp)
{
    const struct remote *remote = writer->key.shard->remote;
    *ret_stamp = (struct object_stamp){.checksum = attributes->checksum, .kept_ms = writer->intent.kept_ms};
    memcpy(ret_stamp->nonce, writer->nonce, STAMP_NONCE_BYTES);
    memcpy(ret_stamp->body_nonce, writer->nonce, STAMP_NONCE_BYTES);
    memcpy(ret_stamp->name, writer->key.row_key, STAMP_NAME_BYTES);
    /* What is written again counts as before, also by who keeps no ledger. */
    ret_stamp->is_counted = (remote->is_counted || writer->rewriting != NULL) && !writer->intent.is_uncounted;
    if (ret_stamp->is_counted)
        memcpy(ret_stamp->ledger, remote->ledger, STAMP_LEDGER_BYTES);
    if (writer->rewriting == NULL)
        return;
    const struct object_stamp *rewritten = &writer->rewriting->stamp;
    memcpy(ret_stamp->made_of, rewritten->made_of, sizeof ret_stamp->made_of);
    ret_stamp->made_of_count = rewritten->made_of_count;
    ret_stamp->level = rewritten->level;
}

/* What Create can say: all that is known before the first byte. */
static void make_early(struct remote_writer *writer, struct written_object *object)
{
    const struct write_intent *intent = &writer->intent;
    bool was_multipart = writer->rewriting != NULL && writer->rewriting->kept.is_multipart;
    object->attributes = (struct object_attributes){
        .is_s4 = true,
        .layout = LAYOUT_FRAMED,
        .is_multipart = writer->clients_upload.size > 0 || was_multipart,
        .codec = intent->codec,
        .may_have_columns = intent->may_have_columns,
        .is_encrypted = intent->is_sealed,
        .is_size_known = intent->is_size_known,
        .original_size = intent->original_size,
        .metadata = intent->metadata,
        .lock = intent->lock,
        .tags_count = intent->tags_count,
        .owner = intent->owner,
        .acl = intent->acl,
    };
}

/* A body without frames becomes one frame that holds it as it is: only behind frames there is room for a trailer. */
static void frame_body(struct written_object *object)
{
    struct object_attributes *attributes = &object->attributes;
    uint8_t head[FRAME_HEADER_BYTES];
    const struct frame_header header = {
        .kind = FRAME_DATA,
        .codec = CODEC_PASSTHROUGH,
        .original_size = attributes->original_size,
        .payload_size = attributes->stored_size,
        .crc32c = attributes->crc32c,
    };
    attributes->layout = LAYOUT_FRAMED;
    if (attributes->original_size == 0)
        return; /* nothing is no frames */
    frame_header_encode(&header, head);
    buffer_append(&object->head, span_of(head, sizeof head));
    attributes->stored_size += sizeof head;
}

/* Is there a trailer, and is the client's metadata in it? While its size is not known, the longest text stands for it.
 */
static bool place_metadata(const struct remote_writer *writer, uint64_t frames, bool has_parts,
                           struct written_object *object, struct error *error)
{
    struct object_attributes *attributes = &object->attributes;
    struct object_stamp *stamp = &object->stamp;
    stamp->trailer_bytes = TRAILER_BYTES_MAX;
    if (writer->large != NULL) {
        stamp->trailer = STAMP_TRAILER_SAYS;
        stamp->is_metadata_in_trailer = writer->large->is_metadata_in_trailer;
        return true;
    }
    bool is_rewrite = writer->rewriting != NULL; /* whose ETag must be another one, be the body the same */
    if (is_rewrite && attributes->layout == LAYOUT_RAW)
        frame_body(object);
    stamp->trailer = frames > 1 || has_parts || is_rewrite ? STAMP_TRAILER_BYTES : STAMP_NO_TRAILER;
    if (fields_can_travel(attributes, stamp))
        return true;
    if (!attributes->is_s4 || attributes->layout == LAYOUT_CODEC || attributes->original_size > FRAME_BYTES_MAX)
        return error_set(error, ERROR_INVALID, S3_MetadataTooLarge,
                         "The backend cannot carry this metadata: it has too many bytes, or bytes that no header has.");
    if (attributes->layout == LAYOUT_RAW)
        frame_body(object);
    stamp->trailer = STAMP_TRAILER_BYTES;
    stamp->is_metadata_in_trailer = true;
    return true;
}

static bool encode(struct written_object *object, struct error *error)
{
    return fields_encode(&object->attributes, &object->stamp, object->place, &object->fields) ||
           error_set(error, ERROR_INVALID, S3_MetadataTooLarge, "The metadata has more bytes than can be kept.");
}

/* For Create: the size of the trailer stands in its footer. */
static bool make_for_create(struct remote_writer *writer, struct written_object *object, struct error *error)
{
    make_early(writer, object);
    make_stamp(writer, &object->attributes, &object->stamp);
    place_object(writer, PLACE_BYTES_UNKNOWN, object);
    object->stamp.trailer = STAMP_TRAILER_SAYS;
    object->stamp.is_metadata_in_trailer = !fields_can_travel(&object->attributes, &object->stamp);
    return encode(object, error);
}

bool written_object_make(struct remote_writer *writer, const struct write_result *result,
                         struct written_object *ret_object, struct error *error)
{
    *ret_object = (struct written_object){0};
    if (result == NULL)
        return make_for_create(writer, ret_object, error);
    struct object_attributes *attributes = &ret_object->attributes;
    struct object_stamp *stamp = &ret_object->stamp;
    uint64_t frames = frames_count(result->frames);
    *attributes = *result->attributes;
    attributes->stored_size = writer->sent + writer->body.size;
    make_stamp(writer, attributes, stamp);
    place_object(writer, writer->large != NULL ? PLACE_BYTES_UNKNOWN : attributes->stored_size, ret_object);
    if (!place_metadata(writer, frames, result->parts_count > 0, ret_object, error))
        return false;
    if (stamp->trailer != STAMP_NO_TRAILER)
        make_trailer(writer, result, ret_object);
    stamp->trailer_bytes = ret_object->trailer.size;
    attributes->stored_size += ret_object->trailer.size;
    if (frames > 1)
        attributes->sidecar_size = frames_sidecar_bytes(result->frames);
    writer->made = counting_amounts(attributes, stamp->is_counted);
    return encode(ret_object, error);
}

void written_object_free(struct written_object *object)
{
    buffer_free(&object->fields);
    buffer_free(&object->trailer);
    buffer_free(&object->head);
}

/* ---- afterwards ---- */

static void keep_trailer(struct remote_key *key, struct written_object *object, struct span etag)
{
    struct trailer trailer;
    if (object->trailer.size == 0 ||
        !trailer_decode(buffer_span(&object->trailer), object->attributes.stored_size, &trailer, NULL))
        return;
    rows_give_trailer(key->shard->rows,
                      rows_keep_trailer(key->shard->rows, key->row_key, etag, &object->trailer, &trailer));
}

/* A version that writes made is known by its id, too. */
static void put_row(struct remote_key *key, const char *version, struct row *row)
{
    uint8_t of_version[ROW_KEY_BYTES];
    rows_put(key->shard->rows, key->row_key, row);
    if (strcmp(version, "null") == 0)
        return;
    row_key_of_version(key->row_key, span_from_string(version), of_version);
    rows_put(key->shard->rows, of_version, row);
}

void written_object_note(struct remote_key *key, struct written_object *object, const struct written_revision *revision)
{
    bool is_weak;
    struct span plain = fields_plain_etag(span_from_string(revision->etag), &is_weak);
    struct object_attributes *attributes = &object->attributes;
    struct row row;
    attributes->modified_ms = clock_wall_ms(key->shard->remote->settings.clock);
    memcpy(attributes->version, revision->version, sizeof attributes->version);
    attributes->stored_etag[0] = '\0';
    bool is_known = plain.size > 0 && plain.size < sizeof attributes->stored_etag && !revision->is_found;
    if (!is_known || key->is_internal) {
        remote_note_absence(key); /* nobody knows what is there */
        return;
    }
    memcpy(attributes->stored_etag, plain.data, plain.size);
    attributes->stored_etag[plain.size] = '\0';
    const struct backend_object written = {.attributes = *attributes, .stamp = object->stamp, .is_stamped = true};
    if (!row_of(&written, true, &row))
        return;
    row.is_counted = counting_counts(key->shard->remote, key->row_key, &written);
    put_row(key, revision->version, &row);
    keep_trailer(key, object, plain);
}

/* True: S4's index lies beside it now. Nothing of ours depends on that. */
SUSPENDS static bool write_index(struct remote_key *key, const struct written_object *object, struct span frames)
{
    const struct object_attributes *attributes = &object->attributes;
    struct buffer plain = {0};
    struct buffer bound = {0};
    struct error ignored;
    if (!key->shard->remote->settings.writes_s4_sidecars || attributes->stored_etag[0] == '\0')
        return false;
    frames_append_sidecar(frames, &plain);
    bool done = plain.size > 0 &&
                sidecar_rebind(buffer_span(&plain), span_from_string(attributes->stored_etag), attributes->stored_size,
                               &bound) &&
                s4_object_write_sidecar(key, buffer_span(&bound), &ignored);
    buffer_free(&plain);
    buffer_free(&bound);
    return done;
}

SUSPENDS void written_object_settle(struct remote_key *key, struct written_object *object,
                                    const struct written_revision *revision, struct span frames,
                                    struct object_attributes *ret_attributes)
{
    bool had_sidecar = s4_object_may_have_sidecar(key);
    written_object_note(key, object, revision);
    *ret_attributes = object->attributes;
    ret_attributes->metadata = ret_attributes->seal = ret_attributes->owner = ret_attributes->acl = SPAN_EMPTY;
    if (!write_index(key, object, frames) && had_sidecar)
        s4_object_remove_sidecar(key);
}
