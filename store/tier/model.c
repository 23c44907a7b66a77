/* store/tier/model.c -- slabs as lists, filled in turn; the oldest goes as slab_writer.c has it. */
#include "store/tier/model.h"

#include "runtime/base/assert.h"
#include "runtime/base/buffer.h"
#include "runtime/base/sights.h"
#include "store/tier/index.h"
#include "store/tier/policy.h"
#include "store/tier/slabs.h"

#include <stdlib.h>

struct model_block {
    uint64_t hash;
    uint32_t unit;
    uint32_t units;
};

struct tier_model {
    struct tier_index *index;
    struct sights *sights;
    uint64_t slab_bytes;
    uint32_t slabs_max;
    uint32_t filling;  /* slabs are used in turn: the oldest is the next one, once all are there */
    uint32_t on_disk;  /* how many */
    uint64_t position; /* in the one that is filled */
    struct tier_model_figures figures;
    struct buffer slabs[]; /* struct model_block */
};

static struct tier_model *create(uint64_t slab_bytes, uint64_t slabs_max, uint64_t index_bytes, uint64_t sights_count,
                                 struct error *error)
{
    ASSERT(slabs_max >= 2 && slabs_max <= INDEX_SLABS_MAX);
    struct tier_model *model = calloc(1, sizeof *model + slabs_max * sizeof model->slabs[0]);
    if (model != NULL) {
        model->slab_bytes = slab_bytes;
        model->slabs_max = (uint32_t)slabs_max;
        model->on_disk = 1;
        model->index = index_create(index_bytes);
        model->sights = sights_create(sights_count);
        if (model->index != NULL && model->sights != NULL)
            return model;
        tier_model_destroy(model);
    }
    (void)error_set(error, ERROR_BUSY, NULL, "There is no memory for the index of a tier of this size.");
    return NULL;
}

struct tier_model *tier_model_create(uint64_t disk_bytes, struct error *error)
{
    uint64_t slab_bytes = slabs_choose_bytes(disk_bytes);
    return create(slab_bytes, disk_bytes / slab_bytes, policy_index_bytes(disk_bytes), policy_sights_count(disk_bytes),
                  error);
}

/* Slabs hold some blocks at least, and a table behind them: so there are fewer than a large tier has. The index has a
 * word for each unit, as nobody knows how large blocks will be. */
struct tier_model *tier_model_create_sample(uint64_t disk_bytes, unsigned halvings, struct error *error)
{
    enum { SAMPLE_SLABS_MAX = 128, SAMPLE_BYTES_LEAST = 2 << 20 };
    uint64_t bytes = disk_bytes >> halvings;
    ASSERT(bytes >= SAMPLE_BYTES_LEAST);
    uint64_t slabs_max = disk_bytes / slabs_choose_bytes(disk_bytes);
    slabs_max = slabs_max > SAMPLE_SLABS_MAX ? SAMPLE_SLABS_MAX : slabs_max;
    return create(bytes / slabs_max + BLOCK_UNIT_BYTES, slabs_max, bytes / BLOCK_UNIT_BYTES * sizeof(uint64_t) / 3 * 4,
                  policy_sights_count(disk_bytes) >> halvings, error);
}

void tier_model_destroy(struct tier_model *model)
{
    for (uint32_t i = 0; i < model->slabs_max; i++)
        buffer_free(&model->slabs[i]);
    if (model->index != NULL)
        index_destroy(model->index);
    if (model->sights != NULL)
        sights_destroy(model->sights);
    free(model);
}

const struct tier_model_figures *tier_model_figures(const struct tier_model *model)
{
    return &model->figures;
}

static uint64_t blocks_count(const struct buffer *slab)
{
    return slab->size / sizeof(struct model_block);
}

static struct block_place place_of(uint32_t slab, const struct model_block *block)
{
    return (struct block_place){.slab = slab, .unit = block->unit, .units = block->units};
}

static void append(struct tier_model *model, uint64_t hash, uint32_t units)
{
    const struct model_block block = {hash, (uint32_t)(model->position / BLOCK_UNIT_BYTES), units};
    const struct block_place place = place_of(model->filling, &block);
    uint64_t bytes = (uint64_t)units * BLOCK_UNIT_BYTES;
    buffer_append(&model->slabs[model->filling], span_of(&block, sizeof block));
    index_put(model->index, hash, &place);
    model->position += bytes;
    model->figures.blocks_written++;
    model->figures.bytes_written += bytes;
}

/* What is moved lies at the beginning of the slab that is filled next. */
static void make_oldest_go(struct tier_model *model)
{
    uint32_t oldest = (model->filling + 1) % model->slabs_max;
    struct buffer *slab = &model->slabs[oldest];
    const struct model_block *blocks = (const struct model_block *)(const void *)slab->data;
    uint64_t stays_max = policy_stays_max(model->slab_bytes);
    for (uint64_t i = 0; i < blocks_count(slab); i++) {
        const struct block_place place = place_of(oldest, &blocks[i]);
        uint64_t bytes = (uint64_t)blocks[i].units * BLOCK_UNIT_BYTES;
        unsigned uses;
        if (!index_drop(model->index, blocks[i].hash, &place, &uses) || !policy_stays(uses, bytes, stays_max))
            continue;
        append(model, blocks[i].hash, blocks[i].units);
        model->figures.blocks_moved++;
        stays_max -= bytes;
    }
    buffer_free(slab);
    model->on_disk--;
    model->figures.slabs_gone++;
}

static void begin_slab(struct tier_model *model)
{
    model->filling = (model->filling + 1) % model->slabs_max;
    model->on_disk++;
    model->position = 0;
    model->figures.was_full = model->figures.was_full || policy_is_full(model->on_disk, model->slabs_max);
    if (model->on_disk == model->slabs_max)
        make_oldest_go(model);
}

bool tier_model_read(struct tier_model *model, const struct block_name *name, bool may_be_kept)
{
    uint64_t hash = block_hash(name->revision.bytes, name->number);
    uint32_t units = block_units(block_payload_bytes(name));
    struct block_place place;
    model->figures.blocks_read++;
    if (index_find(model->index, hash, &place)) {
        index_count_use(model->index, hash, &place);
        model->figures.blocks_had++;
        return true;
    }
    bool is_worth_it = sights_note(model->sights, hash) || !model->figures.was_full;
    if (!is_worth_it || !may_be_kept)
        return false;
    if (!policy_fits(model->position, blocks_count(&model->slabs[model->filling]), (uint64_t)units * BLOCK_UNIT_BYTES,
                     model->slab_bytes))
        begin_slab(model);
    append(model, hash, units);
    model->figures.bytes_on_disk = model->on_disk * model->slab_bytes;
    return false;
}
