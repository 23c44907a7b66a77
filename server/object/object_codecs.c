/* server/object/object_codecs.c -- the pools of one shard: memory for bodies, contexts for coding. */
#include "codec/choice/packer.h"
#include "codec/columns/columns.h"
#include "codec/decompressor.h"
#include "codec/stock/gzip.h"
#include "runtime/base/assert.h"
#include "runtime/fiber/loop.h"
#include "s3client/wire/s3_error.h"
#include "server/object/codecs_private.h"
#include "server/object/forms/s4_source.h"

#include <stdlib.h>
#include <sys/mman.h>

enum {
    PACKERS_MAX = 4,      /* one computes, the others' payloads are on their way to the store */
    PACKERS_HIGH_MAX = 2, /* levels above 6: up to 20 MiB each at level 19 */
    GZIP_SLOTS_SHORT = 4, /* for bodies of one frame; those that keep theirs are fewer than frame buffers */
    DECODE_SLOTS_MAX = 4,
    STREAM_SLOTS_MAX = 8,
    LARGE_SLOTS_MAX = 1, /* 128 MiB */
    KEPT_MAX = sizeof((struct object_codecs *)NULL)->kept / sizeof(uint8_t *),
    PUMP_FRAME_BUFFERS = 4,   /* for so many there is one pump */
    HALF_WAY_WAIT_MS = 60000, /* a body that has begun is cut off only after this */
    IMPATIENT_MS = 10000,
};

/* ---- where is it computed? ---- */

SUSPENDS bool codecs_compute_aside(struct object_codecs *codecs, void (*work)(void *argument), void *argument,
                                   bool *ret_has_run, struct error *error)
{
    const struct object_settings *settings = &codecs->settings;
    *ret_has_run = false;
    if (settings->background == NULL || loop_now_ns() < codecs->impatient_ns)
        return true;
    deadline_t patience =
        settings->background_wait_ms > 0 ? deadline_after_ms(settings->background_wait_ms) : DEADLINE_NONE;
    *ret_has_run = offload_run_within(settings->background, work, argument, patience, error);
    if (*ret_has_run || error->kind != ERROR_TIMED_OUT)
        return *ret_has_run;
    codecs->impatient_ns = deadline_after_ms(IMPATIENT_MS);
    return true;
}

SUSPENDS bool codecs_compute(struct object_codecs *codecs, void (*work)(void *argument), void *argument,
                             struct error *error)
{
    bool has_run;
    if (!codecs_compute_aside(codecs, work, argument, &has_run, error))
        return false;
    if (!has_run)
        work(argument);
    return true;
}

/* ---- memory for bodies ---- */

static const size_t frame_buffer_bytes = HEADROOM_BYTES + FRAME_ORIGINAL_BYTES + TAILROOM_BYTES;

