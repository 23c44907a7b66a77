/* server/object/forms/s4_source.c -- chunks are read, opened where they lie, and copied from. */
#include "server/object/forms/s4_source.h"

#include "runtime/base/assert.h"
#include "s3client/wire/checksum.h"
#include "s3client/wire/s3_error.h"
#include "server/keys/keyring.h"
#include "server/keys/object_seal.h"
#include "server/object/forms/s4_whole.h"

#include <stdlib.h>

/* ---- keys ---- */

static bool opens_with(struct s4_source *source, struct aes *aes, const uint8_t key[AES_KEY_BYTES], struct span stored,
                       uint8_t *room)
{
    if (!s4_envelope_open(&source->envelope, aes, key, (uint32_t)source->number, stored, room))
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
bool s4_source_unwrap(struct s4_source *source)
{
    struct keyring *keyring = source->codecs->settings.keyring;
    struct aes *aes = keyring_take_aes(keyring);
    for (unsigned i = 0; i < keyring_s4_count(keyring) && !source->has_key; i++)
        source->has_key = s4_envelope_unwrap(&source->envelope, aes, keyring_s4_at(keyring, i)->key, source->key);
    keyring_give_aes(keyring, aes);
    return source->has_key;
}

/* What failed once may have been written over: trying goes from the bytes as they are stored, so these are kept. */
static bool open_chunk(struct s4_source *source, struct aes *aes, struct span stored, uint8_t *room)
{
    if (!source->has_key && source->envelope.kind == S4E4 && !s4_source_unwrap(source))
        return false;
    return source->has_key ? opens_with(source, aes, source->key, stored, room) : try_keys(source, aes, stored, room);
}

void s4_source_give_aes(const struct s4_source *source, struct aes *aes)
{
    if (source->envelope.kind == S4E3)
        aes_forget(aes);
    keyring_give_aes(source->codecs->settings.keyring, aes);
}

/* ---- chunks and pieces ---- */

static bool is_in_pieces(const struct s4_envelope *envelope)
{
    return !s4_envelope_is_chunked(envelope) && envelope->plain_size > S4_WHOLE_BYTES_MAX;
}

/* How many bytes of what it holds are opened at once; all but the last chunk or piece have so many. */
static uint64_t step_bytes(const struct s4_envelope *envelope)
{
    if (s4_envelope_is_chunked(envelope))
        return envelope->chunk_size;
    return is_in_pieces(envelope) ? S4_PIECE_BYTES : S4_WHOLE_BYTES_MAX;
}

static size_t room_bytes(const struct s4_envelope *envelope)
{
    uint64_t step = step_bytes(envelope);
    uint64_t size = envelope->plain_size < step ? envelope->plain_size : step;
    return (size_t)size + (is_in_pieces(envelope) ? 0 : GCM_TAG_BYTES);
}

/* A chunk with its tag, where each has one. */
static struct s4_chunk locate(const struct s4_envelope *envelope, uint64_t number)
{
    if (s4_envelope_is_chunked(envelope))
        return s4_envelope_chunk(envelope, (uint32_t)number);
    if (!is_in_pieces(envelope))
        return (struct s4_chunk){.stored_offset = envelope->head_size, .plain_size = (uint32_t)envelope->plain_size};
    uint64_t offset = number * S4_PIECE_BYTES;
    uint64_t left = envelope->plain_size - offset;
    return (struct s4_chunk){
        .stored_offset = envelope->head_size + GCM_TAG_BYTES + offset,
        .plain_offset = offset,
        .plain_size = left < S4_PIECE_BYTES ? (uint32_t)left : S4_PIECE_BYTES,
    };
}

bool s4_source_refuse_damage(struct error *error)
{
    return error_set(error, ERROR_DAMAGED, S3_InternalError, "What S4 encrypted is damaged.");
}

SUSPENDS static bool load_chunk(struct s4_source *source, const struct s4_chunk *chunk, struct error *error)
{
    size_t size = GCM_TAG_BYTES + chunk->plain_size;
    if (!object_source_read(&source->stored->source, chunk->stored_offset, source->chunk, size, error))
        return false;
    struct keyring *keyring = source->codecs->settings.keyring;
    struct aes *aes = keyring_take_aes(keyring);
    bool is_right = open_chunk(source, aes, span_of(source->chunk, size), source->chunk + source->room_bytes);
    s4_source_give_aes(source, aes);
    fiber_yield_if_due();
    if (!is_right && !source->has_key)
        return error_set(error, ERROR_UNSUPPORTED, S3_NotImplemented,
                         "No key of the keyring opens what S4 encrypted, or it is damaged.");
    return is_right || s4_source_refuse_damage(error);
}

/* As it is stored in the first half of the memory, opened into the second. */
SUSPENDS static bool load(struct s4_source *source, uint64_t number, struct error *error)
{
    struct s4_chunk chunk = locate(&source->envelope, number);
    source->is_loaded = false;
    source->number = number;
    source->is_loaded =
        source->proof != NULL ? s4_whole_load(source, &chunk, error) : load_chunk(source, &chunk, error);
    return source->is_loaded;
}

SUSPENDS static bool read_plain(struct object_source *base, uint64_t offset, void *ret_bytes, size_t size,
                                struct error *error)
{
    struct s4_source *source = (struct s4_source *)base;
    uint8_t *to = ret_bytes;
    if (offset > base->size || size > base->size - offset)
        return error_set(error, ERROR_DAMAGED, S3_InternalError, "What S4 encrypted is shorter than it should be.");
    while (size > 0) {
        uint64_t number = offset / step_bytes(&source->envelope);
        if ((!source->is_loaded || source->number != number) && !load(source, number, error))
            return false;
        struct s4_chunk chunk = locate(&source->envelope, number);
        size_t within = (size_t)(offset - chunk.plain_offset);
        size_t part = chunk.plain_size - within < size ? chunk.plain_size - within : size;
        memcpy(to, source->chunk + source->room_bytes + within, part);
        to += part;
        offset += part;
        size -= part;
    }
    return true;
}

void s4_source_say_window(const struct s4_source *source, uint64_t first, uint64_t end)
{
    uint64_t size = source->source.size;
    uint64_t step = step_bytes(&source->envelope);
    if (first >= end || first >= size)
        return;
    bool is_to_end = end >= size || (end - 1) / step == (size - 1) / step;
    uint64_t stored_end =
        is_to_end ? source->stored->source.size : locate(&source->envelope, (end - 1) / step + 1).stored_offset;
    bucket_read_window(source->stored->object, locate(&source->envelope, first / step).stored_offset, stored_end);
}

bool s4_source_find_frames(const struct s4_source *source, uint64_t position, uint64_t end,
                           struct frame_range *ret_range)
{
    if (source->proof == NULL)
        return false;
    struct s4_landmark first = s4_proof_find_frame(source->proof, position, end, &ret_range->stored_end);
    ret_range->first = (struct sidecar_entry){.original_offset = first.original_offset, .stored_offset = first.offset};
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
                     "S4 encrypted the object in chunks of more than 8 MiB.");
}

