/* server/object/object_writer_frame.c -- a full frame of a body: compressed or not, sealed or not, stored.
 *
 * Of several frames, those that do not shrink are stored as they are, each behind its header: 28 bytes for being
 * verified before they leave. */
#include "codec/choice/packer.h"
#include "codec/format/frame.h"
#include "runtime/base/assert.h"
#include "server/object/forms/check_packed.h"
#include "server/object/forms/pack_frame.h"
#include "server/object/object_writer_private.h"

#include <assert.h>

enum { SHRINKABLE_BYTES_LEAST = FRAME_HEADER_BYTES + 16 }; /* below, no frame is smaller than its original */

/* ---- is it worth it, compress, store ---- */

static struct columns_guide *take_guide(struct object_writer *writer)
{
    if (writer->codecs->guides == NULL)
        return NULL;
    if (writer->shares_guide && !writer->has_guide)
        guide_cache_take(writer->codecs->guides, &writer->guide_share, &writer->guide);
    writer->has_guide = true;
    return &writer->guide;
}

static void look(void *argument)
{
    struct packer_job *job = argument;
    job->frame.look = noise_look(job->frame.original);
    if (job->guide != NULL)
        job->advice = columns_guide_ask(job->guide, job->frame.original);
}

static bool may_shrink(const struct object_writer *writer)
{
    return writer->codecs->settings.codec < OBJECT_CODEC_NONE && writer->filled >= SHRINKABLE_BYTES_LEAST;
}

/* Asked before there is a packer: noise needs none. Fills in all of the job but the capacity. */
SUSPENDS static bool look_at_frame(struct object_writer *writer, struct span frame, struct packer_job *ret_job,
                                   bool *ret_is_worth_it, struct error *error)
{
    *ret_is_worth_it = false;
    if (!may_shrink(writer))
        return true;
    *ret_job = (struct packer_job){
        .frame = {.original = frame, .level = writer->level},
        .guide = take_guide(writer),
    };
    if (!codecs_compute(writer->codecs, look, ret_job, error))
        return false;
    if (writer->codecs->settings.codec == OBJECT_CODEC_ZSTD) /* whatever it looks like */
        ret_job->frame.look = NOISE_NONE;
    *ret_is_worth_it = packer_is_worth_it(ret_job->frame.look, &ret_job->advice);
    return true;
}

SUSPENDS static bool store(struct object_writer *writer, struct span bytes, struct error *error)
{
    if (!writer->sink->write(writer->sink, bytes, error))
        return false;
    writer->stored_size += bytes.size;
    metric_add(&writer->codecs->counters.stored_bytes_in, bytes.size);
    return true;
}

static void count(const struct object_writer *writer, uint32_t codec, uint64_t original_size, uint64_t stored_size)
{
    struct codec_counters *counters = &writer->codecs->counters.codecs[codec_place(codec)];
    metric_add(&counters->original_bytes, original_size);
    metric_add(&counters->stored_bytes, stored_size);
}

SUSPENDS static bool store_raw(struct object_writer *writer, struct span frame, struct error *error)
{
    ASSERT(!writer->is_sealed); /* nothing leaves in clear, whatever went wrong before */
    writer->shape = SHAPE_RAW;
    count(writer, CODEC_PASSTHROUGH, frame.size, frame.size);
    return store(writer, frame, error);
}

/* The header goes right before the payload, where HEADROOM_BYTES are free: one write. */
static struct span finish_frame(struct object_writer *writer, const struct frame_header *header, uint8_t *payload)
{
    static_assert((int)HEADROOM_BYTES >= (int)SEALED_HEAD_BYTES && (int)TAILROOM_BYTES >= (int)SEALED_TAIL_BYTES &&
                      (int)ENCODER_HEADROOM_BYTES >= (int)SEALED_HEAD_BYTES &&
                      (int)ENCODER_TAILROOM_BYTES >= (int)SEALED_TAIL_BYTES,
                  "a frame is sealed where it lies");
    if (writer->is_sealed) {
        struct keyring *keyring = writer->codecs->settings.keyring;
        struct aes *aes = keyring_take_aes(keyring);
        struct span sealed = sealing_next(&writer->sealing, aes, header, writer->is_last_frame, payload);
        if (seal_mode_has_attribute_key(writer->mode))
            aes_forget(aes); /* the keyring alone does not open it */
        keyring_give_aes(keyring, aes);
        return sealed;
    }
    frame_header_encode(header, payload - FRAME_HEADER_BYTES);
    return span_of(payload - FRAME_HEADER_BYTES, FRAME_HEADER_BYTES + (size_t)header->payload_size);
}

