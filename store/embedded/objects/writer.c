/* store/embedded/objects/writer.c -- a body on its way in: small ones into the catalogue, larger ones into extents.
 *
 * Bytes gather in 4 KiB of the writer itself, then in an aligned staging buffer of the shard (256 KiB). A body that
 * fits into the buffer is written at commit in one durable write, its label behind it. A longer one is written piece by
 * piece and synced once at the end. A writer keeps its buffer between calls only while less than half of the shard's
 * are in use: so slow clients cannot hold them all, and whoever waits for one never waits for a client. */
#include "store/embedded/objects/writer.h"
#include "codec/format/crc.h"
#include "runtime/base/assert.h"
#include "runtime/base/hex.h"
#include "runtime/io/io.h"
#include "s3client/wire/s3_error.h"
#include "store/embedded/catalogue/label.h"
#include "store/embedded/catalogue/upload_rows.h"
#include "store/embedded/objects/index.h"
#include "store/embedded/objects/objects.h"
#include "store/embedded/queue/committer.h"
#include "store/embedded/shard/bucket_lookup.h"
#include "store/embedded/shard/shard.h"
#include "store/embedded/state.h"

#include <errno.h>
#include <stdlib.h>

enum { HINT_TRUST = 8 };
#define EXTENT_BYTES_FIRST (UINT64_C(256) << 10)
#define EXTENT_BYTES_MAX (UINT64_C(256) << 20)

/* ---- extents ---- */

/* Adds a reserved run; one that continues the last is joined with it. */
static void append_extent(struct embedded_writer *writer, const struct extent *extent)
{
    struct span all = buffer_span(&writer->extents);
    writer->reserved += (uint64_t)extent->count * EXTENT_BLOCK_BYTES;
    if (all.size > 0) {
        struct extent last = extent_at(all, extents_count(all) - 1);
        if (last.volume == extent->volume && last.block + last.count == extent->block) {
            last.count += extent->count;
            extent_encode(&last, writer->extents.data + all.size - ROW_EXTENT_BYTES);
            return;
        }
    }
    uint8_t encoded[ROW_EXTENT_BYTES];
    extent_encode(extent, encoded);
    buffer_append(&writer->extents, span_of(encoded, sizeof encoded));
}

/* How much to reserve when `needed` bytes do not fit: more and more, and what is expected as far as it is in proportion
 * to what has come: an announcement alone takes no space from others. */
static uint64_t reservation_bytes(const struct embedded_writer *writer, uint64_t needed)
{
    uint64_t bytes = writer->reserved > EXTENT_BYTES_FIRST ? writer->reserved : EXTENT_BYTES_FIRST;
    if (writer->size_hint > writer->reserved) {
        uint64_t expected = writer->size_hint - writer->reserved + GATHER_BYTES;
        bytes = expected < bytes * HINT_TRUST ? expected : bytes * HINT_TRUST;
    }
    if (bytes > EXTENT_BYTES_MAX)
        bytes = EXTENT_BYTES_MAX;
    return bytes > needed ? bytes : needed;
}

static uint32_t blocks_of(uint64_t bytes)
{
    return (uint32_t)((bytes + EXTENT_BLOCK_BYTES - 1) / EXTENT_BLOCK_BYTES);
}

/* Makes the extents hold `end` bytes. `is_exact`: nothing more will come. */
static SUSPENDS bool reserve_to(struct embedded_writer *writer, uint64_t end, bool is_exact, struct error *error)
{
    while (writer->reserved < end) {
        uint64_t needed = end - writer->reserved;
        uint32_t wanted = blocks_of(is_exact ? needed : reservation_bytes(writer, needed));
        struct extent extent;
        if (!volume_reserve(writer->shard, wanted, 1, &extent, error))
            return false;
        append_extent(writer, &extent);
    }
    return true;
}

static void give_back_from(struct embedded_writer *writer, uint64_t end)
{
    struct span all = buffer_span(&writer->extents);
    uint64_t start = 0;
    size_t kept = 0;
    for (unsigned i = 0; i < extents_count(all); i++) {
        struct extent extent = extent_at(all, i);
        uint64_t bytes = (uint64_t)extent.count * EXTENT_BLOCK_BYTES;
        uint32_t used = start >= end ? 0 : end - start >= bytes ? extent.count : blocks_of(end - start);
        struct extent rest = {extent.volume, extent.block + used, extent.count - used};
        if (rest.count > 0)
            volume_give_back(writer->shard, &rest);
        if (used > 0) {
            extent.count = used;
            extent_encode(&extent, writer->extents.data + kept);
            kept += ROW_EXTENT_BYTES;
        }
        start += bytes;
    }
    writer->extents.size = kept;
    writer->reserved = end;
}

