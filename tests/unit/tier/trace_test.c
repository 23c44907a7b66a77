/* tests/unit/tier/trace_test.c -- which blocks a tier keeps, on a trace: objects of a skewed and drifting popularity,
 * read by ranges, and a walk over everything in between. Index and sights are the real ones; slabs are lists. Beside
 * it LRU and S3-FIFO, which admit all: the measures.
 *
 * Measured with this trace (seed 15): LRU hits 0.41 and writes 0.59 of what is asked, S3-FIFO 0.47 and 0.53, the tier
 * 0.47 and 0.09. */
#include "tests/unit/tier/fixture.h"

#include "runtime/base/random.h"
#include "store/tier/sights.h"

#include <math.h>
#include <stdio.h>

enum {
    OBJECTS = 20000,
    OBJECT_BLOCKS_MAX = 64,
    READS = 2000000,
    RANGE_BLOCKS_MAX = 8,
    DRIFT_EVERY = 300, /* ranges; then two objects change places */
    WALK_PERCENT = 28,
    SLABS = 128,
};

/* ---- the trace ---- */

struct trace {
    struct random_seeded state;
    struct random_source random;
    uint32_t first_block[OBJECTS + 1];
    double popularity[OBJECTS];  /* summed up */
    uint32_t object_of[OBJECTS]; /* by popularity */
    unsigned ranges;
    uint32_t walk; /* the next block of the walk over everything */
    uint32_t next; /* of the range that is being read */
    uint32_t end;
};

static struct trace *trace_begin(uint64_t seed)
{
    struct trace *trace = calloc(1, sizeof *trace);
    double sum = 0;
    trace->random = random_seeded(&trace->state, seed);
    for (unsigned i = 0; i < OBJECTS; i++) {
        trace->first_block[i + 1] =
            trace->first_block[i] + 1 + (uint32_t)random_below(&trace->random, OBJECT_BLOCKS_MAX);
        sum += 1 / pow(i + 1, 0.9);
        trace->popularity[i] = sum;
        trace->object_of[i] = i; /* sizes are drawn: neighbours in popularity are strangers otherwise */
    }
    return trace;
}

static uint32_t draw_object(struct trace *trace)
{
    double wanted = (double)random_below(&trace->random, 1 << 30) / (1 << 30) * trace->popularity[OBJECTS - 1];
    uint32_t low = 0;
    uint32_t high = OBJECTS - 1;
    while (low < high) {
        uint32_t middle = (low + high) / 2;
        if (trace->popularity[middle] < wanted)
            low = middle + 1;
        else
            high = middle;
    }
    return trace->object_of[low];
}

static void drift(struct trace *trace)
{
    uint32_t *one = &trace->object_of[random_below(&trace->random, OBJECTS)];
    uint32_t *other = &trace->object_of[random_below(&trace->random, OBJECTS)];
    uint32_t kept = *one;
    *one = *other;
    *other = kept;
}

static uint32_t trace_next(struct trace *trace)
{
    uint32_t blocks = trace->first_block[OBJECTS];
    if (random_below(&trace->random, 100) < WALK_PERCENT)
        return trace->walk++ % blocks;
    if (trace->next == trace->end) {
        uint32_t object = draw_object(trace);
        uint32_t size = trace->first_block[object + 1] - trace->first_block[object];
        uint32_t from = (uint32_t)random_below(&trace->random, size);
        uint32_t count = 1 + (uint32_t)random_below(&trace->random, RANGE_BLOCKS_MAX);
        trace->next = trace->first_block[object] + from;
        trace->end = trace->next + (count < size - from ? count : size - from);
        if (++trace->ranges % DRIFT_EVERY == 0)
            drift(trace);
    }
    return trace->next++;
}

struct figures {
    uint64_t hits;
    uint64_t written;
};

/* ---- LRU ---- */

struct lru {
    uint32_t *newer;
    uint32_t *older;
    bool *is_there;
    uint32_t ends; /* both ends of the order: newer[ends] is the oldest */
    uint32_t count;
    uint32_t most;
};

static void lru_unlink(struct lru *lru, uint32_t block)
{
    lru->newer[lru->older[block]] = lru->newer[block];
    lru->older[lru->newer[block]] = lru->older[block];
}

