/* server/maintenance/rewrite.c -- reads, packs, compares once more, writes on a condition. */
#include "server/maintenance/rewrite.h"

#include "runtime/base/hex.h"
#include "server/object/unchanged.h"

/* ---- what stays ---- */

/* What was read is what the ETag says: else it is no MD5, and what is written would get another one. What S4 encrypted
 * as it was has the ETag of its encrypted bytes, which a seal can keep. */
static bool keeps_etag(const struct object_attributes *attributes, const struct object_digest *digest)
{
    char etag[2 * MD5_BYTES];
    if (attributes->is_encrypted && attributes->has_crc32c)
        return attributes->crc32c == digest->crc32c;
    hex_encode(span_of(digest->md5, sizeof digest->md5), etag);
    return attributes->etag[0] == '\0' || span_equal(span_from_string(attributes->etag), span_of(etag, sizeof etag));
}

int64_t rewrite_time(const struct object_attributes *attributes, const struct list_entry *entry)
{
    bool is_same_second = entry->modified_ms / 1000 == attributes->modified_ms / 1000;
    return is_same_second ? entry->modified_ms : attributes->modified_ms;
}

/* They are asked for whatever the object's answer counts: servers leave the count out for who may not read them. */
SUSPENDS static bool read_tags(const struct rewrite *rewrite, struct buffer *ret_tags, struct error *error)
{
    if (!rewrite->store->capabilities.has_tags)
        return error_set(error, ERROR_DENIED, NULL, "nobody knows whether it has tags, and which");
    return bucket_read_tags(rewrite->store, rewrite->name, ret_tags, NULL, error);
}

/* ---- writing ---- */

SUSPENDS static bool pump_and_commit(const struct rewrite *rewrite, struct object_writer *writer, struct span tags,
                                     enum rewrite_outcome *ret_outcome, uint64_t *ret_stored, struct error *error)
{
    const struct object_attributes *attributes = &rewrite->object->attributes;
    struct object_digest digest;
    struct object_attributes stored;
    bool done = object_pump(rewrite->codecs, rewrite->object, rewrite->name, NULL, 0, attributes->original_size, writer,
                            &digest, error);
    bool is_same = done && keeps_etag(attributes, &digest);
    /* tags change without the ETag, and so does what a copy onto itself sets: no condition of the write sees that */
    if (!is_same || !object_expect_unchanged(rewrite->store, rewrite->name, attributes, tags, error)) {
        object_writer_abort(writer);
        *ret_outcome = REWRITE_OTHER_ETAG;
        return done && !is_same;
    }
    done = object_writer_commit(writer, &stored, error);
    *ret_outcome = REWRITE_DONE;
    *ret_stored = done ? stored.stored_size : 0;
    return done;
}

SUSPENDS static bool write_packed(const struct rewrite *rewrite, struct span tags, struct span acl,
                                  enum rewrite_outcome *ret_outcome, uint64_t *ret_stored, struct error *error)
{
    const struct object_attributes *attributes = &rewrite->object->attributes;
    const struct write_condition unchanged = {.if_match = span_from_string(attributes->stored_etag),
                                              .is_stored_etag = true};
    const struct object_write_intent intent = {
        .name = *rewrite->name,
        .is_size_known = true,
        .size = attributes->original_size,
        .checksum = attributes->checksum.algorithm,
        .metadata = attributes->metadata,
        .tags = tags,
        .tags_count = metadata_count(tags),
        .condition = &unchanged,
        .kept_ms = rewrite->kept_ms,
        .is_sealed = rewrite->is_sealed,
        .etag = rewrite->is_sealed ? span_from_string(attributes->etag) : SPAN_EMPTY,
        .owner = attributes->owner,
        .acl = acl,
    };
    struct object_writer *writer;
    return object_writer_begin(rewrite->codecs, rewrite->store, &intent, &writer, error) &&
           pump_and_commit(rewrite, writer, tags, ret_outcome, ret_stored, error);
}

SUSPENDS bool rewrite_object(const struct rewrite *rewrite, enum rewrite_outcome *ret_outcome, uint64_t *ret_stored,
                             struct error *error)
{
    struct buffer tags;
    struct arena arena;
    struct span acl;
    buffer_init(&tags, 0);
    arena_init(&arena, 2 * OBJECT_ACL_BYTES_MAX);
    bool done = read_tags(rewrite, &tags, error) &&
                bucket_read_acl(rewrite->store, rewrite->name, &rewrite->object->attributes, &arena, &acl, error) &&
                write_packed(rewrite, buffer_span(&tags), acl, ret_outcome, ret_stored, error);
    arena_free(&arena);
    buffer_free(&tags);
    return done;
}
