/* server/object/object_rewrite.c -- an object packed anew where it lies: at another level, or encrypted. */
#include "server/object/object_rewrite.h"

#include "runtime/base/assert.h"
#include "runtime/base/hex.h"
#include "s3client/wire/s3_error.h"

#include <stdlib.h>
#include <string.h>

struct object_rewrite {
    struct bucket_object *source; /* open: its bytes stay */
    struct object_writer *writer; /* finished */
    struct buffer metadata;       /* as it is to be */
    struct body_rewrite body;     /* what is known before the first byte */
};

enum { MD5_TEXT_BYTES = 2 * MD5_BYTES };

/* Is it what the client sent, as far as the row says what that was? What S4 encrypted as it was has the ETag of its
 * encrypted bytes; that these are what S4 encrypted their tag has shown. */
static bool is_original(const struct object_attributes *attributes, const struct object_digest *digest)
{
    char md5[MD5_TEXT_BYTES + 1] = "";
    hex_encode(span_of(digest->md5, MD5_BYTES), md5);
    md5[MD5_TEXT_BYTES] = '\0';
    bool is_md5 = !attributes->is_multipart && strlen(attributes->etag) == MD5_TEXT_BYTES &&
                  !(attributes->is_encrypted && attributes->has_crc32c);
    return digest->size == attributes->original_size &&
           (!attributes->has_crc32c || attributes->crc32c == digest->crc32c) &&
           (!is_md5 || strcmp(md5, attributes->etag) == 0);
}

/* A seal has an ETag like an MD5, and frames that know no parts. */
static bool may_be_sealed(const struct object_attributes *attributes, struct error *error)
{
    uint8_t md5[MD5_BYTES];
    bool is_whole = !attributes->is_multipart && attributes->parts_count == 0 &&
                    hex_decode(span_from_string(attributes->etag), md5, sizeof md5);
    return (attributes->seal.size == 0 && attributes->is_size_known && is_whole) ||
           error_set(error, ERROR_UNSUPPORTED, S3_NotImplemented,
                     "An object that came in parts, or whose size or MD5 is not known, is not encrypted in place.");
}

static bool may_be_rewritten(const struct object_attributes *attributes, struct error *error)
{
    bool is_plain = attributes->seal.size == 0 && !attributes->is_encrypted;
    return (is_plain && attributes->is_size_known && attributes->original_size > 0) ||
           error_set(error, ERROR_UNSUPPORTED, S3_NotImplemented,
                     "An object that is encrypted or empty, or whose size is not known, is not packed anew.");
}

SUSPENDS static bool pack(struct object_codecs *codecs, struct bucket_store *store,
                          const struct object_rewrite_intent *intent, struct object_rewrite *rewrite,
                          struct error *error)
{
    const struct object_attributes *attributes = &rewrite->source->attributes;
    const struct object_write_intent write = {.name = intent->name,
                                              .is_size_known = true,
                                              .size = attributes->original_size,
                                              .level = intent->level,
                                              .is_sealed = intent->is_sealed,
                                              .etag =
                                                  intent->is_sealed ? span_from_string(attributes->etag) : SPAN_EMPTY,
                                              .rewrite = &rewrite->body,
                                              .is_cut_off = intent->is_cut_off,
                                              .gate = intent->gate};
    struct object_digest digest;
    bool may_be = intent->is_sealed ? may_be_sealed(attributes, error) : may_be_rewritten(attributes, error);
    if (!may_be || !object_writer_begin(codecs, store, &write, &rewrite->writer, error))
        return false;
    bool done =
        object_pump(codecs, rewrite->source, &write.name, NULL, 0, write.size, rewrite->writer, &digest, error) &&
        (is_original(attributes, &digest) ||
         error_set(error, ERROR_DAMAGED, S3_InternalError, "The object is not what was put. Run `bale check`."));
    if (!done)
        object_writer_abort(rewrite->writer);
    return done;
}

static void describe(struct object_rewrite *rewrite, const struct object_rewrite_intent *intent)
{
    const struct object_attributes *attributes = &rewrite->source->attributes;
    struct span own = metadata_storage_class(attributes->metadata);
    buffer_init(&rewrite->metadata, 0);
    metadata_with_storage_class(attributes->metadata, intent->storage_class.size > 0 ? intent->storage_class : own,
                                &rewrite->metadata);
    rewrite->body = (struct body_rewrite){.judged = attributes,
                                          .metadata = buffer_span(&rewrite->metadata),
                                          .grounds = intent->grounds,
                                          .makes_version = intent->makes_version,
                                          .level_tried = intent->level > 0 ? (uint8_t)intent->level : 0};
}

static void dispose(struct object_rewrite *rewrite)
{
    bucket_close(rewrite->source);
    buffer_free(&rewrite->metadata);
    free(rewrite);
}

SUSPENDS bool object_rewrite_begin(struct object_codecs *codecs, struct bucket_store *store,
                                   const struct object_rewrite_intent *intent, struct object_rewrite **ret_rewrite,
                                   struct error *error)
{
    struct bucket_object *source;
    if (!bucket_open(store, &intent->name, NULL, &source, error))
        return false;
    struct object_rewrite *rewrite = malloc(sizeof *rewrite);
    ASSERT(rewrite != NULL);
    *rewrite = (struct object_rewrite){.source = source};
    describe(rewrite, intent);
    if (pack(codecs, store, intent, rewrite, error)) {
        *ret_rewrite = rewrite;
        return true;
    }
    dispose(rewrite);
    return false;
}

const struct object_attributes *object_rewrite_found(const struct object_rewrite *rewrite)
{
    return &rewrite->source->attributes;
}

uint64_t object_rewrite_stored_size(const struct object_rewrite *rewrite)
{
    return object_writer_stored_size(rewrite->writer);
}

bool object_rewrite_is_smaller(const struct object_rewrite *rewrite)
{
    return object_rewrite_stored_size(rewrite) < rewrite->source->attributes.stored_size;
}

SUSPENDS bool object_rewrite_commit(struct object_rewrite *rewrite, struct error *error)
{
    bool done = object_writer_commit_rewrite(rewrite->writer, error);
    dispose(rewrite);
    return done;
}

SUSPENDS void object_rewrite_abort(struct object_rewrite *rewrite)
{
    object_writer_abort(rewrite->writer);
    dispose(rewrite);
}
