/* store/tier/blocks.c -- memory, index, disk and sights as one: found, read, taken in. */
#include "store/tier/blocks.h"

#include "runtime/base/assert.h"
#include "runtime/fiber/loop.h"
#include "runtime/fiber/wait.h"
#include "store/tier/sights.h"

#include <stdlib.h>

enum {
    LOADERS = 16,
    BYTES_FOR_AN_INDEX_BYTE = BLOCK_BYTES / 11, /* words of eight, three quarters of them set when it is full */
    INDEX_BYTES_LEAST = 12 << 20,
    BLOCKS_FOR_A_SIGHT = 2,
    SIGHTS_LEAST = 1 << 20,
};

struct blocks_shard {
    struct blocks *blocks;
    struct slab_writer *writer; /* NULL: there is no disk */
    struct tier_disk *disk;
    unsigned loaders; /* fibers */
    struct wait_queue loaded;
    struct blocks_counters counters;
};

struct blocks {
    struct blocks_options options;
    struct tier_folder folder;
    struct hmac_sha256_key key;
    struct slabs *slabs; /* NULL: there is no disk, and no index */
    struct tier_index *index;
    struct sights *sights;
    struct tier_memory *memory;
    struct blocks_shard *_Atomic shards[TIER_SHARDS_MAX];
};

static _Thread_local struct blocks_shard *thread_shard;

static struct blocks_shard *shard_here(const struct blocks *blocks)
{
    ASSERT(thread_shard != NULL && thread_shard->blocks == blocks);
    return thread_shard;
}

static uint64_t hash_of(const struct block_name *name)
{
    return block_hash(name->revision.bytes, name->number);
}

/* ---- opening ---- */

uint64_t blocks_disk_bytes_least(unsigned shards)
{
    uint64_t bytes = (2 * (uint64_t)shards + 2) * SLAB_BYTES_LEAST;
    return bytes < TIER_DISK_BYTES_LEAST ? TIER_DISK_BYTES_LEAST : bytes;
}