/* Which volume holds byte `offset` of the body's extents, where, and how many bytes follow it there. */
static struct volume *locate(const struct embedded_writer *writer, uint64_t offset, uint64_t *ret_at,
                             uint64_t *ret_bytes)
{
    struct span all = buffer_span(&writer->extents);
    for (unsigned i = 0; i < extents_count(all); i++) {
        struct extent extent = extent_at(all, i);
        uint64_t bytes = (uint64_t)extent.count * EXTENT_BLOCK_BYTES;
        if (offset < bytes) {
            *ret_at = (uint64_t)extent.block * EXTENT_BLOCK_BYTES + offset;
            *ret_bytes = bytes - offset;
            return volume_find(writer->shard->store, extent.volume);
        }
        offset -= bytes;
    }
    UNREACHABLE();
}

/* ---- writing ---- */

static bool write_failed(const struct embedded_writer *writer, const struct volume *volume, int64_t result,
                         struct error *error)
{
    volume_note_failure(writer->shard->store, volume);
    error_set_errno(error, result < 0 ? (int)-result : EIO, "A volume cannot be written");
    if (error->kind == ERROR_FULL)
        error->code = S3_InsufficientStorage;
    return false;
}

/* Writes `size` bytes (whole blocks) of staging at `flushed`; the extents are there. */
static SUSPENDS bool write_blocks(struct embedded_writer *writer, const uint8_t *bytes, size_t size, bool is_durable,
                                  struct error *error)
{
    ASSERT(size % EXTENT_BLOCK_BYTES == 0);
    while (size > 0) {
        uint64_t at;
        uint64_t room;
        struct volume *volume = locate(writer, writer->flushed, &at, &room);
        size_t part = size < room ? size : (size_t)room;
        int64_t wrote = is_durable ? io_write_durable(volume->fd_direct, bytes, part, at, DEADLINE_NONE)
                                   : io_write(volume->fd_direct, bytes, part, at, DEADLINE_NONE);
        if (wrote <= 0 || (uint64_t)wrote > part)
            return write_failed(writer, volume, wrote, error);
        wrote -= wrote % EXTENT_BLOCK_BYTES; /* direct writes begin at blocks: the rest of one is written again */
        bytes += wrote;
        size -= (size_t)wrote;
        writer->flushed += (uint64_t)wrote;
    }
    return true;
}

static SUSPENDS bool take_staging(struct embedded_writer *writer, struct error *error)
{
    if (writer->staging != NULL)
        return true;
    writer->staging = pool_acquire(writer->shard->staging, DEADLINE_NONE, error);
    if (writer->staging == NULL)
        return false;
    memcpy(writer->staging, writer->gathered, writer->pending);
    return true;
}

void writer_drop_staging(struct embedded_writer *writer)
{
    if (writer->staging != NULL)
        pool_release(writer->shard->staging, writer->staging);
    writer->staging = NULL;
}

/* Writes the whole blocks that are staged; the rest moves to the front. */
static SUSPENDS bool flush_blocks(struct embedded_writer *writer, struct error *error)
{
    size_t whole = writer->pending / EXTENT_BLOCK_BYTES * EXTENT_BLOCK_BYTES;
    if (!reserve_to(writer, writer->flushed + whole, false, error) ||
        !write_blocks(writer, writer->staging, whole, false, error))
        return false;
    memmove(writer->staging, writer->staging + whole, writer->pending - whole);
    writer->pending -= whole;
    return true;
}

static SUSPENDS bool stage(struct embedded_writer *writer, struct span bytes, struct error *error)
{
    while (bytes.size > 0) {
        size_t room = STAGING_BYTES - writer->pending;
        struct span part = span_take(bytes, room);
        memcpy(writer->staging + writer->pending, part.data, part.size);
        writer->pending += part.size;
        bytes = span_skip(bytes, part.size);
        if (writer->pending == STAGING_BYTES && !flush_blocks(writer, error))
            return false;
    }
    return true;
}

/* With few buffers left, what is staged is written now. */
static SUSPENDS bool relieve(struct embedded_writer *writer, struct error *error)
{
    if (pool_in_use(writer->shard->staging) <= STAGING_MAX / 2)
        return true;
    if (!flush_blocks(writer, error))
        return false;
    memcpy(writer->gathered, writer->staging, writer->pending);
    writer_drop_staging(writer);
    return true;
}

