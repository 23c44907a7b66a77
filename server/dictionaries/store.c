/* server/dictionaries/store.c -- writes `.s4dict/ID` under If-None-Match: *. */
#include "server/dictionaries/store.h"

#include "codec/format/crc.h"
#include "runtime/base/hex.h"
#include "s3client/wire/checksum.h"
#include "server/dictionaries/fetch.h"
#include "server/dictionaries/table.h"

#include <string.h>

enum { METADATA_BYTES_MAX = 512, HEAD_BYTES_MAX = 64 << 10 };

static void make_metadata(struct span bytes, struct buffer *to)
{
    uint8_t digest[SHA256_BYTES];
    char text[2 * SHA256_BYTES];
    sha256_of(bytes, digest);
    hex_encode(span_of(digest, sizeof digest), text);
    (void)metadata_append(to, SPAN("content-type"), SPAN("application/x-zstd-dictionary"));
    (void)metadata_append(to, SPAN("x-amz-meta-s4-dict-sha256"), span_of(text, sizeof text));
}

static void describe(struct span bytes, struct span metadata, struct object_attributes *ret_attributes)
{
    struct md5_sum md5;
    uint8_t digest[MD5_BYTES];
    *ret_attributes = (struct object_attributes){.original_size = bytes.size,
                                                 .stored_size = bytes.size,
                                                 .layout = LAYOUT_RAW,
                                                 .is_size_known = true,
                                                 .has_crc32c = true,
                                                 .crc32c = crc32c_update(0, bytes),
                                                 .metadata = metadata};
    md5_begin(&md5);
    md5_update(&md5, bytes);
    md5_end(&md5, digest);
    hex_encode(span_of(digest, sizeof digest), ret_attributes->etag);
}

SUSPENDS static bool write(struct bucket_store *store, const struct object_name *name, struct span bytes,
                           struct span metadata, struct error *error)
{
    static const struct write_condition create = {.if_none_match = SPAN("*")};
    struct object_attributes attributes;
    struct object_attributes stored;
    struct bucket_writer *writer;
    describe(bytes, metadata, &attributes);
    const struct write_intent intent = {
        .name = *name,
        .condition = &create,
        .metadata = metadata,
        .is_size_known = true,
        .original_size = bytes.size,
        .stored_size_hint = bytes.size,
        .is_uncounted = true,
    };
    if (!bucket_begin(store, &intent, &writer, error))
        return false;
    if (!bucket_write(writer, bytes, error)) {
        bucket_abort(writer);
        return false;
    }
    const struct write_result result = {.attributes = &attributes, .condition = &create, .is_uncounted = true};
    return bucket_commit(writer, &result, &stored, error);
}

/* What stands there already must be what its name says: an earlier write may have been another program's. */
SUSPENDS static bool is_there(struct bucket_store *store, struct span bucket, struct span id, struct error *error)
{
    struct buffer bytes;
    buffer_init(&bytes, 0);
    bool done = dictionary_fetch(store, bucket, id, &bytes, error);
    buffer_free(&bytes);
    return done;
}

SUSPENDS bool dictionary_put(struct bucket_store *store, struct span bucket, struct span bytes, struct error *error)
{
    char id[DICTIONARY_ID_BYTES];
    char key[DICTIONARY_KEY_BYTES];
    struct buffer metadata;
    dictionary_id_of(bytes, id);
    const struct object_name name = {.bucket = bucket, .key = dictionary_key(span_from_string(id), key)};
    buffer_init(&metadata, METADATA_BYTES_MAX);
    make_metadata(bytes, &metadata);
    bool done = write(store, &name, bytes, buffer_span(&metadata), error);
    buffer_free(&metadata);
    if (!done && error->kind == ERROR_CONFLICT)
        done = is_there(store, bucket, span_from_string(id), error);
    return done || error_prepend(error, "the dictionary %s cannot be written", id);
}

/* *ret_is_missing: surely. */
SUSPENDS static bool has(struct bucket_store *store, struct span bucket, struct span id, bool *ret_is_missing)
{
    char key[DICTIONARY_KEY_BYTES];
    struct arena arena;
    struct error error;
    struct object_attributes attributes;
    const struct object_name name = {.bucket = bucket, .key = dictionary_key(id, key)};
    arena_init(&arena, HEAD_BYTES_MAX);
    bool is_found = bucket_head(store, &name, &arena, &attributes, &error);
    *ret_is_missing = !is_found && error.kind == ERROR_NOT_FOUND;
    arena_free(&arena);
    return is_found;
}

SUSPENDS bool dictionary_is_there(struct bucket_store *store, struct span bucket, struct span id)
{
    bool is_missing;
    (void)has(store, bucket, id, &is_missing);
    return !is_missing;
}

SUSPENDS bool dictionary_carry(struct bucket_store *store, struct span from, struct span to, struct span id,
                               struct error *error)
{
    struct buffer bytes;
    bool is_missing;
    if (span_equal(from, to) || (dictionary_id_is_valid(id) && has(store, to, id, &is_missing)))
        return true;
    buffer_init(&bytes, 0);
    bool done =
        dictionary_fetch(store, from, id, &bytes, error) && dictionary_put(store, to, buffer_span(&bytes), error);
    buffer_free(&bytes);
    return done;
}