/* Of what is kept of a body that is read by pieces. Whoever reads pays for it, as many bodies may be read at once. */
static size_t proof_bytes(const struct s4_envelope *envelope)
{
    uint64_t pieces_count = (envelope->plain_size + S4_PIECE_BYTES - 1) / S4_PIECE_BYTES;
    return is_in_pieces(envelope) ? (size_t)pieces_count * sizeof(struct s4_piece) : 0;
}

SUSPENDS bool s4_source_take_memory(struct s4_source *source, struct error *error)
{
    ASSERT(source->memory_bytes == 0);
    size_t taken = 2 * source->room_bytes + proof_bytes(&source->envelope);
    if (!s4_memory_take(source->codecs, taken, error))
        return false;
    source->memory_bytes = taken;
    source->chunk = malloc(2 * source->room_bytes);
    return source->chunk != NULL ||
           error_set(error, ERROR_BUSY, S3_SlowDown, "There is no memory for a further download.");
}

void s4_source_give_memory(struct s4_source *source)
{
    free(source->chunk);
    source->chunk = NULL;
    if (source->memory_bytes > 0)
        s4_memory_give(source->codecs, source->memory_bytes);
    source->memory_bytes = 0;
}

/* The first chunk is opened here, also of a body that holds nothing: a wrong key shows before anything is said. */
SUSPENDS static bool prepare(struct s4_source *source, const struct customer_key *customer, struct error *error)
{
    struct object_source *stored = &source->stored->source;
    size_t head_size = stored->size < sizeof source->head ? (size_t)stored->size : sizeof source->head;
    if (!object_source_read(stored, 0, source->head, head_size, error) ||
        !s4_envelope_parse(span_take(span_of(source->head, head_size), S4_ENVELOPE_HEAD_BYTES_MAX), stored->size,
                           &source->envelope, error) ||
        !take_customer_key(source, customer, error) || !check_size(&source->envelope, error))
        return false;
    source->source.size = source->envelope.plain_size;
    source->room_bytes = room_bytes(&source->envelope);
    if (is_in_pieces(&source->envelope))
        return s4_whole_prove(source, error);
    return s4_source_take_memory(source, error) && load(source, 0, error);
}

SUSPENDS struct s4_source *s4_source_begin(struct object_codecs *codecs, struct store_source *stored,
                                           const struct customer_key *customer, struct error *error)
{
    if (codecs->settings.keyring == NULL) {
        (void)refuse_keyless_server(error);
        return NULL;
    }
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
    s4_proofs_drop(&source->codecs->s4_proofs, source->proof);
    s4_source_give_memory(source);
    explicit_bzero(source->key, sizeof source->key);
    free(source);
}
