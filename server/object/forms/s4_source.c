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

static bool opens_with(struct s4_source *source, struct aes *aes, const uint8_t key[AES_KEY_BYTES], uint32_t number,
                       struct span stored, uint8_t *room)
{
    if (!s4_envelope_open(&source->envelope, aes, key, number, stored, room))
        return false;
    memcpy(source->key, key, AES_KEY_BYTES);
    source->has_key = true;
    return true;
}

/* The key that the envelope names first, then all others of the keyring. */
static bool try_keys(struct s4_source *source, struct aes *aes, uint32_t number, struct span stored, uint8_t *room)
{
    const struct keyring *keyring = source->codecs->settings.keyring;
    for (unsigned turn = 0; turn < 2; turn++)
        for (unsigned i = 0; i < keyring_s4_count(keyring); i++) {
            const struct keyring_s4_key *key = keyring_s4_at(keyring, i);
            bool is_named = key->id == source->envelope.key_id && source->envelope.kind != S4E1;
            if (is_named == (turn == 0) && opens_with(source, aes, key->key, number, stored, room))
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
static bool open_chunk(struct s4_source *source, struct aes *aes, uint32_t number, struct span stored, uint8_t *room)
{
    if (!source->has_key && source->envelope.kind == S4E4 && !s4_source_unwrap(source))
        return false;
    return source->has_key ? opens_with(source, aes, source->key, number, stored, room)
                           : try_keys(source, aes, number, stored, room);
}

void s4_source_give_aes(const struct s4_source *source, struct aes *aes)
{
    if (source->envelope.kind == S4E3)
        aes_forget(aes);
    keyring_give_aes(source->codecs->settings.keyring, aes);
}

/* ---- chunks and pieces ---- */

/* Of the largest one. */
static uint64_t chunk_bytes(const struct s4_envelope *envelope)
{
    return envelope->plain_size < envelope->chunk_size ? envelope->plain_size : envelope->chunk_size;
}

static bool is_in_pieces(const struct s4_envelope *envelope)
{
    return chunk_bytes(envelope) > S4_WHOLE_BYTES_MAX;
}

static size_t room_bytes(const struct s4_envelope *envelope)
{
    return is_in_pieces(envelope) ? S4_PIECE_BYTES : (size_t)chunk_bytes(envelope) + GCM_TAG_BYTES;
}

/* The chunk with this byte of what the envelope holds. */
static struct s4_chunk locate_chunk(const struct s4_envelope *envelope, uint64_t offset)
{
    return s4_envelope_chunk(envelope, offset == 0 ? 0 : (uint32_t)(offset / envelope->chunk_size));
}

/* And the piece of it, which has no tag of its own. */
static struct s4_chunk locate_piece(const struct s4_envelope *envelope, uint64_t offset)
{
    struct s4_chunk chunk = locate_chunk(envelope, offset);
    uint64_t within = (offset - chunk.plain_offset) / S4_PIECE_BYTES * S4_PIECE_BYTES;
    uint64_t left = chunk.plain_size - within;
    return (struct s4_chunk){
        .number = chunk.number,
        .stored_offset = chunk.stored_offset + GCM_TAG_BYTES + within,
        .plain_offset = chunk.plain_offset + within,
        .plain_size = left < S4_PIECE_BYTES ? left : S4_PIECE_BYTES,
    };
}

bool s4_source_refuse_damage(struct error *error)
{
    return error_set(error, ERROR_DAMAGED, S3_InternalError, "What S4 encrypted is damaged.");
}

SUSPENDS static bool load_chunk(struct s4_source *source, const struct s4_chunk *chunk, struct error *error)
{
    size_t size = GCM_TAG_BYTES + (size_t)chunk->plain_size;
    if (!object_source_read(&source->stored->source, chunk->stored_offset, source->chunk, size, error))
        return false;
    struct keyring *keyring = source->codecs->settings.keyring;
    struct aes *aes = keyring_take_aes(keyring);
    bool is_right =
        open_chunk(source, aes, chunk->number, span_of(source->chunk, size), source->chunk + source->room_bytes);
    s4_source_give_aes(source, aes);
    fiber_yield_if_due();
    if (!is_right && !source->has_key)
        return error_set(error, ERROR_UNSUPPORTED, S3_NotImplemented,
                         "No key of the keyring opens what S4 encrypted, or it is damaged.");
    return is_right || s4_source_refuse_damage(error);
}

/* What was said goes on behind the reading that proves the chunk, if there was one. */
SUSPENDS static bool load_piece(struct s4_source *source, const struct s4_chunk *piece, struct error *error)
{
    if (source->proof == NULL || source->proved.number != piece->number) {
        struct s4_chunk chunk = s4_envelope_chunk(&source->envelope, piece->number);
        if (!s4_whole_prove(source, &chunk, error))
            return false;
        s4_source_say_window(source, piece->plain_offset, source->window_end);
    }
    return s4_whole_load(source, piece, error);
}

/* The chunk or piece with this byte: as it is stored in the first half of the memory, opened into the second. */
SUSPENDS static bool load(struct s4_source *source, uint64_t offset, struct error *error)
{
    bool has_pieces = is_in_pieces(&source->envelope);
    struct s4_chunk step =
        has_pieces ? locate_piece(&source->envelope, offset) : locate_chunk(&source->envelope, offset);
    source->loaded = (struct s4_chunk){0};
    if (!(has_pieces ? load_piece(source, &step, error) : load_chunk(source, &step, error)))
        return false;
    source->loaded = step;
    return true;
}

static bool is_loaded(const struct s4_source *source, uint64_t offset)
{
    return offset >= source->loaded.plain_offset && offset - source->loaded.plain_offset < source->loaded.plain_size;
}

SUSPENDS static bool read_plain(struct object_source *base, uint64_t offset, void *ret_bytes, size_t size,
                                struct error *error)
{
    struct s4_source *source = (struct s4_source *)base;
    uint8_t *to = ret_bytes;
    if (offset > base->size || size > base->size - offset)
        return error_set(error, ERROR_DAMAGED, S3_InternalError, "What S4 encrypted is shorter than it should be.");
    while (size > 0) {
        if (!is_loaded(source, offset) && !load(source, offset, error))
            return false;
        size_t within = (size_t)(offset - source->loaded.plain_offset);
        size_t left = (size_t)source->loaded.plain_size - within;
        size_t part = left < size ? left : size;
        memcpy(to, source->chunk + source->room_bytes + within, part);
        to += part;
        offset += part;
        size -= part;
    }
    return true;
}

/* By pieces it ends with the chunk: before the next one comes the reading that proves it. */
void s4_source_say_window(struct s4_source *source, uint64_t first, uint64_t end)
{
    const struct s4_envelope *envelope = &source->envelope;
    source->window_end = end;
    if (end > source->source.size)
        end = source->source.size;
    if (first >= end)
        return;
    struct s4_chunk chunk = locate_chunk(envelope, first);
    struct s4_chunk last;
    if (!is_in_pieces(envelope)) {
        last = locate_chunk(envelope, end - 1);
        bucket_read_window(source->stored->object, chunk.stored_offset,
                           last.stored_offset + GCM_TAG_BYTES + last.plain_size);
        return;
    }
    uint64_t chunk_end = chunk.plain_offset + chunk.plain_size;
    last = locate_piece(envelope, (end < chunk_end ? end : chunk_end) - 1);
    bucket_read_window(source->stored->object, locate_piece(envelope, first).stored_offset,
                       last.stored_offset + last.plain_size);
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

/* Of what is kept of a body or chunk that is read by pieces. Whoever reads pays for it, as many may be read at once. */
static size_t proof_bytes(const struct s4_envelope *envelope)
{
    return is_in_pieces(envelope) ? s4_pieces_count(chunk_bytes(envelope)) * sizeof(struct s4_piece) : 0;
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

/* The first chunk is opened here, also of a body that holds nothing: a wrong key shows before anything is said. Where
 * there are several that are read by pieces, none is proved before it is known which of them are wanted. */
SUSPENDS static bool prepare(struct s4_source *source, const struct customer_key *customer, struct error *error)
{
    struct object_source *stored = &source->stored->source;
    size_t head_size = stored->size < sizeof source->head ? (size_t)stored->size : sizeof source->head;
    if (!object_source_read(stored, 0, source->head, head_size, error) ||
        !s4_envelope_parse(span_take(span_of(source->head, head_size), S4_ENVELOPE_HEAD_BYTES_MAX), stored->size,
                           &source->envelope, error) ||
        !take_customer_key(source, customer, error))
        return false;
    source->source.size = source->envelope.plain_size;
    source->room_bytes = room_bytes(&source->envelope);
    struct s4_chunk chunk = s4_envelope_chunk(&source->envelope, 0);
    if (!is_in_pieces(&source->envelope))
        return s4_source_take_memory(source, error) && load(source, 0, error);
    return source->envelope.chunks_count == 1 ? s4_whole_prove(source, &chunk, error)
                                              : s4_source_take_memory(source, error);
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
