/* server/dictionaries/reservoir.c -- heavy hitters (Space-Saving), and a sample for each of the heaviest. */
#include "server/dictionaries/reservoir.h"

#include "runtime/base/assert.h"

#include <stdlib.h>
#include <string.h>

enum {
    KEPT_FROM_WEIGHT = 32, /* objects until a prefix keeps a sample */
    COMPONENTS_MAX = 2,
    OBJECT_BYTES_LEAST = 32,
};

struct reservoirs *reservoirs_create(void)
{
    struct reservoirs *reservoirs = calloc(1, sizeof *reservoirs);
    ASSERT(reservoirs != NULL && pthread_mutex_init(&reservoirs->lock, NULL) == 0); /* at start */
    reservoirs->random = UINT64_C(0x9e3779b97f4a7c15);
    return reservoirs;
}

static void empty(struct reservoirs *reservoirs, struct reservoir *reservoir)
{
    for (unsigned i = 0; i < reservoir->count; i++)
        free(reservoir->samples[i]);
    reservoirs->full -= reservoir->samples != NULL;
    free(reservoir->samples);
    free(reservoir->sizes);
    *reservoir = (struct reservoir){0};
}

void reservoirs_destroy(struct reservoirs *reservoirs)
{
    if (reservoirs == NULL)
        return;
    for (unsigned i = 0; i < RESERVOIR_PREFIXES; i++)
        empty(reservoirs, &reservoirs->all[i]);
    (void)pthread_mutex_destroy(&reservoirs->lock);
    free(reservoirs);
}

/* Chance, not secrecy. */
static uint64_t draw(struct reservoirs *reservoirs, uint64_t below)
{
    reservoirs->random ^= reservoirs->random << 13;
    reservoirs->random ^= reservoirs->random >> 7;
    reservoirs->random ^= reservoirs->random << 17;
    return reservoirs->random % below;
}

/* ---- which prefix ---- */

static bool is_for(const struct reservoir *reservoir, uint64_t creation_id, struct span prefix)
{
    return reservoir->creation_id == creation_id &&
           span_equal(span_of(reservoir->prefix, reservoir->prefix_size), prefix);
}

/* Space-Saving: who is not known takes the place of the lightest, and its weight. */
static struct reservoir *find(struct reservoirs *reservoirs, const struct object_name *name, uint64_t creation_id,
                              struct span prefix)
{
    struct reservoir *lightest = &reservoirs->all[0];
    for (unsigned i = 0; i < RESERVOIR_PREFIXES; i++) {
        struct reservoir *reservoir = &reservoirs->all[i];
        if (is_for(reservoir, creation_id, prefix))
            return reservoir;
        if (reservoir->weight < lightest->weight)
            lightest = reservoir;
    }
    uint64_t weight = lightest->weight;
    empty(reservoirs, lightest);
    lightest->creation_id = creation_id;
    lightest->weight = weight;
    lightest->prefix_size = prefix.size;
    if (prefix.size > 0)
        memcpy(lightest->prefix, prefix.data, prefix.size);
    memcpy(lightest->bucket, name->bucket.data, name->bucket.size);
    return lightest;
}

/* ---- its sample ---- */

static bool begin_sample(struct reservoirs *reservoirs, struct reservoir *reservoir)
{
    if (reservoir->samples != NULL)
        return true;
    if (reservoir->weight < KEPT_FROM_WEIGHT || reservoirs->full == RESERVOIRS_FULL_MAX)
        return false;
    reservoir->samples = calloc(RESERVOIR_SAMPLES, sizeof(uint8_t *));
    reservoir->sizes = calloc(RESERVOIR_SAMPLES, sizeof *reservoir->sizes);
    ASSERT(reservoir->samples != NULL && reservoir->sizes != NULL);
    reservoirs->full++;
    return true;
}

static void drop_sample(struct reservoir *reservoir, unsigned at)
{
    free(reservoir->samples[at]);
    reservoir->bytes -= reservoir->sizes[at];
    reservoir->samples[at] = reservoir->samples[--reservoir->count];
    reservoir->sizes[at] = reservoir->sizes[reservoir->count];
}