static uint64_t larger(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

static struct slabs_options slabs_options_of(const struct blocks *blocks)
{
    return (struct slabs_options){
        .folder = &blocks->folder,
        .bytes_max = blocks->options.disk_bytes,
        .slab_bytes = slabs_choose_bytes(blocks->options.disk_bytes),
        .writers = blocks->options.shards,
        .keep_free = blocks->options.keep_free,
        .offload = blocks->options.offload,
    };
}

static bool open_disk(struct blocks *blocks, struct error *error)
{
    const struct blocks_options *options = &blocks->options;
    if (!tier_folder_open(options->folder, options->backend, options->random, &blocks->folder, error))
        return false;
    const struct slabs_options slabs_options = slabs_options_of(blocks);
    blocks->index = index_create(larger(options->disk_bytes / BYTES_FOR_AN_INDEX_BYTE, INDEX_BYTES_LEAST));
    if (blocks->index == NULL)
        return error_set(error, ERROR_BUSY, NULL, "there is no memory for the index of the tier");
    blocks->slabs = slabs_open(&slabs_options, error);
    return blocks->slabs != NULL;
}

static bool open_parts(struct blocks *blocks, struct error *error)
{
    const struct blocks_options *options = &blocks->options;
    uint64_t blocks_count = larger(options->disk_bytes, options->memory_bytes) / BLOCK_BYTES;
    if (options->folder != NULL && !open_disk(blocks, error))
        return false;
    if (options->folder == NULL)
        random_fill(options->random, blocks->folder.key, sizeof blocks->folder.key);
    hmac_sha256_prepare(&blocks->key, span_of(blocks->folder.key, sizeof blocks->folder.key));
    blocks->memory = memory_create(options->memory_bytes);
    blocks->sights = sights_create(larger(blocks_count / BLOCKS_FOR_A_SIGHT, SIGHTS_LEAST));
    return blocks->sights != NULL || error_set(error, ERROR_BUSY, NULL, "there is no memory for the tier");
}

struct blocks *blocks_open(const struct blocks_options *options, struct error *error)
{
    ASSERT(options->shards >= 1 && options->shards <= TIER_SHARDS_MAX);
    ASSERT(options->folder == NULL || options->disk_bytes >= blocks_disk_bytes_least(options->shards));
    struct blocks *blocks = calloc(1, sizeof *blocks);
    ASSERT(blocks != NULL);
    blocks->options = *options;
    blocks->folder = (struct tier_folder){.fd = -1, .lock_fd = -1};
    if (blocks->options.bytes_a_day == 0)
        blocks->options.bytes_a_day = options->disk_bytes;
    if (open_parts(blocks, error))
        return blocks;
    blocks_close(blocks);
    return NULL;
}

void blocks_close(struct blocks *blocks)
{
    for (unsigned i = 0; i < TIER_SHARDS_MAX; i++)
        free(blocks->shards[i]);
    if (blocks->slabs != NULL)
        slabs_close(blocks->slabs);
    if (blocks->index != NULL)
        index_destroy(blocks->index);
    if (blocks->sights != NULL)
        sights_destroy(blocks->sights);
    if (blocks->memory != NULL)
        memory_destroy(blocks->memory);
    tier_folder_close(&blocks->folder);
    explicit_bzero(blocks->folder.key, sizeof blocks->folder.key);
    free(blocks);
}

uint64_t blocks_files(const struct blocks *blocks)
{
    const struct slabs_options options = slabs_options_of(blocks);
    return blocks->slabs == NULL ? 0 : slabs_files(&options);
}

/* ---- shards ---- */

static void run_loader(void *argument)
{
    struct blocks_shard *shard = argument;
    while (!fiber_is_cancelled() && slabs_load_next(shard->blocks->slabs, shard->blocks->index))
        continue;
    shard->loaders--;
    wait_wake_all(&shard->loaded);
}

static bool attach_disk(struct blocks_shard *shard, bool is_first, struct error *error)
{
    struct blocks *blocks = shard->blocks;
    const struct slab_writer_options options = {
        .slabs = blocks->slabs,
        .index = blocks->index,
        .counters = &shard->counters.writer,
        .bytes_a_day = blocks->options.bytes_a_day / blocks->options.shards,
        .age_max_s = is_first ? blocks->options.age_max_s : 0,
    };
    shard->disk = tier_disk_create(blocks->slabs, blocks->options.patience_ms, &shard->counters.disk);
    shard->writer = slab_writer_start(&options, error);
    for (unsigned i = 0; shard->writer != NULL && is_first && i < LOADERS; i++) {
        if (!fiber_spawn("tier loader", run_loader, shard, error))
            return false;
        shard->loaders++;
    }
    return shard->writer != NULL;
}

bool blocks_attach(struct blocks *blocks, unsigned index, struct error *error)
{
    ASSERT(index < blocks->options.shards && thread_shard == NULL && blocks->shards[index] == NULL);
    struct blocks_shard *shard = calloc(1, sizeof *shard);
    ASSERT(shard != NULL);
    shard->blocks = blocks;
    wait_queue_init(&shard->loaded);
    blocks->shards[index] = shard; /* stays, for whoever reads its counters */
    thread_shard = shard;
    return blocks->slabs == NULL || attach_disk(shard, index == 0, error);
}

SUSPENDS void blocks_detach(struct blocks *blocks)
{
    struct blocks_shard *shard = shard_here(blocks);
    struct error ignored;
    while (shard->loaders > 0)
        if (!wait_for(&shard->loaded, DEADLINE_NONE, &ignored) && shard->loaders > 0)
            fiber_yield();
    if (shard->disk != NULL)
        tier_disk_destroy(shard->disk);
    if (shard->writer != NULL)
        slab_writer_stop(shard->writer);
    shard->disk = NULL;
    shard->writer = NULL;
    thread_shard = NULL;
}

struct block_revision blocks_revision(const struct blocks *blocks, const struct object_name *name,
                                      const struct object_attributes *attributes)
{
    return block_revision_of(&blocks->key, name, attributes);
}

/* ---- what is there ---- */

bool blocks_have(const struct blocks *blocks, const struct block_name *name)
{
    struct block_place ignored;
    return memory_has(blocks->memory, name) ||
           (blocks->index != NULL && index_find(blocks->index, hash_of(name), &ignored));
}

/* What memory gives counts as a use of what lies on the disk: else what is hot would go there first. */
static void count_use(const struct blocks *blocks, uint64_t hash)
{
    struct block_place place;
    if (blocks->index != NULL && index_find(blocks->index, hash, &place))
        index_count_use(blocks->index, hash, &place);
}

struct memory_block *blocks_borrow(struct blocks *blocks, const struct block_name *name)
{
    struct memory_block *block = memory_find(blocks->memory, name);
    if (block == NULL)
        return NULL;
    count_use(blocks, hash_of(name));
    metric_add(&shard_here(blocks)->counters.from_memory, memory_block_payload(block).size);
    return block;
}

static size_t smaller(uint64_t a, uint64_t b)
{
    return (size_t)(a < b ? a : b);
}

static size_t copy_payload(const struct block_name *name, struct span payload, uint64_t offset, uint8_t *ret_bytes,
                           size_t size)
{
    size_t skipped = (size_t)(offset - block_offset(name->number));
    size_t copied = smaller(payload.size - skipped, size);
    memcpy(ret_bytes, payload.data + skipped, copied);
    return copied;
}

static size_t read_memory(struct blocks *blocks, const struct block_name *name, uint64_t offset, uint8_t *ret_bytes,
                          size_t size)
{
    struct memory_block *block = memory_find(blocks->memory, name);
    if (block == NULL)
        return 0;
    size_t copied = copy_payload(name, memory_block_payload(block), offset, ret_bytes, size);
    memory_give(block);
    count_use(blocks, hash_of(name));
    metric_add(&shard_here(blocks)->counters.from_memory, copied);
    return copied;
}

/* Blocks that lie one behind the other on the disk, and are wanted one behind the other. */
struct run {
    struct block_place place; /* of the first; `units` of all */
    unsigned count;
    struct block_place places[DISK_READ_BYTES_MAX / BLOCK_BYTES];
};

/* False: the index does not know the first one. */
static bool find_run(const struct blocks *blocks, const struct block_name *first, uint64_t end, struct run *ret_run)
{
    enum { BLOCKS_MAX = DISK_READ_BYTES_MAX / BLOCK_BYTES };
    struct block_name name = *first;
    ret_run->count = 0;
    while (ret_run->count < BLOCKS_MAX && block_offset(name.number) < end) {
        struct block_place *place = &ret_run->places[ret_run->count];
        if (!index_find(blocks->index, hash_of(&name), place))
            break;
        if (ret_run->count == 0) {
            ret_run->place = *place;
        } else if (place->slab == ret_run->place.slab && place->unit == ret_run->place.unit + ret_run->place.units) {
            ret_run->place.units += place->units;
        } else {
            break;
        }
        ret_run->count++;
        name.number++;
    }
    return ret_run->count > 0;
}

static void drop_word(const struct blocks *blocks, const struct block_name *name, const struct block_place *place)
{
    unsigned uses;
    (void)index_drop(blocks->index, hash_of(name), place, &uses);
}

/* The index was wrong, or the disk is: either way it is not said again. */
SUSPENDS static void note_unsound(struct blocks *blocks, const struct block_name *name, const struct block_place *place,
                                  struct slab *slab)
{
    metric_add(&shard_here(blocks)->counters.unsound, 1);
    drop_word(blocks, name, place);
    if (slabs_note_fault(blocks->slabs, slab))
        slabs_drop(blocks->slabs, slab);
}

/* Verifies and copies block by block, as far as they are sound. */
SUSPENDS static size_t take_run(struct blocks *blocks, const struct block_name *first, const struct run *run,
                                const struct disk_read *read, uint64_t offset, uint8_t *ret_bytes, size_t size)
{
    struct block_name name = *first;
    const uint8_t *bytes = disk_read_bytes(read);
    size_t taken = 0;
    for (unsigned i = 0; i < run->count && taken < size; i++, name.number++) {
        struct span block = span_of(bytes, (size_t)run->places[i].units * BLOCK_UNIT_BYTES);
        if (!block_check(block, &name)) {
            note_unsound(blocks, &name, &run->places[i], disk_read_slab(read));
            break;
        }
        struct span payload = span_of(block.data + BLOCK_HEADER_BYTES, block_payload_bytes(&name));
        taken += copy_payload(&name, payload, offset + taken, ret_bytes + taken, size - taken);
        index_count_use(blocks->index, hash_of(&name), &run->places[i]);
        memory_put(blocks->memory, &name, payload);
        bytes += block.size;
    }
    metric_add(&shard_here(blocks)->counters.from_disk, taken);
    return taken;
}

SUSPENDS static size_t read_disk(struct blocks *blocks, const struct block_name *first, uint64_t offset,
                                 uint8_t *ret_bytes, size_t size)
{
    struct run run;
    struct disk_read *read;
    if (blocks->index == NULL || !find_run(blocks, first, offset + size, &run))
        return 0;
    struct slab *slab = slabs_hold(blocks->slabs, run.place.slab);
    uint64_t from = (uint64_t)run.place.unit * BLOCK_UNIT_BYTES;
    size_t bytes = (size_t)run.place.units * BLOCK_UNIT_BYTES;
    if (slab == NULL || from + bytes > slabs_bytes_each(blocks->slabs)) {
        drop_word(blocks, first, &run.places[0]);
        if (slab != NULL)
            slabs_let_go(blocks->slabs, slab);
        return 0;
    }
    enum disk_outcome outcome = tier_disk_read(shard_here(blocks)->disk, slab, from, bytes, &read);
    if (outcome == DISK_FAILED)
        drop_word(blocks, first, &run.places[0]);
    if (outcome != DISK_READ)
        return 0;
    size_t taken = take_run(blocks, first, &run, read, offset, ret_bytes, size);
    disk_read_end(read);
    return taken;
}

SUSPENDS size_t blocks_read(struct blocks *blocks, const struct block_revision *revision, uint64_t offset,
                            void *ret_bytes, size_t size)
{
    uint8_t *to = ret_bytes;
    size_t done = 0;
    while (done < size) {
        const struct block_name name = {.revision = *revision, .number = block_number_at(offset + done)};
        size_t taken = read_memory(blocks, &name, offset + done, to + done, size - done);
        if (taken == 0)
            taken = read_disk(blocks, &name, offset + done, to + done, size - done);
        if (taken == 0)
            break;
        done += taken;
    }
    return done;
}

/* ---- taking in ---- */

/* From the time on that something had to go for what came, it pays to choose. */
static bool is_choosing(const struct blocks *blocks)
{
    return blocks->slabs != NULL ? slabs_were_full(blocks->slabs) : memory_was_full(blocks->memory);
}

bool blocks_note_sight(struct blocks *blocks, const struct block_name *name)
{
    return sights_note(blocks->sights, hash_of(name)) || !is_choosing(blocks);
}

void blocks_keep(struct blocks *blocks, const struct block_name *name, struct span payload)
{
    struct blocks_shard *shard = shard_here(blocks);
    ASSERT(payload.size == block_payload_bytes(name));
    memory_put(blocks->memory, name, payload);
    if (shard->writer == NULL || slab_writer_add(shard->writer, name, payload))
        metric_add(&shard->counters.kept, 1);
}

void blocks_forget(struct blocks *blocks, const struct block_name *name)
{
    struct block_place place;
    memory_drop(blocks->memory, name);
    if (blocks->index != NULL && index_find(blocks->index, hash_of(name), &place))
        drop_word(blocks, name, &place);
}

/* ---- for people ---- */

const struct blocks_counters *blocks_counters(const struct blocks *blocks, unsigned index)
{
    const struct blocks_shard *shard = index < TIER_SHARDS_MAX ? blocks->shards[index] : NULL;
    return shard == NULL ? NULL : &shard->counters;
}

void blocks_usage(struct blocks *blocks, struct blocks_usage *ret_usage)
{
    *ret_usage = (struct blocks_usage){
        .has_disk = blocks->slabs != NULL,
        .memory_bytes = memory_used(blocks->memory),
        .memory_max = blocks->options.memory_bytes,
    };
    if (blocks->slabs == NULL)
        return;
    slabs_usage(blocks->slabs, &ret_usage->slabs);
    ret_usage->slab_bytes = slabs_bytes_each(blocks->slabs);
    ret_usage->index_words = index_words(blocks->index);
    ret_usage->index_count = index_count(blocks->index);
}