SUSPENDS bool store_write(struct bucket_writer *base, struct span bytes, struct error *error)
{
    struct embedded_writer *writer = writer_of(base);
    writer->crc32c = crc32c_update(writer->crc32c, bytes);
    if (writer->staging == NULL && writer->pending + bytes.size < GATHER_BYTES) {
        if (bytes.size > 0)
            memcpy(writer->gathered + writer->pending, bytes.data, bytes.size);
        writer->pending += bytes.size;
        return true;
    }
    return take_staging(writer, error) && stage(writer, bytes, error) && relieve(writer, error);
}

/* ---- begin and end ---- */

static struct embedded_writer *create(struct bucket_store *base, const struct write_intent *intent)
{
    size_t names_bytes = intent->name.bucket.size + intent->name.key.size;
    struct embedded_writer *writer = malloc(sizeof *writer + names_bytes);
    ASSERT(writer != NULL);
    memset(writer, 0, offsetof(struct embedded_writer, gathered));
    writer->store = base;
    writer->shard = shard_current(embedded_of(base));
    writer->size_hint = intent->stored_size_hint;
    writer->failures = atomic_load(&writer->shard->store->volumes.failures);
    shard_next_token(writer->shard, writer->token);
    writer->bucket_bytes = intent->name.bucket.size;
    writer->key_bytes = intent->name.key.size;
    memcpy(writer->names, intent->name.bucket.data, intent->name.bucket.size);
    memcpy(writer->names + intent->name.bucket.size, intent->name.key.data, intent->name.key.size);
    return writer;
}

SUSPENDS bool store_begin(struct bucket_store *base, const struct write_intent *intent,
                          struct bucket_writer **ret_writer, struct error *error)
{
    const struct bucket_row *bucket = shard_find_bucket(shard_current(embedded_of(base)), intent->name.bucket, error);
    if (bucket == NULL)
        return false;
    uint64_t number = bucket->number;
    if (intent->condition != NULL && !store_condition_may_hold(base, &intent->name, intent->condition, error))
        return false;
    struct embedded_writer *writer = create(base, intent);
    writer->bucket_number = number;
    *ret_writer = (struct bucket_writer *)writer;
    return true;
}

/* *ret_id: its id as bytes. */
static bool has_upload(struct shard *shard, const struct object_name *name, struct span upload_id, uint8_t *ret_id,
                       struct error *error)
{
    uint64_t bucket;
    uint64_t group;
    struct upload_row upload;
    if (!upload_id_parse(upload_id, ret_id))
        return no_such_upload(error);
    MDB_txn *txn = shard_begin_read_in(shard, name->bucket, &bucket, error);
    if (txn == NULL)
        return false;
    bool found = upload_find(txn, &shard->store->catalogue, bucket, name->key, ret_id, &group, &upload, error);
    shard_end_read(shard);
    return found;
}

SUSPENDS bool store_begin_part(struct bucket_store *base, const struct object_name *name, struct span upload_id,
                               unsigned number, uint64_t stored_size_hint, struct bucket_writer **ret_writer,
                               struct error *error)
{
    (void)number; /* counts at commit */
    uint8_t id[UPLOAD_ID_RAW_BYTES];
    if (!has_upload(shard_current(embedded_of(base)), name, upload_id, id, error))
        return false;
    struct embedded_writer *writer =
        create(base, &(struct write_intent){.name = *name, .stored_size_hint = stored_size_hint});
    memcpy(writer->upload_id, id, sizeof id);
    *ret_writer = (struct bucket_writer *)writer;
    return true;
}

void writer_end(struct embedded_writer *writer)
{
    writer_drop_staging(writer);
    buffer_free(&writer->extents);
    free(writer);
}

SUSPENDS void store_abort(struct bucket_writer *base)
{
    struct embedded_writer *writer = writer_of(base);
    give_back_from(writer, 0);
    writer_end(writer);
}

/* ---- commit ---- */

bool writer_is_inline(const struct embedded_writer *writer)
{
    return writer->flushed == 0 && writer->pending <= INLINE_BODY_BYTES_MAX;
}

