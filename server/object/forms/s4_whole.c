/* server/object/forms/s4_whole.c -- the reading that proves a body, and those that go by it. */
#include "server/object/forms/s4_whole.h"

#include "codec/format/frame.h"
#include "runtime/base/assert.h"
#include "runtime/base/byteorder.h"
#include "s3client/wire/s3_error.h"
#include "server/keys/keyring.h"

/* A key that may be the body's, with the message as it opens under it. */
struct attempt {
    const uint8_t *key;
    struct aes *aes;
};

/* The frames that begin in what is being opened. */
struct frame_walk {
    uint64_t next; /* offset of the next header */
    uint64_t original_offset;
    uint8_t header[FRAME_HEADER_BYTES];
    size_t filled;  /* of the next header */
    bool has_ended; /* no more are known: the rest is to be walked by whoever reads it */
};

struct proving {
    struct s4_source *source;
    struct s4_proof *proof;
    struct attempt attempts[KEYRING_S4_KEYS_MAX];
    unsigned attempts_count;
    struct frame_walk walk; /* of the only attempt */
    struct s4_landmark landmark;
};

/* Of the chunk, from that offset of it on. */
static struct span piece_of(const struct s4_source *source, uint64_t offset)
{
    uint64_t left = source->proved.plain_size - offset;
    return span_of(source->chunk, left < S4_PIECE_BYTES ? (size_t)left : S4_PIECE_BYTES);
}

static uint8_t *opened_of(const struct s4_source *source)
{
    return source->chunk + S4_PIECE_BYTES;
}

/* ---- keys ---- */

static bool refuse_keys(struct error *error)
{
    return error_set(error, ERROR_UNSUPPORTED, S3_NotImplemented,
                     "No key of the keyring opens what S4 encrypted, or it is damaged.");
}

/* The customer's (S4E3), the one that the keyring unwraps (S4E4), or any of the keyring's. */
static unsigned collect_keys(struct s4_source *source, const uint8_t *ret_keys[KEYRING_S4_KEYS_MAX])
{
    const struct keyring *keyring = source->codecs->settings.keyring;
    unsigned count = 0;
    ret_keys[0] = source->key;
    if (source->has_key || source->envelope.kind == S4E4)
        return source->has_key || s4_source_unwrap(source) ? 1 : 0;
    for (unsigned i = 0; i < keyring_s4_count(keyring) && count < KEYRING_S4_KEYS_MAX; i++)
        ret_keys[count++] = keyring_s4_at(keyring, i)->key;
    return count;
}

static void hash_opener(const uint8_t body[SHA256_BYTES], const uint8_t key[AES_KEY_BYTES],
                        uint8_t ret_opener[SHA256_BYTES])
{
    struct sha256_sum sum;
    sha256_begin(&sum);
    sha256_update(&sum, span_of(body, SHA256_BYTES));
    sha256_update(&sum, span_of(key, AES_KEY_BYTES));
    sha256_end(&sum, ret_opener);
    explicit_bzero(&sum, sizeof sum);
}

static void take_key(struct s4_source *source, const uint8_t key[AES_KEY_BYTES])
{
    if (key != source->key)
        memcpy(source->key, key, AES_KEY_BYTES);
    source->has_key = true;
}

/* ---- the first reading ---- */

/* Of a body in frames the right key shows by the first of them, so that no other has to be tried over all of it; it has
 * been read together with the head. What proves it is the tag. */
static void leave_out_wrong_keys(struct s4_source *source, const uint8_t **keys, unsigned *count)
{
    const uint8_t *sealed = source->head + source->envelope.head_size + GCM_TAG_BYTES;
    uint8_t opened[FRAME_HEADER_BYTES];
    struct keyring *keyring = source->codecs->settings.keyring;
    unsigned kept = 0;
    if (*count <= 1 || source->proved.number > 0 || source->stored->object->attributes.layout != LAYOUT_FRAMED)
        return;
    struct aes *aes = keyring_take_aes(keyring);
    for (unsigned i = 0; i < *count; i++) {
        struct frame_header header;
        struct error ignored;
        s4_envelope_decrypt_at(&source->envelope, aes, keys[i], 0, 0, span_of(sealed, sizeof opened), opened);
        if (frame_header_decode(span_of(opened, sizeof opened), source->envelope.plain_size, &header, &ignored))
            keys[kept++] = keys[i];
    }
    keyring_give_aes(keyring, aes);
    *count = kept;
}

static bool begin_attempts(struct proving *proving, struct error *error)
{
    const uint8_t *keys[KEYRING_S4_KEYS_MAX];
    unsigned count = collect_keys(proving->source, keys);
    leave_out_wrong_keys(proving->source, keys, &count);
    if (count == 0)
        return refuse_keys(error);
    for (; proving->attempts_count < count; proving->attempts_count++) {
        struct attempt *attempt = &proving->attempts[proving->attempts_count];
        *attempt = (struct attempt){keys[proving->attempts_count], aes_create()};
        if (attempt->aes == NULL)
            return error_set(error, ERROR_BUSY, S3_SlowDown, "There is no memory for a further download.");
        s4_envelope_open_begin(&proving->source->envelope, attempt->aes, attempt->key, proving->source->proved.number);
    }
    return true;
}

