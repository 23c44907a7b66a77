/* server/object/object_writer.c -- a body on its way in: hashed as it arrives, cut into frames, committed.
 *
 * Original bytes lie where they arrived until their frame is complete. A full frame is stored (object_writer_frame.c)
 * only when more is wanted (object_writer_space) or all has come (object_writer_finish): a body that turns out to be
 * one frame that does not shrink can then still be stored as it is. */
#include "server/object/object_writer_private.h"

#include "codec/format/frame.h"
#include "runtime/base/assert.h"
#include "runtime/base/hex.h"
#include "s3client/wire/s3_error.h"
#include "server/keys/kms_keyring.h"
#include "server/object/class_levels.h"
#include "server/object/object_upload.h"

#include <stdlib.h>

enum {
    SPACE_BYTES_MAX = 256 << 10, /* handed out at once: what is received is hashed while it is in the cache */
    HASH_SLICE_BYTES = 128 << 10,
    ROUND_BYTES_LEAST = 2 << 10, /* shorter bodies are hashed sooner than anybody is waited for */
    SHORT_BYTES_MOST = 128 << 10,
};

/* ---- who else arrives ---- */

/* What is hashed on an idle thread is not hashed here, beside those that somebody waits for. */
static void enter_round(struct object_writer *writer)
{
    bool is_known = writer->is_size_known;
    bool is_worth_it = !is_known || writer->size_expected >= ROUND_BYTES_LEAST;
    if (!is_worth_it || writer->codecs->settings.background != NULL)
        return;
    bool is_short = is_known && writer->size_expected <= SHORT_BYTES_MOST;
    writer->round = is_short ? &writer->codecs->short_md5_round : &writer->codecs->md5_round;
    md5_round_enter(writer->round);
}

static void leave_round(struct object_writer *writer)
{
    if (writer->round != NULL)
        md5_round_leave(writer->round);
    writer->round = NULL;
}

/* ---- what is learned of frames, and of objects of one prefix ---- */

/* Objects of one frame share the guide of their prefix; longer ones pay for what they learn. What a guide knows is true
 * of an object from its start on, so parts do not share any; and nothing is learned of what is encrypted. */
static void begin_guide(struct object_writer *writer, const struct object_write_intent *intent)
{
    writer->guide_share = guide_cache_share(&intent->name);
    writer->shares_guide = !writer->is_part && !intent->is_sealed && writer->is_size_known &&
                           writer->size_expected <= FRAME_ORIGINAL_BYTES;
    columns_guide_begin(&writer->guide, COLUMNS_GUIDE_LOOK_CREDIT);
}

static void give_guide(struct object_writer *writer)
{
    if (writer->shares_guide && writer->has_guide)
        guide_cache_give(writer->codecs->guides, &writer->guide_share, &writer->guide);
}

SUSPENDS static bool begin_stored(const struct object_codecs *codecs, struct bucket_store *store,
                                  const struct object_write_intent *intent, struct bucket_writer **ret_stored,
                                  struct error *error)
{
    uint64_t hint = intent->is_size_known ? intent->size : 0;
    if (intent->upload_id.size > 0)
        return bucket_begin_part(store, &intent->name, intent->upload_id, intent->part_number, hint, ret_stored, error);
    const struct write_intent object = {
        .name = intent->name,
        .condition = intent->condition,
        .kept_ms = intent->kept_ms,
        .rewrite = intent->rewrite,
        .lock = intent->lock,
        .metadata = intent->metadata,
        .tags = intent->tags,
        .tags_count = intent->tags_count,
        .checksum_algorithm = intent->checksum,
        .is_size_known = intent->is_size_known,
        .original_size = intent->size,
        .stored_size_hint = hint,
        .codec = CODEC_ZSTD,
        .may_have_columns = codecs->settings.columns,
        .is_sealed = intent->is_sealed,
        .owner = intent->owner,
        .acl = intent->acl,
    };
    return bucket_begin(store, &object, ret_stored, error);
}

/* Without compression a body is stored as it comes, unless the store needs frames for one that may be that long. Parts
 * need them to be joined with others, unless all of them are raw. */