static void lru_read(struct lru *lru, uint32_t block, struct figures *figures)
{
    if (lru->is_there[block]) {
        figures->hits++;
        lru_unlink(lru, block);
    } else {
        figures->written++;
        lru->is_there[block] = true;
        if (lru->count == lru->most) {
            uint32_t oldest = lru->newer[lru->ends];
            lru_unlink(lru, oldest);
            lru->is_there[oldest] = false;
        } else {
            lru->count++;
        }
    }
    uint32_t newest = lru->older[lru->ends];
    lru->older[block] = newest;
    lru->newer[block] = lru->ends;
    lru->newer[newest] = block;
    lru->older[lru->ends] = block;
}

static struct lru lru_begin(uint32_t blocks, uint32_t most)
{
    struct lru lru = {.newer = calloc(blocks + 1, 4), .older = calloc(blocks + 1, 4), .ends = blocks, .most = most};
    lru.is_there = calloc(blocks, 1);
    lru.newer[blocks] = lru.older[blocks] = blocks;
    return lru;
}

static void lru_end(struct lru *lru)
{
    free(lru->newer);
    free(lru->older);
    free(lru->is_there);
}

/* ---- S3-FIFO ---- */

/* Blocks in the order in which they came; room for one more than `most`. */
struct fifo {
    uint32_t *blocks;
    uint32_t first;
    uint32_t count;
    uint32_t most;
};

static struct fifo fifo_begin(uint32_t most)
{
    return (struct fifo){.blocks = calloc(most + 1, sizeof(uint32_t)), .most = most};
}

static void fifo_put(struct fifo *fifo, uint32_t block)
{
    fifo->blocks[(fifo->first + fifo->count++) % (fifo->most + 1)] = block;
}

static uint32_t fifo_take(struct fifo *fifo)
{
    uint32_t block = fifo->blocks[fifo->first];
    fifo->first = (fifo->first + 1) % (fifo->most + 1);
    fifo->count--;
    return block;
}

/* Yang et al., "FIFO queues are all you need for cache eviction", SOSP 2023: a tenth for what is new, which goes on
 * when it was used there, and a memory of what had to go. */
struct s3_fifo {
    struct fifo small;
    struct fifo main;
    struct fifo ghost;
    enum { S3_FIFO_NOWHERE, S3_FIFO_HERE, S3_FIFO_GHOST } * state;
    uint8_t *uses;
    uint32_t most;
};

static struct s3_fifo s3_fifo_begin(uint32_t blocks, uint32_t most)
{
    struct s3_fifo fifo = {
        .small = fifo_begin(most), .main = fifo_begin(most), .ghost = fifo_begin(most), .most = most};
    fifo.state = calloc(blocks, sizeof *fifo.state);
    fifo.uses = calloc(blocks, 1);
    return fifo;
}

static void s3_fifo_end(struct s3_fifo *fifo)
{
    free(fifo->small.blocks);
    free(fifo->main.blocks);
    free(fifo->ghost.blocks);
    free(fifo->state);
    free(fifo->uses);
}

static void s3_fifo_remember(struct s3_fifo *fifo, uint32_t block)
{
    if (fifo->ghost.count == fifo->ghost.most) {
        uint32_t oldest = fifo_take(&fifo->ghost);
        if (fifo->state[oldest] == S3_FIFO_GHOST)
            fifo->state[oldest] = S3_FIFO_NOWHERE;
    }
    fifo->state[block] = S3_FIFO_GHOST;
    fifo_put(&fifo->ghost, block);
}

static void s3_fifo_make_room(struct s3_fifo *fifo)
{
    while (fifo->small.count + fifo->main.count >= fifo->most) {
        bool is_small = fifo->small.count >= fifo->most / 10;
        uint32_t block = fifo_take(is_small ? &fifo->small : &fifo->main);
        if (fifo->uses[block] > 0) {
            fifo->uses[block] = is_small ? 0 : (uint8_t)(fifo->uses[block] - 1);
            fifo_put(&fifo->main, block);
        } else if (is_small) {
            s3_fifo_remember(fifo, block);
        } else {
            fifo->state[block] = S3_FIFO_NOWHERE;
        }
    }
}

static void s3_fifo_read(struct s3_fifo *fifo, uint32_t block, struct figures *figures)
{
    if (fifo->state[block] == S3_FIFO_HERE) {
        figures->hits++;
        fifo->uses[block] = fifo->uses[block] < 3 ? (uint8_t)(fifo->uses[block] + 1) : 3;
        return;
    }
    figures->written++;
    bool was_here = fifo->state[block] == S3_FIFO_GHOST;
    s3_fifo_make_room(fifo);
    fifo->state[block] = S3_FIFO_HERE;
    fifo->uses[block] = 0;
    fifo_put(was_here ? &fifo->main : &fifo->small, block);
}

