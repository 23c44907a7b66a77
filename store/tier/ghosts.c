/* store/tier/ghosts.c -- models of other sizes, and which blocks they see. */
#include "store/tier/ghosts.h"

#include "runtime/base/assert.h"

#include <math.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

enum { SAMPLED_BLOCKS_MAX = 4096 /* in the tier's own size */ };

struct ghosts {
    pthread_mutex_t lock; /* of the models */
    _Atomic uint64_t left_out;
    uint64_t disk_bytes[GHOSTS];
    unsigned halvings;
    struct tier_model *models[GHOSTS];
};

static unsigned choose_halvings(uint64_t disk_bytes)
{
    unsigned halvings = 0;
    while (disk_bytes >> halvings > (uint64_t)SAMPLED_BLOCKS_MAX * BLOCK_BYTES)
        halvings++;
    return halvings;
}

struct ghosts *ghosts_create(uint64_t disk_bytes, struct error *error)
{
    struct ghosts *ghosts = calloc(1, sizeof *ghosts);
    ASSERT(ghosts != NULL);
    (void)pthread_mutex_init(&ghosts->lock, NULL);
    ghosts->halvings = choose_halvings(disk_bytes);
    for (unsigned i = 0; i < GHOSTS; i++) {
        ghosts->disk_bytes[i] = disk_bytes / 2 << i;
        ghosts->models[i] = tier_model_create_sample(ghosts->disk_bytes[i], ghosts->halvings, error);
        if (ghosts->models[i] == NULL) {
            ghosts_destroy(ghosts);
            return NULL;
        }
    }
    return ghosts;
}

void ghosts_destroy(struct ghosts *ghosts)
{
    for (unsigned i = 0; i < GHOSTS; i++)
        if (ghosts->models[i] != NULL)
            tier_model_destroy(ghosts->models[i]);
    (void)pthread_mutex_destroy(&ghosts->lock);
    free(ghosts);
}

static bool is_in_sample(const struct ghosts *ghosts, const struct block_name *name)
{
    uint64_t hash = block_hash(name->revision.bytes, name->number);
    return (hash & ((UINT64_C(1) << ghosts->halvings) - 1)) == 0;
}

void ghosts_read(struct ghosts *ghosts, const struct block_name *name, bool may_be_kept)
{
    if (!is_in_sample(ghosts, name))
        return;
    if (pthread_mutex_trylock(&ghosts->lock) != 0) {
        atomic_fetch_add_explicit(&ghosts->left_out, 1, memory_order_relaxed);
        return;
    }
    for (unsigned i = 0; i < GHOSTS; i++)
        (void)tier_model_read(ghosts->models[i], name, may_be_kept);
    (void)pthread_mutex_unlock(&ghosts->lock);
}

/* `fair`: how many readings a sample would have that is like the rest. */
static double share_had(const struct tier_model_figures *figures, double fair)
{
    double had = (double)figures->blocks_had + fair - (double)figures->blocks_read;
    return figures->blocks_read == 0 || fair <= 0 ? 0 : fmin(1, fmax(0, had / fair));
}

void ghosts_figures(struct ghosts *ghosts, uint64_t blocks_read, struct ghost_figures ret_figures[GHOSTS])
{
    double fair = ldexp((double)blocks_read, -(int)ghosts->halvings) - (double)atomic_load(&ghosts->left_out);
    (void)pthread_mutex_lock(&ghosts->lock);
    for (unsigned i = 0; i < GHOSTS; i++) {
        const struct tier_model_figures *figures = tier_model_figures(ghosts->models[i]);
        ret_figures[i] = (struct ghost_figures){
            .disk_bytes = ghosts->disk_bytes[i],
            .share_had = share_had(figures, fair),
            .was_full = figures->was_full,
        };
    }
    (void)pthread_mutex_unlock(&ghosts->lock);
}