static bool stays_raw(const struct bucket_store *store, const struct object_write_intent *intent, int codec)
{
    uint64_t beyond = store->capabilities.needs_frames_beyond;
    return codec == OBJECT_CODEC_RAW ||
           (codec == OBJECT_CODEC_NONE && intent->upload_id.size == 0 && !intent->is_sealed &&
            (beyond == 0 || (intent->is_size_known && intent->size <= beyond)));
}

/* One stream has no place for what a store puts behind frames. */
static bool may_be_gzip(const struct bucket_store *store, const struct object_write_intent *intent, int codec)
{
    uint64_t beyond = store->capabilities.needs_frames_beyond;
    bool needs_frames = intent->rewrite != NULL && store->capabilities.is_shared; /* for what is put behind them */
    return codec == OBJECT_CODEC_GZIP && intent->upload_id.size == 0 && !intent->is_sealed && !needs_frames &&
           (beyond == 0 || (intent->is_size_known && GZIP_MEMBER_BYTES_MAX(intent->size) <= beyond));
}

static int level_of(const struct object_codecs *codecs, const struct object_write_intent *intent)
{
    const struct object_settings *settings = &codecs->settings;
    int level = intent->level;
    if (level == 0 && settings->classes != NULL)
        level = class_levels_find(settings->classes, metadata_storage_class(intent->metadata));
    return level != 0 ? level : settings->level;
}

/* What is drawn for one write, by one call of the kernel: each takes a microsecond. To be wiped. */
struct drawn {
    struct seal_nonces nonces;
    uint8_t data_key[AES_KEY_BYTES];
    uint8_t attribute_key[AES_KEY_BYTES];
    uint8_t salt[XAES_SALT_BYTES];
};

/* The upload's keys, of a part; else keys of this write alone. */
static void take_keys(struct object_writer *writer, const struct object_write_intent *intent,
                      const struct upload_secret *secret, const struct drawn *drawn)
{
    if (writer->is_part) {
        writer->mode = secret->seal.mode;
        memcpy(writer->data_key, secret->data_key, sizeof writer->data_key);
        memcpy(writer->attribute_key, secret->seal.key, sizeof writer->attribute_key);
        return;
    }
    writer->customer = intent->customer;
    writer->mode = customer_key_mode(intent->customer);
    memcpy(writer->data_key, drawn->data_key, sizeof writer->data_key);
    if (seal_mode_has_attribute_key(writer->mode))
        memcpy(writer->attribute_key, drawn->attribute_key, sizeof writer->attribute_key);
}

/* A segment of this write alone. */
static void begin_seal(struct object_writer *writer, const struct object_write_intent *intent,
                       const struct upload_secret *secret)
{
    struct keyring *keyring = writer->codecs->settings.keyring;
    struct drawn drawn;
    random_fill(random_system(), &drawn, sizeof drawn);
    writer->nonces = drawn.nonces;
    take_keys(writer, intent, secret, &drawn);
    struct aes *aes = keyring_take_aes(keyring);
    sealing_begin(&writer->sealing, aes, writer->data_key, drawn.salt, writer->part_number);
    if (seal_mode_has_attribute_key(writer->mode))
        aes_forget(aes); /* the keyring alone does not open it */
    keyring_give_aes(keyring, aes);
    explicit_bzero(&drawn, sizeof drawn);
    writer->is_sealed = true;
}

/* Of a part: it is encrypted if its upload is, whatever who sends it says. */
static bool open_upload(const struct object_codecs *codecs, const struct bucket_store *store,
                        const struct object_write_intent *intent, struct upload_secret *ret_secret, struct error *error)
{
    if (!object_upload_open_seal(codecs, store, &intent->name, intent->seal, intent->customer, ret_secret, error))
        return false;
    if (ret_secret->seal.mode == SEAL_PLAIN || ret_secret->has_data_key)
        return true;
    upload_secret_end(ret_secret);
    return object_upload_refuse_keyless(error);
}

