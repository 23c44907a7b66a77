/* store/tier/index.c -- words of 64 bits in sets of eight, two of which a hash may choose from, changed by
 * compare-and-swap. */
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

/* Where a hash may lie: two sets, now and then the same one. */
enum { CHOICES = 2, PLACES = CHOICES * WAYS };

struct choice {
    struct index_set *sets[CHOICES];
};

static struct index_set *set_at(const struct tier_index *index, uint64_t fraction)
{
    return &index->sets[(uint64_t)((unsigned __int128)fraction * index->sets_count >> 64)];
}

/* The first by the bits that are not in the tag, the other by all. */
static struct choice choice_of(const struct tier_index *index, uint64_t hash)
{
    return (struct choice){{set_at(index, hash << TAG_BITS), set_at(index, hash * UINT64_C(0x9e3779b97f4a7c15))}};
}

static _Atomic uint64_t *word_at(const struct choice *choice, unsigned place)
{
    return &choice->sets[place / WAYS]->words[place % WAYS];
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
    const struct choice choice = choice_of(index, hash);
    for (unsigned place = 0; place < PLACES; place++) {
        uint64_t word = load(word_at(&choice, place));
        if (has_tag(word, hash)) {
            *ret_place = place_of(word);
            return true;
        }
    }
    return false;
}

void index_count_use(struct tier_index *index, uint64_t hash, const struct block_place *place)
{
    const struct choice choice = choice_of(index, hash);
    const uint64_t wanted = word_of(hash, place);
    for (unsigned i = 0; i < PLACES; i++) {
        uint64_t word = load(word_at(&choice, i));
        if ((word & ~all_uses) != wanted)
            continue;
        if (uses_of(word) < INDEX_USES_MAX)
            (void)swap(word_at(&choice, i), word, word + one_use); /* one that is lost is lost */
        return;
    }
}

static unsigned count_taken(const struct index_set *set)
{
    unsigned taken = 0;
    for (unsigned way = 0; way < WAYS; way++)
        taken += (load(&set->words[way]) & IS_THERE) != 0;
    return taken;
}

/* The word that gives way: the block's own, an empty one of the set that has more of them, or the least used. */
static _Atomic uint64_t *choose_word(const struct choice *choice, uint64_t hash)
{
    _Atomic uint64_t *chosen = NULL;
    unsigned least = UINT32_MAX;
    for (unsigned i = 0; i < CHOICES; i++) {
        unsigned taken = count_taken(choice->sets[i]);
        for (unsigned j = 0; j < WAYS; j++) {
            _Atomic uint64_t *word = &choice->sets[i]->words[(hash + j) % WAYS]; /* of equals not always the same */
            uint64_t there = load(word);
            if (has_tag(there, hash))
                return word;
            unsigned rank = (there & IS_THERE) == 0 ? taken : WAYS + uses_of(there);
            if (rank < least) {
                least = rank;
                chosen = word;
            }
        }
    }
    return chosen;
}

void index_put(struct tier_index *index, uint64_t hash, const struct block_place *place)
{
    const struct choice choice = choice_of(index, hash);
    uint64_t before = atomic_exchange_explicit(choose_word(&choice, hash), word_of(hash, place), memory_order_acq_rel);
    if ((before & IS_THERE) == 0)
        atomic_fetch_add_explicit(&index->count, 1, memory_order_relaxed);
}

bool index_drop(struct tier_index *index, uint64_t hash, const struct block_place *place, unsigned *ret_uses)
{
    const struct choice choice = choice_of(index, hash);
    const uint64_t wanted = word_of(hash, place);
    *ret_uses = 0;
    for (unsigned i = 0; i < PLACES; i++) {
        uint64_t word = load(word_at(&choice, i));
        while ((word & ~all_uses) == wanted) { /* again, if it was used just now */
            if (swap(word_at(&choice, i), word, 0)) {
                atomic_fetch_sub_explicit(&index->count, 1, memory_order_relaxed);
                *ret_uses = uses_of(word);
                return true;
            }
            word = load(word_at(&choice, i));
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