struct span writer_take_inline(struct embedded_writer *writer, struct row *row)
{
    if (writer->staging != NULL) /* came in one large buffer, of which little was used */
        memcpy(writer->gathered, writer->staging, writer->pending);
    row->place = writer->pending == 0 ? BODY_NONE : BODY_INLINE;
    return span_of(writer->gathered, writer->pending);
}

static void append_label(struct embedded_writer *writer, const struct label *label, uint64_t label_at,
                         struct buffer *ret_bytes)
{
    uint64_t at;
    uint64_t ignored;
    struct volume *volume = locate(writer, label_at, &at, &ignored);
    label_encode(label, writer->shard->store->folder.uuid, volume->number, at, ret_bytes);
}

/* Reserves what the rest of the body and its label need. The label lies in one piece: where it would cross into another
 * extent, it begins there. Its extents are not known before that, so its size is bounded by two more than there are. */
static SUSPENDS bool reserve_end(struct embedded_writer *writer, uint64_t body_bytes, size_t label_bytes,
                                 uint64_t *ret_label_at, struct error *error)
{
    uint64_t label_at = (body_bytes + LABEL_ALIGNMENT - 1) / LABEL_ALIGNMENT * LABEL_ALIGNMENT;
    if (!reserve_to(writer, label_at, true, error))
        return false;
    uint64_t room = writer->reserved - label_at;
    if (room < label_bytes) {
        uint32_t blocks = blocks_of(label_bytes - room);
        struct span all = buffer_span(&writer->extents);
        struct extent before = extent_at(all, extents_count(all) - 1);
        struct extent extent;
        if (!volume_reserve(writer->shard, blocks, blocks, &extent, error))
            return false;
        bool is_joined = extent.volume == before.volume && extent.block == before.block + before.count;
        if (!is_joined) { /* a place of its own, long enough for all of it */
            volume_give_back(writer->shard, &extent);
            blocks = blocks_of(label_bytes);
            if (!volume_reserve(writer->shard, blocks, blocks, &extent, error))
                return false;
            is_joined = extent.volume == before.volume && extent.block == before.block + before.count;
        }
        if (!is_joined)
            label_at = writer->reserved;
        append_extent(writer, &extent);
    }
    *ret_label_at = label_at;
    give_back_from(writer, (label_at + label_bytes + EXTENT_BLOCK_BYTES - 1) / EXTENT_BLOCK_BYTES * EXTENT_BLOCK_BYTES);
    return true;
}

static SUSPENDS bool sync_volumes(struct embedded_writer *writer, struct error *error)
{
    struct span all = buffer_span(&writer->extents);
    uint32_t synced = UINT32_MAX;
    for (unsigned i = 0; i < extents_count(all); i++) {
        uint32_t number = extent_at(all, i).volume;
        if (number == synced)
            continue;
        const struct volume *volume = volume_find(writer->shard->store, number);
        int result = io_sync_data(volume->fd_direct, DEADLINE_NONE);
        if (result != 0)
            return write_failed(writer, volume, result, error);
        synced = number;
    }
    return true;
}

/* Puts bytes at their place of the stream, which lies behind what is pending: zeros between. */
static SUSPENDS bool stage_at(struct embedded_writer *writer, uint64_t at, struct span bytes, struct error *error)
{
    static const uint8_t zeros[EXTENT_BLOCK_BYTES];
    while (writer->flushed + writer->pending < at) {
        uint64_t gap = at - writer->flushed - writer->pending;
        if (!stage(writer, span_of(zeros, gap < sizeof zeros ? (size_t)gap : sizeof zeros), error))
            return false;
    }
    return stage(writer, bytes, error);
}

static bool fill_row(struct embedded_writer *writer, const struct write_result *result, struct row *ret_row)
{
    *ret_row = (struct row){.attributes = *result->attributes,
                            .stored_crc32c = writer->crc32c,
                            .tags = result->tags,
                            .is_uncounted = result->is_uncounted};
    memcpy(ret_row->token, writer->token, ROW_TOKEN_BYTES);
    struct object_attributes *attributes = &ret_row->attributes;
    attributes->stored_size = writer->flushed + writer->pending;
    attributes->sidecar_size = result->sidecar.size;
    attributes->modified_ms = clock_wall_ms(writer->shard->store->options.clock);
    attributes->is_delete_marker = false;
    attributes->superseded_ms = 0;
    strcpy(attributes->version, "null"); /* the committer knows it */
    hex_encode(span_of(writer->token, ROW_TOKEN_BYTES), attributes->stored_etag);
    attributes->stored_etag[2 * ROW_TOKEN_BYTES] = '\0';
    return attributes->metadata.size <= UINT16_MAX;
}