/* Each goes in, for one at random that goes out: so old ones become ever fewer. */
static void keep(struct reservoirs *reservoirs, struct reservoir *reservoir, struct span original)
{
    struct span head = span_take(original, RESERVOIR_SAMPLE_BYTES);
    uint8_t *copy = malloc(head.size);
    if (copy == NULL)
        return;
    memcpy(copy, head.data, head.size);
    while (reservoir->count > 0 &&
           (reservoir->count == RESERVOIR_SAMPLES || reservoir->bytes + head.size > RESERVOIR_BYTES))
        drop_sample(reservoir, (unsigned)draw(reservoirs, reservoir->count));
    reservoir->samples[reservoir->count] = copy;
    reservoir->sizes[reservoir->count++] = head.size;
    reservoir->bytes += head.size;
}

static void count(struct reservoirs *reservoirs, const struct object_name *name, uint64_t creation_id,
                  struct span prefix, struct span original)
{
    struct reservoir *reservoir = find(reservoirs, name, creation_id, prefix);
    reservoir->weight++;
    if (begin_sample(reservoirs, reservoir))
        keep(reservoirs, reservoir, original);
}

void reservoirs_offer(struct reservoirs *reservoirs, const struct object_name *name, uint64_t creation_id,
                      struct span original)
{
    if (original.size < OBJECT_BYTES_LEAST || pthread_mutex_trylock(&reservoirs->lock) != 0)
        return;
    size_t end = 0;
    for (unsigned components = 0; components <= COMPONENTS_MAX && end <= RESERVOIR_PREFIX_BYTES_MAX; components++) {
        count(reservoirs, name, creation_id, span_take(name->key, end), original);
        size_t slash = span_find(span_skip(name->key, end), '/');
        if (slash == SIZE_MAX)
            break;
        end += slash + 1;
    }
    pthread_mutex_unlock(&reservoirs->lock);
}

/* ---- to be trained on ---- */

static bool is_ready(const struct reservoir *reservoir, int64_t before_ms)
{
    return reservoir->count >= RESERVOIR_READY_SAMPLES && reservoir->bytes >= RESERVOIR_READY_BYTES &&
           reservoir->tried_ms < before_ms;
}

/* The heaviest is that of the shortest prefix: a longer one must do better than what that has brought. */
static struct reservoir *choose(struct reservoirs *reservoirs, int64_t before_ms)
{
    struct reservoir *chosen = NULL;
    for (unsigned i = 0; i < RESERVOIR_PREFIXES; i++) {
        struct reservoir *reservoir = &reservoirs->all[i];
        if (is_ready(reservoir, before_ms) && (chosen == NULL || reservoir->weight > chosen->weight))
            chosen = reservoir;
    }
    return chosen;
}

static void copy_out(const struct reservoir *reservoir, struct reservoir_place *ret_place, struct buffer *ret_samples,
                     size_t *ret_sizes, unsigned *ret_count)
{
    *ret_place = (struct reservoir_place){.creation_id = reservoir->creation_id, .prefix_size = reservoir->prefix_size};
    memcpy(ret_place->bucket, reservoir->bucket, sizeof ret_place->bucket);
    memcpy(ret_place->prefix, reservoir->prefix, sizeof ret_place->prefix);
    for (unsigned i = 0; i < reservoir->count; i++) {
        buffer_append(ret_samples, span_of(reservoir->samples[i], reservoir->sizes[i]));
        ret_sizes[i] = reservoir->sizes[i];
    }
    *ret_count = reservoir->count;
}

bool reservoirs_take(struct reservoirs *reservoirs, int64_t now_ms, int64_t before_ms,
                     struct reservoir_place *ret_place, struct buffer *ret_samples, size_t *ret_sizes,
                     unsigned *ret_count)
{
    pthread_mutex_lock(&reservoirs->lock);
    struct reservoir *chosen = choose(reservoirs, before_ms);
    if (chosen != NULL) {
        copy_out(chosen, ret_place, ret_samples, ret_sizes, ret_count);
        chosen->tried_ms = now_ms;
    }
    pthread_mutex_unlock(&reservoirs->lock);
    return chosen != NULL;
}