/* ---- the tier ---- */

struct policy {
    struct tier_index *index;
    struct sights *sights;
    uint32_t slab_blocks;
    uint64_t *hashes; /* of SLABS slabs */
    unsigned filling; /* the slab */
    uint32_t filled;  /* blocks of it */
    bool was_full;
};

static struct block_place place_of(unsigned slab, uint32_t block)
{
    return (struct block_place){.slab = slab, .unit = block * BLOCK_UNITS % INDEX_UNITS_MAX, .units = BLOCK_UNITS};
}

static void policy_write(struct policy *policy, uint64_t hash, struct figures *figures)
{
    struct block_place place = place_of(policy->filling, policy->filled);
    policy->hashes[policy->filling * policy->slab_blocks + policy->filled++] = hash;
    index_put(policy->index, hash, &place);
    figures->written++;
}

/* As slab_writer.c has it: the oldest slab goes, and what was used twice is written anew, up to half a slab. */
static void policy_begin_slab(struct policy *policy, struct figures *figures)
{
    unsigned oldest = (policy->filling + 2) % SLABS;
    policy->filling = (policy->filling + 1) % SLABS;
    policy->filled = 0;
    for (uint32_t i = 0; i < policy->slab_blocks; i++) {
        struct block_place place = place_of(oldest, i);
        uint64_t hash = policy->hashes[oldest * policy->slab_blocks + i];
        unsigned uses;
        if (hash == 0)
            continue;
        policy->was_full = true;
        if (index_drop(policy->index, hash, &place, &uses) && uses >= WRITER_USES_TO_STAY &&
            policy->filled < policy->slab_blocks / 2)
            policy_write(policy, hash, figures);
    }
}

static void policy_read(struct policy *policy, uint32_t block, struct figures *figures)
{
    static const uint8_t revision[REVISION_BYTES] = {1};
    uint64_t hash = block_hash(revision, block);
    struct block_place place;
    if (index_find(policy->index, hash, &place)) {
        index_count_use(policy->index, hash, &place);
        figures->hits++;
        return;
    }
    if (!sights_note(policy->sights, hash) && policy->was_full)
        return;
    if (policy->filled == policy->slab_blocks)
        policy_begin_slab(policy, figures);
    policy_write(policy, hash, figures);
}

static void print_figures(const char *whose, const struct figures *figures)
{
    (void)printf("of %u reads: %s hits %.3f, writes %.3f\n", (unsigned)READS, whose, (double)figures->hits / READS,
                 (double)figures->written / READS);
}

START_TEST(it_hits_more_than_lru_and_writes_a_sixth)
{
    struct trace *trace = trace_begin(15);
    const uint32_t blocks = trace->first_block[OBJECTS];
    const uint32_t most = blocks / 10;
    struct lru lru = lru_begin(blocks, most);
    struct policy policy = {.slab_blocks = most / SLABS, .sights = sights_create(most / 2)};
    policy.index = index_create(most * 11);
    policy.hashes = calloc((size_t)SLABS * policy.slab_blocks, sizeof *policy.hashes);
    struct s3_fifo fifo = s3_fifo_begin(blocks, most);
    struct figures of_lru = {0};
    struct figures of_fifo = {0};
    struct figures of_tier = {0};
    for (unsigned i = 0; i < READS; i++) {
        uint32_t block = trace_next(trace);
        lru_read(&lru, block, &of_lru);
        s3_fifo_read(&fifo, block, &of_fifo);
        policy_read(&policy, block, &of_tier);
    }
    print_figures("LRU", &of_lru);
    print_figures("S3-FIFO", &of_fifo);
    print_figures("the tier", &of_tier);
    ck_assert_uint_ge(of_tier.hits, of_lru.hits + READS / 100 * 5);
    ck_assert_uint_ge(of_tier.hits, of_fifo.hits - READS / 100);
    ck_assert_uint_le(of_tier.written, of_lru.written / 6);
    index_destroy(policy.index);
    sights_destroy(policy.sights);
    free(policy.hashes);
    lru_end(&lru);
    s3_fifo_end(&fifo);
    free(trace);
}
END_TEST

int main(void)
{
    TCase *all = tcase_create("trace");
    tcase_set_timeout(all, 100);
    tcase_add_test(all, it_hits_more_than_lru_and_writes_a_sixth);
    Suite *suite = suite_create("tier trace");
    suite_add_tcase(suite, all);
    return run_suite(suite);
}
