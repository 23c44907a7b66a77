/* store/tier/tier.c -- memory, index, disk and sights as one: found, read, taken in. */
#include "store/tier/tier.h"

#include "runtime/base/assert.h"
#include "runtime/base/sights.h"
#include "runtime/fiber/loop.h"
#include "runtime/fiber/wait.h"
#include "runtime/io/io.h"
#include "store/tier/policy.h"

#include <assert.h>
#include <stdlib.h>

enum { LOADERS = 16 };

struct tier_shard {
    struct tier *tier;
    struct slab_writer *writer; /* NULL: there is no disk */
    struct tier_disk *disk;
    unsigned loaders; /* fibers */
    struct wait_queue loaded;
    struct tier_counters counters;
};

struct tier {
    struct tier_options options;
    struct tier_folder folder;
    struct hmac_sha256_key key;
    struct slabs *slabs; /* NULL: there is no disk, and no index */
    struct tier_index *index;
    struct sights *sights;
    struct ghosts *ghosts; /* NULL: there is no disk */
    struct tier_memory *memory;
    atomic_uint drops; /* how often everything was forgotten */
    struct tier_shard *_Atomic shards[TIER_SHARDS_MAX];
};

static _Thread_local struct tier_shard *thread_shard;

static struct tier_shard *shard_here(const struct tier *tier)
{
    ASSERT(thread_shard != NULL && thread_shard->tier == tier);
    return thread_shard;
}

bool tier_is_here(const struct tier *tier)
{
    return thread_shard != NULL && thread_shard->tier == tier;
}

static uint64_t hash_of(const struct block_name *name)
{
    return block_hash(name->revision.bytes, name->number);
}

/* ---- opening ---- */

uint64_t tier_disk_bytes_least(unsigned shards)
{
    uint64_t bytes = (2 * (uint64_t)shards + 2) * SLAB_BYTES_LEAST;
    return bytes < TIER_DISK_BYTES_LEAST ? TIER_DISK_BYTES_LEAST : bytes;
}