/* Frame buffers are mapped, not allocated: given back, they leave no holes in the heap. */
static uint8_t *map_frame_buffer(void)
{
    void *bytes = mmap(NULL, frame_buffer_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return bytes == MAP_FAILED ? NULL : bytes;
}

static uint8_t *allocate(struct object_codecs *codecs, size_t size)
{
    if (size != FRAME_ORIGINAL_BYTES)
        return malloc(HEADROOM_BYTES + size + TAILROOM_BYTES);
    return codecs->kept_count > 0 ? codecs->kept[--codecs->kept_count] : map_frame_buffer();
}

static void release(struct object_codecs *codecs, uint8_t *bytes, size_t size)
{
    if (size != FRAME_ORIGINAL_BYTES)
        free(bytes);
    else if (codecs->kept_count < KEPT_MAX)
        codecs->kept[codecs->kept_count++] = bytes;
    else
        munmap(bytes, frame_buffer_bytes);
}

/* What waiting ended with, as S3 says it. */
static bool refuse(struct object_codecs *codecs, struct error *error)
{
    if (error->kind == ERROR_CANCELLED)
        return false;
    metric_add(&codecs->counters.slow_downs, 1);
    return error_set(error, ERROR_BUSY, S3_SlowDown,
                     "As many bodies are in flight as there is memory for. Try again later.");
}

SUSPENDS bool body_memory_reserve(struct object_codecs *codecs, size_t size, size_t beside, bool is_half_way,
                                  struct body_memory *ret_memory, struct error *error)
{
    uint64_t wait_ms = is_half_way ? HALF_WAY_WAIT_MS : codecs->settings.wait_ms;
    size_t taken = HEADROOM_BYTES + size + TAILROOM_BYTES + beside;
    if (!memory_budget_take(&codecs->memory, taken, deadline_after_ms(wait_ms), error))
        return refuse(codecs, error);
    *ret_memory = (struct body_memory){.taken = taken};
    return true;
}

void body_memory_empty(struct object_codecs *codecs, struct body_memory *memory)
{
    if (memory->bytes != NULL)
        release(codecs, memory->bytes - HEADROOM_BYTES, memory->size);
    memory->bytes = NULL;
    memory->size = 0;
}

bool body_memory_fill(struct object_codecs *codecs, struct body_memory *memory, size_t size, struct error *error)
{
    ASSERT(HEADROOM_BYTES + size + TAILROOM_BYTES <= memory->taken);
    if (memory->bytes != NULL && memory->size == size)
        return true;
    body_memory_empty(codecs, memory);
    uint8_t *bytes = allocate(codecs, size);
    if (bytes == NULL) {
        error->kind = ERROR_BUSY;
        return refuse(codecs, error);
    }
    memory->bytes = bytes + HEADROOM_BYTES;
    memory->size = size;
    return true;
}

SUSPENDS bool body_memory_take(struct object_codecs *codecs, size_t size, size_t beside, bool is_half_way,
                               struct body_memory *ret_memory, struct error *error)
{
    if (!body_memory_reserve(codecs, size, beside, is_half_way, ret_memory, error))
        return false;
    if (body_memory_fill(codecs, ret_memory, size, error))
        return true;
    body_memory_give(codecs, ret_memory);
    return false;
}

void body_memory_give(struct object_codecs *codecs, struct body_memory *memory)
{
    if (memory->taken == 0)
        return;
    body_memory_empty(codecs, memory);
    memory_budget_give(&codecs->memory, memory->taken);
    *memory = (struct body_memory){0};
}

void body_memory_hand_over(struct object_codecs *codecs, struct body_memory *memory)
{
    memory_budget_give(&codecs->memory, memory->taken);
    *memory = (struct body_memory){0};
}

/* What was handed over to the cache of frames. */
static void release_frame(void *context, uint8_t *bytes, size_t size)
{
    release(context, bytes - HEADROOM_BYTES, size);
}

/* ---- slots ---- */

static void destroy_packer(void *element, void *context)
{
    (void)context;
    packer_destroy(element);
}

static void *create_packer(void *context)
{
    (void)context;
    return packer_create();
}

static void destroy_gzip_slot(void *element, void *context)
{
    (void)context;
    struct gzip_slot *slot = element;
    gzip_compressor_destroy(slot->compressor);
    free(slot->stored);
    free(slot);
}

static void *create_gzip_slot(void *context)
{
    const struct object_codecs *codecs = context;
    struct gzip_slot *slot = calloc(1, sizeof *slot);
    if (slot == NULL)
        return NULL;
    slot->compressor = gzip_compressor_create(codecs->settings.gzip_level);
    slot->stored = malloc(GZIP_STORED_BYTES);
    if (slot->compressor != NULL && slot->stored != NULL)
        return slot;
    destroy_gzip_slot(slot, context);
    return NULL;
}

static void destroy_decode_slot(void *element, void *context)
{
    (void)context;
    struct decode_slot *slot = element;
    decompressor_destroy(slot->decompressor);
    columns_decompressor_destroy(slot->columns);
    free(slot->scratch);
    free(slot->stored);
    free(slot);
}

static struct decode_slot *create_with(size_t stored_bytes)
{
    struct decode_slot *slot = calloc(1, sizeof *slot);
    if (slot == NULL)
        return NULL;
    slot->decompressor = decompressor_create();
    slot->stored = malloc(stored_bytes);
    if (slot->decompressor != NULL && slot->stored != NULL)
        return slot;
    destroy_decode_slot(slot, NULL);
    return NULL;
}

static void *create_decode_slot(void *context)
{
    (void)context;
    return create_with(STORED_BYTES_MAX);
}

static void *create_stream_slot(void *context)
{
    (void)context;
    return create_with(STREAM_STORED_BYTES);
}

SUSPENDS void *slot_take(struct object_codecs *codecs, struct pool *pool, struct error *error)
{
    void *slot = pool_acquire(pool, deadline_after_ms(codecs->settings.wait_ms), error);
    if (slot == NULL)
        (void)refuse(codecs, error);
    return slot;
}

static void drop_scratch(struct decode_slot *slot)
{
    free(slot->scratch);
    slot->scratch = NULL;
    slot->scratch_size = 0;
}

bool decode_slot_prepare_columns(struct decode_slot *slot, size_t scratch_size, struct error *error)
{
    if (slot->columns == NULL)
        slot->columns = columns_decompressor_create();
    if (scratch_size > slot->scratch_size) {
        drop_scratch(slot);
        slot->scratch_size = scratch_size > FRAME_ORIGINAL_BYTES ? scratch_size : FRAME_ORIGINAL_BYTES;
        slot->scratch = malloc(slot->scratch_size);
    }
    if (slot->columns != NULL && slot->scratch != NULL)
        return true;
    drop_scratch(slot);
    return error_set(error, ERROR_BUSY, S3_SlowDown, "There is no memory for a further download.");
}

/* What a foreign frame made it take beyond what ours need goes back at once. */
void decode_slot_give(struct pool *pool, struct decode_slot *slot)
{
    decompressor_shrink(slot->decompressor);
    if (slot->scratch_size > FRAME_ORIGINAL_BYTES)
        drop_scratch(slot);
    pool_release(pool, slot);
}

/* ---- pumps ---- */

SUSPENDS bool pump_take(struct object_codecs *codecs, struct error *error)
{
    return memory_budget_take(&codecs->pumps, 1, deadline_after_ms(codecs->settings.wait_ms), error) ||
           refuse(codecs, error);
}

void pump_give(struct object_codecs *codecs)
{
    memory_budget_give(&codecs->pumps, 1);
}

SUSPENDS bool s4_memory_take(struct object_codecs *codecs, size_t bytes, struct error *error)
{
    return memory_budget_take(&codecs->s4_memory, bytes, deadline_after_ms(codecs->settings.wait_ms), error) ||
           refuse(codecs, error);
}

void s4_memory_give(struct object_codecs *codecs, size_t bytes)
{
    memory_budget_give(&codecs->s4_memory, bytes);
}

/* ---- all of it ---- */

static struct pool *create_pool(const char *name, void *(*create)(void *), void (*destroy)(void *, void *), size_t max)
{
    return pool_create(&(struct pool_kind){.name = name, .create = create, .destroy = destroy, .elements_max = max});
}

struct object_codecs *object_codecs_create(const struct object_settings *settings)
{
    ASSERT(settings->level <= CODEC_LEVEL_INLINE_MAX || settings->offload != NULL || settings->background != NULL);
    ASSERT(settings->frame_buffers_max > 0);
    struct object_codecs *codecs = calloc(1, sizeof *codecs);
    ASSERT(codecs != NULL); /* at start, and small */
    codecs->settings = *settings;
    codecs->chooser = (struct dictionary_chooser){.board = settings->board, .shard = settings->shard};
    codecs->frames = frame_cache_create(&(struct frame_cache_settings){
        .bytes_max = settings->frame_cache_bytes,
        .release = release_frame,
        .context = codecs,
        .counters = &codecs->counters.frame_cache,
        .key = siphash_draw_key(random_system()),
    });
    ASSERT(codecs->frames != NULL);
    if (settings->columns) {
        codecs->guides = guide_cache_create();
        ASSERT(codecs->guides != NULL);
    }
    memory_budget_init(&codecs->memory, settings->frame_buffers_max * frame_buffer_bytes);
    unsigned pumps = settings->frame_buffers_max / PUMP_FRAME_BUFFERS;
    memory_budget_init(&codecs->pumps, pumps > 0 ? pumps : 1);
    memory_budget_init(&codecs->s4_memory, S4_MEMORY_BYTES);
    s4_proofs_init(&codecs->s4_proofs);
    size_t packers_max = settings->level > CODEC_LEVEL_INLINE_MAX ? PACKERS_HIGH_MAX : PACKERS_MAX;
    codecs->packers = create_pool("packers", create_packer, destroy_packer, packers_max);
    codecs->gzip_slots = pool_create(&(struct pool_kind){
        .name = "gzip_slots",
        .create = create_gzip_slot,
        .destroy = destroy_gzip_slot,
        .context = codecs,
        .elements_max = settings->frame_buffers_max + GZIP_SLOTS_SHORT,
    });
    codecs->decode_slots = create_pool("decode_slots", create_decode_slot, destroy_decode_slot, DECODE_SLOTS_MAX);
    codecs->stream_slots = create_pool("stream_slots", create_stream_slot, destroy_decode_slot, STREAM_SLOTS_MAX);
    codecs->large_slots = create_pool("large_slots", create_stream_slot, destroy_decode_slot, LARGE_SLOTS_MAX);
    return codecs;
}

void object_codecs_destroy(struct object_codecs *codecs)
{
    if (codecs == NULL)
        return;
    ASSERT(codecs->memory.used == 0);
    s4_proofs_free(&codecs->s4_proofs);
    frame_cache_destroy(codecs->frames);
    dictionary_chooser_free(&codecs->chooser);
    guide_cache_destroy(codecs->guides);
    pool_destroy(codecs->packers);
    pool_destroy(codecs->gzip_slots);
    pool_destroy(codecs->decode_slots);
    pool_destroy(codecs->stream_slots);
    pool_destroy(codecs->large_slots);
    while (codecs->kept_count > 0)
        munmap(codecs->kept[--codecs->kept_count], frame_buffer_bytes);
    free(codecs);
}

const struct object_counters *object_codecs_counters(const struct object_codecs *codecs)
{
    return &codecs->counters;
}

void object_codecs_count_sealed(struct object_codecs *codecs, enum seal_mode mode)
{
    if (mode != SEAL_PLAIN)
        metric_add(&codecs->counters.objects_sealed, 1);
    if (mode == SEAL_CUSTOMER)
        metric_add(&codecs->counters.objects_customers, 1);
    if (mode == SEAL_KMS)
        metric_add(&codecs->counters.objects_kms, 1);
}

bool object_codecs_write_blocks(const struct object_codecs *codecs, const struct bucket_store *store)
{
    return codecs->settings.columns && store->capabilities.keeps_attributes;
}