/* Somebody else's sync may have taken the report that was meant for this body. */
static bool nothing_failed(const struct embedded_writer *writer, struct error *error)
{
    return atomic_load(&writer->shard->store->volumes.failures) == writer->failures ||
           error_set(error, ERROR_IO, S3_InternalError, "Another write to the volumes failed meanwhile.");
}

/* What is pending is written, the last block filled up with zeros; then all of it is durable. */
static SUSPENDS bool write_rest(struct embedded_writer *writer, struct error *error)
{
    bool is_one_write = writer->flushed == 0;
    size_t whole = (size_t)blocks_of(writer->pending) * EXTENT_BLOCK_BYTES;
    memset(writer->staging + writer->pending, 0, whole - writer->pending);
    return write_blocks(writer, writer->staging, whole, is_one_write, error) &&
           (is_one_write || sync_volumes(writer, error)) && nothing_failed(writer, error);
}

SUSPENDS bool writer_finish_extents(struct embedded_writer *writer, struct row *row, struct buffer *ret_object,
                                    struct error *error)
{
    uint64_t body_bytes = row->attributes.stored_size;
    if (!take_staging(writer, error) || !reserve_to(writer, body_bytes, true, error))
        return false;
    row->place = BODY_EXTENTS; /* the field of extents is the only part whose size is not known yet */
    row->extents = SPAN_EMPTY;
    row_encode_object(row, ret_object);
    struct label label = {writer_bucket(writer), writer_key(writer), SPAN_EMPTY, SPAN_EMPTY};
    size_t label_bound = label_bytes(&label) + ret_object->size + 8 + 2 * (writer->extents.size + 2 * ROW_EXTENT_BYTES);
    bool has_label = label_bound <= LABEL_BYTES_MAX;
    uint64_t label_at = body_bytes;
    if (!reserve_end(writer, body_bytes, has_label ? label_bound : 0, &label_at, error))
        return false;

    row->extents = buffer_span(&writer->extents);
    if (extents_count(row->extents) > ROW_EXTENTS_MAX) {
        row->place = BODY_LISTED;
        row->extents = SPAN_EMPTY;
    }
    buffer_clear(ret_object);
    row_encode_object(row, ret_object);
    if (has_label) {
        struct buffer bytes;
        buffer_init(&bytes, 0);
        label.object = buffer_span(ret_object);
        label.extents = buffer_span(&writer->extents);
        append_label(writer, &label, label_at, &bytes);
        bool staged = bytes.size <= label_bound && stage_at(writer, label_at, buffer_span(&bytes), error);
        buffer_free(&bytes);
        if (!staged)
            return false;
    }
    return write_rest(writer, error);
}

static SUSPENDS bool commit_row(struct embedded_writer *writer, struct row *row, struct span body,
                                struct buffer *object, const struct write_result *result, struct error *error)
{
    struct change change = {.kind = CHANGE_PUT, .bucket = writer_bucket(writer)};
    change.put.key = writer_key(writer);
    change.put.bucket_number = writer->bucket_number;
    change.put.object = object;
    change.put.place = row->place;
    change.put.body = body;
    change.put.extents = buffer_span(&writer->extents);
    change.put.sidecar = result->sidecar;
    change.put.condition = result->condition;
    change.put.lock = row->attributes.lock;
    change.put.object_bytes = object->size;
    change.put.ret_version = row->attributes.version;
    return committer_commit(writer->shard, &change, error);
}

void writer_give_back_unless_kept(struct embedded_writer *writer, bool is_kept, bool was_sent, struct error *error)
{
    if (is_kept)
        return;
    /* After a commit that failed in the disk, whether it happened is known only after a restart: its blocks are left.
     */
    if (!(was_sent && error->kind == ERROR_IO))
        give_back_from(writer, 0);
    if (error->code == NULL)
        error->code = S3_InternalError;
}