static uint64_t larger(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

static struct slabs_options slabs_options_of(const struct tier *tier)
{
    return (struct slabs_options){
        .folder = &tier->folder,
        .bytes_max = tier->options.disk_bytes,
        .slab_bytes = slabs_choose_bytes(tier->options.disk_bytes),
        .writers = tier->options.shards,
        .keep_free = tier->options.keep_free,
        .offload = tier->options.offload,
    };
}

static bool open_disk(struct tier *tier, struct error *error)
{
    const struct tier_options *options = &tier->options;
    if (!tier_folder_open(options->folder, options->backend, options->random, &tier->folder, error))
        return false;
    const struct slabs_options slabs_options = slabs_options_of(tier);
    tier->index = index_create(policy_index_bytes(options->disk_bytes));
    if (tier->index == NULL)
        return error_set(error, ERROR_BUSY, NULL, "there is no memory for the index of the tier");
    tier->slabs = slabs_open(&slabs_options, error);
    if (tier->slabs != NULL)
        tier->ghosts = ghosts_create(options->disk_bytes, error);
    return tier->ghosts != NULL;
}

static bool open_parts(struct tier *tier, struct error *error)
{
    const struct tier_options *options = &tier->options;
    if (options->folder != NULL && !open_disk(tier, error))
        return false;
    if (options->folder == NULL)
        random_fill(options->random, tier->folder.key, sizeof tier->folder.key);
    hmac_sha256_prepare(&tier->key, span_of(tier->folder.key, sizeof tier->folder.key));
    tier->memory = memory_create(options->memory_bytes);
    tier->sights = sights_create(policy_sights_count(larger(options->disk_bytes, options->memory_bytes)));
    return tier->sights != NULL || error_set(error, ERROR_BUSY, NULL, "there is no memory for the tier");
}

struct tier *tier_open(const struct tier_options *options, struct error *error)
{
    ASSERT(options->shards >= 1 && options->shards <= TIER_SHARDS_MAX);
    ASSERT(options->folder == NULL || options->disk_bytes >= tier_disk_bytes_least(options->shards));
    struct tier *tier = calloc(1, sizeof *tier);
    ASSERT(tier != NULL);
    tier->options = *options;
    tier->folder = (struct tier_folder){.fd = -1, .lock_fd = -1};
    if (tier->options.bytes_a_day == 0)
        tier->options.bytes_a_day = options->disk_bytes;
    if (open_parts(tier, error))
        return tier;
    tier_close(tier);
    return NULL;
}

void tier_close(struct tier *tier)
{
    for (unsigned i = 0; i < TIER_SHARDS_MAX; i++)
        free(tier->shards[i]);
    if (tier->slabs != NULL)
        slabs_close(tier->slabs);
    if (tier->index != NULL)
        index_destroy(tier->index);
    if (tier->ghosts != NULL)
        ghosts_destroy(tier->ghosts);
    if (tier->sights != NULL)
        sights_destroy(tier->sights);
    if (tier->memory != NULL)
        memory_destroy(tier->memory);
    tier_folder_close(&tier->folder);
    explicit_bzero(tier->folder.key, sizeof tier->folder.key);
    free(tier);
}

uint64_t tier_files(const struct tier *tier)
{
    const struct slabs_options options = slabs_options_of(tier);
    return tier->slabs == NULL ? 0 : slabs_files(&options);
}

/* ---- shards ---- */

static void run_loader(void *argument)
{
    struct tier_shard *shard = argument;
    while (!fiber_is_cancelled() && slabs_load_next(shard->tier->slabs, shard->tier->index))
        continue;
    shard->loaders--;
    wait_wake_all(&shard->loaded);
}

static bool attach_disk(struct tier_shard *shard, bool is_first, struct error *error)
{
    struct tier *tier = shard->tier;
    const struct slab_writer_options options = {
        .slabs = tier->slabs,
        .index = tier->index,
        .counters = &shard->counters.writer,
        .drops = &tier->drops,
        .bytes_a_day = tier->options.bytes_a_day / tier->options.shards,
        .age_max_s = is_first ? tier->options.age_max_s : 0,
    };
    shard->disk = tier_disk_create(tier->slabs, tier->options.patience_ms, &shard->counters.disk);
    shard->writer = slab_writer_start(&options, error);
    for (unsigned i = 0; shard->writer != NULL && is_first && i < LOADERS; i++) {
        if (!fiber_spawn("tier loader", run_loader, shard, error))
            return false;
        shard->loaders++;
    }
    return shard->writer != NULL;
}

bool tier_attach(struct tier *tier, unsigned index, struct error *error)
{
    ASSERT(index < tier->options.shards && thread_shard == NULL && tier->shards[index] == NULL);
    struct tier_shard *shard = calloc(1, sizeof *shard);
    ASSERT(shard != NULL);
    shard->tier = tier;
    wait_queue_init(&shard->loaded);
    tier->shards[index] = shard; /* stays, for whoever reads its counters */
    thread_shard = shard;
    return tier->slabs == NULL || attach_disk(shard, index == 0, error);
}

SUSPENDS void tier_detach(struct tier *tier)
{
    struct tier_shard *shard = shard_here(tier);
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

struct block_revision tier_revision(const struct tier *tier, const struct object_name *name,
                                    const struct object_attributes *attributes)
{
    return block_revision_of(&tier->key, name, attributes);
}

/* ---- what is there ---- */

bool tier_has(const struct tier *tier, const struct block_name *name)
{
    struct block_place ignored;
    return memory_has(tier->memory, name) || (tier->index != NULL && index_find(tier->index, hash_of(name), &ignored));
}

/* What memory gives counts as a use of what lies on the disk: else what is hot would go there first. */
static void count_use(const struct tier *tier, uint64_t hash)
{
    struct block_place place;
    if (tier->index != NULL && index_find(tier->index, hash, &place))
        index_count_use(tier->index, hash, &place);
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

static_assert((BUCKET_LOAN_BYTES_MAX - 2) / BLOCK_PAYLOAD_BYTES + 2 <= BUCKET_LOAN_SPANS_MAX &&
                  2 * BLOCK_BYTES <= BUCKET_LOAN_BESIDE_BYTES,
              "a loan may begin at the last byte of a block and end with the first of another");

void tier_give_back(struct bucket_loan *loan)
{
    for (unsigned i = 0; i < loan->count; i++)
        memory_give(loan->held[i]);
    loan->count = 0;
}

bool tier_borrow(struct tier *tier, const struct block_revision *revision, uint64_t offset, size_t size,
                 struct bucket_loan *ret_loan)
{
    struct block_name name = {.revision = *revision};
    uint64_t end = offset + size;
    ret_loan->count = 0;
    for (uint64_t at = offset; at < end; at = block_offset(name.number + 1)) {
        name.number = block_number_at(at);
        struct memory_block *block = memory_find(tier->memory, &name);
        if (block == NULL) {
            tier_give_back(ret_loan);
            return false;
        }
        struct span payload = span_skip(memory_block_payload(block), (size_t)(at - block_offset(name.number)));
        ret_loan->spans[ret_loan->count] = span_take(payload, smaller(payload.size, end - at));
        ret_loan->held[ret_loan->count++] = block;
    }
    for (name.number = block_number_at(offset); block_offset(name.number) < end; name.number++)
        count_use(tier, hash_of(&name));
    metric_add(&shard_here(tier)->counters.from_memory, size);
    return true;
}

static size_t read_memory(struct tier *tier, const struct block_name *name, uint64_t offset, uint8_t *ret_bytes,
                          size_t size)
{
    struct memory_block *block = memory_find(tier->memory, name);
    if (block == NULL)
        return 0;
    size_t copied = copy_payload(name, memory_block_payload(block), offset, ret_bytes, size);
    memory_give(block);
    count_use(tier, hash_of(name));
    metric_add(&shard_here(tier)->counters.from_memory, copied);
    return copied;
}

/* Blocks that lie one behind the other on the disk, and are wanted one behind the other. */
struct run {
    struct block_place place; /* of the first; `units` of all */
    unsigned count;
    struct block_place places[DISK_READ_BYTES_MAX / BLOCK_BYTES];
};

/* False: the index does not know the first one. */
static bool find_run(const struct tier *tier, const struct block_name *first, uint64_t end, struct run *ret_run)
{
    enum { BLOCKS_MAX = DISK_READ_BYTES_MAX / BLOCK_BYTES };
    struct block_name name = *first;
    ret_run->count = 0;
    while (ret_run->count < BLOCKS_MAX && block_offset(name.number) < end) {
        struct block_place *place = &ret_run->places[ret_run->count];
        if (!index_find(tier->index, hash_of(&name), place))
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

static void drop_word(const struct tier *tier, const struct block_name *name, const struct block_place *place)
{
    unsigned uses;
    (void)index_drop(tier->index, hash_of(name), place, &uses);
}

/* The index was wrong, or the disk is: either way it is not said again. */
SUSPENDS static void note_unsound(struct tier *tier, const struct block_name *name, const struct block_place *place,
                                  struct slab *slab)
{
    metric_add(&shard_here(tier)->counters.unsound, 1);
    drop_word(tier, name, place);
    if (slabs_note_fault(tier->slabs, slab))
        slabs_drop(tier->slabs, slab);
}

/* Is it still there? What was forgotten while it was read must not come back, be it alone or with its slab. */
SUSPENDS static bool is_still_there(const struct tier *tier, const struct block_name *name,
                                    const struct block_place *place, const struct slab *read_from)
{
    struct block_place now;
    if (!index_find(tier->index, hash_of(name), &now) || now.slab != place->slab || now.unit != place->unit)
        return false;
    struct slab *slab = slabs_hold(tier->slabs, place->slab);
    if (slab != NULL)
        slabs_let_go(tier->slabs, slab);
    return slab == read_from;
}

/* Verifies block by block, and copies as far as they are sound without a gap. Behind one that is not there are often
 * more: what is absent shall be known before it is fetched. */
SUSPENDS static size_t take_run(struct tier *tier, const struct block_name *first, const struct run *run,
                                const struct disk_read *read, uint64_t offset, uint8_t *ret_bytes, size_t size)
{
    struct block_name name = *first;
    const uint8_t *bytes = disk_read_bytes(read);
    size_t taken = 0;
    bool has_gap = false;
    for (unsigned i = 0; i < run->count; i++, name.number++) {
        struct span block = span_of(bytes, (size_t)run->places[i].units * BLOCK_UNIT_BYTES);
        bytes += block.size;
        if (block_is_erased(block)) {
            drop_word(tier, &name, &run->places[i]);
            has_gap = true;
        } else if (!block_check(block, &name)) {
            note_unsound(tier, &name, &run->places[i], disk_read_slab(read));
            has_gap = true;
        } else if (!has_gap) {
            struct span payload = span_of(block.data + BLOCK_HEADER_BYTES, block_payload_bytes(&name));
            taken += copy_payload(&name, payload, offset + taken, ret_bytes + taken, size - taken);
            index_count_use(tier->index, hash_of(&name), &run->places[i]);
            if (is_still_there(tier, &name, &run->places[i], disk_read_slab(read)))
                memory_put(tier->memory, &name, payload);
        }
    }
    metric_add(&shard_here(tier)->counters.from_disk, taken);
    return taken;
}

SUSPENDS static size_t read_disk(struct tier *tier, const struct block_name *first, uint64_t offset, uint8_t *ret_bytes,
                                 size_t size)
{
    struct run run;
    struct disk_read *read;
    if (tier->index == NULL || !find_run(tier, first, offset + size, &run))
        return 0;
    struct slab *slab = slabs_hold(tier->slabs, run.place.slab);
    uint64_t from = (uint64_t)run.place.unit * BLOCK_UNIT_BYTES;
    size_t bytes = (size_t)run.place.units * BLOCK_UNIT_BYTES;
    if (slab == NULL || from + bytes > slabs_bytes_each(tier->slabs)) {
        drop_word(tier, first, &run.places[0]);
        if (slab != NULL)
            slabs_let_go(tier->slabs, slab);
        return 0;
    }
    enum disk_outcome outcome = tier_disk_read(shard_here(tier)->disk, slab, from, bytes, &read);
    if (outcome == DISK_FAILED)
        drop_word(tier, first, &run.places[0]);
    if (outcome != DISK_READ)
        return 0;
    size_t taken = take_run(tier, first, &run, read, offset, ret_bytes, size);
    disk_read_end(read);
    return taken;
}

SUSPENDS size_t tier_read(struct tier *tier, const struct block_revision *revision, uint64_t offset, void *ret_bytes,
                          size_t size)
{
    uint8_t *to = ret_bytes;
    size_t done = 0;
    while (done < size) {
        const struct block_name name = {.revision = *revision, .number = block_number_at(offset + done)};
        size_t taken = read_memory(tier, &name, offset + done, to + done, size - done);
        if (taken == 0)
            taken = read_disk(tier, &name, offset + done, to + done, size - done);
        if (taken == 0)
            break;
        done += taken;
    }
    return done;
}

/* ---- taking in ---- */

/* From the time on that something had to go for what came, it pays to choose. */
static bool is_choosing(const struct tier *tier)
{
    return tier->slabs != NULL ? slabs_were_full(tier->slabs) : memory_was_full(tier->memory);
}

bool tier_note_sight(struct tier *tier, const struct block_name *name)
{
    return sights_note(tier->sights, hash_of(name)) || !is_choosing(tier);
}

/* Or will be, in a moment. One that memory has no room for is fetched again when it is wanted before it is written, and
 * so is one whose read is late. */
static bool is_on_disk(const struct tier *tier, const struct slab_writer *writer, const struct block_name *name)
{
    struct block_place ignored;
    return index_find(tier->index, hash_of(name), &ignored) || slab_writer_has(writer, name);
}

void tier_keep(struct tier *tier, const struct block_name *name, struct span payload)
{
    struct tier_shard *shard = shard_here(tier);
    ASSERT(payload.size == block_payload_bytes(name));
    memory_put(tier->memory, name, payload);
    if (shard->writer != NULL && is_on_disk(tier, shard->writer, name))
        return;
    if (shard->writer == NULL || slab_writer_add(shard->writer, name, payload))
        metric_add(&shard->counters.kept, 1);
}

SUSPENDS bool tier_forget(struct tier *tier, const struct block_name *name)
{
    struct block_place place;
    struct slab_writer *writer = shard_here(tier)->writer;
    memory_drop(tier->memory, name);
    if (writer != NULL)
        slab_writer_forget(writer, name);
    if (tier->index == NULL || !index_find(tier->index, hash_of(name), &place))
        return true;
    drop_word(tier, name, &place);
    return slabs_erase(tier->slabs, &place);
}

void tier_note_read(struct tier *tier, const struct block_name *name, bool may_be_kept)
{
    metric_add(&shard_here(tier)->counters.blocks, 1);
    if (tier->ghosts != NULL)
        ghosts_read(tier->ghosts, name, may_be_kept);
}

void tier_count_open(struct tier *tier)
{
    metric_add(&shard_here(tier)->counters.opens, 1);
}

void tier_count_missed(struct tier *tier, uint64_t bytes)
{
    metric_add(&shard_here(tier)->counters.missed, bytes);
}

void tier_count_further(struct tier *tier)
{
    metric_add(&shard_here(tier)->counters.further, 1);
}

/* ---- forgetting what others write, too ---- */

enum { FORGETTING_WAIT_MS = 10, FORGETTING_WAITS_MAX = 500 };

SUSPENDS static bool forget_blocks(struct tier *tier, const struct block_revision *revision, uint64_t *blocks)
{
    enum { BLOCKS_AT_ONCE = 1024 };
    struct block_name name = {.revision = *revision};
    bool done = true;
    for (; block_offset(name.number) < revision->stored_size; name.number++) {
        *blocks += tier_has(tier, &name);
        done = tier_forget(tier, &name) && done;
        if (name.number % BLOCKS_AT_ONCE == BLOCKS_AT_ONCE - 1)
            fiber_yield();
    }
    return done;
}

/* What the shard took before is written or dropped by then, and what it was moving is moved: the index tells of it all.
 * Blocks that are moved overtake pieces that were there before, hence two counts. */
SUSPENDS static bool wait_for_writer(const struct tier_shard *shard)
{
    const struct slab_writer_counters *counters = &shard->counters.writer;
    const struct slab_writer_progress progress = slab_writer_progress(counters);
    unsigned waits = 0;
    while (!slab_writer_has_caught_up(counters, &progress)) {
        if (waits++ == FORGETTING_WAITS_MAX)
            return false;
        (void)io_sleep_until(deadline_after_ms(FORGETTING_WAIT_MS));
    }
    return true;
}

/* What an earlier process left is named by the index when its slabs have been looked at. */
SUSPENDS static bool wait_for_loaders(struct tier *tier)
{
    struct tier_usage usage;
    tier_usage(tier, &usage);
    for (unsigned waits = 0; usage.folder != NULL && !usage.slabs.is_loaded; waits++) {
        if (waits == FORGETTING_WAITS_MAX)
            return false;
        (void)io_sleep_until(deadline_after_ms(FORGETTING_WAIT_MS));
        tier_usage(tier, &usage);
    }
    return true;
}

SUSPENDS bool tier_forget_all(struct tier *tier, const struct block_revision *revision, uint64_t *ret_blocks)
{
    *ret_blocks = 0;
    bool done = wait_for_loaders(tier);
    done = forget_blocks(tier, revision, ret_blocks) && done;
    if (tier->slabs == NULL)
        return done;
    for (unsigned i = 0; i < tier->options.shards; i++) {
        const struct tier_shard *shard = tier->shards[i];
        done = (shard == NULL || wait_for_writer(shard)) && done;
    }
    return forget_blocks(tier, revision, ret_blocks) && done;
}

/* ---- forgetting everything ---- */

static bool have_writers_dropped(const struct tier *tier, unsigned drops)
{
    for (unsigned i = 0; i < tier->options.shards; i++) {
        const struct tier_shard *shard = tier->shards[i];
        if (shard != NULL && atomic_load(&shard->counters.writer.dropped) < drops)
            return false;
    }
    return true;
}

SUSPENDS bool tier_drop_all(struct tier *tier)
{
    struct slab *slab;
    unsigned drops = atomic_fetch_add(&tier->drops, 1) + 1;
    memory_clear(tier->memory);
    if (tier->slabs == NULL)
        return true;
    bool is_loaded = wait_for_loaders(tier); /* a slab that is being looked at is in no order yet */
    bool done = have_writers_dropped(tier, drops);
    for (unsigned waits = 0; !done && waits < FORGETTING_WAITS_MAX; waits++) {
        (void)io_sleep_until(deadline_after_ms(FORGETTING_WAIT_MS));
        done = have_writers_dropped(tier, drops);
    }
    while ((slab = slabs_take_oldest(tier->slabs)) != NULL) /* words of the index that name it lead nowhere now */
        slabs_drop(tier->slabs, slab);
    memory_clear(tier->memory); /* what readers took from the disk meanwhile */
    return done && is_loaded;
}

/* ---- for people ---- */

const struct tier_counters *tier_counters(const struct tier *tier, unsigned index)
{
    const struct tier_shard *shard = index < TIER_SHARDS_MAX ? tier->shards[index] : NULL;
    return shard == NULL ? NULL : &shard->counters;
}

void tier_usage(struct tier *tier, struct tier_usage *ret_usage)
{
    *ret_usage = (struct tier_usage){
        .folder = tier->options.folder,
        .memory_bytes = memory_used(tier->memory),
        .memory_max = tier->options.memory_bytes,
    };
    if (tier->slabs == NULL)
        return;
    slabs_usage(tier->slabs, &ret_usage->slabs);
    ret_usage->slab_bytes = slabs_bytes_each(tier->slabs);
    ret_usage->index_words = index_words(tier->index);
    ret_usage->index_count = index_count(tier->index);
}

bool tier_ghosts(struct tier *tier, struct ghost_figures ret_figures[GHOSTS])
{
    uint64_t blocks = 0;
    if (tier->ghosts == NULL)
        return false;
    for (unsigned i = 0; i < tier->options.shards; i++)
        blocks += tier->shards[i] == NULL ? 0 : metric_read(&tier->shards[i]->counters.blocks);
    ghosts_figures(tier->ghosts, blocks, ret_figures);
    return true;
}