/* Encryption that cannot be had is refused before anything is stored. */
static bool open_seal(const struct object_codecs *codecs, const struct bucket_store *store,
                      const struct object_write_intent *intent, struct upload_secret *ret_secret, struct error *error)
{
    *ret_secret = (struct upload_secret){.seal.mode = SEAL_PLAIN};
    if (intent->upload_id.size > 0)
        return open_upload(codecs, store, intent, ret_secret, error);
    if (!intent->is_sealed)
        return !codecs->settings.seals_all || intent->rewrite != NULL ||
               error_set(error, ERROR_UNSUPPORTED, S3_NotImplemented,
                         "All objects are to be encrypted (--sse), and this one would not be.");
    return object_codecs_may_seal(codecs, store) ||
           error_set(error, ERROR_UNSUPPORTED, S3_NotImplemented, "Objects cannot be encrypted here.");
}

SUSPENDS bool object_writer_begin(struct object_codecs *codecs, struct bucket_store *store,
                                  const struct object_write_intent *intent, struct object_writer **ret_writer,
                                  struct error *error)
{
    struct upload_secret secret;
    struct bucket_writer *stored;
    ASSERT(intent->etag.size == 0 || (intent->etag.size == 2 * (size_t)MD5_BYTES && intent->is_sealed));
    ASSERT(intent->upload_id.size == 0 ? intent->is_sealed || intent->customer == NULL : !intent->is_sealed);
    if (!open_seal(codecs, store, intent, &secret, error))
        return false;
    struct object_writer *writer = aligned_alloc(_Alignof(struct object_writer), sizeof *writer);
    bool begun = writer != NULL ? begin_stored(codecs, store, intent, &stored, error)
                                : error_set(error, ERROR_BUSY, S3_SlowDown, "There is no memory for a further upload.");
    if (!begun) {
        upload_secret_end(&secret);
        free(writer);
        return false;
    }
    memset(writer, 0, sizeof *writer);
    writer->codecs = codecs;
    writer->stored = stored;
    store_sink_init(&writer->store, stored);
    writer->sink = &writer->store.sink;
    writer->name = intent->name;
    writer->creation_id = intent->creation_id;
    writer->is_part = intent->upload_id.size > 0;
    writer->part_number = intent->part_number;
    writer->is_size_known = intent->is_size_known;
    writer->size_expected = intent->size;
    writer->metadata = intent->metadata;
    writer->tags = intent->tags;
    writer->tags_count = intent->tags_count;
    writer->condition = intent->condition;
    writer->lock = intent->lock;
    writer->owner = intent->owner;
    writer->acl = intent->acl;
    writer->level = level_of(codecs, intent);
    writer->rewrite = intent->rewrite;
    writer->etag = intent->etag;
    writer->is_cut_off = intent->is_cut_off;
    writer->gate = intent->gate;
    writer->stays_raw = stays_raw(store, intent, codecs->settings.codec);
    writer->may_be_gzip = may_be_gzip(store, intent, codecs->settings.codec);
    writer->may_be_block = object_codecs_write_blocks(codecs, store);
    buffer_init(&writer->frames, 0);
    begin_guide(writer, intent);
    if (intent->is_sealed || secret.seal.mode != SEAL_PLAIN)
        begin_seal(writer, intent, &secret);
    upload_secret_end(&secret);
    md5_begin(&writer->md5);
    enter_round(writer);
    writer->is_checksum_md5 = intent->checksum == CHECKSUM_MD5;
    checksum_begin(&writer->checksum, writer->is_checksum_md5 ? CHECKSUM_NONE : intent->checksum);
    *ret_writer = writer;
    return true;
}

/* ---- bytes arrive ---- */

static size_t frame_capacity(const struct object_writer *writer)
{
    if (!writer->is_size_known)
        return FRAME_ORIGINAL_BYTES;
    uint64_t left = writer->size_expected - writer->original_size + writer->filled;
    return left < FRAME_ORIGINAL_BYTES ? (size_t)left : FRAME_ORIGINAL_BYTES;
}