static void end_attempts(struct proving *proving)
{
    for (unsigned i = 0; i < proving->attempts_count; i++)
        aes_destroy(proving->attempts[i].aes);
}

/* There may be many of them, so that others have turns in between. */
SUSPENDS static void open_piece(struct proving *proving, struct span sealed)
{
    for (unsigned i = 0; i < proving->attempts_count; i++) {
        aes_gcm_open_piece(proving->attempts[i].aes, sealed, opened_of(proving->source));
        fiber_yield_if_due();
    }
}

/* Steps over what the only attempt has opened at `offset`. Padding ends it: its headers are of another size, and there
 * is none in what S4 has written at once. */
static void walk_frames(struct proving *proving, uint64_t offset, struct span opened)
{
    struct frame_walk *walk = &proving->walk;
    uint64_t end = offset + opened.size;
    while (!walk->has_ended && walk->next + walk->filled < end) {
        struct span rest = span_skip(opened, (size_t)(walk->next + walk->filled - offset));
        struct span taken = span_take(rest, FRAME_HEADER_BYTES - walk->filled);
        memcpy(walk->header + walk->filled, taken.data, taken.size);
        walk->filled += taken.size;
        if (walk->filled < FRAME_HEADER_BYTES)
            return;
        struct frame_header header;
        struct error ignored;
        walk->has_ended = !frame_header_decode(span_of(walk->header, sizeof walk->header),
                                               proving->source->envelope.plain_size - walk->next, &header, &ignored) ||
                          header.kind != FRAME_DATA || header.original_size > UINT64_MAX - walk->original_offset;
        if (walk->has_ended)
            return;
        proving->landmark = (struct s4_landmark){walk->next, walk->original_offset};
        walk->next += header.header_size + header.payload_size;
        walk->original_offset += header.original_size;
        walk->filled = 0;
    }
}

SUSPENDS static bool read_all(struct proving *proving, struct error *error)
{
    struct s4_source *source = proving->source;
    struct keyring *keyring = source->codecs->settings.keyring;
    uint64_t stored = source->proved.stored_offset + GCM_TAG_BYTES;
    bucket_read_window(source->stored->object, stored, stored + source->proved.plain_size);
    for (uint64_t offset = 0; offset < source->proved.plain_size; offset += S4_PIECE_BYTES) {
        struct span sealed = piece_of(source, offset);
        size_t number = (size_t)(offset / S4_PIECE_BYTES);
        if (s4_proof_is_in_vain(proving->proof))
            return s4_proof_refuse_left(error);
        if (!object_source_read(&source->stored->source, stored + offset, source->chunk, sealed.size, error))
            return false;
        struct aes *aes = keyring_take_aes(keyring);
        s4_proof_add(proving->proof, aes, number, sealed);
        keyring_give_aes(keyring, aes);
        open_piece(proving, sealed);
        if (proving->attempts_count == 1)
            walk_frames(proving, offset, span_of(opened_of(source), sealed.size));
        proving->proof->pieces[number].landmark = proving->landmark;
    }
    return true;
}

/* The only attempt whose tag is right. */
static bool find_opener(struct proving *proving, struct error *error)
{
    for (unsigned i = 0; i < proving->attempts_count; i++)
        if (aes_gcm_open_end(proving->attempts[i].aes, proving->source->tag)) {
            take_key(proving->source, proving->attempts[i].key);
            return true;
        }
    return proving->source->has_key ? s4_source_refuse_damage(error) : refuse_keys(error);
}

/* source->proof is pending, and settled in any case. */
SUSPENDS static bool prove(struct s4_source *source, struct error *error)
{
    uint8_t opener[SHA256_BYTES];
    struct proving proving = {.source = source, .proof = source->proof};
    proving.walk.has_ended =
        source->envelope.chunks_count > 1 || source->stored->object->attributes.layout != LAYOUT_FRAMED;
    bool done = begin_attempts(&proving, error) && read_all(&proving, error) && find_opener(&proving, error);
    end_attempts(&proving);
    if (done)
        hash_opener(source->proof->body, source->key, opener);
    s4_proof_settle(&source->codecs->s4_proofs, source->proof, done ? opener : NULL, error);
    return done;
}

/* ---- what has been proved already ---- */

/* By whom of the keys that are here now. */
static bool recognize_key(struct s4_source *source, struct error *error)
{
    const uint8_t *keys[KEYRING_S4_KEYS_MAX];
    unsigned count = collect_keys(source, keys);
    for (unsigned i = 0; i < count; i++) {
        uint8_t opener[SHA256_BYTES];
        hash_opener(source->proof->body, keys[i], opener);
        if (memcmp(opener, source->proof->opener, sizeof opener) == 0) {
            take_key(source, keys[i]);
            return true;
        }
    }
    return refuse_keys(error);
}

