/* server/dictionaries/fetch.c -- opens `.s4dict/ID`, reads it, and compares it with its name. */
#include "server/dictionaries/fetch.h"

#include "runtime/base/hex.h"
#include "s3client/wire/checksum.h"
#include "s3client/wire/s3_error.h"
#include "server/dictionaries/table.h"

#include <string.h>

enum { TRIES = 3 };

struct span dictionary_key(struct span id, char ret_key[DICTIONARY_KEY_BYTES])
{
    struct span prefix = DICTIONARY_KEY_PREFIX;
    memcpy(ret_key, prefix.data, prefix.size);
    memcpy(ret_key + prefix.size, id.data, id.size);
    ret_key[prefix.size + id.size] = '\0';
    return span_from_string(ret_key);
}

void dictionary_id_format(const uint8_t *digest, char ret_id[DICTIONARY_ID_BYTES])
{
    hex_encode(span_of(digest, DICTIONARY_ID_DIGITS / 2), ret_id);
    ret_id[DICTIONARY_ID_DIGITS] = '\0';
}

void dictionary_id_of(struct span bytes, char ret_id[DICTIONARY_ID_BYTES])
{
    uint8_t digest[SHA256_BYTES];
    sha256_of(bytes, digest);
    dictionary_id_format(digest, ret_id);
}

static bool refuse(struct span id, const char *what, struct error *error)
{
    return error_set(error, ERROR_DAMAGED, S3_InternalError,
                     "The object was compressed with the dictionary %.*s, and .s4dict/%.*s %s.", SPAN_FORMAT(id),
                     SPAN_FORMAT(id), what);
}

SUSPENDS static bool read_all(struct bucket_object *object, struct span id, struct buffer *ret_bytes,
                              struct error *error)
{
    const struct object_attributes *attributes = &object->attributes;
    if (attributes->stored_size > DICTIONARY_BYTES_MAX)
        return refuse(id, "is larger than a dictionary may be (1 MiB)", error);
    if (attributes->layout != LAYOUT_RAW || attributes->is_encrypted)
        return refuse(id, "is not stored as it is", error);
    size_t size = (size_t)attributes->stored_size;
    if (!buffer_reserve(ret_bytes, size + 1))
        return error_set(error, ERROR_BUSY, S3_SlowDown, "There is no memory for a dictionary.");
    if (!bucket_read(object, 0, ret_bytes->data + ret_bytes->size, size, error))
        return false;
    char real[DICTIONARY_ID_BYTES];
    dictionary_id_of(span_of(ret_bytes->data + ret_bytes->size, size), real);
    if (!span_equal(id, span_from_string(real)))
        return refuse(id, "in its bucket holds other bytes than its name says", error);
    ret_bytes->size += size;
    return true;
}

SUSPENDS static bool fetch_once(struct bucket_store *store, const struct object_name *name, struct span id,
                                bool is_again, struct buffer *ret_bytes, struct error *error)
{
    const struct open_intent intent = {.extent = OPEN_WHOLE, .is_again = is_again};
    struct bucket_object *object;
    if (!bucket_open(store, name, &intent, &object, error))
        return error->kind == ERROR_NOT_FOUND ? refuse(id, "is not in its bucket", error) : false;
    bool done = read_all(object, id, ret_bytes, error);
    bucket_close(object);
    return done;
}

SUSPENDS bool dictionary_fetch(struct bucket_store *store, struct span bucket, struct span id, struct buffer *ret_bytes,
                               struct error *error)
{
    char key[DICTIONARY_KEY_BYTES];
    if (!dictionary_id_is_valid(id))
        return refuse(id, "is no name of one", error);
    const struct object_name name = {.bucket = bucket, .key = dictionary_key(id, key)};
    for (unsigned tries = 1; !fetch_once(store, &name, id, tries > 1, ret_bytes, error); tries++) {
        bool is_worth_it =
            error->kind == ERROR_CHANGED || (error->kind == ERROR_DAMAGED && bucket_opens_again(&store->capabilities));
        if (tries == TRIES || !is_worth_it)
            return false;
    }
    return true;
}