/* Of a compressor that is kept while the client is waited for. */
static size_t memory_beside(const struct object_writer *writer)
{
    bool may_be_long = !writer->is_size_known || writer->size_expected > FRAME_ORIGINAL_BYTES;
    return writer->may_be_gzip && may_be_long ? GZIP_SLOT_BYTES : 0;
}

SUSPENDS bool object_writer_space(struct object_writer *writer, uint8_t **ret_bytes, size_t *ret_capacity,
                                  struct error *error)
{
    ASSERT(!writer->is_finished);
    bool is_half_way = writer->original_size > 0;
    bool is_complete = writer->is_size_known && writer->original_size == writer->size_expected;
    if (writer->memory.bytes != NULL && writer->filled == writer->memory.size && !is_complete) {
        if (!object_writer_flush(writer, false, error))
            return false;
        if (memory_budget_has_waiters(&writer->codecs->memory) && writer->gzip.slot == NULL)
            body_memory_give(writer->codecs, &writer->memory); /* they have their turn between two frames */
    }
    size_t capacity = frame_capacity(writer);
    if (writer->memory.bytes == NULL &&
        !body_memory_take(writer->codecs, capacity, memory_beside(writer), is_half_way, &writer->memory, error))
        return false;
    size_t room = (capacity < writer->memory.size ? capacity : writer->memory.size) - writer->filled;
    *ret_bytes = writer->memory.bytes + writer->filled;
    *ret_capacity = room < SPACE_BYTES_MAX ? room : SPACE_BYTES_MAX;
    return true;
}

void object_writer_hash_beside(struct object_writer *writer, struct sha256_sum *sum)
{
    writer->beside = sum;
}

struct hashing {
    struct object_writer *writer;
    struct span arrived;
    bool has_digests; /* MD5, and SHA-256 where that is wanted: a round of those that arrive has taken them */
};

static void hash_slice(struct object_writer *writer, struct span slice, bool has_digests)
{
    if (writer->beside != NULL && !has_digests)
        md5_sha256_update(&writer->md5, writer->beside, slice);
    else if (!has_digests)
        md5_update(&writer->md5, slice);
    checksum_update(&writer->checksum, slice);
    writer->frame_crc32c = crc32c_update(writer->frame_crc32c, slice);
}

SUSPENDS static void hash(void *argument)
{
    const struct hashing *hashing = argument;
    struct span arrived = hashing->arrived;
    while (arrived.size > 0) {
        struct span slice = span_take(arrived, HASH_SLICE_BYTES);
        arrived = span_skip(arrived, slice.size);
        hash_slice(hashing->writer, slice, hashing->has_digests);
        fiber_yield_if_due();
    }
}

SUSPENDS bool object_writer_advance(struct object_writer *writer, size_t size, struct error *error)
{
    ASSERT(size <= writer->memory.size - writer->filled);
    struct span arrived = span_of(writer->memory.bytes + writer->filled, size);
    const struct md5_lane lane = {&writer->md5, arrived, writer->beside};
    struct hashing hashing = {
        .writer = writer,
        .arrived = arrived,
        .has_digests = writer->round != NULL && md5_round_update(writer->round, lane),
    };
    if (!codecs_compute(writer->codecs, hash, &hashing, error))
        return false;
    writer->filled += size;
    writer->original_size += size;
    metric_add(&writer->codecs->counters.original_bytes_in, size);
    return true;
}

SUSPENDS bool object_writer_put(struct object_writer *writer, struct span bytes, struct error *error)
{
    while (bytes.size > 0) {
        uint8_t *space;
        size_t capacity;
        if (!object_writer_space(writer, &space, &capacity, error))
            return false;
        ASSERT(capacity > 0); /* more than the announced size never comes */
        struct span taken = span_take(bytes, capacity);
        memcpy(space, taken.data, taken.size);
        if (!object_writer_advance(writer, taken.size, error))
            return false;
        bytes = span_skip(bytes, taken.size);
    }
    return true;
}

/* ---- the end ---- */

