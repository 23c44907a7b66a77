/* store/tier/index.c -- words of 64 bits in sets of eight, changed by compare-and-swap. */
#include "store/tier/index.h"

#include "runtime/base/assert.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <sys/mman.h>

enum { WAYS = 8, TAG_BITS = 24, CACHE_LINE_BYTES = 64 };

/* tag 24 | slab 18 | unit 14 | units - 1: 4 | uses 2 | 0 | 1: somebody is there */
enum { TAG_SHIFT = 40, SLAB_SHIFT = 22, UNIT_SHIFT = 8, UNITS_SHIFT = 4, USES_SHIFT = 2, IS_THERE = 1 };
static const uint64_t one_use = UINT64_C(1) << USES_SHIFT;
static const uint64_t all_uses = (uint64_t)INDEX_USES_MAX << USES_SHIFT;

struct index_set {
    _Alignas(CACHE_LINE_BYTES) _Atomic uint64_t words[WAYS];
};

struct tier_index {
    struct index_set *sets; /* pages that nobody uses take no memory */
    uint64_t sets_count;
    _Atomic uint64_t count;
};

struct tier_index *index_create(size_t bytes)
{
    struct tier_index *index = calloc(1, sizeof *index);
    ASSERT(index != NULL);
    index->sets_count = bytes / sizeof *index->sets + 1;
    index->sets =
        mmap(NULL, index->sets_count * sizeof *index->sets, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (index->sets != MAP_FAILED)
        return index;
    free(index);
    return NULL;
}

void index_destroy(struct tier_index *index)
{
    (void)munmap(index->sets, index->sets_count * sizeof *index->sets);
    free(index);
}

/* ---- words ---- */

static uint64_t tag_of(uint64_t hash)
{
    return hash >> TAG_SHIFT << TAG_SHIFT;
}

static uint64_t word_of(uint64_t hash, const struct block_place *place)
{
    ASSERT(place->slab < INDEX_SLABS_MAX && place->unit < INDEX_UNITS_MAX && place->units >= 1 && place->units <= 16);
    return tag_of(hash) | (uint64_t)place->slab << SLAB_SHIFT | (uint64_t)place->unit << UNIT_SHIFT |
           (uint64_t)(place->units - 1) << UNITS_SHIFT | IS_THERE;
}

static struct block_place place_of(uint64_t word)
{
    return (struct block_place){.slab = (uint32_t)(word >> SLAB_SHIFT & (INDEX_SLABS_MAX - 1)),
                                .unit = (uint32_t)(word >> UNIT_SHIFT & (INDEX_UNITS_MAX - 1)),
                                .units = (uint32_t)(word >> UNITS_SHIFT & 15) + 1};
}

static unsigned uses_of(uint64_t word)
{
    return (unsigned)((word & all_uses) >> USES_SHIFT);
}

/* By the bits that are not in the tag. */
static struct index_set *set_of(const struct tier_index *index, uint64_t hash)
{
    return &index->sets[(uint64_t)((unsigned __int128)(hash << TAG_BITS) * index->sets_count >> 64)];
}

static uint64_t load(const _Atomic uint64_t *word)
{
    return atomic_load_explicit(word, memory_order_acquire);
}

static bool swap(_Atomic uint64_t *word, uint64_t expected, uint64_t wanted)
{
    return atomic_compare_exchange_strong_explicit(word, &expected, wanted, memory_order_acq_rel, memory_order_relaxed);
}

static bool has_tag(uint64_t word, uint64_t hash)
{
    return (word & IS_THERE) != 0 && tag_of(word) == tag_of(hash);
}

/* ---- the table ---- */

bool index_find(const struct tier_index *index, uint64_t hash, struct block_place *ret_place)
{
    const struct index_set *set = set_of(index, hash);
    for (unsigned way = 0; way < WAYS; way++) {
        uint64_t word = load(&set->words[way]);
        if (has_tag(word, hash)) {
            *ret_place = place_of(word);
            return true;
        }
    }
    return false;
}

void index_count_use(struct tier_index *index, uint64_t hash, const struct block_place *place)
{
    struct index_set *set = set_of(index, hash);
    const uint64_t wanted = word_of(hash, place);
    for (unsigned way = 0; way < WAYS; way++) {
        uint64_t word = load(&set->words[way]);
        if ((word & ~all_uses) == wanted && uses_of(word) < INDEX_USES_MAX)
            (void)swap(&set->words[way], word, word + one_use); /* one that is lost is lost */
    }
}

/* The word that gives way: the block's own, an empty one, or the least used. */
static unsigned choose_way(const struct index_set *set, uint64_t hash)
{
    unsigned chosen = 0;
    unsigned least = UINT32_MAX;
    for (unsigned i = 0; i < WAYS; i++) {
        unsigned way = (unsigned)(hash + i) % WAYS; /* of equals not always the same */
        uint64_t word = load(&set->words[way]);
        if (has_tag(word, hash))
            return way;
        unsigned rank = (word & IS_THERE) == 0 ? 0 : 1 + uses_of(word);
        if (rank < least) {
            least = rank;
            chosen = way;
        }
    }
    return chosen;
}

void index_put(struct tier_index *index, uint64_t hash, const struct block_place *place)
{
    _Atomic uint64_t *word = &set_of(index, hash)->words[choose_way(set_of(index, hash), hash)];
    uint64_t before = atomic_exchange_explicit(word, word_of(hash, place), memory_order_acq_rel);
    if ((before & IS_THERE) == 0)
        atomic_fetch_add_explicit(&index->count, 1, memory_order_relaxed);
}

bool index_drop(struct tier_index *index, uint64_t hash, const struct block_place *place, unsigned *ret_uses)
{
    struct index_set *set = set_of(index, hash);
    const uint64_t wanted = word_of(hash, place);
    *ret_uses = 0;
    for (unsigned way = 0; way < WAYS; way++) {
        uint64_t word = load(&set->words[way]);
        while ((word & ~all_uses) == wanted) { /* again, if it was used just now */
            if (swap(&set->words[way], word, 0)) {
                atomic_fetch_sub_explicit(&index->count, 1, memory_order_relaxed);
                *ret_uses = uses_of(word);
                return true;
            }
            word = load(&set->words[way]);
        }
    }
    return false;
}

uint64_t index_count(const struct tier_index *index)
{
    return atomic_load_explicit(&index->count, memory_order_relaxed);
}

uint64_t index_words(const struct tier_index *index)
{
    return index->sets_count * WAYS;
}
