/* server/object/forms/s4_source.c -- chunks are read, opened where they lie, and copied from. */
#include "server/object/forms/s4_source.h"

#include "runtime/base/assert.h"
#include "s3client/wire/checksum.h"
#include "s3client/wire/s3_error.h"
#include "server/keys/keyring.h"
#include "server/keys/object_seal.h"

#include <stdlib.h>

SUSPENDS static bool read_stored(struct s4_source *source, uint64_t offset, uint8_t *ret_bytes, size_t size,
                                 struct error *error)
{
    struct object_source *stored = source->stored;
    if (stored->whole.size == 0)
        return stored->read(stored, offset, ret_bytes, size, error);
    memcpy(ret_bytes, stored->whole.data + offset, size);
    return true;
}

/* ---- keys ---- */

static bool opens_with(struct s4_source *source, struct aes *aes, const uint8_t key[AES_KEY_BYTES], struct span stored,
                       uint8_t *room)
{
    if (!s4_envelope_open(&source->envelope, aes, key, source->number, stored, room))
        return false;
    memcpy(source->key, key, AES_KEY_BYTES);
    source->has_key = true;
    return true;
}

/* The key that the envelope names first, then all others of the keyring. */
static bool try_keys(struct s4_source *source, struct aes *aes, struct span stored, uint8_t *room)
{
    const struct keyring *keyring = source->codecs->settings.keyring;
    for (unsigned turn = 0; turn < 2; turn++)
        for (unsigned i = 0; i < keyring_s4_count(keyring); i++) {
            const struct keyring_s4_key *key = keyring_s4_at(keyring, i);
            bool is_named = key->id == source->envelope.key_id && source->envelope.kind != S4E1;
            if (is_named == (turn == 0) && opens_with(source, aes, key->key, stored, room))
                return true;
        }
    return false;
}

/* S4E4: any key of the keyring may wrap the data key; its tag says which does. */
static bool unwrap(struct s4_source *source, struct aes *aes)
{
    const struct keyring *keyring = source->codecs->settings.keyring;
    for (unsigned i = 0; i < keyring_s4_count(keyring) && !source->has_key; i++)
        source->has_key = s4_envelope_unwrap(&source->envelope, aes, keyring_s4_at(keyring, i)->key, source->key);
    return source->has_key;
}

/* What failed once may have been written over: trying goes from the bytes as they are stored, so these are kept. */
static bool open_chunk(struct s4_source *source, struct aes *aes, struct span stored, uint8_t *room)
{
    if (!source->has_key && source->envelope.kind == S4E4 && !unwrap(source, aes))
        return false;
    return source->has_key ? opens_with(source, aes, source->key, stored, room) : try_keys(source, aes, stored, room);
}

/* ---- chunks ---- */

static size_t room_bytes(const struct s4_envelope *envelope)
{
    uint64_t size = envelope->plain_size;
    if (s4_envelope_is_chunked(envelope) && size > envelope->chunk_size)
        size = envelope->chunk_size;
    return (size_t)size + GCM_TAG_BYTES;
}

static struct s4_chunk locate(const struct s4_envelope *envelope, uint64_t offset)
{
    if (s4_envelope_is_chunked(envelope))
        return s4_envelope_chunk(envelope, (uint32_t)(offset / envelope->chunk_size));
    return (struct s4_chunk){.stored_offset = envelope->head_size, .plain_size = (uint32_t)envelope->plain_size};
}

/* As it is stored in the first half of the memory, opened into the second. */
SUSPENDS static bool load(struct s4_source *source, const struct s4_chunk *chunk, struct error *error)
{
    size_t size = GCM_TAG_BYTES + chunk->plain_size;
    source->is_loaded = false;
    source->number =
        s4_envelope_is_chunked(&source->envelope) ? (uint32_t)(chunk->plain_offset / source->envelope.chunk_size) : 0;
    if (!read_stored(source, chunk->stored_offset, source->chunk, size, error))
        return false;
    struct keyring *keyring = source->codecs->settings.keyring;
    struct aes *aes = keyring_take_aes(keyring);
    source->is_loaded =
        open_chunk(source, aes, span_of(source->chunk, size), source->chunk + room_bytes(&source->envelope));
    keyring_give_aes(keyring, aes);
    fiber_yield_if_due();
    return source->is_loaded ||
           error_set(error, source->has_key ? ERROR_DAMAGED : ERROR_UNSUPPORTED,
                     source->has_key ? S3_InternalError : S3_NotImplemented,
                     source->has_key ? "What S4 encrypted is damaged."
                                     : "No key of the keyring opens what S4 encrypted, or it is damaged.");
}