SUSPENDS bool object_writer_finish(struct object_writer *writer, struct object_digest *ret_digest, struct error *error)
{
    ASSERT(!writer->is_finished);
    if ((writer->filled > 0 || writer->gzip.slot != NULL) && !object_writer_flush(writer, true, error))
        return false;
    leave_round(writer);
    gzip_body_end(writer->codecs, &writer->gzip);
    body_memory_give(writer->codecs, &writer->memory);
    give_guide(writer);
    if (writer->shape == SHAPE_UNDECIDED) /* not a byte: no frames (spec 1.7) */
        writer->shape = writer->stays_raw || writer->may_be_gzip ? SHAPE_RAW : SHAPE_FRAMED;
    writer->is_finished = true;
    writer->digest.size = writer->original_size;
    writer->digest.crc32c = writer->crc32c;
    md5_end(&writer->md5, writer->digest.md5);
    checksum_end(&writer->checksum, &writer->digest.checksum);
    if (writer->is_checksum_md5) {
        writer->digest.checksum.algorithm = CHECKSUM_MD5;
        memcpy(writer->digest.checksum.bytes, writer->digest.md5, MD5_BYTES);
    }
    *ret_digest = writer->digest;
    return true;
}

static void describe(const struct object_writer *writer, struct object_attributes *ret_attributes)
{
    static const struct {
        enum object_layout layout;
        uint32_t codec;
    } forms[] = {
        [SHAPE_RAW] = {LAYOUT_RAW, CODEC_PASSTHROUGH},
        [SHAPE_FRAMED] = {LAYOUT_FRAMED, CODEC_ZSTD},
        [SHAPE_GZIP] = {LAYOUT_CODEC, CODEC_GZIP},
        [SHAPE_BLOCK] = {LAYOUT_CODEC, CODEC_DICTIONARY_BLOCK},
    };
    *ret_attributes = (struct object_attributes){
        .original_size = writer->original_size,
        .stored_size = writer->stored_size,
        .layout = forms[writer->shape].layout,
        .codec = forms[writer->shape].codec,
        .is_s4 = writer->codecs->settings.codec != OBJECT_CODEC_RAW,
        .is_size_known = true,
        .may_have_columns = writer->has_columns,
        .has_crc32c = true,
        .crc32c = writer->crc32c,
        .checksum = writer->digest.checksum,
    };
    memcpy(ret_attributes->dictionary, writer->dictionary, sizeof ret_attributes->dictionary);
    if (writer->dictionary[0] != '\0' && writer->shape == SHAPE_FRAMED)
        ret_attributes->codec = CODEC_ZSTD_DICTIONARY;
    hex_encode(span_of(writer->digest.md5, MD5_BYTES), ret_attributes->etag);
    if (writer->etag.size > 0)
        memcpy(ret_attributes->etag, writer->etag.data, writer->etag.size);
}

/* An ETag that is the MD5 would tell of the bytes whoever may list them. */
static void hide_md5(struct object_writer *writer)
{
    if (seal_mode_has_attribute_key(writer->mode))
        object_seal_hide_md5(writer->codecs->settings.keyring, writer->attribute_key, writer->digest.md5);
}

static struct span make_seal(const struct object_writer *writer, const struct object_attributes *attributes,
                             uint8_t ret_seal[SEAL_RECORD_BYTES_MAX])
{
    struct keyring *keyring = writer->codecs->settings.keyring;
    uint8_t wrap[CUSTOMER_WRAP_BYTES];
    struct object_sealing sealing = {.nonces = &writer->nonces, .mode = SEAL_KEYRING, .key = writer->data_key};
    if (writer->customer != NULL) {
        object_seal_wrap_for_customer(keyring, &writer->name, attributes->original_size, writer->customer,
                                      writer->data_key, wrap);
        sealing.mode = writer->mode;
        sealing.key = writer->attribute_key;
        sealing.customer = wrap;
        sealing.kms = writer->customer->kms;
    }
    return span_of(ret_seal, object_seal_make(keyring, &writer->name, attributes, &sealing, ret_seal));
}

