/* server/recompact/candidates.c -- a heap of the best, and what endings gain. */
#include "server/recompact/candidates.h"

#include "runtime/base/assert.h"

#include <stdlib.h>
#include <string.h>

#define UNKNOWN_LEFT 0.9
#define NEWEST_WEIGHT 0.2

/* ---- gains ---- */

/* Behind the last dot of the key, without a slash; too long, or none: nothing. */
static struct span ending_of(struct span key)
{
    for (size_t i = key.size; i > 0 && key.size - i < GAIN_ENDING_BYTES; i--) {
        if (key.data[i - 1] == '/')
            break;
        if (key.data[i - 1] == '.')
            return span_skip(key, i);
    }
    return SPAN_EMPTY;
}

static unsigned find_row(const struct gains *gains, struct span ending)
{
    unsigned at = 0;
    while (at < gains->count && !span_equal(ending, span_from_string(gains->rows[at].ending)))
        at++;
    return at;
}

double gains_find(const struct gains *gains, struct span key)
{
    unsigned at = find_row(gains, ending_of(key));
    return at < gains->count ? gains->rows[at].left : UNKNOWN_LEFT;
}

void gains_learn(struct gains *gains, struct span key, uint64_t before, uint64_t after)
{
    struct span ending = ending_of(key);
    unsigned at = find_row(gains, ending);
    if (at == GAINS_MAX || before == 0)
        return;
    double left = (double)after / (double)before;
    if (at == gains->count) {
        gains->count++;
        memset(gains->rows[at].ending, 0, GAIN_ENDING_BYTES);
        if (ending.size > 0)
            memcpy(gains->rows[at].ending, ending.data, ending.size);
        gains->rows[at].left = left;
    } else {
        gains->rows[at].left += NEWEST_WEIGHT * (left - gains->rows[at].left);
    }
}

/* ---- candidates ---- */

struct object_name candidate_name(const struct candidate *candidate)
{
    return (struct object_name){.bucket = span_of(candidate->names, candidate->bucket_bytes),
                                .key = span_of(candidate->names + candidate->bucket_bytes, candidate->key_bytes),
                                .version = span_from_string(candidate->version)};
}

static bool is_less(const struct candidate *a, const struct candidate *b)
{
    return a->worth < b->worth || (a->worth == b->worth && a->stored_size < b->stored_size);
}

static void swap(struct candidates *candidates, unsigned a, unsigned b)
{
    struct candidate *kept = candidates->heap[a];
    candidates->heap[a] = candidates->heap[b];
    candidates->heap[b] = kept;
}

static void sift_up(struct candidates *candidates, unsigned at)
{
    while (at > 0 && is_less(candidates->heap[at], candidates->heap[(at - 1) / 2])) {
        swap(candidates, at, (at - 1) / 2);
        at = (at - 1) / 2;
    }
}

static void sift_down(struct candidates *candidates)
{
    unsigned at = 0;
    for (;;) {
        unsigned least = at;
        for (unsigned child = 2 * at + 1; child <= 2 * at + 2 && child < candidates->count; child++) {
            if (is_less(candidates->heap[child], candidates->heap[least]))
                least = child;
        }
        if (least == at)
            return;
        swap(candidates, at, least);
        at = least;
    }
}

static struct candidate *make(const struct object_name *name, const struct object_attributes *attributes)
{
    struct candidate *candidate = malloc(sizeof *candidate + name->bucket.size + name->key.size);
    ASSERT(candidate != NULL);
    *candidate = (struct candidate){.stored_size = attributes->stored_size,
                                    .original_size = attributes->original_size,
                                    .bucket_bytes = (unsigned)name->bucket.size,
                                    .key_bytes = (unsigned)name->key.size};
    memcpy(candidate->stored_etag, attributes->stored_etag, sizeof candidate->stored_etag);
    memcpy(candidate->version, attributes->version, sizeof candidate->version);
    memcpy(candidate->names, name->bucket.data, name->bucket.size);
    memcpy(candidate->names + name->bucket.size, name->key.data, name->key.size);
    return candidate;
}

void candidates_offer(struct candidates *candidates, const struct object_name *name,
                      const struct object_attributes *attributes, int level, const struct gains *gains)
{
    double density = (double)attributes->stored_size / (double)attributes->original_size;
    const struct candidate offered = {.worth = density * (1 - gains_find(gains, name->key)),
                                      .stored_size = attributes->stored_size};
    bool is_full = candidates->count == CANDIDATES_MAX;
    if (is_full && !is_less(candidates->heap[0], &offered))
        return;
    struct candidate *candidate = make(name, attributes);
    candidate->worth = offered.worth;
    candidate->level = level;
    if (is_full) {
        free(candidates->heap[0]);
        candidates->heap[0] = candidate;
        sift_down(candidates);
    } else {
        candidates->heap[candidates->count] = candidate;
        sift_up(candidates, candidates->count++);
    }
}

static int compare(const void *a, const void *b)
{
    const struct candidate *one = *(struct candidate *const *)a;
    const struct candidate *other = *(struct candidate *const *)b;
    return is_less(other, one) - is_less(one, other);
}

void candidates_sort(struct candidates *candidates)
{
    if (candidates->count > 1)
        qsort(candidates->heap, candidates->count, sizeof candidates->heap / CANDIDATES_MAX, compare);
}

struct candidate *candidates_take(struct candidates *candidates)
{
    return candidates->count > 0 ? candidates->heap[--candidates->count] : NULL;
}

void candidates_free(struct candidates *candidates)
{
    while (candidates->count > 0)
        free(candidates_take(candidates));
}