SUSPENDS static bool store_frame(struct object_writer *writer, uint32_t codec, uint8_t *payload, size_t payload_size,
                                 struct error *error)
{
    writer->shape = SHAPE_FRAMED;
    struct frame_header header = {
        .kind = FRAME_DATA,
        .codec = codec,
        .original_size = writer->filled,
        .payload_size = payload_size,
        .crc32c = writer->frame_crc32c,
    };
    if (writer->rewrite != NULL && codec != CODEC_PASSTHROUGH &&
        !check_packed(writer->codecs, &header, span_of(payload, payload_size), error))
        return false;
    struct span frame = finish_frame(writer, &header, payload);
    count(writer, codec, writer->filled, frame.size);
    frames_append(&writer->frames, (struct frame_sizes){(uint32_t)writer->filled, (uint32_t)frame.size});
    return store(writer, frame, error);
}

/* Alone without a frame, which is verified by the CRC-32C of its attributes. */
SUSPENDS static bool store_block(struct object_writer *writer, struct span block, struct error *error)
{
    ASSERT(!writer->is_sealed);
    writer->shape = SHAPE_BLOCK;
    count(writer, CODEC_DICTIONARY_BLOCK, writer->filled, block.size);
    return store(writer, block, error);
}

/* As it is: alone without a frame, which is verified by the CRC-32C of its attributes. */
SUSPENDS static bool store_as_it_is(struct object_writer *writer, struct span frame, bool is_only, struct error *error)
{
    return is_only || writer->stays_raw
               ? store_raw(writer, frame, error)
               : store_frame(writer, CODEC_PASSTHROUGH, writer->memory.bytes, frame.size, error);
}

/* Held; NULL: none is meant for it. */
static struct dictionary_rule *choose_dictionary(struct object_writer *writer, struct span frame, bool is_only)
{
    struct object_codecs *codecs = writer->codecs;
    if (!is_only || frame.size > DICTIONARY_OBJECT_BYTES_MAX || writer->creation_id == 0)
        return NULL;
    if (codecs->settings.reservoirs != NULL)
        reservoirs_offer(codecs->settings.reservoirs, &writer->name, writer->creation_id, frame);
    return dictionary_choose(&codecs->chooser, writer->creation_id, writer->name.key);
}

/* Where there is one, nothing is packed in columns. */
static void ask_for_dictionary(const struct object_writer *writer, struct dictionary_rule *rule, struct packer_job *job)
{
    static_assert((int)DICTIONARY_OBJECT_BYTES_MAX <= (int)ENCODER_DICTIONARY_BYTES_MAX, "an encoder takes them");
    if (rule == NULL)
        return;
    job->guide = NULL;
    job->frame.dictionary = dictionary_for_coding(rule->dictionary);
    job->frame.may_be_block = writer->may_be_block;
    job->frame.is_both_ways = dictionary_use_tries_both(&rule->uses[writer->codecs->chooser.shard]);
}

static void note_dictionary(struct object_writer *writer, struct dictionary_rule *rule, struct span frame,
                            const struct encoded *encoded)
{
    if (rule == NULL)
        return;
    const struct dictionary_outcome outcome = {
        .original_size = frame.size,
        .dictionary_size = encoded->dictionary_size,
        .plain_size = encoded->plain_size,
        .has_won = encoded->codec == CODEC_ZSTD_DICTIONARY || encoded->codec == CODEC_DICTIONARY_BLOCK,
    };
    dictionary_use_count(&rule->uses[writer->codecs->chooser.shard], &outcome);
    if (outcome.has_won)
        memcpy(writer->dictionary, rule->id, sizeof writer->dictionary);
}