static void dispose(struct object_writer *writer)
{
    leave_round(writer);
    gzip_body_end(writer->codecs, &writer->gzip);
    body_memory_give(writer->codecs, &writer->memory);
    buffer_free(&writer->frames);
    if (writer->is_sealed) {
        sealing_end(&writer->sealing);
        explicit_bzero(writer->data_key, sizeof writer->data_key);
        explicit_bzero(writer->attribute_key, sizeof writer->attribute_key);
    }
    free(writer);
}

void object_writer_set_owner(struct object_writer *writer, struct span owner, struct span acl)
{
    writer->owner = owner;
    writer->acl = acl;
}

SUSPENDS bool object_writer_commit(struct object_writer *writer, struct object_attributes *ret_attributes,
                                   struct error *error)
{
    ASSERT(writer->is_finished && !writer->is_part);
    struct object_attributes attributes;
    uint8_t seal[SEAL_RECORD_BYTES_MAX];
    if (writer->customer != NULL &&
        !kms_keyring_may_seal(writer->codecs->settings.keyring, writer->customer->kms, error)) {
        object_writer_abort(writer);
        return false;
    }
    hide_md5(writer);
    describe(writer, &attributes);
    if (writer->is_sealed)
        attributes.seal = make_seal(writer, &attributes, seal);
    attributes.metadata = writer->metadata;
    attributes.tags_count = writer->tags_count;
    attributes.lock = writer->lock;
    attributes.owner = writer->owner;
    attributes.acl = writer->acl;
    struct write_result result = {
        .attributes = &attributes,
        .frames = buffer_span(&writer->frames),
        .condition = writer->condition,
        .tags = writer->tags,
    };
    bool committed = bucket_commit(writer->stored, &result, ret_attributes, error);
    if (committed)
        object_codecs_count_sealed(writer->codecs, writer->mode);
    dispose(writer);
    return committed;
}

uint64_t object_writer_stored_size(const struct object_writer *writer)
{
    ASSERT(writer->is_finished);
    return writer->stored_size;
}

SUSPENDS bool object_writer_commit_rewrite(struct object_writer *writer, struct error *error)
{
    ASSERT(writer->is_finished && writer->rewrite != NULL);
    struct object_attributes attributes;
    uint8_t seal[SEAL_RECORD_BYTES_MAX];
    struct body_rewrite whole = *writer->rewrite;
    ASSERT(writer->customer == NULL);
    describe(writer, &attributes);
    attributes.checksum = whole.judged->checksum;
    if (writer->is_sealed)
        attributes.seal = make_seal(writer, &attributes, seal);
    whole.body = &attributes;
    whole.frames = buffer_span(&writer->frames);
    bool committed = bucket_commit_rewrite(writer->stored, &whole, error);
    if (committed && writer->is_sealed)
        object_codecs_count_sealed(writer->codecs, writer->mode);
    dispose(writer);
    return committed;
}

/* ---- the end of a part ---- */

SUSPENDS bool object_writer_commit_part(struct object_writer *writer, struct part_attributes *ret_part,
                                        struct error *error)
{
    ASSERT(writer->is_finished && writer->is_part);
    hide_md5(writer);
    *ret_part = (struct part_attributes){
        .number = writer->part_number,
        .original_size = writer->original_size,
        .stored_size = writer->stored_size,
        .crc32c = writer->crc32c,
        .checksum = writer->digest.checksum,
        .frames = buffer_span(&writer->frames),
    };
    memcpy(ret_part->md5, writer->digest.md5, MD5_BYTES);
    struct part_attributes kept = *ret_part;
    uint8_t seal[PART_SEAL_BYTES_MAX];
    if (writer->is_sealed)
        part_secret_hide(writer->codecs->settings.keyring,
                         seal_mode_has_attribute_key(writer->mode) ? writer->attribute_key : writer->data_key,
                         writer->sealing.salt, &kept, seal);
    bool committed = bucket_commit_part(writer->stored, &kept, error);
    ret_part->frames = SPAN_EMPTY;
    dispose(writer);
    return committed;
}

SUSPENDS void object_writer_abort(struct object_writer *writer)
{
    bucket_abort(writer->stored);
    dispose(writer);
}
