/* store/embedded/rewrite/rewrite.c -- the end of a writer whose bytes are a version's body, packed anew. */
#include "store/embedded/rewrite/rewrite.h"
#include "runtime/base/hex.h"
#include "s3client/wire/s3_error.h"
#include "store/embedded/catalogue/version_rows.h"
#include "store/embedded/objects/index.h"
#include "store/embedded/objects/writer.h"
#include "store/embedded/queue/committer.h"
#include "store/embedded/shard/shard.h"
#include "store/embedded/uploads/manifest.h"

/* The version's row as it is now, copied into `ret_object`: its label is made of it. The committer looks again. */
static bool copy_row(struct embedded_writer *writer, const struct body_rewrite *rewrite, struct buffer *ret_object,
                     struct row *ret_row, struct error *error)
{
    struct version_place place;
    MDB_txn *txn = shard_begin_read(writer->shard, error);
    if (txn == NULL)
        return false;
    enum lookup found = version_find(txn, &writer->shard->store->catalogue, writer->bucket_number, writer_key(writer),
                                     span_from_string(rewrite->judged->version), &place, error);
    if (found == LOOKUP_FOUND)
        buffer_append(ret_object, place.object);
    shard_end_read(writer->shard);
    if (found == LOOKUP_MISSING ||
        (found == LOOKUP_FOUND && strcmp(place.row.attributes.stored_etag, rewrite->judged->stored_etag) != 0))
        return error_set(error, ERROR_CHANGED, S3_PreconditionFailed,
                         "The object was replaced while it was packed "
                         "anew.");
    return found == LOOKUP_FOUND && row_decode_object(buffer_span(ret_object), ret_row, error);
}

static void describe_body(const struct embedded_writer *writer, const struct body_rewrite *rewrite,
                          size_t sidecar_bytes, struct row *row)
{
    struct object_attributes *attributes = &row->attributes;
    attributes->stored_size = writer_body_bytes(writer);
    attributes->sidecar_size = sidecar_bytes;
    attributes->layout = rewrite->body->layout;
    attributes->codec = rewrite->body->codec;
    attributes->is_s4 = rewrite->body->is_s4;
    attributes->may_have_columns = rewrite->body->may_have_columns;
    attributes->level_tried = rewrite->level_tried;
    attributes->has_crc32c = rewrite->body->has_crc32c;
    attributes->crc32c = rewrite->body->crc32c;
    attributes->is_encrypted = rewrite->body->is_encrypted;
    attributes->seal = rewrite->body->seal;
    memcpy(attributes->dictionary, rewrite->body->dictionary, sizeof attributes->dictionary);
    attributes->metadata = rewrite->metadata;
    hex_encode(span_of(writer->token, ROW_TOKEN_BYTES), attributes->stored_etag);
    memcpy(row->token, writer->token, ROW_TOKEN_BYTES);
    row->stored_crc32c = writer->crc32c;
}

/* What was completed from parts stays that, in one piece: its parts can be asked for. */
static SUSPENDS bool finish_body(struct embedded_writer *writer, struct row *row, struct span *ret_inline,
                                 struct error *error)
{
    *ret_inline = SPAN_EMPTY;
    if (row->place == BODY_PIECES)
        return writer_finish_part(writer, row->attributes.stored_size, error);
    if (writer_is_inline(writer)) {
        *ret_inline = writer_take_inline(writer, row);
        return true;
    }
    struct buffer object;
    buffer_init(&object, 0);
    bool done = writer_finish_extents(writer, row, &object, error);
    buffer_free(&object);
    return done;
}

static SUSPENDS bool commit_body(struct embedded_writer *writer, const struct body_rewrite *rewrite, struct row *row,
                                 struct span inline_body, struct span sidecar, struct error *error)
{
    struct change change = {.kind = CHANGE_REWRITE, .bucket = writer_bucket(writer)};
    change.rewrite.key = writer_key(writer);
    change.rewrite.bucket_number = writer->bucket_number;
    change.rewrite.rewrite = rewrite;
    change.rewrite.row = row;
    change.rewrite.body = inline_body;
    change.rewrite.extents = buffer_span(&writer->extents);
    change.rewrite.sidecar = sidecar;
    bool done = committer_commit(writer->shard, &change, error);
    row->body_number = change.rewrite.body_number;
    return done;
}

SUSPENDS bool store_commit_rewrite(struct bucket_writer *base, const struct body_rewrite *rewrite, struct error *error)
{
    struct embedded_writer *writer = writer_of(base);
    struct write_result indexed = {.frames = rewrite->frames};
    struct buffer sidecar;
    struct buffer object;
    struct row row;
    struct span inline_body = SPAN_EMPTY;
    store_index(&indexed, &sidecar);
    buffer_init(&object, 0);
    bool done = copy_row(writer, rewrite, &object, &row, error);
    if (done) {
        describe_body(writer, rewrite, sidecar.size, &row);
        done = finish_body(writer, &row, &inline_body, error);
    }
    writer_drop_staging(writer);
    bool was_sent = done;
    done = done && commit_body(writer, rewrite, &row, inline_body, buffer_span(&sidecar), error);
    writer_give_back_unless_kept(writer, done, was_sent, error);
    if (done && row.place == BODY_PIECES) {
        const struct object_name name = {.bucket = writer_bucket(writer), .key = writer_key(writer)};
        manifest_write(writer->shard, &name, &row);
    }
    buffer_free(&sidecar);
    buffer_free(&object);
    writer_end(writer);
    return done;
}