SUSPENDS static bool store_packed(struct object_writer *writer, struct packer_job *job, bool is_only,
                                  struct error *error)
{
    struct packer *packer = slot_take(writer->codecs, writer->codecs->packers, error);
    if (packer == NULL)
        return false;
    struct dictionary_rule *rule = choose_dictionary(writer, job->frame.original, is_only);
    struct encoded packed = {.codec = CODEC_PASSTHROUGH};
    ask_for_dictionary(writer, rule, job);
    bool done = pack_frame(writer->codecs, packer, job, &packed, error);
    if (done)
        note_dictionary(writer, rule, job->frame.original, &packed);
    dictionary_rule_drop(rule);
    bool is_packed = packed.codec != CODEC_PASSTHROUGH;
    if (packed.codec == CODEC_DICTIONARY_BLOCK)
        done = store_block(writer, span_of(packed.payload, packed.size), error);
    else if (is_packed)
        done = store_frame(writer, packed.codec, packed.payload, packed.size, error);
    pool_release(writer->codecs->packers, packer);
    writer->has_columns = writer->has_columns || packed.codec == CODEC_COLUMNS;
    return is_packed || !done ? done : store_as_it_is(writer, job->frame.original, is_only, error);
}

/* ---- one gzip member ---- */

/* The first bytes, which are all there are or a whole frame, stand for the rest. */
SUSPENDS static bool begin_gzip(struct object_writer *writer, struct span frame, struct error *error)
{
    ASSERT(!writer->is_sealed);
    if (noise_look(frame) == NOISE_NONE)
        return gzip_body_begin(writer->codecs, &writer->gzip, error);
    writer->shape = SHAPE_RAW;
    return true;
}

/* Nothing is stored before the buffer is full: what ends before that and has not shrunk stays as it is. */
SUSPENDS static bool store_gzip(struct object_writer *writer, struct span frame, bool is_last, struct error *error)
{
    struct span left = frame;
    bool is_all_in;
    do {
        is_all_in = gzip_body_take_in(&writer->gzip, &left, is_last);
        if (is_all_in && !is_last)
            return true;
        if (is_all_in && writer->shape == SHAPE_UNDECIDED && writer->gzip.filled >= writer->original_size) {
            ASSERT(frame.size == writer->original_size); /* more than one frame would have filled it, or shrunk */
            return store_raw(writer, frame, error);
        }
        writer->shape = SHAPE_GZIP;
        if (!store(writer, gzip_body_take_out(&writer->gzip), error))
            return false;
    } while (!is_all_in);
    count(writer, CODEC_GZIP, writer->original_size, writer->stored_size);
    return true;
}

SUSPENDS static bool flush_gzip(struct object_writer *writer, struct span frame, bool is_last, struct error *error)
{
    if (writer->frames_count == 0 && !begin_gzip(writer, frame, error))
        return false;
    return writer->shape == SHAPE_RAW ? store_raw(writer, frame, error) : store_gzip(writer, frame, is_last, error);
}

/* ---- whichever it is ---- */

SUSPENDS bool object_writer_flush(struct object_writer *writer, bool is_last, struct error *error)
{
    struct span frame = span_of(writer->memory.bytes, writer->filled);
    bool is_only = is_last && writer->frames_count == 0 && !writer->is_part && !writer->is_sealed;
    struct packer_job job;
    bool is_worth_it;
    bool stored;
    if (writer->is_cut_off != NULL && *writer->is_cut_off)
        return error_set(error, ERROR_CANCELLED, NULL, "Nobody waits for the end of this any more.");
    if (writer->gate != NULL &&
        !writer->gate->pass(writer->gate->context, writer->original_size - writer->filled, writer->stored_size, error))
        return false;
    writer->is_last_frame = is_last;
    if (writer->may_be_gzip) {
        stored = flush_gzip(writer, frame, is_last, error);
    } else if (!look_at_frame(writer, frame, &job, &is_worth_it, error)) {
        return false;
    } else if (is_worth_it) {
        size_t overhead = is_only ? FRAME_HEADER_BYTES : 0; /* beside other frames, the header is there in any case */
        job.frame.capacity = frame.size - overhead - 1;
        stored = store_packed(writer, &job, is_only, error);
    } else {
        columns_guide_end_frame(&writer->guide, frame.size, frame.size, false, false);
        stored = store_as_it_is(writer, frame, is_only, error);
    }
    writer->crc32c = writer->frames_count == 0 ? writer->frame_crc32c
                                               : crc32c_combine(writer->crc32c, writer->frame_crc32c, writer->filled);
    writer->frames_count++;
    writer->filled = 0;
    writer->frame_crc32c = 0;
    return stored;
}