/* What the chunk is known by. */
static void hash_chunk(const struct s4_source *source, uint8_t ret_body[SHA256_BYTES])
{
    struct sha256_sum sum;
    uint8_t numbers[12];
    store_u64_be(numbers, source->stored->source.size);
    store_u32_be(numbers + 8, source->proved.number);
    sha256_begin(&sum);
    sha256_update(&sum, span_of(source->head, (size_t)source->envelope.head_size));
    sha256_update(&sum, span_of(source->tag, sizeof source->tag));
    sha256_update(&sum, span_of(numbers, sizeof numbers));
    sha256_end(&sum, ret_body);
}

/* The first one's has been read together with the head. */
SUSPENDS static bool read_tag(struct s4_source *source, struct error *error)
{
    uint64_t offset = source->proved.stored_offset;
    if (source->proved.number > 0) {
        bucket_read_window(source->stored->object, offset, offset + GCM_TAG_BYTES);
        return object_source_read(&source->stored->source, offset, source->tag, GCM_TAG_BYTES, error);
    }
    memcpy(source->tag, source->head + offset, GCM_TAG_BYTES);
    return true;
}

/* Who has waited for another one's reading takes over what it came to, where that is the body's fault; else it is his
 * turn to read. False: there is none, and *error says nothing. */
SUSPENDS static bool find_proof(struct s4_source *source, const uint8_t body[SHA256_BYTES], bool *ret_has_failed,
                                struct error *error)
{
    struct s4_proofs *proofs = &source->codecs->s4_proofs;
    *ret_has_failed = false;
    while ((source->proof = s4_proofs_find(proofs, body)) != NULL) {
        if (!s4_proof_wait(proofs, source->proof, error)) {
            *ret_has_failed = true;
            s4_proofs_drop(proofs, source->proof);
            source->proof = NULL;
            return false;
        }
        if (source->proof->state == S4_PROOF_RIGHT)
            return true;
        enum error_kind kind = source->proof->failure.kind;
        *ret_has_failed = kind == ERROR_DAMAGED || kind == ERROR_UNSUPPORTED;
        if (*ret_has_failed)
            *error = source->proof->failure;
        s4_proofs_drop(proofs, source->proof);
        source->proof = NULL;
        if (*ret_has_failed)
            return false;
    }
    return false;
}

SUSPENDS static bool begin_proof(struct s4_source *source, const uint8_t body[SHA256_BYTES], struct error *error)
{
    source->proof = s4_proofs_begin(&source->codecs->s4_proofs, body, s4_pieces_count(source->proved.plain_size));
    if (source->proof == NULL)
        return error_set(error, ERROR_BUSY, S3_SlowDown, "There is no memory for a further download.");
    return prove(source, error);
}

/* Who waits for another one's reading, which may last for minutes, has no memory meanwhile that others could use; and
 * while one waits for memory another one may have begun. Who is half way keeps it: a wish that is refused there would
 * cut an answer. */
SUSPENDS static bool prove_or_find(struct s4_source *source, struct error *error)
{
    uint8_t body[SHA256_BYTES];
    bool has_failed;
    bool has_memory = source->memory_bytes > 0;
    hash_chunk(source, body);
    while (!find_proof(source, body, &has_failed, error)) {
        if (has_failed || (!has_memory && !s4_source_take_memory(source, error)))
            return false;
        if (!s4_proofs_have(&source->codecs->s4_proofs, body))
            return begin_proof(source, body, error);
        if (!has_memory)
            s4_source_give_memory(source);
    }
    return recognize_key(source, error) && (has_memory || s4_source_take_memory(source, error));
}

SUSPENDS bool s4_whole_prove(struct s4_source *source, const struct s4_chunk *chunk, struct error *error)
{
    s4_proofs_drop(&source->codecs->s4_proofs, source->proof);
    source->proof = NULL;
    source->proved = *chunk;
    return read_tag(source, error) && prove_or_find(source, error);
}

SUSPENDS bool s4_whole_load(struct s4_source *source, const struct s4_chunk *piece, struct error *error)
{
    struct keyring *keyring = source->codecs->settings.keyring;
    struct span sealed = span_of(source->chunk, (size_t)piece->plain_size);
    uint64_t offset = piece->plain_offset - source->proved.plain_offset;
    if (!object_source_read(&source->stored->source, piece->stored_offset, source->chunk, sealed.size, error))
        return false;
    size_t number = (size_t)(offset / S4_PIECE_BYTES);
    struct aes *aes = keyring_take_aes(keyring);
    bool is_right = s4_proof_check(&source->codecs->s4_proofs, source->proof, aes, number, sealed);
    if (is_right)
        s4_envelope_decrypt_at(&source->envelope, aes, source->key, piece->number, offset, sealed, opened_of(source));
    s4_source_give_aes(source, aes);
    fiber_yield_if_due();
    return is_right || s4_source_refuse_damage(error);
}