SUSPENDS static bool read_plain(struct object_source *base, uint64_t offset, void *ret_bytes, size_t size,
                                struct error *error)
{
    struct s4_source *source = (struct s4_source *)base;
    uint8_t *to = ret_bytes;
    if (offset > base->size || size > base->size - offset)
        return error_set(error, ERROR_DAMAGED, S3_InternalError, "What S4 encrypted is shorter than it should be.");
    while (size > 0) {
        struct s4_chunk chunk = locate(&source->envelope, offset);
        uint32_t number =
            s4_envelope_is_chunked(&source->envelope) ? (uint32_t)(offset / source->envelope.chunk_size) : 0;
        if ((!source->is_loaded || source->number != number) && !load(source, &chunk, error))
            return false;
        size_t within = (size_t)(offset - chunk.plain_offset);
        size_t part = chunk.plain_size - within < size ? chunk.plain_size - within : size;
        memcpy(to, source->chunk + room_bytes(&source->envelope) + within, part);
        to += part;
        offset += part;
        size -= part;
    }
    return true;
}

/* ---- begin and end ---- */

static bool refuse_keyless_server(struct error *error)
{
    return error_set(error, ERROR_UNSUPPORTED, S3_NotImplemented,
                     "The object was encrypted by S4 (aes-256-gcm); the keyring has no [s4 ID] to read it with.");
}

static bool has_keys(const struct object_codecs *codecs, struct error *error)
{
    return keyring_s4_count(codecs->settings.keyring) > 0 || refuse_keyless_server(error);
}

/* Of S4E3 the key is the client's, known by its MD5; of all others it is the keyring's. */
static bool take_customer_key(struct s4_source *source, const struct customer_key *customer, struct error *error)
{
    struct md5_sum sum;
    uint8_t md5[MD5_BYTES];
    if (source->envelope.kind != S4E3)
        return (customer == NULL && has_keys(source->codecs, error)) ||
               (customer != NULL && object_seal_refuse_customer(error));
    if (customer == NULL || customer_key_mode(customer) != SEAL_CUSTOMER)
        return object_seal_refuse_without_customer(error);
    md5_begin(&sum);
    md5_update(&sum, span_of(customer->bytes, sizeof customer->bytes));
    md5_end(&sum, md5);
    explicit_bzero(&sum, sizeof sum);
    if (memcmp(md5, source->envelope.key_md5, sizeof md5) != 0)
        return error_set(error, ERROR_DENIED, S3_AccessDenied, "Access Denied");
    memcpy(source->key, customer->bytes, sizeof source->key);
    source->has_key = true;
    return true;
}

static bool check_size(const struct s4_envelope *envelope, struct error *error)
{
    return room_bytes(envelope) <= S4_WHOLE_BYTES_MAX + GCM_TAG_BYTES ||
           error_set(error, ERROR_UNSUPPORTED, S3_NotImplemented,
                     "S4 encrypted the object in one piece, or chunks, of more than 8 MiB.");
}

/* The first chunk is opened here, also of a body that holds nothing: a wrong key shows before anything is said. */
SUSPENDS static bool prepare(struct s4_source *source, const struct customer_key *customer, struct error *error)
{
    size_t head_size = source->stored->size < sizeof source->head ? (size_t)source->stored->size : sizeof source->head;
    if (!read_stored(source, 0, source->head, head_size, error) ||
        !s4_envelope_parse(span_of(source->head, head_size), source->stored->size, &source->envelope, error) ||
        !take_customer_key(source, customer, error) || !check_size(&source->envelope, error))
        return false;
    source->source.size = source->envelope.plain_size;
    source->chunk = malloc(2 * room_bytes(&source->envelope));
    if (source->chunk == NULL)
        return error_set(error, ERROR_BUSY, S3_SlowDown, "There is no memory for a further download.");
    struct s4_chunk first = locate(&source->envelope, 0);
    return load(source, &first, error);
}

SUSPENDS struct s4_source *s4_source_begin(struct object_codecs *codecs, struct object_source *stored,
                                           const struct customer_key *customer, struct error *error)
{
    if (codecs->settings.keyring == NULL) {
        (void)refuse_keyless_server(error);
        return NULL;
    }
    if (!s4_slot_take(codecs, error))
        return NULL;
    struct s4_source *source = calloc(1, sizeof *source);
    ASSERT(source != NULL);
    source->source.read = read_plain;
    source->stored = stored;
    source->codecs = codecs;
    if (prepare(source, customer, error))
        return source;
    if (error->code == NULL)
        error->code = error->kind == ERROR_UNSUPPORTED ? S3_NotImplemented : S3_InternalError;
    s4_source_end(source);
    return NULL;
}

void s4_source_end(struct s4_source *source)
{
    if (source == NULL)
        return;
    s4_slot_give(source->codecs);
    free(source->chunk);
    explicit_bzero(source->key, sizeof source->key);
    free(source);
}
