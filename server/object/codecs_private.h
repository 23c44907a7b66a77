/* server/object/codecs_private.h -- the pools of one shard, as writer and reader use them.
 *
 * Who waits for what: a body's memory (under the budget) is held for as long as its client takes. A slot (a context
 * with a buffer of stored bytes) is held for one frame, while it is coded and goes to or comes from the store, never
 * while a client is waited for. A stream slot is held for a whole foreign frame that is too large to be verified
 * beforehand. The order is always memory first, then a slot; so no circle can close. A pump holds memory twice, for its
 * reader and its writer: so few of them run at a time that their writers leave most of the budget to others. */
#pragma once

#include "codec/codec.h"
#include "codec/format/frame.h"
#include "codec/seal/seal_record.h"
#include "codec/seal/sealed_frame.h"
#include "runtime/fiber/memory_budget.h"
#include "server/dictionaries/reservoir.h"
#include "server/dictionaries/rules.h"
#include "server/object/forms/s4_proof.h"
#include "server/object/frame_cache.h"
#include "server/object/guide_cache.h"
#include "server/object/md5_round.h"
#include "server/object/object.h"

enum {
    HEADROOM_BYTES = 64, /* before a body's or payload's bytes: a frame header is put right before them */
    TAILROOM_BYTES = 32, /* behind a body's: the tag of a sealed frame, or the header of the next one */
    /* A frame of ours, sealed perhaps, and the next one's header. */
    STORED_BYTES_MAX = FRAME_ORIGINAL_BYTES + SEALED_PAYLOAD_BYTES + 2 * FRAME_HEADER_BYTES,
    STREAM_STORED_BYTES = 256 << 10,
    GZIP_STORED_BYTES = 256 << 10, /* written at once */
    STREAM_WINDOW_BYTES = 1 << CODEC_WINDOW_LOG_SMALL,
};

struct decode_slot {
    struct decompressor *decompressor;
    uint8_t *stored;                      /* STORED_BYTES_MAX, or STREAM_STORED_BYTES in a stream slot */
    struct columns_decompressor *columns; /* NULL until a frame in columns needs it; so is the next */
    uint8_t *scratch;
    size_t scratch_size;
};

struct gzip_slot {
    struct gzip_compressor *compressor;
    uint8_t *stored; /* GZIP_STORED_BYTES */
};

struct object_codecs {
    struct object_settings settings;
    struct object_counters counters;
    struct memory_budget memory;
    struct memory_budget pumps; /* counts those that run, not bytes */
    struct memory_budget s4_memory;
    struct s4_proofs s4_proofs;
    struct pool *packers;       /* struct packer */
    struct pool *gzip_slots;    /* counted in the budget by bodies that hold one for long */
    struct guide_cache *guides; /* NULL: nothing is packed in columns */
    struct pool *decode_slots;
    struct pool *stream_slots; /* windows up to 8 MiB, counted in the budget */
    struct pool *large_slots;  /* larger windows, beside the budget */
    struct frame_cache *frames;
    struct md5_round md5_round;       /* of bodies that arrive; not of an idle thread's */
    struct md5_round short_md5_round; /* of short ones: they do not wait for long ones' pieces */
    deadline_t impatient_ns;          /* until then the idle thread is not asked: it was waited for in vain */
    struct dictionary_chooser chooser;
    uint8_t *kept[8]; /* frame buffers for the next one */
    unsigned kept_count;
};

/* An object was committed, encrypted so, or not at all. */
void object_codecs_count_sealed(struct object_codecs *codecs, enum seal_mode mode);

/* work(argument), which touches nothing but what it is given: on the idle thread, if there is one and it gets a
 * processor, else here, where other fibers have turns between. False: it did not run. */
SUSPENDS bool codecs_compute(struct object_codecs *codecs, void (*work)(void *argument), void *argument,
                             struct error *error);
/* The same, but for the second: *ret_has_run. */
SUSPENDS bool codecs_compute_aside(struct object_codecs *codecs, void (*work)(void *argument), void *argument,
                                   bool *ret_has_run, struct error *error);

/* Memory for `size` bytes of a body, HEADROOM_BYTES free before them and TAILROOM_BYTES behind, and `beside` more bytes
 * that are taken from the budget only. The deadline is that of the settings, or a patient one for a body that is half
 * way through. */
struct body_memory {
    uint8_t *bytes; /* NULL: none */
    size_t size;
    size_t taken; /* from the budget; 0: nothing is */
};
SUSPENDS bool body_memory_take(struct object_codecs *codecs, size_t size, size_t beside, bool is_half_way,
                               struct body_memory *ret_memory, struct error *error);
void body_memory_give(struct object_codecs *codecs, struct body_memory *memory);
/* The same in two steps: first what is counted, for up to `size` bytes, then the bytes themselves if they are needed,
 * as often as one likes. Only the first waits. */
SUSPENDS bool body_memory_reserve(struct object_codecs *codecs, size_t size, size_t beside, bool is_half_way,
                                  struct body_memory *ret_memory, struct error *error);
bool body_memory_fill(struct object_codecs *codecs, struct body_memory *memory, size_t size, struct error *error);
void body_memory_empty(struct object_codecs *codecs, struct body_memory *memory); /* it stays reserved */
/* Its bytes are somebody else's from now on, and count in the budget no more. */
void body_memory_hand_over(struct object_codecs *codecs, struct body_memory *memory);

/* One more pump; failure is SlowDown (or cancelled). */
SUSPENDS bool pump_take(struct object_codecs *codecs, struct error *error);
void pump_give(struct object_codecs *codecs);

/* Memory for what S4 encrypted (s4_source.h), beside the budget for bodies; likewise. */
SUSPENDS bool s4_memory_take(struct object_codecs *codecs, size_t bytes, struct error *error);
void s4_memory_give(struct object_codecs *codecs, size_t bytes);

/* One of the pools; failure is SlowDown (or cancelled). */
SUSPENDS void *slot_take(struct object_codecs *codecs, struct pool *pool, struct error *error);
void decode_slot_give(struct pool *pool, struct decode_slot *slot);
/* What a frame in columns takes: slot->columns, and `scratch_size` bytes or more at slot->scratch. */
bool decode_slot_prepare_columns(struct decode_slot *slot, size_t scratch_size, struct error *error);