static SUSPENDS bool commit(struct embedded_writer *writer, const struct write_result *result,
                            struct object_attributes *ret_attributes, struct error *error)
{
    struct buffer object;
    buffer_init(&object, 0);
    struct row row;
    bool is_small = writer_is_inline(writer);
    struct span body = SPAN_EMPTY;
    bool done = fill_row(writer, result, &row) ||
                error_set(error, ERROR_TOO_LARGE, S3_MetadataTooLarge, "The metadata of the object is too large.");
    if (done && is_small) {
        body = writer_take_inline(writer, &row);
        row_encode_object(&row, &object);
    } else {
        done = done && writer_finish_extents(writer, &row, &object, error);
    }
    writer_drop_staging(writer);
    bool was_sent = done;
    done = done && commit_row(writer, &row, body, &object, result, error);
    writer_give_back_unless_kept(writer, done, was_sent, error);
    buffer_free(&object);
    if (done) {
        *ret_attributes = row.attributes;
        ret_attributes->metadata = ret_attributes->seal = ret_attributes->owner = ret_attributes->acl = SPAN_EMPTY;
    }
    writer_end(writer);
    return done;
}

SUSPENDS bool store_commit(struct bucket_writer *base, const struct write_result *result,
                           struct object_attributes *ret_attributes, struct error *error)
{
    struct write_result indexed = *result;
    struct buffer sidecar;
    store_index(&indexed, &sidecar);
    bool done = commit(writer_of(base), &indexed, ret_attributes, error);
    buffer_free(&sidecar);
    return done;
}

/* ---- a part ---- */

SUSPENDS bool writer_finish_part(struct embedded_writer *writer, uint64_t part_bytes, struct error *error)
{
    if (part_bytes == 0)
        return true;
    if (!take_staging(writer, error) || !reserve_to(writer, part_bytes, true, error))
        return false;
    give_back_from(writer, (uint64_t)blocks_of(part_bytes) * EXTENT_BLOCK_BYTES);
    return write_rest(writer, error);
}

SUSPENDS bool store_commit_part(struct bucket_writer *base, const struct part_attributes *part, struct error *error)
{
    struct embedded_writer *writer = writer_of(base);
    struct part_row row = {.attributes = *part, .stored_crc32c = writer->crc32c};
    row.attributes.stored_size = writer->flushed + writer->pending;
    row.attributes.modified_ms = clock_wall_ms(writer->shard->store->options.clock);
    bool done = writer_finish_part(writer, row.attributes.stored_size, error);
    writer_drop_staging(writer);
    bool was_sent = done;
    if (done) {
        row.extents = buffer_span(&writer->extents);
        struct change change = {.kind = CHANGE_PUT_PART, .bucket = writer_bucket(writer)};
        change.upload.key = writer_key(writer);
        change.upload.id = writer->upload_id;
        change.upload.part = &row;
        done = committer_commit(writer->shard, &change, error);
    }
    writer_give_back_unless_kept(writer, done, was_sent, error);
    writer_end(writer);
    return done;
}

/* ---- copy ---- */

/* Reads straight into the writer's own buffer: a copy that held one buffer and waited for another would, with as many
 * others like it as there are buffers, wait for ever. */
static SUSPENDS bool copy_body(struct bucket_object *source, struct bucket_writer *base, struct error *error)
{
    if (source->whole_body.size > 0)
        return store_write(base, source->whole_body, error);
    struct embedded_writer *writer = writer_of(base);
    uint64_t size = source->attributes.stored_size;
    bool done = true;
    for (uint64_t offset = 0, part; done && offset < size; offset += part) {
        if (!take_staging(writer, error))
            return false;
        size_t room = STAGING_BYTES - writer->pending;
        part = size - offset < room ? size - offset : room;
        uint8_t *next = writer->staging + writer->pending;
        if (!store_read(source, offset, next, part, error))
            return false;
        writer->crc32c = crc32c_update(writer->crc32c, span_of(next, part));
        writer->pending += part;
        done = (writer->pending < STAGING_BYTES || flush_blocks(writer, error)) && relieve(writer, error);
    }
    return done;
}

SUSPENDS bool store_copy(struct bucket_object *source, const struct object_name *target,
                         const struct write_result *result, struct object_attributes *ret_attributes,
                         struct error *error)
{
    struct write_intent intent = {.name = *target, .stored_size_hint = source->attributes.stored_size};
    struct bucket_writer *writer;
    if (!store_begin((struct bucket_store *)(uintptr_t)source->store, &intent, &writer, error))
        return false;
    struct buffer sidecar;
    buffer_init(&sidecar, 0);
    struct write_result copied = *result;
    bool done = copy_body(source, writer, error) && store_read_sidecar(source, &sidecar, error);
    copied.sidecar = buffer_span(&sidecar);
    if (done)
        done = commit(writer_of(writer), &copied, ret_attributes, error);
    else
        store_abort(writer);
    buffer_free(&sidecar);
    return done;
}
